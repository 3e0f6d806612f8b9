"""What a format is: bytes of one record in, an `Event` out; and the tally that loses nothing.

A format reads one record at a time, already taken out of its wrapping. `formats.reader` takes whole chunks of a
file, unwraps, decides by shape which format a record has, and hands on batches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

from msgspec import Raw

from vedette.event import Event
from vedette.network import Networks
from vedette.schema import Projection, Schema


class Unreadable(Exception):
    """A record that cannot be read; `str()` is the reason, short and countable: "not JSON", "cut off"."""


class Ignored(Exception):
    """A record that is understood and none of ours; `str()` is the reason: "another program"."""


@dataclass(frozen=True, slots=True)
class TrustedProxy:
    """A proxy in front of the API server whose word on the client's address is taken."""

    identities: tuple[str, ...]
    """User names, cased, in which `*` stands for any text."""
    networks: Networks
    """The proxy's own addresses."""

    def stands_between(self, identity: str, peer: str) -> bool:
        """True when who authenticated as `identity` from `peer` is this proxy; a name alone would prove little."""
        return any(fits(glob, identity) for glob in self.identities) and self.networks.contains(peer) is True


def fits(glob: str, text: str) -> bool:
    """`text` is what `glob` says, cased; `*` stands for any text."""
    first, *rest = glob.split("*")
    if not rest:
        return text == first
    if not text.startswith(first):
        return False
    at = len(first)
    for piece in rest[:-1]:
        at = text.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return len(text) - len(rest[-1]) >= at and text.endswith(rest[-1])


class Format(Protocol):
    """One kind of record."""

    schema: Schema

    def recognises(self, parts: Mapping[str, Raw]) -> bool:
        """True when a JSON object with these keys and undecoded values is a record of this format."""

    def projector(self, projection: Projection) -> Projector:
        """A decoder of just the projected fields, for every record of a chunk."""

    def read(self, raw: bytes) -> Event:
        """One record decoded whole and strictly, derived fields included. Raises Unreadable."""


class Projector(Protocol):
    """Decodes only the projected fields of a record."""

    @property
    def bindings(self) -> Mapping[str, str]:
        """Variable -> a Python expression over `e`, the projected record, or an earlier variable: objects within it,
        `e_objectRef` -> `e.objectRef or _Record_objectRef`."""

    @property
    def expressions(self) -> Mapping[str, str]:
        """Field name -> a Python expression over `e` and the variables that gives its hashable value, None when absent
        or null: `e_objectRef.namespace`. The engine puts them into the loop it compiles."""

    @property
    def constants(self) -> Mapping[str, object]:
        """What the expressions name besides."""

    def lines(self, chunk: bytes) -> list[Any] | None:
        """All records of a chunk of whole lines at C speed, or None when some line is not of the plain form."""

    def record(self, raw: bytes) -> Any | None:
        """One record, or None when its form is right but a field is oddly typed (then every rule looks at it whole).

        Raises Unreadable when it is no record of this format, and Ignored when it is one that says nothing.
        """


class Scanned(NamedTuple):
    """A chunk of text lines."""

    records: list[Any]
    """Projected, in order."""
    lines: list[int]
    """The line of each record, the chunk's first being 0."""
    ignored: int
    """How many lines are another program's."""


@runtime_checkable
class TextProjector(Projector, Protocol):
    """A projector whose records are lines of text, among lines of others."""

    def scan(self, chunk: bytes) -> Scanned | None:
        """All records of a chunk of whole lines at once, or None when some line needs a closer look."""


@dataclass(slots=True)
class Tally:
    """Where every record went: `records == sum(events) + quarantined + ignored`.

    A line that holds a list of records counts once for each, a record over several lines counts once.
    """

    records: int = 0
    events: Counter[str] = field(default_factory=Counter)
    """By format."""
    quarantined: Counter[str] = field(default_factory=Counter)
    """By reason."""
    ignored: Counter[str] = field(default_factory=Counter)
    """By reason: blank line, GKE LogEntry (not supported yet), another program's line."""
    oddly_typed: int = 0
    """Events decoded leniently, a part of `events`."""
    duplicate_keys: int = 0
    """Matched events with a key that stands twice in one object, a part of `events`."""
    nul_bytes: int = 0
    """Stripped from before and behind lines: a log that was truncated under its writer begins with thousands."""

    def add(self, other: Tally) -> None:
        """Count `other` in."""
        self.records += other.records
        self.events.update(other.events)
        self.quarantined.update(other.quarantined)
        self.ignored.update(other.ignored)
        self.oddly_typed += other.oddly_typed
        self.duplicate_keys += other.duplicate_keys
        self.nul_bytes += other.nul_bytes

    def balanced(self) -> bool:
        """True when nothing was lost between reading and deciding."""
        return self.records == self.events.total() + self.quarantined.total() + self.ignored.total()


@dataclass(slots=True)
class Batch:
    """Records of one format from one chunk, in order."""

    format: str
    records: Sequence[Any]
    """Projected; None for an oddly typed one."""
    locate: Callable[[int], tuple[bytes, int]]
    """Index in `records` -> (the raw record, its line counted from the reader's first line = 0)."""
