"""Compose: an alert in the store into the notification that a sink is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from vedette.alert import Alert
from vedette.notification import Notification, Occasion
from vedette.rule import Reaction, Severity
from vedette.store.alerts import OWN, Kept
from vedette.store.outbox import Entry

_KIND = {Reaction.ATTEMPT.value: "attempt: ", Reaction.CANNOT_TELL.value: "cannot tell: "}


class Words(NamedTuple):
    """What is said of an alert besides itself."""

    runbook_url: str
    description: str
    first_step: str
    query: str


Describe = Callable[[Alert], Words]


class Composer:
    """Makes notifications; the same labels for the same episode whichever instance of vedette composes it."""

    def __init__(self, cluster: str, describe: Describe) -> None:
        self._cluster = cluster
        self._describe = describe

    def notification(self, kept: Kept, entry: Entry, receipt: str) -> Notification:
        """What `entry` has to tell of the alert."""
        alert = kept.alert
        words = self._describe(alert)
        severity = str(Severity(alert.severity))
        return Notification(
            id=entry.notification,
            occasion=Occasion(entry.occasion),
            alert=alert,
            severity=severity,
            labels=self._labels(kept, severity),
            annotations=_annotations(alert, words),
            runbook_url=words.runbook_url,
            first_step=words.first_step,
            # Alertmanager shows when it began; an event time long past would be taken for an alert long known.
            starts_at=alert.first_seen if 0 < alert.first_seen <= kept.opened else kept.opened,
            ends_at=kept.closed,
            repeat=bool(entry.begun),
            receipt=receipt,
        )

    def _labels(self, kept: Kept, severity: str) -> Mapping[str, str]:
        return {**identity(kept, self._cluster), "severity": severity, "source": kept.alert.source}


def identity(kept: Kept, cluster: str) -> dict[str, str]:
    """The labels that all episodes of an alert's group have, and no other alert: what a silence matches."""
    labels = {
        "alertname": alert_name(kept.alert),
        "rule_id": kept.alert.rule,
        # Distinct episodes must be distinct alerts there, and the group's values are the attacker's to choose.
        "entity": kept.key.hex()[:12],
    }
    return {**labels, "cluster": cluster} if cluster else labels


def alert_name(alert: Alert) -> str:
    """A name for routes: VedetteK3, VedetteK3Attempt, VedetteSourceSilent."""
    if alert.source == OWN:
        return "Vedette" + "".join(word.capitalize() for word in alert.rule.split("_"))
    return f"Vedette{alert.rule}" + "".join(word.capitalize() for word in alert.reaction.split("_") if word != "fire")


def summary(alert: Alert) -> str:
    """One sentence: what happened, by whom, to what."""
    kind = "" if alert.source == OWN else _KIND.get(alert.reaction, "")
    text = f"{kind}{alert.title}"
    if alert.actor:
        text += f": {alert.actor}"
    if alert.address:
        text += f" from {alert.address}"
    return f"{text} -> {alert.object}" if alert.object and alert.source != OWN else text


def _annotations(alert: Alert, words: Words) -> Mapping[str, str]:
    found = {
        "summary": summary(alert),
        "description": words.description or alert.why,
        "actor": alert.actor,
        "address": alert.address,
        "object": alert.object,
        "via": alert.via,
        "why": alert.why,
        "outcome": alert.outcome,
        "where": f"{alert.file}:{alert.line}" if alert.file else "",
        "first_step": words.first_step,
        "query": words.query,
        "runbook_url": words.runbook_url,
    }
    return {name: text for name, text in found.items() if text}


def heartbeat_notification(cluster: str, now: int) -> Notification:
    """An alert that always fires; its absence is what somebody is to be told of."""
    alert = Alert(
        id="heartbeat",
        rule="heartbeat",
        title="vedette reads, keeps and tells",
        severity=int(Severity.INFO),
        outcome="done",
        first_seen=now,
        last_seen=now,
        count=1,
        actor="",
        address="",
        object="",
        via="",
        why="",
        source=OWN,
        file="",
        line=0,
        act="",
        last_act="",
        detections=(),
    )
    labels = {"alertname": alert_name(alert), "severity": str(Severity.INFO), "rule_id": alert.rule, "source": OWN}
    if cluster:
        labels["cluster"] = cluster
    annotations = {
        "summary": alert.title,
        "description": "Route it to a dead-man's switch: it is the silence that alarms.",
    }
    return Notification(
        "heartbeat", Occasion.OPENED, alert, str(Severity.INFO), labels, annotations, "", "", starts_at=now, ends_at=0
    )
