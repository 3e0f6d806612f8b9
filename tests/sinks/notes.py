"""Notifications to tell, plain and hostile."""

from __future__ import annotations

from typing import Any

import msgspec

from vedette.alert import Alert
from vedette.notification import Notification, Occasion

SECOND = 1_000_000_000
TOLD = 1_795_629_600 * SECOND
"""2026-11-25T18:00:00Z."""

_ALERT = Alert(
    id="a1",
    rule="K4",
    title="Shell in a pod",
    severity=3,
    outcome="done",
    first_seen=TOLD,
    last_seen=TOLD,
    count=1,
    actor="mallory@example.org",
    address="203.0.113.9",
    object="pods/web-0/exec in shop",
    via="kubectl",
    why="exec is used by nobody here",
    source="kubernetes",
    file="/var/log/kubernetes/audit.log",
    line=17,
    act="5f0d",
    last_act="5f0d",
    detections=("exec",),
)

HOSTILE = {
    "mention": "<!channel> <@U012AB3CD> <!subteam^S012> @here #general",
    "link": "<https://evil.example/|click> https://evil.example/?a=1&b=2",
    "formatting": "*bold* _it_ ~no~ `code` ```block``` > quote :fire:",
    "entities": "&lt;!channel&gt; &amp;amp;",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "terminal": "\x1b[2J\x1b]0;mine\x07\x9b2J\b\r\n",
    "order": "\u202e5.02.0.01 \u2066x\u2069 a\u200bb\u200d",
    "surrogates": "a\ud800b\udfffc",
    "nul": "a\0b",
    "json": '"}],"x":{"\\u0000',
    "template": '{{ .Labels }} {{ define "x" }}${jndi:ldap://x}',
    "astral": "\U0001d573\U0001f939" * 2000,
    "ampersands": "&" * 5000,
    "angles": "<" * 5000,
    "escapes": "\x1b" * 5000,
    "tags": "\U000e0041" * 3000,
    "combining": "a" + "\u0301" * 5000,
    "megabyte": "x" * (1 << 20),
    "empty": "",
    "blank": " \t ",
}
"""What an attacker may write into every field of a log line, by what it is for."""


def note(
    occasion: Occasion = Occasion.OPENED,
    *,
    id: str = "a1:opened",
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    runbook_url: str = "https://runbooks.example.org/K4?a=1&b=2",
    severity: str = "critical",
    ends_at: int = 0,
    repeat: bool = False,
    receipt: str = "",
    **alert: Any,
) -> Notification:
    """A notification; what is not named here is the alert's."""
    return Notification(
        id=id,
        occasion=occasion,
        alert=msgspec.structs.replace(_ALERT, **alert),
        severity=severity,
        labels=labels or {"alertname": "VedetteK4", "severity": severity, "rule_id": "K4", "entity": "0a1b"},
        annotations={"summary": "Shell in a pod"} if annotations is None else annotations,
        runbook_url=runbook_url,
        first_step="Ask mallory's lead whether this was planned.",
        starts_at=TOLD,
        ends_at=ends_at,
        repeat=repeat,
        receipt=receipt,
    )


def hostile(text: str, occasion: Occasion = Occasion.OPENED, **more: Any) -> Notification:
    """A notification with `text` in every field that a log line may fill."""
    fields = ("title", "actor", "address", "object", "via", "why", "source", "file", "act", "last_act", "outcome")
    filled: dict[str, Any] = dict.fromkeys(fields, text)
    return note(
        occasion,
        annotations={"summary": text, "description": text, "actor": text, "query": text},
        detections=(text,),
        **filled,
        **more,
    )
