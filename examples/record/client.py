"""One caller of an HTTP API: an identity and the address that it calls from."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True)
class Caller:
    """Sends requests to one server from one source address."""

    server: str
    port: int
    address: str
    """The address of this (network namespace's) machine that the connection comes from."""
    agent: str
    headers: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None

    def at(self, address: str, server: str = "") -> Caller:
        """The same identity from another address."""
        return replace(self, address=address, server=server or self.server)

    def saying(self, **headers: str) -> Caller:
        """The same with further headers; `_` stands for `-`."""
        added = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **added})

    def call(self, method: str, path: str, body: object = None, kind: str = JSON) -> tuple[int, Any]:
        """(status, decoded answer); prints one line for the recording's own log."""
        source = (self.address, 0)
        connection: http.client.HTTPConnection
        if self.tls is None:
            connection = http.client.HTTPConnection(self.server, self.port, timeout=30, source_address=source)
        else:
            connection = http.client.HTTPSConnection(
                self.server, self.port, timeout=30, source_address=source, context=self.tls
            )
        headers = {"User-Agent": self.agent, **self.headers}
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers["Content-Type"] = kind
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        text = b"" if answer.status == 101 else answer.read()
        connection.close()
        print(f"{self.address} {method} {path[:110]} {answer.status}", flush=True)
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text
