"""A spool in memory, and one that fails as it is told."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from vedette.sources.base import Position


class MemorySpool:
    """What was appended, in order. Meets `sources.base.Spool`."""

    def __init__(self) -> None:
        self.appended: list[bytes] = []
        self.fails: OSError | None = None
        """Raised by every append while it is set."""
        self.free = threading.Event()
        """Appends wait while it is not set."""
        self.free.set()
        self.entered = threading.Semaphore(0)
        """Released by each append that begins."""

    @property
    def lines(self) -> list[bytes]:
        """Every line so far."""
        return b"".join(self.appended).splitlines()

    def append(self, data: bytes) -> None:
        """Keep it, or fail."""
        self.entered.release()
        self.free.wait(10)
        if self.fails:
            raise self.fails
        self.appended.append(data)

    def read(self, position: Position | None, limit: int) -> Sequence[tuple[bytes, Position, str]]:
        """Blocks as they were appended; a position counts them."""
        found: list[tuple[bytes, Position, str]] = []
        for number in range(_number(position), len(self.appended)):
            if sum(len(one[0]) for one in found) >= limit:
                break
            found.append((self.appended[number], {"block": number + 1}, "spool/1"))
        return found

    def waiting(self, position: Position | None) -> int:
        """Bytes behind `position`."""
        return sum(map(len, self.appended[_number(position) :]))


def _number(position: Position | None) -> int:
    return int(str(position["block"])) if position else 0
