"""Audit device: what a Vault audit device makes of an entry, given its options.

Texts in `data` are HMACed unless `log_raw`; `filter` leaves entries out, `exclude` fields of entries; `format: jsonx`
is XML; `prefix` stands before each line; `elide_list_responses` puts a number in place of what was listed. `filter`,
`exclude` and `fallback` are Vault Enterprise's: 1.21.4 without a licence answers "enterprise-only options supplied".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from vedette.proof.audit_filter import BadFilter, Passes, read_filter
from vedette.proof.vault_node import Device

Entry = dict[str, Any]
_encode = msgspec.json.Encoder().encode
_HMAC = "hmac-sha256:"


class CannotTell(Exception):
    """Options whose effect is not computed; `str()` is the reason."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Fields that are left out of entries."""

    fields: tuple[tuple[str, ...], ...]
    condition: str = ""
    """Of which entries; nothing: of all."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A device's options, read."""

    device: Device
    passes: Passes | None
    """None: it has no filter."""
    exclusions: tuple[Exclusion, ...]

    @property
    def unreadable(self) -> str:
        """Why vedette reads nothing of its log, or nothing."""
        form = self.device.options.get("format", "json")
        return "" if form in ("", "json") else f"it writes format {form}, which vedette does not read"

    def takes(self, entry: Entry) -> bool:
        """True where the entry is not filtered away."""
        return self.passes is None or self.passes(_asked(entry))

    def line(self, entry: Entry) -> bytes:
        """The line that it writes of an entry."""
        made = json.loads(json.dumps(entry))
        if self.device.says("elide_list_responses") and _of(made, "request").get("operation") == "list":
            _elide(_of(_of(made, "response"), "data"))
        if not self.device.says("log_raw"):
            for part in ("request", "response"):
                held = _of(made, part)
                if isinstance(held.get("data"), dict):
                    held["data"] = hashed(held["data"])
        for one in self.exclusions:
            for field in one.fields:
                _without(made, field)
        return self.device.options.get("prefix", "").encode() + _encode(made)


def read_device(device: Device) -> Reading:
    """Raises CannotTell."""
    text = device.options.get("filter", "")
    try:
        passes = read_filter(text) if text.strip() else None
    except BadFilter as error:
        raise CannotTell(f"its filter {text!r} cannot be read: {error}") from error
    return Reading(device, passes, _exclusions(device.options.get("exclude", "")))


def hashed(value: Any) -> Any:
    """`data` as it is written without log_raw: each text hashed, key names, numbers and truth values clear."""
    if isinstance(value, dict):
        return {key: hashed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [hashed(inner) for inner in value]
    if isinstance(value, str) and not value.startswith(_HMAC):
        return _HMAC + hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()
    return value


def in_clear(entry: Entry) -> bool:
    """True where texts of the request stand as they are, as a device with log_raw writes them."""
    data = _of(entry, "request").get("data")
    return bool(data != hashed(data))


def _exclusions(text: str) -> tuple[Exclusion, ...]:
    if not text.strip():
        return ()
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CannotTell(f"its exclude is no JSON: {error}") from error
    found = []
    for one in said if isinstance(said, list) else [said]:
        fields = one.get("fields") if isinstance(one, dict) else None
        if not isinstance(fields, list) or not all(isinstance(each, str) for each in fields):
            raise CannotTell("its exclude has an entry without a list of fields")
        found.append(Exclusion(tuple(_steps(each) for each in fields), str(one.get("condition") or "")))
    return tuple(found)


def _steps(pointer: str) -> tuple[str, ...]:
    """A JSON pointer's steps (RFC 6901)."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def _without(value: Any, steps: Sequence[str]) -> None:
    for step in steps[:-1]:
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict):
            value = value.get(step)
        else:
            return
    if steps and isinstance(value, dict):
        value.pop(steps[-1], None)


def _elide(data: dict[str, Any]) -> None:
    for key in ("keys", "key_info"):
        if isinstance(data.get(key), list | dict):
            data[key] = len(data[key])


def _of(entry: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = entry.get(key)
    return value if isinstance(value, dict) else {}


def _asked(entry: Entry) -> dict[str, str]:
    """What a filter knows of an entry (`LogInput.BexprDatum`): its request, the response's too."""
    request = _of(entry, "request")
    found = {name: str(request.get(name) or "") for name in ("mount_point", "mount_type", "operation", "path")}
    return found | {"namespace": str(_of(request, "namespace").get("path") or "")}
