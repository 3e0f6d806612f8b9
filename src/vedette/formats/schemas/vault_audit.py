"""What an entry of a Vault or OpenBao audit device can say: texts are HMACed, policies and key names clear."""

from __future__ import annotations

import re

from vedette.event import Values
from vedette.schema import Field, FieldType, Schema

_T, _N, _B, _L, _O = FieldType.TEXT, FieldType.NUMBER, FieldType.BOOL, FieldType.TEXTS, FieldType.OBJECT

_LOGIN = re.compile(r"(auth/.+?)/(?:login(?:/[^/]+)?|oidc/callback|callback)")
"""Paths that tell who somebody is; the mount may have slashes of its own."""

_NO_LOGIN = frozenset({"help", "list", "delete"})
"""Operations that do not log in, whatever the path; an OIDC callback is a read."""

_NOTHING, _ABSENT = Values((), complete=False), Values((), complete=True)


def bare_path(path: str, namespace: str) -> str:
    """`path` without the namespace that may stand before it; `namespace` ends with a slash, or is empty."""
    return path.removeprefix(namespace) if namespace.endswith("/") else path


def login_mount(path: str, operation: str) -> str | None:
    """The mount that a login by this path and operation goes to, without its last slash; None: it is no login."""
    login = _LOGIN.fullmatch(path) if operation not in _NO_LOGIN else None
    return login[1] if login else None


def _is_login(operation: object, path: object, namespace: object) -> bool:
    bare = bare_path(_word(path), _word(namespace))
    return login_mount(bare, _word(operation)) is not None


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _glance_path(path: object, namespace: object) -> Values:
    return Values((bare_path(_word(path), _word(namespace)),), complete=True)


def _glance_login(operation: object, path: object, namespace: object) -> Values:
    return _NOTHING if _is_login(operation, path, namespace) else _ABSENT


def _glance_entity(caller: object, operation: object, path: object, namespace: object) -> Values:
    if caller:
        return Values((caller,), complete=True)
    return _glance_login(operation, path, namespace)


_REQUESTED = ("request.operation", "request.path", "request.namespace.path")

_ENTRY = (
    Field("type", _T, "request or response; kmip-request and kmip-response exist too.", hot=True),
    Field("time", _T, "When the entry was written, RFC 3339 with up to nine digits of a second."),
    Field("error", _T, "Why it failed; many failed logins carry none."),
    Field("forwarded_from", _T, "The node that forwarded the request."),
)
_AUTH = (
    Field("auth.accessor", _T, "The HMAC of the caller's token accessor; absent where no valid token was shown."),
    Field("auth.client_token", _T, "The HMAC of the caller's token."),
    Field("auth.display_name", _T, "The caller's display name; anybody who may create tokens chooses it.", warm=True),
    Field("auth.entity_id", _T, "The caller's identity entity; absent for root and its children.", hot=True),
    Field("auth.policies", _L, "The caller's policies, in clear.", hot=True),
    Field("auth.token_policies", _L, "Those of them that come with the token."),
    Field("auth.identity_policies", _L, "Those of them that come with the entity."),
    Field("auth.external_namespace_policies", _O, "Policies from other namespaces, lists by namespace."),
    Field("auth.policy_results", _O, "Which policies allowed the operation, from 1.13 on."),
    Field("auth.metadata", _O, "What the auth method says of the caller: role, username."),
    Field("auth.token_type", _T, "service, batch or default."),
)
_REQUEST = (
    Field("request.id", _T, "The request's id, the same in both entries."),
    Field(
        "request.operation", _T, "create, read, update, delete, list, patch, help, renew, revoke or rollback.", hot=True
    ),
    Field("request.path", _T, "The path without the leading v1/; in clear.", hot=True),
    Field("request.mount_point", _T, "The mount that served it, from 1.14 on.", hot=True),
    Field("request.mount_type", _T, "The kind of that mount: kv, userpass, system.", hot=True),
    Field("request.mount_accessor", _T, "The accessor of that mount."),
    Field("request.mount_running_version", _T, "The plugin's version, which tells Vault from OpenBao."),
    Field(
        "request.remote_address",
        FieldType.ADDRESS,
        "The client's address, or the proxy's unless its X-Forwarded-For is authorized.",
        hot=True,
    ),
    Field("request.remote_port", _N, "The client's port."),
    Field("request.client_id", _T, "The id that the client count knows the caller by."),
    Field("request.client_token", _T, "The HMAC of the token sent, valid or not."),
    Field("request.client_token_accessor", _T, "The HMAC of its accessor."),
    Field("request.data", _O, "What was sent: key names in clear, texts HMACed."),
    Field("request.namespace.id", _T, "The namespace's id; root where there is but one."),
    Field(
        "request.namespace.path",
        _T,
        "The namespace's path with a trailing slash; absent for the root namespace.",
        hot=True,
    ),
    Field("request.headers", _O, "Those headers that the server was told to log, lists of texts by name."),
    Field("request.wrap_ttl", _N, "Seconds for which the answer is to be wrapped."),
    Field("request.replication_cluster", _T, "The replication cluster it came from."),
)
_RESPONSE = (
    Field("response.auth.accessor", _T, "The HMAC of the new token's accessor.", partial=True),
    Field("response.auth.policies", _L, "The new token's policies, in clear.", partial=True),
    Field("response.auth.token_policies", _L, "Those of them that come with the token.", partial=True),
    Field("response.auth.identity_policies", _L, "Those of them that come with the entity.", partial=True),
    Field("response.auth.entity_id", _T, "The entity that logged in.", partial=True),
    Field("response.auth.metadata", _O, "What the auth method says of who logged in.", partial=True),
    Field("response.auth.token_type", _T, "service, batch or default.", partial=True),
    Field("response.auth.display_name", _T, "The new token's display name.", partial=True),
    Field("response.data", _O, "What was answered: key names in clear, texts HMACed.", partial=True),
    Field(
        "response.wrap_info",
        _O,
        "Of a wrapped answer: the wrapping token's accessor and the wrapped one's.",
        partial=True,
    ),
    Field("response.warnings", _L, "Warnings of the answer.", partial=True),
    Field("response.mount_point", _T, "The mount that answered.", partial=True),
    Field("response.mount_type", _T, "The kind of that mount.", partial=True),
)
_DERIVED = (
    Field(
        "outcome",
        _T,
        "done, refused (permission denied), failed (any other error, a failed login), or unknown (no answer seen).",
        derived=True,
    ),
    Field("actor", _T, "Display name and entity of the caller, or of who logged in.", derived=True),
    Field("address", _T, "The remote address without a port.", derived=True),
    Field("object", _T, "Operation and path.", derived=True),
    Field(
        "path",
        _T,
        "request.path without a namespace that stands in it.",
        derived=True,
        by=("request.path", "request.namespace.path"),
        glance=_glance_path,
    ),
    Field("mount", _T, "The mount: mount_point, else for a login the one its path names.", derived=True),
    Field(
        "login",
        _T,
        "Of a login: ok, failed, pending (a second factor) or unavailable (a backend is down).",
        derived=True,
        partial=True,
        by=_REQUESTED,
        glance=_glance_login,
    ),
    Field("keys", _L, "The key names of request.data.", derived=True),
    Field(
        "granted",
        _L,
        "response.auth.policies but for default, which Vault adds to a token unasked.",
        derived=True,
        partial=True,
    ),
    Field(
        "entity",
        _T,
        "The caller's entity, or the one that logged in.",
        derived=True,
        partial=True,
        by=("auth.entity_id", *_REQUESTED),
        glance=_glance_entity,
    ),
)

SCHEMA = Schema(
    format="vault_audit",
    logsource={"product": "vault", "service": "audit"},
    fields={field.name: field for field in (*_ENTRY, *_AUTH, *_REQUEST, *_RESPONSE, *_DERIVED)},
    aliases={"namespace": "request.namespace.path"},
    groups=(
        ("request.path", "request.namespace.path", "request.operation"),
        ("auth.entity_id", "request.remote_address"),
    ),
)
"""The schema of `vault_audit`."""
