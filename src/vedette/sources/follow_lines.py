"""Whole lines of a growing plain file and of a compressed one, in pieces of bounded size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from vedette.sources.compressed import Block, Broken, gzip_blocks, zstd_blocks
from vedette.sources.follow_identity import HEAD

LONGEST_LINE = 64 << 20
"""A longer line is given as its first `CUT` bytes."""
CUT = 1 << 16
_STEP = 1 << 20
_PROBE = 1 << 14
_LEAST = 1 << 18
"""Bytes searched for a line's end, however few are asked for."""


class Cut(NamedTuple):
    """Some whole lines."""

    data: bytes
    """Empty where no line has ended."""
    end: int
    """The offset behind them."""
    scanned: int
    """From `end` to here there is no line end."""
    long: bool = False
    """Its one line was too long, and is not all there."""


def cut(descriptor: int, offset: int, scanned: int, size: int, limit: int) -> Cut:
    """Lines of a plain file from `offset` on, some `limit` bytes (one line, where that is longer).

    What was `scanned` in vain is not scanned again, so that a long line which comes in small parts costs its length.
    """
    if scanned <= offset:
        end = line_end(descriptor, offset, min(size, offset + limit))
        if end > offset:
            return Cut(os.pread(descriptor, end - offset, offset), end, end)
        scanned = min(size, offset + limit)
    stop = min(size, scanned + max(limit, _LEAST))
    while scanned < stop:
        block = os.pread(descriptor, min(_STEP, stop - scanned), scanned)
        if not block:
            break
        at = block.find(b"\n")
        if at >= 0:
            end = scanned + at + 1
            if end - offset > LONGEST_LINE:
                return Cut(os.pread(descriptor, CUT, offset) + b"\n", end, end, long=True)
            return Cut(os.pread(descriptor, end - offset, offset), end, end)
        scanned += len(block)
    return Cut(b"", offset, scanned)


def last_line_end(descriptor: int, size: int) -> int:
    """The offset behind the last whole line of a plain file of that size."""
    return line_end(descriptor, max(0, size - LONGEST_LINE), size)


def line_end(descriptor: int, start: int, stop: int) -> int:
    """The offset behind the last line end between two offsets; `start` where there is none.

    Looked for from behind: reading a little twice costs less than cutting a half line off what was read.
    """
    while stop > start:
        begin = max(start, stop - _PROBE)
        at = os.pread(descriptor, stop - begin, begin).rfind(b"\n")
        if at >= 0:
            return begin + at + 1
        stop = begin
    return start


def rest(descriptor: int, offset: int, size: int) -> tuple[bytes, bool]:
    """A plain file's last bytes, which end in no line end; True: they were too many, and are not all there."""
    if size - offset > LONGEST_LINE:
        return os.pread(descriptor, CUT, offset), True
    return os.pread(descriptor, size - offset, offset), False


class Unpacker:
    """A compressed file's plain bytes, passed over up to an offset and then taken by lines. Owns the descriptor."""

    def __init__(self, descriptor: int, kind: str) -> None:
        self.at = 0
        """Plain bytes that were passed over or taken."""
        self.tail = b""
        """Up to `HEAD` bytes before `at`."""
        self.fault = ""
        """How the compressed data ends badly; all before is given."""
        self._descriptor = descriptor
        self._blocks: Iterator[Block] = (
            gzip_blocks(descriptor) if kind == "gzip" else zstd_blocks(partial(os.read, descriptor))
        )
        self._held = bytearray()
        self._searched = 0
        self._dropped = 0
        self._ended = False

    def head(self) -> bytes:
        """The first `HEAD` plain bytes, or all; nothing is taken by that."""
        while len(self._held) < HEAD and self._fill():
            pass
        return bytes(self._held[:HEAD])

    def more(self) -> bool:
        """Whether there are bytes behind `at`."""
        return bool(self._held) or self._fill()

    def skip(self, to: int, budget: int) -> bool:
        """Pass over bytes up to an offset, some `budget` at once; False once it is reached or nothing is left."""
        while self.at < to and budget > 0:
            if not self.more():
                return False
            passed = min(to - self.at, len(self._held))
            self._consume(passed)
            budget -= passed
        return self.at < to

    def take(self, limit: int) -> Cut:
        """Whole lines, some `limit` bytes; where none has ended by then, `data` is empty and `scanned` says how far."""
        budget = max(limit, _LEAST)
        while True:
            at = self._held.find(b"\n", self._searched)
            if at >= 0 and self._dropped:
                return self._take_long(at)
            if at >= 0 and (len(self._held) >= limit or budget <= 0):
                return self._take_lines(limit)
            if at < 0:
                self._searched = len(self._held)
                self._bound()
            before = len(self._held)
            if budget <= 0 or not self._fill():
                if at >= 0:
                    return self._take_lines(limit)
                return Cut(b"", self.at, self.at + self._dropped + len(self._held))
            budget -= len(self._held) - before

    def rest(self) -> tuple[bytes, bool]:
        """What is left when all is unpacked: a line that lacks its end; True: it was too long, and is not all there."""
        data, long = bytes(self._held), bool(self._dropped)
        dropped = self._dropped
        self._consume(len(data))
        self.at += dropped
        return (data[:CUT] if long else data), long

    @property
    def ended(self) -> bool:
        """All is unpacked; what `rest` gives is left."""
        return self._ended

    def close(self) -> None:
        """Let go of the file."""
        close = getattr(self._blocks, "close", None)
        if close is not None:
            close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _take_lines(self, limit: int) -> Cut:
        end = self._held.rfind(b"\n", 0, limit) + 1 or self._held.find(b"\n") + 1
        data = bytes(self._held[:end])
        self._consume(end)
        return Cut(data, self.at, self.at)

    def _take_long(self, line_end: int) -> Cut:
        data = bytes(self._held[:CUT]) + b"\n"
        self._consume(line_end + 1)
        self.at += self._dropped
        self._dropped = 0
        return Cut(data, self.at, self.at, long=True)

    def _bound(self) -> None:
        """Keep only the begin of a line that is too long, and its last bytes: by those the place is known again."""
        if (len(self._held) > LONGEST_LINE or self._dropped) and len(self._held) > CUT + HEAD:
            self._dropped += len(self._held) - CUT - HEAD
            del self._held[CUT:-HEAD]
            self._searched = len(self._held)

    def _consume(self, count: int) -> None:
        self.tail = (self.tail + bytes(self._held[max(0, count - HEAD) : count]))[-HEAD:]
        del self._held[:count]
        self.at += count
        self._searched = 0

    def _fill(self) -> bool:
        while not self._ended:
            try:
                block = next(self._blocks, None)
            except OSError as error:
                block = Broken(error.strerror or str(error))
            if block is None or isinstance(block, Broken):
                self._ended = True
                self.fault = str(block) if block is not None else ""
            elif block:
                self._held += block
                return True
        return False
