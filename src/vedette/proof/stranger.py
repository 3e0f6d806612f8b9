"""Stranger: a rule's firing case, done by somebody whom no entry of any settings can have meant.

Whether an exception excuses everybody cannot be read off its text; it can be tried. The case is done once more under a
name that nobody has, from an address that is nowhere named: an entry that silences that one silences all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from vedette.alert import Alert
from vedette.cases import Case
from vedette.network import Networks

NAMES = {
    "system:serviceaccount:": "system:serviceaccount:vedette-nobody:vedette-nobody",
    "system:node:": "system:node:vedette-nobody",
    "": "vedette-nobody@example.invalid",
}
"""How a name of each kind begins -> a name of that kind that nobody has."""
ADDRESS = "198.51.100.77"
"""An address that is nobody's (RFC 5737)."""
_ADDRESS = re.compile(
    rb"(?<![0-9A-Za-z.:])(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f:]*:[0-9a-f:]+(?:\.[0-9.]+)?)(?![0-9A-Za-z.:])"
)


def strangers(case: Case, alert: Alert, trusted: Networks) -> Iterator[Case]:
    """`case` by a stranger, from what differs most on; the last is the case itself.

    `alert`: what the case gives, for its actor. `trusted`: the networks that the case is judged by. Not each of them
    fires, for a rule may ask who it was: the caller takes the first that does under the case's own settings.
    """
    moved = _ADDRESS.sub(lambda found: _elsewhere(found[0], trusted), case.lines)
    named = _namesake(alert.actor).encode() if alert.actor else b""
    for lines in (moved, case.lines):
        if named:
            yield replace(case, lines=lines.replace(alert.actor.encode("utf-8", "surrogateescape"), named))
        yield replace(case, lines=lines)


def _elsewhere(address: bytes, trusted: Networks) -> bytes:
    return ADDRESS.encode() if trusted.contains(address.decode()) is False else address


def in_namespace(case: Case, namespace: str) -> Case | None:
    """`case` with its object in another namespace; None where it names none."""
    changed = False

    def moved(event: Any) -> Any:
        nonlocal changed
        reference = event.get("objectRef") if isinstance(event, dict) else None
        if not isinstance(reference, dict) or not reference.get("namespace"):
            return event
        changed = True
        old = f"/namespaces/{reference['namespace']}/"
        path = str(event.get("requestURI", "")).replace(old, f"/namespaces/{namespace}/")
        return {**event, "objectRef": {**reference, "namespace": namespace}, "requestURI": path}

    lines = _each_event(case.lines, moved)
    return replace(case, lines=lines) if changed else None


def _each_event(lines: bytes, change: Callable[[Any], Any]) -> bytes:
    """Each line that is JSON changed; the others as they are."""
    found = []
    for line in lines.splitlines():
        try:
            found.append(json.dumps(change(json.loads(line)), ensure_ascii=False).encode("utf-8", "surrogateescape"))
        except ValueError:
            found.append(line)
    return b"\n".join(found) + b"\n"


def _namesake(actor: str) -> str:
    return next(name for prefix, name in NAMES.items() if actor.startswith(prefix))
