"""One value of an event against one value of a rule: True, False, or None for "cannot tell"."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import re2

from vedette.network import Networks
from vedette.rule import FieldPath, Op, Regex, Test, Text, Value, Wild

Verdict = bool | None
"""True, False, or None for "cannot tell" (Kleene's third value)."""

Compare = Callable[[object], Verdict]


def comparison(test: Test, value: Value) -> Compare:
    """The function that compares one item of the field with `value` as `test` says.

    Not for the operators that look at all items at once (EXISTS, SUBSETOF, KEYWORD, the FIELDREF family).
    """
    if test.op is Op.INNET:
        assert isinstance(value, Networks)
        return _inside(value)
    if test.op is Op.REGEX:
        assert isinstance(value, Regex)
        return _search(value)
    if test.op in _ORDER:
        assert isinstance(value, int | float)
        return _ordered(test.op, value)
    if isinstance(value, Text):
        return _text(value, test.cased)
    return _scalar(value)


@lru_cache(maxsize=4096)
def _inside(networks: Networks) -> Compare:
    def compare(item: object) -> Verdict:
        if item is None:
            # Null is as good as absent, here as everywhere.
            return False
        return networks.contains(item) if isinstance(item, str) else None

    return compare


@lru_cache(maxsize=4096)
def _search(regex: Regex) -> Compare:
    flags = f"(?{regex.flags})" if regex.flags else ""
    return _matching(re2.compile(flags + regex.pattern).search)


def _matching(find: Callable[[str], object]) -> Compare:
    def compare(item: object) -> Verdict:
        text = shown(item)
        if text is None:
            return False
        try:
            return find(text) is not None
        except UnicodeEncodeError:
            # A lone surrogate (JSON's \ud800 may be written alone) has no UTF-8 form; RE2 sees a question mark.
            return find(text.encode("utf-8", "replace").decode()) is not None

    return compare


_ORDER: dict[Op, Callable[[float, float], bool]] = {
    Op.GT: lambda item, value: item > value,
    Op.GTE: lambda item, value: item >= value,
    Op.LT: lambda item, value: item < value,
    Op.LTE: lambda item, value: item <= value,
}


def holds(op: Op, count: float, threshold: float) -> bool:
    """`count` against `threshold` by GT, GTE, LT, LTE or EQUALS: a correlation's condition."""
    return _ORDER[op](count, threshold) if op in _ORDER else count == threshold


def _ordered(op: Op, value: float) -> Compare:
    ordered = _ORDER[op]

    def compare(item: object) -> Verdict:
        if isinstance(item, bool) or not isinstance(item, int | float):
            return False
        return ordered(item, value)

    return compare


@lru_cache(maxsize=65536)
def _text(value: Text, cased: bool) -> Compare:
    plain = value.plain
    if plain is not None:
        return _equal(plain, cased)
    parts = value.parts
    if len(parts) == 2 and isinstance(parts[0], str) and parts[1] is Wild.MANY:
        head = parts[0]
        if cased:
            return lambda item: (text := shown(item)) is not None and text.startswith(head)
        lowered = head.lower()
        return lambda item: (text := shown(item)) is not None and text.lower().startswith(lowered)
    return _pattern(value, cased)


def _equal(plain: str, cased: bool) -> Compare:
    if cased:
        return lambda item: shown(item) == plain
    lowered = plain.lower()
    return lambda item: (text := shown(item)) is not None and text.lower() == lowered


def _pattern(value: Text, cased: bool) -> Compare:
    # Wildcards become a pattern of our own making: literals are escaped, and `.*` cannot backtrack badly in RE2.
    pieces = [re2.escape(part) if isinstance(part, str) else _WILD[part] for part in value.parts]
    return _matching(re2.compile(("(?s)" if cased else "(?is)") + "".join(pieces)).fullmatch)


_WILD = {Wild.MANY: ".*", Wild.ONE: "."}


def _scalar(value: object) -> Compare:
    if value is None:
        return lambda item: item is None
    if isinstance(value, bool):
        return lambda item: item is value
    return lambda item: (item == value and not isinstance(item, bool)) or item == str(value)


def shown(item: object) -> str | None:
    """The text that a textual test sees: numbers as written, booleans as in JSON; None for objects and null."""
    if isinstance(item, str):
        return item
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int | float):
        return str(item)
    return None


def referenced(op: Op, item: object, other: object, cased: bool) -> Verdict:
    """One item of the field against one item of the field referred to."""
    left, right = shown(item), shown(other)
    if left is None or right is None:
        return False
    if not cased:
        left, right = left.lower(), right.lower()
    if op is Op.FIELDREF_STARTSWITH:
        return left.startswith(right)
    if op is Op.FIELDREF_ENDSWITH:
        return left.endswith(right)
    if op is Op.FIELDREF_CONTAINS:
        return right in left
    return left == right


def path_of(value: Value) -> FieldPath:
    """The field that a FIELDREF or SUBSETOF test refers to."""
    assert isinstance(value, FieldPath)
    return value
