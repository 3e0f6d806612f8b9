"""Gathering: records in, a context out, wherever they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from vedette.alert import Alert
from vedette.event import Event
from vedette.formats.base import Batch, Format, Projector, TrustedProxy, Unreadable
from vedette.formats.reader import Reader, projectors_for
from vedette.response.act import act_of
from vedette.response.activities import Activities, Activity
from vedette.response.context import Context, Step
from vedette.response.glance import Glance, agent_of, glance_of, glances, projections, time_of, verb_of
from vedette.response.habit import Habits
from vedette.response.lineage import Lineage, about, may_tell, shown
from vedette.response.needles import Needles, holds, needles
from vedette.response.rows import Rows
from vedette.response.subject import act_needles, actor_needles, is_own, known, subject_of
from vedette.scan import Plan, Scanner
from vedette.stamp import stamp


class Shapes:
    """How records are read: by a projection, and whole."""

    def __init__(self, proxies: Sequence[TrustedProxy]) -> None:
        self.proxies = proxies
        self.formats: Mapping[str, Format] = Scanner(Plan((), tuple(proxies))).formats
        self._projections = projections()
        self._projectors: Mapping[str, Projector] = projectors_for(self.formats, self._projections)

    def reader(self) -> Reader:
        """For one stream of lines."""
        return Reader(self.formats, self._projections, None, self._projectors)

    def whole(self, batch: Batch, index: int) -> Event | None:
        """A record of a batch decoded whole; None: it cannot be."""
        try:
            return self.formats[batch.format].read(batch.locate(index)[0])
        except Unreadable:
            return None


class Told(NamedTuple):
    """What was read of before the window; picklable."""

    habits: Habits
    lineage: Lineage
    records: int


class Gathering:
    """What is seen of an alert's subject."""

    def __init__(
        self,
        alert: Alert,
        first: Event | None,
        window: tuple[int, int],
        shapes: Shapes,
        activities: Sequence[Activity],
    ) -> None:
        """`first`: a record of the alert's act; `window`: nanoseconds, the end is not in it."""
        self.alert, self.first, self.shapes = alert, first, shapes
        subject = subject_of(alert)
        self.subject = known(subject, first) if first is not None else subject
        self.since, self.until = window
        self._between = stamp(window[0]), stamp(window[1])
        same = ("", "", "") if first is None else (agent_of(first), verb_of(first), act_of(first).kind)
        self._habits = Habits(self.subject, *same, window[0])
        self._activities = Activities(activities, self.subject)
        self._rows = Rows(self.subject, partial(is_own, alert))
        self.lineage = Lineage(self.subject, first)
        self.actor: Needles = actor_needles(self.subject)
        self.records = 0
        self.named = self.names()

    def names(self) -> Needles:
        """What stands in records that are of interest whoever's they are: the token's, and its pod's."""
        return tuple(one for name in self.lineage.names() for one in needles(name))

    @property
    def close(self) -> Needles:
        """The same, and what names the alert's own acts."""
        return (*self.named, *(one for act in act_needles(self.subject) for one in act))

    def older(self, batch: Batch, lines: bytes) -> None:
        """Records from before the window, and the lines that they stand in."""
        habits, lineage, proxies = self._habits, self.lineage, self.shapes.proxies
        named = holds(lines, self.named)
        for index, glance in enumerate(glances(batch, proxies)):
            seen, event = (glance, None) if glance is not None else self._whole(batch, index)
            if seen is None:
                continue
            habits.see(seen)
            if named and (may_tell(seen.verb, seen.kind) or not lineage.knows(seen.actor, seen.address)):
                self._trace(batch, index, event)
        self.records += len(batch.records)

    def within(self, batch: Batch, *, named: bool) -> None:
        """Records of which any may be in the window; `named`: some of `close` stands in them."""
        self.records += len(batch.records)
        since, until = self._between
        subject, wanted = self.subject, self.close if named else ()
        for index, glance in enumerate(glances(batch, self.shapes.proxies)):
            seen, event = (glance, None) if glance is not None else self._whole(batch, index)
            if seen is None:
                continue
            self._habits.see(seen)
            inside = since <= seen.stamp < until
            if inside:
                self._activities.see(seen)
            mine = inside and (
                (seen.actor == subject.actor and subject.actor != "")
                or (seen.address == subject.address and subject.address != "")
            )
            called = named and holds(batch.locate(index)[0], wanted)
            if not mine and not called:
                continue
            event = event or self.shapes.whole(batch, index)
            if event is None:
                continue
            if called:
                self.lineage.take(event)
            if inside or not event.time:
                self._rows.take(event, token=any(one in subject.tokens for one in shown(event)))

    def trace(self, batch: Batch) -> None:
        """Records that may name a token which came to be known later."""
        for index, glance in enumerate(glances(batch, self.shapes.proxies)):
            seen, event = (glance, None) if glance is not None else self._whole(batch, index)
            if seen is not None:
                self._trace(batch, index, event)

    def told(self) -> Told:
        """What records from before the window said, for another process."""
        return Told(self._habits, self.lineage, self.records)

    def hear(self, told: Told) -> None:
        """Take in what another process read."""
        self._habits.add(told.habits)
        self.lineage.add(told.lineage)
        self.records += told.records

    def context(self, kept_since: int, bytes_read: int, troubles: Sequence[str], read_from: str) -> Context:
        """What was gathered; `kept_since` 0: nothing is older than the window."""
        rows, near = self._rows, self.alert.first_seen
        tables = {name: rows.table(name, near) for name in ("actor", "address", "token")}
        events = sorted(rows.events, key=lambda one: (one.act != self.alert.act, one.time, one.final))
        found = list(troubles)
        if not events:
            found.append("the alert's own acts are not in it")
        if rows.dropped:
            found.append(
                f"{rows.dropped:,} records of further acts in these hours were not looked at: take fewer hours"
            )
        habit = self._habits.given(kept_since) if self.subject.actor else None
        return Context(
            self.since,
            self.until,
            events,
            tables["actor"][0],
            tables["address"][0],
            tables["token"][0],
            [*self._about(), *self.lineage.given()],
            habit,
            self._activities.given(),
            rows.acts,
            sum(left for _, left in tables.values()),
            self.records,
            bytes_read,
            found,
            read_from,
        )

    def _about(self) -> list[Step]:
        one = self.first
        if one is None:
            return []
        return [Step(one.time, says, self.subject.actor, self.subject.address, one.act) for says in about(one)]

    def _whole(self, batch: Batch, index: int) -> tuple[Glance | None, Event | None]:
        event = self.shapes.whole(batch, index)
        return (glance_of(event), event) if event is not None else (None, None)

    def _trace(self, batch: Batch, index: int, event: Event | None) -> None:
        if not holds(batch.locate(index)[0], self.named):
            return
        event = event or self.shapes.whole(batch, index)
        if event is not None:
            self.lineage.take(event)


def oldest(batches: Sequence[Batch], shapes: Shapes, form: str) -> tuple[int, int]:
    """The earliest time of some records, and of those of one format; 0: none of them says one."""
    times: list[int] = []
    own: list[int] = []
    for batch in batches:
        for index, glance in enumerate(glances(batch, shapes.proxies)):
            event = shapes.whole(batch, index) if glance is None else None
            time = time_of(glance.stamp) if glance is not None else event.time if event is not None else 0
            if time:
                times.append(time)
                own += [time] if batch.format == form else []
    return min(times, default=0), min(own, default=0)
