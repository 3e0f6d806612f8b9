"""Shipped: do the events that a rule reads come here, whole and in time, with the fields that it asks for?

Judged by what came (`proof.seen`), never by what the settings hope for: a source that is configured and silent is as
blind as none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vedette.cases import BadCase, RulesUnder
from vedette.proof.audit_policy import STAGES, Written
from vedette.proof.emission import Emission
from vedette.proof.naming import Naming
from vedette.proof.seen import Heard, Seen, SeenFormat, Tail
from vedette.proof.verdict import LinkResult, State, Variant, of_variants, told_by_all, worst
from vedette.rule import Block, Detection, Node, Not, Op, Reaction, Rule, Test, Text

NAME = "shipped"
OBSERVATION = "observation"
ALWAYS = {
    "kube_audit": frozenset(
        "verb user.username sourceIPs requestURI stage level auditID objectRef.resource responseStatus.code".split()
    ),
    "vault_audit": frozenset({"type", "request.path", "request.operation", "request.remote_address"}),
}
"""Fields that every server writes in nearly every event, so that their absence is a fault of the way here."""
FEW = 50
"""Events of a format of which it cannot be said that something never comes."""
_LATE = 86_400
"""Seconds without any event after which a format is taken for lost, where no source's own history says it sooner."""
_SECOND = 1_000_000_000
_TRACED = 3600
"""Seconds for which a tracer's last word counts; it speaks at least once an hour."""
BREAKING = frozenset({"source_silent", "source_trouble", "unparsed", "lag", "late", "cannot_look"})
"""Kinds of findings that say that events of a source are lost or late."""
_BEGINNING, _END = "RequestReceived", "ResponseComplete"
_AS_WRITTEN = "let the shipper send every record, as the server wrote it"
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
    "tracer": "name the API server, or Vault, under sources: tracer:",
    "server_log": "name the server's own log under sources: server_logs:",
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
    told_by: str
    variants: tuple[Variant, ...]


class _Judged(NamedTuple):
    """What is known of one format, or of one kind of observation."""

    state: State
    why: str = ""
    mend: str = ""
    told_by: str = ""
    variants: tuple[Variant, ...] = ()
    """The rule's cases, where some of them come all the same."""


class Shipped:
    """What came against what each rule reads."""

    name = NAME

    def __init__(
        self,
        seen: Seen,
        now: int,
        *,
        completing: bool = False,
        server_logs: Collection[str] = (),
        rules_under: RulesUnder | None = None,
    ) -> None:
        """`now`: nanoseconds since 1970 UTC. `completing`: the watcher misses the ends of writes. `server_logs`: the
        programs whose own logs it follows. `rules_under`: for the cases that need not the stage that does not come;
        without it none is tried."""
        self._seen = seen
        self._now = now
        self._completing = completing
        self._server_logs = frozenset(server_logs)
        self._rules_under = rules_under

    def check(self, rule: Rule) -> LinkResult:
        """BLIND where what a document of the rule reads does not come; second sources are only told of."""
        if self._seen.fault:
            mend = "name the folder of the store with --state, and ask as the user that `vedette watch` runs as"
            return LinkResult(NAME, State.UNKNOWN, self._seen.fault, mend)
        parts = [self._part(rule, one) for one in rule.detections if one.name not in rule.left_out]
        first = [one for one in parts if not one.second]
        if not first:
            return LinkResult(NAME, State.UNKNOWN, "the rule has no document that reads a log")
        state = worst(one.state for one in first)
        broken = [one for one in first if one.state is not State.READY]
        told = broken or [one for one in parts if one.why]
        why = _said(told, first)
        mend = "\n".join(dict.fromkeys(one.mend for one in told if one.mend))
        documents = tuple(Variant(one.document, one.state, one.why, one.mend, told_by=one.told_by) for one in first)
        told_by = told_by_all(one for one in documents if one.state is State.BLIND)
        mend = mend if broken or why else ""
        variants = next((one.variants for one in first if one.variants), ())
        if not variants and len({(one.state, one.why) for one in documents}) > 1:
            variants = documents
        return LinkResult(NAME, state, why, mend, variants, told_by=told_by)

    def _part(self, rule: Rule, detection: Detection) -> _Part:
        form = detection.format
        # The document that has the rule's name says what the rule reads; a count has that of its detections.
        main = {one.format for one in rule.detections if one.name == rule.name}
        second = bool(main) and (form not in main or (form == OBSERVATION and detection.name != rule.name))
        found = self._observed(detection) if form == OBSERVATION else self._logged(form, rule)
        return _Part(detection.name, second, *found)

    def _observed(self, detection: Detection) -> _Judged:
        kinds = sorted(set(_texts(detection.node, OBSERVATION)))
        found = set(self._seen.formats.get(OBSERVATION, SeenFormat()).kinds)
        # None comes while every write ends and no server complains; that it is looked for is all that can be known.
        if self._completing:
            found.add("completion_missing")
        if not self._server_logs.isdisjoint(_texts(detection.node, "value.program")):
            found.add("server_log")
        missing = [kind for kind in kinds if kind not in found]
        if not missing:
            return _Judged(State.READY)
        if "completion_missing" in missing or "server_log" in missing:
            # Nothing is observed while nothing is wrong: that it never came says nothing.
            why = f"no {missing[0]} was ever observed, which says little"
            return _Judged(State.UNKNOWN, why, _OBSERVERS[missing[0]])
        # An observer that is set up and cannot look is the finding `cannot_look`.
        return _Judged(State.BLIND, f"no {missing[0]} is observed", _OBSERVERS.get(missing[0], ""), "settings")

    def _needed(self, rule: Rule, form: str) -> list[str]:
        return list(dict.fromkeys(name for one in rule.needs if one.format == form for name in one.fields))

    def _logged(self, form: str, rule: Rule) -> _Judged:
        sources = {name: one for name, one in self._seen.sources.items() if one.events.get(form)}
        found = self._seen.formats.get(form, SeenFormat())
        if not sources and not found.events:
            return _Judged(State.BLIND, f"no {form} event has ever come", _MENDS.get(form, ""), "settings")
        broken = [trouble for one in sources.values() for trouble in self._troubles(one)]
        if broken and len({name for name, one in sources.items() if [*self._troubles(one)]}) == len(sources):
            return _Judged(State.BLIND, broken[0][1], broken[0][2], broken[0][0])
        if not found.events and not all(one.kept for one in sources.values()):
            why = f"{form} events come and are not kept: their fields cannot be looked at"
            return _Judged(State.UNKNOWN, why, "evidence: on")
        if not found.events:
            return _Judged(State.BLIND, f"no {form} event is among {self._seen.where}", _MENDS.get(form, ""))
        age = (self._now - found.latest) / _SECOND
        if found.latest and age > _LATE:
            # How long a log may be quiet says its own history, by which the watcher finds silence.
            why = f"the last {form} event is {age / 3600:,.0f} h old"
            return _Judged(State.BLIND, why, "see that the log is still written", "source_silent")
        if subject := self._untraced(form):
            why = f"the tracer's last request to {subject} did not come back through the log"
            return _Judged(State.BLIND, why, "vedette alerts list --rule K6", "K6")
        fields = self._needed(rule, form)
        # A source that speaks no longer, while another does, is one that was taken away.
        live = [tail for tail in found.tails if found.latest - tail.latest <= _LATE * _SECOND]
        if why := next((why for tail in live if (why := _lost(form, fields, tail))), ""):
            return _Judged(State.BLIND, why, _AS_WRITTEN)
        for tail in live:
            if (why := _endless(form, rule, tail)) and (judged := self._without_end(rule, tail, why)) is not None:
                return judged
        return self._ready(form, fields, found, broken)

    def _ready(
        self, form: str, fields: list[str], found: SeenFormat, broken: Sequence[tuple[str, str, str]]
    ) -> _Judged:
        """The events come; what else a person should know of them."""
        said = [broken[0][1]] if broken else []
        mend = broken[0][2] if broken else ""
        if form == "kube_audit" and self._seen.unended:
            said.append("writes came without their end (K10): a size limit on the way leaves the larger event out")
            mend = mend or "vedette alerts list --rule K10; raise the shipper's limit, or cut in the API server"
        absent = [name for name in fields if name not in found.fields]
        if absent:
            said.append(f"not seen in {found.events:,} events: {', '.join(absent)}")
        return _Judged(State.READY, "; ".join(said), mend)

    def _without_end(self, rule: Rule, tail: Tail, why: str) -> _Judged | None:
        """Which of the rule's cases show at the stages that come; None where all of them do."""
        # That some request's beginning comes says nothing of the others': policies keep it for writes alone.
        omitted = frozenset(STAGES) - (tail.stages - {_BEGINNING})
        variants: list[Variant] = []
        try:
            if self._rules_under is not None:
                emission = Emission(rule, self._rules_under, Naming({}, {}))
                left = [
                    (
                        one,
                        tuple(Written(act.level, omitted, without_managed_fields=False, rule=None) for act in one.acts),
                    )
                    for one in emission.judged
                ]
                for one in emission.see(left):
                    case = one.witnesses.case
                    said = (State.READY, "", "") if one.enough else (State.BLIND, why, _AS_WRITTEN)
                    fires = emission.expected(case) is Reaction.FIRE
                    variants.append(Variant(case.name, *said, fires, one.witnesses.acts[0].described()))
        except BadCase:
            variants = []
        if not any(one.fires and one.state is State.READY for one in variants):
            return _Judged(State.BLIND, why, _AS_WRITTEN)
        found = of_variants(NAME, variants)
        return _Judged(State.BLIND, found.why, found.mend, variants=found.variants) if found.blind else None

    def _untraced(self, form: str) -> str:
        """Where the tracer's last request did not come back from, if it went lately; or nothing."""
        for subject, one in self._seen.traced.items():
            if one.format == form and not one.level and self._now - one.time < _TRACED * _SECOND:
                return subject
        return ""

    def _troubles(self, one: Heard) -> Iterator[tuple[str, str, str]]:
        return (trouble for trouble in one.troubles if trouble[0] in BREAKING)


def _lost(form: str, fields: Sequence[str], tail: Tail) -> str:
    """What the last events of a source do not have and every server writes, or nothing."""
    lost = [name for name in fields if name in ALWAYS.get(form, ()) and name not in tail.fields]
    return f"none of {_whose(form, tail)} has {', '.join(lost)}" if lost and tail.events >= FEW else ""


def _endless(form: str, rule: Rule, tail: Tail) -> str:
    """That no event of a source is at the stage with which every request ends, or nothing."""
    if tail.events < FEW or not tail.stages or _END in tail.stages:
        return ""
    if not any(form == one.format and _END in one.stages for one in rule.needs):
        return ""
    return f"none of {_whose(form, tail)} is at stage {_END}, with which every request ends"


def _whose(form: str, tail: Tail) -> str:
    return f"the last {tail.events} {form} events" + (f" of {tail.source}" if tail.source else "")


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


def _texts(node: Node, name: str) -> Iterator[str]:
    """The texts that a tree asks for in the field `name`."""
    if isinstance(node, Test):
        if node.path.name == name and node.op is Op.EQUALS:
            yield from (text for one in node.values if isinstance(one, Text) and (text := one.plain))
    elif isinstance(node, Block):
        yield from _texts(node.body, name)
    elif not isinstance(node, Not):
        for one in node.nodes:
            yield from _texts(one, name)
