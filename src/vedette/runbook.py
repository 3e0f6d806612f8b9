"""Runbook: what a person does when a rule fired, with the alert's own words filled in.

A runbook is Markdown with placeholders, `{{actor}}`. They stand bare in `sh` blocks, where each becomes one word of the
shell, within double quotes in `logql` blocks, and in running text. What fills them is log text, so each place has its
own way of making it harmless.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from vedette.escape import logql, shell, terminal

PLACEHOLDERS = ("actor", "address", "object", "first_seen", "last_seen", "act", "file")
"""What a runbook may ask for; each is a field of an alert, `act` its first act."""

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_FENCE = re.compile(r"\s*```(\w*)")
_WAYS: Mapping[str, Callable[[str], str]] = {"sh": shell, "logql": logql}


Word = Callable[[str, str | None], str]
"""What stands for a placeholder: its name, and the language of the code block that it is in, None in running text."""


def filled(text: str, alert: Mapping[str, object]) -> str:
    """The runbook `text` for one alert, a record as `vedette scan -o jsonl` prints it; escaped for a terminal.

    Of several addresses the code blocks get the last, the only one that the client could not choose. Raises KeyError
    for a placeholder that is none.
    """
    values = {name: str(alert.get("first_act" if name == "act" else name, "")) for name in PLACEHOLDERS}

    def word(name: str, block: str | None) -> str:
        if block is None:
            return terminal(values[name]) or "(none)"
        value = values[name].rpartition(", ")[2] if name == "address" else values[name]
        return _WAYS.get(block, terminal)(value)

    return with_words(text, word)


def with_words(text: str, word: Word) -> str:
    """The runbook `text` with what `word` gives in place of each placeholder."""
    block: str | None = None
    lines = []
    for line in text.splitlines():
        if fence := _FENCE.match(line):
            block = fence[1] if block is None else None
        lines.append(_PLACEHOLDER.sub(lambda found: word(found[1], block), line))  # noqa: B023
    return "\n".join(lines) + "\n"


class Excerpt(NamedTuple):
    """What of a runbook goes out with an alert, filled and escaped."""

    meaning: str
    """Its first paragraph under Meaning, on one line."""
    first_step: str
    """The first command under First look, else the first sentence there."""
    query: str
    """The first LogQL query, or nothing."""


def excerpt(text: str, alert: Mapping[str, object]) -> Excerpt:
    """The parts of a runbook that an alert carries; for `alert` see `filled`."""
    return excerpt_of(filled(text, alert))


def excerpt_of(text: str, *, without: str = "\0") -> Excerpt:
    """The parts of a filled runbook that an alert carries; lines of code with `without` in them are passed over."""
    section, fence = "", None
    meaning: list[str] = []
    first: dict[str, str] = {}
    done = False
    for line in text.splitlines():
        if found := _FENCE.match(line):
            fence = found[1] if fence is None else None
        elif fence is not None:
            if without not in line:
                first.setdefault(fence if fence == "logql" else f"{section} {fence}", line.strip())
        elif line.startswith("## "):
            section, done = line[3:].strip(), False
        elif section == "Meaning" and not done:
            meaning.append(line.strip())
            done = len(meaning) > 1 and not line.strip()
        elif line.strip():
            first.setdefault(section, line.strip())
    step = first.get("First look sh") or first.get("First look", "")
    return Excerpt(" ".join(filter(None, meaning)), step, first.get("logql", ""))
