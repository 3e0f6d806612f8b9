"""The host:port to listen on."""

from __future__ import annotations

import ipaddress
import socket


def parsed(listen: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:9443`, `[::1]:9443`, `localhost:9443` or `:9443` (every address).

    Raises ValueError, which says what is wrong with it.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) > 0xFFFF:
        raise ValueError(f"{listen!r} is no host:port; write 127.0.0.1:9443")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{listen!r}: an IPv6 address stands in brackets; write [{host}]:{port}")
    return host, int(port)


def on_loopback(host: str) -> bool:
    """True when only this machine reaches it. A name other than localhost may come to mean any address: False."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listeners(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on every address of `host`, all on one port. Raises OSError where there is none."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    failure = OSError(f"{host!r} has no address")
    for family, kind, protocol, _, address in dict.fromkeys(found):
        one = None
        try:
            one = socket.socket(family, kind, protocol)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            chosen = bound[0].getsockname()[1] if bound else port
            one.bind((address[0], chosen, *address[2:]))
            one.listen(128)
            one.settimeout(0)
        except OSError as error:
            # localhost is ::1 as well on machines without IPv6.
            failure = error
            if one:
                one.close()
        else:
            bound.append(one)
    if not bound:
        raise failure
    return bound
