"""Offers: the actions that a runbook names under Act, with the words of one alert in place of its placeholders.

The words are split before they are filled in, so that no log text is ever read by a shell, not even by ours.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vedette.alert import own_address
from vedette.escape import shell
from vedette.runbook import PLACEHOLDER, lines

_PREFIX = ("vedette", "action", "plan")
_BY_HAND = re.compile(r"=([A-Z]{2,})\Z")
"""A word that the runbook leaves to the reader, who alone knows it: `host=NODE`."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One action that may answer the alert."""

    action: str
    words: tuple[str, ...]
    """Its arguments, raw; a placeholder that nothing fills stands as it was written."""
    missing: tuple[str, ...] = ()
    """The placeholders that nothing fills."""

    @property
    def command(self) -> str:
        """As it is typed, without the alert that it answers; a word that is to be filled in stands in capitals."""
        shown = [PLACEHOLDER.sub(lambda found: found[1].upper(), word) for word in self.words]
        return " ".join([*_PREFIX, self.action, *map(shell, shown)])


def offers(runbook: str, values: Mapping[str, str], arguments: Mapping[str, Sequence[str]]) -> list[Offer]:
    """The actions of a runbook's section Act, each once, in its order. `arguments`: action -> their names."""
    found: dict[tuple[str, ...], Offer] = {}
    for words in _commands(runbook):
        missing: list[str] = []
        action, *given = (
            _BY_HAND.sub(lambda said: f"={{{{{said[1].lower()}}}}}", word) for word in _without_alert(words[3:])
        )
        filled = tuple(_named(arguments.get(action, ()), given, [_filled(word, values, missing) for word in given]))
        found.setdefault((action, *filled), Offer(action, filled, tuple(missing)))
    return list(found.values())


def _named(names: Sequence[str], written: Sequence[str], filled: list[str]) -> list[str]:
    """The first argument stands without its name; it gets one where what fills it could be read as something else."""
    if not filled or not names or written[0].partition("=")[0] in names:
        return filled
    if filled[0].startswith("-") or "=" in filled[0]:
        filled[0] = f"{names[0]}={filled[0]}"
    return filled


def section(runbook: str, heading: str) -> str:
    """The text beneath a heading of the second level."""
    return "\n".join(one.text for one in lines(runbook) if one.section == heading and not one.heading).strip("\n")


def _commands(runbook: str) -> Iterator[list[str]]:
    for line in lines(runbook):
        if line.section == "Act" and line.block == "sh" and not line.mark:
            try:
                words = shlex.split(line.text, comments=True)
            except ValueError:
                continue  # part of a longer command; the lint of runbooks holds that ours stand on one line
            if tuple(words[:3]) == _PREFIX:
                yield words


def _without_alert(words: list[str]) -> Iterator[str]:
    """The walk says itself which alert is answered."""
    left = iter(words)
    for word in left:
        if word == "--alert":
            next(left, None)
        elif not word.startswith("--alert="):
            yield word


def _filled(word: str, values: Mapping[str, str], missing: list[str]) -> str:
    def value(found: re.Match[str]) -> str:
        text = values.get(found[1], "")
        if found[1] == "address":
            text = own_address(text)
        if not text:
            missing.append(found[1])
        return text or found[0]

    return PLACEHOLDER.sub(value, word)
