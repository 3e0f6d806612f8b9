"""Records as the real programs write them, shortened, and the draft that a survey of them gives."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from vedette.event import Event, Outcome
from vedette.formats.kube_audit import KubeAudit
from vedette.formats.vault_audit import VaultAudit
from vedette.settings import Settings, load_text
from vedette.survey import Known, Survey

TODAY = date(2026, 11, 23)
_number = itertools.count()


def known() -> Known:
    """What holds without a vedette.yaml."""
    builtin = load_text("", "", today=TODAY)
    namespaces = builtin.sensitive_namespaces
    return Known(namespaces.secrets, namespaces.exec, builtin.excuses)


def drafted(events: Iterable[Event]) -> str:
    """The draft that a survey of `events` gives."""
    survey = Survey()
    for event in events:
        survey.add(event)
    return survey.render(known(), ["audit.log"])


def accepted(draft: str) -> str:
    """The draft with every proposal made: each # that no blank follows is taken away."""
    return re.sub(r"^( *)#(?=[^\s])", r"\1", draft, flags=re.MULTILINE)


def loaded(draft: str) -> Settings:
    """The settings that a draft is."""
    return load_text(draft, "vedette.yaml", today=TODAY)


def kube(user: str, verb: str, where: str = "", *, second: int = 0, code: int = 200, **more: Any) -> Event:
    """A Kubernetes audit event; `where` is namespace/resource/name/subresource, `second` counts from six o'clock."""
    hour, minute, second = 6 + second // 3600, second // 60 % 60, second % 60
    namespace, resource, name, sub = (*where.split("/"), "", "", "", "")[:4]
    ref = {"resource": resource, "namespace": namespace, "name": name, "subresource": sub}
    record = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"{next(_number):08d}-0000-4000-8000-000000000000",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1",
        "verb": verb,
        "user": {"username": user, "groups": ["system:authenticated"]},
        "sourceIPs": ["10.0.20.10"],
        "objectRef": {key: value for key, value in ref.items() if value},
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": f"2026-11-23T{hour:02d}:{minute:02d}:{second:02d}.000000Z",
        "stageTimestamp": f"2026-11-23T{hour:02d}:{minute:02d}:{second:02d}.100000Z",
    }
    return KubeAudit(()).read(json.dumps({**record, **more}).encode())


def vault(name: str, operation: str, path: str, *, address: str = "10.0.20.50", **more: Any) -> Event:
    """A Vault response entry; `more` goes into auth, `data` and `granted` to the request and the answer."""
    data, granted = more.pop("data", None), more.pop("granted", None)
    record: dict[str, Any] = {
        "type": "response",
        "time": "2026-11-23T06:00:00Z",
        "auth": {"accessor": "hmac-sha256:1", "display_name": name, "policies": ["default"], **more},
        "request": {
            "id": f"{next(_number):08d}",
            "operation": operation,
            "path": path,
            "remote_address": address,
            "client_token": "hmac-sha256:2",
            **({"data": data} if data else {}),
        },
        "response": {"auth": {"policies": granted}} if granted else {},
    }
    return VaultAudit().read(json.dumps(record).encode())


def login(user: str, address: str, event: str = "accepted", method: str = "publickey") -> Event:
    """An sshd line."""
    fields: dict[str, object] = {
        "program": "sshd",
        "event": event,
        "method": method,
        "user": user,
        "address": address,
    }
    return Event("sshd", b"", 1_795_000_000_000_000_000, f"{next(_number)}", True, Outcome.DONE, fields)


def checked(events: Iterable[Event]) -> str:
    """The draft of `events`, which must load as it stands and with every proposal made."""
    text = drafted(events)
    loaded(text)
    loaded(accepted(text))
    return text
