"""Where every record ends: accepted, ignored or quarantined, and counted in the same breath."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from vedette.formats.base import Batch, Tally

Quarantine = Callable[[int, str, bytes], None]
"""Line (from 0), reason, the record's bytes."""

_REASONS = 200
"""Distinct reasons kept apart; some hold a word of the log, and log text is the attacker's."""


class Ledger:
    """The tally of one reader, and the records that its line-by-line reading has accepted so far."""

    def __init__(self, quarantine: Quarantine | None) -> None:
        self.tally = Tally()
        self._quarantine = quarantine
        self._records: dict[str, list[Any]] = {}
        self._places: dict[str, list[tuple[bytes, int]]] = {}

    def accept(self, name: str, record: object, raw: bytes, line: int) -> None:
        """A record of format `name`; None is an oddly typed one."""
        self.count(name, 1)
        self.tally.oddly_typed += record is None
        self._records.setdefault(name, []).append(record)
        self._places.setdefault(name, []).append((raw, line))

    def count(self, name: str, records: int) -> None:
        """So many events of format `name`."""
        if records:
            self.tally.records += records
            self.tally.events[name] += records

    def ignore(self, reason: str, records: int = 1) -> None:
        """Records that are understood, and none of ours."""
        if records:
            self.tally.records += records
            self.tally.ignored[_countable(self.tally.ignored, reason)] += records

    def refuse(self, reason: str, raw: bytes, line: int) -> None:
        """A record that cannot be read."""
        self.tally.records += 1
        self._quarantined(reason, raw, line)

    def withdraw(self, name: str, reason: str, raw: bytes, line: int) -> None:
        """An event that turned out to be unreadable when it was looked at whole."""
        self.tally.events[name] -= 1
        self._quarantined(reason, raw, line)

    def batches(self) -> list[Batch]:
        """What was accepted since the last call, a batch for each format."""
        records, self._records = self._records, {}
        places, self._places = self._places, {}
        return [Batch(name, found, places[name].__getitem__) for name, found in records.items()]

    def _quarantined(self, reason: str, raw: bytes, line: int) -> None:
        self.tally.quarantined[_countable(self.tally.quarantined, reason)] += 1
        if self._quarantine is not None:
            self._quarantine(line, reason, raw)


def _countable(counts: Counter[str], reason: str) -> str:
    return reason if reason in counts or len(counts) < _REASONS else "other"
