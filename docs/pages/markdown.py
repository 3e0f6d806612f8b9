"""Pieces of Markdown that several pages print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def header(title: str, source: str) -> str:
    """A page's title under the word that it is printed, and from where."""
    return f"<!-- Printed from {source} by `make docs`; do not edit. -->\n# {title}\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are escaped."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell(text) for text in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """`text` on one line, without a bar that would end the cell."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """`text` as code, or nothing."""
    return f"`{text}`" if text else ""


def bullets(texts: Iterable[str]) -> str:
    """A list, one line an item."""
    return "".join(f"- {' '.join(text.split())}\n" for text in texts)
