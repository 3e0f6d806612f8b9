"""What the format tests share: a reader over all formats, and short records that each format recognises."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vedette.event import Event
from vedette.formats import FORMATS
from vedette.formats.base import Batch, Format, Projector, Tally
from vedette.formats.reader import Reader
from vedette.schema import Projection

NOW = 1_795_500_000
"""A moment in November 2026, for stamps without a year."""


def formats() -> dict[str, Format]:
    """Every format, made anew."""
    return {name: kind(NOW) if name == "sshd" else kind() for name, kind in FORMATS.items()}


def projections(of: Mapping[str, Format]) -> dict[str, Projection]:
    """All that may be projected of each format."""
    return {
        name: Projection(name, tuple(one for one in form.schema.fields.values() if one.hot))
        for name, form in of.items()
    }


@dataclass
class Reading:
    """What came of some input."""

    tally: Tally
    lines_read: int
    found: list[tuple[int, str, bytes, Any]] = field(default_factory=list)
    """Line, format, raw record, projected record; in the order of lines."""
    rejected: list[tuple[int, str, bytes]] = field(default_factory=list)

    @property
    def events(self) -> dict[str, int]:
        """Events by format."""
        return dict(self.tally.events)

    @property
    def places(self) -> list[tuple[int, str]]:
        """Line and format of each record."""
        return [(line, name) for line, name, _, _ in self.found]

    @property
    def ids(self) -> list[str]:
        """Of each record what tells it apart: the auditID, the Vault request id, the message."""
        return [identity(self.event(index)) for index in range(len(self.found))]

    def event(self, index: int = 0) -> Event:
        """One of the records, decoded whole."""
        _, name, raw, _ = self.found[index]
        return formats()[name].read(raw)


def identity(event: Event) -> str:
    """The id that a short record was given."""
    request = event.fields.get("request")
    if isinstance(request, dict):
        return str(request.get("id"))
    return str(event.fields.get("auditID") or event.fields.get("message") or event.fields.get("subject"))


def read(chunks: bytes | Iterable[bytes]) -> Reading:
    """Read one input to its end; asserts that every record was counted once."""
    kinds = formats()
    rejected: list[tuple[int, str, bytes]] = []
    reader = Reader(kinds, projections(kinds), lambda *one: rejected.append(one))
    reading = Reading(reader.tally, 0, rejected=rejected)
    for chunk in [chunks] if isinstance(chunks, bytes) else chunks:
        _collect(reading, reader.feed(chunk))
    _collect(reading, reader.finish())
    assert reader.tally.balanced()
    assert reader.tally.events.total() == len(reading.found)
    assert reader.tally.quarantined.total() == len(rejected)
    reading.lines_read = reader.lines_read
    reading.found.sort(key=lambda one: one[0])
    return reading


def _collect(reading: Reading, batches: Iterable[Batch]) -> None:
    for batch in batches:
        for index, record in enumerate(batch.records):
            raw, line = batch.locate(index)
            reading.found.append((line, batch.format, raw, record))


def quick(projector: Projector, name: str, record: Any) -> object:
    """What the engine's first look sees of field `name` in a projected record."""
    known = {"e": record, **projector.constants}
    for variable, expression in projector.bindings.items():
        known[variable] = eval(expression, dict(known))
    return eval(projector.expressions[name], known)


def lines_of(data: bytes) -> list[bytes]:
    """The lines of some input, each with its end."""
    return data.splitlines(keepends=True) if b"\r" not in data else [one + b"\n" for one in data.split(b"\n") if one]


def kube(audit_id: str = "k1", **more: Any) -> dict[str, Any]:
    """A short Kubernetes audit event; keyword arguments replace or add keys, None takes one away."""
    event = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse",
        "auditID": audit_id,
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/vault/secrets/app",
        "verb": "get",
        "user": {"username": "me@example.org", "groups": ["system:authenticated"]},
        "sourceIPs": ["10.0.20.17"],
        "userAgent": "kubectl/v1.34.4",
        "objectRef": {"resource": "secrets", "namespace": "vault", "name": "app", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": "2026-11-23T06:38:49.629535Z",
        "stageTimestamp": "2026-11-23T06:38:49.631535Z",
        "annotations": {"authorization.k8s.io/decision": "allow"},
    }
    return {key: value for key, value in (event | more).items() if value is not None}


def vault(request_id: str = "v1", kind: str = "response", **more: Any) -> dict[str, Any]:
    """A short Vault audit entry; keyword arguments replace or add keys, None takes one away."""
    entry = {
        "auth": {
            "accessor": "hmac-sha256:a",
            "display_name": "token",
            "policies": ["default"],
            "token_type": "service",
        },
        "request": {
            "id": request_id,
            "operation": "read",
            "path": "secret/data/app",
            "mount_point": "secret/",
            "mount_type": "kv",
            "remote_address": "10.0.20.10",
        },
        "time": "2026-11-23T06:33:52.560999447Z",
        "type": kind,
    }
    return {key: value for key, value in (entry | more).items() if value is not None}


def line(record: Mapping[str, Any]) -> bytes:
    """A record as a server writes it: one line, no spaces, without the line's end."""
    return json.dumps(record, separators=(",", ":")).encode()


def log(*records: Mapping[str, Any] | bytes) -> bytes:
    """Records and lines as a log."""
    return b"".join((one if isinstance(one, bytes) else line(one)) + b"\n" for one in records)


SSHD = b"Nov 23 06:38:49 bastion sshd[581]: Accepted publickey for alice from 192.0.2.7 port 56296 ssh2: ED25519 SHA256:abc"
"""An accepted login."""
CRON = b"Nov 23 06:39:01 bastion CRON[600]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"
"""Another program's line."""
