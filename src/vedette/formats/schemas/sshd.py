"""What a log line of the OpenSSH server can say."""

from __future__ import annotations

from vedette.schema import Field, FieldType, Schema

_T, _N = FieldType.TEXT, FieldType.NUMBER

_FIELDS = (
    Field(
        "program",
        _T,
        "sshd, sshd-session or sshd-auth; from journald the process's own name, not what it claims.",
        hot=True,
    ),
    Field("host", _T, "The host that wrote the line; absent in bare forms."),
    Field("pid", _N, "The process id, where the line has one."),
    Field("event", _T, "accepted, failed, invalid_user, disconnected or other.", hot=True),
    Field("method", _T, "How the client authenticated: publickey, password, keyboard-interactive/pam.", hot=True),
    Field("user", _T, "The login name, as the client sent it."),
    Field(
        "address",
        FieldType.ADDRESS,
        "The peer's address, or with UseDNS its host name; not every message of a login has one.",
        hot=True,
        partial=True,
    ),
    Field("port", _N, "The peer's port."),
    Field("key", _T, "What the line says of the key or certificate: RSA SHA256:…"),
    Field("message", _T, "The whole message behind the program's name."),
    Field("outcome", _T, "done for accepted, refused for failed and invalid_user, else unknown.", derived=True),
    Field("actor", _T, "As user.", derived=True),
    Field("object", _T, "As host.", derived=True),
)

SCHEMA = Schema(
    format="sshd",
    logsource={"product": "linux", "service": "sshd"},
    fields={field.name: field for field in _FIELDS},
)
"""The schema of `sshd`."""
