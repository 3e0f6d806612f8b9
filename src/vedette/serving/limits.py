"""The bounds of a server; a client that passes one is refused, and nobody else notices."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, seconds and numbers."""

    head: int = 32 << 10
    """Bytes of a request line with its headers."""
    body: int = 1 << 20
    """Bytes of one body."""
    bodies: int = 256 << 20
    """Bytes of all bodies that are held at once, from their first byte to their answer."""
    head_seconds: float = 10.0
    """From a head's first byte to its last; also for a TLS handshake, and until a new connection says anything."""
    body_seconds: float = 30.0
    """For a whole body."""
    body_rate: int = 1024
    """Bytes a second that a body must average once `body_grace` is over."""
    body_grace: float = 5.0
    """Seconds in which a body may be slower than that."""
    idle_seconds: float = 75.0
    """Between two requests of a connection."""
    answer_seconds: float = 10.0
    """For a client to take its answer."""
    connections: int = 256
    """Open at once. One more ends the one that has waited longest, of the address that has most of them open.
    Never more than a quarter of the descriptors that the process may have."""
    handlers: int = 8
    """Threads that answer."""
