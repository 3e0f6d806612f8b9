"""JSON values put together from lines: pretty-printed records, and lists with a record a line.

A scanner that knows only strings, brackets and commas, so that it needs no recursion and can stop at any line end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vedette.formats.base import Unreadable

LIMIT = 64 << 20
"""Bytes of memory for one value; more is refused as too long."""
_OVERHEAD = 64
"""Bytes that Python spends on each line besides."""

_TOKEN = re.compile(
    rb'[ \t\r\n]*(?:([{}\[\],:])|("(?:[^"\\\x00-\x1f]+|\\.)*+")|(-?[0-9][0-9.eE+-]*|true|false|null))', re.DOTALL
)
_CUT = re.compile(
    rb'[ \t\r\n]*(?:"(?:[^"\\\x00-\x1f]+|\\.)*+\\?|-|t|tr|tru|f|fa|fal|fals|n|nu|nul)[ \t\r\n]*', re.DOTALL
)
_BLANK = re.compile(rb"[ \t\r\n]*\Z")
_OPEN, _CLOSE = b"{[", b"}]"


class Assembly:
    """One growing text of JSON values. A list at the top is given element by element."""

    def __init__(self) -> None:
        self._stack = bytearray()
        """The closing bracket of each open one."""
        self._after = 0
        """The last token: a bracket, comma or colon, or `v` for a whole value."""
        self._held: list[bytes] = []
        self._held_size = 0
        self._line = 0
        """Where the held value begins."""
        self._list = False

    @property
    def open(self) -> bool:
        """True when the text so far needs more."""
        return bool(self._stack)

    @property
    def held(self) -> bytes:
        """The unfinished value's text."""
        return b"\n".join(self._held)

    @property
    def held_lines(self) -> list[bytes]:
        """The same, line by line."""
        return list(self._held)

    @property
    def line(self) -> int:
        """Where the unfinished value begins."""
        return self._line

    @property
    def indented(self) -> bool:
        """True when what is inside the unfinished value is indented, so that nothing in it begins a line."""
        return len(self._held) > 1 and self._held[1][:1] in (b" ", b"\t")

    def expects_record(self) -> bool:
        """True where a list at the top goes on with an element."""
        return self._list and len(self._stack) == 1 and self._after != ord("v")

    def took_record(self, *, comma: bool) -> None:
        """A whole element of the list was taken without this scanner, with or without the comma behind it."""
        self._after = ord("," if comma else "v")

    def add(self, text: bytes, line: int) -> Iterator[tuple[bytes, int]]:
        """Go on with a line; gives the values that end in it, each with the line it began at.

        Raises Unreadable when this cannot be JSON; what was held is then in `held`, without this line.
        """
        position = start = 0
        base = 1 if self._list else 0
        idle = len(self._stack) <= base and not self._held
        while not _BLANK.match(text, position):
            token = _TOKEN.match(text, position)
            if token is None:
                raise Unreadable("cut off" if _CUT.fullmatch(text, position) else "not JSON")
            mark = token[1]
            position = token.end()
            if idle and self._between(mark):
                base = 1 if self._list else 0
                continue
            if idle:
                if mark is not None and mark not in _OPEN:
                    raise Unreadable("not JSON")
                self._line, start, idle = line, position - len(token[0].lstrip()), False
            self._step(mark)
            if len(self._stack) == base:
                yield b"\n".join([*self._held, text[start:position]]), self._line
                self._held, self._held_size, idle = [], 0, True
        if not idle:
            self._hold(text[start:])

    def _hold(self, text: bytes) -> None:
        self._held_size += len(text) + _OVERHEAD
        if self._held_size > LIMIT:
            raise Unreadable("record too long")
        self._held.append(text)

    def _between(self, mark: bytes | None) -> bool:
        """Take what stands outside of the values: the brackets and commas of a list at the top."""
        if mark == b"[" and not self._stack:
            self._list = True
            self._stack += b"]"
        elif mark == b"]" and self._list:
            self._list = False
            del self._stack[-1]
        elif mark == b"," and self._list and self._after == ord("v"):
            pass
        else:
            return False
        self._after = ord("v") if mark == b"]" else mark[0]
        return True

    def _step(self, mark: bytes | None) -> None:
        """Take one token; only what could not possibly follow is refused, the decoder judges the rest."""
        in_object = self._stack[-1:] == b"}"
        if mark is None or mark in _OPEN:
            if self._stack and self._after in b"v}]":
                raise Unreadable("not JSON")
            if mark is None:
                self._after = ord("v")
                return
            if in_object and self._after != ord(":"):
                raise Unreadable("not JSON")
            self._stack += b"}" if mark == b"{" else b"]"
            self._after = mark[0]
        elif mark in _CLOSE:
            if self._stack[-1:] != mark:
                raise Unreadable("not JSON")
            del self._stack[-1]
            self._after = ord("v")
        else:
            self._after = mark[0]


def may_go_on(line: bytes) -> bool:
    """True when `line`, the begin of a value that does not end in it, looks pretty-printed and not cut off."""
    return line.rstrip()[-1:] in (b"{", b"[", b",", b":")
