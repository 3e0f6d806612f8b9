"""Sorting in bounded memory."""

from __future__ import annotations

import random

import pytest

from vedette.engine import sorter as module
from vedette.engine.sighting import Sighting, by_time
from vedette.engine.sorter import Sorter


def _sightings(number: int) -> list[Sighting]:
    draw = random.Random(7)
    return [
        Sighting(0, f"{draw.random()}", True, "fire", draw.randrange(1000), group=("ü", "\x1b")) for _ in range(number)
    ]


@pytest.mark.parametrize("number", [0, 1, 10, 11, 1000])
def test_sorted_as_by_python(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it fits in memory, needs a run or more runs than are merged at once."""
    monkeypatch.setattr(module, "_FAN_IN", 3)
    monkeypatch.setattr(module, "_BLOCK", 4)
    items, sorter = _sightings(number), Sorter(Sighting, by_time, run=10)
    for item in items:
        sorter.add(item)
    assert list(sorter) == sorted(items, key=by_time)
    assert list(sorter) == sorted(items, key=by_time)
    sorter.close()


def test_memory_holds_one_run() -> None:
    """What was added beyond a run is on disk."""
    sorter = Sorter(Sighting, by_time, run=100)
    for item in _sightings(1050):
        sorter.add(item)
    assert len(sorter._items) == 50
    assert len(sorter._runs) == 10
    sorter.close()
