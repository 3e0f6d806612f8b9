"""Rows: acts within the window, summed by kind; several records of one act are one act."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vedette.alert import own_address
from vedette.event import Event
from vedette.response.act import act_of
from vedette.response.context import MOST_EVENTS, MOST_ROWS, Row, Subject
from vedette.response.glance import agent_of, verb_of

MOST_ACTS = 50_000
"""Acts that are held; what comes after is counted and not listed."""
_OBJECT = 1024


@dataclass(slots=True)
class _Deed:
    """One act, as the record of it that says most tells it."""

    table: str
    kind: tuple[str, ...]
    """Actor, address, agent, verb, kind, namespace, outcome."""
    time: int
    example: str
    final: bool


class Rows:
    """Takes whole records."""

    def __init__(self, subject: Subject, own: Callable[[Event], bool]) -> None:
        """`own`: whether a record is of the alert's own acts."""
        self.subject = subject
        self._is_own = own
        self.events: list[Event] = []
        self.dropped = 0
        """Records of further acts, where there were too many."""
        self._deeds: dict[str, _Deed] = {}
        self._had: set[bytes] = set()

    def take(self, event: Event, *, token: bool) -> None:
        """One record of the window; `token`: it shows the alert's token."""
        if len(self.events) < MOST_EVENTS and self._is_own(event) and event.raw not in self._had:
            self._had.add(event.raw)
            self.events.append(event)
        table = self._table(event, token=token)
        if not table:
            return
        name = f"{event.format}/{event.act}"
        known = self._deeds.get(name)
        if known is None and len(self._deeds) >= MOST_ACTS:
            self.dropped += 1
        elif known is None or (event.final and not known.final):
            self._deeds[name] = _deed(event, table)

    def _table(self, event: Event, *, token: bool) -> str:
        subject = self.subject
        actor, address = event.text("actor"), own_address(event.text("address"))
        same = event.format == subject.format and actor == subject.actor
        if token and not (same and address == subject.address):
            return "token"
        if same and actor:
            return "actor"
        return "address" if address and address == subject.address else ""

    @property
    def acts(self) -> int:
        """How many acts are in the tables, and beyond them."""
        return len(self._deeds)

    def table(self, name: str, near: int) -> tuple[list[Row], int]:
        """A table's rows in the order of time, and how many acts it has no room for: those of kinds that are furthest
        from `near`, a time, and of these the most frequent."""
        rows: dict[tuple[str, ...], Row] = {}
        for deed in sorted(self._of(name), key=lambda one: one.time):
            row = rows.get(deed.kind)
            if row is None:
                actor, address, agent, verb, kind, namespace, outcome = deed.kind
                rows[deed.kind] = Row(
                    actor, address, agent, verb, kind, namespace, outcome, 1, deed.time, deed.time, deed.example
                )
            else:
                row.count += 1
                row.last = deed.time
        chosen = sorted(rows.values(), key=lambda one: (max(one.first - near, near - one.last, 0), one.count))
        left = sum(one.count for one in chosen[MOST_ROWS:])
        return sorted(chosen[:MOST_ROWS], key=lambda one: (one.first, one.verb, one.kind, one.example)), left

    def _of(self, name: str) -> Iterable[_Deed]:
        return (deed for deed in self._deeds.values() if deed.table == name)


def _deed(event: Event, table: str) -> _Deed:
    act = act_of(event)
    kind = (
        act.actor,
        own_address(act.address),
        agent_of(event),
        verb_of(event),
        act.kind,
        act.namespace,
        event.outcome.value,
    )
    return _Deed(table, kind, event.time, event.text("object")[:_OBJECT], event.final)
