"""A posted batch of audit events as lines, one an event, so that one that cannot be read never costs the others.

Nothing is dropped here: what cannot be told apart stays together on a line, and the reader judges it.
"""

from __future__ import annotations

import re
from itertools import groupby

import msgspec
from msgspec import Raw

_BLANK = b" \t\r\n"
_ENVELOPE = 512
"""Bytes that an EventList has around its items, at most; more, and something is in it that is not an item."""
_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
"""White space stays white space; within a string no valid JSON has a line end."""


class _EventList(msgspec.Struct):
    items: list[Raw] | msgspec.UnsetType | None = msgspec.UNSET


_event_list = msgspec.json.Decoder(_EventList).decode
_list = msgspec.json.Decoder(list[Raw]).decode
_object = msgspec.json.Decoder(dict[str, Raw]).decode

_OPENS = re.compile(
    rb'(?:\{\s*(?:"(?:kind|apiVersion)"\s*:\s*"[^"\\]{0,100}"\s*,\s*|"metadata"\s*:\s*\{[^{}]{0,1000}\}\s*,\s*){0,3}'
    rb'"items"\s*:\s*)?\['
)
"""The begin of a list, or of an EventList up to its items'."""
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.|\\\Z)*+(?:"|\Z)|[{}\[\],]', re.DOTALL)
"""A string, closed or not, or what JSON is built of; a string that is never closed is one token, so this is linear."""
_CLOSES = re.compile(rb"\]\s*\}?\s*\Z")
_BETWEEN = re.compile(rb'\}\s{0,9},\s{0,9}(?=\{\s{0,9}(?:"level"\s{0,9}:|"kind"\s{0,9}:\s{0,9}"Event"))')
"""Where an audit event is followed by the next, as the API server writes them; within a string the quotes would be
escaped, so only an object nested in a list can look the same."""


def lines(body: bytes) -> tuple[bytes, int]:
    """The events of an EventList, a bare list or a single event: whole lines, and how many.

    Items stand as they came, in their order, line ends replaced by spaces. What is not JSON at all is one line.
    """
    body = body.strip(_BLANK)
    if not body:
        return b"", 0
    pieces = _decoded(body)
    if pieces is None:
        pieces = _told_apart(body)
    if not pieces:
        return b"", 0
    text = b"\n".join(pieces)
    if len(pieces) != text.count(b"\n") + 1 or b"\r" in text:
        text = b"\n".join([bytes(piece).translate(_ONE_LINE) for piece in pieces])
    return text + b"\n", len(pieces)


def _decoded(body: bytes) -> list[Raw] | list[bytes] | None:
    """The items when `body` is JSON, else None."""
    try:
        items = _list(body) if body[:1] == b"[" else _event_list(body).items
    except (msgspec.DecodeError, RecursionError):
        return None
    if items is msgspec.UNSET:
        return [body]
    # Go writes a list without elements as null.
    found = items or []
    if len(body) - sum(map(_size, found)) - len(found) > _ENVELOPE:
        # A second list under the same name, or events outside of it: the reader looks into the whole.
        return [body]
    return found


def _size(item: Raw) -> int:
    return memoryview(item).nbytes


def _told_apart(body: bytes) -> list[bytes]:
    """The items of what is not quite JSON, as far as they can be told apart."""
    opens = _OPENS.match(body)
    if opens is None:
        return [body]
    balanced = _balanced(body, opens.end())
    if balanced is not None:
        return [piece for piece in balanced if piece]
    closes = _CLOSES.search(body)
    inside = body[opens.end() : closes.start() if closes else len(body)]
    pieces = _BETWEEN.sub(b"}\n", inside.translate(_ONE_LINE)).split(b"\n")
    # Neighbours that cannot be read may be one item that was cut in two; together they stand as they came.
    together: list[bytes] = []
    for readable, group in groupby(pieces, _readable):
        members = list(group)
        together.extend(members if readable else [b",".join(members)])
    return [piece for piece in together if piece.strip(_BLANK)]


def _balanced(body: bytes, start: int) -> list[bytes] | None:
    """The elements of the list that opens before `start`, by brackets and strings alone, and what stands behind it;
    None where the brackets do not fit together."""
    depth, begin = 1, start
    found: list[bytes] = []
    for token in _TOKEN.finditer(body, start):
        mark = token[0]
        if mark in (b"{", b"["):
            depth += 1
        elif mark == b"," and depth == 1:
            found.append(body[begin : token.start()].strip(_BLANK))
            begin = token.end()
        elif mark in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                behind = body[token.end() :].strip(_BLANK).removeprefix(b"}").strip(_BLANK)
                # Objects behind the end: it was none.
                fits = mark == b"]" and b"{" not in behind
                return [*found, body[begin : token.start()].strip(_BLANK), behind] if fits else None
    return None


def _readable(piece: bytes) -> bool:
    try:
        _object(piece)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
