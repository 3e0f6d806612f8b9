"""gzip and zstd data as blocks of plain bytes; what stands before a fault is always given."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

_READ = 1 << 17
_BLOCK = 1 << 18
"""Plain bytes given at once: what the one thread unpacks is still in the cache when the other decodes it."""


class Broken(Exception):
    """Compressed data that ends badly; `str()` says how. Also given as a last block: a thread may pass it on."""


Block = bytes | Broken
Read = Callable[[int], bytes]
"""Gives some bytes of a file, at most so many (the first time perhaps more), and none at its end."""


def gzip_blocks(descriptor: int) -> Iterator[Block]:
    """All members of a gzip file, one after the other.

    ISA-L is about twice as fast as zlib, but keeps back what it had decompressed before a fault; so after one, zlib
    reads the file again and gives the rest.
    """
    from isal import igzip, igzip_lib

    given = 0
    try:
        with os.fdopen(os.dup(descriptor), "rb") as raw, igzip.IGzipFile(fileobj=raw) as file:  # type: ignore[no-untyped-call]
            while block := file.read(_BLOCK):
                given += len(block)
                yield block
    except (OSError, EOFError, zlib.error, igzip_lib.IsalError) as error:  # type: ignore[misc] # isal types it as Any
        if isinstance(error, OSError) and error.errno is not None:
            raise
    else:
        return
    os.lseek(descriptor, 0, os.SEEK_SET)
    yield from zlib_blocks(partial(os.read, descriptor), given)


def zlib_blocks(read: Read, skip: int = 0) -> Iterator[Block]:
    """As `gzip_blocks`, of what can be read but once; without the first `skip` bytes of the plain text."""
    member = zlib.decompressobj(wbits=31)
    pending = b""
    while True:
        data = pending or read(_READ)
        if not data:
            yield Broken("the gzip data is cut off")
            return
        before = member.copy()
        try:
            block = member.decompress(data, _BLOCK)
        except zlib.error as error:
            yield _until_fault(before, data)[skip:]
            yield Broken(f"the gzip data is corrupt ({error})")
            return
        pending = member.unconsumed_tail
        if member.eof:
            pending = member.unused_data.lstrip(b"\0")
            if not b"\x1f\x8b".startswith(pending[:2]):
                yield block[skip:]
                yield Broken("something that is no gzip data follows the gzip data")
                return
            if pending or (pending := read(_READ)):
                member = zlib.decompressobj(wbits=31)
            else:
                yield block[skip:]
                return
        kept, skip = block[skip:], max(0, skip - len(block))
        if kept:
            yield kept


def _until_fault(member: Decompressor, data: bytes) -> bytes:
    """What zlib makes of `data` byte by byte before it refuses; of a block with a fault in it, it gives nothing."""
    given: list[bytes] = []
    with contextlib.suppress(zlib.error):
        for at in range(len(data)):
            given.append(member.decompress(data[at : at + 1]))
    return b"".join(given)


class Decompressor(Protocol):
    """What `zlib.decompressobj` gives; its type has no public name."""

    def decompress(self, data: bytes, /) -> bytes:
        """Further plain bytes."""


def zstd_blocks(read: Read) -> Iterator[Block]:
    """All frames of zstd data."""
    import sys

    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdDecompressor, ZstdError
    else:
        from backports.zstd import ZstdDecompressor, ZstdError

    frame = ZstdDecompressor()
    pending = b""
    while True:
        data = pending
        if not data and frame.needs_input:
            data = read(_READ)
            if not data:
                if not frame.eof:
                    yield Broken("the zstd data is cut off")
                return
        try:
            block = frame.decompress(data, _BLOCK)
        except ZstdError as error:
            yield Broken(f"the zstd data is corrupt ({error})")
            return
        pending = b""
        if block:
            yield block
        if frame.eof:
            pending = frame.unused_data or read(_READ)
            if not pending:
                return
            frame = ZstdDecompressor()
