"""Proving: what `vedette prove` is given of a site, made of its settings, its store and the far ends of its sinks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from vedette import app
from vedette.formats import SCHEMAS
from vedette.offline import Said, offline, policy_from
from vedette.proof.apiserver import ApiServer
from vedette.proof.deliveries import ByAlertmanager, ByRecord, recorded
from vedette.proof.links.base import Delivering, Given, Way
from vedette.proof.links.drilled import Drills, LastDrill
from vedette.proof.links.emitted_sshd import SshdGiven
from vedette.proof.seen import LONGEST, Heard, Seen
from vedette.proof.slack_ends import BySlackApp, BySlackWebhook, Delivery, Reader, Told
from vedette.proof.sshd_config import read_sshd_config
from vedette.proof.vault_node import VaultNode, asked
from vedette.proof.verdict import State
from vedette.rule import Rule
from vedette.scan import Plan, Scanner
from vedette.settings import Settings
from vedette.settings.key import seconds
from vedette.store.alerts import Kept
from vedette.store.database import StoreError
from vedette.store.outbox import SinkState
from vedette.store.segments import tail
from vedette.store.visit import Visit
from vedette.yaml_text import MAX_BYTES

LOOKED_AT = 20_000
"""Records of evidence that are looked at, of each source."""
_ALERTS = 1_000
"""The latest alerts, among which noise is looked for."""
_ROOM = 4 << 20
"""Bytes of evidence that are read of each source, as stored; audit logs shrink to a tenth."""


@contextmanager
def here(settings: Settings, rules: Sequence[Rule], folder: Path, now: int, said: Said) -> Iterator[Given]:
    """What a running site can be judged by, for the length of a `with`: far ends are asked while it is judged.

    `folder`: of the store; `now`: nanoseconds since 1970 UTC.
    """
    policy = said.policy
    if policy is None and settings.sources.kube_audit.audit_policy:
        policy = policy_from(settings.sources.kube_audit.audit_policy)
    try:
        visit: Visit | None = Visit(folder)
        fault = ""
    except StoreError as error:
        visit, fault = None, str(error)
    try:
        seen = seen_in(visit, rules) if visit else Seen(fault=fault)
        states = {name: visit.outbox.state(name) for name in _names(settings)} if visit else {}
        drills = drilled(settings, visit, "vedette" if said.ruler is None else "loki") if visit else None
    finally:
        if visit:
            visit.close()
    dead = frozenset(name for name, one in states.items() if one.state == "dead")
    ways = _ways(settings, on_loki=said.ruler is not None)
    with ExitStack() as clients:
        ends = _deliveries(settings, states, clients)
        yield replace(
            offline(settings, replace(said, policy=policy, apiserver=_apiserver(settings, said.apiserver))),
            settings=settings,
            today=datetime.fromtimestamp(now / 1e9, UTC).date(),
            seen=seen,
            now=now,
            delivering=Delivering(ways, ends, settings.cluster, dead) if ways else None,
            ruler=said.ruler,
            vault=_vault(settings),
            sshd=_sshd(settings, said.sshd_config or settings.sources.sshd.config),
            drills=drills,
        )


def drilled(settings: Settings, visit: Visit, engine: str) -> Drills | None:
    """The last drill of each rule by an engine; None where there was none at all."""
    try:
        found = [one for one in visit.drills.latest() if one.engine == engine]
    except StoreError:
        # `seen_in` has said it.
        return None
    last = [
        LastDrill(one.rule, one.how, one.begun, one.outcome, one.stuck, one.why, tuple(hop[:2] for hop in one.hops))
        for one in found
    ]
    return Drills(last, float(seconds(settings.drill.good_for))) if last else None


def _apiserver(settings: Settings, said: ApiServer) -> ApiServer:
    """What was said of the API server, with the flags that the settings say it is meant to run with."""
    pairs = (flag.removeprefix("--").partition("=") for flag in settings.sources.kube_audit.audit_flags)
    flags = {name: value or "true" for name, _, value in pairs}
    # A list without a way out is not the whole of it, for K6 would then hold the server to writing nothing.
    if said.flags is not None or not flags.keys() & {"audit-log-path", "audit-webhook-config-file"}:
        return said
    return replace(said, flags=flags, file=settings.file)


def _vault(settings: Settings) -> tuple[VaultNode, ...]:
    """What each node says of its audit devices and listeners."""
    from vedette.clients.vault import Vault

    found = []
    for one in settings.sources.vault:
        client = Vault(one.address, token_file=one.token_file, ca_file=one.ca_file)
        try:
            found.append(asked(one.name, client))
        finally:
            client.close()
    return tuple(found)


def _sshd(settings: Settings, name: str) -> SshdGiven | None:
    """sshd's configuration in the file `name`, and what the journal's sources pick of its lines."""
    if not name:
        return None
    picked = {one.name: one.identifiers for one in settings.sources.journald if one.identifiers}
    try:
        with Path(name).open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError as error:
        return SshdGiven(fault=f"{name}: {error.strerror}", picked=picked)
    return SshdGiven(read_sshd_config(text, name), picked=picked)


def seen_in(visit: Visit, rules: Sequence[Rule]) -> Seen:
    """What a store has of every source: sums, open findings, and the last records that were kept."""
    found = Seen(where=f"the last {LOOKED_AT:,} records kept of each source")
    wanted: dict[str, list[str]] = {}
    for rule in rules:
        for one in rule.needs:
            wanted.setdefault(one.format, []).extend(one.fields)
    try:
        findings = visit.alerts.open_findings()
        for name, sums in visit.progress.counts().items():
            if name:
                events = {
                    key.removeprefix("events."): value for key, value in sums.items() if key.startswith("events.")
                }
                blocks = list(_kept(visit.folder, name))
                found.sources[name] = Heard(events, tuple(_about(name, findings)), kept=bool(blocks))
                events_in = Scanner(Plan(())).events_in(_last(blocks))
                found.add(islice(events_in, LOOKED_AT * 2), SCHEMAS, wanted, name)
        for kept in visit.alerts.listed(most=_ALERTS):
            unended = {"K10.lost", "K10.erased"} & set(kept.alert.detections)
            found.unended += bool(unended) and kept.state == "open"
            if kept.alert.actor and len(kept.alert.actor) <= LONGEST:
                found.alerts.setdefault(kept.alert.rule, Counter())[kept.alert.actor] += 1
                found.acts.setdefault(kept.alert.rule, Counter())[kept.alert.actor] += kept.alert.count
    except (StoreError, OSError) as error:
        return Seen(fault=str(error))
    return found


def _kept(folder: Path, name: str) -> Iterator[bytes]:
    """The last blocks of lines of a source: of its evidence, or its spool."""
    for shelf in ("evidence", "spool"):
        yield from tail(folder / shelf / name, _ROOM)


def _last(blocks: Sequence[bytes]) -> list[bytes]:
    """The last LOOKED_AT lines."""
    found: list[bytes] = []
    left = LOOKED_AT
    for block in reversed(blocks):
        lines = block.splitlines(keepends=True)
        found.append(b"".join(lines[-left:]))
        left -= len(lines)
        if left <= 0:
            break
    return found[::-1]


def _about(name: str, findings: Sequence[Kept]) -> Iterator[tuple[str, str, str]]:
    for kept in findings:
        alert = kept.alert
        if alert.object == name or alert.object.startswith(f"{name}: "):
            yield alert.rule, alert.title, alert.why


def _ways(settings: Settings, *, on_loki: bool) -> tuple[Way, ...]:
    """Who is told. A ruler tells Alertmanager and no other sink: those that the settings name are asked, if any."""
    if on_loki:
        members = tuple(one.name for one in settings.sinks.alertmanager)
        return (Way(frozenset(), members),) if members else ()
    if settings.routes:
        return tuple(Way(frozenset(one.severity), one.to, one.fallback) for one in settings.routes)
    return (Way(frozenset(), _names(settings)),)


def _names(settings: Settings) -> tuple[str, ...]:
    """All sinks."""
    said = settings.sinks
    names = [one.name for one in said.alertmanager] + [one.name for one in said.slack]
    return (*names, *_recorded_only(settings))


def _recorded_only(settings: Settings) -> tuple[str, ...]:
    """Sinks that cannot be asked, only told."""
    said = settings.sinks
    return (*(one.name for one in said.webhook), *(one.name for one in said.file))


def _deliveries(settings: Settings, states: Mapping[str, SinkState], clients: ExitStack) -> dict[str, Delivery]:
    """What can be asked of each sink of the settings; nobody is told anything. What is opened goes into `clients`."""
    from vedette.clients.slack import IncomingWebhook

    found: dict[str, Delivery] = {}
    reader = _reader(settings, clients)
    for one in settings.sinks.alertmanager:
        members = {url: clients.enter_context(closing(app.alertmanager(one, url))) for url in one.urls}
        found[one.name] = ByAlertmanager(one.name, members, reader)
    for slack in settings.sinks.slack:
        if slack.token_file:
            client = clients.enter_context(closing(app.slack(slack)))
            found[slack.name] = BySlackApp(slack.name, client, slack.channel, _record(states.get(slack.name)))
        else:
            hook = clients.enter_context(closing(IncomingWebhook(slack.webhook_url_file, ca_file=slack.ca_file)))
            found[slack.name] = BySlackWebhook(slack.name, hook)
    for name in _recorded_only(settings):
        found[name] = ByRecord(name, _record(states.get(name)))
    return found


def _reader(settings: Settings, clients: ExitStack) -> Reader | None:
    """The app whose channel Alertmanager posts in, where the settings say how to ask as it."""
    said = settings.drill.slack
    if not said.token_file or not said.channel:
        return None
    return Reader(said.token_file, said.channel, clients.enter_context(closing(app.slack(said))))


def _record(state: SinkState | None) -> Told:
    if state is None:
        return Told(State.UNKNOWN, "there is no store that would say what it took")
    return recorded(state.state, state.reason, state.told)
