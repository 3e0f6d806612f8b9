"""Alerts in the store as people ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.alert_texts import an_alert
from vedette.engine.memory import WindowAct
from vedette.store.acts import Acts
from vedette.store.alerts import OWN, Alerts
from vedette.store.database import Database
from vedette.store.outbox import Outbox

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database for all examples."""
    made = Database(tmp_path_factory.mktemp("alerts"))
    made.execute("PRAGMA synchronous = off")
    yield made
    made.close()


@pytest.fixture
def database(kept: Database) -> Database:
    """Empty."""
    _empty(kept)
    return kept


def _empty(database: Database) -> None:
    for table in ("alerts", "outbox", "silences", "deeds"):
        database.execute(f"DELETE FROM {table}")


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["K3", "K5", "sink_dead"]),
        st.integers(1, 3),
        st.integers(0, 9),
        st.booleans(),
        st.sampled_from(["told", "waiting", "held", "dropped", "no row", "a reason"]),
    ),
    max_size=12,
)


@given(
    rows=ROWS,
    state=st.sampled_from(["", "open", "closed"]),
    rule=st.sampled_from(["", "k3", "K5"]),
    least=st.integers(0, 3),
    since=st.integers(0, 9),
    untold=st.booleans(),
    most=st.integers(-1, 4),
)
@settings(max_examples=200)
def test_a_listing_is_what_was_asked_for_the_latest_first(
    rows: list[tuple[str, int, int, bool, str]],
    state: str,
    rule: str,
    least: int,
    since: int,
    untold: bool,
    most: int,
    kept: Database,
) -> None:
    """Every filter leaves out what it names and nothing else; what somebody was not told of is found by any reason."""
    database = kept
    _empty(database)
    alerts, outbox = Alerts(database), Outbox(database)
    wanted = []
    with database.transaction():
        for at, (name, severity, opened, closed, fate) in enumerate(rows):
            one = f"{at:02d}"
            Acts(database, WindowAct).save(an_alert(one, rule=name, severity=severity), one.encode(), opened)
            if closed:
                alerts.close(one, 10)
            if fate == "a reason":
                alerts.untold(one, "storm")
            elif fate != "no row":
                outbox.put(one, "am", "opened", 1, 1)
                (row,) = outbox.of_alert(one)
                if fate in ("told", "held"):
                    outbox.told(row.id, 2, "")
                if fate == "held":
                    outbox.put(one, "am", "closed", 1, 999)
                if fate == "dropped":
                    outbox.drop(row.id, "refused")
            states = state in ("", "closed" if closed else "open")
            missed = fate not in ("told", "held") or not untold
            if states and rule.upper() in ("", name) and severity >= least and opened >= since and missed:
                wanted.append((-opened, one))
    found = alerts.listed(state=state, rule=rule, least=least, since=since, untold=50 if untold else None, most=most)
    expected = [name for _, name in sorted(wanted)]
    assert [one.alert.id for one in found] == (expected if most < 0 else expected[:most])


def test_an_alert_is_found_by_the_beginning_of_its_id(database: Database) -> None:
    """Two where it is not unique; none for what would be a pattern elsewhere."""
    alerts = Alerts(database)
    for name in ("7d1b0001", "7d1b0002", "9e000000"):
        Acts(database, WindowAct).save(an_alert(name), name.encode(), 1)
    assert [one.alert.id for one in alerts.find("9e")] == ["9e000000"]
    assert len(alerts.find("7d1b")) == 2
    for text in ("7d1c", "%", "_", "7d1b0001x", "'; DROP TABLE alerts; --"):
        assert alerts.find(text) == []
    assert alerts.get("7d1b") is None


def test_what_is_quiet_for_long_enough_closes_and_findings_do_not(database: Database) -> None:
    """To the nanosecond, by the time of the last act's arrival; each once."""
    alerts, acts = Alerts(database), Acts(database, WindowAct)
    acts.save(an_alert("a", quiet_after=60), b"a", 5 * SECOND)
    acts.save(an_alert("f", quiet_after=0, source=OWN), b"f", 1)
    assert alerts.quiet(65 * SECOND - 1) == []
    assert [one.alert.id for one in alerts.quiet(65 * SECOND)] == ["a"]
    assert alerts.close("a", 65 * SECOND)
    assert not alerts.close("a", 66 * SECOND, "me")
    assert alerts.quiet(99 * SECOND) == []
    kept = alerts.get("a")
    assert kept is not None
    assert (kept.closed, kept.closed_by) == (65 * SECOND, "")
    assert [one.alert.id for one in alerts.open_findings()] == ["f"]


def test_what_the_loop_asks_does_not_cost_by_the_number_of_open_alerts(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are answered by an index of their own: no sorting, no look at each alert."""
    asked: list[str] = []

    def ask(sql: str, *_: object) -> list[tuple[object, ...]]:
        asked.append(sql)
        return []

    with monkeypatch.context() as patched:
        patched.setattr(database, "execute", ask)
        Alerts(database).quiet(1)
        Alerts(database).open_findings()
    plans = [database.execute(f"EXPLAIN QUERY PLAN {sql}", *[1] * sql.count("?")) for sql in asked]
    assert [[step[3] for step in plan] for plan in plans] == [
        ["SEARCH alerts USING INDEX alerts_quiet (<expr><?)"],
        ["SCAN alerts USING INDEX alerts_findings"],
    ]


def test_the_longest_silence_in_force_counts(database: Database) -> None:
    """For every episode of its key, until its end and not at it; ended ones are in force no more."""
    alerts, acts = Alerts(database), Acts(database, WindowAct)
    acts.save(an_alert("a"), b"key", 1)
    kept = alerts.get("a")
    assert kept is not None
    alerts.silence(kept, 50, "me", "short", 10)
    alerts.silence(kept, 90, "you", "long", 10)
    in_force = alerts.silenced(b"key", 20)
    assert in_force is not None
    assert (in_force.by, str(in_force)) == ("you", "silenced by you: long")
    assert [one.by for one in alerts.silences(20)] == ["me", "you"]
    assert [one.by for one in alerts.silences(50)] == ["you"]
    assert alerts.silenced(b"key", 90) is None
    assert alerts.silenced(b"other", 20) is None
    assert alerts.unsilence(b"key", 60) == 1
    assert alerts.silenced(b"key", 61) is None


def test_only_what_closed_long_ago_is_forgotten(database: Database) -> None:
    """With what was told and done about it; open alerts stay however old they are."""
    alerts, acts, outbox = Alerts(database), Acts(database, WindowAct), Outbox(database)
    for name, closed in (("old", 10), ("new", 30), ("open", 0)):
        acts.save(an_alert(name), name.encode(), 1)
        outbox.put(name, "am", "opened", 1, 1)
        alerts.did(name, 5, "me", "acked", "looking")
        if closed:
            alerts.close(name, closed)
    alerts.forget(20)
    assert {name: alerts.get(name) is not None for name in ("old", "new", "open")} == {
        "old": False,
        "new": True,
        "open": True,
    }
    assert [(len(outbox.of_alert(name)), len(alerts.deeds(name))) for name in ("old", "new", "open")] == [
        (0, 0),
        (1, 1),
        (1, 1),
    ]


def test_a_storm_counts_what_was_told_of_one_rule_in_a_span(database: Database) -> None:
    """From its begin to before its end; what was held back is not counted."""
    alerts, acts = Alerts(database), Acts(database, WindowAct)
    for at, (rule, opened) in enumerate([("K3", 10), ("K3", 19), ("K3", 20), ("K5", 15), ("K3", 15)]):
        acts.save(an_alert(str(at), rule=rule), str(at).encode(), opened)
    alerts.untold("4", "storm")
    assert alerts.opened_between("K3", 10, 20) == 2
    assert alerts.numbers() == {("K3", 3, "open"): 4, ("K5", 3, "open"): 1}


def test_who_saw_it_first_is_kept_over_a_restart(tmp_path: Path) -> None:
    """And all that was done, in order."""
    first = Database(tmp_path)
    Acts(first, WindowAct).save(an_alert("a"), b"a", 1)
    alerts = Alerts(first)
    for at, by in ((5, "me"), (6, "you")):
        alerts.ack("a", at, by)
        alerts.did("a", at, by, "acked", f"note {at}")
    first.close()
    again = Database(tmp_path, create=False)
    kept = Alerts(again).get("a")
    assert kept is not None
    assert (kept.acked, kept.acked_by) == (5, "me")
    assert [(deed.by, deed.said) for deed in Alerts(again).deeds("a")] == [("me", "note 5"), ("you", "note 6")]
    again.close()
