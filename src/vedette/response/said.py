"""Said: text that is not our own, among words that are; each exit escapes it in its own way."""

from __future__ import annotations


class Said(str):
    """Raw text of others: of a log, of a person."""

    __slots__ = ()


Piece = str | Said
Line = tuple[Piece, ...]
"""Pieces that stand side by side, a space between each two."""
