"""A notification as one versioned JSON record: what the webhook posts and the file holds. Field names are a promise:
they may be added to, never renamed; an alert's are those of `-o json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from vedette.alert import record as fields
from vedette.notification import Notification
from vedette.stamp import stamp

SCHEMA = "vedette.notification/1"
LONGEST_TEXT = 64 << 10
"""Characters of one field; what is longer is cut, its end marked by an ellipsis and its name listed in `cut`."""

_encode = msgspec.json.Encoder().encode


def record(notification: Notification) -> dict[str, Any]:
    """The record: RFC 3339 times in UTC, `id` the notification's and `alert` the alert's, `cut` what was shortened."""
    alert = notification.alert
    whole: dict[str, Any] = {
        "schema": SCHEMA,
        "id": notification.id,
        "occasion": notification.occasion.value,
        "severity": notification.severity,
        "alert": alert.id,
        "reaction": alert.reaction,
        **fields(alert),
        "runbook_url": notification.runbook_url,
        "first_step": notification.first_step,
        "starts_at": stamp(notification.starts_at),
        "ends_at": stamp(notification.ends_at) if notification.ends_at else None,
        "labels": dict(notification.labels),
        "annotations": dict(notification.annotations),
        "repeat": notification.repeat,
    }
    cut: list[str] = []
    fitted = {name: _fitted(value, name, cut) for name, value in whole.items()}
    return {**fitted, "cut": cut}


def encoded(notification: Notification) -> bytes:
    """The record as one line of JSON, UTF-8, without its line end; a lone surrogate becomes a question mark."""
    return _encode(record(notification))


def clean(text: str) -> str:
    """`text` without lone surrogates, which no JSON reader would take."""
    return text.encode("utf-8", "replace").decode()


def link(url: str, longest: int) -> str:
    """`url` if it is an http(s) URL of at most `longest` characters that any program takes for one; else nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    fits = len(url) <= longest and url.isascii() and url.isprintable() and " " not in url
    return url if fits and parts.scheme in ("http", "https") and parts.netloc else ""


def _fitted(value: object, name: str, cut: list[str]) -> object:
    """`value` with each text in it clean and not longer than LONGEST_TEXT."""
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            cut.append(name)
            value = value[: LONGEST_TEXT - 1] + "…"
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(key): _fitted(item, f"{name}.{clean(key)}", cut) for key, item in value.items()}
    if isinstance(value, list):
        return [_fitted(item, name, cut) for item in value]
    return value
