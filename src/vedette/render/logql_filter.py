r"""The cheap look at a line's text, before it is decoded: plain texts, of which one stands in every line that can fire.

Decoding and judging a line costs Loki a hundred times what a search for a plain text does, and a pattern on the way a
good part of what decoding does; so there are plain texts only. JSON lets each character be written as an escape too,
hence the escapes of a text's own characters are looked for as well: no spelling walks past.
"""

from __future__ import annotations

import re
from typing import assert_never

from vedette.rule import AllOf, AnyOf, Block, Node, Not, Op, Test, Text

_TELLING = 4
"""Two or three letters stand in every line."""
_SAFE = re.compile(r"[A-Za-z0-9_./:@ -]{1,200}")
"""Texts that a JSON encoder writes as they are."""
_SHORTENED = frozenset({"path"})
"""Fields that are the end of a text in the line: Vault's `path` is request.path without its namespace."""
_MOST = 40
"""Texts of one filter: each is a search of its own through a line that has none of them."""


def text_filters(node: Node, server: frozenset[str]) -> list[str]:
    """The line filters, each of which passes every line that `node` holds for, or may hold for.

    `server`: fields that stand in the line as the server writes them, and whose absence says no, never "cannot tell".
    """
    return [
        "|= " + " or ".join(f"`{text}`" for text in (*texts, *_escapes(texts)))
        for texts in _implied(node, server)
        if len(texts) <= _MOST
    ]


def _implied(node: Node, server: frozenset[str]) -> list[tuple[str, ...]]:
    """Sets of texts, of each of which one stands in every line that the tree holds for."""
    if isinstance(node, AllOf):
        found = [texts for part in node.nodes for texts in _implied(part, server)]
        return list(dict.fromkeys(found))
    if isinstance(node, AnyOf) and node.nodes:
        parts = [sorted(_implied(part, server), key=_telling, reverse=True) for part in node.nodes]
        if not all(parts):
            return []
        # The most telling set of each branch together, then the next ones; who has no more gives its last again.
        rounds = [[part[min(at, len(part) - 1)] for part in parts] for at in range(max(map(len, parts)))]
        return list(dict.fromkeys(tuple(dict.fromkeys(text for texts in one for text in texts)) for one in rounds))
    if isinstance(node, Test):
        return _texts(node, server)
    if isinstance(node, AnyOf | Not | Block):
        return []
    assert_never(node)


def _texts(test: Test, server: frozenset[str]) -> list[tuple[str, ...]]:
    name = test.path.name
    if test.op is not Op.EQUALS or not test.cased or test.every or name not in server or not test.values:
        return []
    found = []
    for value in test.values:
        parts = value.parts if isinstance(value, Text) else ()
        pieces = [(part, at) for at, part in enumerate(parts) if isinstance(part, str)]
        text, at = max(pieces, key=lambda piece: len(piece[0]), default=("", 0))
        if len(text) < _TELLING or not _SAFE.fullmatch(text):
            return []
        # The quotes tell `nodes` from `system:nodes`.
        before, after = '"' * (at == 0 and name not in _SHORTENED), '"' * (at == len(parts) - 1)
        found.append(f"{before}{text}{after}")
    return [tuple(dict.fromkeys(found))]


def _telling(texts: tuple[str, ...]) -> int:
    return min(len(text) for text in texts)


def _escapes(texts: tuple[str, ...]) -> list[str]:
    r"""How the characters of `texts` begin where they are written as escapes.

    Go's encoder writes `&`, `<` and `>` so, and `&` stands in every third line: `\u0026` must not pass. From U+0040 on
    there is no such character, and the first three digits are enough.
    """
    found = set()
    for char in "".join(texts).replace('"', ""):
        digits = f"{ord(char):04x}"
        found |= {f"\\u{digits[:3]}"} if char >= "@" else {f"\\u{digits}", f"\\u{digits[:3]}{digits[3].upper()}"}
        if char == "/":
            found.add("\\/")
    return sorted(found)
