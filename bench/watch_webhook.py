"""The rows of the audit webhook: events received, synced, acknowledged and judged by one `vedette watch`."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import corpus
import measure
from watch_daemon import HERE, Daemon, Row, Watching, free_port, pinned, processor, quantile, resident, settings

BATCH = 400
"""Events; the API server's default."""
CONNECTIONS = 4
_TOKEN = "of-this-bench"


@dataclass(frozen=True)
class Bodies:
    """Prepared batches."""

    file: Path
    sizes: list[int]


@dataclass
class Reached:
    """What one kind of client reached."""

    rates: list[float] = field(default_factory=list)
    """Events a second, from the first byte sent to the last event judged and committed."""
    acks: list[float] = field(default_factory=list)
    """Events a second, to the last acknowledgement."""
    cores: list[float] = field(default_factory=list)
    """Seconds of the daemon's processor time a second."""
    memory: int = 0
    taken: list[list[float]] = field(default_factory=list)
    """By run the seconds to each acknowledgement, at half of the run's rate."""
    syncs: list[float] = field(default_factory=list)
    """Seconds of another process's syncs of the same disk meanwhile."""


def webhook_rows(bench: Watching) -> Iterator[Row]:
    """As fast as it goes, and at half of that; plain, then with TLS and a token for information."""
    kube = corpus.made(bench.cache, bench.size, say=lambda _: None) / "kube"
    with bench.folder() as place, pinned(2):
        bodies = made(kube, place / "bodies")
        yield from _rows("webhook, 400-event batches, synced", _reached(bench, place / "plain", bodies), must=True)
        if not shutil.which("openssl"):
            yield Row("the same over TLS, with a token", None, note="openssl, which makes certificates, is absent")
            return
        secured = _reached(bench, place / "tls", bodies, tls=True)
        yield from _rows("the same over TLS, with a token", secured, must=False)


def made(kube: Path, file: Path) -> Bodies:
    """Batches of the lines of a folder as the API server posts them, one behind the other in `file`."""
    sizes: list[int] = []
    with file.open("wb") as out:
        lines: list[bytes] = []
        for log in sorted(kube.iterdir()):
            with log.open("rb") as opened:
                for line in opened:
                    lines.append(line.rstrip(b"\n"))
                    if len(lines) == BATCH:
                        sizes.append(out.write(_event_list(lines)))
                        lines = []
        if not sizes:
            # A small corpus: some events come again.
            sizes.append(out.write(_event_list((lines * BATCH)[:BATCH])))
    return Bodies(file, sizes)


def _event_list(lines: list[bytes]) -> bytes:
    items = b",".join(lines)
    return b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[' + items + b"]}\n"


def _rows(what: str, reached: Reached, *, must: bool) -> Iterator[Row]:
    rate, ack = statistics.median(reached.rates), statistics.median(reached.acks)
    note = f"acknowledged {ack:,.0f}/s; {statistics.median(reached.cores):.2f} cores; {reached.memory / 1e6:.0f} MB"
    yield Row(what, rate, 20_000 if must else None, "ev/s", note)
    p50, p99 = (statistics.median(quantile(run, part) for run in reached.taken) * 1000 for part in (0.5, 0.99))
    p99s = " ".join(f"{quantile(run, 0.99) * 1000:.0f}" for run in reached.taken)
    note = f"p50 {p50:.1f} ms; p99 of each run {p99s} ms, {sum(map(len, reached.taken)):,} batches"
    note += f"; syncs of the disk meanwhile p99 {quantile(reached.syncs, 0.99) * 1000:.0f} ms"
    yield Row("its ack p99 at half of that rate", p99, 100 if must else None, "ms", note, less_is_better=True)


def _reached(bench: Watching, place: Path, bodies: Bodies, *, tls: bool = False) -> Reached:
    reached = Reached()
    for turn in range(bench.repeats):
        own = place / str(turn)
        own.mkdir(parents=True)
        client = _Client(bench, own, tls=tls)
        with client.daemon as daemon:
            daemon.listens(client.port)
            before, batches = processor(daemon.pid), len(bodies.sizes)
            did = client.post(bodies, batches)
            reached.acks.append(batches * BATCH / (did["ended"] - did["began"]))
            ended = daemon.judged(did["events"])
            reached.rates.append(did["events"] / (ended - did["began"]))
            reached.cores.append((processor(daemon.pid) - before) / (ended - did["began"]))
            rate = reached.rates[-1] / 2 / BATCH
            with _Syncs(own / "peer") as syncs:
                half = client.post(bodies, max(10, int(rate * bench.seconds / bench.repeats)), rate)
            reached.taken.append(half["taken"])
            reached.syncs += syncs.taken
            reached.memory = max(reached.memory, resident(daemon.pid, "VmHWM"))
        shutil.rmtree(own)
    return reached


class _Syncs:
    """Ten times a second a block as large as a stored batch is written and synced: what of a wait is the disk's."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.taken: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        with self._file.open("wb", buffering=0) as out:
            while not self._stop.wait(0.1) or not self.taken:
                out.write(bytes(40_000))
                began = time.perf_counter()
                os.fdatasync(out.fileno())
                self.taken.append(time.perf_counter() - began)


class _Client:
    """A daemon that receives, and who posts to it."""

    def __init__(self, bench: Watching, place: Path, *, tls: bool) -> None:
        self.port = free_port()
        hook = {"name": "audit", "listen": f"127.0.0.1:{self.port}"}
        self._ca = ""
        self._head = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        if tls:
            (place / "token").write_text(_TOKEN + "\n")
            self._ca = str(place / "tls.crt")
            certified(place)
            hook |= {"tls_cert_file": self._ca, "tls_key_file": str(place / "tls.key")}
            hook |= {"token_file": str(place / "token")}
            self._head += f"Authorization: Bearer {_TOKEN}\r\n"
        self.daemon = Daemon(bench.vedette, place, settings(place, sources={"webhook": [hook]}))

    def post(self, bodies: Bodies, batches: int, rate: float = 0.0) -> Mapping[str, Any]:
        """Have a process of its own post; gives what it says. Raises measure.Failed where a batch was refused."""
        said = {
            "port": self.port,
            "bodies": str(bodies.file),
            "sizes": bodies.sizes,
            "connections": CONNECTIONS,
            "head": self._head,
            "rate": rate,
            "batches": batches,
            "ca": self._ca,
        }
        order = bodies.file.with_suffix(".json")
        order.write_text(json.dumps(said))
        run = measure.run([sys.executable, str(HERE / "watch_client.py"), str(order)], keep=True, good=(0,))
        did: dict[str, Any] = json.loads(run.output)
        if did["bad"]:
            raise measure.Failed(f"{did['bad']} of {batches} batches were not acknowledged")
        return {**did, "events": batches * BATCH}


def certified(place: Path) -> None:
    """tls.crt, signed by itself for 127.0.0.1, and tls.key."""
    call = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    call += ["-keyout", str(place / "tls.key"), "-out", str(place / "tls.crt"), "-subj", "/CN=bench"]
    subprocess.run([*call, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
