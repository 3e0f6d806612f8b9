"""The clock's jumps: somebody set it, or the machine slept. Told from time that passed by one that cannot be set."""

from __future__ import annotations

from collections.abc import Callable

_LEAST = 10 * 1_000_000_000
"""Nanoseconds; less is drift, or a correction that nobody notices."""


class Jumps:
    """Compares the clock with a steady one at each look."""

    def __init__(self, now: int, steady: Callable[[], int] | None) -> None:
        """`steady`: nanoseconds from anywhere, never set (`time.monotonic_ns`); None: the clock never jumps."""
        self._steady = steady
        self._last = (now, steady() if steady is not None else 0)
        self.ahead = 0
        """Nanoseconds by which the clock was set since the start, all jumps together."""

    def look(self, now: int) -> int:
        """By how many nanoseconds the clock was set since the last look; 0 where it was not."""
        if self._steady is None:
            return 0
        steady = self._steady()
        jump = (now - self._last[0]) - (steady - self._last[1])
        self._last = (now, steady)
        if abs(jump) < _LEAST:
            return 0
        self.ahead += jump
        return jump
