"""What the clients of JSON APIs read alike: the base URL they are given, the body that came, why none came."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import msgspec

from vedette.clients.base import NO_NAME, NO_ROUTE, NoAnswer


def base_url(address: str) -> str:
    """`address` without a slash at its end. Raises ValueError for what is no http(s) URL, or holds more than a host and
    a path: such a URL stands in every alert as the subject, and may hold a secret."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an http:// or https:// URL with a host is needed")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"the URL of {parts.hostname} holds a user, a password or a query; take it out")
    return address.rstrip("/")


def json_body(body: bytes) -> object:
    """The JSON value of a body; None for what is none."""
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return value


def never_sent(error: NoAnswer) -> bool:
    """Whether the far end was not even reached, so that nothing can have been done there."""
    return str(error) in (NO_NAME, NO_ROUTE)


def fault_here(error: NoAnswer) -> bool:
    """Whether certificates, or their files on this machine, are why there was no answer: nothing is known of the far
    end then."""
    cause = error.__cause__
    if cause is not None and cause.args and isinstance(cause.args[0], ssl.SSLEOFError):
        # A proxy took the connection and had nobody to give it to.
        return False
    return str(error).startswith("TLS: ") or (isinstance(cause, OSError) and cause.filename is not None)
