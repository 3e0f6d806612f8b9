"""Evidence: the context of an alert, read from what a store keeps.

Segments from before the window are looked through for names alone (`needles`), and only lines that hold one are
decoded; those of the window are read line by line, since an activity may have any name. What was kept after it began
but begins after it ended is passed over: a source that was read very late, beside others that were not, may be missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vedette.alert import Alert
from vedette.event import Event
from vedette.formats.base import Batch, TrustedProxy
from vedette.formats.reader import Reader
from vedette.response.activities import Activity
from vedette.response.context import Context
from vedette.response.gathering import Gathering, Shapes, Told, oldest
from vedette.response.kept import Kept, reaches
from vedette.response.lineage import MOST_PARENTS
from vedette.response.needles import begun, cut, holds, needles
from vedette.response.second import Second
from vedette.response.subject import act_needles, is_own, subject_of
from vedette.sources.ahead import ahead
from vedette.store.segments import names, pieces

HOUR = 3_600_000_000_000
_WORTH = 32 << 20
"""Bytes as stored from which a second process shortens the reading."""
_FIRST = 64 << 10
"""Bytes of a source's first block that tell how far it reaches back."""


@dataclass(frozen=True, slots=True)
class _Segment:
    path: Path
    size: int
    older: bool
    """Nothing in it is of the window, or later."""
    growing: bool
    """The last of its folder; its end may be half written."""


class _Sieve:
    """One source's lines that hold a name, as records."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def take(self, block: bytes, wanted: Sequence[bytes]) -> tuple[list[Batch], bytes]:
        """The records of a block that may hold a name, lines that belong together with them; and these lines."""
        lines = block if self._reader.busy else cut(block, wanted) or begun(block)
        return (self._reader.feed(lines), lines) if lines else ([], lines)


class _Half(NamedTuple):
    told: Told
    size: int
    troubles: list[str]


def of_evidence(
    folder: Path,
    alert: Alert,
    *,
    hours: float = 1.0,
    proxies: Sequence[TrustedProxy] = (),
    activities: Sequence[Activity] = (),
) -> Context:
    """What surrounds an alert in the evidence of the store in `folder`; `hours` before its first act and after its last
    are the window. Raises OSError where a folder cannot be listed."""
    return _Evidence(folder, alert, hours, proxies).context(activities)


def first_event(folder: Path, alert: Alert, proxies: Sequence[TrustedProxy] = ()) -> Event | None:
    """A record of the alert's first act, the one that says most; None where none is kept. Raises OSError."""
    return _Evidence(folder, alert, 0.0, proxies).first()


class _Evidence:
    def __init__(self, folder: Path, alert: Alert, hours: float, proxies: Sequence[TrustedProxy]) -> None:
        self._alert = alert
        around = int(hours * HOUR)
        self._window = alert.first_seen - around, alert.last_seen + around + 1
        self._shapes = Shapes(proxies)
        self._size = 0
        self._troubles: list[str] = []
        kept = Kept(folder, 0)
        self._sources = [self._segments(place) for _, place in kept.sources()]

    def context(self, activities: Sequence[Activity]) -> Context:
        gathering = Gathering(self._alert, self.first(), self._window, self._shapes, activities)
        mine, theirs = _halves([[one for one in segments if one.older] for segments in self._sources])
        with Second(lambda: self._half(gathering, theirs), wanted=bool(theirs)) as second:
            for segments in mine:
                self._older(gathering, segments)
            for segments in self._sources:
                self._within(gathering, [one for one in segments if not one.older and self._may_hold(one)])
            if theirs:
                self._heard(gathering, theirs, second.answer())
        self._parents(gathering)
        return gathering.context(self._reaches(), self._size, self._troubles, "evidence")

    def _half(self, gathering: Gathering, sources: Sequence[Sequence[_Segment]]) -> _Half:
        """In another process: nothing but the answer leaves it."""
        self._size, self._troubles = 0, []
        for segments in sources:
            self._older(gathering, segments)
        return _Half(gathering.told(), self._size, self._troubles)

    def _heard(self, gathering: Gathering, sources: Sequence[Sequence[_Segment]], answer: _Half | None) -> None:
        if answer is None:
            # It died, for want of memory perhaps.
            for segments in sources:
                self._older(gathering, segments)
            return
        gathering.hear(answer.told)
        self._size += answer.size
        self._troubles += answer.troubles

    def _segments(self, place: Path) -> list[_Segment]:
        found, listed = [], names(place)
        for name in listed:
            path = place / name
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # its time was over
            older = not reaches(status.st_mtime, self._window[0])
            found.append(_Segment(path, status.st_size, older, name == listed[-1]))
        return found

    def first(self) -> Event | None:
        """A record of the alert's first act, the one that says most."""
        best = None
        wanted = tuple(one for act in act_needles(subject_of(self._alert))[:1] for one in act)
        if not wanted:
            return None
        for segments in self._sources:
            sieve, found = _Sieve(self._shapes.reader()), None
            for segment, block in self._blocks([one for one in segments if not one.older]):
                if found not in (None, segment):
                    break  # a later record would stand near the first
                for batch in sieve.take(block, wanted)[0]:
                    for index in range(len(batch.records)):
                        event = self._shapes.whole(batch, index)
                        if event is None or not is_own(self._alert, event):
                            continue
                        if event.final:
                            return event
                        best, found = best or event, segment
            if best is not None:
                break
        return best

    def _older(self, gathering: Gathering, segments: Sequence[_Segment]) -> None:
        wanted = (*gathering.actor, *gathering.named)
        if not wanted:
            return
        sieve = _Sieve(self._shapes.reader())
        for _, block in self._blocks(segments):
            self._size += len(block)
            batches, lines = sieve.take(block, wanted)
            for batch in batches:
                gathering.older(batch, lines)

    def _within(self, gathering: Gathering, segments: Sequence[_Segment]) -> None:
        reader, close = self._shapes.reader(), gathering.close
        for _, block in self._blocks(segments):
            self._size += len(block)
            named = reader.busy or holds(block, close)
            for batch in reader.feed(block):
                gathering.within(batch, named=named)
        for batch in reader.finish():
            gathering.within(batch, named=True)

    def _may_hold(self, segment: _Segment) -> bool:
        """By the first of its lines: what begins after the window holds nothing of it."""
        begins, _ = self._begins(segment)
        return not begins or begins < self._window[1]

    def _parents(self, gathering: Gathering) -> None:
        """Vault: what made the token that made the token."""
        lineage = gathering.lineage
        for _ in range(MOST_PARENTS):
            parents = [one for one in lineage.parents.values() if one not in lineage.tokens]
            if not parents:
                return
            lineage.tokens += parents
            gathering.named = wanted = tuple(one for name in parents for one in needles(name))
            for segments in self._sources:
                sieve = _Sieve(self._shapes.reader())
                for _, block in self._blocks(segments):
                    for batch in sieve.take(block, wanted)[0]:
                        gathering.trace(batch)

    def _reaches(self) -> int:
        """The oldest of what is kept of the alert's format, where that is older than the window; else 0."""
        times = [begins for one in self._sources if one and (begins := self._begins(one[0])[1])]
        first = min(times, default=0)
        return first if first < self._window[0] else 0

    def _begins(self, segment: _Segment) -> tuple[int, int]:
        """The earliest time that its first lines say, and of those of the alert's format; 0: they say none."""
        for block, _ in pieces(segment.path):
            head = block[: block.rfind(b"\n", 0, _FIRST) + 1] or block
            reader = self._shapes.reader()
            return oldest([*reader.feed(head), *reader.finish()], self._shapes, self._alert.source)
        return 0, 0

    def _blocks(self, segments: Sequence[_Segment]) -> Iterator[tuple[_Segment, bytes]]:
        """The lines of segments in blocks, unpacked in a thread of their own."""
        if segments:
            yield from ahead(self._unpacked(segments))

    def _unpacked(self, segments: Sequence[_Segment]) -> Iterator[tuple[_Segment, bytes]]:
        for segment in segments:
            end = 0
            for block, behind in pieces(segment.path):
                end = behind
                if block:
                    yield segment, block
            if end < segment.size and not segment.growing:
                trouble = f"{segment.path}: cannot be read behind byte {end:,}"
                if trouble not in self._troubles:
                    self._troubles.append(trouble)


def _halves(sources: Sequence[Sequence[_Segment]]) -> tuple[list[list[_Segment]], list[list[_Segment]]]:
    """Each source's segments, the older half of their bytes and the newer one, where that pays; else all in one."""
    everything = sum(one.size for segments in sources for one in segments)
    if everything < _WORTH:
        return [list(segments) for segments in sources], []
    mine: list[list[_Segment]] = []
    theirs: list[list[_Segment]] = []
    for segments in sources:
        half, size, at = sum(one.size for one in segments) / 2, 0, 0
        while at < len(segments) and size < half:
            size += segments[at].size
            at += 1
        theirs.append(list(segments[:at]))
        mine.append(list(segments[at:]))
    return mine, theirs
