"""A store, a clock to be turned, and a sink that does as it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vedette.alert import Alert
from vedette.engine.memory import WindowAct
from vedette.notification import Notification
from vedette.rule import Severity
from vedette.sinks.base import NotDelivered
from vedette.store.store import Store
from vedette.watch.compose import Composer, Words
from vedette.watch.courier import Courier
from vedette.watch.pulse import Pulse
from vedette.watch.telling import Manner, Route, Telling

SECOND = 1_000_000_000
ALL = frozenset(int(one) for one in Severity)


@contextmanager
def store_in(folder: Path) -> Iterator[Store]:
    """A store that is closed again."""
    store = Store(folder, WindowAct)
    try:
        yield store
    finally:
        store.close()


def an_alert(name: str, *, rule: str = "K3", severity: Severity = Severity.CRITICAL, count: int = 1) -> Alert:
    """An alert about `name`."""
    return Alert(
        id=name,
        rule=rule,
        title="A toy",
        severity=int(severity),
        outcome="done",
        first_seen=1,
        last_seen=2,
        count=count,
        actor=name,
        address="203.0.113.9",
        object="vault/secrets/x",
        via="",
        why="",
        source="kube_audit",
        file="audit.log",
        line=3,
        act=name,
        last_act=name,
        detections=(rule,),
        group=(name,),
        quiet_after=60,
    )


class Obedient:
    """A sink that takes what it is given, or raises what it is told to."""

    def __init__(self, name: str, *, batch: int = 1, resend: float = 0.0, hold: float = 0.0) -> None:
        self.name = name
        self.batch = batch
        self.resend = resend
        self.hold = hold
        self.took: list[Notification] = []
        self.error: NotDelivered | None = None

    def send(self, notifications: Sequence[Notification]) -> str:
        """As Sink."""
        if self.error is not None:
            raise self.error
        self.took += notifications
        return f"receipt {len(self.took)}"

    def close(self) -> None:
        """As Sink."""

    @property
    def told(self) -> list[str]:
        """Alert and occasion of all that it took."""
        return [one.id for one in self.took]


class Office:
    """Telling and couriers over a store, with a clock that stands still unless it is turned."""

    def __init__(self, store: Store, *sinks: Obedient, routes: Sequence[Route] = ()) -> None:
        self.store = store
        self.now = 1_000_000 * SECOND
        self.pulse = Pulse(self.now)
        manners = {one.name: Manner(int(one.resend * SECOND), int(one.hold * SECOND)) for one in sinks}
        self.telling = Telling(store, routes or [Route(ALL, tuple(one.name for one in sinks))], manners)
        composer = Composer(
            "lab", lambda alert: Words("https://wiki.example.org", f"about {alert.actor}", "look", "{}")
        )
        self.couriers = {
            one.name: Courier(one, store, self.telling, composer, self.pulse, lambda: self.now) for one in sinks
        }

    def open(self, *alerts: Alert) -> None:
        """These were opened or counted up, in one transaction."""
        self.now += 1
        with self.store.database.transaction():
            for alert in alerts:
                self.store.acts.save(alert, alert.id.encode(), self.now)
            self.telling.changed({alert.id: alert for alert in alerts}, self.now)

    def close_quiet(self, seconds: float) -> None:
        """So much time passes, and what is quiet closes."""
        self.now += int(seconds * SECOND)
        with self.store.database.transaction():
            self.telling.close_quiet(self.now)

    def deliver(self, *names: str) -> None:
        """Every courier, or those named, until there is nothing to do or it fails."""
        for name, courier in self.couriers.items():
            while (not names or name in names) and courier.deliver():
                pass
