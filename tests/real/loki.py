"""A real Loki on ephemeral loopback ports, for as long as a test."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.real.vault import part
from vedette.clients.base import Http, NoAnswer
from vedette.loki_process import free_ports, loki_settings

_START = 60.0
"""Seconds that a start may take on a busy machine; alone it takes two."""
Values = Sequence[tuple[int, str]]
"""(nanoseconds since 1970, line)."""


class LokiServer:
    """One process that keeps everything in a folder; restarted, it has what it had."""

    def __init__(self, folder: Path, *, limit: int = 5000) -> None:
        """`limit`: the most lines that it gives at once."""
        binary = part("loki")
        http, grpc = free_ports()
        self.url = f"http://127.0.0.1:{http}"
        self._log = folder / "loki.log"
        settings = folder / "loki.yaml"
        settings.write_text(loki_settings(folder / "data", http, grpc, f"max_entries_limit_per_query: {limit}"))
        self._command = [str(binary), f"-config.file={settings}"]
        self._http = Http(timeout=10)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + _START
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                pytest.fail(f"Loki does not start: {self._log.read_text('utf-8', 'replace')[-2000:]}")
            time.sleep(0.05)

    def push(self, streams: Sequence[tuple[Mapping[str, str], Values]]) -> None:
        """Bring lines; they are there when this returns."""
        body = {
            "streams": [
                {"stream": labels, "values": [[str(when), line] for when, line in values]} for labels, values in streams
            ]
        }
        answer = self._http.request(
            "POST",
            f"{self.url}/loki/api/v1/push",
            headers={"Content-Type": "application/json"},
            body=json.dumps(body).encode(),
        )
        assert answer.status == 204, answer.body

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Stop it for good."""
        self.kill()
        self._http.close()

    def _ready(self) -> bool:
        try:
            return self._http.request("GET", f"{self.url}/ready").status == 200
        except NoAnswer:
            return False
