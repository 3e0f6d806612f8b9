"""A client that sends exactly the bytes it is told, and waits for conditions with a deadline."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, Self

DEADLINE = 10.0
"""Seconds after which what must happen has not."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """One connection. Used in a `with`."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        if context:
            try:
                self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
            except BaseException:
                self.socket.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send these bytes; that the server has hung up is for the answer to tell."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            self.socket.sendall(data)

    def answer(self, method: str = "POST") -> Answer:
        """The next answer; nothing behind it is taken. An answer to HEAD has no body."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._exactly(1)
        first, *lines = head.decode("ascii").splitlines()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        body = b"" if method == "HEAD" else self._exactly(int(headers.get("content-length", "0")))
        return Answer(int(first.split()[1]), headers, body)

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            data = self.socket.recv(size - len(found))
            assert data, f"the connection ended within an answer, after {found!r}"
            found += data
        return found

    def ends(self) -> bytes:
        """What comes until the server closes the connection."""
        found = b""
        with contextlib.suppress(ConnectionResetError):
            while data := self.socket.recv(65536):
                found += data
        return found


def post(
    port: int, body: bytes, headers: Mapping[str, str] | None = None, context: ssl.SSLContext | None = None
) -> Answer:
    """One POST on a connection of its own."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    with Client(port, context) as client:
        client.send(f"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body)
        return client.answer()


def shut_out(port: int, context: ssl.SSLContext) -> bool:
    """True when the handshake fails, at once or, as TLS 1.3 has it, with the first byte read."""
    try:
        with Client(port, context) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
            return client.ends() == b""
    except (ssl.SSLError, ConnectionError):
        return True


def until(condition: Callable[[], object], what: str, seconds: float = DEADLINE) -> None:
    """Wait until it holds; fail with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds:.0f} s: {what}"
        time.sleep(0.01)
