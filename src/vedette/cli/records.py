"""What a program sees: alerts and matches as versioned JSON records. The field names are a promise."""

from __future__ import annotations

from typing import Any

import msgspec

from vedette.alert import Alert, record
from vedette.match import Match
from vedette.rule import Severity
from vedette.stamp import stamp

ALERT = "vedette.alert/1"
MATCH = "vedette.match/1"
SCAN = "vedette.scan/1"

_encode = msgspec.json.Encoder().encode


def alert_record(alert: Alert, runbook_url: str) -> dict[str, Any]:
    """An alert: RFC 3339 times in UTC, severity by name."""
    return {
        "schema": ALERT,
        "id": alert.id,
        "rule": alert.rule,
        "title": alert.title,
        "severity": str(Severity(alert.severity)),
        **record(alert),
        "runbook_url": runbook_url,
    }


def match_record(match: Match, runbook_url: str) -> dict[str, Any]:
    """A match: as an alert, with the act itself."""
    return {
        "schema": MATCH,
        "act": match.act,
        "rule": match.rule,
        "title": match.title,
        "severity": str(Severity(match.severity)),
        "outcome": match.outcome,
        "first_seen": stamp(match.first),
        "last_seen": stamp(match.time),
        "count": match.count,
        "actor": match.actor,
        "address": match.address,
        "object": match.object,
        "source": match.source,
        "file": match.file,
        "line": match.line,
        "runbook_url": runbook_url,
        "via": match.via,
        "why": match.why,
        "detection": match.detection,
    }


def encoded(whole: dict[str, Any]) -> bytes:
    """One line of JSON, UTF-8; a lone surrogate in log text becomes a question mark."""
    try:
        return _encode(whole)
    except UnicodeEncodeError:
        cleaned = {
            key: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
            for key, value in whole.items()
        }
        return _encode(cleaned)
