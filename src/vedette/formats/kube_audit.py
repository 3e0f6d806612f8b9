"""The Kubernetes API audit log: audit.k8s.io v1 and v1beta1, with and without kind and apiVersion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from hashlib import blake2s

from msgspec import Raw

from vedette.event import Derive, Event, Outcome
from vedette.formats.base import TrustedProxy, Unreadable
from vedette.formats.clock import nanoseconds
from vedette.formats.document import Document, decoded
from vedette.formats.kube_flags import audit_flags
from vedette.formats.kube_object import after, name_of, request_text, rules_digest
from vedette.formats.kube_uri import dry_run, path_of, proxied
from vedette.formats.projection import StructProjector
from vedette.formats.schemas.kube_audit import SCHEMA
from vedette.schema import FieldType, Projection, Schema

_NOTHING: Mapping[str, object] = {}
_BODYLESS = frozenset({"get", "list", "watch", "head", "options"})
_TRUNCATED = "audit.k8s.io/truncated"


class KubeAudit:
    """Reads one audit event at a time."""

    schema: Schema = SCHEMA
    keys = frozenset({"auditID", "stage", "verb"})
    """What every event has, whatever its version: kind and apiVersion may be missing."""

    def __init__(self, trusted_proxies: Sequence[TrustedProxy] = ()) -> None:
        self._proxies = tuple(trusted_proxies)

    def recognises(self, parts: Mapping[str, Raw]) -> bool:
        """True by the keys that every event has, or else by the kind and API version that it names."""
        # The version alone would take an EventList, which has the same, for one event.
        named = bytes(parts.get("apiVersion", b"")).startswith(b'"audit.k8s.io/')
        return self.keys <= parts.keys() or (named and bytes(parts.get("kind", b"")) == b'"Event"')

    def projector(self, projection: Projection) -> StructProjector:
        """A decoder of just the projected fields."""
        return StructProjector(projection, dict.fromkeys(sorted(self.keys), FieldType.TEXT))

    def read(self, raw: bytes) -> Event:
        """One event decoded whole, derived fields included. Raises Unreadable."""
        return decoded(raw, lambda document: self._event(raw, document))

    def _event(self, raw: bytes, document: Document) -> Event:
        named = _text(document.fields, "apiVersion").startswith("audit.k8s.io/")
        if not (self.keys <= document.fields.keys() or (named and _text(document.fields, "kind") == "Event")):
            raise Unreadable("unknown shape")
        record = {key: value for key, value in document.fields.items() if key not in _DERIVED}
        for key in ("objectRef", "user", "impersonatedUser"):
            part = record.get(key)
            if isinstance(part, dict):
                record[key] = {name: value for name, value in part.items() if value != ""}
        stage = _text(record, "stage")
        code = _code(record)
        fields: dict[str, object] = dict(record)
        unknown = _unseen(record, stage, document.cut)
        judged, via = self._judged(record)
        if judged:
            fields["clientIPs"] = judged
        else:
            unknown.add("clientIPs")
        if via:
            fields["via"] = via
        username = _text(_part(record, "user"), "username")
        fields["actor"] = username
        fields["address"] = ", ".join(judged)
        outcome = _outcome(code)
        fields["outcome"] = outcome.value
        _name_object(record, fields)
        _read_uri(record, fields, unknown)
        # Few rules look at bodies, and only once the cheaper part of them holds.
        request: Derive = partial(_read_request, record, "requestObject" in unknown)
        became: Derive = partial(_read_object, record, frozenset(unknown), code)
        # Wanted to name an episode, that is after a match.
        digest: Derive = partial(_digest_rules, record, code)
        return Event(
            format="kube_audit",
            raw=raw,
            time=_time(record),
            act=_act(record, username),
            final=stage != "RequestReceived" and not (stage == "ResponseStarted" and code is None),
            outcome=outcome,
            fields=fields,
            unknown=unknown,
            later={**dict.fromkeys(_FROM_REQUEST, request), "objectAfter": became, "rulesDigest": digest},
            via=via,
        )

    def _judged(self, record: Mapping[str, object]) -> tuple[list[str], str]:
        """The addresses to be judged, and the trusted proxy between.

        The list is X-Forwarded-For, X-Real-Ip, then the peer. A client can add to it but not remove itself, so all are
        judged; only where a trusted proxy is the peer does its own address say nothing of the client.
        """
        listed = record.get("sourceIPs")
        addresses = [text for text in listed if isinstance(text, str)] if isinstance(listed, list) else []
        identity = _text(_part(record, "user"), "username")
        if len(addresses) > 1 and any(proxy.stands_between(identity, addresses[-1]) for proxy in self._proxies):
            return addresses[:-1], identity
        return addresses, ""


_DERIVED = frozenset(name for name, field in SCHEMA.fields.items() if field.derived) | {"actor"}


def _part(record: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = record.get(key)
    return value if isinstance(value, Mapping) else _NOTHING


def _text(record: Mapping[str, object], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""


def _code(record: Mapping[str, object]) -> int | None:
    code = _part(record, "responseStatus").get("code")
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code[:4])
    return int(code) if isinstance(code, int | float) and not isinstance(code, bool) and 100 <= code < 1000 else None


def _outcome(code: int | None) -> Outcome:
    if code is None:
        return Outcome.UNKNOWN
    if code < 400:
        return Outcome.DONE
    return Outcome.REFUSED if code in (401, 403) else Outcome.FAILED


def _time(record: Mapping[str, object]) -> int:
    """Of the request, not of the stage, so that all records of one request have the same; 0 where none is given."""
    stamps = (
        record.get("requestReceivedTimestamp"),
        record.get("stageTimestamp"),
        record.get("timestamp"),
        _part(record, "metadata").get("creationTimestamp"),
    )
    return next((time for stamp in stamps if (time := nanoseconds(stamp)) is not None), 0)


def _act(record: Mapping[str, object], username: str) -> str:
    """The auditID with a digest of what the server sets.

    A client may choose the id (header Audit-ID), and so hide one act behind another.
    """
    known = (_text(record, "requestReceivedTimestamp"), username, _text(record, "verb"), _text(record, "requestURI"))
    digest = blake2s("\0".join(known).encode("utf-8", "replace"), digest_size=6).hexdigest()
    return f"{_text(record, 'auditID')}/{digest}"


def _unseen(record: Mapping[str, object], stage: str, cut: frozenset[str]) -> set[str]:
    """The paths whose absence says nothing, by audit level, stage and truncation."""
    level = _text(record, "level")
    truncated = _text(_part(record, "annotations"), _TRUNCATED) == "true"
    complete = stage in ("ResponseComplete", "Panic")
    unknown = set(cut)
    if record.get("requestObject") is None:
        bodyless = _text(record, "verb") in _BODYLESS
        # A refused request is refused before its body is read: what it would have done is in no log.
        unread = _outcome(_code(record)) is Outcome.REFUSED
        if not bodyless and (truncated or unread or not complete or level not in ("Request", "RequestResponse")):
            unknown.add("requestObject")
    if record.get("responseObject") is None and (truncated or not complete or level != "RequestResponse"):
        unknown.add("responseObject")
    if _code(record) is None:
        unknown.add("responseStatus")
    return unknown


def _name_object(record: Mapping[str, object], fields: dict[str, object]) -> None:
    reference = _part(record, "objectRef")
    if not reference:
        fields["object"] = fields["target"] = path_of(_text(record, "requestURI"))
        return
    name = _text(reference, "name")
    if not name and _text(record, "verb") == "create":
        name = name_of(record.get("responseObject")) or name_of(record.get("requestObject"))
    parts = [_text(reference, "namespace"), _text(reference, "resource"), name]
    fields["target"] = "/".join(part for part in parts if part)
    fields["object"] = "/".join(part for part in (*parts, _text(reference, "subresource")) if part)


def _read_uri(record: Mapping[str, object], fields: dict[str, object], unknown: set[str]) -> None:
    uri = _text(record, "requestURI")
    subresource = _text(_part(record, "objectRef"), "subresource")
    dry = dry_run(
        _text(record, "verb"),
        subresource,
        uri,
        record.get("requestObject"),
        body_known="requestObject" not in unknown,
    )
    fields["dryRunClaimed"] = dry is None
    if dry is None:
        unknown.add("dryRun")
    else:
        fields["dryRun"] = dry
    if subresource == "proxy":
        behind = proxied(uri)
        if behind is not None:
            fields["proxyPath"] = behind.path
            fields["proxyAction"] = behind.action
            if behind.namespace:
                fields["proxyNamespace"] = behind.namespace


_FROM_REQUEST = ("requestText", "auditFlags")


def _read_request(record: Mapping[str, object], unseen: bool) -> tuple[Mapping[str, object], Iterable[str]]:
    body = record.get("requestObject")
    fields: dict[str, object] = {}
    if body is not None:
        fields["requestText"] = request_text(body)
        if flags := audit_flags(body):
            fields["auditFlags"] = flags
    return fields, _FROM_REQUEST if unseen else ()


def _read_object(
    record: Mapping[str, object], unseen: frozenset[str], code: int | None
) -> tuple[Mapping[str, object], Iterable[str]]:
    became = after(record, _text(record, "verb"), _part(record, "objectRef"), code)
    if became.value is None:
        return {}, became.unknown
    if any(record.get(key) is not None and key in unseen for key in ("requestObject", "responseObject")):
        # Something was cut out of what it was taken from.
        return {"objectAfter": became.value}, {*became.unknown, "objectAfter"}
    return {"objectAfter": became.value}, became.unknown


def _digest_rules(record: Mapping[str, object], code: int | None) -> tuple[Mapping[str, object], Iterable[str]]:
    became = after(record, _text(record, "verb"), _part(record, "objectRef"), code)
    return ({} if became.value is None else {"rulesDigest": rules_digest(became.value)}), ()
