"""kill -9 at random moments, while logs grow, rotate and are posted: all is as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.conftest import amount
from tests.faults.feeding import Poster, Writer, event_list, free_port
from tests.faults.forking import Forker
from tests.faults.inputs import LOG_NAMES, mass_deletion, recorded, settings, write_all
from tests.faults.lives import Life
from tests.faults.outcome import Outcome, in_any_order, outcome, records, same, spooled

ROUNDS = amount(1, 4, 120)
KILLS = amount(12, 100)
"""In each round."""
_BATCH = 25
_DEADLINE = 90.0
_ROTATION = {"kube": "create", "vault": "copytruncate", "ssh": "none"}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, forker: Forker) -> Outcome:
    """One life that is not disturbed, over the same lines in whole files."""
    folder = tmp_path_factory.mktemp("whole")
    write_all(folder / "logs", {**{name: recorded(name) for name in LOG_NAMES}, "hook": mass_deletion(600)})
    assert forker.run(Life(str(settings(folder, files=(*LOG_NAMES, "hook"))), inline=False)) == 0
    return _comparable(outcome(folder))


def _comparable(found: Outcome) -> Outcome:
    """Without the webhook's sums, which is given batches twice; files that are rotated unseen are read in any order."""
    counters = {name: sums for name, sums in found.counters.items() if name in LOG_NAMES}
    evidence = {name: data for name, data in found.evidence.items() if name in LOG_NAMES}
    return in_any_order(replace(found, counters=counters, evidence=evidence))


class Scene:
    """Writers, a poster, and one life after the other."""

    def __init__(self, folder: Path, forker: Forker, seed: int) -> None:
        self.folder = folder
        self.forker = forker
        self.chance = random.Random(seed)
        self.port = free_port()
        burst = mass_deletion(600)
        batches = [event_list(burst[at : at + _BATCH]) for at in range(0, len(burst), _BATCH)]
        hook = f"  webhook:\n    - {{name: hook, listen: '127.0.0.1:{self.port}'}}\n"
        config = settings(folder)
        text = config.read_text("utf-8").replace("sinks:\n", f"{hook}sinks:\n", 1)
        config.write_text(text, "utf-8")
        self.life = Life(str(config), inline=False, until_read=False, piece=64 << 10, segment=100 << 10)
        self.life.output = str(folder / "output")
        self.writers = [
            Writer(folder / "logs" / f"{name}.log", recorded(name), _ROTATION[name], self.chance, KILLS)
            for name in LOG_NAMES
        ]
        self.poster = Poster(self.port, batches)
        self.batches = len(batches)

    def begin(self) -> None:
        """A first life, long enough to know each log: rotated files that lie there at the first start are history."""
        for writer in self.writers:
            writer.write(1)
        pid = self.forker.start(self.life)
        end = time.monotonic() + _DEADLINE
        while any(records(self.folder, [name]) == 0 for name in LOG_NAMES):
            assert time.monotonic() < end
            for writer in self.writers:
                writer.write(1)
            time.sleep(0.02)
        os.kill(pid, signal.SIGKILL)
        assert self.forker.wait() == -signal.SIGKILL

    def disturb(self) -> None:
        """Let it live and die, and feed it meanwhile."""
        self.poster.start()
        allowed = 0
        for number in range(KILLS):
            if self.chance.random() < 0.1:  # much happens while nobody looks
                for writer in self.writers:
                    for _ in range(3):
                        writer.write(writer.size, 0.5)
            pid = self.forker.start(self.life)
            end = time.monotonic() + self.chance.uniform(0.001, 0.3)
            for writer in self.writers:
                if not writer.over:
                    writer.write(self.chance.randrange(1, writer.size), 0.3)
                time.sleep(max(0.0, min(0.03, end - time.monotonic())))
            while allowed < self.batches * (number + 1) // KILLS:
                self.poster.allow()
                allowed += 1
            time.sleep(max(0.0, end - time.monotonic()))
            os.kill(pid, signal.SIGKILL)
            assert self.forker.wait() == -signal.SIGKILL

    def finish(self, total: int) -> None:
        """The rest is written; a life reads it and is stopped in peace, and another counts what was held."""
        pid = self.forker.start(self.life)
        for writer in self.writers:
            while not writer.over:
                writer.write(10 * writer.size)
        end = time.monotonic() + _DEADLINE
        while records(self.folder, LOG_NAMES) < total or self.poster.is_alive():
            assert time.monotonic() < end, f"{records(self.folder, LOG_NAMES)} of {total}, {self.poster.acknowledged}"
            time.sleep(0.02)
        os.kill(pid, signal.SIGTERM)
        assert self.forker.wait() in (0, -signal.SIGTERM)  # the latter where it had not begun yet
        self.life.until_read = True
        assert self.forker.run(self.life) == 0


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_watcher_that_is_killed_at_random_moments_loses_and_doubles_nothing(
    tmp_path: Path, forker: Forker, expected: Outcome, seed: int
) -> None:
    """Logs grow by halves of lines and rotate, batches are posted until acknowledged, it dies within 300 ms each time."""
    scene = Scene(tmp_path, forker, seed)
    try:
        scene.begin()
        scene.disturb()
        scene.finish(sum(sums["records"] for sums in expected.counters.values()))
    finally:
        scene.poster.stop()
    found = outcome(tmp_path)
    same(_comparable(found), expected)
    posted = spooled(tmp_path, "hook")
    assert set(posted) == set(mass_deletion(600))
    assert found.counters["hook"]["records"] == len(posted)
    (deletion,) = [alert for alert in found.alerts.values() if alert[0] == "K5" and alert[10] == "mallory@example.org"]
    assert deletion[4] == 600
    assert "Traceback" not in (tmp_path / "output").read_text("utf-8")
    assert any(writer.rotations for writer in scene.writers)
