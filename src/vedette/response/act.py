"""Act: what an entry of the settings may say of something that was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vedette.event import Event

_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class Act:
    """One act, as its format tells it."""

    format: str
    time: int
    """Nanoseconds since 1970 UTC."""
    actor: str
    address: str
    kind: str
    """What it was done to: a resource, the first steps of a path in Vault, a host."""
    verb: str = ""
    """Of the Kubernetes audit log, or Vault's operation."""
    namespace: str = ""
    """Of the Kubernetes object; nothing where it names none."""
    entity: str = ""
    """Vault: the entity's id."""
    role: str = ""
    """Vault: the role that the login went through."""
    name: str = ""
    """Vault: the display name, which proves nothing."""
    peer: str = ""
    """Vault: the address that the request came from."""


def act_of(event: Event) -> Act:
    """The act that an event tells of."""
    actor, address = event.text("actor")[:_LONGEST], event.text("address")[:_LONGEST]
    if event.format == "kube_audit":
        reference = _part(event.fields, "objectRef")
        kind = "/".join(one for one in (_text(reference, "resource"), _text(reference, "subresource")) if one)
        verb, namespace = event.text("verb"), _text(reference, "namespace")
        return Act(event.format, event.time, actor, address, kind or "a path", verb, namespace)
    if event.format == "vault_audit":
        auth, request = _part(event.fields, "auth"), _part(event.fields, "request")
        labels = _part(auth, "metadata")
        return Act(
            event.format,
            event.time,
            actor,
            address,
            "/".join(event.text("path").split("/")[:2]),
            _text(request, "operation"),
            entity=_text(auth, "entity_id"),
            role=_text(labels, "role") or _text(labels, "role_name"),
            name=_text(auth, "display_name"),
            peer=_text(request, "remote_address"),
        )
    kind = event.text("object") if event.format == "sshd" else event.text("observation")
    return Act(event.format, event.time, actor, address, kind[:_LONGEST])


def _part(record: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _text(record: Mapping[str, object], key: str) -> str:
    value = record.get(key)
    return value[:_LONGEST] if isinstance(value, str) else ""
