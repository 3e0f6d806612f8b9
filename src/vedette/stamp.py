"""Stamp: a time as people and programs read it."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(time_ns: int) -> str:
    """RFC 3339 in UTC with microseconds: 2026-11-23T06:38:52.901743Z. A time no calendar holds is given in seconds."""
    try:
        moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{time_ns / 1e9:.6f}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % 1_000_000_000 // 1000:06d}Z"


def to_second(time_ns: int) -> str:
    """The same for people, who need no fraction: 2026-11-23T06:38:52Z."""
    return f"{stamp(time_ns)[:19]}Z"
