"""Invented: acts that a rule without cases must see. What it says of its fields is met by events made for it.

Only an event on which the engine really lets the rule fire is a witness. What none can meet is said with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from vedette.cases import SETTINGS, Case, RulesUnder, settings_for
from vedette.event import Outcome
from vedette.formats.kube_audit import KubeAudit
from vedette.proof.invented_event import Impossible, Record, fault, put
from vedette.proof.invented_request import KINDS, VERBS
from vedette.proof.inventor import Inventor
from vedette.proof.rerun import Rerun
from vedette.proof.wishes import Choice, Way, Wish, spread, ways
from vedette.rule import Correlation, CorrelationType, Detection, FieldPath, Op, Reaction, Rule, Text

FORMAT = "kube_audit"
MOST = 96
"""Variants of one detection."""
BROAD = 0.5
"""A rule that fires on this share of ordinary events tells nothing apart."""
_LONGEST = 200
"""Acts that are invented for one threshold."""
_NUMBERED = {("objectRef", "name"), ("target",), ("object",)}
"""Fields whose distinct values are counted by naming other objects."""
_ELSEWHERE = Choice("spread:objectRef.namespace", "elsewhere", own=False)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Dead:
    """An alternative of the rule that no event meets."""

    name: str
    why: str
    sure: bool
    """False: none was found, which is not to say that there is none."""


@dataclass(frozen=True, slots=True)
class Invented:
    """What was found for a rule."""

    cases: tuple[Case, ...] = ()
    """A firing case for each variant; the engine was asked."""
    dead: tuple[Dead, ...] = ()
    """Alternatives of an `or` that nothing meets."""
    unused: tuple[Dead, ...] = ()
    """Values of lists that nothing has, beside others that something has."""
    why: str = ""
    """Where there is no case: why not."""
    sure: bool = False
    """Then: True where no event can meet the rule, False where none was found."""
    fires_on: int = 0
    ordinary: int = 0
    """On how many of how many ordinary events it fires: those on which vedette's own rules stay quiet."""

    left_out: int = 0
    """Variants that were not tried, for there are too many."""

    @property
    def broad(self) -> bool:
        """True for a rule that fires on nearly everything."""
        return self.ordinary > 0 and self.fires_on >= BROAD * self.ordinary


def invent(rule: Rule, rules_under: RulesUnder, namespaces: Sequence[str] = ()) -> Invented:
    """Cases for a rule that reads the Kubernetes audit log. Raises BadCase for settings that cannot be read.

    `namespaces`: in which it is tried as well where it names none; those that a policy tells apart.
    """
    first = next((one for one in rule.detections if one.format == FORMAT), None)
    if first is None:
        return Invented(why="it does not read the Kubernetes audit log")
    blank = Case("", "invented", True, b"", {}, {}, Path(first.file), first.line)  # noqa: FBT003
    subject = rules_under(settings_for(blank)).get(rule.name)
    if subject is None or subject.not_configured:
        return Invented(why="it has no work under the settings of the cases")
    found = _Found()
    inventor = Inventor()
    found.namespaces = [name for name in namespaces if name not in ("", "default")]
    for detection in subject.detections:
        if detection.format == FORMAT and detection.alerts:
            _detect(inventor, detection, _document(detection.name), found)
    for correlation in subject.correlations:
        if correlation.alerts:
            _correlate(inventor, subject, correlation, found)
    return _verified(subject, rules_under, blank, found)


def _document(name: str) -> Choice:
    return Choice("document", name.partition(".")[2] or name, own=False)


class _Failed(NamedTuple):
    choices: tuple[Choice, ...]
    why: str
    sure: bool


@dataclass(slots=True)
class _Found:
    """Variants found so far, with the events of each; and the ways for which none was."""

    variants: list[tuple[tuple[Choice, ...], list[Record]]] = field(default_factory=list)
    failed: list[_Failed] = field(default_factory=list)
    left_out: int = 0
    namespaces: Sequence[str] = ()


def _detect(inventor: Inventor, detection: Detection, document: Choice, found: _Found) -> None:
    tried, left = _variants(detection, found.namespaces)
    found.left_out += left
    for way in tried:
        choices = (document, *way.choices)
        try:
            found.variants.append((choices, [inventor.event(detection.node, way)]))
        except Impossible as error:
            found.failed.append(_Failed(choices, str(error), error.sure and not way.partial))
    if not tried:
        found.failed.append(_Failed((), "a list of the settings that it compares with is empty", sure=False))


def _variants(detection: Detection, namespaces: Sequence[str]) -> tuple[list[Way], int]:
    """The ways that are tried, each one that the rule names before what it leaves open, and how many are not."""
    first: list[Way] = []
    more: list[Way] = []
    for way in ways(detection.node):
        spelt = [one for each in spread(way, "verb", VERBS) for one in _by_group(each)]
        inside = [one for each in spelt for one in spread(each, "objectRef.namespace", namespaces) if one != each]
        if inside:
            spelt = [*(replace(one, choices=(*one.choices, _ELSEWHERE)) for one in spelt), *inside]
        first.append(spelt[0])
        more += spelt[1:]
    found = [*first, *more]
    return found[:MOST], max(0, len(found) - MOST)


def _by_group(way: Way) -> Iterator[Way]:
    """Once for each API group that has its resource, where it names none: a policy may let one of them be written."""
    named = {
        value.plain or ""
        for one in way.wishes
        if isinstance(one, Wish) and one.test.path.name == "objectRef.resource"
        for value in one.test.values
        if isinstance(value, Text)
    }
    groups = [kind.group for name in named for kind in KINDS.get(name, ())]
    yield from spread(way, "objectRef.apiGroup", groups) if len(groups) > 1 and len(named) == 1 else [way]


def _correlate(inventor: Inventor, rule: Rule, correlation: Correlation, found: _Found) -> None:
    joined = [one for name in correlation.detections for one in rule.detections if one.name == name]
    events: list[list[tuple[Way, Record]]] = []
    for detection in joined:
        own: list[tuple[Way, Record]] = []
        tried, left = _variants(detection, found.namespaces)
        found.left_out += left
        for way in tried:
            try:
                own.append((way, inventor.event(detection.node, way)))
            except Impossible as error:
                found.failed.append(_Failed(way.choices, str(error), error.sure and not way.partial))
        events.append(own)
    if correlation.type in (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED):
        if events and all(events):
            found.variants.append(((), [own[0][1] for own in events]))
        return
    wanted = correlation.threshold + (correlation.op is Op.GT)
    if wanted > _LONGEST or correlation.op in (Op.LT, Op.LTE):
        found.failed.append(_Failed((), f"{correlation.name} counts what no invented acts come to", sure=False))
        return
    for own in events:
        for way, record in own:
            counted = [_numbered(record, correlation.fields, number) for number in range(max(1, wanted))]
            if why := fault(counted[-1]).why:
                found.failed.append(_Failed(way.choices, why, sure=False))
                continue
            found.variants.append(((_document(correlation.name), *way.choices), counted))


def _numbered(record: Record, fields: Sequence[FieldPath], number: int) -> Record:
    """The act once more, on another object where objects are counted."""
    copy: Record = msgspec.json.decode(_encode(record))
    reference = copy.get("objectRef", {})
    for path in fields:
        if path.steps not in _NUMBERED:
            put(copy, path.steps, f"{number}")
            continue
        key = "name" if reference.get("name") else "namespace"
        old = str(reference.get(key) or "")
        reference[key] = f"{old}-{number}"
        copy["requestURI"] = str(copy["requestURI"]).replace(f"/{old}", f"/{old}-{number}", 1)
    return copy


def _verified(rule: Rule, rules_under: RulesUnder, blank: Case, found: _Found) -> Invented:
    """What really fires, under names that say how they differ."""
    names = _names([choices for choices, _ in found.variants])
    cases = [
        replace(blank, name=name, lines=_lines(events), expect={"outcome": _outcome(events[-1]).value})
        for name, (_, events) in zip(names, found.variants, strict=True)
    ]
    rerun = Rerun(rules_under)
    said = rerun.reactions(rule, [(case, case.lines.splitlines()) for case in cases])
    living: set[Choice] = set()
    kept = []
    for (choices, _), case, reaction in zip(found.variants, cases, said, strict=True):
        if reaction in (Reaction.FIRE, Reaction.ATTEMPT):
            living.update(choices)
            kept.append(case)
        else:
            why = "the engine does not let it fire on an event made for it"
            found.failed.append(_Failed(choices, why, sure=False))
    if not kept:
        if not found.failed:
            return Invented(why="nothing of it that alerts reads the Kubernetes audit log")
        return Invented(why=found.failed[0].why, sure=all(one.sure for one in found.failed) and not found.left_out)
    quiet = ordinary_events()
    loud = rerun.reactions(rule, [(blank, [line]) for line in quiet])
    dead, unused = _lost(found.failed, living)
    fires_on = sum(one in (Reaction.FIRE, Reaction.ATTEMPT) for one in loud)
    return Invented(tuple(kept), dead, unused, fires_on=fires_on, ordinary=len(quiet), left_out=found.left_out)


def _lost(failed: Sequence[_Failed], living: set[Choice]) -> tuple[tuple[Dead, ...], ...]:
    """The alternatives that no witness has: branches, and values of lists beneath branches that have one."""
    branches: dict[Choice, list[_Failed]] = {}
    values: dict[Choice, list[_Failed]] = {}
    for one in failed:
        lost = [choice for choice in one.choices if choice.own and choice not in living]
        branch = next((choice for choice in lost if not choice.field), None)
        if branch is not None:
            branches.setdefault(branch, []).append(one)
        elif len(lost) == 1:
            values.setdefault(lost[0], []).append(one)
    return (
        tuple(_dead(choice.said, whys) for choice, whys in branches.items()),
        tuple(_dead(f"{choice.field} {choice.said}", whys) for choice, whys in values.items()),
    )


def _dead(name: str, failed: Sequence[_Failed]) -> Dead:
    return Dead(name, failed[0].why, all(one.sure for one in failed))


def _names(all_choices: Sequence[tuple[Choice, ...]]) -> list[str]:
    """A name for each variant, of what differs between them."""
    where = {one.where for choices in all_choices for one in choices}
    several: dict[str, set[str]] = {}
    for choices in all_choices:
        said = {one.where: one.said for one in choices}
        for place in where:
            several.setdefault(place, set()).add(said.get(place, ""))
    found: list[str] = []
    for choices in all_choices:
        name = " ".join(one.said for one in choices if len(several[one.where]) > 1) or "invented"
        number = sum(other == name or other.startswith(f"{name} #") for other in found)
        found.append(f"{name} #{number + 1}" if number else name)
    return found


def _lines(events: Sequence[Record]) -> bytes:
    """The events as a log holds them, each an act of its own, a second apart."""
    found = []
    for number, event in enumerate(events):
        stamp = f"2026-11-23T08:{number // 60:02}:{number % 60:02}.000000Z"
        own = {"auditID": f"5f1c7a3e-0000-4000-8000-{number + 1:012}"}
        found.append(_encode({**event, **own, "requestReceivedTimestamp": stamp, "stageTimestamp": stamp}))
    return b"\n".join(found) + b"\n"


def _outcome(event: Record) -> Outcome:
    return KubeAudit().read(_encode(event)).outcome


@lru_cache(maxsize=1)
def ordinary_events() -> tuple[bytes, ...]:
    """The audit events on which the pack's rules stay quiet, each once."""
    found = dict.fromkeys(_quiet())
    return tuple(found)


def _quiet() -> Iterator[bytes]:
    for file in sorted(SETTINGS.parent.glob("kubernetes/*/quiet.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            events: list[Any] = json.loads(line).get("events", []) if line.strip() else []
            yield from (_encode(one) for one in events if isinstance(one, dict) and "auditID" in one)
