"""`vedette watch` as a process of its own, as an operator runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from lab.built import HERE
from lab.process import Process, free_ports
from vedette.clients.base import Http, NoAnswer

DEADLINE = 30.0
"""Seconds that anything may take on a busy machine."""
_SOURCE = str(HERE.parent / "src")


class Daemon:
    """One instance. Its settings are `settings` and a `watch` part with its status address."""

    def __init__(self, folder: Path, settings: str, *, paths: Sequence[Path] = (), watch: str = "  hold: 1s\n") -> None:
        """Everything of its own lies in `folder`; `paths` are followed besides the settings' sources. `watch`: more of
        the `watch` part."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.config = folder / "vedette.yaml"
        self.state = folder / "state"
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        self._watch = watch
        self._http = Http(timeout=5)
        self.process = Process(
            [
                *(sys.executable, "-m", "vedette", "watch", "--output", "none"),
                *("--config", str(self.config), "--state", str(self.state)),
                *paths,
            ],
            folder,
            env={"PYTHONPATH": _SOURCE},
        )
        self.process.log = folder / "stderr"
        self.write(settings)

    def write(self, settings: str) -> None:
        """Change the settings' file; SIGHUP has it taken up."""
        self.config.write_text(f"{settings}\nwatch:\n  listen: {self.address}\n{self._watch}", "utf-8")

    def start(self) -> None:
        """Start it, and wait until it has turned once."""
        self.process.start()
        self.process.wait(lambda: self.status("/livez")[0] == 200, "vedette watch is alive", DEADLINE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to end; gives how many seconds that took. It ends with 0."""
        began = time.monotonic()
        code = self.process.end(number, DEADLINE)
        assert code == (0 if number != signal.SIGKILL else -signal.SIGKILL), self.said()
        return time.monotonic() - began

    def reload(self) -> None:
        """Have it take up its settings."""
        self.process.signal(signal.SIGHUP)

    def close(self) -> None:
        """End it in any case."""
        self.process.kill()
        self._http.close()

    def said(self) -> str:
        """All that it has written to standard error."""
        return (self.folder / "stderr").read_text("utf-8", "replace")

    def status(self, path: str) -> tuple[int, str]:
        """Status and text of an answer of its status address; 0 where there is none."""
        try:
            answer = self._http.request("GET", f"http://{self.address}{path}")
        except NoAnswer:
            return 0, ""
        return answer.status, answer.body.decode()

    def metrics(self) -> dict[str, list[tuple[Mapping[str, str], float]]]:
        """Sample name -> labels and value, as Prometheus would read them; waits where new settings are being taken up,
        for nobody answers meanwhile."""
        end = time.monotonic() + DEADLINE
        while (answer := self.status("/metrics"))[0] == 0 and time.monotonic() < end:
            time.sleep(0.02)
        status, text = answer
        assert status == 200, text
        found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found

    def total(self, name: str) -> float:
        """The sum of a metric's samples."""
        return sum(value for _, value in self.metrics().get(name, []))

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Another vedette command under the same settings, as it ended."""
        return subprocess.run(
            [sys.executable, "-m", "vedette", *words, "--config", str(self.config)],
            env={"PYTHONPATH": _SOURCE, "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts in the store, closed ones too, as `vedette alerts list -o json` prints them."""
        words = ("alerts", "list", "--state", str(self.state), "--status", "all", "-o", "json")
        done = self.command(*words)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found


@contextmanager
def daemon(folder: Path, settings: str, *, paths: Sequence[Path] = ()) -> Iterator[Daemon]:
    """A started instance for the length of a `with`."""
    one = Daemon(folder, settings, paths=paths)
    try:
        one.start()
        yield one
    finally:
        one.close()
