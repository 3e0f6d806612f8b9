"""Mutants: a rule with one clause taken away, and whether its cases notice.

A clause whose loss no case notices is either superfluous or unproven; the pack has neither. Events are decoded once a
rule; a mutant costs one evaluation of its detection for each event, and the conclusions of the cases it changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vedette import app
from vedette.cases import Case, cases_of, judge, settings_for
from vedette.engine.conclude import Conclusion
from vedette.engine.matcher import Matcher
from vedette.engine.roster import Roster
from vedette.engine.sighting import Sighting
from vedette.event import Event
from vedette.formats import SCHEMAS
from vedette.formats.base import Batch, Unreadable
from vedette.formats.reader import Reader, projectors_for
from vedette.rule import AllOf, AnyOf, Block, Correlation, Detection, Node, Not, Regex, Rule, Severity, Test, Text
from vedette.scan import Plan, Scanner
from vedette.schema import Projection
from vedette.settings import Settings

Path = tuple[int, ...]
"""From the root of a tree: which part of an AllOf or AnyOf, which value of a Test; 0 within a Not or Block."""
_NEVER = AnyOf(())


@dataclass(frozen=True, slots=True)
class Mutant:
    """One clause less."""

    document: str
    what: str
    """The clause, for people."""
    path: Path = ()
    value: object = None
    """The value taken from a Test's list; under other settings another may stand there."""
    joined: int | None = None
    """Of a correlation: which of the detections that it joins; -1 for the correlation itself."""
    unnegated: bool = False
    """The `not` is taken away, not what it negates."""


def mutants(rule: Rule) -> Iterator[Mutant]:
    """Every rule that lacks one clause of `rule`: a document, selection, test, value, `not` or branch."""
    for detection in rule.detections:
        yield Mutant(detection.name, "the whole document")
        for path, what, value, unnegated in _clauses(detection.node):
            yield Mutant(detection.name, what, path, value, unnegated=unnegated)
    for correlation in rule.correlations:
        yield Mutant(correlation.name, "the whole document", joined=-1)
        if len(correlation.detections) > 1:
            for at, joined in enumerate(correlation.detections):
                yield Mutant(correlation.name, f"that it joins {joined}", joined=at)


def _clauses(node: Node, path: Path = ()) -> Iterator[tuple[Path, str, object, bool]]:
    match node:
        case AllOf() | AnyOf():
            for at, part in enumerate(node.nodes):
                yield (*path, at), shown(part), None, False
                yield from _clauses(part, (*path, at))
        case Not():
            yield path, f"the not of: {shown(node.node)}", None, True
            yield from _clauses(node.node, (*path, 0))
        case Block():
            yield from _clauses(node.body, (*path, 0))
            if isinstance(node.body, Test):
                yield (*path, 0), shown(node.body), None, False
        case Test():
            if len(node.values) > 1:
                for at, value in enumerate(node.values):
                    yield (*path, at), f"{_value(value)} of {shown(node)}", value, False


def without(node: Node, mutant: Mutant, path: Path | None = None) -> Node | None:
    """`node` less the mutant's clause; None where this tree has no such clause."""
    path = mutant.path if path is None else path
    if isinstance(node, Not) and not path and mutant.unnegated:
        return node.node
    if not path:
        return _NEVER if mutant.path == () and mutant.value is None and not mutant.unnegated else None
    at, rest = path[0], path[1:]
    match node:
        case AllOf() | AnyOf():
            return _without_part(node, mutant, at, rest)
        case Not():
            inner = without(node.node, mutant, rest)
            return None if inner is None else Not(inner)
        case Block():
            if not rest and mutant.value is None and not mutant.unnegated:
                return replace(node, body=AllOf(()))
            inner = without(node.body, mutant, rest)
            return None if inner is None else replace(node, body=inner)
        case Test():
            if rest or at >= len(node.values) or node.values[at] != mutant.value:
                return None
            return replace(node, values=(*node.values[:at], *node.values[at + 1 :]))


def _without_part(node: AllOf | AnyOf, mutant: Mutant, at: int, rest: Path) -> Node | None:
    if at >= len(node.nodes):
        return None
    part = node.nodes[at]
    kept: tuple[Node, ...] = ()
    if rest or mutant.unnegated:
        inner = without(part, mutant, rest)
        if inner is None:
            return None
        kept = (inner,)
    return replace(node, nodes=(*node.nodes[:at], *kept, *node.nodes[at + 1 :]))


def shown(node: Node) -> str:
    """A clause as people read it, short."""
    match node:
        case AllOf() | AnyOf():
            word = " and " if isinstance(node, AllOf) else " or "
            return node.name or f"({word.join(map(shown, node.nodes))})"
        case Not():
            return f"not {shown(node.node)}"
        case Block():
            return f"{node.path.text}[{node.quantifier.value}]: {shown(node.body)}"
        case Test():
            return f"{node.path.text} {node.op.value} {', '.join(map(_value, node.values))}"


def _value(value: object) -> str:
    if isinstance(value, Text):
        return "".join(part if isinstance(part, str) else part.value for part in value.parts)
    return value.pattern if isinstance(value, Regex) else str(value)


@dataclass(frozen=True, slots=True)
class _Read:
    """A batch of one case: its records as the quick look sees them, and decoded whole."""

    format: str
    records: Sequence[Any]
    events: Sequence[Event | None]
    """None: not readable."""


@dataclass(frozen=True, slots=True)
class _Proof:
    """A case with its events, and what the rule as it stands says of them."""

    case: Case
    batches: Sequence[_Read]
    seen: Mapping[int, list[Sighting]]
    """By detection."""


class _Stage:
    """The cases that run under the same settings."""

    def __init__(self, name: str, settings: Settings, cases: Sequence[Case]) -> None:
        bare = _rule(name, replace(settings, automation=(), exceptions=()))
        self.rule = _rule(name, settings)
        self.plain = {one.name: one.node for one in bare.detections}
        """Each detection's tree without the filters of the settings."""
        self._scanner = Scanner(Plan((self.rule,), app.trusted_proxies(settings)))
        self.roster = self._scanner.roster
        # A mutant may look at a field that the whole rule need not decode for every event.
        self._projections = {
            name: Projection(name, tuple(one for one in schema.fields.values() if one.hot or one.warm))
            for name, schema in SCHEMAS.items()
        }
        self._projectors = projectors_for(self._scanner.formats, self._projections)
        self.proofs: list[_Proof] = []
        for case in cases:
            batches = self._batches(case.lines)
            self.proofs.append(_Proof(case, batches, self._all(self.roster, batches)))

    def _batches(self, lines: bytes) -> list[_Read]:
        reader = Reader(self._scanner.formats, self._projections, None, self._projectors)
        found = []
        for batch in [*reader.feed(lines), *reader.finish()]:
            events = [self._event(batch, index) for index in range(len(batch.records))]
            found.append(_Read(batch.format, batch.records, events))
        return found

    def _event(self, batch: Batch, index: int) -> Event | None:
        try:
            return self._scanner.formats[batch.format].read(batch.locate(index)[0])
        except Unreadable:
            return None

    def _all(self, roster: Roster, batches: Sequence[_Read]) -> dict[int, list[Sighting]]:
        return {at: _sightings(self._matcher(at, one, roster), batches) for at, one in enumerate(roster.detections)}

    def _matcher(self, at: int, detection: Detection, roster: Roster) -> Matcher:
        matcher = Matcher([(at, detection)], roster.correlations, SCHEMAS[detection.format])
        projector = self._projectors[detection.format]
        matcher.bind(projector)
        return matcher

    def fault(self, case: Case, seen: Mapping[int, list[Sighting]], roster: Roster | None = None) -> str:
        """What is other than `case` expects, given all sightings."""
        conclusion = Conclusion(roster or self.roster)
        for sightings in seen.values():
            for sighting in sightings:
                conclusion.add(sighting)
        return judge(case, self.rule, list(conclusion.alerts(lambda _: ("case", 1), Severity.INFO)))

    def notices(self, mutant: Mutant) -> bool:
        """Some case fails for the mutant."""
        if mutant.joined is not None:
            return self._notices_joined(mutant, mutant.joined)
        for at, detection in enumerate(self.roster.detections):
            if detection.name == mutant.document:
                plain = self.plain[detection.name]
                less = without(plain, mutant)
                if less is None:
                    return False
                return self._differs(at, replace(detection, node=_filtered(plain, detection.node, less)))
        return False

    def _differs(self, at: int, detection: Detection) -> bool:
        matcher = self._matcher(at, detection, self.roster)
        for proof in self.proofs:
            found = _sightings(matcher, proof.batches)
            if found != proof.seen[at] and self.fault(proof.case, {**proof.seen, at: found}):
                return True
        return False

    def _notices_joined(self, mutant: Mutant, joined: int) -> bool:
        less: list[Correlation] = []
        for one in self.roster.correlations:
            if one.name == mutant.document and joined < 0:
                less.append(replace(one, alerts=False))
            elif one.name == mutant.document:
                left = one.detections[:joined] + one.detections[joined + 1 :]
                less.append(replace(one, detections=left))
            else:
                less.append(one)
        roster = replace(self.roster, correlations=tuple(less))
        return any(self.fault(proof.case, self._all(roster, proof.batches), roster) for proof in self.proofs)


def _sightings(matcher: Matcher, batches: Sequence[_Read]) -> list[Sighting]:
    """What a matcher of one detection says of the events that its quick look lets through."""
    return [
        sighting
        for number, batch in enumerate(batches)
        if batch.format == matcher.schema.format
        for index, mask in matcher.candidates(batch.records)
        if (event := batch.events[index]) is not None
        for sighting in matcher.judge(event, mask, (0, number, index))
    ]


def _filtered(plain: Node, filtered: Node, less: Node) -> Node:
    """`less` with the filters that `filtered` has beyond `plain`."""
    if filtered == plain:
        return less
    assert isinstance(filtered, AllOf)
    own = len(plain.nodes) if isinstance(plain, AllOf) and not plain.name else 1
    return AllOf((less, *filtered.nodes[own:]))


def _rule(name: str, settings: Settings) -> Rule:
    return next(rule for rule in app.load_rules(settings).rules if rule.name == name)


def survivors(name: str) -> list[str]:
    """The clauses of rule `name` whose loss none of its cases notices."""
    base = _rule(name, app.load_settings(None))
    grouped: dict[str, tuple[Settings, list[Case]]] = {}
    for case in cases_of(base):
        settings = settings_for(case)
        grouped.setdefault(repr(case.settings), (settings, []))[1].append(case)
    stages = [_Stage(name, *one) for one in grouped.values() if _rule(name, one[0]).detections]
    # The cases without settings of their own come first: nearly every mutant falls there.
    stages.sort(key=lambda stage: -len(stage.proofs))
    for stage in stages:
        for proof in stage.proofs:
            assert not (fault := stage.fault(proof.case, proof.seen)), f"{name} {proof.case.name}: {fault}"
    plain = replace(
        stages[0].rule,
        detections=tuple(replace(one, node=stages[0].plain[one.name]) for one in stages[0].rule.detections),
    )
    return [
        f"{mutant.document}: {mutant.what}"
        for mutant in mutants(plain)
        if not any(stage.notices(mutant) for stage in stages)
    ]
