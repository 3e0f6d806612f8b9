"""Notify: what systemd is told of the service."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable


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


class Watchdog:
    """While it is entered, systemd is told that the service lives as long as `alive` says so (WatchdogSec=)."""

    def __init__(self, alive: Callable[[], bool]) -> None:
        """`alive` is called in a thread of its own."""
        self._alive = alive
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def __enter__(self) -> None:
        """Begin, where systemd asks for it."""
        if os.environ.get("WATCHDOG_USEC", "").isdecimal():
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        """No more."""
        self._over.set()

    def _run(self) -> None:
        every = int(os.environ["WATCHDOG_USEC"]) / 3e6
        while not self._over.wait(every):
            if self._alive():
                tell_systemd("WATCHDOG=1")
