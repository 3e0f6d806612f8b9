"""One JSON object decoded whole and strictly, for the few records that a rule may match.

Strict means: what is not JSON (NaN, a bare control character, a cut end) is refused. It does not mean fragile: the
Kubernetes API server copies the body of a patch into its audit log byte by byte, so whoever sends it may choose
invalid UTF-8, lone surrogates, numbers beyond any type, repeated keys or a nesting thousands deep, and the server
takes all of that. A record must not get lost to the rules by it. So text is mended with U+FFFD as Go does, the last of
repeated keys counts, and what is too deep or too long is cut out and named.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from vedette.formats.base import Unreadable

Made = TypeVar("Made")

DEPTH = 100
"""What is nested deeper is cut out where Python cannot follow; no rule looks there."""
_SURELY_FLAT = 300
"""So many brackets cannot nest deeper than Python can follow, whatever they hold."""
LONG = 4 << 20
"""Bytes from which a record's top-level values are decoded one by one, the longest left out."""
TOO_LONG = 64 << 20
"""Bytes from which a record is not decoded at all."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_TOKENS = re.compile(rb'"(?:[^"\\]+|\\.)*+"|[\[{\]}]', re.DOTALL)
_KEY_BEFORE = re.compile(rb'"((?:[^"\\]|\\.)*)"[ \t\r\n]*:[ \t\r\n]*\Z', re.DOTALL)
_whole = msgspec.json.Decoder().decode
_RAW_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Document(NamedTuple):
    """A decoded JSON object."""

    fields: dict[str, object]
    cut: frozenset[str]
    """Top-level keys beneath which something was left out; within those taken apart, dotted paths of two keys."""


def decoded(raw: bytes, make: Callable[[Document], Made], apart: frozenset[str] = frozenset()) -> Made:
    """What `make` makes of the JSON object in `raw`; where that is nested too deep for Python, of what prune leaves.

    `apart` names top-level objects of which only the members that are too long or too deep are left out: those that
    hold a client's text beside the server's. Raises Unreadable.
    """
    try:
        return make(parse(raw, apart))
    except RecursionError:
        pruned, cut = prune(raw, apart=apart)
        document = parse(pruned, apart)
        return make(document._replace(cut=document.cut | cut))


def parse(raw: bytes, apart: frozenset[str] = frozenset()) -> Document:
    """The JSON object in `raw`. Raises Unreadable, and RecursionError for what is nested too deep."""
    if len(raw) > TOO_LONG:
        raise Unreadable("record too long")
    if len(raw) > LONG:
        return _piecemeal(raw, apart)
    value = _decode(raw)
    if not isinstance(value, dict):
        raise Unreadable("unknown shape")
    if raw.count(b"{") + raw.count(b"[") > _SURELY_FLAT and _deeper(value):
        # The decoder goes deeper than what walks through the document later could.
        raise RecursionError
    return Document(value, frozenset())


def _deeper(value: object) -> bool:
    """True when `value` is nested deeper than DEPTH."""
    level: list[Any] = [value]
    for _ in range(DEPTH + 1):
        inner = [part for outer in level for part in (outer.values() if type(outer) is dict else outer)]
        level = [part for part in inner if type(part) is dict or type(part) is list]
        if not level:
            return False
    return True


def encode(document: Document) -> bytes:
    """The document as plain JSON, everything odd taken out of it."""
    return json.dumps(document.fields).encode()


def prune(raw: bytes, depth: int = DEPTH, apart: frozenset[str] = frozenset()) -> tuple[bytes, frozenset[str]]:
    """`raw` with null in place of what is nested deeper than `depth`, and where that was, as `Document.cut` has it.

    Needs no recursion. Raises Unreadable where brackets do not match up.
    """
    kept: list[bytes] = []
    keys: set[str] = set()
    open_at = [0, 0]
    done = 0
    level = 0
    for token in _TOKENS.finditer(raw):
        mark = raw[token.start()]
        if mark in b"[{":
            level += 1
            if level in (2, 3):
                open_at[level - 2] = token.start()
            if level == depth + 1:
                kept.append(raw[done : token.start()])
                keys.add(_place(raw, open_at, apart))
        elif mark in b"]}":
            level -= 1
            if level < 0:
                raise Unreadable("not JSON")
            if level == depth:
                kept.append(b"null")
                done = token.end()
    if level:
        raise Unreadable("cut off" if level < depth else "nested too deep")
    kept.append(raw[done:])
    return b"".join(kept), frozenset(keys - {""})


def _place(raw: bytes, open_at: Sequence[int], apart: frozenset[str]) -> str:
    key = _key_before(raw, open_at[0])
    member = _key_before(raw, open_at[1]) if key in apart else ""
    return f"{key}.{member}" if member else key


def _key_before(raw: bytes, position: int) -> str:
    found = _KEY_BEFORE.search(raw, max(0, position - 300), position)
    return found[1].decode("utf-8", "replace") if found else ""


def repeats_keys(raw: bytes) -> bool:
    """True when some object in the record has a key twice: no server writes that, so somebody made the line.

    Not looked for in a record so long that decoding all of it would fill memory.
    """
    if len(raw) > LONG:
        return False
    seen = False

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal seen
        found = dict(items)
        seen = seen or len(found) != len(items)
        return found

    with contextlib.suppress(ValueError, RecursionError):
        json.loads(raw.decode("utf-8", "replace"), object_pairs_hook=pairs, parse_int=_integer, parse_float=_real)
    return seen


def _decode(raw: bytes) -> object:
    # msgspec is some four times as fast and refuses what needs mending or explaining; of repeated keys it, too, takes
    # the last.
    try:
        return _whole(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("utf-8", "replace")
    try:
        value = json.loads(text, parse_constant=_refuse, parse_int=_integer, parse_float=_real)
    except json.JSONDecodeError as error:
        at_end = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        raise Unreadable("cut off" if at_end else "not JSON") from error
    return _mend(value) if _SURROGATE.search(text) else value


def _refuse(constant: str) -> object:
    raise Unreadable(f"{constant} is not JSON")


def _integer(digits: str) -> int | float:
    # Python refuses to convert more than 4300 digits; so long a number equals no value of a rule.
    return int(digits) if len(digits) < 1000 else _real(digits)


def _real(digits: str) -> float:
    # JSON knows no infinity, so what is too great for a float stays a number that JSON can say.
    return max(-sys.float_info.max, min(sys.float_info.max, float(digits)))


def _mend(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mend(item) for item in value]
    if isinstance(value, dict):
        return {_mend(key): _mend(item) for key, item in value.items()}
    return value


def _piecemeal(raw: bytes | msgspec.Raw, apart: frozenset[str]) -> Document:
    """A long record: what is huge in it is a list answered or a blob, which no rule needs to see whole."""
    try:
        parts = _RAW_OBJECT.decode(raw)
    except msgspec.ValidationError as error:
        raise Unreadable("unknown shape") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable("cut off" if "truncated" in str(error) else "not JSON") from error
    fields: dict[str, object] = {}
    cut: set[str] = set()
    for key, part in parts.items():
        if memoryview(part).nbytes > LONG:
            if key in apart and bytes(memoryview(part)[:1]) == b"{":
                inner = _piecemeal(part, frozenset())
                fields[key] = inner.fields
                cut.update(f"{key}.{member}" for member in inner.cut)
            else:
                cut.add(key)
            continue
        fields[key] = _decode(bytes(part))
        if isinstance(fields[key], dict | list) and _deeper(fields[key]):
            raise RecursionError
    return Document(fields, frozenset(cut))
