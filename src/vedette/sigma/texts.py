"""Sigma's texts: wildcards, the backslash, placeholders."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from vedette.rule import Text, Wild

_SPECIAL = {"*": Wild.MANY, "?": Wild.ONE}
_PLACEHOLDER = re.compile(r"%([A-Za-z0-9_.-]+)%")
MAX_EXPANDED = 20_000
"""The most texts that one value's placeholders may come to."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`%name%` in a text under `|expand`."""

    name: str
    offset: int
    """Where it begins in the text."""


Part = str | Wild | Placeholder


def parse(text: str, *, placeholders: bool = False) -> list[Part]:
    r"""A Sigma value's parts: `*` and `?` are wildcards; a backslash takes the meaning from them, from itself, and
    (with `placeholders`) from `%`; before any other character it stands for itself.
    """
    parts: list[Part] = []
    literal = ""
    escapable = "*?\\%" if placeholders else "*?\\"
    at = 0
    while at < len(text):
        char = text[at]
        found: Part | None = None
        step = 1
        if char == "\\" and at + 1 < len(text) and text[at + 1] in escapable:
            char, step = text[at + 1], 2
        elif char in _SPECIAL:
            found = _SPECIAL[char]
        elif placeholders and char == "%":
            named = _PLACEHOLDER.match(text, at)
            if named:
                found, step = Placeholder(named.group(1), at), named.end() - at
        if found is None:
            literal += char
        else:
            if literal:
                parts.append(literal)
            parts.append(found)
            literal = ""
        at += step
    if literal:
        parts.append(literal)
    return parts


def plain_placeholders(text: str) -> list[str]:
    """Names written as `%name%`, whether or not anything will expand them."""
    return _PLACEHOLDER.findall(text)


def expand(parts: list[Part], lists: Mapping[str, tuple[str, ...]]) -> list[list[Part]] | None:
    """`parts` with each placeholder replaced by each text of its list; every combination.

    None when that comes to more than `MAX_EXPANDED`. A list's texts are Sigma texts, as the specification has it:
    `srv*` in a list is a pattern.
    """
    choices: list[list[list[Part]]] = []
    total = 1
    for part in parts:
        if isinstance(part, Placeholder):
            choices.append([parse(text) for text in lists[part.name]])
            total *= len(choices[-1])
        else:
            choices.append([[part]])
    if total > MAX_EXPANDED:
        return None
    return [list(itertools.chain.from_iterable(chosen)) for chosen in itertools.product(*choices)]


def text(parts: list[Part], *, before: bool = False, after: bool = False) -> Text:
    """The noun: neighbouring literals joined, with a `*` put before or after where none stands yet."""
    joined: list[str | Wild] = []
    for part in parts:
        if isinstance(part, Placeholder):
            raise TypeError(f"%{part.name}% is not expanded")
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part is not Wild.MANY or joined[-1:] != [Wild.MANY]:
            joined.append(part)
    if before and joined[:1] != [Wild.MANY]:
        joined.insert(0, Wild.MANY)
    if after and joined[-1:] != [Wild.MANY]:
        joined.append(Wild.MANY)
    return Text(tuple(joined))


def any_text(value: Text) -> bool:
    """True when `value` is wildcards alone, and so matches whatever is there."""
    return Wild.MANY in value.parts and all(part is Wild.MANY for part in value.parts)
