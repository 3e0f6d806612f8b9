"""Audit filter: what the `filter` of a Vault audit device lets pass, computed as go-bexpr 0.1.12 does for Vault 1.21.

A filter is a boolean expression on five texts of a request: mount_point, mount_type, namespace, operation, path
(`logical.LogInputBexpr`). Vault Enterprise alone takes one. A test holds this reading against go-bexpr itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import re2

FIELDS = ("mount_point", "mount_type", "namespace", "operation", "path")
"""What a filter can ask for, all of them texts; empty where the request has none."""
Passes = Callable[[Mapping[str, str]], bool]
_MOST = 10_000
_DEEPEST = 100
_IDENTIFIER = re.compile(r"[a-zA-Z][a-zA-Z0-9_/]*")
_INDEX = re.compile(r"\.([a-zA-Z][a-zA-Z0-9_/]*|[0-9]+)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?=[ \t\r\n)]|\Z)")
_SPACE = re.compile(r"[ \t\r\n]+")
_POINTER = re.compile(r'"((?:/(?:[^\W_]|[-_.~:|])+)*)"')
_QUOTED = re.compile(r'`([^`]*)`|"([^"]*)"')
_OPERATORS = (
    ("==", re.compile(r"[ \t\r\n]*==[ \t\r\n]*")),
    ("!=", re.compile(r"[ \t\r\n]*!=[ \t\r\n]*")),
    ("in", re.compile(r"[ \t\r\n]+contains[ \t\r\n]+")),
    ("not in", re.compile(r"[ \t\r\n]+not[ \t\r\n]+contains[ \t\r\n]+")),
    ("matches", re.compile(r"[ \t\r\n]+matches[ \t\r\n]+")),
    ("not matches", re.compile(r"[ \t\r\n]+not[ \t\r\n]+matches[ \t\r\n]+")),
)
_EMPTY = (
    ("is empty", re.compile(r"[ \t\r\n]+is[ \t\r\n]+empty")),
    ("is not empty", re.compile(r"[ \t\r\n]+is[ \t\r\n]+not[ \t\r\n]+empty")),
)
_IN = (
    ("in", re.compile(r"[ \t\r\n]+in[ \t\r\n]+")),
    ("not in", re.compile(r"[ \t\r\n]+not[ \t\r\n]+in[ \t\r\n]+")),
)


class BadFilter(ValueError):
    """A filter that cannot be read; `str()` is the reason."""


@dataclass(frozen=True, slots=True)
class _Selector:
    text: str
    """As a value."""
    field: str


def read_filter(text: str) -> Passes:
    """What tells of a request, given as FIELDS, whether its entries are written. Raises BadFilter."""
    if len(text) > _MOST:
        raise BadFilter(f"longer than {_MOST:,} characters")
    stripped = text.strip()
    if not stripped:
        raise BadFilter("empty")
    try:
        return _Parser(stripped).whole()
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise BadFilter(f"a pattern is no RE2: {said}") from error


class _Parser:
    """One alternative after the other, as the grammar (grammar.peg) has them; a position or None for "not here"."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0
        self.far = 0

    def whole(self) -> Passes:
        found = self._or(0)
        if found is None or found[1] != len(self.text):
            place = max(self.far, found[1] if found else 0)
            raise BadFilter(f"no expression that Vault reads, from character {place + 1} on")
        return found[0]

    def _or(self, at: int) -> tuple[Passes, int] | None:
        return self._joined(at, "or", self._and, lambda one, two: lambda asked: one(asked) or two(asked))

    def _and(self, at: int) -> tuple[Passes, int] | None:
        return self._joined(at, "and", self._not, lambda one, two: lambda asked: one(asked) and two(asked))

    def _joined(
        self, at: int, word: str, part: Callable[[int], Any], join: Callable[[Passes, Passes], Passes]
    ) -> tuple[Passes, int] | None:
        found: tuple[Passes, int] | None = part(at)
        while found is not None:
            after = self._word(found[1], word)
            following = part(after) if after is not None else None
            if following is None:
                break
            found = join(found[0], following[0]), following[1]
        return found

    def _not(self, at: int) -> tuple[Passes, int] | None:
        if self.text.startswith("not", at) and (space := _SPACE.match(self.text, at + 3)):
            self._deeper()
            found = self._not(space.end())
            self.depth -= 1
            if found is not None:
                inner = found[0]
                return (lambda asked: not inner(asked)), found[1]
        return self._grouped(at)

    def _grouped(self, at: int) -> tuple[Passes, int] | None:
        if self.text.startswith("(", at):
            self._deeper()
            found = self._or(self._spaces(at + 1))
            self.depth -= 1
            end = self._spaces(found[1]) if found else at
            if found is not None and self.text.startswith(")", end):
                return found[0], end + 1
            return None
        return self._match(at)

    def _match(self, at: int) -> tuple[Passes, int] | None:
        self.far = max(self.far, at)
        selector = self._selector(at)
        if selector is not None:
            for name, pattern in _OPERATORS:
                if operator := pattern.match(self.text, selector[1]):
                    value = self._value(operator.end())
                    if value is not None:
                        return _test(selector[0], name, value[0]), value[1]
            for name, pattern in _EMPTY:
                if operator := pattern.match(self.text, selector[1]):
                    return _test(selector[0], name, ""), operator.end()
        value = self._value(at)
        for name, pattern in _IN:
            if value is not None and (operator := pattern.match(self.text, value[1])):
                into = self._selector(operator.end())
                if into is not None:
                    return _test(into[0], name, value[0]), into[1]
        return None

    def _selector(self, at: int) -> tuple[_Selector, int] | None:
        if first := _IDENTIFIER.match(self.text, at):
            end, parts = first.end(), [first[0]]
            while more := _INDEX.match(self.text, end):
                parts.append(more[1])
                end = more.end()
            return _Selector(".".join(parts), ".".join(parts)), end
        if pointer := _POINTER.match(self.text, at):
            parts = [one.replace("~1", "/").replace("~0", "~") for one in pointer[1].split("/")[1:]]
            return _Selector("/".join(parts), parts[0] if len(parts) == 1 else pointer[1]), pointer.end()
        return None

    def _value(self, at: int) -> tuple[str, int] | None:
        if (selector := self._selector(at)) is not None:
            return selector[0].text, selector[1]
        if number := _NUMBER.match(self.text, at):
            return number[0], number.end()
        if quoted := _QUOTED.match(self.text, at):
            if quoted[2] is not None and ("\\" in quoted[2] or "\n" in quoted[2]):
                raise BadFilter("a text in quotes has a backslash or a line end; write it in `backquotes`")
            return (quoted[1] or "").replace("\r", "") + (quoted[2] or ""), quoted.end()
        return None

    def _word(self, at: int, word: str) -> int | None:
        before = _SPACE.match(self.text, at)
        if before is None or not self.text.startswith(word, before.end()):
            return None
        after = _SPACE.match(self.text, before.end() + len(word))
        return after.end() if after else None

    def _spaces(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise BadFilter(f"more than {_DEEPEST} brackets deep")


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options


def _test(selector: _Selector, operator: str, value: str) -> Passes:
    if selector.field not in FIELDS:
        raise BadFilter(f"{selector.field} is none of {', '.join(FIELDS)}")
    field = selector.field
    if operator.endswith("matches"):
        pattern = re2.compile(value, _options())
        holds: Passes = lambda asked: pattern.search(asked[field]) is not None  # noqa: E731
    elif operator.endswith("in"):
        holds = lambda asked: value in asked[field]  # noqa: E731
    elif operator.endswith("empty"):
        holds = lambda asked: asked[field] == ""  # noqa: E731
    else:
        holds = lambda asked: asked[field] == value  # noqa: E731
    if "not" in operator or operator == "!=":
        return lambda asked: not holds(asked)
    return holds
