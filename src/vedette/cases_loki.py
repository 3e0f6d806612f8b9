"""Cases on a real Loki: each rule's events are brought under fresh labels, and the rendered queries judge them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vedette.cases import Case, RulesUnder, cases_of, settings_for
from vedette.clients.loki import LokiClient
from vedette.engine.conclude import Conclusion
from vedette.engine.sighting import Sighting, by_act, resolve
from vedette.event import Event
from vedette.formats.base import TrustedProxy
from vedette.render.logql import JOBS, Query
from vedette.render.logql_rule import Rendered, render_rule
from vedette.rule import Reaction, Rule
from vedette.scan import Done, Plan, Scanner
from vedette.settings import Settings
from vedette.sources.files import Range

_SECOND = 1_000_000_000
_LONGEST_LINE = 262_144
"""Bytes of a line that Loki takes, unless it is told otherwise."""
_GAP = 120 * _SECOND
"""A longer silence between two events is cut to this: Loki takes no line that is far behind the newest."""
_MOST = 5000
Told = tuple[str, str]
"""The name of a document, and a reaction."""


@dataclass(frozen=True, slots=True)
class OnLoki:
    """How a case went on Loki."""

    rule: str
    case: Case
    fault: str
    """What Loki said other than vedette's engine, or nothing."""
    refused: str
    """Why Loki cannot judge the case, or nothing; it is then no pass."""


@dataclass(slots=True)
class _Run:
    """One case under its settings."""

    case: Case
    rule: Rule
    label: str
    lines: list[tuple[int, str]]
    """(event time, line), in time order."""
    expected: set[Told]
    across: set[Told]
    """What only several lines together tell."""
    formats: frozenset[str]
    """Of the events."""
    patched: bool
    """A JSON patch without the patched object is in it, of which Loki says cannot tell."""


def run_on_loki(rules: Iterable[Rule], rules_under: RulesUnder, client: LokiClient) -> Iterator[OnLoki]:
    """Every case of `rules`, rule by rule. Raises BadCase, LokiRefused, NoAnswer."""
    run = secrets.token_hex(6)
    for rule in rules:
        groups: dict[int, tuple[Settings, list[_Run]]] = {}
        for number, case in enumerate(cases_of(rule)):
            settings = settings_for(case)
            subject = rules_under(settings).get(rule.name)
            if subject is None:
                yield OnLoki(rule.name, case, "the rule cannot be read under the settings of this case", "")
                continue
            groups.setdefault(id(settings), (settings, []))[1].append(_prepared(case, subject, settings, f"{number}"))
        for at, (settings, runs) in enumerate(groups.values()):
            yield from _group(client, runs, settings, f"{run}-{rule.name}-{at}")


def _group(client: LokiClient, runs: Sequence[_Run], settings: Settings, run: str) -> Iterator[OnLoki]:
    rule = runs[0].rule
    proxies = [(proxy.identities, proxy.networks) for proxy in settings.proxies()]
    rendered = render_rule(rule, proxies, labels=f'run="{run}"')
    oversize = {one.label for one in runs if any(len(text.encode()) > _LONGEST_LINE for _, text in one.lines)}
    stamped = {one.label: _stamped(one.lines) for one in runs}
    streams = [
        ({"job": JOBS[name], "run": run, "case": one.label}, stamped[one.label])
        for one in runs
        for name in _formats(rule)
        if stamped[one.label] and one.label not in oversize
    ]
    if streams and (rendered.queries or rendered.counts):
        client.push(streams)
    told: dict[str, set[Told]] = {one.label: set() for one in runs}
    now = time.time_ns()
    for query in rendered.queries:
        for entry in client.query_range(query.logs, now - 7200 * _SECOND, now + 60 * _SECOND, _MOST):
            told[_case_of(entry.labels)].add((query.name, query.reaction.value))
    for count in rendered.counts:
        for one in runs:
            if one.label not in oversize and _reached(client, count, run, one, stamped[one.label]):
                told[one.label].add((count.name, Reaction.FIRE.value))
    for one in runs:
        if one.label in oversize:
            reason = "a line is longer than Loki takes (max_line_size 262,144 bytes)"
            yield OnLoki(rule.name, one.case, "", reason)
        else:
            yield _compared(rule, one, told[one.label], rendered)


def _reached(client: LokiClient, count: Query, run: str, one: _Run, lines: Sequence[tuple[int, str]]) -> bool:
    narrow = f'run="{run}"'
    query = count.metric.replace(narrow, f'{narrow}, case="{one.label}"', 1)
    return any(client.vector(query, when) for when, _ in reversed(lines))


def _compared(rule: Rule, one: _Run, told: set[Told], rendered: Rendered) -> OnLoki:
    wanted = {item for item in one.expected if item[0] not in rendered.refused}
    missed, extra = wanted - one.across - told, told - one.expected
    if one.patched and "cannot_tell" in {reaction for _, reaction in told}:
        return OnLoki(rule.name, one.case, "", "a JSON patch without the patched object: Loki says cannot tell")
    fault = "; ".join(
        [f"{name} must give {reaction}, but Loki gave {_said(told)}" for name, reaction in sorted(missed)]
        + [f"Loki gave {name} {reaction}, vedette {_said(one.expected)}" for name, reaction in sorted(extra)]
    )
    refused = ""
    if not fault and one.expected and not told:
        names = sorted({name for name, _ in one.expected if name in rendered.refused})
        refused = "; ".join(f"{name}: {rendered.refused[name]}" for name in names)
        refused = refused or "only several lines together tell; LogQL judges each line by itself"
    if not fault and one.formats and not one.formats & JOBS.keys():
        refused = "its events are vedette's own observations, which are in no log that Loki holds"
    if not fault and not rendered.queries and not rendered.counts:
        refused = "; ".join(f"{name}: {why}" for name, why in rendered.refused.items()) or "no document alerts"
    return OnLoki(rule.name, one.case, fault, refused)


def _said(told: Iterable[Told]) -> str:
    return ", ".join(f"{name} {reaction}" for name, reaction in sorted(told)) or "nothing"


def _formats(rule: Rule) -> list[str]:
    return sorted({detection.format for detection in rule.detections} & JOBS.keys())


def _case_of(labels: bytes) -> str:
    import msgspec

    return str(msgspec.json.decode(labels, type=dict[str, str])["case"])


def _prepared(case: Case, rule: Rule, settings: Settings, label: str) -> _Run:
    proxies = tuple(TrustedProxy(proxy.identities, proxy.networks) for proxy in settings.proxies())
    scanner = Scanner(Plan((rule,), proxies))
    sightings: list[Sighting] = []
    for word in scanner.read_chunks([case.lines], Range(0, 0)):
        if not isinstance(word, Done):
            sightings.extend(word.sightings)
    conclusion = Conclusion(scanner.roster)
    for sighting in sightings:
        conclusion.add(sighting)
    expected = {(match.detection, match.reaction) for match in conclusion.matches(lambda one: ("case", one.line))}
    lines, patched, formats = [], False, set()
    for raw in case.lines.splitlines():
        if raw.strip():
            event = next(iter(scanner.events_in([raw + b"\n"])), None)
            patched = patched or (event is not None and _is_bare_patch(event))
            formats |= {event.format} if event else set()
            lines.append((event.time if event else 0, raw.decode("utf-8", "replace")))
    lines.sort(key=lambda pair: pair[0])
    return _Run(case, rule, label, lines, expected, _across(scanner, sightings), frozenset(formats), patched)


def _is_bare_patch(event: Event) -> bool:
    if not isinstance(event.fields.get("requestObject"), list):
        return False
    event.values(("objectAfter",))
    after = event.fields.get("objectAfter")
    return after is None or after is not event.fields.get("responseObject")


def _across(scanner: Scanner, sightings: Sequence[Sighting]) -> set[Told]:
    """What is told of an act by a record that others might have overruled, or that others settle."""
    roster = scanner.roster
    found = set()
    settled = frozenset((roster.rules[one.detection], one.settles) for one in sightings if one.settles)
    for act in resolve(sorted(sightings, key=by_act), settled, roster.rules):
        detection = roster.detections[act.detection]
        always = all(reaction is Reaction.FIRE for reaction in detection.outcomes.values())
        if (not act.final and not (always and act.verdict == "fire")) or (
            act.awaits and act.verdict == Reaction.CANNOT_TELL.value
        ):
            found.add((detection.name, act.verdict))
    return found


def _stamped(lines: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines with times that end now, their distances kept but for long silences; no two at the same time."""
    offsets, offset, before = [], 0, lines[0][0] if lines else 0
    for when, _ in lines:
        offset += min(when - before, _GAP)
        before = when
        offsets.append(offset)
    start = time.time_ns() - offset - _SECOND
    return [(start + at + number, text) for number, (at, (_, text)) in enumerate(zip(offsets, lines, strict=True))]
