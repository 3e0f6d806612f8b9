"""What the request URI of a Kubernetes audit event says: a dry run, and what was reached through a proxy.

The URI is the client's own text. The server decodes it, so a test on the text as written is walked past with one
percent sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from vedette.formats.schemas.kube_audit import DELETES

_ROUNDS = 5
_PARAMETERS = 10_000
"""Of more Go takes none since 1.24.12 and 1.25.6 (net/url, CVE-2025-61726): the request is carried out."""
_INTO_POD = frozenset({"exec", "run", "attach", "portForward", "containerLogs", "checkpoint"})
"""Paths of the kubelet that continue with a namespace, a pod and perhaps a container."""


class Proxied(NamedTuple):
    """A path asked for through `pods/proxy`, `services/proxy` or `nodes/proxy`."""

    path: str
    action: str
    """Its first segment."""
    namespace: str
    """The namespace that a path of the kubelet about one pod names."""


def asks_dry_run(uri: str) -> bool:
    """True when the query says `dryRun=All`, the only value that the server takes."""
    if "?" not in uri:
        return False
    query = uri.partition("?")[2]
    if query.count("&") >= _PARAMETERS:
        return False
    return any(key == "dryRun" and value == "All" for key, value in parse_qsl(query, keep_blank_values=True))


def dry_run(verb: str, subresource: str, uri: str, body: object, *, body_known: bool) -> bool | None:
    """True for a dry run, False for the real thing, None where a body that was not written decides.

    The server reads the options of a delete from its body as soon as there is one, and only else from the query: so a
    delete with `?dryRun=All` and a body without it does delete. An eviction takes either.
    """
    asked = asks_dry_run(uri)
    in_body = body.get("dryRun") if isinstance(body, Mapping) else None
    if verb in DELETES:
        if isinstance(body, Mapping):
            return _says_all(in_body)
        return asked if body_known or not asked else None
    if subresource == "eviction" and isinstance(body, Mapping):
        options = body.get("deleteOptions")
        return asked or (isinstance(options, Mapping) and _says_all(options.get("dryRun")))
    return asked


def proxied(uri: str) -> Proxied | None:
    """What lies behind `/proxy/` in a URI of subresource proxy, or None when there is no such thing in it.

    Decoded until nothing changes: a second layer of percent signs is the next server's to decode.
    """
    segments = path_of(uri).split("/")
    named = segments[3] if len(segments) > 3 else ""
    at = 5 if named == "nodes" else 7
    if segments[at : at + 1] != ["proxy"]:
        return None
    tail = _decoded("/".join(segments[at + 1 :])).partition("?")[0]
    resolved: list[str] = []
    for segment in tail.split("/"):
        if segment == "..":
            del resolved[-1:]
        elif segment not in ("", "."):
            resolved.append(segment)
    action = resolved[0] if resolved else ""
    namespace = resolved[1] if action in _INTO_POD and len(resolved) > 1 else ""
    return Proxied("/".join(resolved), action, namespace)


def path_of(uri: str) -> str:
    """The path alone, decoded once as the server does."""
    return unquote(uri.partition("?")[0])


def _says_all(value: object) -> bool:
    return isinstance(value, list) and "All" in value


def _decoded(text: str) -> str:
    for _ in range(_ROUNDS):
        following = unquote(text)
        if following == text:
            break
        text = following
    return text
