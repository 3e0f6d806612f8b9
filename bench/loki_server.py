"""A Loki as a process: the corpus brought to it as lines of the last hours, and what its queries take."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from measure import Failed, Run
from watch_daemon import processor

from vedette.clients.base import Http, NoAnswer
from vedette.clients.loki import LokiClient
from vedette.loki_process import find_loki, free_ports, loki_settings
from vedette.render.logql import JOBS

SPAN = 2 * 3600
"""Seconds before now in which the lines are put."""
PARTS: Mapping[str, str] = {"kube": "kube_audit", "vault": "vault_audit", "sshd": "sshd"}
"""Folder of the corpus -> the format of its lines."""
_BATCH = 2_000_000
"""Bytes of lines that are brought at once; with what is around them Loki takes no more than 4 MB."""
_SECOND = 1_000_000_000
_START = 60.0
_LONGEST = 3600
"""Seconds that a query may take; with its own limits (a minute) Loki would give up on a query without its filter."""
_LIMITS = (
    "max_global_streams_per_user: 0, per_stream_rate_limit: 1GB, per_stream_rate_limit_burst: 1GB, "
    f"max_entries_limit_per_query: 0, max_query_series: 100000, query_timeout: {_LONGEST}s"
)


@dataclass(frozen=True)
class Counted:
    """What one query gave and took."""

    lines: int
    """That it counted."""
    run: Run
    """By the clock of who asked; processor time of Loki meanwhile."""
    own: float
    """Seconds by Loki's own word (`execTime`)."""


class Server:
    """One Loki, its caches of results off (as they are unless configured), and the corpus in it."""

    def __init__(self, folder: Path) -> None:
        """Starts it; it keeps everything in `folder`. Raises NoLoki, Failed."""
        binary = find_loki()
        http, grpc = free_ports()
        self.url = f"http://127.0.0.1:{http}"
        settings, self._log = folder / "loki.yaml", folder / "log"
        settings.write_text(loki_settings(folder / "data", http, grpc, _LIMITS))
        command = [
            *(str(binary), f"-config.file={settings}", "-querier.cache-results=false"),
            *(f"-server.http-read-timeout={_LONGEST}s", f"-server.http-write-timeout={_LONGEST}s"),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._http = Http(timeout=_LONGEST)
        self.client = LokiClient(self.url, timeout=_LONGEST)
        self.lines: dict[str, int] = {}
        """Job -> lines brought."""
        self.begin = self.end = 0
        """Nanoseconds since 1970: of the first line, and just after the last."""
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()
        self._http.close()
        self.client.close()

    def bring(self, corpus: Path) -> float:
        """Push the corpus, evenly over the last SPAN, and see that all of it is there. Returns MB/s. Raises Failed."""
        self.end = time.time_ns()
        self.begin = self.end - SPAN * _SECOND
        size, began = 0, time.perf_counter()
        for part, name in PARTS.items():
            lines = [line for file in sorted((corpus / part).iterdir()) for line in file.read_text().splitlines()]
            step, batch, held = SPAN * _SECOND // (len(lines) + 1), [], 0
            for at, line in enumerate(lines, 1):
                batch.append((self.begin + at * step, line))
                held += len(line)
                if held >= _BATCH or at == len(lines):
                    self.client.push([({"job": JOBS[name]}, batch)])
                    size, batch, held = size + held, [], 0
            self.lines[JOBS[name]] = len(lines)
        speed = size / 1e6 / (time.perf_counter() - began)
        for job, number in self.lines.items():
            if (found := self.count(f'{{job="{job}"}}').lines) != number:
                raise Failed(f"Loki counts {found:,} lines of {job}; {number:,} were brought")
        return speed

    def count(self, logs: str, turn: int = 0, share: float = 1.0) -> Counted:
        """How many lines of the newest `share` of the corpus a log query has, as one metric query; each `turn` asks at
        another time, so that no answer can come from a cache. Raises Failed."""
        window = round(SPAN * share) + turn
        query = f"sum(count_over_time({logs} [{window}s]))"
        said = {"query": query, "time": self.end + turn * _SECOND}
        cpu, began = processor(self._process.pid), time.perf_counter()
        try:
            answer = self._http.request("GET", f"{self.url}/loki/api/v1/query?{urlencode(said)}")
        except NoAnswer as error:
            raise Failed(f"Loki: {error} ({self._last()})") from error
        seconds = time.perf_counter() - began
        cpu = processor(self._process.pid) - cpu
        if answer.status != 200:
            raise Failed(f"Loki: {answer.status} {answer.body[:300].decode(errors='replace')}")
        data = json.loads(answer.body)["data"]
        lines = sum(int(float(one["value"][1])) for one in data["result"])
        return Counted(lines, Run(seconds, cpu), data["stats"]["summary"]["execTime"])

    def _last(self) -> str:
        return self._log.read_bytes()[-300:].decode("utf-8", "replace").strip()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START
        while True:
            with contextlib.suppress(NoAnswer):
                if self._http.request("GET", f"{self.url}/ready").status == 200:
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"Loki does not start: {self._last()}")
            time.sleep(0.05)


@contextlib.contextmanager
def loki(cache: Path) -> Iterator[Server]:
    """A Loki on the disk of the corpus, for as long as the `with`. Raises NoLoki, Failed."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="loki-") as name:
        server = Server(Path(name))
        try:
            yield server
        finally:
            server.close()
