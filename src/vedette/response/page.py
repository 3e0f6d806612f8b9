"""Page: a briefing as Markdown. Every text that is not our own is a code span or in a block of code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vedette.escape import markdown
from vedette.response.briefing import Briefing
from vedette.response.offers import section
from vedette.response.parts import Part, parts
from vedette.response.said import Line, Said
from vedette.runbook import with_words, word_of

_WIDTH = 400
"""Characters of one text."""
_IN_CODE = re.compile(r"`(\{\{\w+\}\})`")
"""A placeholder that is a code span of its own, as `markdown` makes it one again."""


def page(briefing: Briefing) -> str:
    """The page; the same for the same state of store and evidence."""
    alert = briefing.alert
    head = f"# Answering {alert.rule}: {markdown(alert.title, _WIDTH)}\n"
    found = [head, f"Alert {markdown(alert.id)}; times are UTC.\n"]
    for part in parts(briefing):
        found += [f"## {part.title}\n", *_part(part, briefing)]
    return "\n".join(found).rstrip("\n") + "\n"


def _part(part: Part, briefing: Briefing) -> Iterator[str]:
    before = ""
    for line in part.lines:
        text = _line(line)
        # A list must not run on from the text above it.
        if text.startswith("- ") != before.startswith("- ") and before:
            yield ""
        yield text if text.startswith("- ") else f"{text}  "
        before = text
    if part.commands:
        yield from ("", "```sh", *part.commands, "```")
    text = section(briefing.runbook, part.runbook) if part.runbook else ""
    if text:
        yield from ("", *_filled(text, briefing).splitlines())
    yield ""


def _line(line: Line) -> str:
    return " ".join(markdown(one, _WIDTH) if isinstance(one, Said) else one for one in line)


def _filled(text: str, briefing: Briefing) -> str:
    def word(name: str, block: str | None) -> str:
        if block is None:
            return markdown(briefing.values.get(name, "") or "(not known)", _WIDTH)
        return word_of(name, block, briefing.values)

    return with_words(_IN_CODE.sub(r"\1", text), word)
