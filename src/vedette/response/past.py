"""Past: a rule's alerts of the store and of its evidence as one list, and who they are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vedette.alert import Alert
from vedette.match import Match
from vedette.response.act import Act
from vedette.response.replay import Replayed

Key = tuple[int, str, tuple[str, ...]]
"""Severity, reaction and group: what all episodes of one story have in common."""


@dataclass(slots=True)
class PastAlert:
    """An alert that was, or that the evidence gives under the rule as it is."""

    alert: Alert
    stored: bool
    """It stands in the store, so that its id means something there."""
    verdict: str = ""
    """What people said of it: true, false, or nothing."""
    acts: int = 0
    """Its acts in the evidence that was read."""

    @property
    def key(self) -> Key:
        """Which story it is of."""
        return self.alert.severity, self.alert.reaction, self.alert.group


@dataclass(slots=True)
class Group:
    """One actor, from one address, at one kind of thing."""

    actor: str
    address: str
    kind: str
    format: str
    alerts: list[PastAlert] = field(default_factory=list)

    @property
    def acts(self) -> int:
        """How often, over all of its alerts."""
        return sum(one.alert.count for one in self.alerts)

    @property
    def last(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return max(one.alert.last_seen for one in self.alerts)

    @property
    def verdicts(self) -> Counter[str]:
        """What people said, and how often."""
        return Counter(one.verdict for one in self.alerts if one.verdict)


def past_alerts(stored: Iterable[Alert], verdicts: Mapping[str, str], found: Replayed) -> list[PastAlert]:
    """The store's alerts, and those of the evidence that the store has no longer; the first first."""
    known = [PastAlert(one, stored=True, verdict=verdicts.get(one.id, "")) for one in stored]
    ids = {one.alert.id for one in known}
    by_key: dict[Key, list[PastAlert]] = {}
    for past in known:
        by_key.setdefault(past.key, []).append(past)
    for one in found.alerts:
        fresh = PastAlert(one, stored=False)
        if one.id not in ids and not any(_overlap(one, old.alert) for old in by_key.get(fresh.key, ())):
            known.append(fresh)
    counts = acts_in(known, found.matches)
    for past in known:
        past.acts = counts[past.alert.id]
    return sorted(known, key=lambda past: (past.alert.first_seen, past.alert.id))


def acts_in(alerts: Sequence[PastAlert], matches: Iterable[Match]) -> Counter[str]:
    """How many acts of `matches` belong to each alert, by its id."""
    by_key: dict[Key, list[Alert]] = {}
    for past in alerts:
        by_key.setdefault(past.key, []).append(past.alert)
    counts: Counter[str] = Counter()
    for match in matches:
        for alert in by_key.get((match.severity, match.reaction, match.group), ()):
            if match.first <= alert.last_seen and alert.first_seen <= match.time:
                counts[alert.id] += match.count
                break
    return counts


def groups_of(alerts: Iterable[PastAlert], acts: Mapping[str, Act]) -> list[Group]:
    """Who the alerts are about, the most frequent first."""
    found: dict[tuple[str, str, str], Group] = {}
    for past in alerts:
        alert = past.alert
        act = acts.get(alert.act)
        kind = act.kind if act else _kind(alert)
        key = (alert.actor, alert.address, kind)
        found.setdefault(key, Group(*key, alert.source)).alerts.append(past)
    return sorted(found.values(), key=lambda one: (-len(one.alerts), -one.acts, one.actor, one.address, one.kind))


def acts_by(matches: Iterable[Match], acts: Iterable[Act], actors: frozenset[str]) -> list[Act]:
    """The acts of some actors that made the rule speak: within the time of a match about the same actor."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for match in matches:
        if match.actor in actors:
            known = spans.setdefault(match.actor, [])
            if known and match.first <= known[-1][1]:
                known[-1] = known[-1][0], max(known[-1][1], match.time)
            else:
                known.append((match.first, match.time))
    return [act for act in acts if any(first <= act.time <= last for first, last in spans.get(act.actor, ()))]


def _overlap(one: Alert, other: Alert) -> bool:
    return one.first_seen <= other.last_seen and other.first_seen <= one.last_seen


def _kind(alert: Alert) -> str:
    """Of an alert whose act is in no evidence: the resource of `namespace/resource/name`, else the object."""
    parts = alert.object.split("/")
    return parts[1] if alert.source == "kube_audit" and len(parts) > 2 else alert.object
