"""A real Alertmanager on loopback, and a receiver for its notifications."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.asking import ask
from lab.built import packaged
from lab.loopback import Loopback, Reply, serving
from lab.process import Process, free_ports

_NAMES = ("prometheus-alertmanager", "alertmanager")
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
_START = 20.0
"""Seconds that a start may take on a busy machine; alone it takes a fifth of one."""


class AlertmanagerServer:
    """One member, without a cluster; it can be restarted on its port, which empties it of alerts. Started by making
    one."""

    def __init__(self, folder: Path, hook: Loopback | None = None, config: str = "", port: int = 0) -> None:
        """`hook` gets its notifications, unless its whole configuration is given. It listens on `port`, else on a free
        one."""
        folder.mkdir(parents=True, exist_ok=True)
        self.hook = hook
        self.config_file = folder / "alertmanager.yml"
        self.write(config or _CONFIG.format(url="" if hook is None else hook.url + "/hook"))
        port = port or free_ports(1)[0]
        self.url = f"http://127.0.0.1:{port}"
        self.process = Process(
            [
                packaged(*_NAMES),
                f"--config.file={self.config_file}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            folder,
        )
        self.start()

    def write(self, config: str) -> None:
        """Another configuration, which is in force after the next start."""
        self.config_file.write_text(config, "utf-8")

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self.process.start()
        self.process.wait(lambda: ask("GET", f"{self.url}/-/ready")[0] == 200, "Alertmanager is ready", _START)

    def stop(self) -> None:
        """End it, as a kill would: what it holds in memory is gone."""
        self.process.kill()

    def restart(self, config: str = "") -> None:
        """Stop and start, under another configuration where one is given."""
        self.stop()
        if config:
            self.write(config)
        self.start()

    def notified(self) -> list[dict[str, Any]]:
        """The alerts of all notifications to the hook so far, with `status` firing or resolved, in order."""
        assert self.hook is not None
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
