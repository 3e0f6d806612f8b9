"""Completing: what sources give also goes past the machine that misses the ends of writes (K10)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from vedette.observers.base import Look
from vedette.observers.completion import Completion
from vedette.sources.base import Piece
from vedette.watch.observing import Observing

_log = logging.getLogger("vedette.completing")


class Completing:
    """Belongs to the loop; its state is committed with the positions of what it was fed."""

    def __init__(self, observing: Observing, state: Mapping[str, Any]) -> None:
        """`state`: as the last run committed it; what is none is passed over, and what it knew with it."""
        self._completion = Completion()
        try:
            self._completion.restore(state)
        except ValueError as error:
            _log.warning("what was known of unfinished writes cannot be read", extra={"reason": str(error)})
            self._completion = Completion()
        self._observing = observing
        self._totals: dict[str, float] = {}
        self._looks: list[Look] = []
        self.fed = False
        """True: there is a state to commit."""

    def take(self, source: str, piece: Piece) -> None:
        """Take in what a source gave."""
        if piece.data:
            self._looks += self._completion.feed(piece.data, source)
            self.fed = True

    def observed(self, data: bytes) -> None:
        """Take in lines of observations: a counter of lost events that rose says that what is missing was erased."""
        for line in data.splitlines():
            try:
                seen = _decode(line)
            except msgspec.DecodeError:
                continue
            total = seen.value.get("value") if seen.observation == "counter" else None
            if seen.value.get("name") == "apiserver_audit_error_total" and isinstance(total, int | float):
                self._totals[seen.subject] = float(total)
                self._completion.counted(sum(self._totals.values()), seen.time.timestamp())
                self.fed = True

    def tell(self) -> None:
        """Write what is missing to the spool of observations. Raises OSError."""
        looks, self._looks = self._looks, []
        # One that a crash has told twice must be the same line: so it bears the time of the write, not of now.
        for look in looks:
            self._observing.write([look], stamp=str(look.value.get("received") or ""))

    def state(self) -> dict[str, Any]:
        """What a restart must not forget."""
        self.fed = False
        return self._completion.state()


class _Seen(msgspec.Struct):
    observation: str
    subject: str
    time: datetime
    value: dict[str, Any]


_decode = msgspec.json.Decoder(_Seen).decode
