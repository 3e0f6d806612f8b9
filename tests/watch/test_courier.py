"""From the outbox to the far end: at least once, in order, with a word on what may have been told twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.watch.small import ALL, SECOND, Obedient, Office, an_alert, store_in
from vedette.sinks.base import NotDelivered
from vedette.watch.telling import Route


def test_what_fails_is_told_later_in_order(tmp_path: Path) -> None:
    """Days of a dead receiver: nothing is lost, nothing overtakes."""
    sink = Obedient("slack")
    with store_in(tmp_path) as store:
        office = Office(store, sink)
        sink.error = NotDelivered("503")
        for name in "abc":
            office.open(an_alert(name))
            office.deliver()
        office.now += 3 * 86400 * SECOND
        office.deliver()
        assert sink.told == []
        sink.error = None
        office.deliver()
        assert store.outbox.state("slack").state == "ok"
    assert sink.told == ["a/opened", "b/opened", "c/opened"]
    assert not any(one.repeat for one in sink.took)


def test_a_death_between_telling_and_noting_is_marked(tmp_path: Path) -> None:
    """The next start tells it again, as a possible repeat; likewise after an answer that was lost."""
    sink = Obedient("slack")
    with store_in(tmp_path) as store:
        office = Office(store, sink)
        office.open(an_alert("a"), an_alert("b"))
        rows = store.outbox.due("slack", office.now, 1)
        store.outbox.begin([rows[0].id], office.now)
        office.deliver()
        sink.error = NotDelivered("no answer in time", perhaps=True)
        office.open(an_alert("c"))
        office.deliver()
        sink.error = None
        office.deliver()
    assert [(one.alert.id, one.repeat) for one in sink.took] == [("a", True), ("b", False), ("c", True)]


@pytest.mark.parametrize(("error", "seconds"), [(NotDelivered("404", dead=True), 0), (NotDelivered("500"), 41)])
def test_a_dead_sink_is_taken_over(tmp_path: Path, error: NotDelivered, seconds: int) -> None:
    """At once where it says that it is gone, within a minute where it only fails; it is told itself once it is back."""
    slack, other = Obedient("slack"), Obedient("other")
    with store_in(tmp_path) as store:
        office = Office(store, slack, other, routes=[Route(ALL, ("slack",), ("other",))])
        slack.error = error
        office.open(an_alert("a"))
        office.deliver()
        office.now += seconds * SECOND
        office.deliver()
        assert store.outbox.state("slack").state == "dead"
        assert other.told == ["a/opened"]
        (row,) = [row for row in store.outbox.of_alert("a") if row.sink == "slack"]
        assert row.reason == str(error)
        slack.error = None
        office.deliver()
        assert store.outbox.state("slack").state == "ok"
    assert slack.told == ["a/opened"]


def test_a_dead_fallback_is_passed_over(tmp_path: Path) -> None:
    """The next one in the list takes over."""
    sinks = [Obedient(name) for name in ("slack", "second", "third")]
    with store_in(tmp_path) as store:
        office = Office(store, *sinks, routes=[Route(ALL, ("slack",), ("second", "third"))])
        sinks[0].error = sinks[1].error = NotDelivered("404", dead=True)
        office.open(an_alert("a"))
        for _ in range(3):
            office.deliver()
    assert sinks[2].told == ["a/opened"]


def test_one_that_is_refused_costs_no_other(tmp_path: Path) -> None:
    """It is dropped with the reason and told elsewhere; the next goes through."""
    slack, other = Obedient("slack"), Obedient("other")
    with store_in(tmp_path) as store:
        office = Office(store, slack, other, routes=[Route(ALL, ("slack",), ("other",))])
        slack.error = NotDelivered("invalid_blocks", refused=True)
        office.open(an_alert("a"))
        office.deliver()
        slack.error = None
        office.open(an_alert("b"))
        office.deliver()
        states = {(row.sink, row.state, row.reason) for row in store.outbox.of_alert("a")}
    assert states == {
        ("slack", "dropped", "refused: invalid_blocks"),
        ("other", "told", ""),
    }
    assert slack.told == ["b/opened"]


def test_a_forgetful_far_end_is_told_until_the_hold_ends(tmp_path: Path) -> None:
    """Every minute while it is open, and after that until it was held long enough; then that it has ended."""
    sink = Obedient("am", batch=10, resend=60.0, hold=900.0)
    with store_in(tmp_path) as store:
        office = Office(store, sink)
        office.open(an_alert("a"), an_alert("b"))
        office.deliver()
        office.now += 59 * SECOND
        office.deliver()
        assert len(sink.took) == 2
        office.now += SECOND
        office.deliver()
        assert len(sink.took) == 4
        office.close_quiet(61)
        office.deliver()
        assert [one.ends_at for one in sink.took[-2:]] == [0, 0]
        office.now += 901 * SECOND
        office.deliver()
        assert {one.occasion.value for one in sink.took[-2:]} == {"closed"}
        assert sink.took[-1].ends_at == office.now
        told = len(sink.took)
        office.now += 3600 * SECOND
        office.deliver()
    assert len(sink.took) == told


def test_retry_after_is_kept(tmp_path: Path) -> None:
    """The pause is what the far end asked for, and never longer than half a minute else."""
    sink = Obedient("slack")
    with store_in(tmp_path) as store:
        office = Office(store, sink)
        courier = office.couriers["slack"]
        office.open(an_alert("a"))
        sink.error = NotDelivered("429", retry_after=77.0)
        courier.deliver()
        assert courier._pause == 77.0
        sink.error = NotDelivered("500")
        pauses = []
        for _ in range(8):
            courier.deliver()
            pauses.append(courier._pause)
    assert pauses[-1] == 30.0
    assert pauses == sorted(pauses)
