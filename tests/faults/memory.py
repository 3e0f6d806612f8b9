"""How much memory a life takes."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

from tests.faults.forking import Forker
from tests.faults.lives import Life


def peak_of(forker: Forker, life: Life) -> tuple[int, int]:
    """A whole life: how it ended, and the most memory that it took, in bytes."""
    pid = forker.start(life)
    peak = 0
    over = threading.Event()

    def look() -> None:
        nonlocal peak
        while not over.is_set():
            try:
                status = Path(f"/proc/{pid}/status").read_text("ascii")
            except OSError:
                return
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            if found:
                peak = max(peak, int(found[1]) << 10)
            time.sleep(0.02)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        return forker.wait(), peak
    finally:
        over.set()
        looking.join()
