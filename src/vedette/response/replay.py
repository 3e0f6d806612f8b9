"""Replay: one rule over kept evidence, as it is and in other versions, in a single pass.

The evidence is read and decoded once, by the rule as it is. Another version of it differs by entries that excuse, so it
can say something only where this one does: there each version judges the same decoded event, and draws its own
conclusion. What the versions say is therefore what a scan of the same lines under each would say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vedette.alert import Alert
from vedette.engine.conclude import Conclusion
from vedette.engine.episodes import Episodes
from vedette.engine.sighting import Sighting
from vedette.event import Event
from vedette.formats.base import TrustedProxy
from vedette.match import Match
from vedette.response.act import Act, act_of
from vedette.response.kept import Kept
from vedette.rule import Reaction, Rule
from vedette.scan import Done, Plan, Scanner
from vedette.sources.files import Range

MOST_ACTS = 200_000
"""Acts whose details are held; of more, what an entry would have to cover is not all known."""
_SAMPLE = 60
"""Records that are kept whole of what a version excuses, to be done again by others."""
_QUIET = frozenset({"no", Reaction.IGNORE.value})


@dataclass(slots=True)
class Version:
    """A rule with other entries, and what it makes of the evidence."""

    rule: Rule
    matches: list[Match] = field(default_factory=list)
    excused: list[Act] = field(default_factory=list)
    """What the rule as it is speaks of and this one does not."""
    sample: list[bytes] = field(default_factory=list)
    """The records of the first of them."""


@dataclass(slots=True)
class Replayed:
    """What the rule as it is, and each version of it, makes of the evidence."""

    matches: list[Match] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    """`file` is the source's name, `line` counts within what was read of it."""
    acts: dict[str, Act] = field(default_factory=dict)
    """By the name of the act; the first word on each, at most MOST_ACTS."""
    versions: dict[str, Version] = field(default_factory=dict)


class _Judge:
    """One version while the evidence is read."""

    def __init__(self, version: Version) -> None:
        self.version = version
        scanner = Scanner(Plan((version.rule,)))
        self.matchers = scanner.matchers
        self.conclusion = Conclusion(scanner.roster)

    def hear(self, event: Event, mask: int, sightings: Sequence[Sighting]) -> None:
        """Judge what the rule as it is has judged."""
        first = sightings[0]
        loud = any(one.verdict not in _QUIET for one in sightings)
        if loud:
            place = (first.file, first.part, first.line)
            said = self.matchers[event.format].judge(event, mask, place)
            if all(one.verdict in _QUIET for one in said):
                if len(self.version.excused) < MOST_ACTS:
                    self.version.excused.append(act_of(event))
                if len(self.version.sample) < _SAMPLE:
                    self.version.sample.append(event.raw)
            sightings = said
        for one in sightings:
            self.conclusion.add(one)


def replay(
    kept: Kept, rule: Rule, versions: Mapping[str, Rule], proxies: Sequence[TrustedProxy], until: int | None = None
) -> Replayed:
    """Read what is kept with `rule` and its `versions`. Raises OSError."""
    found = Replayed(versions={name: Version(one) for name, one in versions.items()})
    judges = [_Judge(one) for one in found.versions.values()]
    scanner = Scanner(Plan((rule,), tuple(proxies), kept.since, until))
    conclusion = Conclusion(scanner.roster)

    def heard(event: Event, mask: int, sightings: Sequence[Sighting]) -> None:
        loud = any(one.verdict not in _QUIET for one in sightings)
        if loud and event.act not in found.acts and len(found.acts) < MOST_ACTS:
            found.acts[event.act] = act_of(event)
        for judge in judges:
            judge.hear(event, mask, sightings)

    scanner.heard = heard
    sources = kept.sources()
    for number, (_, place) in enumerate(sources):
        _read(kept, scanner, conclusion, number, place)
    names = [name for name, _ in sources]
    found.matches = list(conclusion.matches(lambda one: (names[one.file], one.line)))
    found.alerts = sorted(episodes(found.matches), key=lambda one: (one.first_seen, one.id))
    for judge in judges:
        judge.version.matches = list(judge.conclusion.matches(lambda one: (names[one.file], one.line)))
    return found


def _read(kept: Kept, scanner: Scanner, conclusion: Conclusion, number: int, place: Path) -> None:
    for word in scanner.read_chunks(kept.blocks(place), Range(number, 0)):
        if isinstance(word, Done):
            kept.events += word.counts.tally.events.total()
            if word.trouble:
                kept.troubles.append(f"{place}: {word.trouble}")
            continue
        for sighting in word.sightings:
            conclusion.add(sighting)


def episodes(matches: Sequence[Match]) -> Iterator[Alert]:
    """The alerts that matches, in time order, make."""
    room = Episodes()
    for match in matches:
        yield from room.feed(match)
    yield from room.finish()
