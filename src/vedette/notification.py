"""Notification: what one sink is told about one alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from vedette.alert import Alert


class Occasion(Enum):
    """Why a sink is told."""

    OPENED = "opened"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Notification:
    """One alert as people see it. Every text in it but labels, runbook_url and first_step may be the attacker's."""

    id: str
    """The same each time the same thing is told to the same sink: alert id and occasion."""
    occasion: Occasion
    alert: Alert
    severity: str
    """critical, warning or info."""
    labels: Mapping[str, str]
    """Few and bounded: alertname, severity, rule_id, source, cluster, and entity, a digest of the episode's group."""
    annotations: Mapping[str, str]
    """summary, description, runbook_url, query and the entities: actor, address, object."""
    runbook_url: str
    first_step: str
    """What to do first, one sentence of the rule's runbook."""
    starts_at: int
    """Nanoseconds since 1970 UTC."""
    ends_at: int
    """As starts_at; 0 while the alert is open."""
    repeat: bool = False
    """True: it may have been told before; vedette died between telling and noting that it had."""
    receipt: str = ""
    """What this sink's `send` gave for the same alert's opening, or nothing."""
