"""Glance: who, from where, what and when of a record, by a projection, where the record whole would cost too much.

Enough to count what an actor always does and to see that a pipeline runs. What decides is read whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from vedette.alert import own_address
from vedette.event import Event
from vedette.formats.base import Batch, TrustedProxy
from vedette.formats.clock import nanoseconds
from vedette.formats.schemas.vault_audit import bare_path
from vedette.response.act import act_of, text
from vedette.schema import Field, FieldType, Projection
from vedette.stamp import stamp

_KUBE = (
    "stage",
    "verb",
    "userAgent",
    "requestReceivedTimestamp",
    "user.username",
    "objectRef.resource",
    "objectRef.subresource",
)
_VAULT = (
    "type",
    "time",
    "auth.display_name",
    "auth.entity_id",
    "request.operation",
    "request.path",
    "request.remote_address",
    "request.namespace.path",
    "response.auth.display_name",
    "response.auth.entity_id",
)
_LAST = frozenset({"ResponseComplete", "Panic"})
"""A watch has its code at ResponseStarted already, and ends by one of these as well."""


class Glance(msgspec.Struct, gc=False):
    """What one record says, as far as it was looked at."""

    format: str
    actor: str
    address: str
    """The client's own: the last where several are named."""
    agent: str
    verb: str
    kind: str
    stamp: str
    """RFC 3339 in UTC, so that texts compare as times do; nothing: the record does not say."""
    final: bool
    """False: a later record of the same act follows; each act has one that is final, or none yet."""


def projections() -> dict[str, Projection]:
    """What `glances` needs of each format that is projected; sshd's lines and observations are read whole."""
    addresses = Field("sourceIPs", FieldType.ADDRESSES, "")
    return {
        "kube_audit": Projection("kube_audit", (*(Field(one, FieldType.TEXT, "") for one in _KUBE), addresses)),
        "vault_audit": Projection("vault_audit", tuple(Field(one, FieldType.TEXT, "") for one in _VAULT)),
    }


def glances(batch: Batch, proxies: Sequence[TrustedProxy] = ()) -> Iterator[Glance | None]:
    """One for each record of a batch, in order; None: the record has to be read whole."""
    if batch.format == "kube_audit":
        return _kube(batch.records, proxies)
    if batch.format == "vault_audit":
        return _vault(batch.records)
    return iter([None] * len(batch.records))


def glance_of(event: Event) -> Glance:
    """The same of a record that was read whole."""
    act = act_of(event)
    when = stamp(event.time) if event.time else ""
    return Glance(
        event.format,
        event.text("actor"),
        own_address(act.address),
        agent_of(event),
        verb_of(event),
        act.kind,
        when,
        text(event.fields, "stage") in _LAST if event.format == "kube_audit" else event.final,
    )


def agent_of(event: Event) -> str:
    """The user agent; only Kubernetes logs one."""
    return text(event.fields, "userAgent") if event.format == "kube_audit" else ""


def verb_of(event: Event) -> str:
    """The verb of Kubernetes, Vault's operation, what sshd says happened."""
    return text(event.fields, "event") if event.format == "sshd" else act_of(event).verb


def time_of(when: str) -> int:
    """A glance's stamp in nanoseconds since 1970 UTC; 0 where there is none."""
    return nanoseconds(when) or 0


def _kube(records: Sequence[Any], proxies: Sequence[TrustedProxy]) -> Iterator[Glance | None]:
    for one in records:
        if one is None:
            yield None
            continue
        user, reference, when = one.user, one.objectRef, one.requestReceivedTimestamp
        if not when or when[-1] != "Z":
            yield None
            continue
        kind = "a path"
        if reference is not None and reference.resource:
            kind = f"{reference.resource}/{reference.subresource}" if reference.subresource else reference.resource
        name = (user.username or "") if user is not None else ""
        addresses = one.sourceIPs or ("",)
        if len(addresses) > 1 and any(proxy.stands_between(name, addresses[-1]) for proxy in proxies):
            addresses = addresses[:-1]
        yield Glance(
            "kube_audit",
            name,
            addresses[-1],
            one.userAgent or "",
            one.verb,
            kind,
            when,
            one.stage in _LAST,
        )


def _vault(records: Sequence[Any]) -> Iterator[Glance | None]:
    for one in records:
        address = (one.request.remote_address or "") if one is not None else ""
        # An address with a port is for the format to read.
        if one is None or not one.time or one.time[-1] != "Z" or address.count(":") == 1 or "]" in address:
            yield None
            continue
        auth, made, request = one.auth, one.response.auth if one.response is not None else None, one.request
        entity = (auth.entity_id if auth is not None else "") or (made.entity_id if made is not None else "") or ""
        name = (auth.display_name if auth is not None else "") or (made.display_name if made is not None else "") or ""
        space = (request.namespace.path if request.namespace is not None else "") or ""
        yield Glance(
            "vault_audit",
            f"{name} ({entity})" if name and entity else name or entity,
            address,
            "",
            request.operation or "",
            "/".join(bare_path(request.path or "", space).split("/", 2)[:2]),
            one.time,
            one.type.endswith("response"),
        )
