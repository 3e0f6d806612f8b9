"""What is asked and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whole."""

    method: str
    path: str
    """As sent, without the query; printable ASCII, percent signs and all."""
    query: str
    headers: Mapping[str, str]
    """By name in small letters; one that came several times is joined by ", "."""
    body: bytes
    peer: str
    """The address that it came from, without the port."""
    subject: str
    """Whom the client's verified certificate names ("O=system:nodes, CN=node1"), or nothing without one."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Its length, date and connection headers are the server's to write."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    """Where not empty this is a refusal, and it is counted under this word."""


def refusal(status: int, reason: str, text: str, headers: Mapping[str, str] | None = None) -> Reply:
    """A refusal that says why in one line of plain text. `text` never holds what the client sent."""
    return Reply(status, text.encode() + b"\n", headers=dict(headers or {}), reason=reason)
