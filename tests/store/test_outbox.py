"""The outbox: told or not told, each with its reason, whatever happens in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.alert_texts import an_alert
from vedette.engine.memory import WindowAct
from vedette.store.acts import Acts
from vedette.store.database import Database
from vedette.store.outbox import DROPPED, TOLD, WAITING, Entry, Outbox, SinkState

NOW = 1_000


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for all examples."""
    made = Database(tmp_path_factory.mktemp("outbox"))
    made.execute("PRAGMA synchronous = off")
    yield made
    made.close()


@pytest.fixture
def outbox(database: Database) -> Outbox:
    """Empty."""
    return _emptied(database)


def _emptied(database: Database) -> Outbox:
    for table in ("outbox", "sinks", "alerts"):
        database.execute(f"DELETE FROM {table}")
    return Outbox(database)


def rows(outbox: Outbox) -> dict[tuple[str, str, str], Entry]:
    """All rows by what they are about."""
    found = [row for alert in "ab" for row in outbox.of_alert(alert)]
    keyed = {(row.alert, row.sink, row.occasion): row for row in found}
    assert len(keyed) == len(found)
    return keyed


ALERTS, SINKS, OCCASIONS = (
    st.sampled_from("ab"),
    st.sampled_from(["am", "slack"]),
    st.sampled_from(["opened", "closed"]),
)
CALLS = st.lists(
    st.tuples(
        st.sampled_from(
            ["put", "begin", "told", "resend", "failed", "perhaps", "postpone", "drop", "settle", "remove", "take"]
        ),
        ALERTS,
        SINKS,
        OCCASIONS,
    ),
    max_size=25,
)


@given(calls=CALLS)
@settings(max_examples=200)
def test_what_was_told_stays_known_and_what_was_not_has_a_reason(
    calls: list[tuple[str, str, str, str]], database: Database
) -> None:
    """One row for each thing; it never forgets that it was told; dropped ones say why; due ones come as they were put."""
    outbox = _emptied(database)
    told: set[tuple[str, str, str]] = set()
    began: set[tuple[str, str, str]] = set()
    with database.transaction():
        for at, (call, alert, sink, occasion) in enumerate(calls):
            now = NOW + at
            key = (alert, sink, occasion)
            row = rows(outbox).get(key)
            if call == "put":
                outbox.put(alert, sink, occasion, now, now)
            elif call == "settle":
                outbox.settle(alert, sink, occasion)
            elif call == "remove":
                for gone in [
                    one
                    for one, has in rows(outbox).items()
                    if (one[0], one[2], has.state) == (alert, occasion, WAITING)
                ]:
                    told.discard(gone)
                    began.discard(gone)
                outbox.remove(alert, occasion)
            elif call == "take":
                before = rows(outbox)
                outbox.take_over(sink, "fallback", now, "dead")
                for one, has in rows(outbox).items():
                    if one not in before:
                        source = before[one[0], sink, one[2]]
                        assert (source.state, source.told, has.reason) == (WAITING, 0, "dead")
            elif row is not None and row.state == WAITING:
                _deliver(outbox, call, row, now)
                if call in ("told", "resend"):
                    told.add(key)
                if call == "begin":
                    began.add(key)
                elif call not in ("postpone", "perhaps"):
                    began.discard(key)
            for one, has in rows(outbox).items():
                assert bool(has.told) == (one in told)
                assert bool(has.begun) == (one in began)
                assert has.state in (WAITING, TOLD, DROPPED)
                assert has.reason or has.state != DROPPED
                assert has.state != TOLD or has.told
    due = outbox.due("am", NOW + len(calls), 100)
    waiting = [row for row in rows(outbox).values() if (row.sink, row.state) == ("am", WAITING)]
    assert due == sorted((row for row in waiting if row.due <= NOW + len(calls)), key=lambda row: row.id)
    never = [row for row in waiting if not row.told]
    assert outbox.waiting().get("am", (0, 0)) == (len(never), min((row.created for row in never), default=0))


def _deliver(outbox: Outbox, call: str, row: Entry, now: int) -> None:
    if call == "begin":
        outbox.begin([row.id], now)
    elif call == "told":
        outbox.told(row.id, now, "receipt")
    elif call == "resend":
        outbox.told(row.id, now, "", again=now + 1)
    elif call in ("failed", "perhaps"):
        outbox.failed(row.id, "no answer", perhaps=call == "perhaps")
    elif call == "postpone":
        outbox.postpone(row.id, now + 1000, "later")
    elif call == "drop":
        outbox.drop(row.id, "refused")


def test_a_receipt_outlives_the_tellings_that_give_none(outbox: Outbox) -> None:
    """The message of the opening is what the end changes."""
    outbox.put("a", "slack", "opened", 1, 1)
    (row,) = outbox.due("slack", 1, 9)
    outbox.told(row.id, 2, "C1:17", again=3)
    outbox.told(row.id, 3, "", again=4)
    assert outbox.receipt("a", "slack") == "C1:17"
    assert outbox.receipt("a", "am") == ""


def test_the_end_overtakes_a_beginning_that_was_never_told(outbox: Outbox) -> None:
    """It is dropped with the reason; one that was told counts as told."""
    for sink in ("am", "slack"):
        outbox.put("a", sink, "opened", 1, 1)
    (row,) = outbox.due("slack", 1, 9)
    outbox.told(row.id, 2, "", again=50)
    for sink in ("am", "slack"):
        outbox.settle("a", sink, "opened")
    assert {row.sink: (row.state, row.reason) for row in outbox.of_alert("a")} == {
        "am": (DROPPED, "overtaken"),
        "slack": (TOLD, ""),
    }


def test_only_a_silence_is_shortened_by_its_end(outbox: Outbox, database: Database) -> None:
    """What waits for the end of a silence of this key is due at once; other waits and other keys are not."""
    acts = Acts(database, WindowAct)
    acts.save(an_alert("a"), b"key", 1)
    acts.save(an_alert("b"), b"other", 1)
    for alert in "ab":
        outbox.put(alert, "silenced", "opened", 1, 900, "silenced by me: known")
        outbox.put(alert, "held", "closed", 1, 900)
    outbox.hasten(b"key", 5)
    assert {(row.alert, row.sink): row.due for alert in "ab" for row in outbox.of_alert(alert)} == {
        ("a", "silenced"): 5,
        ("a", "held"): 900,
        ("b", "silenced"): 900,
        ("b", "held"): 900,
    }


def test_a_sink_that_nobody_has_heard_of_is_well(outbox: Outbox) -> None:
    """And what was noted last holds."""
    assert outbox.state("am") == SinkState("am", "ok", 0, "", 0)
    outbox.set_state(SinkState("am", "dead", 5, "404", 4))
    outbox.set_state(SinkState("am", "failing", 6, "500", 4))
    assert outbox.state("am") == SinkState("am", "failing", 6, "500", 4)


def test_the_outbox_is_the_same_after_a_restart(tmp_path: Path) -> None:
    """A try that began and was never noted to have ended is still marked."""
    first = Database(tmp_path)
    outbox = Outbox(first)
    outbox.put("a", "am", "opened", 1, 1)
    outbox.begin([outbox.due("am", 1, 1)[0].id], 2)
    before = outbox.of_alert("a")
    first.close()
    again = Database(tmp_path, create=False)
    assert Outbox(again).of_alert("a") == before
    assert before[0].begun == 2
    again.close()
