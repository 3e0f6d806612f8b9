"""What an observer is: it looks once, and says what it saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class Look(NamedTuple):
    """What was seen of one subject; becomes an observation with the time and what was seen the time before."""

    kind: str
    """As the observation format names it: seal_status, audit_devices, file_hash, rbac_object, counter, policy, …"""
    subject: str
    """A node's address, a file, an object's name; the same each time."""
    value: Mapping[str, object]
    """JSON values, by the kind's own keys."""


class CannotLook(Exception):
    """The observer is blind for now, wholly or in part; `str()` says why, `mend` what to do."""

    def __init__(self, reason: str, mend: str, looks: Sequence[Look] = ()) -> None:
        """`looks`: what could be seen all the same."""
        super().__init__(reason)
        self.mend = mend
        self.looks = looks


class Observer(Protocol):
    """Looks at one system. Its calls come from one thread and may take as long as their timeouts."""

    name: str
    """As in the settings."""
    every: float
    """Seconds between two looks."""

    def look(self) -> Sequence[Look]:
        """What is there now. A subject that is gone is told as `{"absent": true}` only where the kind says so. Raises
        CannotLook."""

    def close(self) -> None:
        """Let go of connections."""
