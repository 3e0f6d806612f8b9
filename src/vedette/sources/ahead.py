"""Ahead: a generator run in a thread of its own, a few items ahead of whoever reads it.

Decompression leaves Python's lock alone, so it costs no time of the reader's.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar("Item")
_DEPTH = 4
"""Items held between the two."""
_SWITCH = 0.001
"""Seconds after which Python's lock is asked for: by default five times as many, in which a block would be unpacked."""


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items in the same order; an exception of `items` is raised in its place."""
    waiting: queue.Queue[tuple[bool, Item | BaseException | None]] = queue.Queue(_DEPTH)
    stop = threading.Event()

    def put(entry: tuple[bool, Item | BaseException | None]) -> bool:
        while not stop.is_set():
            try:
                waiting.put(entry, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as error:  # noqa: BLE001 - handed over, whatever it is
            put((False, error))

    thread = threading.Thread(target=work, name="ahead", daemon=True)
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    thread.start()
    try:
        while True:
            more, item = waiting.get()
            if more:
                yield item  # type: ignore[misc]
            elif isinstance(item, BaseException):
                raise item
            else:
                return
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(before)
