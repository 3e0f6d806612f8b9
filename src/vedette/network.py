"""Networks, and the one question asked of them: is this address inside?

Log text is the attacker's, so parsing is strict: what only looks like an address is "cannot tell" (None), and a
host name is never resolved; it lies outside.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_V4_MAPPED = 0xFFFF << 32
_HOST_NAME = re.compile(r"(?=.*[A-Za-z_])[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?")
_PORT = re.compile(r":\d{1,5}\Z")


class NotANetwork(ValueError):
    """A text that is no network; the message says why and what was probably meant."""


@dataclass(frozen=True, slots=True)
class Networks:
    """A set of IP networks as sorted, merged, inclusive ranges."""

    name: str
    """The settings' name for it, or the CIDRs as a rule wrote them."""
    v4: tuple[tuple[int, int], ...]
    v6: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, cidrs: Iterable[str], name: str = "") -> Networks:
        """From texts such as `10.0.20.0/22`, `fd00::/8` or a single address.

        Raises NotANetwork for anything else, host bits set included.
        """
        v4: list[tuple[int, int]] = []
        v6: list[tuple[int, int]] = []
        texts = list(cidrs)
        for text in texts:
            network = parse_network(text)
            low, high = int(network.network_address), int(network.broadcast_address)
            if network.version == 4:
                v4.append((low, high))
            elif low >= _V4_MAPPED and high <= _V4_MAPPED + 0xFFFFFFFF:
                v4.append((low - _V4_MAPPED, high - _V4_MAPPED))
            else:
                v6.append((low, high))
        return cls(name or ", ".join(texts), _merge(v4), _merge(v6))

    def contains(self, address: str) -> bool | None:
        """True inside, False outside (a host name too), None when `address` is malformed or empty."""
        parsed = parse_address(address)
        if parsed is None:
            return False if is_host_name(address) else None
        number, version = parsed
        ranges = self.v4 if version == 4 else self.v6
        at = bisect_right(ranges, (number, 1 << 128)) - 1
        return at >= 0 and ranges[at][0] <= number <= ranges[at][1]


@lru_cache(maxsize=1 << 15)
def parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """`text` as a network; raises NotANetwork, naming the network meant where host bits are set."""
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError as error:
        try:
            meant = ipaddress.ip_network(text.strip(), strict=False)
        except ValueError:
            raise NotANetwork(f"{text!r} is not a network such as 10.0.20.0/22 or fd00::/8") from error
        raise NotANetwork(f"{text!r} has host bits set; the network is {meant}") from error


def parse_address(text: str) -> tuple[int, int] | None:
    """(number, IP version) of an address, or None.

    Takes `host:port`, `[v6]:port` and a zone (`fe80::1%eth0`); an IPv4-mapped IPv6 address is the IPv4 address.
    """
    bare = text.strip()
    if bare.startswith("["):
        bare, _, rest = bare[1:].partition("]")
        if rest and not _PORT.fullmatch(rest):
            return None
    elif bare.count(":") == 1:
        bare = _PORT.sub("", bare)
    bare = bare.partition("%")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    number = int(address)
    if address.version == 6 and number >> 32 == 0xFFFF:
        return number & 0xFFFFFFFF, 4
    return number, address.version


def is_host_name(text: str) -> bool:
    """True for a DNS name; a text of digits and dots only is a malformed address instead."""
    bare = _PORT.sub("", text.strip())
    return len(bare) <= 253 and ":" not in bare and _HOST_NAME.fullmatch(bare) is not None


def _merge(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)
