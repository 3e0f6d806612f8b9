"""Alert: one episode of a rule and group, what a person sees."""

from __future__ import annotations

from typing import Any

import msgspec

from vedette.stamp import stamp


class Alert(msgspec.Struct, frozen=True):
    """An episode: opened by a match, counted up by more, closed by silence. Times are nanoseconds since 1970 UTC."""

    id: str
    """Fixed when the episode opens: a digest of rule, severity, reaction, group and first act."""
    rule: str
    title: str
    severity: int
    outcome: str
    """Of its acts the one that got furthest: done, refused, failed, unknown."""
    first_seen: int
    last_seen: int
    count: int
    """Acts."""
    actor: str
    """Of the first act, like address, object, source, file and line."""
    address: str
    object: str
    via: str
    why: str
    source: str
    file: str
    line: int
    act: str
    last_act: str
    detections: tuple[str, ...]
    """Documents of the rule that were met, in name order."""
    reaction: str = "fire"
    """The value of a `rule.Reaction`: fire, attempt or cannot_tell."""
    group: tuple[str, ...] = ()
    """Values of the rule's group_by; one episode at a time has this rule, severity, reaction and group."""
    quiet_after: int = 0
    """Seconds of silence that close it."""


def own_address(listed: str) -> str:
    """The client's own of the addresses that an alert or an event names: the last, the only one it could not choose."""
    return listed.rpartition(", ")[2]


def record(alert: Alert) -> dict[str, Any]:
    """An alert's fields as every machine-readable output names them: a promise, they may be added to, never renamed.

    Times are RFC 3339 in UTC.
    """
    return {
        "rule": alert.rule,
        "title": alert.title,
        "outcome": alert.outcome,
        "first_seen": stamp(alert.first_seen),
        "last_seen": stamp(alert.last_seen),
        "count": alert.count,
        "actor": alert.actor,
        "address": alert.address,
        "object": alert.object,
        "source": alert.source,
        "file": alert.file,
        "line": alert.line,
        "via": alert.via,
        "why": alert.why,
        "first_act": alert.act,
        "last_act": alert.last_act,
        "detections": list(alert.detections),
    }
