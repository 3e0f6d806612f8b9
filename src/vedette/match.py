"""Match: a rule met by one act, or by a window of them."""

from __future__ import annotations

import msgspec


class Match(msgspec.Struct, frozen=True, array_like=True):
    """One act that met a rule; written to disk between the passes of a scan, hence a msgspec Struct."""

    rule: str
    """The rule's name, K5."""
    detection: str
    """The document of the rule that was met: K5.at_once."""
    title: str
    severity: int
    """`rule.Severity` as a number, already lowered for an attempt and for "cannot tell"."""
    outcome: str
    """done, refused, failed or unknown."""
    time: int
    """Nanoseconds since 1970 UTC; for a window, of its last act."""
    first: int
    """As `time`, of the window's first act; else the same."""
    count: int
    """How many acts it adds to its episode."""
    act: str
    """Begins with the auditID, the Vault request id or the line's digest."""
    actor: str
    address: str
    object: str
    via: str
    why: str
    """For "cannot tell": what is missing. For a window: what was counted."""
    group: tuple[str, ...]
    """Values of group_by; names the episode together with rule, severity and reaction."""
    quiet_after: int
    """Seconds."""
    source: str
    """The event's format."""
    file: str
    """The path as given, or `-`."""
    line: int
    """From 1; of the record's first line."""
    reaction: str = "fire"
    """The value of a `rule.Reaction`: fire, attempt or cannot_tell."""
