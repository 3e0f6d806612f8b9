"""A relay before an API server or a Vault that breaks off, or calls somebody, at a chosen change."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from lab.asking import ask
from lab.kube import ApiServer
from lab.vault import VaultServer

_CHANGES = ("DELETE", "PATCH", "POST", "PUT")
_LOOKS = ("selfsubjectreviews", "lookup-accessor", "audit-hash")
"""What is asked by POST and changes nothing."""
_HEADERS = ("Authorization", "Content-Type", "Accept", "X-Vault-Token", "X-Vault-Request")


class Relay:
    """Listens on loopback; hands each request on as it is."""

    def __init__(self, server: ApiServer | VaultServer) -> None:
        """`before` and `after` are set by a test: number of a change (from 1) -> what happens then. An exception of
        theirs breaks the connection off: `before` the server has heard of it, or `after`."""
        self.before: dict[int, Callable[[], object]] = {}
        self.after: dict[int, Callable[[], object]] = {}
        self.changes = 0
        relay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one segment: the client would wait 40 ms for the second

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

            def _hand_on(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length) if length else None
                number = 0
                if self.command in _CHANGES and not any(one in self.path for one in _LOOKS):
                    relay.changes += 1
                    number = relay.changes
                try:
                    relay.before.get(number, int)()
                    headers = {name: self.headers[name] for name in _HEADERS if name in self.headers}
                    url = server.address + self.path
                    status, answer = ask(
                        self.command, url, headers=headers, body=body, ca=str(getattr(server, "ca", ""))
                    )
                    relay.after.get(number, int)()
                except Broken:
                    self.close_connection = True
                    return
                data = json.dumps(answer).encode() if status != 204 else b""
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_LIST = do_POST = do_PUT = do_PATCH = do_DELETE = _hand_on  # noqa: N815 - the names that http.server asks for

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Serve."""
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()


class Broken(Exception):
    """Break the connection off."""


def broken() -> None:
    """What breaks it off."""
    raise Broken
