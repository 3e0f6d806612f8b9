"""What a drill is: a harmless act for which its rule must speak, and what it leaves behind until it is cleaned."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from vedette.alert import Alert

PREFIX = "vedette-drill-"
"""How the names begin of all that a drill makes; the mark follows."""


class How(Enum):
    """What the act is."""

    REAL = "real"
    """Done by vedette at the server itself."""
    OWNER = "owner"
    """Done by a person who is asked to."""
    STAND_IN = "stand-in"
    """A recorded line put where the shipper reads: shows the rest of the way, not that the server logs."""


class CannotDrill(Exception):
    """The act could not be done; `str()` says why, `mend` what to do."""

    def __init__(self, reason: str, mend: str = "") -> None:
        super().__init__(reason)
        self.mend = mend


class Thing(NamedTuple):
    """Something that an act makes and that must be gone afterwards; it outlives a crash in the store's record."""

    system: str
    """Which `System` takes it away."""
    path: str


@dataclass(frozen=True, slots=True)
class Done:
    """An act that was done."""

    at: int
    """Just before the request that decides, nanoseconds since 1970 UTC."""
    refused: bool = False
    """The server refused it: an attempt, which shows less than the rule's firing."""
    acts: tuple[str, ...] = ()
    """Ids, by the server, of requests that make alerts in another name than the drill's; these are the drill's too."""


Note = Callable[[Thing], None]
"""Called for what only the act itself can name, as soon as it can."""


class Drill(Protocol):
    """One rule's drill on one site."""

    rule: str
    how: How

    def plan(self, mark: str) -> Sequence[str]:
        """Every call that `act` makes, a line each, with the names that it will use."""

    def things(self, mark: str) -> Sequence[Thing]:
        """What it may leave behind, in the order in which it is made; known before anything is done."""

    def act(self, mark: str, note: Note) -> Done:
        """Do it. Raises CannotDrill; what was made by then is among `things` or was noted."""

    def is_mine(self, alert: Alert, mark: str, begun: int) -> bool:
        """Whether an alert of this rule tells of the act. `begun`: nanoseconds since 1970 UTC, before the act."""

    def sign(self, mark: str) -> str:
        """Text that every alert of the act shows to people, on whatever engine; nothing where none can be foretold."""

    def swallows(self, alert: Alert) -> bool:
        """Whether an alert of this rule, open or quiet for too short a time, would count the act up: nobody would be
        told anew, and it could not be told from the earlier one."""


class System(Protocol):
    """Takes things away, and sees whether they are gone. Both raise CannotDrill where that cannot be done."""

    def clean(self, path: str) -> None:
        """Take it away; what is gone already is well."""

    def left(self, path: str) -> bool:
        """Whether it is still there."""


def name_of(mark: str) -> str:
    """The name of what a drill makes."""
    return PREFIX + mark


def marked(alert: Alert, mark: str) -> bool:
    """Whether the mark is in what an alert shows of its act, where it reaches people too."""
    return any(mark in text for text in (alert.actor, alert.object, *alert.group))


class Marked:
    """Of drills whose mark is in the group of their alert: it is known by it, and opens an alert each time."""

    rule: str

    def is_mine(self, alert: Alert, mark: str, begun: int) -> bool:  # noqa: ARG002 - a mark is used once
        """By the mark."""
        return marked(alert, mark)

    def sign(self, mark: str) -> str:
        """The mark."""
        return mark

    def swallows(self, alert: Alert) -> bool:  # noqa: ARG002 - no two of them are of one group
        """Never."""
        return False


class Unmarked(abc.ABC):
    """Of drills whose alert is one with every other of the same file, node or account: known by it and by the time."""

    rule: str

    @abc.abstractmethod
    def place(self) -> str:
        """Text of the alert's object or actor; nothing: any will do."""

    def is_mine(self, alert: Alert, mark: str, begun: int) -> bool:
        """By the mark, or by the place: one that was first seen since. A server's clock may be some seconds behind."""
        fired = alert.reaction == "fire" and self.place() in f"{alert.actor} {alert.object}"
        return marked(alert, mark) or (fired and alert.first_seen >= begun - 5_000_000_000)

    def sign(self, mark: str) -> str:  # noqa: ARG002 - it may not be in the alert
        """The place."""
        return self.place()

    def swallows(self, alert: Alert) -> bool:
        """By the place."""
        return alert.reaction == "fire" and self.place() in f"{alert.actor} {alert.object}"
