"""Telling: which sinks are told of which alert, when, and the reason for every alert that nobody is told of."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vedette.alert import Alert
from vedette.notification import Occasion
from vedette.store.alerts import OWN, Alerts, Kept
from vedette.store.database import Database
from vedette.store.outbox import WAITING, Outbox

_SECOND = 1_000_000_000
STORM_ALERTS = 30
"""Alerts of one rule that are told within `STORM_SPAN`; of the others the store knows, and one finding speaks."""
STORM_SPAN = 600 * _SECOND
_REMEMBERED = 100_000
_OPENED, _CLOSED = Occasion.OPENED.value, Occasion.CLOSED.value


@dataclass(frozen=True, slots=True)
class Route:
    """Sinks by name."""

    severities: frozenset[int]
    to: tuple[str, ...]
    fallback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manner:
    """How a sink wants to be told; see `sinks.base.Sink`. Nanoseconds."""

    resend: int = 0
    hold: int = 0


class Tables(Protocol):
    """What of a store is written here: the daemon's own, or a visitor's."""

    database: Database
    alerts: Alerts
    outbox: Outbox


class Telling:
    """Writes the outbox, within the loop's transaction."""

    def __init__(self, store: Tables, routes: Sequence[Route], manners: Mapping[str, Manner]) -> None:
        self._store = store
        self._written = -1
        """The database's version when this was last asked: `vedette alerts` may close what is known as open."""
        self.routes = tuple(routes)
        self.manners = dict(manners)
        self._heard = 0
        """The number of the last closing by a person that was looked at."""
        self._known: set[str] = set()
        """Alerts that were routed in this life: most changes are of these."""
        self._told: Counter[str] = Counter()
        self.storms: dict[str, int] = {}
        """Rule -> when its storm last held an alert back."""
        self.condition = threading.Condition()

    def changed(self, alerts: Mapping[str, Alert], now: int) -> None:
        """These were opened or counted up."""
        self._told.clear()
        written = self._store.database.data_version()
        if written != self._written:
            self._written = written
            self._known.clear()
            self._hear_closings(now)
        for name, alert in alerts.items():
            if name not in self._known:
                if len(self._known) > _REMEMBERED:
                    self._known.clear()
                self._known.add(name)
                self._opened(name, alert, now)

    def reload(self) -> None:
        """Forget what was not committed."""
        self._known.clear()
        self._written, self._heard = -1, 0

    def _hear_closings(self, now: int) -> None:
        """Have the end told of what people closed, whatever sinks the settings had with which they did."""
        for number, name in self._store.alerts.closings(self._heard):
            self._heard = number
            kept = self._store.alerts.get(name)
            if kept is None or kept.state == "open":
                continue
            rows = self._store.outbox.of_alert(name)
            for sink in {row.sink for row in rows if row.occasion == _OPENED}:
                manner = self.manners.get(sink)
                ends = (row for row in rows if (row.sink, row.occasion) == (sink, _CLOSED))
                planned = any(row.state == WAITING or max(row.told, row.due) >= kept.closed for row in ends)
                if manner is not None and not planned:
                    self._store.outbox.put(name, sink, _CLOSED, now, now + manner.hold)

    def _opened(self, name: str, alert: Alert, now: int) -> None:
        kept = self._store.alerts.get(name)
        if kept is None:
            return
        # An episode that went on after it had closed is open again where it was told.
        self._store.outbox.remove(name, _CLOSED)
        rows = self._store.outbox.of_alert(name)
        if rows or kept.untold:
            ended = {row.sink: row.told for row in rows if row.occasion == _CLOSED}
            for row in rows:
                # Who was told that it is over would take it for over.
                over = row.told < ended.get(row.sink, 0)
                if row.occasion == _OPENED and (over or self._resends(row.sink)):
                    self._store.outbox.put(name, row.sink, _OPENED, now, now)
            return
        reason = self._held_back(kept, now)
        if reason:
            self._store.alerts.untold(name, reason)
            return
        # One that outlives the silence is told then.
        silence = self._store.alerts.silenced(kept.key, now)
        due, why = (silence.until, str(silence)) if silence is not None else (now, "")
        for sink in self.sinks_for(alert.severity):
            self._store.outbox.put(name, sink, _OPENED, now, due, why)

    def _held_back(self, kept: Kept, now: int) -> str:
        """Why nobody is told, or nothing."""
        alert = kept.alert
        if not self.sinks_for(alert.severity):
            return "no route leads to a sink"
        if alert.source == OWN:
            return ""
        if alert.rule not in self._told:
            self._told[alert.rule] = self._store.alerts.opened_between(alert.rule, now - STORM_SPAN, now)
        self._told[alert.rule] += 1
        if self._told[alert.rule] > STORM_ALERTS:
            self.storms[alert.rule] = now
            return f"storm: more than {STORM_ALERTS} alerts of {alert.rule} within {STORM_SPAN // (60 * _SECOND)} min"
        return ""

    def sinks_for(self, severity: int) -> tuple[str, ...]:
        """The sinks that are told of alerts this loud."""
        route = self.route_for(severity)
        return route.to if route is not None else ()

    def route_for(self, severity: int) -> Route | None:
        """The first route for alerts this loud."""
        return next((route for route in self.routes if severity in route.severities), None)

    def close_quiet(self, now: int) -> None:
        """Close what has been quiet for long enough."""
        for kept in self._store.alerts.quiet(now):
            self.close(kept, now)

    def close(self, kept: Kept, now: int, by: str = "") -> None:
        """Close an alert and have it told where it was opened."""
        name = kept.alert.id
        if not self._store.alerts.close(name, now, by):
            return
        self._known.discard(name)
        for sink in self._store.outbox.sinks_of(name, _OPENED):
            manner = self.manners.get(sink)
            if manner is not None:
                self._store.outbox.put(name, sink, _CLOSED, now, now + manner.hold)

    def _resends(self, sink: str) -> bool:
        manner = self.manners.get(sink)
        return manner is not None and manner.resend > 0

    def wake(self) -> None:
        """There may be something to tell."""
        with self.condition:
            self.condition.notify_all()
