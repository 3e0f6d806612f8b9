"""OpenBao 2.5 as far as it differs from Vault here, before a real Vault: OpenBao itself was not to be had.

From its documentation and source: `sys/rekey/init` and `sys/generate-root/attempt` answer 405 on a listener that has
them turned off, the default; `sys/rotate/root/init` does what the former does, for a token, and answers within `data`.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lab.asking import ask
from lab.vault import VaultServer

_OFF = ("/v1/sys/rekey/init", "/v1/sys/generate-root/attempt")
_ROTATE = "/v1/sys/rotate/root/init"


@contextlib.contextmanager
def bao(vault: VaultServer) -> Iterator[str]:
    """The address of one, for the length of a `with`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            status, answer = _asked(vault, self.command, self.path, self.rfile.read(length), dict(self.headers))
            data = b"" if status == 204 else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that http.server asks for

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _asked(vault: VaultServer, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    if path in _OFF:
        return 405, {"errors": ["1 error occurred: unsupported operation"]}
    if path != _ROTATE:
        return ask(method, vault.address + path, headers=headers, body=body or None)
    token = headers.get("X-Vault-Token", "")
    if vault.call("GET", "auth/token/lookup-self", token=token)[0] != 200:
        return 403, {"errors": ["permission denied"]}
    status, answer = vault.call(method, "sys/rekey/init", json.loads(body) if body else None)
    if status != 200:
        return status, answer
    threshold = answer.pop("required")
    return 200, {"data": answer | {"seal_threshold": threshold}}
