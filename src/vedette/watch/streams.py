"""Streams: pieces of one file, journal or spool through reader and matchers, and where it is safe to go on from.

A position may be committed only between two records. What was read since the last such place (a record over several
lines that is not whole yet) is committed with the piece that ends it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from vedette.engine.live import Placed
from vedette.formats.base import Batch, Tally, Unreadable
from vedette.scan import Run, Scanner
from vedette.sources.base import Piece
from vedette.sources.files import CHUNK, Range
from vedette.store.progress import Mark

_LONGEST = 16 << 20
"""Bytes of an unfinished record after which it is taken to be cut off, so that a log without end can be committed."""


class Refused(NamedTuple):
    """A record that could not be read."""

    file: str
    line: int
    reason: str
    raw: bytes


class Stream:
    """One stream of one source."""

    def __init__(self, scanner: Scanner, name: str, line: int, *, segmented: bool) -> None:
        """`name`: the file that the next piece stands in, or nothing; `line`: its lines before that. `segmented`:
        another name means another file, whose lines are counted anew; else the file was only renamed."""
        self._scanner = scanner
        self._segmented = segmented
        self._name = name
        self._base = line
        self._run = Run(scanner, Range(0, 0))
        self._counted: Counter[str] = Counter()
        """Of the run's tally, what was given out."""
        self._unsafe = 0
        self._last: Batch | None = None
        self.evidence: list[bytes] = []
        """Read since the last safe place."""
        self.refused: list[Refused] = []
        """Likewise."""

    def take(self, piece: Piece) -> list[Placed]:
        """Read a piece; gives what its records say."""
        # A file's name may be bytes that are no text; nobody could keep or be told of it as it is.
        name = piece.name.encode("utf-8", "backslashreplace").decode()
        if name != self._name:
            if self._name and self._segmented:
                self._base = -self._run.reader.lines_read
            self._name = name
        run = self._run
        if piece.data:
            run.counts.bytes += len(piece.data)
            for chunk in _chunks(piece.data):
                batches = run.reader.feed(chunk)
                run.take(batches)
                if batches:
                    self._last = batches[-1]
            self._unsafe += len(piece.data)
            self.evidence.append(piece.data)
        if piece.ends or (run.reader.busy and self._unsafe > _LONGEST):
            run.take(run.reader.finish())
        found = self._placed()
        if not run.reader.busy:
            self._unsafe = 0
        return found

    @property
    def safe(self) -> bool:
        """True where the last piece's position may be committed."""
        return not self._run.reader.busy

    def mark(self, piece: Piece) -> Mark:
        """Where the stream goes on behind `piece`; asked for where it is safe."""
        return Mark(self._name, dict(piece.position), self._base + self._run.reader.lines_read)

    def latest(self) -> int:
        """The time of the last record read, nanoseconds since 1970 UTC; 0 where it has none."""
        batch, self._last = self._last, None
        if batch is None:
            return 0
        try:
            return self._scanner.formats[batch.format].read(batch.locate(len(batch.records) - 1)[0]).time
        except Unreadable:
            return 0

    def counts(self) -> Counter[str]:
        """What became of the records since this was last asked, where it is safe."""
        now = flat(self._run.reader.tally)
        now["matched"] = self._run.counts.matched.total()
        now["bytes"] = self._run.counts.bytes
        now["lines"] = self._run.reader.lines_read
        added = Counter({name: value - self._counted[name] for name, value in now.items()})
        self._counted = now
        return added

    def _placed(self) -> list[Placed]:
        report = self._run.report()
        for one in report.rejected:
            self.refused.append(Refused(self._name, self._base + one.line, one.reason, one.raw))
        return [Placed(one, self._name, self._base + one.line) for one in report.sightings]


def _chunks(data: bytes) -> Iterator[bytes]:
    """Whole lines, so few at once that what is made of them stays in the processor's cache: a fifth less time."""
    start, size = 0, len(data)
    while size - start > CHUNK:
        end = data.rfind(b"\n", start, start + CHUNK) + 1 or data.find(b"\n", start + CHUNK) + 1 or size
        yield data[start:end]
        start = end
    if start < size:
        yield data[start:] if start else data


def flat(tally: Tally) -> Counter[str]:
    """A tally as sums by name: records, events.FORMAT, quarantined.REASON, ignored.REASON, …"""
    found = Counter({"records": tally.records, "oddly_typed": tally.oddly_typed, "nul_bytes": tally.nul_bytes})
    for group, counts in (("events", tally.events), ("quarantined", tally.quarantined), ("ignored", tally.ignored)):
        for name, number in counts.items():
            found[f"{group}.{name}"] += number
    return found
