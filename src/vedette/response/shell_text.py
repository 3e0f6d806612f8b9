"""Shell text: where quotes, substitutions and comments of a POSIX shell stand, and which commands it has of one name.

Not a parser of the shell: what it cannot take apart it leaves out, and `sh -n` says whether it is right.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

BARE, QUOTED, COMMENT = ".", '"', "#"
_SHOWN = {".": BARE, "(": BARE, "'": QUOTED, "$": QUOTED, '"': QUOTED, "#": COMMENT}
_OPENS = ("$'", "$(", "'", '"', "(")
_STATES = {"$'": "$", "$(": "("}
_PUNCTUATION = frozenset("();<>|&")
_HIDDEN = 0xF0000
"""Added to a character's number: a private plane, where no text has anything."""
_SHOW = {chr(_HIDDEN + ord(char)): char for char in _PUNCTUATION}
_BEFORE = frozenset({"do", "then", "else", "if", "while", "until", "!", "time", "{"})
"""Words behind which a command begins."""


class Command(NamedTuple):
    """One call of the program that was looked for."""

    line: int
    """In the text, from 0."""
    words: tuple[str, ...]
    """Behind the program's name; quotes are taken away, nothing is expanded."""
    alone: bool
    """It is all that its one line holds."""


def states(text: str) -> str:
    """For each character of `text` whether it is BARE, QUOTED or in a COMMENT; within `"$(…)"` it is bare again."""
    found: list[str] = []
    stack = ["."]
    while len(found) < len(text):
        index, state = len(found), stack[-1]
        char, width = text[index], 1
        if state == "#":
            if char == "\n":
                stack.pop()
        elif char == "\\" and state != "'":
            width = 2
        elif char == {"(": ")", "$": "'"}.get(state, state) and state != ".":
            stack.pop()
        elif state in ".(" or (state == '"' and text.startswith("$(", index)):
            opens = next((one for one in _OPENS if text.startswith(one, index)), "")
            if opens:
                stack.append(_STATES.get(opens, opens))
                width = len(opens)
            elif char == "#" and (index == 0 or text[index - 1] in " \t\n;|&("):
                stack.append("#")
        inner = stack[-1] if state in ".(" else state
        found += [_SHOWN[inner]] * width
    return "".join(found[: len(text)])


def only(text: str, *wanted: str) -> str:
    """`text` with a space for each character that is in none of the states `wanted`; lines stay."""
    return "".join(
        char if state in wanted or char == "\n" else " " for char, state in zip(text, states(text), strict=True)
    )


def commands(text: str, program: str) -> Iterator[Command]:
    """The calls of `program` in a text of the shell, but for those within double quotes."""
    held: list[str] = []
    for number, line in enumerate(only(text, BARE, QUOTED).split("\n")):
        held.append(line)
        if line.endswith("\\"):
            continue
        try:
            words = _words("\n".join(held).replace("\\\n", " "))
        except ValueError:
            continue  # a quote goes on in the next line
        single, first = len(held) == 1, number - len(held) + 1
        held.clear()
        for called in _called(words, program):
            alone = single and len(called) + 1 == len(words)
            yield Command(first, tuple(map(_shown, called)), alone)


def _words(text: str) -> list[str]:
    """Words without their quotes, and operators. Raises ValueError for a quote that does not end."""
    # Without its quotes ';' would look like the operator.
    hidden = "".join(
        chr(_HIDDEN + ord(char)) if char in _PUNCTUATION and (state == QUOTED or escaped) else char
        for char, state, escaped in zip(text, states(text), _escaped(text), strict=True)
    )
    lexer = shlex.shlex(hidden, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    return list(lexer)


def _shown(word: str) -> str:
    return "".join(_SHOW.get(char, char) for char in word)


def _escaped(text: str) -> Iterator[bool]:
    """For each character whether a backslash before it takes its meaning away, as outside of quotes."""
    behind = False
    for char in text:
        yield behind
        behind = char == "\\" and not behind


def _called(words: Sequence[str], program: str) -> Iterator[list[str]]:
    begins = True
    for index, word in enumerate(words):
        if begins and word == program:
            rest = list(words[index + 1 :])
            end = next((at for at, one in enumerate(rest) if _PUNCTUATION.issuperset(one) and one), len(rest))
            yield rest[:end]
        begins = word in _BEFORE or bool(word and _PUNCTUATION.issuperset(word) and not set("<>") & set(word))
