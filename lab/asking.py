"""HTTP requests from an address of one's choice: the whole of 127.0.0.0/8 is this machine, so one may come from outside
what the settings trust without leaving it."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from vedette.clients.base import NoAnswer

INSIDE, OUTSIDE = "127.0.0.1", "127.0.0.66"
"""The address that the lab's settings trust, and one that they do not."""


def ask(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    ca: str = "",
    source: str = INSIDE,
    timeout: float = 20.0,
) -> tuple[int, Any]:
    """Status and answer, decoded where it is JSON; an upgrade (101) has none. Raises NoAnswer.

    `ca`: a file of certificates; `source`: the address that the connection comes from.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    tls = ssl.create_default_context(cafile=ca or None) if parts.scheme == "https" else None
    connection = (
        http.client.HTTPConnection(parts.hostname, parts.port, timeout, (source, 0))
        if tls is None
        else http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=timeout, source_address=(source, 0), context=tls
        )
    )
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        data = b"" if answer.status == 101 else answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(str(error)) from error
    finally:
        connection.close()
    try:
        return answer.status, json.loads(data or b"null")
    except ValueError:
        return answer.status, data.decode("utf-8", "replace")
