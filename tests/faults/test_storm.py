"""A hundred thousand matches within one second: memory is bounded, few are told, and the count is exact."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.conftest import amount
from tests.faults.forking import Forker
from tests.faults.inputs import settings, storm
from tests.faults.lives import Life
from tests.faults.memory import peak_of
from tests.faults.outcome import outcome
from vedette.watch.telling import STORM_ALERTS

_MEMORY = 300 << 20
"""Bytes that a watcher may take at most."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("actors", [1, 100_000])
def test_a_storm_is_counted_exactly_within_bounds(tmp_path: Path, forker: Forker, actors: int) -> None:
    """One episode with every match, or as many episodes, of which the first are told and one finding speaks."""
    number = amount(10_000, 100_000)
    config = settings(tmp_path, files=("kube",))
    text = config.read_text("utf-8").replace("severity: [critical]", "severity: [critical, warning, info]")
    config.write_text(text, "utf-8")
    (tmp_path / "logs").mkdir()
    with (tmp_path / "logs" / "kube.log").open("wb") as file:
        file.writelines(storm(number, actors=actors))
    ended, peak = peak_of(forker, Life(str(config), inline=False, hasty=True, output=str(tmp_path / "output")))
    assert ended == 0
    assert peak < _MEMORY, f"{peak >> 20} MB"
    found = outcome(tmp_path)
    shells = [one for one in found.alerts.values() if one[0] == "K4"]
    assert sum(one[4] for one in shells) == number
    assert len(shells) == min(actors, number)
    told = Counter(json.loads(line)["rule"] for line in (tmp_path / "told.jsonl").read_bytes().splitlines())
    assert told["K4"] <= STORM_ALERTS
    if len(shells) > STORM_ALERTS:
        assert told["K4"] == STORM_ALERTS
        assert "storm" in found.findings
        assert all(one[15].startswith("storm: ") for one in shells if one[15])
        assert sum(bool(one[15]) for one in shells) == len(shells) - STORM_ALERTS
