"""Observations: vedette's own typed records of what it looked at, read like any log."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2s

from msgspec import Raw

from vedette.event import Event, Outcome
from vedette.formats.base import Unreadable
from vedette.formats.clock import nanoseconds
from vedette.formats.document import Document, decoded
from vedette.formats.kube_object import rules_digest
from vedette.formats.projection import StructProjector
from vedette.formats.schemas.observation import SCHEMA
from vedette.schema import FieldType, Projection, Schema

_DERIVED = frozenset(name for name, field in SCHEMA.fields.items() if field.derived)


class Observation:
    """Reads one observation at a time."""

    schema: Schema = SCHEMA
    keys = frozenset({"observation", "subject"})

    def recognises(self, parts: Mapping[str, Raw]) -> bool:
        """True for an object that says what was observed, and of what."""
        return self.keys <= parts.keys()

    def projector(self, projection: Projection) -> StructProjector:
        """A decoder of just the projected fields."""
        return StructProjector(projection, dict.fromkeys(sorted(self.keys), FieldType.TEXT))

    def read(self, raw: bytes) -> Event:
        """One observation decoded whole, derived fields included. Raises Unreadable."""
        return decoded(raw, lambda document: _event(raw, document))


def _event(raw: bytes, document: Document) -> Event:
    record = {key: value for key, value in document.fields.items() if key not in _DERIVED}
    if not Observation.keys <= record.keys():
        raise Unreadable("unknown shape")
    subject = record["subject"]
    previous = record.get("previous")
    value = record.get("value")
    actor, what = _whose(record.get("observation"), value)
    derived: dict[str, object] = {
        "changed": previous is not None and previous != record.get("value"),
        "outcome": Outcome.DONE.value,
        "actor": actor,
        "address": "",
        "object": what or (subject if isinstance(subject, str) else ""),
        "rulesDigest": rules_digest(value.get("object") if isinstance(value, Mapping) else None),
    }
    return Event(
        format="observation",
        raw=raw,
        time=nanoseconds(record.get("time")) or 0,
        act=blake2s(raw, digest_size=12).hexdigest(),
        final=True,
        outcome=Outcome.DONE,
        fields=record | derived,
        unknown=set(document.cut),
    )


def _whose(kind: object, value: object) -> tuple[str, str]:
    """Who did what, of a write whose end is missing: its subject is an audit id, which says nothing to a person."""
    if kind != "completion_missing" or not isinstance(value, Mapping):
        return "", ""
    user, verb, uri = (value.get(name) for name in ("user", "verb", "requestURI"))
    what = f"{verb} {uri}" if isinstance(verb, str) and isinstance(uri, str) else ""
    return user if isinstance(user, str) else "", what
