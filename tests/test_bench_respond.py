"""The bench of responding: a small run of it measures every row, and finds the acts that are there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scans import ROOT

sys.path.insert(0, str(ROOT / "bench"))

import respond


def test_the_lines_are_good_and_the_actors_as_frequent_as_they_say() -> None:
    """Each line is a record; about one in a hundred acts is of one actor, one in ten of another, with a token of its
    own."""
    whose: dict[str, int] = {}
    size = acts = 0
    for _, text, case in respond.dressed(10_000_000):
        for line in text.splitlines():
            event = json.loads(line)
            if case is not None:
                assert event["user"]["username"] == case.actor
                assert case.token in line or "extra" not in event["user"]
        acts += 1
        if case is not None:
            whose[case.actor] = whose.get(case.actor, 0) + 1
        size += len(text)
        if size > 3_000_000:
            break
    _, some, many = respond.CASES
    assert 0.005 < whose[some.actor] / acts < 0.02
    assert 0.08 < whose[many.actor] / acts < 0.12


@pytest.mark.skipif(not shutil.which("zstd"), reason="no zstd in PATH")
def test_a_small_run_measures_every_row(tmp_path: Path) -> None:
    """Of a small store: rows for those who are in it, and the same acts are found as were put in."""
    call = [sys.executable, str(ROOT / "bench" / "respond.py"), "--size", "3e6", "--repeats", "1"]
    done = subprocess.run(call, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode in {0, 1}, done.stderr
    assert "MB of lines in" in done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split()[-2:] == ["must", "measured"]
    assert [row.split("  ")[0] for row in rows] == [case.name for case in respond.CASES]
    assert all("by processor time" in row for row in rows[1:])
