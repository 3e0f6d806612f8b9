"""A real file system that fills up and is freed again: nothing acknowledged is lost, readiness says so, it recovers."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.feeding import Poster, event_list, free_port
from tests.faults.forking import Forker
from tests.faults.inputs import mass_deletion, recorded, settings
from tests.faults.lives import Life
from tests.faults.outcome import Outcome, outcome, records, same, spooled

_DEADLINE = 60.0
_BATCH = 25


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A tmpfs of that size there."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Take all the room that is left, as another program would."""
    with (folder / "filler").open("ab", buffering=0) as file:
        try:
            for size in (1 << 16, 4096):
                while file.write(b"x" * size) == size:
                    pass
        except OSError:
            pass


def readiness(port: int) -> str:
    """What /readyz says, or nothing while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        with connection.getresponse() as answer:
            return answer.read().decode()
    except OSError:
        return ""
    finally:
        connection.close()


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until it holds, or fail."""
    end = time.monotonic() + _DEADLINE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a tmpfs needs root")
@pytest.mark.parametrize("size", ["1m", "3m", "8m"])
def test_a_full_disk_costs_nothing_that_was_acknowledged(tmp_path: Path, forker: Forker, size: str) -> None:
    """Lines and batches come while the state folder is full; it is freed, and all is as if it had never been."""
    port, listen = free_port(), free_port()
    hook = f"  webhook:\n    - {{name: hook, listen: '127.0.0.1:{port}'}}\nsinks:\n"
    config = settings(tmp_path, files=("kube",), watch=f"  listen: 127.0.0.1:{listen}\n  free_space: 1KB\n")
    config.write_text(config.read_text("utf-8").replace("sinks:\n", hook, 1), "utf-8")
    lines, burst = recorded("kube"), mass_deletion(300)
    log = tmp_path / "logs" / "kube.log"
    log.parent.mkdir()
    log.write_bytes(b"".join(lines[:300]))
    poster = Poster(port, [event_list(burst[at : at + _BATCH]) for at in range(0, len(burst), _BATCH)])
    life = Life(str(config), inline=False, until_read=False, output=str(tmp_path / "output"), hasty=True)
    with small_disk(tmp_path / "state", size):
        pid = forker.start(life)
        poster.start()
        for _ in range(4):
            poster.allow()
        until(lambda: records(tmp_path, ["kube"]) == 300 and poster.acknowledged >= 3, "it reads")
        fill(tmp_path / "state")
        with log.open("ab") as file:
            file.write(b"".join(lines[300:]))
        for _ in range(100):
            poster.allow()
        until(lambda: "check failed" in readiness(listen), "a full disk is no readiness")
        acknowledged = poster.acknowledged
        (tmp_path / "state" / "filler").unlink()
        until(lambda: records(tmp_path, ["kube"]) == len(lines) and not poster.is_alive(), readiness(listen))
        until(lambda: "check passed" in readiness(listen), readiness(listen))
        os.kill(pid, signal.SIGTERM)
        assert forker.wait() == 0
        assert forker.run(_to_its_end(life)) == 0
        assert "Traceback" not in (tmp_path / "output").read_text("utf-8")
        assert acknowledged < len(burst) // _BATCH or size == "8m"
        found = outcome(tmp_path)
        assert set(spooled(tmp_path, "hook")) == set(burst)
    undisturbed = tmp_path / "undisturbed"
    plain = settings(_made(undisturbed), files=("kube", "hook"))
    (undisturbed / "logs").mkdir()
    (undisturbed / "logs" / "kube.log").write_bytes(b"".join(lines))
    (undisturbed / "logs" / "hook.log").write_bytes(b"".join(burst))
    assert forker.run(Life(str(plain))) == 0
    expected = outcome(undisturbed)
    same(_comparable(found), _comparable(expected))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _to_its_end(life: Life) -> Life:
    """The same, until all is read."""
    return Life(life.config, inline=False, output=life.output)


def _comparable(found: Outcome) -> Outcome:
    """Without what differs between a webhook and a file."""
    alerts = {name: (*one[:13], *one[14:]) for name, one in found.alerts.items()}
    counters = {"kube": found.counters["kube"]}
    return replace(found, alerts=alerts, counters=counters, evidence={"kube": found.evidence["kube"]})
