"""Evasions: what an entry excuses, done again by others, who copy all of it that a client may choose.

An entry is for somebody. Whether somebody else can step into it is not read off its text but tried: the very records
that it excuses, under another name from another address; by an impersonator; from elsewhere; with its address in front.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from vedette.cases import alerts_of
from vedette.proof.stranger import NAMES
from vedette.rule import Rule
from vedette.settings.effective import Settings

Change = Callable[[dict[str, Any]], dict[str, Any] | None]
_ENTITY = "5e9e7b1c-0000-4000-8000-766564657474"
"""An entity's id that nobody has."""
_INSIDE = "127.0.0.1"
_NOBODYS = ("192.0.2.213", "198.51.100.213", "203.0.113.213", "2001:db8::213")
"""Addresses for documentation (RFC 5737, RFC 3849); the one that the records do not have is nobody's."""


def evaded(
    records: Sequence[bytes], form: str, now: tuple[Rule, Settings], then: tuple[Rule, Settings]
) -> Iterator[str]:
    """How others would walk through the entry, a clause each. `records`: what it excuses; `now`, `then`: the rule and
    settings without and with it."""
    far = next((one for one in _NOBODYS if not any(one.encode() in raw for raw in records)), _NOBODYS[0])

    def silenced(lines: bytes) -> bool:
        return bool(alerts_of(lines, *now)) and not alerts_of(lines, *then)

    everybody = _changed(records, form, _other_and_elsewhere(form, far))
    if silenced(everybody):
        yield "the same by any other actor from any other address would be excused as well"
        return
    if form == "kube_audit" and silenced(_changed(records, form, _impersonating)):
        yield "somebody else who impersonates the excused name would be excused as well"
    if not _asks_where(records, form, now):
        return
    if silenced(_changed(records, form, _moved_to(form, far))):
        yield "this rule asks where somebody comes from, and the same name from any other address would be excused"
    if form == "kube_audit" and silenced(_changed(records, form, _behind(far))):
        yield "a client that puts the excused address in front (X-Forwarded-For) would be excused from anywhere"


def _asks_where(records: Sequence[bytes], form: str, now: tuple[Rule, Settings]) -> bool:
    """The rule falls silent where the same comes from inside."""
    return not alerts_of(_changed(records, form, _moved_to(form, _INSIDE)), *now)


def _changed(records: Sequence[bytes], form: str, change: Change) -> bytes:
    found = []
    for raw in records:
        if form == "sshd":
            found.append(_changed_line(raw, change))
            continue
        record = json.loads(raw)
        changed = change(record) if isinstance(record, dict) else None
        if changed is not None:
            found.append(json.dumps(changed, ensure_ascii=False).encode("utf-8", "surrogateescape"))
    return b"\n".join(found) + b"\n"


def _changed_line(raw: bytes, change: Change) -> bytes:
    """A line of sshd's: its `for USER from ADDRESS port`."""
    head, found, rest = raw.partition(b" for ")
    user, between, after = rest.partition(b" from ")
    address, port, tail = after.partition(b" port ")
    if not (found and between and port):
        return raw
    said = change({"user": user.decode("utf-8", "replace"), "address": address.decode("utf-8", "replace")}) or {}
    return b"".join(
        (head, found, str(said.get("user")).encode(), between, str(said.get("address")).encode(), port, tail)
    )


def _other_and_elsewhere(form: str, address: str) -> Change:
    elsewhere = _moved_to(form, address)

    def change(record: dict[str, Any]) -> dict[str, Any] | None:
        return elsewhere(_by_another(record, form))

    return change


def _by_another(record: dict[str, Any], form: str) -> dict[str, Any]:
    if form == "kube_audit":
        name = str(_part(record, "user").get("username", ""))
        kept = {key: value for key, value in _part(record, "user").items() if key == "groups"}
        return {**record, "user": {"username": _namesake(name), **kept}}
    if form == "vault_audit":
        other = {"entity_id": _ENTITY, "display_name": NAMES[""], "metadata": {}}
        auth = {**_part(record, "auth"), **other}
        return {**record, "auth": auth}
    return {**record, "user": "vedette-nobody"} if form == "sshd" else record


def _moved_to(form: str, address: str) -> Change:
    def change(record: dict[str, Any]) -> dict[str, Any] | None:
        if form == "kube_audit":
            return {**record, "sourceIPs": [address]}
        if form == "vault_audit":
            return {**record, "request": {**_part(record, "request"), "remote_address": address}}
        return {**record, "address": address} if form == "sshd" else record

    return change


def _behind(address: str) -> Change:
    def change(record: dict[str, Any]) -> dict[str, Any] | None:
        said = record.get("sourceIPs")
        return {**record, "sourceIPs": [*(said if isinstance(said, list) else ()), address]}

    return change


def _impersonating(record: dict[str, Any]) -> dict[str, Any] | None:
    name = str(_part(record, "user").get("username", ""))
    return {**record, "user": {"username": NAMES[""]}, "impersonatedUser": {"username": name}}


def _namesake(actor: str) -> str:
    return next(name for prefix, name in NAMES.items() if actor.startswith(prefix))


def _part(record: dict[str, Any], key: str) -> dict[str, Any]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}
