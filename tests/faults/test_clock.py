"""The clock is set forwards and back while the watcher runs: nothing is lost, expires or is told twice for that."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.forking import Forker
from tests.faults.inputs import LOG_NAMES, settings, short, write_all
from tests.faults.lives import Life
from tests.faults.outcome import Outcome, outcome, same
from tests.scans import ROOT

_HOUR = 3600 * 1_000_000_000
_YEAR = 365 * 24 * _HOUR
_PIECE = 8 << 10
_JUMPS = {
    "a year ahead": [(3, _YEAR)],
    "a year back": [(3, -_YEAR)],
    "an hour ahead": [(5, _HOUR)],
    "an hour back": [(5, -_HOUR)],
    "a year ahead and back": [(2, _YEAR), (9, -_YEAR)],
    "a year back and ahead": [(2, -_YEAR), (9, _YEAR)],
    "to and fro": [(turn, _YEAR if turn % 2 else -_YEAR) for turn in range(1, 20)],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short log."""
    folder = tmp_path_factory.mktemp("clock")
    write_all(folder / "logs", {name: short(name) for name in LOG_NAMES})
    settings(folder)
    return folder


@pytest.fixture(scope="module")
def expected(place: Path, forker: Forker) -> Outcome:
    """A life with a steady clock."""
    assert forker.run(Life(str(place / "vedette.yaml"), _PIECE)) == 0
    return outcome(place)


@pytest.mark.parametrize("jumps", _JUMPS.values(), ids=_JUMPS)
def test_a_clock_that_is_set_changes_no_alert(
    place: Path, forker: Forker, expected: Outcome, jumps: list[tuple[int, int]]
) -> None:
    """The same alerts with the same counts and times, all open, each told once; and no source is called silent."""
    shutil.rmtree(place / "state")
    (place / "told.jsonl").unlink()
    life = Life(str(place / "vedette.yaml"), _PIECE, jumps=jumps, turns=24, output=str(place / "output"))
    assert forker.run(life) == 0, (place / "output").read_text("utf-8")
    found = outcome(place)
    same(found, expected)
    assert found.states == expected.states
    assert set(found.findings) == set(expected.findings)


def _opened(found: Outcome) -> Outcome:
    """Without what was told of alerts that closed."""
    told = Counter({name: number for name, number in found.told.items() if name.endswith("/opened")})
    return replace(found, outbox=frozenset(row for row in found.outbox if row[2] == "opened"), told=told)


@pytest.mark.parametrize("by", [_YEAR, _HOUR, -_HOUR])
@pytest.mark.parametrize("turn", [2, 6, 12])
def test_a_clock_that_is_set_while_nobody_watches_costs_no_act(
    place: Path, forker: Forker, expected: Outcome, by: int, turn: int
) -> None:
    """A life ends in the midst, the clock is set, and the next life counts on into the same alerts.

    They may close at once: nobody can tell a clock that was set from a watcher that was away for so long.
    """
    shutil.rmtree(place / "state")
    (place / "told.jsonl").unlink()
    config = str(place / "vedette.yaml")
    assert forker.run(Life(config, _PIECE, last=turn)) == 0
    assert forker.run(Life(config, _PIECE, jumps=[(-1, by)])) == 0
    same(_opened(outcome(place)), _opened(expected))


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_the_command_under_a_clock_a_year_ahead_finds_the_same(place: Path, expected: Outcome) -> None:
    """`vedette watch` itself, told by the C library that it is next year, and then that it is not."""
    shutil.rmtree(place / "state")
    (place / "told.jsonl").unlink()
    command = [
        sys.executable,
        "-m",
        "vedette",
        "watch",
        "--config",
        str(place / "vedette.yaml"),
        "--until-read",
        "-q",
        "-o",
        "none",
    ]
    for program in (["faketime", "-f", "+365d"], []):
        ended = subprocess.run([*program, *command], cwd=ROOT, capture_output=True, check=False, timeout=60)
        assert ended.returncode == 0, ended.stderr.decode()
        assert b"Traceback" not in ended.stderr
    same(_opened(outcome(place)), _opened(expected))
