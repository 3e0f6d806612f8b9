"""Telling a clock that was set from time that passed."""

from __future__ import annotations

import pytest

from vedette.watch.clock import Jumps

_SECOND = 1_000_000_000


@pytest.mark.parametrize("by", [3600, -3600, 11, -11])
def test_a_clock_that_was_set_is_noticed_once(by: int) -> None:
    """Five seconds passed by the steady clock; all beyond them is the jump."""
    passed = iter([0, 5 * _SECOND, 6 * _SECOND])
    jumps = Jumps(1000 * _SECOND, lambda: next(passed))
    assert jumps.look((1005 + by) * _SECOND) == by * _SECOND
    assert jumps.look((1006 + by) * _SECOND) == 0
    assert jumps.ahead == by * _SECOND


def test_drift_and_a_clock_that_cannot_be_set_are_no_jumps() -> None:
    """A correction by some seconds changes nothing, and without a steady clock time may pass as it likes."""
    passed = iter([0, 60 * _SECOND])
    assert Jumps(0, lambda: next(passed)).look(63 * _SECOND) == 0
    assert Jumps(0, None).look(86_400 * _SECOND) == 0
