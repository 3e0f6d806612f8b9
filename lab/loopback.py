"""An HTTP server on loopback that keeps what it is asked and answers as it is told."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lab.asking import INSIDE, ask


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By name in small letters."""
    body: bytes
    source: str = ""
    """The address that it came from."""


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    """True: nothing is answered before the server is closed."""
    break_off: str = ""
    """`before`: the connection is closed instead; `within`: after half of the body."""


Answering = Callable[[Asked], Reply]


class Loopback:
    """The server; `url` is its address, `asked` what has come in so far."""

    def __init__(self, answering: Answering, context: ssl.SSLContext | None = None, port: int = 0) -> None:
        """`answering` is called for each request, in that request's thread."""
        self.asked: list[Asked] = []
        self.answering = answering
        self._over = threading.Event()
        self._came = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; whoever hangs is let go."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for(self, enough: Callable[[list[Asked]], bool], seconds: float) -> list[Asked]:
        """What has come in once that is enough, or when the time is up."""
        with self._came:
            self._came.wait_for(lambda: enough(self.asked), seconds)
            return list(self.asked)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else each answer waits 40 ms for the client's acknowledgement

            def handle(self) -> None:
                try:
                    super().handle()
                except (ConnectionError, ssl.SSLError):
                    self.close_connection = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                asked = Asked(
                    self.command,
                    self.path,
                    {k.lower(): v for k, v in self.headers.items()},
                    body,
                    self.client_address[0],
                )
                with outer._came:
                    outer.asked.append(asked)
                    outer._came.notify_all()
                reply = outer.answering(asked)
                if reply.hang:
                    outer._over.wait(30)
                if reply.hang or reply.break_off == "before":
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                whole = reply.break_off != "within"
                self.wfile.write(reply.body if whole else reply.body[: len(reply.body) // 2])
                self.close_connection |= not whole

            do_GET = do_PUT = do_DELETE = do_POST

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on the test's stderr."""

        return Handler


@contextmanager
def serving(answering: Answering | Reply, context: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Loopback]:
    """A server for the length of a `with`; a Reply is what every request gets."""
    server = Loopback((lambda _: answering) if isinstance(answering, Reply) else answering, context, port)
    try:
        yield server
    finally:
        server.close()


def proxy(target: str, source: str = INSIDE) -> Loopback:
    """A reverse proxy before the server at `target` (a base URL), which says in X-Forwarded-For where a request came
    from, whatever the request says of that itself. `source`: its own address."""

    def answering(asked: Asked) -> Reply:
        headers = {**asked.headers, "x-forwarded-for": asked.source}
        for hop in ("host", "connection", "content-length"):
            headers.pop(hop, None)
        body = asked.body or None
        status, answer = ask(asked.method, target + asked.path, headers=headers, body=body, source=source)
        return Reply(status, b"" if answer is None else json.dumps(answer).encode())

    return Loopback(answering)
