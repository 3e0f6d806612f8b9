"""A Follow with a clock of its own, and what a rotator does to files, for tests."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.sources.packed import zstd
from vedette.sources.base import Piece, Position
from vedette.sources.follow import Follow

LINES = b"".join(b"%06d %s\n" % (n, b"x" * (n % 97)) for n in range(200))
MORE = b"".join(b"%06d more\n" % n for n in range(200, 260))


def joined(pieces: Sequence[Piece]) -> dict[str, bytes]:
    """Each stream's bytes."""
    streams: dict[str, bytes] = {}
    for piece in pieces:
        streams[piece.stream] = streams.get(piece.stream, b"") + piece.data
    return streams


class Reader:
    """A Follow with a clock of its own, and what it gave."""

    def __init__(self, *paths: Path | str, start: str = "begin") -> None:
        self.paths = [str(path) for path in paths]
        self.start = start
        self.now = 0.0
        self.base = time.time()
        self.pieces: list[Piece] = []
        self.follow = self._made({})

    def _made(self, positions: dict[str, Position]) -> Follow:
        follow = Follow(
            "audit", self.paths, start=self.start, clock=lambda: self.now, wall=lambda: self.base + self.now
        )
        follow.resume(positions)
        return follow

    def read(self, *, wait: float = 1.0, limit: int = 1 << 22) -> bytes:
        """What arrives when some time has passed."""
        self.now += wait
        given = b""
        while pieces := self.follow.poll(limit):
            self.pieces += pieces
            given += b"".join(piece.data for piece in pieces)
        return given

    def settle(self) -> bytes:
        """What arrives until all that was rotated has ended."""
        return b"".join(self.read() for _ in range(16))

    def lines(self) -> list[bytes]:
        """As `settle`, as lines: what is unfinished in one stream is not joined with another."""
        before = len(self.pieces)
        self.settle()
        return sorted(line for data in joined(self.pieces[before:]).values() for line in data.splitlines())

    @property
    def positions(self) -> dict[str, Position]:
        """As they are stored: JSON."""
        stored = {piece.stream: piece.position for piece in self.pieces}
        positions: dict[str, Position] = json.loads(json.dumps(stored))
        return positions

    def restart(self, positions: dict[str, Position] | None = None) -> None:
        """Crash, and go on from what was given."""
        self.follow.close()
        self.follow = self._made(self.positions if positions is None else positions)

    @property
    def ended(self) -> list[str]:
        """Streams that ended."""
        return [piece.stream for piece in self.pieces if piece.ends]

    @property
    def messages(self) -> str:
        """All troubles."""
        return "; ".join(
            f"{trouble.subject}: {trouble.message} -> {trouble.mend}" for trouble in self.follow.troubles()
        )


def descriptors() -> int:
    """How many descriptors this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))


def append(path: Path, data: bytes) -> None:
    """Write behind what is there."""
    with path.open("ab") as file:
        file.write(data)


def pack_zstd(path: Path) -> Path:
    """Compress a file in place of it."""
    packed = path.with_name(path.name + ".zst")
    packed.write_bytes(zstd(path.read_bytes()))
    path.unlink()
    return packed


def pack_gzip(path: Path) -> Path:
    """Compress a file in place of it."""
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return packed


def keep(path: Path) -> Path:
    """Leave it plain."""
    return path


def copytruncate(path: Path, copy: Path) -> None:
    """Copy a file and truncate it."""
    shutil.copyfile(path, copy)
    os.truncate(path, 0)


PACKINGS: list[Callable[[Path], Path]] = [keep, pack_gzip, pack_zstd]
