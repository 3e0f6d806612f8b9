"""Erasure: a write whose end is in no log is known by its beginning alone, so the policy must keep RequestReceived.

Before Kubernetes 1.37 a server-side apply with a YAML body loses its later event at level Request and above; vedette
then says `completion_missing` (observers/completion.py), where the beginning was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from vedette.proof.audit_policy import Level, Request, Written

OBSERVATION = "completion_missing"
"""What vedette calls its observation of a write without an end."""


def is_observed(record: object) -> bool:
    """True for the observation of a write without an end."""
    return isinstance(record, dict) and record.get("observation") == OBSERVATION


def request_of(record: Mapping[str, Any]) -> Request:
    """The write of which an observation tells, as the policy was asked about it."""
    value = record.get("value")
    told: Mapping[str, Any] = value if isinstance(value, dict) else {}
    user = str(told.get("user") or "") or None
    return _request(str(told.get("verb") or ""), str(told.get("requestURI") or ""), user)


def _request(verb: str, uri: str, user: str | None) -> Request:
    """By the path alone, as `RequestInfoFactory.NewRequestInfo` of the API server takes it apart."""
    groups = () if user in (None, "system:anonymous") else ("system:authenticated",)
    path = unquote(uri.partition("?")[0])
    parts = [part for part in path.split("/") if part]
    head = {"api": 2, "apis": 3}.get(parts[0] if parts else "", len(parts))
    rest = parts[head:]
    if not rest:
        return Request(user, groups, verb, of_resource=False, path=path)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in ("status", "finalize"):
            rest = rest[2:]
    resource, name, subresource = [*rest, "", ""][:3]
    return Request(
        user,
        groups,
        verb,
        of_resource=True,
        path=path,
        group=parts[1] if head == 3 else "",
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=name,
    )


def told(written: Written) -> bool:
    """True where the beginning is written, or nothing can be erased: at Metadata the later event survives."""
    return written.level is Level.METADATA or "RequestReceived" in written.stages()
