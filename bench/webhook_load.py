"""The audit webhook under load: batches of 400 recorded events over four kept connections, each acknowledged when synced.

    python bench/webhook_load.py

First as fast as they go, then at half of the rate that was reached. The clients are processes of their own and share
the machine's cores with the receiver, so what they cost counts against it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path

HERE = Path(__file__).resolve().parent
EVENTS = HERE.parent / "examples" / "logs" / "kube-audit.jsonl"
BATCH = 400
CONNECTIONS = 4
TOKEN = "bench"


@dataclass(frozen=True)
class Posted:
    """What a run reached."""

    rate: float
    """Events a second, all connections together."""
    p50: float
    """Seconds from the first byte of a batch to its acknowledgement."""
    p99: float


def posted(port: int, batches: int, *, rate: float = 0.0, ca_file: str = "") -> Posted:
    """Post `batches` on each connection, at `rate` events a second all together (0: as fast as they go)."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.SimpleQueue()
    pause = CONNECTIONS * BATCH / rate if rate else 0.0
    shares = [number * pause / CONNECTIONS for number in range(CONNECTIONS)]
    clients = [spawn.Process(target=_client, args=(port, batches, pause, one, ca_file, results)) for one in shares]
    for client in clients:
        client.start()
    runs = [results.get() for _ in clients]
    for client in clients:
        client.join()
    begin, end = min(run[0] for run in runs), max(run[1] for run in runs)
    waits = sorted(wait for run in runs for wait in run[2])
    return Posted(CONNECTIONS * batches * BATCH / (end - begin), waits[len(waits) // 2], waits[int(len(waits) * 0.99)])


def _client(
    port: int,
    batches: int,
    pause: float,
    late: float,
    ca_file: str,
    results: SimpleQueue[tuple[float, float, list[float]]],
) -> None:
    requests = _requests()
    waits: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = ssl.create_default_context(cafile=ca_file) if ca_file else None
        connection = context.wrap_socket(plain, server_hostname="127.0.0.1") if context else plain
        begin = time.monotonic()
        for number in range(batches):
            # The wait counts from when a batch was due, so that one late answer does not hide the next.
            due = begin + late + number * pause if pause else time.monotonic()
            time.sleep(max(0.0, due - time.monotonic()))
            connection.sendall(requests[number % len(requests)])
            answer = b""
            while not answer.endswith(b"{}\n"):
                answer += connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200 ")
            waits.append(time.monotonic() - due)
        results.put((begin, time.monotonic(), waits))
        connection.close()


def _requests() -> list[bytes]:
    """Batches as the API server posts them, head and all."""
    events = EVENTS.read_bytes().splitlines()
    requests: list[bytes] = []
    for first in range(0, len(events) - BATCH, BATCH):
        items = b",".join(events[first : first + BATCH])
        body = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[' + items + b"]}\n"
        head = f"POST /?timeout=30s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
        requests.append(head.encode() + body)
    return requests


def measured(folder: Path, batches: int, *, tls: bool) -> tuple[Posted, Posted]:
    """A receiver with its spool in `folder`: as fast as it goes, and at half of that."""
    from vedette.sources.webhook import Webhook
    from vedette.store.segments import Segments

    token, cert, key = folder / "token", folder / "tls.crt", folder / "tls.key"
    token.write_text(TOKEN)
    files = ("", "")
    if tls:
        make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=bench -addext subjectAltName=IP:127.0.0.1"
        subprocess.run(["openssl", *make.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
        files = (str(cert), str(key))
    receiver = Webhook(
        "bench",
        "127.0.0.1:0",
        Segments(folder / "spool"),
        token_file=str(token),
        tls_cert_file=files[0],
        tls_key_file=files[1],
    )
    receiver.resume({})
    try:
        ca_file = str(cert) if tls else ""
        fast = posted(receiver.port, batches, ca_file=ca_file)
        half = posted(receiver.port, batches, rate=fast.rate / 2, ca_file=ca_file)
        assert receiver.received["events"] == 2 * CONNECTIONS * batches * BATCH
    finally:
        receiver.close()
    return fast, half


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The audit webhook under load.")
    parser.add_argument("--batches", type=int, default=200, help="batches of 400 events on each of 4 connections")
    parser.add_argument("--folder", type=Path, help="where the spool is written; its disk is what is synced")
    chosen = parser.parse_args()
    for tls in (False, True):
        with tempfile.TemporaryDirectory(dir=chosen.folder or HERE) as folder:
            fast, half = measured(Path(folder), chosen.batches, tls=tls)
        print(f"{'TLS' if tls else 'plain':5}  {fast.rate:9,.0f} events/s   p99 {fast.p99 * 1e3:6.1f} ms")
        print(f"       {half.rate:9,.0f} events/s   p99 {half.p99 * 1e3:6.1f} ms   p50 {half.p50 * 1e3:.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
