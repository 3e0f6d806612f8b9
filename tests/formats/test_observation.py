"""Observations are read like any log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.formats.reading import log, read
from vedette.event import Outcome
from vedette.formats.base import Unreadable
from vedette.formats.observation import Observation

_SEAL = {
    "observation": "seal_status",
    "time": "2026-11-23T06:32:09Z",
    "subject": "vault-0",
    "value": {"sealed": True},
    "previous": {"sealed": False},
}


@pytest.mark.parametrize(
    ("more", "changed"),
    [({}, True), ({"previous": {"sealed": True}}, False), ({"previous": None}, False), ({"value": None}, True)],
)
def test_a_change_needs_something_before(more: dict[str, Any], changed: bool) -> None:
    """The first observation of a thing changes nothing."""
    event = Observation().read(json.dumps(_SEAL | more).encode())
    assert event.fields["changed"] is changed


def test_an_observation_is_an_event() -> None:
    """It has a time and an object, nobody did it, and what was seen is certain."""
    event = Observation().read(json.dumps(_SEAL).encode())
    assert (event.time, event.outcome, event.final) == (1_795_415_529_000_000_000, Outcome.DONE, True)
    assert [event.text(name) for name in ("outcome", "actor", "address", "object")] == ["done", "", "", "vault-0"]
    assert event.values(("value", "sealed")) == ((True,), True)


@pytest.mark.parametrize(
    ("value", "actor", "what"),
    [
        ({"user": "eve", "verb": "patch", "requestURI": "/apis/x?y"}, "eve", "patch /apis/x?y"),
        ({"user": ["eve"], "verb": "patch"}, "", "d5f333dd"),
        (None, "", "d5f333dd"),
    ],
)
def test_a_write_without_an_end_has_an_actor(value: object, actor: str, what: str) -> None:
    """Who asked for what is told, as far as it is text; the audit id alone says nothing to a person."""
    missing = {"observation": "completion_missing", "subject": "d5f333dd", "value": value}
    event = Observation().read(json.dumps(_SEAL | missing).encode())
    assert (event.text("actor"), event.text("object")) == (actor, what)


def test_observations_are_recognised() -> None:
    """The reader knows them by their keys, and tells the same seen twice from two sights."""
    later = _SEAL | {"time": "2026-11-23T06:33:09Z"}
    reading = read(log(_SEAL, _SEAL, later))
    assert reading.events == {"observation": 3}
    acts = [reading.event(index).act for index in range(3)]
    assert acts[0] == acts[1] != acts[2]


@pytest.mark.parametrize("record", [{}, {"observation": "x"}, {"subject": "x"}])
def test_another_record_is_refused(record: dict[str, Any]) -> None:
    """What says neither what nor of what is no observation."""
    with pytest.raises(Unreadable, match="unknown shape"):
        Observation().read(json.dumps(record).encode())
