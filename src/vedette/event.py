"""Event: one record of a log source, decoded whole.

Only an event that some rule may match is decoded whole; the others are seen through a projection of a few
fields (`schema.Projection`) and never become an `Event`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    fields: Mapping[str, object]
    """The decoded record; derived fields (`actor`, `address`, `object`, `outcome`, …) stand beside the others."""
    unknown: frozenset[str] = frozenset()
    """Dotted paths whose absence (or incompleteness) says nothing; what lies beneath them is unknown too."""
    settles: str = ""
    """The key of an earlier act of unknown outcome that this event settles (Vault: the accessor of an unwrapped token)."""
    awaits: str = ""
    """The key under which a later act may settle this one (Vault: wrap_info.wrapped_accessor)."""
    via: str = ""
    """The trusted proxy that stood between, or nothing."""
    repeated_keys: bool = False
    """Some key stood twice in one object of the record; the last one counted."""

    def values(self, steps: tuple[Step, ...]) -> Values:
        """What stands at `steps`; a key step enters every element of a list it meets."""
        found = walk(self.fields, steps)
        return Values(found, self.complete(steps))

    def complete(self, steps: tuple[Step, ...]) -> bool:
        """True when what is absent at `steps` is truly absent."""
        if not self.unknown:
            return True
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
