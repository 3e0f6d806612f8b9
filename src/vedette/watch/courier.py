"""Courier: one thread a sink, from the outbox to the far end, at least once and in order.

A try is noted before it begins and after it ends, so that what may have been told twice can be marked as such. What
fails is tried again for as long as it takes; what is refused for its own sake is dropped with the reason. A sink that
does not recover has its waiting notifications taken over by the next one of the route.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from vedette.notification import Notification, Occasion
from vedette.sinks.base import NotDelivered, Partly, Sink
from vedette.store.alerts import Kept
from vedette.store.database import StoreError
from vedette.store.outbox import DROPPED, SILENCED, Entry, SinkState
from vedette.store.store import Store
from vedette.watch.compose import Composer
from vedette.watch.pulse import Pulse
from vedette.watch.telling import Telling

_SECOND = 1_000_000_000
_LONGEST_WAIT = 30.0
"""Seconds between two tries at most, unless the far end asks for more."""
_PATIENCE = 40 * _SECOND
"""A sink that has failed for so long is taken for dead, so that it is a finding within a minute."""
_log = logging.getLogger("vedette.courier")


class Courier(threading.Thread):
    """Delivers to one sink."""

    def __init__(
        self,
        sink: Sink,
        store: Store,
        telling: Telling,
        composer: Composer,
        pulse: Pulse,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(name=f"courier-{sink.name}", daemon=True)
        self.sink = sink
        self._store = store
        self._telling = telling
        self._composer = composer
        self._pulse = pulse
        self._now = now
        self._failures = 0
        self._pause = 0.0
        self.crossed = 0
        """Notifications delivered since the start."""

    def run(self) -> None:
        """Until the watcher ends."""
        while not self._pulse.stopping:
            try:
                told = self.deliver()
            except StoreError as error:
                _log.warning("the outbox cannot be used", extra={"sink": self.sink.name, "reason": str(error)})
                told, self._pause = False, 1.0
            except Exception:  # noqa: BLE001 - told and tried again
                # A courier that dies silently is the failure that this program exists to prevent.
                _log.exception("the courier failed", extra={"sink": self.sink.name})
                told, self._pause = False, 5.0
            if self._pause:
                self._pulse.wait(self._pause)
                self._pause = 0.0
            elif not told:
                with self._telling.condition:
                    self._telling.condition.wait(timeout=0.5)

    def deliver(self) -> bool:
        """Tell what is due, one `send`; True where something was told or dropped."""
        now = self._now()
        due = self._store.outbox.due(self.sink.name, now, self.sink.batch)
        entries, notifications = self._needed(due, now)
        if not entries:
            # What was only put off or dropped must not hold up what stands behind it.
            return bool(due)
        with self._store.database.transaction():
            self._store.outbox.begin([entry.id for entry in entries], now)
        try:
            receipt = self.sink.send(notifications)
        except NotDelivered as error:
            return self._failed(entries, error)
        finally:
            self._note_partly()
        self._told(self._without_rejected(entries), receipt)
        return True

    def _note_partly(self) -> None:
        """Far ends that were not told while another was."""
        partial = self.sink.partial if isinstance(self.sink, Partly) else {}
        self._pulse.partly(self.sink.name, "; ".join(f"{where}: {why}" for where, why in sorted(partial.items())))

    def _without_rejected(self, entries: list[Entry]) -> list[Entry]:
        """The entries that were told; those that the far end takes for wrong are dropped, and told elsewhere."""
        rejected = self.sink.rejected if isinstance(self.sink, Partly) else {}
        if not rejected:
            return entries
        told = [entry for entry in entries if entry.notification not in rejected]
        with self._store.database.transaction():
            for entry in entries:
                reason = rejected.get(entry.notification)
                if reason is not None:
                    self._refuse(entry, reason)
        return told

    def _refuse(self, entry: Entry, reason: str) -> None:
        self._store.outbox.drop(entry.id, f"refused: {reason}")
        self._take_over(entry.alert, self._now(), f"{self.sink.name} refused it: {reason}")

    def _needed(self, due: list[Entry], now: int) -> tuple[list[Entry], list[Notification]]:
        """What is due, without what nobody needs to be told any more."""
        entries: list[Entry] = []
        notifications: list[Notification] = []
        for entry in due:
            kept = self._store.alerts.get(entry.alert)
            silence = self._store.alerts.silenced(kept.key, now) if kept is not None else None
            if silence is not None:
                self._store.outbox.postpone(entry.id, silence.until, str(silence))
                continue
            reason = self._needless(kept, entry)
            if kept is None or reason:
                self._store.outbox.drop(entry.id, reason)
                continue
            receipt = self._store.outbox.receipt(entry.alert, self.sink.name)
            entries.append(entry)
            notifications.append(self._shown(self._composer.notification(kept, entry, receipt), entry))
        return entries, notifications

    def _needless(self, kept: Kept | None, entry: Entry) -> str:
        if kept is None:
            return "the alert is gone"
        if entry.occasion == Occasion.OPENED.value:
            silenced = entry.reason.startswith(SILENCED) and not entry.told and kept.state == "closed"
            return f"{entry.reason}; over before the silence was" if silenced else ""
        if kept.state == "open":
            return "it is open again"
        rows = self._store.outbox.of_alert(entry.alert)
        opening = next((row for row in rows if (row.sink, row.occasion) == (entry.sink, Occasion.OPENED.value)), None)
        unheard = opening is not None and opening.state == DROPPED and not opening.told
        return "nor was its beginning" if unheard else ""

    def _shown(self, notification: Notification, entry: Entry) -> Notification:
        """An alert is told as open until it has been held long enough, then as ended."""
        if entry.occasion == Occasion.OPENED.value:
            return replace(notification, ends_at=0)
        return replace(notification, ends_at=self._now()) if self.sink.hold else notification

    def _told(self, entries: list[Entry], receipt: str) -> None:
        now = self._now()
        self._failures = 0
        self.crossed += len(entries)
        again = now + int(self.sink.resend * _SECOND) if self.sink.resend else 0
        with self._store.database.transaction():
            for entry in entries:
                opened = entry.occasion == Occasion.OPENED.value
                self._store.outbox.told(entry.id, now, receipt, again if opened else 0)
                kept = self._store.alerts.get(entry.alert)
                # It may have gone on while its end was told; then it is to be told once more.
                if not opened and (kept is None or kept.state == "closed"):
                    self._store.outbox.settle(entry.alert, self.sink.name, Occasion.OPENED.value)
            state = self._store.outbox.state(self.sink.name)
            if state.state != "ok":
                _log.warning("the sink is well again", extra={"sink": self.sink.name})
            since = state.since if state.state == "ok" else now
            self._store.outbox.set_state(SinkState(self.sink.name, "ok", since, "", now))

    def _failed(self, entries: list[Entry], error: NotDelivered) -> bool:
        now = self._now()
        if error.refused:
            with self._store.database.transaction():
                for entry in entries:
                    self._refuse(entry, str(error))
            return True
        self._failures += 1
        pause = min(2.0 ** (self._failures - 1), _LONGEST_WAIT)
        with self._store.database.transaction():
            for entry in entries:
                self._store.outbox.failed(entry.id, str(error), perhaps=error.perhaps)
            state = self._state(error, now)
            self._store.outbox.set_state(state)
            if state.state != "dead":
                # The try that shows it to be dead must not be a long pause away.
                pause = min(pause, max(1.0, (state.since + _PATIENCE - now) / _SECOND))
            self._pause = max(error.retry_after, pause)
            if state.state == "dead":
                for name in self._successors():
                    if self._store.outbox.take_over(self.sink.name, name, now, f"{self.sink.name} is dead: {error}"):
                        self._telling.wake()
        return False

    def _state(self, error: NotDelivered, now: int) -> SinkState:
        """How the sink is after another failure."""
        before = self._store.outbox.state(self.sink.name)
        since = now if before.state == "ok" else before.since
        dead = error.dead or before.state == "dead" or now - since >= _PATIENCE
        word = "dead" if dead else "failing"
        if word != before.state:
            _log.warning("the sink is %s", word, extra={"sink": self.sink.name, "reason": str(error)})
        return SinkState(self.sink.name, word, since, str(error), before.told)

    def _successors(self) -> list[str]:
        """The first living sink of each route that names this one."""
        found: dict[str, None] = {}
        for route in self._telling.routes:
            if self.sink.name in route.to or self.sink.name in route.fallback:
                living = (name for name in route.fallback if self._store.outbox.state(name).state != "dead")
                name = next((name for name in living if name != self.sink.name), "")
                if name:
                    found[name] = None
        return list(found)

    def _take_over(self, alert: str, now: int, reason: str) -> None:
        """Have another sink told of one alert that this one refuses."""
        for name in self._successors():
            if name not in self._store.outbox.sinks_of(alert, Occasion.OPENED.value):
                self._store.outbox.put(alert, name, Occasion.OPENED.value, now, now, reason)
