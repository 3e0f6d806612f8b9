"""Conduct: one drill from its record to its end, so that a crash at any point leaves nothing that is not known of."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from vedette.drilling.hops import Followed, Follower, Hop, Stuck
from vedette.drills.base import CannotDrill, Done, Drill, System, Thing, marked
from vedette.store.alerts import Alerts
from vedette.store.database import Database
from vedette.store.drills import Drills
from vedette.watch.telling import Telling

THROUGH, ATTEMPT, FAILED = "through", "attempt", "failed"
_LATEST = 1_000
"""The latest alerts of a rule, among which one that would count the drill up is looked for."""
_GONE = 75.0
"""Seconds that something may take to be gone: a token lives for a minute."""
_SECOND = 1_000_000_000


@dataclass(slots=True)
class Result:
    """How one drill went."""

    rule: str
    how: str
    mark: str = ""
    outcome: str = FAILED
    """through, attempt or failed."""
    stuck: str = ""
    """The hop that was not reached; `act`: nothing was done, or not all."""
    why: str = ""
    mend: str = ""
    at: int = 0
    """Of the act, nanoseconds since 1970 UTC."""
    hops: list[Hop] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """What is still there, and why."""

    @property
    def well(self) -> bool:
        """It went through, or was refused as it should be, and left nothing behind."""
        return self.outcome != FAILED and not self.left


class Conductor:
    """Does drills one after the other."""

    def __init__(
        self,
        drills: Drills,
        systems: Mapping[str, System],
        follower: Follower,
        closer: Closer | None,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """`closer`: of the store's alerts, where there is one."""
        self._drills = drills
        self._systems = systems
        self._follower = follower
        self._closer = closer
        self._now = now

    def sweep(self) -> list[str]:
        """Take away what drills before left behind, a crashed one's above all; gives what is still there."""
        left: list[str] = []
        for one in self._drills.unclean():
            still = self._clean(one.mark, [Thing(*thing) for thing in one.things])
            left += [f"{one.rule} of {one.mark}: {what}" for what in still]
            if self._closer is not None:
                self._closer.close(one.mark, one.rule)
        return left

    def run(self, drill: Drill, mark: str = "") -> Result:
        """One drill. Never raises for what servers do; after an interruption everything was taken away all the same."""
        mark = mark or str(uuid.uuid4())
        result = Result(drill.rule, drill.how.value, mark)
        try:
            result.why = self._closer.swallowing(drill) if self._closer is not None else ""
        except CannotDrill as error:
            result.why, result.mend = str(error), error.mend
        if result.why:
            result.stuck = "act"
            return result
        begun = self._now()
        self._drills.begin(mark, drill.rule, drill.how.value, self._follower.engine, begun)
        found = Followed()
        done = None
        try:
            done = self._act(drill, mark, result)
            if done is not None:
                result.at = done.at
                self._follower.follow(drill, mark, begun, done.at, found)
                result.outcome = ATTEMPT if found.attempt or done.refused else THROUGH
        except Stuck as error:
            result.stuck, result.why = error.hop, str(error)
        except CannotDrill as error:
            result.stuck, result.why, result.mend = "alert", str(error), error.mend
        except KeyboardInterrupt:
            result.stuck, result.why = result.stuck or "act", "interrupted"
            raise
        finally:
            result.hops = found.hops
            if self._closer is not None:
                self._closer.close(mark, drill.rule, found.alert, () if done is None else done.acts)
            hops = [(hop.name, hop.at, hop.seen) for hop in result.hops]
            if result.at:
                hops.insert(0, ("act", result.at, "done"))
            self._drills.end(mark, self._now(), result.outcome, hops, result.stuck, result.why)
        return result

    def _act(self, drill: Drill, mark: str, result: Result) -> Done | None:
        """The act, and at once its end: what it made is of no use to the alert."""
        things = list(drill.things(mark))
        self._drills.things(mark, things)

        def note(thing: Thing) -> None:
            things.append(thing)
            self._drills.things(mark, things)

        try:
            return drill.act(mark, note)
        except CannotDrill as error:
            result.stuck, result.why, result.mend = "act", str(error), error.mend
            return None
        finally:
            result.left = self._clean(mark, things)

    def _clean(self, mark: str, things: Sequence[Thing]) -> list[str]:
        """Take things away, the last first, and look; gives what is still there."""
        left = [why for thing in reversed(things) if (why := self._taken(thing))]
        if not left:
            self._drills.cleaned(mark, self._now())
        return left

    def _taken(self, thing: Thing) -> str:
        """Why a thing is still there, or nothing."""
        system = self._systems.get(thing.system)
        if system is None:
            return f"{thing.path}: nothing in drill: says how to reach {thing.system}"
        try:
            system.clean(thing.path)
            end = time.monotonic() + _GONE
            while system.left(thing.path):
                if time.monotonic() > end:
                    return f"{thing.path} is still there"
                time.sleep(0.2)
        except CannotDrill as error:
            return f"{thing.path}: {error}"
        return ""


class Closer:
    """The store's alerts that drills make: closed when they end, so that the next one opens its own."""

    def __init__(
        self, alerts: Alerts, database: Database, telling: Telling, now: Callable[[], int] = time.time_ns
    ) -> None:
        self._alerts = alerts
        self._database = database
        self._telling = telling
        self._now = now

    def swallowing(self, drill: Drill) -> str:
        """Why the drill's act would be counted into another alert, or nothing."""
        for kept in self._alerts.listed(rule=drill.rule, most=_LATEST):
            alert = kept.alert
            if not drill.swallows(alert):
                continue
            short = alert.id[:8]
            if kept.state == "open":
                way = f"see it (vedette alerts show {short}), close it (vedette alerts close {short} --reason …)"
                return f"alert {short} is open, and would only be counted up; nobody would be told: {way}"
            quiet = alert.last_seen + alert.quiet_after * _SECOND - self._now()
            if quiet > 0:
                minutes = quiet // (60 * _SECOND) + 1
                return f"alert {short} is closed, but would go on for {minutes} min yet; drill after that"
        return ""

    def close(self, mark: str, rule: str, alert: str = "", acts: Sequence[str] = ()) -> None:
        """Close the alerts of a drill that are open: `alert`, whatever has the mark in it, or was opened by `acts`."""
        for kept in self._alerts.listed(state="open"):
            opened_by = any(kept.alert.act.startswith(act) for act in acts)
            if kept.alert.id == alert or opened_by or marked(kept.alert, mark):
                now = self._now()
                reason = f"{rule} drilled ({mark})"
                with self._database.transaction():
                    self._telling.close(kept, now, f"drill: {reason}")
                    self._alerts.did(kept.alert.id, now, "drill", "closed", reason)
