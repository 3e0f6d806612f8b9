"""Seen: what came from the logs lately, and what the watcher knows of how it came. Values; who reads them is told."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from vedette.alert import own_address
from vedette.event import Event
from vedette.schema import Schema

MOST = 5_000
"""Names that are told apart in a format: who is in a log is for anybody to write."""
_NODE = "system:node:"
RECENT = 200
"""Events of a source that show what the way here does now."""
LONGEST = 256
"""Characters of a name that is kept."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The last RECENT events of one format from one source: what the way here does to them now."""

    source: str
    events: int
    fields: frozenset[str] = frozenset()
    """Of the fields that were asked for those that some event has."""
    latest: int = 0
    """Nanoseconds since 1970 UTC of the newest."""
    stages: frozenset[str] = frozenset()
    """Of audit events of Kubernetes."""
    actors: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()


@dataclass(slots=True)
class SeenFormat:
    """The events of one format that were looked at."""

    events: int = 0
    latest: int = 0
    """Nanoseconds since 1970 UTC of the newest; 0 where none says when."""
    fields: set[str] = field(default_factory=set)
    """Of the fields that were asked for those that some event has."""
    actors: Counter[str] = field(default_factory=Counter)
    addresses: Counter[str] = field(default_factory=Counter)
    tails: list[Tail] = field(default_factory=list)
    """One for each source."""
    kinds: set[str] = field(default_factory=set)
    """Of observations: what was observed."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One source of the watcher."""

    events: Mapping[str, int]
    """Format -> events ever."""
    troubles: tuple[tuple[str, str, str], ...] = ()
    """Findings about it that are open: kind, sentence, mend."""
    kept: bool = True
    """False: its records are kept nowhere, so that their fields cannot be looked at."""


class Traced(NamedTuple):
    """What became of a tracer's last request."""

    format: str
    """Of the log that it had to come back through."""
    time: int
    """When that was known, nanoseconds since 1970 UTC."""
    level: str
    """How much of it came back, or nothing where it did not come."""


@dataclass(slots=True)
class Seen:
    """What was looked at."""

    formats: dict[str, SeenFormat] = field(default_factory=dict)
    sources: dict[str, Heard] = field(default_factory=dict)
    traced: dict[str, Traced] = field(default_factory=dict)
    """By the tracer's subject."""
    nodes: set[str] = field(default_factory=set)
    """Addresses that nodes came from."""
    alerts: dict[str, Counter[str]] = field(default_factory=dict)
    """Rule -> actor -> alerts of late."""
    acts: dict[str, Counter[str]] = field(default_factory=dict)
    """Rule -> actor -> acts of these alerts."""
    unended: int = 0
    """Open alerts of writes whose end never came (K10)."""
    where: str = ""
    """What was looked at, in a few words: `the last 20,000 records of evidence`."""
    fault: str = ""
    """Why nothing could be looked at, or nothing."""

    def add(
        self,
        events: Iterable[Event],
        schemas: Mapping[str, Schema],
        wanted: Mapping[str, Iterable[str]],
        source: str = "",
    ) -> None:
        """Count events in, in the order in which `source` gave them. `wanted`: format -> the fields that rules need
        of it."""
        asked = {
            name: {text: tuple(schemas[name].aliases.get(text, text).split(".")) for text in texts}
            for name, texts in wanted.items()
            if name in schemas
        }
        last: dict[str, deque[Event]] = {}
        for event in events:
            last.setdefault(event.format, deque(maxlen=RECENT)).append(event)
            found = self.formats.setdefault(event.format, SeenFormat())
            found.events += 1
            found.latest = max(found.latest, event.time)
            for text, steps in asked.get(event.format, {}).items():
                if text not in found.fields and event.values(steps).items:
                    found.fields.add(text)
            actor = event.text("actor")
            _count(found.actors, actor)
            if actor.startswith(_NODE) and event.format == "kube_audit" and len(self.nodes) < MOST:
                # Several where somebody put one in front: the last is the server's own word.
                self.nodes.add(own_address(event.text("address")))
            _count(found.addresses, event.text("address"))
            if event.format == "observation":
                found.kinds.add(event.text("observation"))
                if event.text("observation") == "tracer":
                    self.traced[event.text("subject")] = Traced(
                        _only(event, "format"), event.time, _only(event, "level")
                    )
        for name, kept in last.items():
            self.formats[name].tails.append(_tail(source, kept, asked.get(name, {})))


def _tail(source: str, kept: deque[Event], asked: Mapping[str, tuple[str, ...]]) -> Tail:
    fields = frozenset(text for text, steps in asked.items() if any(one.values(steps).items for one in kept))
    said = (one.values(("stage",)).items for one in kept if one.format == "kube_audit")
    stages = frozenset(stage for items in said for stage in items if isinstance(stage, str))
    actors, addresses = (frozenset(one.text(name) for one in kept) - {""} for name in ("actor", "address"))
    return Tail(source, len(kept), fields, max(one.time for one in kept), stages, actors, addresses)


def _count(names: Counter[str], name: str) -> None:
    if name and len(name) <= LONGEST and (name in names or len(names) < MOST):
        names[name] += 1


def _only(event: Event, key: str) -> str:
    """A text in an observation's value, or nothing."""
    found = event.values(("value", key)).items
    return found[0] if len(found) == 1 and isinstance(found[0], str) else ""
