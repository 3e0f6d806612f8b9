"""Runbook: what a person does when a rule fired, with the alert's own words filled in.

A runbook is Markdown with placeholders, `{{actor}}`. They stand bare in `sh` blocks, where each becomes one word of the
shell, within double quotes in `logql` blocks, and in running text. What fills them is log text, so each place has its
own way of making it harmless.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from vedette.alert import own_address
from vedette.escape import logql, shell, terminal

HEADINGS = ("Meaning", "First look", "Real or not", "Act", "False positives", "Drill")
"""What a runbook answers, in this order, each under a heading of the second level."""

OF_ALERT = ("alert", "actor", "address", "object", "first_seen", "last_seen", "act", "file")
"""Fields of an alert; `alert` is its id, `act` its first act."""

DETAILS = (
    *("namespace", "name", "account", "pod", "pod_uid", "node", "credential", "binding", "role_binding"),
    *("accessor", "made_accessor", "entity", "mount", "policy", "device"),
    *("user", "key", "host", "role"),
)
"""What the first act's own records say besides; which log gives which, and from where: response/details.py."""

PLACEHOLDERS = (*OF_ALERT, *DETAILS)
"""What a runbook may ask for."""

PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_FENCE = re.compile(r"\s*```(\w*)")
_FIELDS = {"act": "first_act", "alert": "id"}
_WAYS: Mapping[str, Callable[[str], str]] = {"sh": shell, "logql": logql}


Word = Callable[[str, str | None], str]
"""What stands for a placeholder: its name, and the language of the code block that it is in, None in running text."""


class Line(NamedTuple):
    """One line of a runbook, and where it stands."""

    number: int
    """From 1."""
    section: str
    """The heading of the second level that it stands under, or is; nothing before the first."""
    block: str | None
    """The language of the code block that it is in, or begins; None in running text."""
    mark: bool
    """It is no text of its own: such a heading, or the fence of a block."""
    text: str

    @property
    def heading(self) -> bool:
        """It is a heading of the second level."""
        return self.mark and self.block is None and self.text.startswith("## ")


def lines(text: str) -> Iterator[Line]:
    """Each line of a runbook."""
    section, block = "", None
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.match(line)
        heading = block is None and line.startswith("## ")
        if fence:
            block = fence[1] if block is None else None
        elif heading:
            section = line[3:].strip()
        yield Line(number, section, block, bool(fence or heading), line)


def link(pattern: str, rule: str) -> str:
    """Where a rule's runbook stands, by the settings' pattern: `{rule}` is its id, `{slug}` that in small letters.

    The pages of docs/rules are called by the slug: k3.md.
    """
    return pattern.replace("{rule}", rule).replace("{slug}", rule.lower())


def filled(text: str, alert: Mapping[str, object], details: Mapping[str, str] | None = None) -> str:
    """The runbook `text` for one alert, a record as `vedette scan -o jsonl` prints it; escaped for a terminal.

    Raises KeyError for a placeholder that is none.
    """
    values = values_of(alert, details)
    return with_words(text, lambda name, block: word_of(name, block, values))


def word_of(name: str, block: str | None, values: Mapping[str, str]) -> str:
    """What stands for a placeholder on a terminal.

    Of several addresses the code blocks get the last, the only one that the client could not choose. What nothing
    fills stands in a code block as its name in capitals, so that no command changes its meaning by an empty word; so
    does what begins with a hyphen, which a command would read as an option. Raises KeyError for one without a value.
    """
    value = values[name]
    if block is None:
        return terminal(value) or "(none)"
    if name == "address":
        value = own_address(value)
    if not value or (value.startswith("-") and block != "logql"):
        return name.upper()
    return _WAYS.get(block, terminal)(value)


def values_of(alert: Mapping[str, object], details: Mapping[str, str] | None = None) -> dict[str, str]:
    """What fills each placeholder, raw; nothing where neither the alert nor its details say."""
    said = {name: str(alert.get(_FIELDS.get(name, name), "")) for name in OF_ALERT}
    return {**said, **{name: (details or {}).get(name, "") for name in DETAILS}}


def with_words(text: str, word: Word) -> str:
    """The runbook `text` with what `word` gives in place of each placeholder."""
    return "".join(
        PLACEHOLDER.sub(lambda found: word(found[1], block), line) + "\n"  # noqa: B023
        for _, _, block, _, line in lines(text)
    )


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
    meaning: list[str] = []
    first: dict[str, str] = {}
    done = False
    for _, section, block, mark, line in lines(text):
        if mark:
            continue
        if block is not None:
            if without not in line:
                first.setdefault(block if block == "logql" else f"{section} {block}", line.strip())
        elif section == "Meaning" and not done:
            meaning.append(line.strip())
            done = len(meaning) > 1 and not line.strip()
        elif line.strip():
            first.setdefault(section, line.strip())
    step = first.get("First look sh") or first.get("First look", "")
    return Excerpt(" ".join(filter(None, meaning)), step, first.get("logql", ""))
