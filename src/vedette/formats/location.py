"""Where the records of a chunk stand, found only when somebody asks for one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter

_TOKEN = re.compile(rb'"(?:[^"\\]+|\\.)*+"|[\[{]+|[\]}]+', re.DOTALL)


class ChunkLines:
    """Index of a record in a chunk -> its bytes and its line."""

    def __init__(
        self,
        chunk: bytes,
        base: int,
        records: int = 0,
        counted: Callable[[int], None] | None = None,
        lines: Sequence[int] | None = None,
    ) -> None:
        """`base` is the line that the chunk begins at.

        For JSON: `records` is how many the decoder found; `counted` is told how many lines the chunk has, once
        somebody has asked for a record. For text: `lines` gives the line of each record.
        """
        self._chunk = chunk
        self._base = base
        self._records = records
        self._counted = counted
        self._lines = lines
        self._plain: Sequence[bytes] = ()
        self._spots: Sequence[tuple[int, int, int]] = ()

    def __call__(self, index: int) -> tuple[bytes, int]:
        """The bytes of record `index`, and its line."""
        if not self._plain and not self._spots:
            self._plain = self._records_as_lines()
        if self._plain:
            return self._plain[index], self._base + index
        if not self._spots:
            self._spots = self._find()
        start, end, line = self._spots[index]
        return self._chunk[start:end].strip(), self._base + line

    def _records_as_lines(self) -> Sequence[bytes]:
        """The chunk's lines where each is, byte for byte, one record, as in nearly every file; else nothing.

        A record cannot end on a line and another begin on the next without a `}` before and a `{` behind the line end,
        and within a record these two never stand so: if all lines are like this, each holds at least one whole record.
        """
        if self._lines is not None:
            return ()
        lines = self._chunk.split(b"\n")
        if not lines[-1]:
            lines.pop()
        if len(lines) != self._records or not _each_an_object(lines):
            return ()
        if self._counted is not None:
            self._counted(len(lines))
        return lines

    def _find(self) -> Sequence[tuple[int, int, int]]:
        chunk = self._chunk
        ends: list[int] = []
        at = chunk.find(b"\n")
        while at >= 0:
            ends.append(at)
            at = chunk.find(b"\n", at + 1)
        if not chunk.endswith(b"\n"):
            ends.append(len(chunk))
        starts = [0, *(end + 1 for end in ends)]
        if self._lines is not None:
            return [(starts[line], ends[line], line) for line in self._lines]
        spots = [(start, end, line) for line, (start, end) in enumerate(zip(starts, ends, strict=False))]
        if self._counted is not None:
            self._counted(len(spots))
        if len(spots) != self._records:
            spots = [(start, end, line) for start, end, line in spots if chunk[start:end].strip()]
        if len(spots) == self._records and all(_is_object(chunk, start, end) for start, end, _ in spots):
            return spots
        return values(chunk)


def _each_an_object(lines: Sequence[bytes]) -> bool:
    try:
        return set(map(_FIRST, lines)) == {123} and set(map(_LAST, lines)) == {125}
    except IndexError:
        return False  # an empty line


_FIRST, _LAST = itemgetter(0), itemgetter(-1)


def values(chunk: bytes) -> list[tuple[int, int, int]]:
    """Start, end and line of each JSON object in a text of objects, however they stand on lines."""
    found: list[tuple[int, int, int]] = []
    line = counted = 0
    for start, end in spans(chunk):
        line += chunk.count(b"\n", counted, start)
        counted = start
        found.append((start, end, line))
    return found


def spans(text: bytes, outer: int = 0) -> Iterator[tuple[int, int]]:
    """Start and end of each JSON object or list that stands within `outer` others; an open one at the end has none."""
    depth = start = 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        size = len(mark)
        if mark[0] in b"[{":
            if depth <= outer < depth + size:
                start = token.start() + outer - depth
            depth += size
        elif mark[0] in b"]}":
            if depth - size <= outer < depth:
                yield start, token.start() + depth - outer
            depth -= size


def _is_object(chunk: bytes, start: int, end: int) -> bool:
    # As in `_records_as_lines`, but with blanks around it.
    line = chunk[start:end].strip()
    return line[:1] == b"{" and line[-1:] == b"}"
