"""One run of a program, as a user would start it: time, processor time, memory of the whole process tree."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Command = Sequence[str]
# Whoever sets this for a build would else measure the compiling of every module at each start.
_USUAL = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Failed(Exception):
    """A program ended with an error; the message holds the end of what it said."""


@dataclass(frozen=True)
class Run:
    """What one run took."""

    seconds: float
    cpu: float
    """Seconds of processor time, children included."""
    memory: int = 0
    """Bytes: the largest sum of the tree's proportional set sizes (a page that two processes share counts once); 0 where
    it was not watched."""
    output: bytes = b""


def run(command: Command, *, keep: bool = False, watch: bool = False, good: Sequence[int] = (0, 1)) -> Run:
    """Run `command`; `keep` its output, `watch` its memory. Raises Failed."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=_USUAL, stdout=subprocess.PIPE if keep else subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    watcher = _Watcher(process.pid) if watch else None
    errors: list[bytes] = []
    listener = threading.Thread(target=lambda: errors.append(process.stderr.read() if process.stderr else b""))
    listener.start()
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    # Before anything can be raised: a watcher left behind would keep this program from ending.
    memory = watcher.stop() if watcher else 0
    process.returncode = os.waitstatus_to_exitcode(status)
    listener.join()
    if process.stdout:
        process.stdout.close()
    if process.stderr:
        process.stderr.close()
    # A Python program that breaks also ends with 1, which else means that there were alerts.
    if process.returncode not in good or b"Traceback (most recent call last)" in errors[0]:
        raise Failed(
            f"{' '.join(command)[:200]}: exit {process.returncode}: {errors[0].decode(errors='replace')[-400:]}"
        )
    return Run(seconds, usage.ru_utime + usage.ru_stime, memory, output)


class _Watcher:
    """Samples the memory of a process and all its descendants."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> int:
        """The largest sum seen."""
        self._stop.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._stop.is_set():
            self._peak = max(self._peak, sum(_proportional(pid) for pid in _tree(self._pid)))
            self._stop.wait(0.02)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in task.read_text().split():
                found += _tree(int(child))
        except OSError:
            continue
    return found


def _proportional(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # it has just ended
    return 0


def interleaved(contestants: Mapping[str, Callable[[], Run]], repeats: int) -> dict[str, list[Run]]:
    """Each contestant `repeats` times, turn by turn, so that a slow minute of the machine meets all of them."""
    runs: dict[str, list[Run]] = {name: [] for name in contestants}
    for turn in range(repeats):
        names = list(contestants)
        for name in names if turn % 2 == 0 else reversed(names):
            runs[name].append(contestants[name]())
    return runs


def seconds(runs: Sequence[Run]) -> float:
    """The median."""
    return statistics.median(one.seconds for one in runs)


def ratio(ours: Sequence[Run], theirs: Sequence[Run], start_up: tuple[float, float] = (0.0, 0.0)) -> float:
    """How many times as fast `ours` is: the median over the pairs of runs, each net of its start-up."""
    mine, other = start_up
    return statistics.median((b.seconds - other) / (a.seconds - mine) for a, b in zip(ours, theirs, strict=True))


def by_cpu(ours: Sequence[Run], theirs: Sequence[Run]) -> str:
    """The same by processor time, start-up included: steadier than the clock on a busy machine."""
    ratios = (b.cpu / a.cpu for a, b in zip(ours, theirs, strict=True))
    return f"{statistics.median(ratios):.2f} by processor time"
