"""A real Loki on loopback, with its ruler; and promtail, which brings it lines of files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.asking import ask
from lab.built import part
from lab.process import Process
from vedette.clients.base import NoAnswer
from vedette.loki_process import free_ports, loki_settings

_START = 60.0
"""Seconds that a start may take on a busy machine; alone it takes two."""
Values = Sequence[tuple[int, str]]
"""(nanoseconds since 1970, line)."""


class LokiServer:
    """One process that keeps everything in a folder; restarted, it has what it had. Started by making one."""

    def __init__(self, folder: Path, *, limit: int = 5000, settings: str = "", port: int = 0) -> None:
        """`limit`: the most lines that it gives at once. `settings`: its whole configuration in place of the one of
        `vedette rules test --on loki`, listening on `port`."""
        http, grpc = free_ports()
        self.port = port or http
        self.url = f"http://127.0.0.1:{self.port}"
        self.rules = folder / "data" / "rules" / "fake"
        """The ruler's folder of the tenant that a Loki without `auth_enabled` has."""
        self.settings_file = folder / "loki.yaml"
        self.write(settings or loki_settings(folder / "data", http, grpc, f"max_entries_limit_per_query: {limit}"))
        self.process = Process([part("loki"), f"-config.file={self.settings_file}"], folder)
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def write(self, settings: str) -> None:
        """Another configuration, which is in force after the next start."""
        self.settings_file.write_text(settings, "utf-8")

    def start(self) -> None:
        """Start, and wait until it answers."""
        self.process.start()
        self.process.wait(lambda: ask("GET", f"{self.url}/ready")[0] == 200, "Loki is ready", _START)

    def push(self, streams: Sequence[tuple[Mapping[str, str], Values]]) -> None:
        """Bring lines; they are there when this returns."""
        body = {
            "streams": [
                {"stream": labels, "values": [[str(when), line] for when, line in values]} for labels, values in streams
            ]
        }
        headers = {"Content-Type": "application/json"}
        answer = ask("POST", f"{self.url}/loki/api/v1/push", headers=headers, body=json.dumps(body).encode())
        assert answer[0] == 204, answer

    def write_rules(self, text: str, name: str = "vedette.yaml") -> None:
        """A rule file for the ruler, which looks for changes by itself."""
        self.rules.mkdir(parents=True, exist_ok=True)
        (self.rules / name).write_text(text, "utf-8")

    def groups(self) -> list[str]:
        """The rule groups that the ruler runs, by name; none where it could not list them."""
        status, answer = ask("GET", f"{self.url}/prometheus/api/v1/rules")
        if status != 200 or not isinstance(answer, dict):
            return []
        return [group["name"] for group in answer["data"]["groups"]]

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()

    def restart(self, settings: str = "") -> None:
        """Kill and start, under another configuration where one is given."""
        self.kill()
        if settings:
            self.write(settings)
        self.start()

    def close(self) -> None:
        """Stop it for good."""
        self.process.kill()


class Promtail:
    """Follows files, and brings their lines to a Loki."""

    def __init__(self, folder: Path, settings: str, port: int) -> None:
        """`settings`: its whole configuration, listening on `port`. Not yet started."""
        self.url = f"http://127.0.0.1:{port}"
        self.settings_file = folder / "promtail.yaml"
        self.write(settings)
        self.process = Process([part("promtail"), f"-config.file={self.settings_file}"], folder)

    def write(self, settings: str) -> None:
        """Another configuration, which is in force after the next start."""
        self.settings_file.write_text(settings, "utf-8")

    def start(self) -> None:
        """Start, and wait until it follows something."""
        self.process.start()
        self.process.wait(self._follows, "promtail follows", _START)

    def stop(self) -> None:
        """End it; it goes on from its positions."""
        self.process.stop()

    def restart(self, settings: str = "") -> None:
        """Stop and start, under another configuration where one is given."""
        self.stop()
        if settings:
            self.write(settings)
        self.start()

    def _follows(self) -> bool:
        try:
            # It says no here until a target is active.
            return ask("GET", f"{self.url}/ready")[0] == 200
        except NoAnswer:
            return False
