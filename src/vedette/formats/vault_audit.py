"""The audit log of Vault and OpenBao: request and response entries, which share request.id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2s

from msgspec import Raw

from vedette.event import Event, Outcome, walk
from vedette.formats.base import Unreadable
from vedette.formats.clock import nanoseconds
from vedette.formats.document import Document, decoded
from vedette.formats.projection import StructProjector
from vedette.formats.schemas.vault_audit import SCHEMA, bare_path, login_mount
from vedette.schema import FieldType, Projection, Schema

_NOTHING: Mapping[str, object] = {}
_PORT = re.compile(r":\d{1,5}\Z")
_DENIED = "permission denied"
_UNREACHABLE = re.compile(
    r"failed to connect|error connecting|connect: |connection re(?:fused|set)|no such host|i/o timeout"
    r"|context deadline exceeded|Network Error|TLS handshake"
)
"""Words of a login's error that mean: the backend was not there to ask. The password may have been right."""
_ERRORS = ({"error"}, {"errors"})
"""All that an answer holds that is nothing but an error; `errors` where no mount answered (a wrong unseal share)."""
_STORES = frozenset({"kv", "generic", "cubbyhole"})
_TOKEN_PATHS = ("auth/", "sys/wrapping/unwrap", "sys/wrapping/rewrap", "sys/mfa/")
"""Where an answer may hold a token."""
_APART = frozenset({"request", "response"})
"""Beside what a client sent or was answered, of any size and depth, they hold what tells who did what."""
_SPARSE = frozenset({"auth", "request", "request.namespace", "response", "response.auth"})


class VaultAudit:
    """Reads one audit entry at a time."""

    schema: Schema = SCHEMA
    keys = frozenset({"type", "request"})
    """What every entry has, in every version since 0.9."""

    def recognises(self, parts: Mapping[str, Raw]) -> bool:
        """True for an object with a type and a request that is an object itself."""
        return self.keys <= parts.keys() and bytes(memoryview(parts["request"])[:1]) == b"{"

    def projector(self, projection: Projection) -> StructProjector:
        """A decoder of just the projected fields."""
        required = {"type": FieldType.TEXT, "request": FieldType.OBJECT}
        return StructProjector(projection, required, sparse=_SPARSE)

    def read(self, raw: bytes) -> Event:
        """One entry decoded whole, derived fields included. Raises Unreadable."""
        return decoded(raw, lambda document: _event(raw, document), _APART)


def _event(raw: bytes, document: Document) -> Event:
    if not VaultAudit.keys <= document.fields.keys():
        raise Unreadable("unknown shape")
    record: dict[str, object] = {
        key: value for key, value in document.fields.items() if key not in _DERIVED and value != ""
    }
    for name in ("auth", "request", "response"):
        record[name] = _without_empty(record.get(name))
    request, response = _part(record, "request"), _part(record, "response")
    answered = _text(record, "type").endswith("response")
    login = login_mount(_path(request), _text(request, "operation"))
    if _part(record, "auth").get("policies") and not (_part(response, "auth") or _part(response, "wrap_info")):
        # Whoever logs in is nobody yet. A role or user that is called login has a path like a login's, and a caller.
        login = None
    fields: dict[str, object] = {key: value for key, value in record.items() if value is not None}
    outcome = _outcome(record, login=login is not None, answered=answered)
    unknown = _unseen(record, outcome, answered=answered, login=login is not None)
    # What was cut for its depth is there as far down as any rule looks; what was cut for its length is not there.
    unknown |= {place for place in document.cut if not walk(record, tuple(place.split(".", 1)))}
    if "request.data" in unknown:
        unknown.add("keys")
    state = _login(record, outcome) if login else ""
    if state:
        fields["login"] = state
    _name(record, fields, login or "")
    identifier = _text(request, "id") or blake2s(raw, digest_size=12).hexdigest()
    wrapped = _text(_part(response, "wrap_info"), "wrapped_accessor")
    unwrapped = _text(_part(response, "auth"), "accessor") if _path(request).endswith("sys/wrapping/unwrap") else ""
    return Event(
        format="vault_audit",
        raw=raw,
        time=nanoseconds(record.get("time")) or 0,
        act=identifier,
        final=answered,
        outcome=outcome,
        fields=fields | {"outcome": outcome.value},
        unknown=unknown,
        settles=unwrapped,
        awaits=wrapped,
    )


_DERIVED = frozenset(name for name, field in SCHEMA.fields.items() if field.derived)


def _without_empty(value: object) -> object:
    """`value` without empty texts: up to 0.9 a field that was not there was written as `""`."""
    if not isinstance(value, dict):
        return value
    return {
        key: _without_empty(inner) if key in ("auth", "namespace") else inner
        for key, inner in value.items()
        if inner != ""
    }


def _part(record: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = record.get(key)
    return value if isinstance(value, Mapping) else _NOTHING


def _text(record: Mapping[str, object], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""


def _path(request: Mapping[str, object]) -> str:
    return bare_path(_text(request, "path"), _text(_part(request, "namespace"), "path"))


def _outcome(record: Mapping[str, object], *, login: bool, answered: bool) -> Outcome:
    error = record.get("error")
    if isinstance(error, str) and error:
        return Outcome.REFUSED if _DENIED in error else Outcome.FAILED
    if not answered:
        return Outcome.UNKNOWN
    response = _part(record, "response")
    if login and not _part(response, "auth") and not _part(response, "wrap_info"):
        # Many failed logins carry no error, in every version: what tells is that nobody was let in.
        return Outcome.FAILED
    return Outcome.FAILED if _only_an_error(record, response) else Outcome.DONE


def _only_an_error(record: Mapping[str, object], response: Mapping[str, object]) -> bool:
    """True for an answer that is an error without the entry having one (`response.data.error` alone).

    What a key/value store answers to a read are its users' own keys; one of them may be called error.
    """
    data = _part(response, "data")
    if data.keys() not in _ERRORS or _part(response, "auth"):
        return False
    request = _part(record, "request")
    kind = _text(request, "mount_type") or _text(response, "mount_type")
    return kind not in _STORES or request.get("operation") not in ("read", "list")


def _login(record: Mapping[str, object], outcome: Outcome) -> str:
    """How a login ended: ok, failed, pending, unavailable, or nothing where that is not known yet."""
    if outcome is Outcome.UNKNOWN:
        return ""
    if outcome is not Outcome.DONE:
        error = record.get("error")
        return "unavailable" if isinstance(error, str) and _UNREACHABLE.search(error) else "failed"
    auth = _part(_part(record, "response"), "auth")
    if auth and not _text(auth, "client_token") and not _text(auth, "accessor"):
        # The password was right; a second factor is asked for, and no token is made yet.
        return "pending"
    return "ok"


def _unseen(record: Mapping[str, object], outcome: Outcome, *, answered: bool, login: bool) -> set[str]:
    """The paths whose absence says nothing."""
    unknown: set[str] = set()
    if not answered and outcome is Outcome.UNKNOWN:
        unknown.update(("response", "granted"))
        if login:
            unknown.update(("login", "entity"))
    response = _part(record, "response")
    if _part(response, "wrap_info"):
        # The answer is inside the wrapping; what it was stands in the entry of its unwrapping.
        if not response.get("data"):
            unknown.add("response.data")
        if not response.get("auth") and _may_hold_token(record):
            unknown.update(("response.auth", "granted"))
        if login:
            unknown.add("entity")
    return unknown


def _may_hold_token(record: Mapping[str, object]) -> bool:
    """A wrapping names the accessor of the token inside. A batch token has none, but only some paths hand out tokens.

    Vault refuses an answer with auth from any other mount (request_handling.go, "unexpected Auth response").
    """
    inside = _text(_part(_part(record, "response"), "wrap_info"), "wrapped_accessor")
    return bool(inside) or _path(_part(record, "request")).startswith(_TOKEN_PATHS)


def _name(record: Mapping[str, object], fields: dict[str, object], login_mount: str) -> None:
    request, response, auth = _part(record, "request"), _part(record, "response"), _part(record, "auth")
    new = _part(response, "auth")
    path = _path(request)
    entity = _text(auth, "entity_id") or _text(new, "entity_id")
    name = _text(auth, "display_name") or _text(new, "display_name")
    fields["actor"] = f"{name} ({entity})" if name and entity else name or entity
    fields["address"] = _address(_text(request, "remote_address"))
    fields["object"] = f"{_text(request, 'operation')} {path}".strip()
    fields["path"] = path
    if entity:
        fields["entity"] = entity
    mount = _text(request, "mount_point") or _text(response, "mount_point")
    if mount or login_mount:
        namespace = _text(_part(request, "namespace"), "path")
        fields["mount"] = mount.removeprefix(namespace) if mount else f"{login_mount}/"
    policies = new.get("policies")
    if isinstance(policies, list):
        fields["granted"] = [policy for policy in policies if policy != "default"]
    data = request.get("data")
    fields["keys"] = list(data) if isinstance(data, Mapping) else []


def _address(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return _PORT.sub("", text) if text.count(":") == 1 else text
