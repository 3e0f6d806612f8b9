"""Addresses seen, put together to networks a person can judge."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from vedette.network import Networks, parse_address

LOOPBACK = Networks.of(["127.0.0.0/8", "::1/128"])
TAILNET = Networks.of(["100.64.0.0/10", "fd7a:115c:a1e0::/48"])
"""Carriers' NAT by the book, Tailscale in practice."""
PRIVATE = Networks.of(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"])
"""Not reachable from the internet. (`ipaddress.is_private` counts documentation networks as private.)"""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def plain(text: str) -> str | None:
    """An address in its one plain form, without port or zone, IPv4 where it is mapped; None for what is none."""
    parsed = parse_address(text)
    if parsed is None:
        return None
    number, version = parsed
    return str(ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number))


def alone(addresses: Iterable[str]) -> list[str]:
    """Each address as a network of one, in order."""
    return [str(network) for network in _sorted({ipaddress.ip_network(address) for address in addresses})]


def around(addresses: Iterable[str]) -> list[str]:
    """The /24 (IPv6: /64) around each address, in order: what a LAN or one node's pods usually are."""
    return [
        str(network)
        for network in _sorted(
            {ipaddress.ip_network(f"{address}/{64 if ':' in address else 24}", strict=False) for address in addresses}
        )
    ]


def _sorted(networks: Iterable[Network]) -> list[Network]:
    return sorted(networks, key=lambda network: (network.version, int(network.network_address), network.prefixlen))
