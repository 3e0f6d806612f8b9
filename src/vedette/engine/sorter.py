"""Sorter: any number of items in order, in bounded memory.

A scan has no idea how many matches a log holds. Items are gathered, sorted and written to an unnamed temporary file a
run at a time; reading merges the runs.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, Any, Generic, TypeVar

import msgspec

Item = TypeVar("Item", bound=msgspec.Struct)

_RUN = 20_000
"""Items held in memory; some 10 MB of sightings."""
_FAN_IN = 64
"""Runs merged at once."""


class Sorter(Generic[Item]):
    """Collects items, then gives them back in order of `key`. `type` is their msgspec Struct."""

    def __init__(self, type: type[Item], key: Callable[[Item], Any], run: int = _RUN) -> None:
        self._key = key
        self._run = run
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(list[type]).decode  # type: ignore[valid-type]
        self._items: list[Item] = []
        self._file: IO[bytes] | None = None
        self._runs: list[tuple[int, int]] = []

    def add(self, item: Item) -> None:
        """Take one item."""
        self._items.append(item)
        if len(self._items) >= self._run:
            self._spill(iter(sorted(self._items, key=self._key)))
            self._items = []

    def __iter__(self) -> Iterator[Item]:
        """All items in order; may be called once all are added, and again."""
        while len(self._runs) > _FAN_IN:
            first, self._runs = self._runs[:_FAN_IN], self._runs[_FAN_IN:]
            self._spill(heapq.merge(*map(self._read, first), key=self._key))
        held = iter(sorted(self._items, key=self._key))
        if not self._runs:
            return held
        return heapq.merge(*map(self._read, self._runs), held, key=self._key)

    def close(self) -> None:
        """Give the temporary file back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _spill(self, items: Iterator[Item]) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="vedette-")  # noqa: SIM115 - lives as long as the sorter
        begin = self._file.seek(0, 2)
        block: list[Item] = []
        for item in items:
            block.append(item)
            if len(block) >= _BLOCK:
                self._write(block)
                block = []
        if block:
            self._write(block)
        self._runs.append((begin, self._file.tell()))

    def _write(self, block: list[Item]) -> None:
        assert self._file is not None
        data = self._encode(block)
        # Reading the runs that are being merged has moved the position.
        self._file.seek(0, 2)
        self._file.write(len(data).to_bytes(4, "little") + data)

    def _read(self, run: tuple[int, int]) -> Iterator[Item]:
        assert self._file is not None
        at, end = run
        while at < end:
            self._file.seek(at)
            size = int.from_bytes(self._file.read(4), "little")
            data = self._file.read(size)
            at += 4 + size
            yield from self._decode(data)


_BLOCK = 200
"""Items written and read together: a merge of 64 runs holds 64 blocks."""
