r"""Needles: names found in whole blocks of lines by their bytes, so that only lines that hold one are decoded.

A record is found where its writer put the characters of the name as they are, as Go's encoder does but for quotes,
backslashes, `<`, `>` and `&`: of a name with such characters the longest piece without them is looked for, and the
record that is found is compared whole. Of other alphabets a piece is looked for as UTF-8 and by its first `\u` escape.
Not found: a name in a record of an encoder that escapes plain characters (`\u0061` for an `a`; no API server, Vault or
shipper that is known does), and one that a container runtime cut in two together with its line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vedette.formats.reader import splittable

_PLAIN = re.compile(r"[A-Za-z0-9 !#$%()*,.:;=?@\[\]^_`{|}~-]+")
_OTHER = re.compile(r"[^\x00-\x7f]+")
_LEAST = 3
"""A shorter piece stands in too many lines, where something else will do."""
_LONGEST = 256
_PIECE = re.compile(rb'^\S{20,40} std(?:out|err) P|(?<!\\n)","stream":"std', re.MULTILINE)
"""A line that a container runtime has cut: CRI's, Docker's (whose last piece ends with `\\n`)."""

Needles = tuple[bytes, ...]


def needles(name: str, *, quoted: bool = False) -> Needles:
    """What to look for, any of them; none for an empty name. `quoted`: the name is a whole text of a JSON record, so
    that a quote stands before it, wrapped or not."""
    if not name:
        return ()
    plain = max(_PLAIN.finditer(name), key=lambda one: len(one[0]), default=None)
    other = max(_OTHER.findall(name), key=len, default="")
    if plain is not None and (len(plain[0]) >= _LEAST or not other):
        quote = '"' if quoted and not plain.start() else ""
        return (f"{quote}{plain[0]}"[:_LONGEST].encode(),)
    if not other and (not name[0].isprintable() or name[0] in '"\\'):
        return (b"\\",)
    # As it is, or as an escape: that of its first character, without backslashes, of which each wrapping adds some.
    first = (other or name)[0].encode("utf-16-be", "surrogatepass")
    escaped = f"u{first[0] << 8 | first[1]:04x}"
    written = (other or name[0]).encode("utf-8", "replace")
    return tuple(dict.fromkeys((written[:_LONGEST], escaped.encode(), f"u{escaped[1:].upper()}".encode())))


def holds(block: bytes, wanted: Sequence[bytes]) -> bool:
    """Some of them stands in it."""
    for one in wanted:  # noqa: SIM110 # a generator would take as long again
        if one in block:
            return True
    return False


def cut(block: bytes, wanted: Sequence[bytes]) -> bytes:
    """The lines of a block that hold a needle, each once and in order; the whole block where its lines belong together
    (pieces of one line, a record over several lines)."""
    starts: list[int] = []
    ends: list[int] = []
    rest = block
    for needle in wanted:
        # Names mostly stand in the same lines: what is left without those that are found is looked through first.
        if needle not in rest:
            continue
        starts, ends = _joined(block, needle, starts, ends)
        rest = b"".join(map(block.__getitem__, map(slice, [0, *ends], [*starts, len(block)])))
    if not starts or not whole(block[starts[0] : ends[0]], block):
        return block if starts else b""
    return b"".join(map(block.__getitem__, map(slice, starts, ends)))


def whole(line: bytes, block: bytes) -> bool:
    """Each line of the block stands for itself, as far as one of them tells."""
    bare = line.strip()
    if bare[:1] in (b'"', b"["):
        return False
    return splittable(bare + b"\n") or (len(bare) > 1 and _PIECE.search(block) is None)


def begun(block: bytes) -> bytes:
    """The pieces at the end of a block of a line whose last piece stands in the next."""
    start = len(block)
    while start:
        at = block.rfind(b"\n", 0, start - 1) + 1
        if _PIECE.search(block[at:start]) is None:
            break
        start = at
    return block[start:]


def _joined(block: bytes, needle: bytes, starts: Sequence[int], ends: Sequence[int]) -> tuple[list[int], list[int]]:
    """Where lines with the needle begin, and end behind their line end, besides those that are known, in order."""
    more_starts: list[int] = []
    more_ends: list[int] = []
    for after, before in zip([0, *ends], [*starts, len(block)], strict=True):
        at = block.find(needle, after, before)
        while at >= 0:
            end = block.find(b"\n", at) + 1 or len(block)
            more_starts.append(block.rfind(b"\n", 0, at) + 1)
            more_ends.append(end)
            at = block.find(needle, end, before)
    return sorted([*starts, *more_starts]), sorted([*ends, *more_ends])
