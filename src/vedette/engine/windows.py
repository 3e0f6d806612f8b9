"""Windows: correlations over the acts of a sliding span of event time.

Acts come in time order (`sighting.by_time`). A window is half open: an act 60 s after another is not within 60 s of it,
as in Loki's `[60s]`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from vedette.engine.compare import holds
from vedette.engine.sighting import Sighting
from vedette.rule import Correlation, CorrelationType

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Reached:
    """A correlation met: the act that met it, and the acts that are new since it was last met by this group."""

    correlation: int
    group: tuple[str, ...]
    last: Sighting
    first: int
    """Time of the earliest new act."""
    acts: int
    """How many new acts."""
    why: str


@dataclass(slots=True)
class _Span:
    """One group's acts within the timespan."""

    acts: deque[tuple[int, tuple[str, ...]]] = field(default_factory=deque)
    """(time, counted values) in time order."""
    distinct: Counter[tuple[str, ...]] = field(default_factory=Counter)
    told: int = 0
    """How many of `acts`, from the left, an earlier `Reached` has counted."""
    seen: dict[int, int] = field(default_factory=dict)
    """Temporal: position in the correlation's list -> time (ordered: start of the latest chain that ends there)."""


class Windows:
    """All correlations of a scan. Memory holds only the groups that acted within the longest timespan."""

    def __init__(self, correlations: Sequence[Correlation], names: Sequence[str]) -> None:
        """`names`: each detection's name, by its index."""
        self._correlations = tuple(correlations)
        self._names = tuple(names)
        self._spans: list[dict[tuple[str, ...], _Span]] = [{} for _ in correlations]
        self._swept = [0 for _ in correlations]

    def feed(self, act: Sighting) -> Iterable[Reached]:
        """Count one act that fired; gives each correlation that it meets."""
        for at, group, counted in act.windows:
            correlation = self._correlations[at]
            self._sweep(at, act.time)
            span = self._spans[at].setdefault(group, _Span())
            if correlation.type in (CorrelationType.EVENT_COUNT, CorrelationType.VALUE_COUNT):
                reached = self._count(at, correlation, span, group, counted, act)
            else:
                reached = self._sequence(at, correlation, span, group, act)
            if reached is not None:
                yield reached

    def _count(
        self,
        at: int,
        correlation: Correlation,
        span: _Span,
        group: tuple[str, ...],
        counted: tuple[str, ...],
        act: Sighting,
    ) -> Reached | None:
        _forget(span, act.time - correlation.timespan * _SECOND)
        span.acts.append((act.time, counted))
        span.distinct[counted] += 1
        by_value = correlation.type is CorrelationType.VALUE_COUNT
        number = len(span.distinct) if by_value else len(span.acts)
        if not holds(correlation.op, number, correlation.threshold):
            return None
        first, new = span.acts[span.told][0], len(span.acts) - span.told
        span.told = len(span.acts)
        what = f"{number} distinct {', '.join(p.text for p in correlation.fields)}" if by_value else f"{number} acts"
        return Reached(at, group, act, first, new, f"{what} within {correlation.timespan} s")

    def _sequence(
        self, at: int, correlation: Correlation, span: _Span, group: tuple[str, ...], act: Sighting
    ) -> Reached | None:
        name, oldest = self._names[act.detection], act.time - correlation.timespan * _SECOND
        ordered = correlation.type is CorrelationType.TEMPORAL_ORDERED
        complete = False
        # From the end, so that one act does not serve as two links of the same chain.
        for position in reversed(range(len(correlation.detections))):
            if correlation.detections[position] != name:
                continue
            if not ordered or position == 0:
                span.seen[position] = act.time
            elif span.seen.get(position - 1, oldest) > oldest:
                span.seen[position] = span.seen[position - 1]
            else:
                continue
            complete = complete or not ordered or position == len(correlation.detections) - 1
        if not complete:
            return None
        if ordered:
            start = span.seen[len(correlation.detections) - 1]
        else:
            times = [span.seen.get(position, oldest) for position in range(len(correlation.detections))]
            start = min(times)
            if start <= oldest:
                return None
        what = ", then ".join(correlation.detections) if ordered else " and ".join(correlation.detections)
        span.seen.clear()
        return Reached(at, group, act, start, len(correlation.detections), f"{what} within {correlation.timespan} s")

    def _sweep(self, at: int, now: int) -> None:
        """Once a timespan, let go of the groups that have gone quiet."""
        spans, timespan = self._spans[at], self._correlations[at].timespan * _SECOND
        if now - self._swept[at] < timespan:
            return
        self._swept[at] = now
        oldest = now - timespan
        for group in [g for g, span in spans.items() if _latest(span) <= oldest]:
            del spans[group]


def _latest(span: _Span) -> int:
    return max(span.acts[-1][0] if span.acts else 0, *span.seen.values(), 0)


def _forget(span: _Span, oldest: int) -> None:
    """Drop what is not within the window that ends now."""
    while span.acts and span.acts[0][0] <= oldest:
        _, counted = span.acts.popleft()
        span.told = max(0, span.told - 1)
        span.distinct[counted] -= 1
        if not span.distinct[counted]:
            del span.distinct[counted]
