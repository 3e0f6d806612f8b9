"""Who is told of what, in which order, how often; and why somebody was not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.watch.small import ALL, SECOND, Obedient, Office, an_alert, store_in
from vedette.rule import Severity
from vedette.store.database import Full
from vedette.store.store import Store
from vedette.store.visit import Visit
from vedette.watch.telling import STORM_ALERTS, Manner, Route, Telling


def test_an_alert_is_told_once_when_it_opens_and_once_when_it_closes(tmp_path: Path) -> None:
    """However often it is counted up in between, and over a restart."""
    sink = Obedient("slack")
    with store_in(tmp_path) as store:
        office = Office(store, sink)
        office.open(an_alert("a"))
        office.open(an_alert("a", count=2))
        office.deliver()
        office.telling = Telling(store, office.telling.routes, office.telling.manners)
        office.open(an_alert("a", count=3))
        office.deliver()
        office.close_quiet(61)
        office.deliver()
    assert sink.told == ["a/opened", "a/closed"]
    assert [one.alert.count for one in sink.took] == [2, 3]
    assert [one.receipt for one in sink.took] == ["", "receipt 1"]


def test_a_route_chooses_by_severity_and_the_first_that_fits_counts(tmp_path: Path) -> None:
    """A severity that no route has is not told, with the reason in the store."""
    loud, quiet = Obedient("loud"), Obedient("quiet")
    routes = [
        Route(frozenset({int(Severity.CRITICAL)}), ("loud",)),
        Route(frozenset({int(Severity.CRITICAL), int(Severity.WARNING)}), ("quiet",)),
    ]
    with store_in(tmp_path) as store:
        office = Office(store, loud, quiet, routes=routes)
        office.open(*(an_alert(str(one), severity=one) for one in Severity))
        office.deliver()
        kept = store.alerts.get("info")
        assert kept is not None
        assert kept.untold == "no route leads to a sink"
    assert (loud.told, quiet.told) == (["critical/opened"], ["warning/opened"])


def test_a_storm_is_told_once_and_kept_whole(tmp_path: Path) -> None:
    """So many alerts of one rule are told; the others stand in the store with the reason; another rule is not hushed."""
    sink = Obedient("slack")
    with store_in(tmp_path) as store:
        office = Office(store, sink)
        office.open(*(an_alert(f"s{n:03d}", rule="S1") for n in range(100)))
        office.open(*(an_alert(f"t{n:03d}", rule="S1") for n in range(100)))
        office.open(an_alert("k"))
        office.deliver()
        untold = [kept for kept in store.alerts.listed(rule="S1") if kept.untold]
        assert len(untold) == 200 - STORM_ALERTS
        assert {kept.untold for kept in untold} == {"storm: more than 30 alerts of S1 within 10 min"}
        assert office.telling.storms == {"S1": office.now - 1}
        office.now += 601 * SECOND
        office.open(an_alert("later", rule="S1"))
        office.deliver()
    assert len(sink.told) == STORM_ALERTS + 2
    assert sink.told[-2:] == ["k/opened", "later/opened"]


def test_an_episode_that_goes_on_after_it_closed_is_not_told_as_new(tmp_path: Path) -> None:
    """A late act opens it again; the end that had not been told yet is taken back."""
    sink = Obedient("am", resend=60.0, hold=900.0)
    with store_in(tmp_path) as store:
        office = Office(store, sink)
        office.open(an_alert("a"))
        office.deliver()
        office.close_quiet(61)
        office.open(an_alert("a", count=2))
        assert [row.occasion for row in store.outbox.of_alert("a")] == ["opened"]
        office.deliver()
    assert sink.told == ["a/opened", "a/opened"]


def test_a_silence_holds_back_what_is_not_told_yet(tmp_path: Path) -> None:
    """Until it ends: who asked for it stands as the reason, and what is still open then is told."""
    sink = Obedient("slack")
    with store_in(tmp_path) as store:
        office = Office(store, sink)
        office.open(an_alert("a"))
        kept = store.alerts.get("a")
        assert kept is not None
        store.alerts.silence(kept, office.now + 3600 * SECOND, "me", "known", office.now)
        office.deliver()
        assert [(row.state, row.reason) for row in store.outbox.of_alert("a")] == [("waiting", "silenced by me: known")]
        assert store.outbox.waiting() == {}
        office.now += 3601 * SECOND
        office.open(an_alert("b"))
        office.deliver()
    assert sink.told == ["a/opened", "b/opened"]


def test_what_is_over_before_its_silence_is_never_told(tmp_path: Path) -> None:
    """Neither its beginning nor its end, and both say why."""
    sink = Obedient("slack")
    with store_in(tmp_path) as store:
        office = Office(store, sink)
        office.open(an_alert("a"))
        kept = store.alerts.get("a")
        assert kept is not None
        store.alerts.silence(kept, office.now + 3600 * SECOND, "me", "known", office.now)
        office.deliver()
        office.close_quiet(61)
        office.deliver()
        office.now += 3601 * SECOND
        office.deliver()
        rows = [(row.occasion, row.state, row.reason) for row in store.outbox.of_alert("a")]
    assert sink.told == []
    assert rows == [
        ("opened", "dropped", "silenced by me: known; over before the silence was"),
        ("closed", "dropped", "nor was its beginning"),
    ]


def test_an_end_that_another_process_made_is_not_the_last_word(tmp_path: Path) -> None:
    """`vedette alerts close` while the daemon runs: the end is told, and, when it goes on, the alert again."""
    sink = Obedient("slack")
    with store_in(tmp_path) as store:
        office = Office(store, sink)
        office.open(an_alert("a"))
        office.deliver()
        visit = Visit(tmp_path)
        kept = visit.alerts.get("a")
        assert kept is not None
        with visit.database.transaction():
            Telling(visit, (), {"slack": Manner()}).close(kept, office.now, "me: drill")
        visit.close()
        office.now += SECOND
        office.deliver()
        assert sink.told == ["a/opened", "a/closed"]
        office.now += SECOND
        office.open(an_alert("a", count=2))
        office.deliver()
        office.open(an_alert("a", count=3))
        office.deliver()
    assert sink.told == ["a/opened", "a/closed", "a/opened"]


def test_what_was_not_committed_is_planned_again(tmp_path: Path) -> None:
    """A transaction that failed leaves nothing behind in memory that would hide its alerts."""
    sink = Obedient("slack")
    with store_in(tmp_path) as store:
        office = Office(store, sink)
        with pytest.raises(Full):
            _plan_and_fail(store, office)
        office.telling.reload()
        office.deliver()
        assert sink.told == []
        office.open(an_alert("a"))
        office.deliver()
    assert sink.told == ["a/opened"]


def _plan_and_fail(store: Store, office: Office) -> None:
    with store.database.transaction():
        store.acts.save(an_alert("a"), b"a", office.now)
        office.telling.changed({"a": an_alert("a")}, office.now)
        raise Full("the disk is full")


def test_labels_are_few_and_the_same_for_the_same_episode(tmp_path: Path) -> None:
    """Names from the log stand in annotations; a digest of the group tells episodes apart."""
    sink = Obedient("am")
    with store_in(tmp_path) as store:
        office = Office(store, sink, routes=[Route(ALL, ("am",))])
        office.open(an_alert("eve <!channel>"))
        office.deliver()
    (one,) = sink.took
    assert set(one.labels) == {"alertname", "severity", "rule_id", "source", "entity", "cluster"}
    assert one.labels["alertname"] == "VedetteK3"
    assert "eve" not in " ".join(one.labels.values())
    assert one.annotations["actor"] == "eve <!channel>"
    assert one.annotations["summary"] == "A toy: eve <!channel> from 203.0.113.9 -> vault/secrets/x"
