"""What types cannot say of a vedette.yaml: entries that excuse everybody, excuse nobody, or name what is not there."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date

from vedette.settings.checks_acting import check_acting
from vedette.settings.checks_drill import check_drill
from vedette.settings.checks_respond import check_activities_off, check_respond
from vedette.settings.checks_watch import check_watch
from vedette.settings.key import Texts
from vedette.settings.networks import check_places
from vedette.settings.reading import Findings, nearest
from vedette.settings.written import Automation, Exemption, Written
from vedette.yaml_text import YamlPath

VERBS = (
    *("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
    # Requests for paths that are no resources keep their HTTP method.
    *("post", "put", "head", "options"),
)
"""The verbs of the Kubernetes audit log."""

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_IMPERSONATED = "impersonatedUser"
_ACTOR_FIELDS = ("actor", "user.username")


def check(written: Written, names: Collection[str], rules: Collection[str] | None, findings: Findings) -> None:
    """Everything but networks. `names` are the lists of networks in force, `rules` the known rules, if known."""
    _check_owner(written, findings)
    for key in ("secrets", "exec"):
        _check_namespaces(getattr(written.sensitive_namespaces, key), ("sensitive_namespaces", key), findings)
    for index, entry in enumerate(written.automation):
        _check_automation(entry, ("automation", index), rules, findings)
    for index, proxy in enumerate(written.trusted_proxies):
        path: YamlPath = ("trusted_proxies", index)
        _check_names(proxy.identity, (*path, "identity"), "believes whatever anybody says of addresses", findings)
        check_places(proxy.addresses, (*path, "addresses"), names, findings)
    _check_terraform(written, names, findings)
    for index, exemption in enumerate(written.exceptions):
        _check_exemption(exemption, ("exceptions", index), rules, findings)
    for index, flag in enumerate(written.sources.kube_audit.audit_flags):
        if not flag.startswith("--audit-"):
            mend = "as kube-apiserver's manifest has it, for example --audit-log-maxage=30"
            findings.error(("sources", "kube_audit", "audit_flags", index), f"{flag!r} is no --audit- argument", mend)
    _check_runbook_url(written.runbook_url, findings)
    check_watch(written, findings)
    check_drill(written.drill, findings)
    check_acting(written.actions, findings)
    check_respond(written.respond, names, findings)


def _check_owner(written: Written, findings: Findings) -> None:
    owner = written.owner
    texts = [(owner.name, ("owner", "name"))] if owner.name else []
    texts += [(text, ("owner", "vault_entities", index)) for index, text in enumerate(owner.vault_entities)]  # type: ignore[misc]
    texts += [(text, ("owner", "vault_aliases", index)) for index, text in enumerate(owner.vault_aliases)]  # type: ignore[misc]
    for text, path in texts:
        if "*" in text or "?" in text:
            findings.error(path, f"the owner is one name, {text!r} may be many", "write the name in full")
        elif not text.strip():
            findings.error(path, "an empty name is nobody's", "remove it")


def _check_namespaces(texts: Texts, path: YamlPath, findings: Findings) -> None:
    for index, text in enumerate(texts):
        if not _NAMESPACE.match(text):
            mend = "names in full, small letters, digits and -; no wildcards"
            findings.error((*path, index), f"{text!r} is no name of a namespace", mend)


def _check_automation(entry: Automation, path: YamlPath, rules: Collection[str] | None, findings: Findings) -> None:
    _check_rules(entry.rule, (*path, "rule"), rules, findings)
    if entry.off:
        for key in ("verbs", "scope"):
            if getattr(entry, key) not in ((), "any"):
                findings.error((*path, key), f"an entry with off: true takes {key} away as well", f"remove {key}")
        return
    _check_names(entry.actor, (*path, "actor"), "excuses everybody", findings)
    for index, verb in enumerate(entry.verbs):
        if verb not in VERBS:
            meant = nearest(verb.lower(), VERBS)
            mend = f"did you mean {meant}?" if meant else f"known: {', '.join(VERBS)}"
            findings.error((*path, "verbs", index), f"the audit log has no verb {verb!r}", mend)
    if isinstance(entry.scope, tuple):
        _check_namespaces(entry.scope, (*path, "scope"), findings)
        if not entry.scope:
            findings.error((*path, "scope"), "an empty scope excuses nothing", "leave it out to mean any")


def _check_names(texts: Texts, path: YamlPath, danger: str, findings: Findings) -> None:
    """User names with wildcards, none of which may fit everybody."""
    for index, text in enumerate(texts):
        at = (*path, index)
        if not text.strip():
            findings.error(at, "an empty name is nobody's", "remove it")
        elif not text.strip("*"):
            findings.error(at, f"{text!r} {danger}", "write user names")
        elif "*" in text and text.partition("*")[0] in ("s", "system:", "system:serviceaccount:"):
            message = f"{text!r} fits every service account of every namespace"
            findings.note(at, message, "name the namespace: system:serviceaccount:NAMESPACE:*")


def _check_rules(texts: Texts, path: YamlPath, rules: Collection[str] | None, findings: Findings) -> None:
    if rules is None:
        return
    for index, text in enumerate(texts):
        if text and text not in rules:
            meant = nearest(text, rules) or nearest(text.upper(), rules)
            mend = f"did you mean {meant}?" if meant else "vedette rules list shows them"
            findings.error((*path, index), f"there is no rule {text!r}", mend)


def _check_terraform(written: Written, names: Collection[str], findings: Findings) -> None:
    terraform = written.vault.terraform
    path: YamlPath = ("vault", "terraform")
    check_places(terraform.addresses, (*path, "addresses"), names, findings)
    identities = terraform.entities or terraform.roles or terraform.policies
    if bool(identities) != bool(terraform.addresses):
        missing = "addresses" if identities else "entities, roles or policies"
        message = f"vault.terraform has no {missing}: it needs an identity AND an address, so V4 would excuse nobody"
        findings.error(path, message, f"add {missing}", value=False)
    for index, policy in enumerate(terraform.policies):
        if policy == "default":
            findings.error((*path, "policies", index), "every token has the policy 'default'", "name Terraform's own")
        elif policy == "root":
            message = "every root token has the policy 'root'; from these addresses V4 excuses them all"
            findings.note((*path, "policies", index), message, "give Terraform a policy of its own")


def _check_exemption(entry: Exemption, path: YamlPath, rules: Collection[str] | None, findings: Findings) -> None:
    _check_rules(entry.rule, (*path, "rule"), rules, findings)
    keys = [key.split("|", 1)[0] for key in entry.match]
    if any(key.startswith(_IMPERSONATED) for key in keys) and not any(key in _ACTOR_FIELDS for key in keys):
        message = "an impersonated name excuses nothing: whoever may impersonate could take it"
        findings.error((*path, "match"), message, "say in actor who may do so", value=False)


def expired(entry: Exemption, today: date) -> bool:
    """The exception's last day is over (or it never had one)."""
    return entry.expires is None or entry.expires < today


def note_expired(written: Written, today: date, findings: Findings) -> None:
    """The exceptions that excuse no longer."""
    for index, entry in enumerate(written.exceptions):
        if entry.expires is not None and expired(entry, today):
            message = f"expired on {entry.expires}: excuses no longer ({', '.join(entry.rule)}; {entry.owner})"
            mend = "remove it, or give it a new day and a reason why"
            findings.note(("exceptions", index, "expires"), message, mend)


def check_takeaways(written: Written, defaults: Written, findings: Findings) -> None:
    """What takes a built-in entry away must name one."""
    known = (*defaults.sensitive_namespaces.secrets, *defaults.sensitive_namespaces.exec)
    for index, text in enumerate(written.sensitive_namespaces.without):
        if text not in known:
            meant = nearest(text, known)
            mend = f"did you mean {meant}?" if meant else f"built in: {', '.join(dict.fromkeys(known))}"
            path: YamlPath = ("sensitive_namespaces", "without", index)
            findings.error(path, f"{text!r} is no built-in sensitive namespace", mend)
    check_activities_off(written.respond, [one.name for one in defaults.respond.activities], findings)
    actors = _actors_by_rule(defaults)
    for index, entry in enumerate(written.automation):
        for rule in entry.rule if entry.off else ():
            for at, actor in enumerate(entry.actor):
                built_in = actors.get(rule, ())
                if actor not in built_in:
                    meant = nearest(actor, built_in)
                    mend = f"did you mean {meant}?" if meant else "vedette config show --origin shows what is built in"
                    message = f"no built-in automation for {rule} names {actor!r}"
                    findings.error(("automation", index, "actor", at), message, mend)


def _actors_by_rule(defaults: Written) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for entry in defaults.automation:
        for rule in entry.rule:
            found[rule] = (*found.get(rule, ()), *entry.actor)
    return found


def _check_runbook_url(url: str, findings: Findings) -> None:
    if not url:
        return
    path: YamlPath = ("runbook_url",)
    if not url.startswith(("https://", "http://")):
        findings.error(path, f"{url!r} is no https address", "for example https://wiki.example.org/runbooks/{rule}")
    elif not any(name in url for name in ("{rule}", "{slug}")):
        message = "the address has no {rule}: every alert would lead to the same page"
        findings.error(path, message, "put {rule} where the rule's id belongs, or {slug} for it in small letters")
