"""A sink that only fails is known for dead within a minute, however the pauses between tries grow."""

from __future__ import annotations

from pathlib import Path

from tests.watch.small import SECOND, Obedient, Office, an_alert, store_in
from vedette.sinks.base import NotDelivered


def test_a_failing_sink_is_dead_within_a_minute(tmp_path: Path) -> None:
    """Tries are spaced out, but the one that decides comes when patience ends; what the far end asks for is granted."""
    sink = Obedient("am")
    sink.error = NotDelivered("connection refused")
    with store_in(tmp_path) as store:
        office = Office(store, sink)
        office.open(an_alert("a"))
        courier, began, tries = office.couriers["am"], office.now, 0
        while store.outbox.state("am").state != "dead":
            courier.deliver()
            tries += 1
            office.now += int(courier._pause * SECOND)
            assert office.now - began < 80 * SECOND
        assert office.now - int(courier._pause * SECOND) - began <= 45 * SECOND
        assert 5 <= tries <= 10
        courier.deliver()
        assert courier._pause == 30.0
        sink.error = NotDelivered("429", retry_after=100.0)
        courier.deliver()
        assert courier._pause == 100.0
