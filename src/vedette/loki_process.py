"""A Loki of one's own for as long as a test: on loopback, in a folder that is thrown away."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from vedette.clients.base import Http, NoAnswer

_START = 60.0
"""Seconds that a start may take on a busy machine; alone it takes two."""
_SETTINGS = """\
auth_enabled: false
analytics: {{reporting_enabled: false}}
server:
  http_listen_address: 127.0.0.1
  http_listen_port: {http}
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: {grpc}
  log_level: warn
common:
  instance_addr: 127.0.0.1
  path_prefix: {data}
  replication_factor: 1
  storage: {{filesystem: {{chunks_directory: {data}/chunks}}}}
  ring: {{kvstore: {{store: inmemory}}}}
schema_config:
  configs:
    - from: 2024-01-01
      store: tsdb
      object_store: filesystem
      schema: v13
      index: {{prefix: index_, period: 24h}}
ingester: {{lifecycler: {{min_ready_duration: 0s, final_sleep: 0s}}}}
frontend: {{scheduler_dns_lookup_period: 500ms}}
frontend_worker: {{dns_lookup_duration: 500ms}}
ruler:
  storage: {{type: local, local: {{directory: {data}/rules}}}}
  rule_path: {data}/rules-tmp
  ring: {{kvstore: {{store: inmemory}}}}
  alertmanager_url: "{alertmanager}"
  enable_alertmanager_v2: true
limits_config: {{ingestion_rate_mb: 100, ingestion_burst_size_mb: 100, {limits}}}
"""


def loki_settings(data: Path, http: int, grpc: int, limits: str, alertmanager: str = "") -> str:
    """The settings of one on loopback that keeps all in the folder `data`.

    `limits`: more of `limits_config`. `alertmanager`: the URL of whom its ruler tells.
    """
    return _SETTINGS.format(data=data, http=http, grpc=grpc, limits=limits, alertmanager=alertmanager)


def free_ports() -> tuple[int, int]:
    """Two ports of 127.0.0.1 that nobody had a moment ago."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


class NoLoki(Exception):
    """Loki cannot be started; the message says why."""


def find_loki() -> Path:
    """The program `loki`: in the folder that VEDETTE_PARTS names, else in PATH. Raises NoLoki."""
    parts = os.environ.get("VEDETTE_PARTS", "")
    found = shutil.which("loki", path=parts) if parts else None
    found = found or shutil.which("loki")
    if found is None:
        raise NoLoki("no program `loki` in PATH or in the folder that VEDETTE_PARTS names; or give --on loki=URL")
    return Path(found)


class LokiProcess:
    """One Loki; as a context it is started, and killed with all that it keeps."""

    def __init__(self, rules: str | Mapping[str, bytes] = "", *, alertmanager: str = "") -> None:
        """`rules`: a rule file, or several by their names, that its ruler is to run; `alertmanager`: whom it tells."""
        self._rules = {"vedette.yaml": rules.encode()} if isinstance(rules, str) and rules else dict(rules or {})
        self._alertmanager = alertmanager
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        """Start it, and wait until it answers. Raises NoLoki."""
        binary = find_loki()
        self._folder = tempfile.TemporaryDirectory(prefix="vedette-loki-")
        folder = Path(self._folder.name)
        if self._rules:
            (folder / "rules" / "fake").mkdir(parents=True)
            for name, data in self._rules.items():
                (folder / "rules" / "fake" / name).write_bytes(data)
        http, grpc = free_ports()
        settings = folder / "loki.yaml"
        limits = "max_global_streams_per_user: 0"
        settings.write_text(loki_settings(folder, http, grpc, limits, self._alertmanager), "utf-8")
        self.url = f"http://127.0.0.1:{http}"
        with (folder / "log").open("wb") as log:
            command = [str(binary), f"-config.file={settings}"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 # no shell, nothing of a log
        try:
            self._wait(folder / "log")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Kill it."""
        self.close()

    def close(self) -> None:
        """Kill it, and remove what it kept."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _wait(self, log: Path) -> None:
        assert self._process is not None
        http = Http(timeout=5)
        deadline = time.monotonic() + _START
        while True:
            try:
                if http.request("GET", f"{self.url}/ready").status == 200:
                    http.close()
                    return
            except NoAnswer:
                pass
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NoLoki(f"Loki does not start: {log.read_bytes()[-500:].decode('utf-8', 'replace').strip()}")
            time.sleep(0.05)
