"""`make run`: the recorded logs grow anew through a rotation, and vedette finds in them what a scan finds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from examples import replay

from tests.scans import LOGS, ROOT, alerts

NEVER = threading.Event()


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The replayer as make calls it, with nobody looking on."""
    return subprocess.run(
        [sys.executable, "examples/replay.py", "--folder", str(folder), *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_ends_by_itself_with_every_alert_of_a_scan(tmp_path: Path) -> None:
    """Without a terminal it replays, stops, reads the rest, and says of every line where it went."""
    done = run(tmp_path / "run", "--speed", "60")
    assert done.returncode == 0, done.stderr
    shown = re.findall(r"^(critical|warning |info    ) (\w+) +(.+?)  \d+ acts?, ", done.stdout, re.MULTILINE)
    wanted = [(one["severity"], one["rule"]) for one in alerts([LOGS])]
    assert sorted((severity.strip(), rule) for severity, rule, _ in shown) == sorted(wanted)
    sums = re.findall(r"([\d,]+) records = ([\d,]+) events \+ 0 quarantined \+ ([\d,]+) ignored", done.stderr)
    lines = sum(path.read_bytes().count(b"\n") for path in LOGS.iterdir())
    assert sum(int(records.replace(",", "")) for records, _, _ in sums) == lines
    assert (tmp_path / "run/state").stat().st_mode & 0o77 == 0


def test_it_is_fresh_each_time(tmp_path: Path) -> None:
    """What an earlier run left is gone, and a folder that a run still uses is left alone."""
    with replay.fresh(tmp_path / "run") as (logs, state):
        state.mkdir()
        (logs / "old").write_text("x")
        (state / "old").write_text("x")
        busy = run(tmp_path / "run", "--speed", "1000")
        assert busy.returncode == 2
        assert "another run uses" in busy.stderr
        assert (logs / "old").exists()
    with replay.fresh(tmp_path / "run") as (logs, state):
        assert list(logs.iterdir()) == []
        assert not state.exists()


def test_lines_are_written_as_they_were_recorded(tmp_path: Path) -> None:
    """The files hold the recording's bytes; one of them was rotated by renaming."""
    lines = replay.recorded(LOGS)
    assert replay.replay(lines, tmp_path, 10_000.0, NEVER) == len(lines)
    rotated = tmp_path / f"{replay.ROTATED}.1"
    for path in LOGS.iterdir():
        written = (tmp_path / path.name).read_bytes()
        if path.name == replay.ROTATED:
            assert rotated.stat().st_size > 0
            assert written
            written = rotated.read_bytes() + written
        assert written == path.read_bytes(), path.name
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in LOGS.iterdir()} | {rotated.name}


def test_logs_are_interleaved_by_their_own_times() -> None:
    """Lines come in the order of their times, those of one file in the order in which they stand."""
    lines = replay.recorded(LOGS)
    assert [line.time for line in lines] == sorted(line.time for line in lines)
    assert all(line.time for line in lines)
    for path in LOGS.iterdir():
        assert b"".join(line.data for line in lines if line.file == path.name) == path.read_bytes()


def test_it_can_be_ended_in_the_middle(tmp_path: Path) -> None:
    """A stop that is set ends the replay before it is through."""
    stop = threading.Event()
    stop.set()
    assert replay.replay(replay.recorded(LOGS), tmp_path, 1.0, stop) == 0


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        (b'{"stageTimestamp":"2026-11-23T08:56:19.000001Z","time":"x"}\n', 1795424179.000001),
        (b'{"time":"2026-11-23T08:56:19Z"}\n', 1795424179.0),
        (b"2026-11-23T09:56:19+01:00 host sshd[1]: x\n", 1795424179.0),
        (b"no time\n", 0.0),
        (b'{"time":7}\n', 0.0),
        (b"{\n", 0.0),
        (b"\xff\n", 0.0),
    ],
)
def test_a_line_says_when_it_was_written(line: bytes, seconds: float) -> None:
    """The time of each recorded format is read; a line without one has none."""
    assert replay.written(line) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "fast"])
def test_a_speed_is_above_nought(speed: str, tmp_path: Path) -> None:
    """A speed that is none is refused in a sentence."""
    done = run(tmp_path, "--speed", speed)
    assert done.returncode == 2
    assert "--speed" in done.stderr
    assert "Traceback" not in done.stderr
