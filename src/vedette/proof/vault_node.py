"""Vault node: the audit devices and listeners of one Vault or OpenBao, as asked of it or as observed before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vedette.clients.vault import Vault

TRUE = frozenset({"1", "t", "true"})
"""How an option says yes (strconv.ParseBool), in small letters."""


@dataclass(frozen=True, slots=True)
class Device:
    """One audit device."""

    path: str
    """`file/`."""
    kind: str
    """file, syslog or socket."""
    options: Mapping[str, str]

    def says(self, option: str) -> bool:
        """Whether an option is on."""
        return self.options.get(option, "").lower() in TRUE


@dataclass(frozen=True, slots=True)
class VaultNode:
    """What is known of one node; None: it could not be looked at, and the fault says why."""

    name: str
    devices: tuple[Device, ...] | None = None
    devices_fault: str = "its audit devices were never looked at"
    proxies: tuple[str, ...] | None = None
    """x_forwarded_for_authorized_addrs of its listeners, where every one of them has it; empty: some have none."""
    proxies_fault: str = "its listeners were never looked at"
    mend: str = ""
    """What to do about a fault."""


def devices_of(listing: object) -> tuple[Device, ...] | None:
    """The devices of `sys/audit`, or of an observation's `devices`; None for what is neither."""
    if not isinstance(listing, Mapping):
        return None
    found = []
    for path, device in listing.items():
        if not isinstance(device, Mapping):
            return None
        options = device.get("options")
        texts = {str(key): str(value) for key, value in options.items()} if isinstance(options, Mapping) else {}
        found.append(Device(str(path), str(device.get("type") or ""), texts))
    return tuple(sorted(found, key=lambda one: one.path))


def proxies_of(listeners: object) -> tuple[str, ...] | None:
    """The addresses that every listener takes X-Forwarded-For from, by `sys/config/state/sanitized`."""
    if not isinstance(listeners, list):
        return None
    found: list[str] = []
    for one in listeners:
        config = one.get("config") if isinstance(one, Mapping) else None
        said = config.get("x_forwarded_for_authorized_addrs") if isinstance(config, Mapping) else None
        addresses = [said] if isinstance(said, str) else said if isinstance(said, list) else []
        if not addresses:
            return ()
        found += [str(address) for address in addresses]
    return tuple(dict.fromkeys(found))


def asked(name: str, vault: Vault) -> VaultNode:
    """What a node says now. Never raises for what the node or its token cannot do."""
    from vedette.clients.base import BadSecret, NoAnswer
    from vedette.clients.vault import VaultRefused, mend

    faults: dict[str, str] = {}
    mends: dict[str, None] = {}
    devices = proxies = None
    for what in ("audit devices", "listeners"):
        try:
            if what == "audit devices":
                devices = devices_of(vault.audit_devices())
            else:
                proxies = proxies_of(vault.listeners())
        except (NoAnswer, VaultRefused, BadSecret) as error:
            faults[what] = f"its {what} cannot be read: {error}"
            mends[mend(error, "`vedette render rights vault` prints the policy that the token needs")] = None
    return VaultNode(
        name,
        devices,
        faults.get("audit devices", ""),
        proxies,
        faults.get("listeners", ""),
        "; ".join(mends),
    )
