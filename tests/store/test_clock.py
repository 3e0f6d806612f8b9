"""What a clock that is set does to what the store has noted by it."""

from __future__ import annotations

from pathlib import Path

from vedette.store.acts import Acts
from vedette.store.clock import catch_up, shift
from vedette.store.database import Database
from vedette.store.outbox import Outbox, SinkState

_YEAR = 365 * 86_400 * 1_000_000_000


def test_what_waits_moves_along_with_the_clock(tmp_path: Path) -> None:
    """What is held and what is to be told comes as much later as the clock was set ahead."""
    database = Database(tmp_path)
    acts, outbox = Acts(database, tuple), Outbox(database)
    acts.hold(b"one", 0, 100, b"", b"item")
    outbox.put("alert", "sink", "opened", 90, 110)
    shift(database, _YEAR)
    assert acts.due(_YEAR + 99) == []
    assert acts.due(_YEAR + 100) == [(b"one", b"item")]
    assert outbox.due("sink", _YEAR + 109, 1) == []
    assert [one.created for one in outbox.due("sink", _YEAR + 110, 1)] == [_YEAR + 90]
    database.close()


def test_what_a_clock_that_was_ahead_has_noted_does_not_wait_for_it(tmp_path: Path) -> None:
    """After a start under a clock that is set right, what is held and to be told is due, not in a year."""
    database = Database(tmp_path)
    acts, outbox = Acts(database, tuple), Outbox(database)
    acts.hold(b"one", 0, _YEAR + 100, b"", b"item")
    acts.hold(b"two", 0, 500, b"", b"item")
    outbox.put("alert", "sink", "opened", _YEAR, _YEAR + 10)
    outbox.put("later", "sink", "closed", 90, 1000)
    outbox.set_state(SinkState("sink", "failing", _YEAR, "no", 0))
    catch_up(database, 100)
    assert acts.due(100) == [(b"one", b"item")]
    assert [one.alert for one in outbox.due("sink", 100, 9)] == ["alert"]
    assert outbox.state("sink").since == 100
    database.close()
