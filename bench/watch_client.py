"""A client of the webhook: prepared batches over kept connections, with as little work for each as can be.

    python watch_client.py FILE

FILE holds a JSON object: `port`, `bodies` (a file of bodies one behind the other), their `sizes`, `connections`, `head`
(of each request, without its length), `batches` to post in all, `rate`, `ca`. Prints one JSON object: `began`, `ended` (seconds since 1970), `taken` (seconds of each batch), `bad` (answers that were
not 200). `rate`: batches a second; each is due at its time, and what it waits for the one before it counts. 0: as fast
as they go.
"""

from __future__ import annotations

import itertools
import json
import mmap
import socket
import ssl
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def post(sock: socket.socket, head: bytes, body: memoryview) -> bool:
    """One request and its whole answer; True for 200."""
    sock.sendall(head)
    sock.sendall(body)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _received(sock)
    first, _, rest = answer.partition(b"\r\n\r\n")
    length = next(
        (int(line.partition(b":")[2]) for line in first.split(b"\r\n") if line.lower().startswith(b"content-length:")),
        0,
    )
    while len(rest) < length:
        rest += _received(sock)
    return first.split(b" ", 2)[1] == b"200"


def _received(sock: socket.socket) -> bytes:
    data = sock.recv(4096)
    if not data:
        raise ConnectionError("the receiver closed the connection")
    return data


class Load:
    """All connections of one run."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._said = said
        self.taken: list[float] = []
        self.bad = 0
        self._numbers = itertools.count()
        with Path(said["bodies"]).open("rb") as file:
            self._all = memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
        self._ends = list(itertools.accumulate(said["sizes"]))
        self._sockets = [self._connected() for _ in range(said["connections"])]

    def _connected(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self._said["port"]))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._said["ca"]:
            context = ssl.create_default_context(cafile=self._said["ca"])
            return context.wrap_socket(sock, server_hostname="127.0.0.1")
        return sock

    def run(self) -> Mapping[str, Any]:
        """Post all."""
        began, start = time.time(), time.perf_counter()
        threads = [threading.Thread(target=self._posts, args=(sock, start)) for sock in self._sockets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"began": began, "ended": time.time(), "taken": self.taken, "bad": self.bad}

    def _posts(self, sock: socket.socket, start: float) -> None:
        sizes: Sequence[int] = self._said["sizes"]
        rate = self._said["rate"]
        while (number := next(self._numbers)) < self._said["batches"]:
            which = number % len(sizes)
            end = self._ends[which]
            body = self._all[end - sizes[which] : end]
            head = f"{self._said['head']}Content-Length: {len(body)}\r\n\r\n".encode()
            due = time.perf_counter()
            if rate:
                due = start + number / rate
                time.sleep(max(0.0, due - time.perf_counter()))
            if not post(sock, head, body):
                self.bad += 1
            self.taken.append(time.perf_counter() - due)


if __name__ == "__main__":
    print(json.dumps(Load(json.loads(Path(sys.argv[1]).read_text())).run()))
