"""A real Alertmanager on an ephemeral loopback port, and a receiver for its notifications."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.sinks.loopback import Loopback, Reply, serving

_LISTENS = re.compile(r"[Ll]istening on.*?address=\S*?127\.0\.0\.1:(\d+)")
_NAMES = ("alertmanager", "prometheus-alertmanager")
_CONFIG = """
route:
  receiver: hook
  group_by: ['...']
  group_wait: 10ms
  group_interval: 200ms
  repeat_interval: 1h
receivers:
  - name: hook
    webhook_configs:
      - url: {url}
        send_resolved: true
"""
DEADLINE = 20.0
"""Seconds that anything may take on a busy machine."""


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fails after DEADLINE."""
    end = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < end, f"not within {DEADLINE:.0f} s: {what}"
        time.sleep(0.02)


class AlertmanagerServer:
    """One member, without a cluster; it can be restarted on its port, which empties it of alerts."""

    def __init__(self, folder: Path, hook: Loopback) -> None:
        """`hook` gets its notifications."""
        binary = next((found for name in _NAMES if (found := shutil.which(name))), None)
        if binary is None:
            pytest.skip("no prometheus-alertmanager in PATH")
        self._binary = binary
        self._folder = folder
        self._port = 0
        self.hook = hook
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "alertmanager.yml").write_text(_CONFIG.format(url=hook.url + "/hook"))
        self.start()

    @property
    def url(self) -> str:
        """Its base URL, the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        log = self._folder / "log"
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [
                    self._binary,
                    f"--config.file={self._folder / 'alertmanager.yml'}",
                    f"--storage.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                    "--cluster.listen-address=",
                ],
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        until(lambda: bool(_LISTENS.search(log.read_text())) or self._process.poll() is not None, "it listens")
        listens = _LISTENS.search(log.read_text())
        assert listens is not None, log.read_text()
        self._port = int(listens[1])

    def stop(self) -> None:
        """End it, as a kill would: what it holds in memory is gone."""
        self._process.kill()
        self._process.wait(10)

    def notified(self) -> list[dict[str, Any]]:
        """The alerts of all notifications so far, with `status` firing or resolved, in order."""
        return [alert for asked in list(self.hook.asked) for alert in json.loads(asked.body)["alerts"]]


@contextmanager
def alertmanager(folder: Path) -> Iterator[AlertmanagerServer]:
    """An Alertmanager and the receiver of its notifications, for the length of a `with`."""
    with serving(Reply()) as hook:
        server = AlertmanagerServer(folder, hook)
        try:
            yield server
        finally:
            server.stop()
