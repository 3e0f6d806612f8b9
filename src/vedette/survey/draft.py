"""A draft of vedette.yaml: prose, and proposals that one keystroke accepts.

Every name in it comes from a log and may be hostile. In prose it passes through `escape.terminal`, in a proposal
through `escape.yaml`; neither can hold a line end, so a name can neither leave its comment nor its quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from vedette.escape import terminal, yaml
from vedette.survey.kube import ACCOUNT

MOST = 20
"""The most entries of one section that are written out."""
_WIDTH = 72
"""How much of a name is shown in prose."""
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class Known:
    """What holds without a word from the logs."""

    secrets: Sequence[str]
    """Sensitive namespaces of K3."""
    exec: Sequence[str]
    """Sensitive namespaces of K4."""
    excused: Callable[[str, str, str, str], bool]
    """(rule, actor, verb, namespace or nothing) -> the built-in automation excuses it."""


class Draft:
    """Lines, written from top to bottom."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def text(self) -> str:
        """The whole file."""
        return "\n".join(self._lines) + "\n"

    def blank(self) -> None:
        """An empty line."""
        self._lines.append("")

    def key(self, text: str) -> None:
        """A key that holds as it stands."""
        self._lines.append(text)

    @contextmanager
    def section(self, prose: Sequence[str], *keys: str) -> Iterator[None]:
        """A key with what is written beneath it; nothing of it stays where nothing is written."""
        before = len(self._lines)
        self.blank()
        for line in prose:
            self.prose(line)
        for depth, key in enumerate(keys):
            self.key(f"{'  ' * depth}{key}:")
        begun = len(self._lines)
        yield
        if len(self._lines) == begun:
            del self._lines[before:]

    def prose(self, text: str, *, indent: int = 0, more: int = 0) -> None:
        """A comment for people; `more` says how many are not written out."""
        rest = f" and {number(more)} more" if more > 0 else ""
        self._lines.append(f"{' ' * indent}# {terminal(text)}{rest}")

    def propose(self, text: str, *, indent: int = 0) -> None:
        """A line that holds once its # is taken away; names in it have passed through `escape.yaml`."""
        self._lines.append(f"{' ' * indent}#{text}")

    def entry(self, pairs: Mapping[str, str]) -> None:
        """An entry of a list, as one proposal; the values are YAML already."""
        self.propose(f"- {{{', '.join(f'{key}: {value}' for key, value in pairs.items())}}}", indent=2)


def listed(texts: Iterable[str]) -> str:
    """Texts as a YAML list on one line."""
    return f"[{', '.join(yaml(text) for text in texts)}]"


def shown(name: str) -> str:
    """A name in prose."""
    return terminal(name, _WIDTH) if name else "(no name)"


def networks(texts: Iterable[str]) -> str:
    """Networks as a YAML list on one line."""
    quoted = (f'"{text}"' if ":" in text else text for text in texts)
    return f"[{', '.join(quoted)}]"


def some(names: Iterable[str], most: int = 4) -> str:
    """The first few names in prose."""
    every = list(names)
    rest = f" and {number(len(every) - most)} more" if len(every) > most else ""
    return ", ".join(shown(name) for name in every[:most]) + rest


def number(count: int) -> str:
    """A count as people read it."""
    return f"{count:,}"


def times(count: int, what: str, many: str = "") -> str:
    """A count of things."""
    return f"{number(count)} {what if count == 1 else many or what + 's'}"


def reason(count: int) -> str:
    """What stands in a proposal until a person says better."""
    return yaml(f"seen {times(count, 'time')} by vedette init; say why")


def can_be_named(name: str) -> bool:
    """A settings file can mean exactly this name: a star in it would stand for any characters."""
    return bool(name.strip()) and "*" not in name and "?" not in name


def is_namespace(name: str) -> bool:
    """The name is one that a namespace can have."""
    return _NAMESPACE.match(name) is not None


def is_account(name: str) -> bool:
    """A service account, which a proposal may excuse; a person is never proposed."""
    return name.startswith(ACCOUNT) and can_be_named(name)
