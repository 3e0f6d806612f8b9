"""Invented text: values that meet one test, from the plainest on; a test on an event decides whether they do."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import assert_never

from vedette.network import Networks
from vedette.rule import FieldPath, Op, Regex, Test, Text, Value, Wild

OUTSIDE = ("198.51.100.77", "2001:db8::77", "203.0.113.9", "192.0.2.14", "8.8.8.8", "10.0.20.17", "127.0.0.1")
"""Addresses for a test that one be in no network: of documentation first (RFC 5737), then any."""
OTHERS = ("vedette-other", "x", "eve@example.org", "1", "")
"""Texts for a test that must not hold."""
_FILLS = ("", "x", "vedette-1")
"""What a wildcard may stand for."""


def values_for(test: Test) -> Iterator[object]:
    """Values that each meet one of the test's own, or with `every` all of them."""
    if test.op is Op.EXISTS:
        yield from ("x",) if test.values[0] is True else ()
        return
    found = [list(_of(value, test.op)) for value in test.values]
    if test.every and all(found):
        firsts = [one[0] for one in found]
        yield list(firsts)
        yield " ".join(map(str, firsts))
        yield "".join(map(str, firsts))
    for one in found:
        yield from one


def _of(value: Value, op: Op) -> Iterator[object]:
    match value:
        case Text():
            yield from dict.fromkeys(_filled(value, fill) for fill in _FILLS)
        case Regex():
            yield from pattern_texts(value)
        case Networks():
            for version, ranges in ((ipaddress.IPv4Address, value.v4), (ipaddress.IPv6Address, value.v6)):
                yield from (str(version(low + (high > low))) for low, high in ranges[:3])
        case FieldPath():
            return
        case bool() | None:
            yield value
        case int() | float():
            yield from (value,) if op is Op.EQUALS else (value, value + 1, value - 1)
        case _:
            assert_never(value)


def _filled(text: Text, fill: str) -> str:
    parts = [part if isinstance(part, str) else (part is Wild.MANY and fill) or "" for part in text.parts]
    ones = ["x" if part is Wild.ONE else said for part, said in zip(text.parts, parts, strict=True)]
    return "".join(ones)


class _NoText(Exception):
    """A pattern in which something is written that no text is made for."""


_CLASSES = {"d": "0", "w": "a", "s": " ", "D": "x", "W": "-", "S": "x", "t": "\t", "n": "\n", "r": "\r"}
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")


def pattern_texts(regex: Regex) -> Iterator[str]:
    """Texts that an RE2 pattern may match: each of its outermost alternatives, taken as short as it can be.

    They are tries; whether the pattern matches says the engine. None for what this small reader does not know.
    """
    try:
        found = _Pattern(regex.pattern).alternatives()
    except _NoText:
        return
    yield from dict.fromkeys(found)


class _Pattern:
    """Reads a pattern from left to right; what may be left out is, and of a class one character is taken."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def alternatives(self) -> list[str]:
        """A text for each outermost alternative."""
        found = self._branches()
        if self._at < len(self._pattern):
            raise _NoText
        return found

    def _branches(self) -> list[str]:
        found = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            found.append(self._sequence())
        return found

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self) -> str:
        char = self._peek()
        if not char:
            raise _NoText
        self._at += 1
        return char

    def _sequence(self) -> str:
        parts: list[str] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._counted(self._atom()))
        return "".join(parts)

    def _atom(self) -> str:
        char = self._take()
        if char == "(":
            return self._group()
        if char == "[":
            return self._class()
        if char == "\\":
            return self._escape()
        return "" if char in "^$" else "x" if char == "." else char

    def _group(self) -> str:
        if self._pattern.startswith("?", self._at):
            opened = re.compile(r"\?(?:P?<\w+>|[ims]*:)").match(self._pattern, self._at)
            flags = re.compile(r"\?[ims]+\)").match(self._pattern, self._at)
            if flags:
                self._at = flags.end()
                return ""
            if not opened:
                raise _NoText
            self._at = opened.end()
        found = self._branches()
        if self._take() != ")":
            raise _NoText
        return found[0]

    def _escape(self) -> str:
        char = self._take()
        if char in "bBAz":
            return ""
        if char in _CLASSES:
            return _CLASSES[char]
        if char.isalnum():
            raise _NoText
        return char

    def _class(self) -> str:
        end = self._pattern.find("]", self._at + 1 + (self._peek() == "^"))
        while end > 0 and self._pattern[end - 1] == "\\" and self._pattern[end - 2] != "\\":
            end = self._pattern.find("]", end + 1)
        if end < 0:
            raise _NoText
        inner, self._at = self._pattern[self._at : end], end + 1
        if "[:" in inner:
            raise _NoText
        if inner.startswith("^"):
            excluded = re.compile(f"[{inner}]")
            found = next((char for char in "xa0-/ ~" if excluded.match(char)), None)
            if found is None:
                raise _NoText
            return found
        if inner.startswith("\\"):
            return _CLASSES.get(inner[1:2], inner[1:2])
        return inner[:1]

    def _counted(self, text: str) -> str:
        char = self._peek()
        count = _COUNT.match(self._pattern, self._at)
        if char in ("*", "?", "+"):
            self._at += 1
            text = text if char == "+" else ""
        elif count:
            self._at = count.end()
            text *= min(int(count[1]), 1000)
        else:
            return text
        if self._peek() == "?":
            self._at += 1
        return text


def joined(tests: Sequence[Test]) -> Iterator[str]:
    """Texts that may meet several tests of one field at once: what each wants, one after the other."""
    firsts = [next((value for value in values_for(test) if isinstance(value, str)), "") for test in tests]
    if len(firsts) > 1:
        yield "".join(firsts)
        yield " ".join(firsts)
