"""Live windows: correlations over acts in the order of their coming, with the result that time order would have given.

A group's acts are kept by their time for as long as the timespan and the lateness together; an act that comes late is
put in its place, and the windows that hold it are judged again. Which acts were told is remembered: none is told twice.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from vedette.engine.compare import holds
from vedette.engine.memory import Memory, WindowAct
from vedette.engine.sighting import Sighting
from vedette.engine.windows import Windows
from vedette.rule import Correlation, CorrelationType

_SECOND = 1_000_000_000
_MOST = 200_000
"""Acts held of one group; beyond it only what may still decide is kept."""


@dataclass(frozen=True, slots=True)
class LiveReached:
    """A correlation met once more; as `windows.Reached`, with the position in the step's acts that met it."""

    correlation: int
    group: tuple[str, ...]
    by: int
    """Index, in the acts of this step, of the one whose coming met it."""
    time: int
    first: int
    acts: int
    why: str


class _Met(NamedTuple):
    time: int
    first: int
    told: list[int]
    """Rows that are told with it."""
    acts: int
    why: str
    row: int
    """Of the act that met it."""


@dataclass(slots=True)
class _Group:
    acts: list[WindowAct] = field(default_factory=list)
    """By time, then act."""
    told: set[int] = field(default_factory=set)
    """Rows."""
    touched: int = 0
    """When it last grew, by the clock."""


class LiveWindows:
    """All correlations. Memory holds the groups that acted within the longest timespan and lateness."""

    def __init__(
        self, correlations: Sequence[Correlation], names: Sequence[str], memory: Memory, lateness: int, now: int
    ) -> None:
        """`names`: each detection's name by its index. `lateness`, `now`: nanoseconds."""
        self._correlations = tuple(correlations)
        self._names = tuple(names)
        self._memory = memory
        self._lateness = lateness
        self._swept = now
        self._groups: dict[tuple[int, tuple[str, ...]], _Group] = {}
        numbers = {one.name: at for at, one in enumerate(correlations)}
        lost: list[int] = []
        for name, group, act, told in memory.window_acts():
            if name not in numbers or act.detection not in self._names:
                lost.append(act.row)
                continue
            kept = self._groups.setdefault((numbers[name], group), _Group(touched=now))
            kept.acts.append(act)
            if told:
                kept.told.add(act.row)
        for kept in self._groups.values():
            kept.acts.sort(key=_order)
        if lost:
            memory.forget_window_acts(lost)

    def feed(self, acts: Sequence[Sighting], now: int) -> Iterator[LiveReached]:
        """Count the acts of one step, which are in time order; gives what they meet."""
        fresh: dict[tuple[int, tuple[str, ...]], list[tuple[int, WindowAct]]] = {}
        for by, act in enumerate(acts):
            name = self._names[act.detection]
            for at, group, counted in act.windows:
                correlation = self._correlations[at].name
                row = self._memory.add_window_act(correlation, group, act.time, act.act, name, counted)
                fresh.setdefault((at, group), []).append((by, WindowAct(row, act.time, act.act, name, counted)))
        for (at, group), added in fresh.items():
            kept = self._groups.setdefault((at, group), _Group())
            kept.touched = now
            yield from self._judge(at, group, kept, added)
            self._forget(at, kept)
        self._sweep(now)

    def _judge(
        self, at: int, group: tuple[str, ...], kept: _Group, added: Sequence[tuple[int, WindowAct]]
    ) -> Iterator[LiveReached]:
        correlation = self._correlations[at]
        in_order = not kept.acts or _order(kept.acts[-1]) <= _order(added[0][1])
        kept.acts.extend(act for _, act in added)
        if not in_order:
            kept.acts.sort(key=_order)
        came = {act.row: by for by, act in added}
        begin = bisect.bisect_left(kept.acts, _order(added[0][1]), key=_order)
        if correlation.type in (CorrelationType.EVENT_COUNT, CorrelationType.VALUE_COUNT):
            found = self._count(correlation, kept, begin, added[-1][1].time)
        else:
            found = self._sequence(at, kept)
        by = added[0][0]
        for met in found:
            by = came.get(met.row, by)
            self._memory.tell_window_acts(met.told)
            kept.told.update(met.told)
            yield LiveReached(at, group, by, met.time, met.first, met.acts, met.why)

    def _count(self, correlation: Correlation, kept: _Group, begin: int, newest: int) -> Iterator[_Met]:
        """Judge every act whose window holds a fresh one."""
        acts, span = kept.acts, correlation.timespan * _SECOND
        by_value = correlation.type is CorrelationType.VALUE_COUNT
        left = bisect.bisect_right(acts, acts[begin].time - span, key=_time)
        distinct = Counter(act.counted for act in acts[left:begin]) if by_value else Counter()
        looked = left
        for at in range(begin, len(acts)):
            act = acts[at]
            if act.time >= newest + span:
                return
            while acts[left].time <= act.time - span:
                if by_value:
                    _take(distinct, acts[left].counted)
                left += 1
            if by_value:
                distinct[act.counted] += 1
            number = len(distinct) if by_value else at - left + 1
            if not holds(correlation.op, number, correlation.threshold):
                continue
            # What an earlier window of this call has told need not be looked at again.
            looked = max(looked, left)
            new = [one for one in acts[looked : at + 1] if one.row not in kept.told]
            looked = at + 1
            if new:
                what = (
                    f"{number} distinct {', '.join(p.text for p in correlation.fields)}"
                    if by_value
                    else f"{number} acts"
                )
                why = f"{what} within {correlation.timespan} s"
                yield _Met(act.time, new[0].time, [one.row for one in new], len(new), why, act.row)

    def _sequence(self, at: int, kept: _Group) -> Iterator[_Met]:
        """The group's acts from the begin; what was told before is passed over."""
        windows = Windows(self._correlations, self._names)
        number = {name: index for index, name in enumerate(self._names)}
        for act in kept.acts:
            sighting = Sighting(
                number[act.detection], act.act, True, "fire", act.time, windows=((at, (), act.counted),)
            )
            for reached in windows.feed(sighting):
                if act.row not in kept.told:
                    # A chain is one thing told, whatever the number of its links: its last act stands for it.
                    yield _Met(act.time, reached.first, [act.row], reached.acts, reached.why, act.row)

    def _forget(self, at: int, kept: _Group) -> None:
        """Drop what no act that may still come could meet."""
        correlation = self._correlations[at]
        oldest = kept.acts[-1].time - correlation.timespan * _SECOND - self._lateness
        stale = bisect.bisect_right(kept.acts, oldest, key=_time)
        gone = kept.acts[:stale]
        kept.acts = kept.acts[stale:]
        if len(kept.acts) > _MOST:
            gone += self._thin(correlation, kept)
        if gone:
            rows = [act.row for act in gone]
            self._memory.forget_window_acts(rows)
            kept.told.difference_update(rows)

    def _thin(self, correlation: Correlation, kept: _Group) -> list[WindowAct]:
        """Of the older half keep the latest act of each counted value, or none where acts alone are counted.

        So many more acts than the threshold are left that the next one meets it all the same.
        """
        half = len(kept.acts) // 2
        older, newer = kept.acts[:half], kept.acts[half:]
        latest = {act.counted: act for act in older}
        rows = {act.row for act in latest.values()} if correlation.type is CorrelationType.VALUE_COUNT else set()
        kept.acts = [act for act in older if act.row in rows] + newer
        return [act for act in older if act.row not in rows]

    def _sweep(self, now: int) -> None:
        """Now and then let go of the groups that nobody has added to for long."""
        if now - self._swept < 60 * _SECOND:
            return
        self._swept = now
        for (at, group), kept in list(self._groups.items()):
            if now - kept.touched > self._correlations[at].timespan * _SECOND + 2 * self._lateness:
                self._memory.forget_window_acts([act.row for act in kept.acts])
                del self._groups[at, group]


def _order(act: WindowAct) -> tuple[int, str, str]:
    # As `sighting.by_time`: detections are numbered by their names.
    return act.time, act.act, act.detection


def _time(act: WindowAct) -> int:
    return act.time


def _take(distinct: Counter[tuple[str, ...]], counted: tuple[str, ...]) -> None:
    distinct[counted] -= 1
    if not distinct[counted]:
        del distinct[counted]
