"""The owner, the namespaces, the automation and the proxies of a draft."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from vedette.escape import yaml
from vedette.survey import addresses
from vedette.survey.draft import (
    MOST,
    Draft,
    Known,
    can_be_named,
    is_account,
    is_namespace,
    listed,
    networks,
    number,
    reason,
    shown,
    some,
    times,
)
from vedette.survey.kube import ACCOUNT, ANONYMOUS, MANY, Deleter, Forwarder, KubeSurvey, Use, kind_of
from vedette.survey.tables import BURST, Table
from vedette.survey.vault import Caller, Seen, VaultSurvey, by_hand

_OFTEN = 3
"""What happened less often is nobody's daily work, and may be an attack: it is shown, not proposed."""
_INFORMER = ("list", "watch")


def owner(draft: Draft, kube: KubeSurvey, vault: VaultSurvey, known: Known) -> None:
    """The people seen, and the likeliest owner among them: a person's client, and most where it is most delicate."""
    draft.blank()
    draft.prose("The one person whom K3 and K4 excuse, and whose identity K9 and V7 guard.")
    delicate = Counter[str]()
    for table, watched in ((kube.secrets, known.secrets), (kube.shells, known.exec)):
        for (actor, namespace), use in table:
            delicate[actor] += use.count if namespace in watched else 0
    people = sorted(
        kube.people,
        key=lambda item: (not item[1].by_hand, -delicate[item[0]], -item[1].by_hand, -item[1].count, item[0]),
    )
    for name, person in people[:MOST]:
        said = f"{times(person.count, 'request')}, {number(person.by_hand)} by a person's client, "
        said += f"{number(delicate[name])} for Secrets or shells of sensitive namespaces, from {some(person.addresses)}"
        draft.prose(f"  {shown(name)}: {said}")
    if len(people) > MOST:
        draft.prose(f"  and {number(len(people) - MOST)} more")
    logins = sorted((item for item in vault.callers if by_hand(item[0])), key=lambda item: (-item[1].count, item[0]))
    for caller, seen in logins[:MOST]:
        entity = f", entity {shown(caller.entity)}" if caller.entity else ""
        where = some(seen.addresses)
        draft.prose(f"  Vault {shown(caller.name)}: {times(seen.count, 'request')}{entity}, from {where}")
    likeliest = next((item for item in people if can_be_named(item[0])), None)
    name = likeliest[0] if likeliest else ""
    found = _login_of(name, logins)
    if not name and not found:
        draft.prose('Nobody who looks like a person was seen. For example: owner: {name: "me@example.org"}')
        return
    if likeliest and not likeliest[1].by_hand:
        draft.prose("None of them used a person's client; they may all be programs. If this one is you:")
    pairs = [f"name: {yaml(name)}"] if name else []
    pairs += [f"vault_entities: {listed([found.entity])}"] if found and found.entity else []
    pairs += [f"vault_aliases: {listed([found.name])}"] if found and found.name else []
    draft.propose(f"owner: {{{', '.join(pairs)}}}")


def _login_of(name: str, logins: Sequence[tuple[Caller, Seen]]) -> Caller | None:
    """The Vault login whose name is that person's; without a person, the busiest."""
    usable = [
        caller
        for caller, _ in logins
        if can_be_named(caller.name) and (not caller.entity or can_be_named(caller.entity))
    ]
    if not name:
        return usable[0] if usable else None
    wanted = {name.casefold(), name.partition("@")[0].casefold()}
    return next((caller for caller in usable if caller.name.partition("-")[2].casefold() in wanted), None)


def namespaces(draft: Draft, kube: KubeSurvey, known: Known) -> None:
    """Where Secrets are read and shells opened, besides the namespaces that are watched anyway."""
    prose = (
        "Namespaces watched more closely, besides the built-in ones: whose Secrets or shells are worth an alert each.",
        f"Built in for Secrets: {', '.join(known.secrets)}; for shells: {', '.join(known.exec)}.",
    )
    with draft.section(prose, "sensitive_namespaces"):
        _places(draft, "secrets", "Secrets were read", kube.secrets, known.secrets)
        _places(draft, "exec", "shells were opened", kube.shells, known.exec)


def _places(draft: Draft, key: str, what: str, table: Table[tuple[str, str], Use], watched: Sequence[str]) -> None:
    counts: dict[str, int] = {}
    for (_, namespace), use in table:
        if namespace and namespace not in watched:
            counts[namespace] = counts.get(namespace, 0) + use.count
    busiest = sorted(counts, key=lambda name: (-counts[name], name))
    if not busiest:
        return
    seen = ", ".join(f"{shown(name)} ({number(counts[name])})" for name in busiest[:MOST])
    draft.prose(f"Where {what} besides: {seen}", indent=2, more=len(busiest) - MOST)
    draft.propose(f"{key}: {listed([name for name in busiest[:MOST] if is_namespace(name)])}", indent=2)


def automation(draft: Draft, kube: KubeSurvey, known: Known) -> None:
    """Programs whose work the rules would take for an attack."""
    prose = (
        "Programs that a rule excuses, because doing this is their work, besides the built-in ones. People are never",
        f"proposed, nor what was seen fewer than {_OFTEN} times (K5: in fewer than {_OFTEN} hours of the log).",
        "Say in each reason why it is so.",
    )
    what = "read Secrets of a sensitive namespace, or of all at once"
    with draft.section(prose, "automation"):
        _uses(draft, "K3", what, kube.secrets, known.secrets, known)
        _uses(draft, "K4", "opened shells or tunnels into a sensitive namespace", kube.shells, known.exec, known)
        _deleters(draft, kube.deleters, known)


def _uses(
    draft: Draft, rule: str, what: str, table: Table[tuple[str, str], Use], watched: Sequence[str], known: Known
) -> None:
    """Who did what the rule looks for, and an entry for each service account."""
    every = rule == "K3"
    found = [
        (actor, namespace, use)
        for (actor, namespace), use in table
        if (namespace in watched or (every and not namespace))
        and not _at_home(rule, actor, watched)
        and not all(known.excused(rule, actor, verb, namespace) for verb in use.verbs)
    ]
    found.sort(key=lambda item: (-item[2].count, item[0], item[1]))
    if not found:
        return
    draft.prose(f"{rule}: who {what}.", indent=2)
    for actor, namespace, use in found[:MOST]:
        where = f"in {shown(namespace)}" if namespace else "everywhere"
        draft.prose(f"  {shown(actor)}: {times(use.count, 'time')} {where} ({some(use.verbs, 8)})", indent=2)
        _excuse_use(draft, rule, actor, namespace, use)
    if len(found) > MOST:
        draft.prose(f"  and {number(len(found) - MOST)} more", indent=2)


def _at_home(rule: str, actor: str, watched: Sequence[str]) -> bool:
    """K3 excuses the service accounts of the sensitive namespaces themselves."""
    return rule == "K3" and actor.startswith(tuple(f"{ACCOUNT}{namespace}:" for namespace in watched))


def _excuse_use(draft: Draft, rule: str, actor: str, namespace: str, use: Use) -> None:
    """The entry for one service account: these verbs, this place, nothing else."""
    # Of all Secrets at once only what an informer does is proposed.
    verbs = sorted(verb for verb in use.verbs if namespace or verb in _INFORMER)
    if use.count < _OFTEN or not is_account(actor) or not verbs or (namespace and not is_namespace(namespace)):
        return
    pairs = {"actor": yaml(actor), "rule": rule}
    if rule == "K3":
        pairs["verbs"] = listed(verbs)
    pairs["scope"] = listed([namespace]) if namespace else "cluster"
    draft.entry({**pairs, "reason": reason(use.count)})


def _deleters(draft: Draft, table: Table[str, Deleter], known: Known) -> None:
    """Who deleted much at once."""
    found = [
        (actor, row)
        for actor, row in table
        if (row.burst.most > MANY or row.at_once) and not known.excused("K5", actor, "delete", "default")
    ]
    found.sort(key=lambda item: (-item[1].burst.most, -item[1].at_once, item[0]))
    if found:
        draft.prose(
            f"K5: who deleted more than {MANY} things in a minute, or a whole collection or namespace.", indent=2
        )
    for actor, row in found[:MOST]:
        said = f"{times(row.count, 'delete')} ({some(row.what)})"
        if row.burst.most:
            said += f", up to {number(row.burst.most)}{' or more' if row.burst.most == BURST else ''} in a minute"
        if row.at_once:
            said += f"; {times(row.at_once, 'collection or namespace', 'collections or namespaces')}"
        draft.prose(f"  {shown(actor)}: {said}, in {some(row.namespaces)}", indent=2)
        if is_account(actor) and len(row.hours) >= _OFTEN:
            pairs = {"actor": yaml(actor), "rule": "K5", "verbs": listed(sorted(row.verbs))}
            if not row.namespaces.beyond and all(is_namespace(name) for name in row.namespaces):
                pairs["scope"] = listed(sorted(row.namespaces))
            draft.entry({**pairs, "reason": reason(row.count)})
    if len(found) > MOST:
        draft.prose(f"  and {number(len(found) - MOST)} more", indent=2)


def proxies(draft: Draft, kube: KubeSurvey) -> None:
    """Who acts for others with their addresses in front, and who merely lists addresses."""
    prose = (
        "Proxies whose word on the client's address is believed. A client can put any address in front of its own",
        "(X-Forwarded-For), so only a proxy that you run belongs here.",
    )
    rows = sorted(kube.forwarders, key=lambda item: (-item[1].count, item[0]))
    with draft.section(prose, "trusted_proxies"):
        _proxies(draft, [item for item in rows if len(item[1].impersonated)])
        _forwarders(draft, [item for item in rows if not len(item[1].impersonated)])


def _proxies(draft: Draft, rows: Sequence[tuple[str, Forwarder]]) -> None:
    """Those that act for others."""
    for actor, row in rows[:MOST]:
        whom, claimed = some(row.impersonated), some(row.claimed)
        draft.prose(f"  {shown(actor)} for {whom}: {times(row.count, 'request')}, in front: {claimed}", indent=2)
        if can_be_named(actor) and kind_of(actor) != ANONYMOUS and not row.peers.beyond:
            where = networks(addresses.alone(row.peers))
            draft.entry({"identity": yaml(actor), "addresses": where, "reason": reason(row.count)})


def _forwarders(draft: Draft, rows: Sequence[tuple[str, Forwarder]]) -> None:
    """Those that only list addresses: a load balancer, or a lie."""
    if rows:
        draft.prose(
            "LOOK: these put addresses in front of their own without acting for anybody. Not proposed.", indent=2
        )
    for actor, row in rows[:MOST]:
        draft.prose(f"  {shown(actor)}: {times(row.count, 'request')}, in front: {some(row.claimed)}", indent=2)
    if len(rows) > MOST:
        draft.prose(f"  and {number(len(rows) - MOST)} more", indent=2)


def sources(draft: Draft, kube: KubeSurvey) -> None:
    """The audit flags that the API server was started with."""
    flags = sorted(flag for flag in kube.audit_flags if flag.startswith("--audit-"))
    if not flags:
        if len(kube.origins):
            draft.blank()
            draft.prose(
                "K6: kube-apiserver's audit flags are not in these logs; its mirror pod would show them, at level"
            )
            draft.prose("Request. Until you name them, K6 does not see them dropped. As its manifest has them:")
            draft.prose("sources: {kube_audit: {audit_flags: [--audit-policy-file=/etc/kubernetes/audit-policy.yaml]}}")
        return
    prose = ("What kube-apiserver was started with; K6 alerts when it is started with other audit flags.",)
    with draft.section(prose, "sources", "kube_audit"):
        draft.propose(f"audit_flags: {listed(flags)}", indent=4)
