"""Notify: what systemd is told of the service."""

from __future__ import annotations

import contextlib
import os
import socket
import time


def tell_systemd(state: str) -> None:
    """Say how the service is to whom $NOTIFY_SOCKET names; nothing where there is none (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.connect("\0" + address[1:] if address.startswith("@") else address)
        if state.startswith("RELOADING"):
            state += f"\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"
        sender.sendall(state.encode())
