"""What a log format can say: its fields, their types, and which of them may be missing without meaning "no".

A format exports one `Schema`. The rule reader checks field names against it, the engine plans with it
(which fields are worth decoding and remembering), the documentation prints it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from vedette.event import Values


class FieldType(Enum):
    """The type a field has when its record is well formed."""

    TEXT = "text"
    NUMBER = "number"
    BOOL = "bool"
    ADDRESS = "address"
    """A text that holds one IP address, perhaps with a port, a zone, or a host name in its place."""
    TEXTS = "texts"
    """A list of texts."""
    ADDRESSES = "addresses"
    """A list of addresses."""
    OBJECT = "object"
    """A JSON object or a list of them; any path beneath it may be named."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a format, as rules name it."""

    name: str
    """The path from the record's root: keys joined by dots, `objectRef.namespace`."""
    type: FieldType
    doc: str
    """One sentence: what it holds and where the fact comes from."""
    hot: bool = False
    """True: a TEXT, NUMBER, BOOL, ADDRESS, TEXTS or ADDRESSES field with few distinct values in a day's log,
    decoded for every event and remembered by value. Never a derived field."""
    warm: bool = False
    """True: a field as a hot one but with many values, decoded for every event only where a rule needs it."""
    derived: bool = False
    """True: computed by the format from others, not in the record itself."""
    partial: bool = False
    """True: in some events its absence does not mean no (see `event.Event.unknown`)."""
    by: tuple[str, ...] = ()
    """For a derived field: the hot fields that `glance` reads."""
    glance: Callable[..., Values] | None = None
    """For a derived field: what the values of `by` alone (None where absent) tell of it; `Values((), False)` for
    nothing. It spares decoding whole what cannot matter: a `proxyPath` needs the subresource proxy."""
    within: str = ""
    """For a derived list: the hot list field whose values include all of its own (`clientIPs` lies within
    `sourceIPs`); it is never empty where that one is not."""


@dataclass(frozen=True, slots=True)
class Schema:
    """All that a rule may say about the events of one format."""

    format: str
    """The format's name: `kube_audit`, `vault_audit`, `sshd`, `observation`."""
    logsource: Mapping[str, str]
    """The Sigma logsource that means this format, `{"product": "kubernetes", "service": "audit"}`;
    a rule's logsource may add a category."""
    fields: Mapping[str, Field]
    """By name. An OBJECT field opens every path beneath it."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Another name -> the field it means: `actor` is `user.username` in the kube audit log."""
    bodies: Mapping[str, str] = field(default_factory=dict)
    """A key that other people's rules name as if it stood at the top of an event -> where it lies in a body."""
    groups: tuple[tuple[str, ...], ...] = ()
    """Hot fields whose values the engine looks up together for every event, most telling first. A hot field in no
    group is looked at only where the groups leave a rule standing. Without groups each hot field is its own."""

    def find(self, name: str) -> Field | None:
        """The field called `name`, or the OBJECT field that `name` (dotted, without indexes) lies beneath."""
        name = self.aliases.get(name, name)
        found = self.fields.get(name)
        if found is not None:
            return found
        parent = name
        while "." in parent:
            parent = parent.rpartition(".")[0]
            found = self.fields.get(parent)
            if found is not None:
                return found if found.type is FieldType.OBJECT else None
        return None

    def nearest(self, name: str) -> str | None:
        """The known field name most like `name`, for "did you mean", or None."""
        close = difflib.get_close_matches(name, [*self.fields, *self.aliases], n=1, cutoff=0.6)
        return close[0] if close else None


@dataclass(frozen=True, slots=True)
class Projection:
    """Which hot fields of a format the loaded rules need for every event; the rest of the line is skipped."""

    format: str
    fields: tuple[Field, ...]
