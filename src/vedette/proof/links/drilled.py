"""Drilled: when was the rule last made to fire, and how far did its alert come? By the record of `vedette drill`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vedette.proof.verdict import DRILLED, LinkResult, State
from vedette.rule import Rule
from vedette.stamp import stamp

NAME = DRILLED
_SECOND = 1_000_000_000
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class LastDrill:
    """The last drill of a rule that ended. Times are nanoseconds since 1970 UTC."""

    rule: str
    how: str
    """real, owner or stand-in."""
    begun: int
    outcome: str
    """through, attempt or failed."""
    stuck: str = ""
    """The hop that was not reached; `act`: it could not be done, which says nothing of the rule."""
    why: str = ""
    hops: tuple[tuple[str, int], ...] = ()
    """Name and time; the first is the act."""


@dataclass(frozen=True, slots=True)
class Drills:
    """What is known of drills."""

    last: Sequence[LastDrill]
    good_for: float
    """Seconds for which one that went through counts."""


class Drilled:
    """The record against each rule."""

    name = NAME

    def __init__(self, drills: Drills, now: int) -> None:
        """`now`: nanoseconds since 1970 UTC."""
        self._last = {one.rule: one for one in drills.last}
        self._good_for = drills.good_for
        self._now = now

    def check(self, rule: Rule) -> LinkResult:
        """PROVEN by a real drill that went through lately, READY by less, BLIND where the last did not come through."""
        last, command = self._last.get(rule.name), f"vedette drill {rule.name}"
        if last is None:
            return LinkResult(NAME, State.UNKNOWN, "never drilled", command)
        when = stamp(last.begun)[:16] + "Z"
        if last.outcome == "failed" and last.stuck == "act":
            return LinkResult(NAME, State.UNKNOWN, f"could not be drilled at {when}: {last.why}", command)
        if last.outcome == "failed":
            return LinkResult(NAME, State.BLIND, f"drilled at {when} and stuck at {last.stuck}: {last.why}", command)
        times = _times(last)
        if self._now - last.begun > self._good_for * _SECOND:
            days = int(self._good_for // _DAY)
            return LinkResult(NAME, State.UNKNOWN, f"last drilled at {when}, more than {days} days ago", command)
        if last.how == "stand-in":
            return LinkResult(NAME, State.READY, f"a stand-in went through at {when}: {times}")
        if last.outcome == "attempt":
            return LinkResult(NAME, State.READY, f"drilled as an attempt at {when}: {times}")
        return LinkResult(NAME, State.PROVEN, f"drilled at {when}: {times}")


def _times(last: LastDrill) -> str:
    """Each hop's time after the act."""
    if not last.hops:
        return "no hops noted"
    began = last.hops[0][1]
    return ", ".join(f"{name} {max(0.0, (at - began) / _SECOND):.1f} s" for name, at in last.hops[1:])
