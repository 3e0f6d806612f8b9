"""Habits: what an actor did before the window, counted."""

from __future__ import annotations

from vedette.response.context import Habit, Subject
from vedette.response.glance import Glance, time_of
from vedette.stamp import stamp

_MOST = 20_000
"""Different keys that are held before they are summed up."""
_DAY = 10
"""Characters of a stamp that say the day."""


class Habits:
    """Counts what is seen of one actor before a time.

    The last records of acts are counted, so that the records of one act count once. Where there are none (the log
    keeps no answers), the others are.
    """

    def __init__(self, subject: Subject, agent: str, verb: str, kind: str, before: int) -> None:
        self._subject = subject
        self._same = agent, (verb, kind)
        self._before = stamp(before)
        self._counts: dict[tuple[bool, str, str, str, str, str], int] = {}
        self._sums = {True: [0, 0, 0, 0], False: [0, 0, 0, 0]}
        self._days: dict[bool, set[str]] = {True: set(), False: set()}
        self._span = {True: ["", ""], False: ["", ""]}

    def see(self, glance: Glance) -> None:
        """Count one record in, where it is the actor's and before that time."""
        subject, when, final = self._subject, glance.stamp, glance.final
        if glance.actor != subject.actor or glance.format != subject.format or not "" < when < self._before:
            return
        span = self._span[final]
        if when > span[1]:
            span[1] = when
            span[0] = span[0] or when
        elif when < span[0]:
            span[0] = when
        key = (final, glance.address, glance.agent, glance.verb, glance.kind, when[:_DAY])
        counts = self._counts
        if key in counts:
            counts[key] += 1
        else:
            counts[key] = 1
            if len(counts) > _MOST:
                self._sum()

    def add(self, other: Habits) -> None:
        """Count in what another saw of the same actor."""
        for one in (self, other):
            one._sum()  # noqa: SLF001 # its own kind
        for final in (True, False):
            self._sums[final] = [a + b for a, b in zip(self._sums[final], other._sums[final], strict=True)]
            self._days[final] |= other._days[final]
            firsts, lasts = zip(self._span[final], other._span[final], strict=True)
            self._span[final] = [min(filter(None, firsts), default=""), max(lasts)]

    def given(self, kept_since: int) -> Habit:
        """What was seen."""
        self._sum()
        final = bool(self._sums[True][0])
        acts, from_address, with_agent, same_kind = self._sums[final]
        first, last = self._span[final]
        days = len(self._days[final])
        return Habit(acts, time_of(first), time_of(last), days, from_address, with_agent, same_kind, kept_since)

    def _sum(self) -> None:
        agent, same = self._same
        for (final, address, by, verb, kind, day), count in self._counts.items():
            sums = self._sums[final]
            sums[0] += count
            sums[1] += count * (address == self._subject.address)
            sums[2] += count * (by == agent)
            sums[3] += count * ((verb, kind) == same)
            self._days[final].add(day)
        self._counts.clear()
