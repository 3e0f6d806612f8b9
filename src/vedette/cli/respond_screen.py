"""A briefing on a terminal, part by part."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator, Sequence

from vedette.cli.screen import coloured, severity_word, terminal_width
from vedette.escape import terminal
from vedette.response.briefing import Briefing
from vedette.response.offers import section
from vedette.response.parts import Part
from vedette.response.said import Line, Said
from vedette.rule import Severity
from vedette.runbook import lines, with_words, word_of

_WIDTH = 100
"""Columns at most: a line that is longer is hard to read."""
_ITEM = re.compile(r"( *)(?:-|\d+\.) ")
"""How an item of a list begins."""
_SAID = 400
"""Characters of one text of others."""


def show_head(briefing: Briefing) -> None:
    """Which alert it is."""
    alert = briefing.alert
    word = severity_word(Severity(alert.severity), coloured(sys.stdout)).rstrip()
    print(f"{word} {terminal(alert.rule)} {terminal(alert.title)}  (alert {terminal(alert.id[:8])}; times are UTC)")


def show_part(part: Part, briefing: Briefing) -> None:
    """One part with its title."""
    bold, plain = ("\x1b[1m", "\x1b[0m") if coloured(sys.stdout) else ("", "")
    print(f"\n{bold}{part.title}{plain}")
    for line in part.lines:
        print(wrapped(line))
    for command in part.commands:
        # Never wrapped: it is to be copied.
        print(f"  $ {terminal(command)}")
    text = section(briefing.runbook, part.runbook) if part.runbook else ""
    if text:
        print()
        print("\n".join(_filled(text, briefing)))


def wrapped(line: Line, indent: str = "  ") -> str:
    """A line, folded; what others said is escaped and cut."""
    text = " ".join(terminal(one, _SAID) if isinstance(one, Said) else one for one in line)
    inner = indent + ("  " if text.startswith("- ") else "")
    return "\n".join(
        textwrap.wrap(
            text,
            _width(),
            initial_indent=indent,
            subsequent_indent=inner,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def _filled(text: str, briefing: Briefing) -> Iterator[str]:
    """A section of the runbook, its words filled in, its running text folded anew; code stays as it is."""
    shown = with_words(text, lambda name, block: word_of(name, block, briefing.values))
    held: list[str] = []
    for line in lines(shown):
        if line.block is None and not line.mark and line.text.strip() and not (held and _ITEM.match(line.text)):
            held.append(line.text)
            continue
        yield from _folded(held)
        held = [line.text] if line.block is None and _ITEM.match(line.text) else []
        if not held:
            yield f"  {line.text}".rstrip()
    yield from _folded(held)


def _folded(held: Sequence[str]) -> Iterator[str]:
    """Lines of one paragraph, or one item of a list."""
    if not held:
        return
    lead = _ITEM.match(held[0])
    inner = " " * (len(lead[0]) if lead else len(held[0]) - len(held[0].lstrip()))
    yield from textwrap.wrap(
        " ".join(one.strip() for one in held),
        _width(),
        initial_indent=f"  {lead[1] if lead else inner}",
        subsequent_indent=f"  {inner}",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _width() -> int:
    return min(_WIDTH, terminal_width(sys.stdout))
