"""The watching engine's memory without a disk; its own small version of what the store keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vedette.alert import Alert
from vedette.engine.memory import WindowAct


class InMemory:
    """Meets `engine.memory.Memory`."""

    def __init__(self) -> None:
        self.ranks: dict[bytes, int] = {}
        self.held: dict[bytes, tuple[int, bytes, bytes, int]] = {}
        self.acts: dict[int, tuple[str, tuple[str, ...], WindowAct]] = {}
        self.told: set[int] = set()
        self.alerts: dict[str, tuple[Alert, bytes]] = {}
        self._row = 0

    def rank(self, key: bytes) -> int | None:
        """As Memory."""
        return self.ranks.get(key)

    def remember(self, key: bytes, rank: int, now: int) -> None:
        """As Memory."""
        self.ranks[key] = rank

    def hold(self, key: bytes, rank: int, due: int, awaits: bytes, item: bytes) -> None:
        """As Memory."""
        before = self.held.get(key)
        if before is None or rank < before[3]:
            self.held[key] = (before[0] if before else due, awaits, item, rank)

    def release(self, key: bytes) -> None:
        """As Memory."""
        self.held.pop(key, None)

    def release_awaiting(self, awaits: bytes) -> None:
        """As Memory."""
        self.held = {key: one for key, one in self.held.items() if one[1] != awaits or not awaits}

    def due(self, now: int) -> Sequence[tuple[bytes, bytes]]:
        """As Memory."""
        return [(key, item) for key, (due, _, item, _) in self.held.items() if due <= now]

    def add_window_act(
        self, correlation: str, group: tuple[str, ...], time: int, act: str, detection: str, counted: tuple[str, ...]
    ) -> int:
        """As Memory."""
        self._row += 1
        self.acts[self._row] = (correlation, group, WindowAct(self._row, time, act, detection, counted))
        return self._row

    def tell_window_acts(self, rows: Iterable[int]) -> None:
        """As Memory."""
        self.told.update(rows)

    def forget_window_acts(self, rows: Iterable[int]) -> None:
        """As Memory."""
        for row in rows:
            del self.acts[row]
            self.told.discard(row)

    def window_acts(self) -> Iterable[tuple[str, tuple[str, ...], WindowAct, bool]]:
        """As Memory."""
        return [(name, group, act, row in self.told) for row, (name, group, act) in self.acts.items()]

    def episodes(self, key: bytes) -> Sequence[Alert]:
        """As Memory."""
        found = [alert for alert, other in self.alerts.values() if other == key]
        return sorted(found, key=lambda one: -one.last_seen)[:4]

    def save(self, alert: Alert, key: bytes, now: int) -> None:
        """As Memory."""
        self.alerts[alert.id] = (alert, key)
