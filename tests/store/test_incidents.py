"""Incidents in the store: numbered, only added to, beside everything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.alert_texts import an_alert
from vedette.store.database import Database
from vedette.store.incidents import ALERT, NOTE, QUESTION, Incidents


@pytest.fixture
def incidents(tmp_path: Path) -> Incidents:
    """Of a new store."""
    return Incidents(Database(tmp_path))


def test_an_incident_keeps_what_was_said_of_it(incidents: Incidents) -> None:
    """Title, severity, who and when stand as they were given; numbers count up; the latest comes first."""
    first = incidents.open("ci was used from outside", 1, 5, "ann")
    second = incidents.open("another", 3, 6, "bob")
    assert [one.id for one in incidents.listed(closed=False)] == [second, first]
    got = incidents.get(first)
    assert got is not None
    assert (got.title, got.name, got.opened, got.opened_by, got.closed) == (
        "ci was used from outside",
        "SEV1",
        5,
        "ann",
        0,
    )
    assert incidents.get(99) is None


def test_entries_stand_in_the_order_in_which_they_were_added(incidents: Incidents) -> None:
    """Notes, questions and alerts come back whole, an alert as it was when it was added."""
    number = incidents.open("x", 2, 1, "ann")
    other = incidents.open("y", 2, 1, "ann")
    alert = an_alert("a1")
    incidents.note(number, NOTE, 9, "ann", said="one")
    incidents.add(number, alert, 8, "bob")
    incidents.note(other, NOTE, 9, "ann", said="not here")
    incidents.note(number, QUESTION, 7, "ann", said="who?")
    found = incidents.entries(number)
    assert [(one.kind, one.time, one.by, one.said) for one in found] == [
        (NOTE, 9, "ann", "one"),
        (ALERT, 8, "bob", ""),
        (QUESTION, 7, "ann", "who?"),
    ]
    assert [one.alert for one in found] == [None, alert, None]
    assert found[1].name == alert.id
    assert incidents.numbers(number) == {NOTE: 1, ALERT: 1, QUESTION: 1}


def test_an_incident_closes_once(incidents: Incidents) -> None:
    """The first who closes it is kept; closed ones are listed only when asked for."""
    number = incidents.open("x", 2, 1, "ann")
    incidents.rate(number, 1)
    assert incidents.close(number, 3, "ann", "over")
    assert not incidents.close(number, 4, "bob", "again")
    got = incidents.get(number)
    assert got is not None
    assert (got.severity, got.closed, got.closed_by, got.reason) == (1, 3, "ann", "over")
    assert incidents.listed(closed=False) == []
    assert [one.id for one in incidents.listed(closed=True)] == [number]
