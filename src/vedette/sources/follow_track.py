"""One followed stream: the file that it is in now, and the next lines of it."""

from __future__ import annotations

import enum
import errno
import os
import stat
import time
from dataclasses import dataclass
from typing import NamedTuple

from vedette.sources.base import Piece
from vedette.sources.follow_identity import HEAD, Place, agrees, digest, packing, printable, same, tail
from vedette.sources.follow_lines import Unpacker, cut, rest
from vedette.sources.follow_look import Seen

LINGER = 5.0
"""Seconds past its last growth for which a rotated file is kept open, and past which what is gone is given up."""
OPEN = 256
"""Files kept open; those that rotation took away are kept whatever their number."""
_RACY = 50_000_000
"""Nanoseconds: two changes so close together may leave a file with one time (and, truncated between, one size)."""


class State(enum.Enum):
    """How a stream stands after a step."""

    MORE = "more"
    """More may wait."""
    DRAINED = "drained"
    ENDED = "ended"
    OTHER = "other"
    """The file no longer holds what was read of this stream: truncated, or another one."""
    CLOSED = "closed"
    """Its file could not be opened, or read."""


class Step(NamedTuple):
    """What one step gave."""

    state: State
    cost: int = 0
    """Bytes read."""
    piece: Piece | None = None
    cut: bool = False
    """A line was too long, and is not all there."""
    fault: str = ""
    """How compressed data ended badly."""


@dataclass(slots=True, eq=False)
class Track:
    """A stream and its file."""

    place: Place
    group: str
    """`family` of its path: what rotation makes of one log is read in order."""
    where: str
    """Where its file was last seen."""
    descriptor: int = -1
    unpacker: Unpacker | None = None
    scanned: int = 0
    looked: tuple[int, int] = (-1, -1)
    """Size and time of change at the last step; (-1, -1): look again."""
    racy: bool = False
    """It changed so short a time before it was looked at that it may since have changed unseen."""
    grown: float = 0.0
    """By the clock, when it last grew or was seen to be rotated away."""
    away: bool = False
    """Its path leads to it no longer: it was rotated and will end."""
    lost: float | None = None
    """By the clock, since when no file is known to be it."""
    seen_at: float = 0.0
    """By the wall clock, when a file was last known to be it."""
    asleep: bool = False
    """Its descriptor was given to another; it is opened again when it has grown."""
    refused: bool = False
    """The system refused it; it is tried again after the next look."""
    holding: bool = False
    """Rotated files beside it are not judged yet, so that its mark stays."""
    newest: int = 0
    """Nanoseconds, when its file was last changed by the last look."""
    kept: bool = False
    """That it is done is durable."""

    @property
    def open(self) -> bool:
        """Whether it holds a descriptor."""
        return self.descriptor >= 0 or self.unpacker is not None

    @property
    def identity(self) -> tuple[int, int]:
        """Its file's device and inode."""
        return (self.place.dev, self.place.ino)

    @property
    def live(self) -> bool:
        """Whether more of it can be read from a file that is known."""
        return self.lost is None and not self.place.done

    @property
    def waiting(self) -> int:
        """Bytes known to wait; of a compressed file nobody knows."""
        return 0 if self.place.packed or not self.live else max(0, self.place.size - self.place.offset)

    def bind(self, seen: Seen, *, packed: bool, now: float) -> None:
        """It is this file from now on."""
        self.place.dev, self.place.ino = seen.identity
        self.place.size, self.place.mtime = seen.status.st_size, seen.status.st_mtime_ns
        self.place.packed = packed
        self.where, self.lost, self.grown, self.newest = seen.path, None, now, self.place.mtime
        self.scanned, self.looked, self.asleep = 0, (-1, -1), False

    def intact(self) -> bool:
        """Whether its open file still holds what was read of it; what the file now begins with is learnt."""
        place = self.place
        try:
            status = os.fstat(self.descriptor)
            if (status.st_size, status.st_mtime_ns) == self.looked and not self.racy:
                return True
            begin = os.pread(self.descriptor, HEAD, 0)
            if not place.head_len and packing(begin):
                return True  # That is seen when it is read.
            if status.st_size < place.offset or not agrees(place, self.descriptor, begin):
                return False
        except OSError:
            return True  # That is told when it is read.
        place.learn(begin)
        return True

    def advance_mark(self, wall: float) -> None:
        """All files beside it were seen just now, so that one unseen until now was changed later: unless some wait.

        Only at a look: between two of them, files come of which nothing is known.
        """
        if not self.holding:
            self.place.mark = max(self.place.mark, min(self.newest, int(wall * 1e9)))

    def let_go(self) -> None:
        """Close what is open."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        if self.unpacker is not None:
            self.unpacker.close()
            self.unpacker = None
        self.looked = (-1, -1)

    def piece(self, data: bytes, *, ends: bool = False) -> Piece:
        """Some of its lines, with the position behind them."""
        return Piece(self.place.stream, printable(self.place.path), data, self.place.position(), ends)

    def end(self, data: bytes = b"") -> Piece:
        """Its last piece."""
        self.let_go()
        self.place.done = True
        return self.piece(data, ends=True)

    def step(self, limit: int, now: float) -> Step:
        """The next whole lines, some `limit` bytes. Raises OSError where the file cannot be read."""
        return self._unpack(limit) if self.place.packed else self._read(limit, now)

    def _read(self, limit: int, now: float) -> Step:
        place = self.place
        if self.descriptor < 0:
            if self.asleep and not self.away and max(self.scanned, place.offset) >= place.size:
                return Step(State.DRAINED)
            self.asleep = False
            self.descriptor = open_file(self.where, self.identity)
        status = os.fstat(self.descriptor)
        size = status.st_size
        changed = (size, status.st_mtime_ns) != self.looked
        if changed:
            self.grown = now
            self.looked = (size, status.st_mtime_ns)
        elif max(self.scanned, place.offset) >= size:
            if self.away and now - self.grown >= LINGER:
                return self._finish(size)
            if not self.racy:
                return Step(State.DRAINED)
        self.racy = changed or time.time_ns() - status.st_mtime_ns < _RACY
        found = cut(self.descriptor, place.offset, min(self.scanned, size), size, limit)
        # Only now, behind the reading: whatever was truncated before it does not pass.
        begin = os.pread(self.descriptor, HEAD, 0)
        overlap = begin[place.offset :]
        fits = overlap.startswith(found.data[: len(overlap)])
        whole = found.long or len(found.data) == found.end - place.offset
        if not (fits and whole and agrees(place, self.descriptor, begin)):
            return Step(State.OTHER)
        place.learn(begin)
        place.size, place.mtime = size, status.st_mtime_ns
        cost = found.scanned - max(self.scanned, place.offset)
        self.scanned = found.scanned
        if not found.data:
            return Step(State.DRAINED if found.scanned >= size else State.MORE, max(cost, 0))
        last = found.data[-HEAD:] if len(found.data) >= HEAD and not found.long else tail(self.descriptor, found.end)
        place.offset, place.tail = found.end, digest(last)
        return Step(State.MORE, max(cost, len(found.data)), self.piece(found.data), found.long)

    def _finish(self, size: int) -> Step:
        place = self.place
        data, long = rest(self.descriptor, place.offset, size)
        if not same(place, self.descriptor):
            return Step(State.OTHER)
        if data:
            place.offset, place.tail = size, digest(tail(self.descriptor, size))
        place.size = size
        return Step(State.ENDED, len(data), self.end(data), long)

    def _unpack(self, limit: int) -> Step:
        place = self.place
        if self.unpacker is None:
            self.unpacker = Unpacker(*open_packed(self.where, self.identity))
        unpacker = self.unpacker
        if unpacker.at < place.offset:
            if unpacker.skip(place.offset, limit):
                return Step(State.MORE, limit)
            if unpacker.at < place.offset or digest(unpacker.tail) != place.tail:
                return Step(State.OTHER)
        found = unpacker.take(limit)
        if found.data:
            place.offset, place.tail = found.end, digest(unpacker.tail)
            return Step(State.MORE, len(found.data), self.piece(found.data), found.long)
        if not unpacker.ended:
            return Step(State.MORE, limit)
        data, long = unpacker.rest()
        place.offset, place.tail = unpacker.at, digest(unpacker.tail)
        return Step(State.ENDED, len(data), self.end(data), long, unpacker.fault)


class Descriptors:
    """How many files are open."""

    def __init__(self) -> None:
        self._open: list[Track] = []

    def keep(self, track: Track, descriptor: int) -> bool:
        """Hold a file open if there is room, so that nothing of it is lost when it is rotated and removed."""
        if self._full() and not track.away:
            track.asleep = True
            return False
        track.descriptor = descriptor
        self._open.append(track)
        return True

    def note(self, track: Track) -> None:
        """It holds a descriptor now: the file that has been still for longest is closed for it, where many are open."""
        still = [other for other in self._open if not other.away and other is not track] if self._full() else []
        if still:
            other = min(still, key=lambda other: (other.waiting > 0, other.grown))
            other.let_go()
            other.asleep = True
        self._open.append(track)

    def _full(self) -> bool:
        if len(self._open) >= OPEN:
            self._open = [track for track in self._open if track.descriptor >= 0]
        return len(self._open) >= OPEN


def open_file(path: str, identity: tuple[int, int]) -> int:
    """Open a regular file, which must be that one. Raises OSError; a pipe is not waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or (status.st_dev, status.st_ino) != identity:
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "another file has taken its place", path)
    return descriptor


def open_packed(path: str, identity: tuple[int, int]) -> tuple[int, str]:
    """As `open_file`, of a compressed file; and how it is compressed."""
    descriptor = open_file(path, identity)
    return descriptor, packing(os.pread(descriptor, HEAD, 0))
