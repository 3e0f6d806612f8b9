"""Pieces: a segment's lines a little at a time, so that they are still in the processor's cache when looked through.

A frame of a rewritten segment is eight megabytes of lines; taken whole they go to memory and back at each look.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor, ZstdError
else:
    from backports.zstd import ZstdDecompressor, ZstdError

_PIECE = 512 << 10


def pieces(path: Path) -> Iterator[tuple[bytes, int]]:
    """Whole lines of a segment, and where the last frame that was read to its end ends; at last the end with what is
    left. Of a frame that is half written, or damaged, the lines before that are given. Raises OSError."""
    try:
        view = memoryview(path.read_bytes())
    except FileNotFoundError:
        view = memoryview(b"")
    held, end = b"", 0
    while end < len(view):
        frame = ZstdDecompressor()
        more: memoryview | bytes = view[end:]
        while not frame.eof:
            try:
                block = frame.decompress(more, _PIECE)
            except ZstdError:
                block = b""
            more = b""
            if not block and not frame.eof:
                yield b"", end
                return
            lines = block.rfind(b"\n") + 1
            if lines:
                yield held + block[:lines], end
                held = block[lines:]
            else:
                held += block
        end = len(view) - len(frame.unused_data)
    yield held, end
