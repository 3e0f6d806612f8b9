"""Retention: segments go when they are old or take too much room; finished ones are rewritten in large frames.

A segment is finished when its writer has begun the next and no committed position points into it. Rewriting keeps its
lines, its name and its time, and makes it read-only, which is how a rewritten one is known. A crash leaves either form.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vedette.store.segments import SUFFIX, frames, names, sync_folder

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, compress
else:
    from backports.zstd import CompressionParameter, compress

_BLOCK = 8 << 20
"""Bytes of lines in one frame of a rewritten segment."""
_OPTIONS: dict[int, int] = {CompressionParameter.compression_level: 3, CompressionParameter.checksum_flag: 1}
_FINISHED = 0o400
_PART = ".part"


@dataclass(frozen=True, slots=True)
class Shelf:
    """One folder of segments, and which of them are finished."""

    folder: Path
    passed: str | None
    """The segment that committed positions point into, the oldest of several; all before it may go. Nothing: none may;
    None: no position matters."""

    def finished(self) -> list[Path]:
        """The finished segments, oldest first. Raises OSError."""
        older = names(self.folder)[:-1]
        return [self.folder / name for name in older if self.passed is None or name < self.passed]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one round did."""

    removed: int
    """Segments."""
    rewritten: int
    """Segments."""
    size: int
    """Bytes that all segments take now."""
    over: bool
    """True: they take more than is allowed, and no further one may go."""


def remove(shelves: Sequence[Shelf], before: float, most: int) -> tuple[int, int]:
    """Remove the finished segments last written before then (seconds since 1970), and the oldest of all while together
    they take more than `most` bytes. Gives how many went, and the bytes left. Raises OSError."""
    total = 0
    finished: list[tuple[float, Path, int]] = []
    for shelf in shelves:
        total += sum((shelf.folder / name).stat().st_size for name in names(shelf.folder))
        for path in shelf.finished():
            status = path.stat()
            finished.append((status.st_mtime, path, status.st_size))
    gone = 0
    for written, path, size in sorted(finished):
        if written >= before and total <= most:
            break
        path.unlink(missing_ok=True)
        total -= size
        gone += 1
    return gone, total


def rewrite(shelves: Sequence[Shelf], room: Callable[[int], bool]) -> int:
    """Rewrite what is finished and was not yet; `room`: may this many bytes be written now? Gives how many were.
    Raises OSError."""
    done = 0
    for shelf in shelves:
        for part in shelf.folder.glob(f".*{SUFFIX}{_PART}"):
            part.unlink(missing_ok=True)
        for path in shelf.finished():
            status = path.stat()
            if stat.S_IMODE(status.st_mode) == _FINISHED:
                continue
            if not room(status.st_size):
                return done
            done += _rewrite(path, status, room)
    return done


def _rewrite(path: Path, status: os.stat_result, room: Callable[[int], bool]) -> bool:
    """True where the segment has its new form now."""
    # Hidden, so that `vedette scan` of the folder passes it over.
    part = path.with_name(f".{path.name}{_PART}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FINISHED)
    try:
        size = 0
        for block in _blocks(path, status.st_size):
            if not room(0):
                return False
            data = memoryview(compress(block, options=_OPTIONS))
            size += len(data)
            while data:
                data = data[os.write(descriptor, data) :]
        if size >= status.st_size:
            path.chmod(_FINISHED)
            return False
        os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))
        os.fsync(descriptor)
        part.rename(path)
        sync_folder(path.parent)
    except _Damaged:
        # What cannot be read now may be read by somebody cleverer.
        path.chmod(_FINISHED)
        return False
    finally:
        os.close(descriptor)
        part.unlink(missing_ok=True)
    return True


class _Damaged(Exception):
    pass


def _blocks(path: Path, size: int) -> Iterator[bytes]:
    """A segment's lines in large blocks. Raises _Damaged where there are frames behind what can be read."""
    held: list[bytes] = []
    length = end = 0
    for block, behind in frames(path, 0):
        end = behind
        held.append(block)
        length += len(block)
        if length >= _BLOCK:
            yield b"".join(held)
            held, length = [], 0
    if end != size:
        raise _Damaged
    if held:
        yield b"".join(held)
