"""zstd data for tests, by whichever module this Python has."""

from __future__ import annotations

import sys


def zstd(data: bytes) -> bytes:
    """`data` as one zstd frame."""
    if sys.version_info >= (3, 14):
        from compression import zstd as module
    else:
        from backports import zstd as module
    return module.compress(data)
