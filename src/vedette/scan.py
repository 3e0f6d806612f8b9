"""Scan: files in, sightings out, on one process or several.

The one place where sources, formats and engine meet for a finite input. A worker reads a range of a file, lets the
reader make records of it, asks the matcher which records matter, and reports what those say. Nothing here depends on
which worker read what.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from vedette.engine.matcher import Matcher
from vedette.engine.roster import Roster
from vedette.engine.sighting import Sighting
from vedette.event import Event
from vedette.formats import FORMATS, SCHEMAS
from vedette.formats.base import Batch, Format, Tally, TrustedProxy, Unreadable
from vedette.formats.document import repeats_keys
from vedette.formats.reader import Reader, projectors_for
from vedette.rule import Rule
from vedette.schema import Projection
from vedette.sources.compressed import Broken
from vedette.sources.files import File, Range, chunks


@dataclass(frozen=True, slots=True)
class Plan:
    """What every worker needs to know; small, and picklable."""

    rules: tuple[Rule, ...]
    proxies: tuple[TrustedProxy, ...] = ()
    since: int | None = None
    """Nanoseconds since 1970 UTC; earlier acts are left out."""
    until: int | None = None
    keep_quarantine: bool = False


@dataclass(slots=True)
class Counts:
    """What was read."""

    tally: Tally = field(default_factory=Tally)
    bytes: int = 0
    """Of plain text."""
    lines: int = 0
    matched: Counter[str] = field(default_factory=Counter)
    """Events that some rule met, by format."""

    def add(self, other: Counts) -> None:
        """Count `other` in."""
        self.tally.add(other.tally)
        self.bytes += other.bytes
        self.lines += other.lines
        self.matched.update(other.matched)


class Rejected(msgspec.Struct, frozen=True, array_like=True):
    """A record that could not be read, for the quarantine file."""

    file: int
    part: int
    line: int
    reason: str
    raw: bytes


@dataclass(slots=True)
class Report:
    """What one range had to say, or a part of it."""

    sightings: list[Sighting]
    rejected: list[Rejected]
    bytes: int
    """Read since the last report."""
    events: int
    """Likewise."""


@dataclass(frozen=True, slots=True)
class Done:
    """A range is read to its end."""

    part: Range
    counts: Counts
    trouble: str
    """Why the rest of it could not be read, or nothing."""


_BATCH = 2_000
"""Sightings reported at once."""


class Scanner:
    """Reads ranges; one a worker."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.formats: dict[str, Format] = {
            name: kind(plan.proxies) if name == "kube_audit" else kind() for name, kind in FORMATS.items()
        }
        self.roster = Roster.of(plan.rules)
        self.matchers: dict[str, Matcher] = self.roster.matchers({name: SCHEMAS[name] for name in FORMATS})
        self.projections = {
            name: self.matchers[name].projection if name in self.matchers else Projection(name, ()) for name in FORMATS
        }
        self._projectors = projectors_for(self.formats, self.projections)
        for name, matcher in self.matchers.items():
            matcher.bind(self._projectors[name])
        self.heard: Callable[[Event, int, Sequence[Sighting]], None] | None = None
        """Told of each event that was judged, with the mask of the detections that did, and what they say of it."""

    def reader(self, quarantine: Callable[[int, str, bytes], None] | None) -> Reader:
        """A reader for one range; all share the projectors that the matchers are bound to."""
        return Reader(self.formats, self.projections, quarantine, self._projectors)

    def read(self, file: File, part: Range) -> Iterator[Report | Done]:
        """Read one range: now and then a report of what was seen, at last `Done`."""
        yield from self.read_chunks(chunks(file, part), part)

    def read_chunks(self, lines: Iterable[bytes], part: Range) -> Iterator[Report | Done]:
        """As `read`, of chunks of whole lines."""
        run = Run(self, part)
        trouble = ""
        try:
            for chunk in lines:
                run.counts.bytes += len(chunk)
                run.take(run.reader.feed(chunk))
                if run.full():
                    yield run.report()
        except (OSError, Broken) as error:
            trouble = (error.strerror if isinstance(error, OSError) else None) or str(error)
        run.take(run.reader.finish())
        yield run.report()
        run.counts.tally = run.reader.tally
        run.counts.lines = run.reader.lines_read
        yield Done(part, run.counts, trouble)

    def events_in(self, lines: Iterable[bytes]) -> Iterator[Event]:
        """Every event in chunks of whole lines, decoded whole; what cannot be read is left out."""
        reader = self.reader(None)
        for chunk in lines:
            yield from self._whole(reader.feed(chunk))
        yield from self._whole(reader.finish())

    def _whole(self, batches: Sequence[Batch]) -> Iterator[Event]:
        for batch in batches:
            for index in range(len(batch.records)):
                with contextlib.suppress(Unreadable):
                    yield self.formats[batch.format].read(batch.locate(index)[0])


class Run:
    """One range, or one stream that is watched, on its way through reader and matchers."""

    def __init__(self, scanner: Scanner, part: Range) -> None:
        self._scanner = scanner
        self._part = part
        self._sightings: list[Sighting] = []
        self._rejected: list[Rejected] = []
        self._reported = self._events_reported = 0
        self.counts = Counts()
        self.reader = scanner.reader(self._reject if scanner.plan.keep_quarantine else None)

    def take(self, batches: Sequence[Batch]) -> None:
        """Judge what the reader gave."""
        for batch in batches:
            matcher = self._scanner.matchers.get(batch.format)
            if matcher is not None and (found := matcher.candidates(batch.records)):
                self._judge(batch, matcher, found)

    def full(self) -> bool:
        """True when there is enough to report."""
        return len(self._sightings) + len(self._rejected) >= _BATCH or self.counts.bytes - self._reported > _TOLD

    def report(self) -> Report:
        """What has gathered since the last report."""
        events = self.reader.tally.records
        report = Report(
            self._sightings, self._rejected, self.counts.bytes - self._reported, events - self._events_reported
        )
        self._sightings, self._rejected = [], []
        self._reported, self._events_reported = self.counts.bytes, events
        return report

    def _judge(self, batch: Batch, matcher: Matcher, found: Sequence[tuple[int, int]]) -> None:
        plan, form = self._scanner.plan, self._scanner.formats[batch.format]
        for index, mask in found:
            raw, line = batch.locate(index)
            try:
                event = form.read(raw)
            except Unreadable as error:
                # The quick look passed it, the strict one does not: it leaves the events.
                self.reader.reject(batch.format, line, str(error), raw)
                continue
            # An act whose record gives no time may have been done at any.
            if event.time and not (
                (plan.since is None or event.time >= plan.since) and (plan.until is None or event.time < plan.until)
            ):
                continue
            sightings = matcher.judge(event, mask, (self._part.file, self._part.part, line + 1))
            if self._scanner.heard is not None:
                self._scanner.heard(event, mask, sightings)
            if any(sighting.verdict not in _NOTHING for sighting in sightings):
                self.counts.matched[batch.format] += 1
                self.reader.tally.duplicate_keys += raw.startswith(b"{") and repeats_keys(raw)
            self._sightings.extend(sightings)

    def _reject(self, line: int, reason: str, raw: bytes) -> None:
        self._rejected.append(Rejected(self._part.file, self._part.part, line + 1, reason, raw))


_NOTHING = frozenset({"no", "ignore"})
_TOLD = 16 << 20
"""Bytes between two reports of progress."""
