"""Shipped: do the events that a rule reads come here, whole and in time, with the fields that it asks for?

Judged by what came (`proof.seen`), never by what the settings hope for: a source that is configured and silent is as
blind as none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vedette.proof.seen import Heard, Seen, SeenFormat
from vedette.proof.verdict import LinkResult, State, Variant, worst
from vedette.rule import Block, Detection, Node, Not, Op, Rule, Test, Text

NAME = "shipped"
OBSERVATION = "observation"
ALWAYS = {
    "kube_audit": frozenset({"verb", "user.username", "sourceIPs", "requestURI", "stage", "level", "auditID"}),
    "vault_audit": frozenset({"type", "request.path", "request.operation", "request.remote_address"}),
}
"""Fields that every server writes in nearly every event, so that their absence is a fault of the way here."""
FEW = 50
"""Events of a format of which it cannot be said that something never comes."""
_LATE = 86_400
"""Seconds without any event after which a format is taken for lost, where no source's own history says it sooner."""
_SECOND = 1_000_000_000
BREAKING = frozenset({"source_silent", "source_trouble", "unparsed", "lag", "late", "cannot_look"})
"""Kinds of findings that say that events of a source are lost or late."""
_MENDS = {
    "kube_audit": "name the audit log, the webhook or Loki under sources: in vedette.yaml",
    "vault_audit": "name the audit device's file, or Loki, under sources: in vedette.yaml",
    "sshd": "name the journal or the log file under sources: in vedette.yaml",
}
_OBSERVERS = {
    "seal_status": "name each node under sources: vault:",
    "audit_devices": "name each node, with a token, under sources: vault:",
    "rbac_object": "name each API server under sources: kube:",
    "counter": "name each API server under sources: kube:",
    "file_hash": "name the policy file and the static manifest under sources: hashes:",
    "completion_missing": "watch: {completion: on}, where the audit policy keeps RequestReceived",
    "tracer": "say watch: {tracer: …}",
    "server_log": "nothing of vedette's reads servers' own logs; the rule's other documents are what there is",
}


@dataclass(frozen=True, slots=True)
class _Part:
    """One document of a rule, and what it lacks."""

    document: str
    second: bool
    """It only reads a second source of what another document sees."""
    state: State
    why: str
    mend: str


class Shipped:
    """What came against what each rule reads."""

    name = NAME

    def __init__(self, seen: Seen, now: int) -> None:
        """`now`: nanoseconds since 1970 UTC."""
        self._seen = seen
        self._now = now

    def check(self, rule: Rule) -> LinkResult:
        """BLIND where what a document of the rule reads does not come; second sources are only told of."""
        if self._seen.fault:
            return LinkResult(NAME, State.UNKNOWN, self._seen.fault)
        parts = [self._part(rule, one) for one in rule.detections if one.name not in rule.left_out]
        first = [one for one in parts if not one.second]
        if not first:
            return LinkResult(NAME, State.UNKNOWN, "the rule has no document that reads a log")
        state = worst(one.state for one in first)
        broken = [one for one in first if one.state is not State.READY]
        told = broken or [one for one in parts if one.why]
        why = _said(told, first)
        mend = "\n".join(dict.fromkeys(one.mend for one in told if one.mend))
        variants = tuple(Variant(one.document, one.state, one.why, one.mend) for one in first)
        return LinkResult(NAME, state, why, mend if broken or why else "", variants if len(variants) > 1 else ())

    def _part(self, rule: Rule, detection: Detection) -> _Part:
        form = detection.format
        # The document that has the rule's name says what the rule reads; a count has that of its detections.
        main = {one.format for one in rule.detections if one.name == rule.name}
        second = bool(main) and (form not in main or (form == OBSERVATION and detection.name != rule.name))
        if form == OBSERVATION:
            state, why, mend = self._observed(detection)
        else:
            state, why, mend = self._logged(form, self._needed(rule, form))
        return _Part(detection.name, second, state, why, mend)

    def _observed(self, detection: Detection) -> tuple[State, str, str]:
        kinds = sorted(set(_kinds(detection.node)))
        found = self._seen.formats.get(OBSERVATION, SeenFormat()).kinds
        missing = [kind for kind in kinds if kind not in found]
        if not missing:
            return State.READY, "", ""
        if "completion_missing" in missing or "server_log" in missing:
            # Nothing is observed while nothing is wrong: that it never came says nothing.
            return State.UNKNOWN, f"no {missing[0]} was ever observed, which says little", _OBSERVERS[missing[0]]
        return State.BLIND, f"no {missing[0]} is observed", _OBSERVERS.get(missing[0], "")

    def _needed(self, rule: Rule, form: str) -> list[str]:
        return list(dict.fromkeys(name for one in rule.needs if one.format == form for name in one.fields))

    def _logged(self, form: str, fields: list[str]) -> tuple[State, str, str]:
        sources = {name: one for name, one in self._seen.sources.items() if one.events.get(form)}
        found = self._seen.formats.get(form, SeenFormat())
        if not sources and not found.events:
            return State.BLIND, f"no {form} event has ever come", _MENDS.get(form, "")
        broken = [trouble for one in sources.values() for trouble in self._troubles(one)]
        if broken and len({name for name, one in sources.items() if [*self._troubles(one)]}) == len(sources):
            return State.BLIND, broken[0][1], broken[0][2]
        if not found.events and not all(one.kept for one in sources.values()):
            return (
                State.UNKNOWN,
                f"{form} events come and are not kept: their fields cannot be looked at",
                "evidence: on",
            )
        if not found.events:
            return State.BLIND, f"no {form} event is among {self._seen.where}", _MENDS.get(form, "")
        age = (self._now - found.latest) / _SECOND
        if found.latest and age > _LATE:
            return State.BLIND, f"the last {form} event is {age / 3600:,.0f} h old", "see that the log is still written"
        absent = [name for name in fields if name not in found.fields]
        lost = [name for name in absent if name in ALWAYS.get(form, ())]
        if lost and found.events >= FEW:
            why = f"none of {found.events:,} {form} events has {', '.join(lost)}"
            return State.BLIND, why, "let the shipper send the record as the server wrote it"
        said = [broken[0][1]] if broken else []
        if absent:
            said.append(f"not seen in {found.events:,} events: {', '.join(absent)}")
        return State.READY, "; ".join(said), broken[0][2] if broken else ""

    def _troubles(self, one: Heard) -> Iterator[tuple[str, str, str]]:
        return (trouble for trouble in one.troubles if trouble[0] in BREAKING)


def _said(told: Sequence[_Part], first: Sequence[_Part]) -> str:
    """Each reason once, with the documents that have it where it is not all that count."""
    by_reason: dict[str, list[_Part]] = {}
    for one in told:
        by_reason.setdefault(one.why, []).append(one)
    said = []
    for why, parts in by_reason.items():
        names = "" if parts == list(first) else f"{', '.join(one.document for one in parts)}: "
        said.append(f"{'second source: ' if all(one.second for one in parts) else ''}{names}{why}")
    return "; ".join(said)


def _kinds(node: Node) -> Iterator[str]:
    """The kinds of observation that a tree asks for."""
    if isinstance(node, Test):
        if node.path.name == OBSERVATION and node.op is Op.EQUALS:
            yield from (text for one in node.values if isinstance(one, Text) and (text := one.plain))
    elif isinstance(node, Block):
        yield from _kinds(node.body)
    elif not isinstance(node, Not):
        for one in node.nodes:
            yield from _kinds(one)
