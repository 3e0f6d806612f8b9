"""Event: one record of a log source, decoded whole.

Only an event that some rule may match is decoded whole; the others are seen through a projection of a few
fields (`schema.Projection`) and never become an `Event`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

Step = str | int
"""One step of a path: a key of an object, or an index (negative: from the end) of a list."""


class Outcome(Enum):
    """How an act ended; defined once by the event's format."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Values(NamedTuple):
    """What stands at a path of an event."""

    items: tuple[object, ...]
    """The values found; lists on the way, and at the end, are entered. JSON null is a None."""
    complete: bool
    """False: more may have been there than was written (a body left out by the audit level, a cut event),
    so that finding nothing does not mean no."""


Derive = Callable[[], tuple[Mapping[str, object], Iterable[str]]]
"""Makes derived fields, and says which paths beneath them are unknown."""


@dataclass(frozen=True, slots=True)
class Event:
    """One record, with the fields that its format derives from it."""

    format: str
    raw: bytes
    """The record as it stood, without its wrapping and line end."""
    time: int
    """When it happened, nanoseconds since 1970 UTC; the same for all records of one Kubernetes request."""
    act: str
    """What was done, the same for every record of it: begins with the auditID, the Vault request id,
    or is the digest of the line."""
    final: bool
    """False: a later record of the same act may say more (a RequestReceived, a Vault request entry)."""
    outcome: Outcome
    fields: dict[str, object]
    """The decoded record; derived fields (`actor`, `address`, `object`, `outcome`, …) stand beside the others."""
    unknown: set[str] = field(default_factory=set)
    """Dotted paths whose absence (or incompleteness) says nothing; what lies beneath them is unknown too."""
    later: dict[str, Derive] = field(default_factory=dict)
    """Derived fields that cost something, made when first asked for; fields with the same function come together."""
    settles: str = ""
    """The key of an earlier act of unknown outcome that this event settles (Vault: an unwrapped token's accessor)."""
    awaits: str = ""
    """The key under which a later act may settle this one (Vault: wrap_info.wrapped_accessor)."""
    via: str = ""
    """The trusted proxy that stood between, or nothing."""

    def values(self, steps: tuple[Step, ...]) -> Values:
        """What stands at `steps`; a key step enters every element of a list it meets."""
        if self.later and steps and steps[0] in self.later:
            self._derive(self.later[str(steps[0])])
        return Values(walk(self.fields, steps), not self.unknown or self._complete(steps))

    def complete(self, steps: tuple[Step, ...]) -> bool:
        """True when what is absent at `steps` is truly absent."""
        return self.values(steps).complete

    def _derive(self, make: Derive) -> None:
        for name in [name for name, other in self.later.items() if other is make]:
            del self.later[name]
        fields, unknown = make()
        self.fields.update(fields)
        self.unknown.update(unknown)

    def _complete(self, steps: tuple[Step, ...]) -> bool:
        name = ""
        for step in steps:
            if isinstance(step, int):
                continue
            name = f"{name}.{step}" if name else step
            if name in self.unknown:
                return False
        return True

    def text(self, name: str) -> str:
        """The derived or top-level text field `name`, or nothing."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


def walk(root: object, steps: tuple[Step, ...]) -> tuple[object, ...]:
    """Every value at `steps` beneath `root`; a final list is entered, an empty one gives nothing."""
    # Nearly every path leads through objects alone; only where a list comes are there several values to follow.
    for number, step in enumerate(steps):
        if type(root) is not dict:
            return _walk_lists(root, steps[number:])
        if step not in root:
            return ()
        root = root[step]
    return tuple(root) if isinstance(root, list | tuple) else (root,)


def _walk_lists(root: object, steps: tuple[Step, ...]) -> tuple[object, ...]:
    here: list[object] = [root]
    for step in steps:
        following: list[object] = []
        for value in here:
            if isinstance(step, int):
                if isinstance(value, list | tuple) and -len(value) <= step < len(value):
                    following.append(value[step])
                continue
            for item in value if isinstance(value, list | tuple) else (value,):
                if isinstance(item, dict) and step in item:
                    following.append(item[step])
        here = following
    flat: list[object] = []
    for value in here:
        if isinstance(value, list | tuple):
            flat.extend(value)
        else:
            flat.append(value)
    return tuple(flat)
