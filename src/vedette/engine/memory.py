"""What the watching engine must remember from one step to the next, and through a crash; the store keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from vedette.alert import Alert


class WindowAct(NamedTuple):
    """One act in one group's window."""

    row: int
    """The store's number for it."""
    time: int
    act: str
    """Acts of one time are ordered by it."""
    detection: str
    counted: tuple[str, ...]


class Memory(Protocol):
    """All calls of one step belong to one transaction."""

    def rank(self, key: bytes) -> int | None:
        """How loud the last final word on an act was (0 the loudest), or None where there was none."""

    def remember(self, key: bytes, rank: int, now: int) -> None:
        """Note a final word."""

    def hold(self, key: bytes, rank: int, due: int, awaits: bytes, item: bytes) -> None:
        """Keep what may be overruled until `due`; of one key the loudest, for as long as the first."""

    def release(self, key: bytes) -> None:
        """Let go of what is held under `key`, if anything is."""

    def release_awaiting(self, awaits: bytes) -> None:
        """Let go of all that waits for `awaits`."""

    def due(self, now: int) -> Sequence[tuple[bytes, bytes]]:
        """Key and item of what is held and due."""

    def add_window_act(
        self, correlation: str, group: tuple[str, ...], time: int, act: str, detection: str, counted: tuple[str, ...]
    ) -> int:
        """Add an act to a group's window; gives its row."""

    def tell_window_acts(self, rows: Iterable[int]) -> None:
        """These acts have been counted into a match."""

    def forget_window_acts(self, rows: Iterable[int]) -> None:
        """These acts are outside of every window."""

    def window_acts(self) -> Iterable[tuple[str, tuple[str, ...], WindowAct, bool]]:
        """All acts by correlation and group, and whether each was told."""

    def episodes(self, key: bytes) -> Sequence[Alert]:
        """The latest alerts with a key, open or closed, the latest first; a few suffice."""

    def save(self, alert: Alert, key: bytes, now: int) -> None:
        """Write an alert that was opened or counted up; it is open then."""
