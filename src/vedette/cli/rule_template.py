"""What `vedette rules new` writes: a small rule that works, with a firing and a quiet event, to begin from."""

from __future__ import annotations

import json
import uuid
from typing import Any

_LOGSOURCE = {
    "kubernetes": "{product: kubernetes, service: audit}",
    "vault": "{product: vault, service: audit}",
    "sshd": "{product: linux, service: sshd}",
}
_SELECTION = {
    "kubernetes": "    verb|cased: delete\n    objectRef.resource|cased: networkpolicies",
    "vault": "    request.operation|cased: delete\n    path|cased|startswith: secret/",
    "sshd": "    event|cased: accepted\n    method|cased: password",
}
_GROUP = {"kubernetes": "actor", "vault": "actor", "sshd": "user"}
_TITLE = {
    "kubernetes": "A network policy was deleted",
    "vault": "A secret was deleted",
    "sshd": "A login by password",
}

_RULE = """\
title: {title}
id: {id}
name: {name}
status: experimental
description: Say what this catches, and why somebody should get up for it.
logsource: {logsource}
detection:
  selection:
{selection}
  condition: selection
level: medium
vedette:
  outcomes: standard        # a refused try is an attempt, one severity down; a failed act is nothing
  group_by: [{group}]
  quiet_after: 1h
"""

_RUNBOOK = """\
# NAME: TITLE

## Meaning
Say what happened, and why somebody should get up for it.

Seen: {{actor}} from {{address}}, `{{object}}`, {{first_seen}} to {{last_seen}}.

## First look

```sh
vedette respond {{alert}}
vedette scan {{file}} --rules FOLDER --rule NAME --since {{first_seen}} --matches
```

## Real or not
- Say what tells an attack from work.

## Act
1. Say what stops it. `vedette action list` shows what vedette can do; it stands in a block of sh, where a name from the
   log is quoted: `vedette rules lint FOLDER` holds all of this page against the rule's own events.

## False positives
`vedette tune NAME --rules FOLDER` proposes the narrowest entry for whoever set it off, and tries it on what is kept.

## Drill
Say which harmless act makes it fire.
"""


def files(name: str, source: str) -> dict[str, str]:
    """File name -> text of a new rule called `name` over `source` (kubernetes, vault or sshd)."""
    fires, quiet = _EVENTS[source]
    rule = _RULE.format(
        title=_TITLE[source],
        id=uuid.uuid4(),
        name=name,
        logsource=_LOGSOURCE[source],
        selection=_SELECTION[source],
        group=_GROUP[source],
    )
    return {
        "rule.yml": rule,
        "fires.jsonl": _case("the_plain_act", "The act itself, done.", fires),
        "quiet.jsonl": _case("something_else", "Nearly the same, but not it.", quiet),
        "runbook.md": _RUNBOOK.replace("NAME", name).replace("TITLE", _TITLE[source]),
    }


def _case(name: str, why: str, event: Any) -> str:
    return json.dumps({"case": name, "why": why, "events": [event]}) + "\n"


def _kube(verb: str) -> dict[str, Any]:
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "6d7b1c8e-0f0a-4c62-9d5e-0d8f6c1b2a31",
        "stage": "ResponseComplete",
        "requestURI": "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/default-deny",
        "verb": verb,
        "user": {"username": "alice", "groups": ["system:authenticated"]},
        "sourceIPs": ["10.0.20.7"],
        "objectRef": {
            "resource": "networkpolicies",
            "namespace": "shop",
            "name": "default-deny",
            "apiGroup": "networking.k8s.io",
            "apiVersion": "v1",
        },
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": "2026-01-02T03:04:05.000000Z",
        "stageTimestamp": "2026-01-02T03:04:05.004000Z",
    }


def _vault(operation: str) -> dict[str, Any]:
    return {
        "time": "2026-01-02T03:04:05.678Z",
        "type": "response",
        "auth": {"display_name": "userpass-alice", "policies": ["default", "writer"], "entity_id": "0c9b1e2f"},
        "request": {
            "id": "b1d2c3e4-1111-2222-3333-444455556666",
            "operation": operation,
            "mount_point": "secret/",
            "mount_type": "kv",
            "path": "secret/data/shop/db",
            "remote_address": "10.0.20.7",
        },
        "response": {"mount_point": "secret/", "mount_type": "kv"},
    }


_EVENTS: dict[str, tuple[Any, Any]] = {
    "kubernetes": (_kube("delete"), _kube("get")),
    "vault": (_vault("delete"), _vault("read")),
    "sshd": (
        "2026-01-02T03:04:05.678901+00:00 shop sshd[4242]: Accepted password for alice from 10.0.20.7 port 50022 ssh2",
        "2026-01-02T03:04:05.678901+00:00 shop sshd[4242]: Accepted publickey for alice from 10.0.20.7 port 50022 ssh2",
    ),
}
