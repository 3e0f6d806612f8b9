"""Pulse: how the watcher itself is, written by its threads and read by findings, health checks and metrics."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from vedette.engine.live import Step
from vedette.rule import Severity

_SECOND = 1_000_000_000
_FRESH = 15.0
"""Seconds for which a failure is told, where nothing was tried since."""
_SLICE = 0.1
"""Seconds."""


@dataclass(slots=True)
class SourcePulse:
    """One source. Times are nanoseconds since 1970 UTC, 0 for never."""

    arrived: int = 0
    """When records last came, by the clock."""
    latest: int = 0
    """What time the last record says."""
    longest: float = 0.0
    """Seconds of the longest silence that ended since it was last asked for."""
    records: int = 0
    """Since the start; a silence before the first of them may be the watcher's own."""


@dataclass(frozen=True, slots=True)
class Proven:
    """One rule in a proof."""

    rule: str
    severity: Severity
    state: str
    """PROVEN, READY, BLIND or UNKNOWN."""
    links: Mapping[str, str]
    """Link -> its state, by the same words."""
    blind: str = ""
    """Why it cannot fire, where nothing else says so already; or nothing."""
    in_part: bool = False
    """It can all the same, for some of its variants."""
    mend: str = ""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Link that could not be checked -> why."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of proving that each rule can fire."""

    at: int
    """When, nanoseconds since 1970 UTC."""
    seconds: float
    """How long it took."""
    rules: tuple[Proven, ...]


class Pulse:
    """Shared by all threads."""

    def __init__(self, now: int) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._left = False
        self.began = now
        self.turned = now
        """When the loop last turned."""
        self.committed_at = now
        self.sources: dict[str, SourcePulse] = {}
        self.totals: Counter[str] = Counter()
        """Since the start: bytes, commits, matches, duplicates, late, future."""
        self.stuck_for = ""
        """Why nothing can be committed, or nothing."""
        self.unkept: dict[str, str] = {}
        """Evidence that could not be written lately: source -> why."""
        self._unkept_at: dict[str, float] = {}
        """When that was last so, on the clock that is never set."""
        self.observers: dict[str, tuple[str, str]] = {}
        """Observers that cannot look: name -> (why, mend)."""
        self.partial: dict[str, str] = {}
        """Sinks of which some far end, not all, is not told: name -> which and why."""
        self.proof: Proof | None = None
        """The last one since the start."""
        self.traced: dict[str, tuple[float, int]] = {}
        """Tracer -> seconds that its last request needed to come back, and when it had (nanoseconds since 1970 UTC)."""
        self.reload_failed = ""
        """Why the settings were not taken up at the last reload, or nothing."""

    def restore(self, name: str, arrived: int) -> None:
        """When records of a source had last come before the start."""
        self.sources[name] = SourcePulse(min(arrived, self.began))

    def set_clock(self, by: int) -> None:
        """The clock was set by so many nanoseconds; what was noted by it moves along."""
        with self._lock:
            self.began += by
            self.turned += by
            self.committed_at += by
            for source in self.sources.values():
                source.arrived += by if source.arrived else 0

    def alive(self, now: int) -> None:
        """The loop has turned."""
        self.turned = now

    def record(self, latest: Mapping[str, int], records: Mapping[str, int], now: int) -> None:
        """What came from whom."""
        with self._lock:
            for name, number in records.items():
                if number <= 0:
                    continue
                source = self.sources.setdefault(name, SourcePulse())
                if source.records:
                    source.longest = max(source.longest, (now - source.arrived) / _SECOND)
                source.arrived = now
                source.records += number
                source.latest = max(source.latest, min(latest.get(name, 0), now))

    def silences(self, name: str) -> float:
        """The longest silence of a source that ended since this was last asked, in seconds."""
        with self._lock:
            source = self.sources.setdefault(name, SourcePulse())
            longest, source.longest = source.longest, 0.0
            return longest

    def committed(self, read: int, step: Step, now: int) -> None:
        """A turn is durable."""
        with self._lock:
            self.committed_at = now
            self.totals.update(
                bytes=read,
                commits=1,
                matches=step.matches,
                duplicates=step.duplicates,
                late=step.late,
                future=step.future,
            )

    def stuck(self, reason: str) -> None:
        """Why nothing can be committed; nothing when it goes on."""
        self.stuck_for = reason

    def evidence(self, name: str, reason: str) -> None:
        """Why lines of a source cannot be kept; nothing when they can."""
        with self._lock:
            if reason:
                self.unkept[name] = reason
                self._unkept_at[name] = time.monotonic()
            else:
                self.unkept.pop(name, None)

    def calm(self) -> None:
        """Let evidence that has not failed for a while count as well: a source that is quiet would not be tried."""
        with self._lock:
            for name in [name for name in self.unkept if time.monotonic() - self._unkept_at[name] > _FRESH]:
                del self.unkept[name]

    def observer(self, name: str, reason: str, mend: str = "") -> None:
        """Why an observer cannot look; nothing when it can."""
        with self._lock:
            if reason:
                self.observers[name] = (reason, mend)
            else:
                self.observers.pop(name, None)

    def came_back(self, tracer: str, seconds: float) -> None:
        """A tracer's request came back through the log."""
        self.traced[tracer] = (seconds, time.time_ns())

    def partly(self, name: str, reason: str) -> None:
        """Which far ends of a sink were not told while another was; nothing when all were."""
        with self._lock:
            if reason:
                self.partial[name] = reason
            else:
                self.partial.pop(name, None)

    @property
    def leaving(self) -> bool:
        """True once the loop is to end; what waits to be told is told first."""
        return self._left

    def leave(self) -> None:
        """Have the loop end. For a signal's handler, which may come while the handler of another is at it: it takes no
        lock, and an Event has one."""
        self._left = True

    def rest(self, seconds: float) -> None:
        """Sleep, or until the loop is to end, within a tenth of a second."""
        end = time.monotonic() + seconds
        while not self._left and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE))

    @property
    def stopping(self) -> bool:
        """True once every thread is to end."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Have every thread end."""
        self._left = True
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Sleep, or until every thread is to end."""
        self._stop.wait(seconds)
