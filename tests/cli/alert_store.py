"""Stores as `vedette watch` leaves them behind, for tests of `vedette alerts`."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.scans import LOGS, SETTINGS
from vedette import app, wiring
from vedette.cli import main
from vedette.store.alerts import Kept
from vedette.store.outbox import Entry
from vedette.store.visit import Visit
from vedette.watch.watcher import Watcher

DEADLINE = 20.0
"""Seconds that anything may take on a busy machine."""
HOSTILE = "root\x1b[2J\u202e<!channel>\r\nvedette: all is well\x00"
"""A user's name that would own the terminal of whoever lists it."""


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fails after DEADLINE."""
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end, f"not within {DEADLINE:.0f} s: {what}"
        time.sleep(0.02)


def secret_read(actor: str, name: str = "unseal", at: float | None = None) -> bytes:
    """A kube audit line that K3 fires on, now or `at` (seconds since 1970)."""
    with (LOGS / "kube-audit.jsonl").open("rb") as file:
        line = next(one for one in file if b"/namespaces/vault/secrets/" in one and b'"verb":"get"' in one)
    record: dict[str, Any] = json.loads(line)
    moment = time.time() if at is None else at
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1e6):06d}Z"
    record |= {
        "auditID": f"{actor}-{name}-{moment}",
        "user": {"username": actor, "groups": ["system:authenticated"]},
        "stage": "ResponseComplete",
        "sourceIPs": ["203.0.113.9"],
        "requestReceivedTimestamp": stamp,
        "stageTimestamp": stamp,
        "responseStatus": {"metadata": {}, "code": 200},
    }
    record["objectRef"]["name"] = name
    record["requestURI"] = f"/api/v1/namespaces/vault/secrets/{name}"
    return json.dumps(record).encode() + b"\n"


@dataclass
class Site:
    """Settings, a state folder, a file that a sink writes, and a log."""

    folder: Path

    @classmethod
    def copied(cls, state: Path, folder: Path) -> Site:
        """A copy of a store that was made once, with settings of its own."""
        shutil.copytree(state, folder / "state", ignore=shutil.ignore_patterns("ballast"))
        made = cls(folder)
        made.write()
        return made

    @property
    def config(self) -> Path:
        """vedette.yaml."""
        return self.folder / "vedette.yaml"

    @property
    def state(self) -> Path:
        """The store's folder."""
        return self.folder / "state"

    @property
    def log(self) -> Path:
        """What is followed besides the recorded logs."""
        return self.folder / "audit.log"

    def write(self, sinks: str = "") -> None:
        """The settings: those of the homelab, with this store; `sinks`: YAML beneath `sinks:`."""
        told = sinks or f"  file:\n    - name: told\n      path: {self.folder / 'told.jsonl'}\n"
        text = SETTINGS.read_text("utf-8") + f"\nwatch:\n  state: {self.state}\nsinks:\n{told}"
        self.config.write_text(text, "utf-8")

    def told(self) -> list[str]:
        """The occasion of each line that the sink wrote."""
        path = self.folder / "told.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [json.loads(line)["occasion"] for line in lines]

    def kept(self) -> list[Kept]:
        """The store's alerts."""
        visit = Visit(self.state)
        try:
            return visit.alerts.listed()
        finally:
            visit.close()

    def rows(self, alert: str) -> list[Entry]:
        """The outbox of an alert."""
        visit = Visit(self.state)
        try:
            return visit.outbox.of_alert(alert)
        finally:
            visit.close()

    @contextmanager
    def watcher(self, *paths: Path) -> Iterator[Watcher]:
        """A daemon over the store, not running yet."""
        settings = app.load_settings(str(self.config))
        store = wiring.open_store(settings, "")
        try:
            request = wiring.WatchRequest(str(self.config), tuple(map(str, paths)))
            yield wiring.make_watcher(request, settings, store)
        finally:
            store.close()

    def read(self, *paths: Path) -> None:
        """Watch until everything was read and told."""
        with self.watcher(*paths) as watcher:
            watcher.run(until_read=True)

    @contextmanager
    def running(self) -> Iterator[Watcher]:
        """A daemon that follows the log in a thread of its own."""
        self.log.touch()
        with self.watcher(self.log) as watcher:
            thread = threading.Thread(target=watcher.run, name="daemon")
            thread.start()
            try:
                yield watcher
            finally:
                watcher.pulse.leave()
                thread.join(DEADLINE)
                assert not thread.is_alive()

    def append(self, line: bytes) -> None:
        """Write to the log."""
        with self.log.open("ab") as file:
            file.write(line)

    def alerts(self, *arguments: str) -> int:
        """`vedette alerts …`; its exit code."""
        return main(["alerts", *arguments, "--config", str(self.config)])
