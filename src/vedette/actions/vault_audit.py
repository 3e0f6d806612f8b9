"""vault.enable-audit: an audit device that went, made again as the daemon saw it, or as it is said."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from vedette.actions.base import Argument, CannotLook, Kind, Plan, Refused
from vedette.actions.vault import Body, VaultActions, call, moment, quoted, word
from vedette.escape import shell

_SALT = "its hashes have a new salt: what was hashed before it went cannot be compared with what comes"


class EnableAudit(VaultActions):
    """One device, at the path that it had."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        name = given["path"].strip("/")
        path = f"sys/audit/{quoted(name)}"
        there = self._devices().get(f"{name}/")
        seen = {f"{name}/": "absent" if there is None else _shown(there)}
        if there is not None:
            return self._there(name, given, there, seen)
        device, source, others = self._wanted(name, given)
        options = dict(device.get("options") or {})
        kind = str(device.get("type") or "")
        words = " ".join(shell(f"{key}={value}") for key, value in sorted(options.items()))
        body: Body = {"type": kind, "options": options}
        off = call(
            "DELETE",
            path,
            f"disable the audit device {name}",
            f"vault audit disable {word(name)}",
            expects={"says": f"there is no audit device {name}", "device": f"{name}/", "there": False},
        )
        on = call(
            "PUT",
            path,
            f"enable the audit device {name}, of type {kind}",
            f"vault audit enable -path={shell(name)} {shell(kind)} {words}".rstrip(),
            body=body,
            expects={
                "says": f"the audit device {name} is enabled, of type {kind}",
                "device": f"{name}/",
                "there": True,
                "type": kind,
                "options": options,
            },
            kept=off,
        )
        return Plan(
            action=KIND.name,
            given=dict(given),
            where=self.vault.server,
            does=f"enable the audit device {name} again, {source}",
            calls=[on],
            seen=seen,
            breaks=[_SALT],
            remains=["what was done while it was off: no log has it, unless another device was on", *others],
            undo=KIND.undo,
        )

    def holds(self, expects: Mapping[str, Any]) -> tuple[bool | None, str]:
        """As `VaultActions.holds`; the device is there as it was wanted, or not there."""
        found = self._devices().get(str(expects["device"]))
        if found is None or not expects["there"]:
            return (found is None) is not expects["there"], "there is none" if found is None else ""
        same = _shown(found) == _shown(expects)
        return same, "" if same else f"it is another: {_shown(found)}"

    def _devices(self) -> Mapping[str, Any]:
        found = self.read("sys/audit", right="read` and `sudo") or {}
        return {path: one for path, one in found.items() if isinstance(one, dict)}

    def _there(self, name: str, given: Mapping[str, str], there: Mapping[str, Any], seen: dict[str, str]) -> Plan:
        """Nothing is done to a device that is there; where it is not the one that is meant, that is said."""
        does, remains = f"the audit device {name} is enabled: nothing to do", []
        try:
            wanted, source, _ = self._wanted(name, given)
        except Refused:
            remains = ["whether it is as it was: `vedette watch` never saw it"]
        else:
            if _shown(wanted) != _shown(there):
                does = f"an audit device {name} is enabled, but another: {_shown(there)}"
                wrong = f"the device {source}: {_shown(wanted)}. Enable that at another path, or first"
                remains = [f"{wrong} disable what is there: vault audit disable {word(name)}"]
        return Plan(action=KIND.name, given=dict(given), where=self.vault.server, does=does, seen=seen, remains=remains)

    def _wanted(self, name: str, given: Mapping[str, str]) -> tuple[Mapping[str, Any], str, list[str]]:
        """As said, else as it was seen last; and how else it was seen. Raises Refused."""
        if given["type"]:
            options = _options(given["options"])
            return {"type": given["type"], "options": options}, "as you say", []
        states = self._seen(name)
        if states:
            device, time, subject = states[0]
            others: dict[str, str] = {}
            for one, at, _ in states[1:]:
                if _shown(one) != _shown(device):
                    others.setdefault(_shown(one), at)
            said = [
                f"how it was seen at {at}: {shown}. If that was before the attack, say so by type= and options="
                for shown, at in others.items()
            ]
            return device, f"as it was seen at {time} at {subject}", said
        raise Refused(
            f"`vedette watch` never saw an audit device {name}",
            "say how it is to be: type=file options=file_path=/var/log/vault/audit.log",
        )

    def _seen(self, name: str) -> list[tuple[Mapping[str, Any], str, str]]:
        """The device, when and where it was seen, the latest first."""
        states = []
        with contextlib.suppress(CannotLook):  # no store: never seen
            for subject in self.known.subjects("audit_devices"):
                for time, value in self.known.snapshots("audit_devices", subject):
                    devices = value.get("devices") if isinstance(value, dict) else None
                    if isinstance(devices, dict) and isinstance(devices.get(f"{name}/"), dict):
                        states.append((devices[f"{name}/"], time, subject))
        # The node that is to be acted on before others, which may have local devices of the same path.
        return sorted(states, key=lambda one: (one[2] == self.vault.server, moment(one[1])), reverse=True)


def _shown(device: Mapping[str, Any]) -> str:
    """Type and options, in an order of their own."""
    options = sorted((device.get("options") or {}).items())
    return " ".join([str(device.get("type") or "no type"), *(f"{key}={value}" for key, value in options)])


def _options(text: str) -> dict[str, str]:
    """`file_path=/x,mode=0600`. Raises Refused."""
    found = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise Refused(f"{part!r} is no option", "write options=file_path=/var/log/vault/audit.log,mode=0600")
        found[key] = value
    return found


KIND = Kind(
    name="vault.enable-audit",
    says="enable an audit device that went, as `vedette watch` saw it last",
    arguments=(
        Argument("path", "its path: file", required=True),
        Argument("type", "file, syslog or socket, where it was never seen", choices=("file", "syslog", "socket")),
        Argument("options", "of one that was never seen: file_path=/var/log/vault/audit.log,mode=0600"),
    ),
    undo="it is disabled again",
    make=EnableAudit,
)
