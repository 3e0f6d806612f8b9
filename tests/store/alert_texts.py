"""Alerts of any content, for tests of the store."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from vedette.alert import Alert

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
"""Lone surrogates and NUL included: names of files may be bytes that are no text."""
KEYS = st.sampled_from([b"one", b"two", b"three"])


def an_alert(name: str, **more: Any) -> Alert:
    """A critical K3 that was seen once."""
    said: dict[str, Any] = {
        "id": name,
        "rule": "K3",
        "title": "A toy",
        "severity": 3,
        "outcome": "done",
        "first_seen": 1,
        "last_seen": 2,
        "count": 1,
        "actor": "mallory",
        "address": "203.0.113.9",
        "object": "vault/secrets/x",
        "via": "",
        "why": "",
        "source": "kube_audit",
        "file": "audit.log",
        "line": 3,
        "act": "act",
        "last_act": "act",
        "detections": ("K3",),
        "group": ("mallory",),
        "quiet_after": 60,
    }
    return Alert(**(said | more))
