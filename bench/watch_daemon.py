"""`vedette watch` as a process: its settings, its start and end, what the system and its own store say of it."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import apsw
import measure
import yaml

HERE = Path(__file__).resolve().parent
CONFIG = HERE.parent / "examples" / "homelab.yaml"
_TICKS = os.sysconf("SC_CLK_TCK")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    what: str
    value: float | None
    """None: not measured; `note` says why."""
    must: float | None = None
    """None: it must be nothing in particular."""
    unit: str = ""
    note: str = ""
    less_is_better: bool = False
    broken: str = ""
    """What besides the figure is not as it must be."""
    aim: float | None = None

    @property
    def verdict(self) -> str:
        """ok, reached (the aim), short of it, information, skipped, or what is wrong."""
        if self.broken:
            return "FALLS SHORT"
        if self.value is None:
            return "skipped"
        sign = -1 if self.less_is_better else 1
        if self.must is not None and sign * self.value < sign * self.must:
            return "FALLS SHORT"
        if self.aim is not None:
            return "aim reached" if sign * self.value >= sign * self.aim else "short of aim"
        return "information" if self.must is None else "ok"


def printed(rows: Iterable[Row], shown: Callable[[Row], str]) -> int:
    """Print each row as it is measured; 1 where a figure falls short, else 0."""
    short = 0
    for row in rows:
        short |= row.verdict == "FALLS SHORT"
        print(shown(row), flush=True)
    return short


def program() -> list[str]:
    """The vedette of this Python."""
    script = Path(sys.executable).with_name("vedette")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "vedette"]


@dataclass
class Watching:
    """What is measured, how long, and where it is kept."""

    cache: Path
    size: int
    """Bytes of the corpus."""
    repeats: int
    seconds: float
    """Of the runs that last as long as one wants: half the rate of the webhook, idle, lines to alerts."""
    matches: int
    """Of the storm."""
    vedette: Sequence[str] = field(default_factory=program)

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """A new folder on the disk of the corpus, for as long as the `with`."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.cache, prefix="watch-") as name:
            yield Path(name)


def settings(folder: Path, **more: Any) -> Path:
    """The homelab's settings and `more` (keys of vedette.yaml), as a file in `folder`."""
    said = yaml.safe_load(CONFIG.read_text())
    for key, value in more.items():
        said[key] = {**said.get(key, {}), **value} if isinstance(value, Mapping) else value
    path = folder / "vedette.yaml"
    path.write_text(yaml.safe_dump(said, sort_keys=False))
    return path


@contextlib.contextmanager
def pinned(cores: int) -> Iterator[None]:
    """What this thread starts has so many cores, the same ones, and no more."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[-cores:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, holds: Callable[[], Answer], seconds: float = 120.0, every: float = 0.02) -> Answer:
    """Wait for a true answer and give it. Raises measure.Failed."""
    end = time.monotonic() + seconds
    while True:
        answer = holds()
        if answer:
            return answer
        if time.monotonic() > end:
            raise measure.Failed(f"not within {seconds:.0f} s: {what}")
        time.sleep(every)


def quantile(values: Sequence[float], part: float) -> float:
    """The smallest of `values` that so great a part of them does not pass."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


class Daemon:
    """A `vedette watch` that runs until the `with` ends, with its store in `folder`."""

    def __init__(self, vedette: Sequence[str], folder: Path, config: Path, *more: str) -> None:
        self.state = folder / "state"
        self._said = folder / "vedette.log"
        call = [*vedette, "watch", "--config", str(config), "--state", str(self.state), "-o", "none", "-q", *more]
        usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with self._said.open("wb") as out:
            self._process = subprocess.Popen(call, env=usual, stdout=subprocess.DEVNULL, stderr=out)
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)

    def listens(self, port: int) -> None:
        """Wait until a port is listened on. Raises measure.Failed."""

        def there() -> bool:
            self.alive()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
            return False

        until(f"it listens on {port}", there)

    def alive(self) -> None:
        """Raises measure.Failed where it has ended."""
        if self._process.poll() is not None:
            said = self._said.read_text(errors="replace")[-400:]
            raise measure.Failed(f"vedette watch ended with {self._process.returncode}: {said}")

    def wait(self, seconds: float = 600.0) -> int:
        """Wait for its end, which `--until-read` brings; gives its largest resident set, in bytes."""
        most = 0

        def ended() -> bool:
            nonlocal most
            most = max(most, resident(self.pid, "VmHWM"))
            return self._process.poll() is not None

        until("it ends", ended, seconds, 0.01)
        if self._process.returncode != 0:
            self.alive()
        return most

    def records(self) -> int:
        """Records that were read and judged, and are durable."""
        (number,) = self.asked("SELECT coalesce(sum(value), 0) FROM counters WHERE name = 'records'")[0]
        return int(number)

    def judged(self, records: int) -> float:
        """Wait until so many are; gives when that was, in seconds since 1970."""
        until("all is judged", lambda: self.records() >= records)
        return time.time()

    def asked(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of its store, read beside it."""
        path = self.state / "vedette.db"
        try:
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        except apsw.CantOpenError:
            return [(0,)]
        try:
            connection.set_busy_timeout(5000)
            return list(connection.execute(sql))
        except apsw.SQLError:
            # It is just being made.
            return [(0,)]
        finally:
            connection.close()


def processor(pid: int) -> float:
    """Seconds of user and system time of a process, all its threads and its living children."""
    total = 0.0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / _TICKS
    return total


def resident(pid: int, name: str = "VmRSS") -> int:
    """Bytes of memory of a process: VmRSS now, VmHWM at most so far; 0 where it has just ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += tree(int(child))
    return found
