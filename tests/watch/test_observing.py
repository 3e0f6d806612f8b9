"""What observers see becomes observations: with what was seen before, over a restart, and never in silence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.watch.small import store_in
from vedette.observers.base import CannotLook, Look
from vedette.store.segments import Segments
from vedette.watch.observing import COMPARED, Observing
from vedette.watch.pulse import Pulse


class Scripted:
    """Sees one thing after the other; an exception is raised."""

    name = "scripted"
    every = 1.0

    def __init__(self, *seen: Sequence[Look] | Exception) -> None:
        self._seen = list(seen)
        self.asked_again = 0

    def look(self) -> Sequence[Look]:
        """As Observer."""
        one = self._seen.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    def again(self) -> None:
        """What was given was not kept."""
        self.asked_again += 1

    def close(self) -> None:
        """As Observer."""


def _sealed(value: bool) -> Look:
    return Look("seal_status", "https://vault:8200", {"sealed": value})


def _lines(observing: Observing) -> list[dict[str, object]]:
    data = b"".join(piece.data for piece in observing.poll(1 << 20))
    return [json.loads(line) for line in data.splitlines()]


def test_each_look_bears_the_one_before(tmp_path: Path) -> None:
    """The first has none; after a restart what the store knows is the one before."""
    with store_in(tmp_path) as store:
        pulse = Pulse(0)
        observing = Observing("observations", store.segments("spool", "o"), {}, pulse)
        observer = Scripted([_sealed(False)], [_sealed(True)])
        observing.look(observer)
        observing.look(observer)
        first, second = _lines(observing)
        assert "previous" not in first
        assert (second["previous"], second["value"]) == ({"sealed": False}, {"sealed": True})
        for line in (first, second):
            store.observed(json.dumps(line).encode(), COMPARED)
        again = Observing("observations", store.segments("spool", "p"), store.progress.observed(), pulse)
        again.look(Scripted([_sealed(False)]))
        (third,) = _lines(again)
    assert (third["previous"], third["value"]) == ({"sealed": True}, {"sealed": False})


def test_an_observer_that_cannot_look_is_told_of_with_what_it_saw(tmp_path: Path) -> None:
    """The reason and the mend stand in the pulse until it can; a fault of its own does not end it."""
    pulse = Pulse(0)
    observing = Observing("observations", Segments(tmp_path), {}, pulse)
    refused = CannotLook("403 on sys/audit", "grant read and sudo", [_sealed(False)])
    observer = Scripted(refused, ValueError("oops"), [_sealed(False)])
    observing.look(observer)
    assert pulse.observers == {"scripted": ("403 on sys/audit", "grant read and sudo")}
    assert len(_lines(observing)) == 1
    observing.look(observer)
    assert pulse.observers["scripted"] == ("a fault of vedette (ValueError)", "please report it")
    observing.look(observer)
    assert pulse.observers == {}


def test_what_could_not_be_kept_is_asked_for_again(tmp_path: Path) -> None:
    """A full disk must not make an observer believe that its news were heard."""

    class FullSpool(Segments):
        def append(self, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    pulse = Pulse(0)
    observer = Scripted([_sealed(True)], [_sealed(True)])
    Observing("observations", FullSpool(tmp_path), {}, pulse).look(observer)
    assert observer.asked_again == 1
    assert pulse.observers["scripted"][0] == "No space left on device"


def test_every_state_of_a_policy_is_kept(tmp_path: Path) -> None:
    """So that one can be restored: the audit log has digests only."""
    with store_in(tmp_path) as store:
        for number, text in enumerate(["a", "a", "b"]):
            record = {
                "observation": "policy",
                "subject": "p",
                "time": f"2026-01-01T00:00:0{number}Z",
                "value": {"policy": text},
            }
            store.observed(json.dumps(record).encode(), COMPARED)
        assert [value["policy"] for _, value in store.progress.snapshots("policy", "p")] == ["b", "a"]
