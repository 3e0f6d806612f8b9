"""What is judged, and the judgement: plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vedette.clients.loki_ruler import Config, Loaded, Sample

_NAMED = 5
"""Names that one line holds."""
RENDER = "put what `vedette render loki` prints in the place of the file"
LATE = 3
"""Intervals after which an evaluation is missing: one may be late, and answers are a moment old."""
CLOCK = 5.0
"""Seconds that the clocks of Loki's parts may be apart."""
LOOKED = 7 * 86400.0
"""Seconds that are looked back for a stream's last line."""


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """It could not be checked."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    about: str
    """rules, ruler, health, notifications, alertmanager, limit, discarded or stream."""
    state: State
    what: str
    """In one sentence; it may hold Loki's own words."""
    why: str = ""
    """What it costs, or what kept vedette from looking."""
    mend: str = ""
    of: tuple[str, ...] = ()
    """The groups or formats that it is about; none: all."""


@dataclass(frozen=True, slots=True)
class Unasked:
    """An answer that could not be had."""

    why: str
    status: int = 0
    """Of HTTP; 0: nothing usable came back."""


@dataclass(frozen=True, slots=True)
class ExpectedRule:
    """A rule as it is rendered."""

    name: str
    query: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ExpectedGroup:
    """A group as it is rendered."""

    name: str
    interval: float
    """Seconds."""
    rules: tuple[ExpectedRule, ...]


@dataclass(frozen=True, slots=True)
class RulerSeen:
    """What was to be had of a ruler."""

    tenant: str
    """As metrics and folders name it."""
    loaded: Loaded | Unasked
    stored: frozenset[str] | Unasked
    formatted: Mapping[str, str] | Unasked
    """Query -> as Loki writes it, of the loaded and the expected ones that are to be compared."""
    metrics: tuple[Sample, ...] | Unasked
    config: Config | Unasked


@dataclass(frozen=True, slots=True)
class Stream:
    """What was found of the log of one format."""

    job: str
    """The label that the rules expect."""
    age: float | None
    """Seconds since the last line; None: none in LOOKED."""
    line: str = ""
    """The last line, as Loki has it."""
    jobs: tuple[str, ...] = ()
    """The values of `job` that there are."""
    lines: tuple[str, ...] = ()
    """The last ones, the newest first, where they are recent."""
    elsewhere: tuple[str, float] | None = None
    """Another job whose last line is an event of this format, and seconds since that line, where it is newer."""


def total(metrics: Sequence[Sample], name: str, **labels: str) -> float | None:
    """The sum of a metric's samples that have `labels`; None where there is none."""
    found = [one.value for one in metrics if one.name == name and labels.items() <= one.labels.items()]
    return sum(found) if found else None


def span(seconds: float) -> str:
    """About how long, for a person."""
    for size, word in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{max(0, seconds):.0f} s"


def listed(names: Sequence[str]) -> str:
    """Names for a line, the rest as a number."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def some_rules(count: int) -> str:
    """How many."""
    return "1 rule" if count == 1 else f"{count} rules"
