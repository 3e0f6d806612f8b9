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
        reference = part(event.fields, "objectRef")
        kind = "/".join(one for one in (text(reference, "resource"), text(reference, "subresource")) if one)
        verb, namespace = event.text("verb"), text(reference, "namespace")
        return Act(event.format, event.time, actor, address, kind or "a path", verb, namespace)
    if event.format == "vault_audit":
        auth, request = part(event.fields, "auth"), part(event.fields, "request")
        labels = part(auth, "metadata")
        return Act(
            event.format,
            event.time,
            actor,
            address,
            "/".join(event.text("path").split("/")[:2]),
            text(request, "operation"),
            entity=text(auth, "entity_id"),
            role=text(labels, "role") or text(labels, "role_name"),
            name=text(auth, "display_name"),
            peer=text(request, "remote_address"),
        )
    kind = event.text("object") if event.format == "sshd" else event.text("observation")
    return Act(event.format, event.time, actor, address, kind[:_LONGEST])


def part(record: Mapping[str, object], key: str) -> Mapping[str, object]:
    """The object at a key; an empty one where there is none."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def text(record: Mapping[str, object], key: str) -> str:
    """The text at a key, cut; nothing where there is none."""
    value = record.get(key)
    return value[:_LONGEST] if isinstance(value, str) else ""
