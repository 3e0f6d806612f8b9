"""Logs of people and programs at their work, and the stores that `vedette watch` makes of them."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.cli.alert_store import Site
from vedette.cli import main

_numbers = itertools.count()
BASE = float(int(time.time()) - 7200)
"""Two hours ago: what happened since is within every default of tune."""


def _stamp(at: float) -> str:
    moment = BASE + at
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1e6):06d}Z"


def kube(
    actor: str,
    verb: str,
    what: str,
    at: float,
    *,
    address: str | list[str] = "10.10.3.7",
    subresource: str = "",
    **more: Any,
) -> bytes:
    """One audit event, `at` seconds after BASE; `what`: `namespace/resource/name`, the parts that there are."""
    namespace, resource, name = [*what.split("/"), "", ""][:3]
    reference = {"resource": resource, "apiVersion": "v1"}
    reference |= {
        key: text for key, text in (("namespace", namespace), ("name", name), ("subresource", subresource)) if text
    }
    path = "/".join(one for one in (resource, name, subresource) if one)
    record = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"story-{next(_numbers)}",
        "stage": "ResponseComplete",
        "requestURI": f"/api/v1/{f'namespaces/{namespace}/' if namespace else ''}{path}",
        "verb": verb,
        "user": {"username": actor, "groups": ["system:authenticated"]},
        "sourceIPs": [address] if isinstance(address, str) else address,
        "userAgent": "kubectl/v1.34.4",
        "objectRef": reference,
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": _stamp(at),
        "stageTimestamp": _stamp(at),
    }
    return json.dumps({**record, **more}, ensure_ascii=False).encode() + b"\n"


def vault(path: str, at: float, *, entity: str, name: str, address: str, role: str = "") -> bytes:
    """The response entry of an update."""
    record = {
        "type": "response",
        "time": _stamp(at),
        "auth": {
            "display_name": name,
            "entity_id": entity,
            "metadata": {"role_name": role} if role else {},
            "policies": ["default", "writer"],
            "token_policies": ["default", "writer"],
            "token_type": "service",
        },
        "request": {
            "id": f"story-{next(_numbers)}",
            "operation": "update",
            "path": path,
            "mount_point": "sys/",
            "remote_address": address,
            "namespace": {"id": "root"},
            "data": {"policy": "hmac-sha256:00"},
        },
        "response": {},
    }
    return json.dumps(record).encode() + b"\n"


def sshd(user: str, address: str, at: float) -> bytes:
    """An accepted login."""
    stamp = _stamp(at).replace("Z", "+00:00")
    return f"{stamp} bastion sshd[{next(_numbers)}]: Accepted publickey for {user} from {address} port 40022 ssh2\n".encode()


def watched(folder: Path, lines: Iterable[bytes], more: str = "") -> Site:
    """A site whose daemon has read `lines`; `more`: of its settings."""
    site = Site(folder)
    site.write()
    with site.config.open("a", encoding="utf-8") as file:
        file.write(more)
    again(site, lines)
    return site


def again(site: Site, lines: Iterable[bytes]) -> None:
    """The daemon reads further lines."""
    for line in lines:
        site.append(line)
    site.read(site.log)


def tune(site: Site, *arguments: str) -> int:
    """`vedette tune …`; its exit code."""
    return main(["tune", *arguments, "--config", str(site.config)])


def alerted(site: Site, rule: str) -> list[str]:
    """The actors of a rule's alerts, the first that began first."""
    found = [one.alert for one in site.kept() if one.alert.rule == rule]
    return [one.actor for one in sorted(found, key=lambda one: one.first_seen)]
