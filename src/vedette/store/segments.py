"""Segments: lines that are kept, as zstd files by age and size; whole or not there, and readable by `vedette scan`.

A block of lines is one zstd frame. A file grows by frames only, so its length after any of them is a valid end: what
a crash left behind the last durable one is cut off when the folder is opened. Evidence, spools and the quarantine are
all folders of segments.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdDecompressor, ZstdError, compress, get_frame_size
else:
    from backports.zstd import CompressionParameter, ZstdDecompressor, ZstdError, compress, get_frame_size

Position = Mapping[str, object]
"""`{"segment": name, "offset": bytes}`, the end of a frame."""

SUFFIX = ".jsonl.zst"
_OPTIONS: dict[int, int] = {CompressionParameter.compression_level: -5, CompressionParameter.checksum_flag: 1}
"""A level that is fast enough to stand beside decoding (1.3 GB/s on one core); audit logs still shrink to a tenth."""
_BLOCK = 1 << 20
"""Bytes of lines in one frame at most."""
_READ = 1 << 20
_PIECE = 512 << 10
"""Bytes of lines that `pieces` gives at a time, some."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a segment is full."""

    size: int = 64 << 20
    """Bytes of a file after which the next begins."""
    age: float = 3600.0
    """Seconds after which the next begins."""


class Segments:
    """One folder of segments with one writer. Appending is safe from several threads."""

    def __init__(self, folder: Path, limits: Limits | None = None, clock: Callable[[], float] = time.time) -> None:
        """Opens or makes the folder (0700) and cuts off what a crash left unfinished. Raises OSError."""
        self.folder = folder
        self.limits = limits or Limits()
        self._clock = clock
        self._lock = threading.Lock()
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        names = self.names()
        self._name = names[-1] if names else ""
        self._number = _number(self._name)
        self._descriptor = -1
        self._end = 0
        """Where the writing segment's durable frames end."""
        self._written = 0
        self._began = 0.0
        if self._name:
            self._reopen()

    def names(self) -> list[str]:
        """The segments there are, oldest first."""
        return names(self.folder)

    @property
    def position(self) -> Position:
        """The end of what is durable."""
        with self._lock:
            return {"segment": self._name, "offset": self._end}

    def append(self, data: bytes) -> None:
        """Write whole lines and make them durable. Raises OSError; nothing of `data` is kept then."""
        with self._lock:
            self._write(data)
            self._sync()

    def write(self, data: bytes) -> None:
        """Write whole lines; they are durable after `sync`. Raises OSError; else nothing since the last is kept."""
        with self._lock:
            self._write(data)

    def sync(self) -> Position:
        """Make durable what was written; gives the position behind it. Raises OSError."""
        with self._lock:
            self._sync()
            return {"segment": self._name, "offset": self._end}

    def cut(self, position: Position) -> None:
        """Remove what stands behind `position`: it was written, but what it belongs to was never committed."""
        with self._lock:
            name, offset = str(position.get("segment", "")), _offset(position)
            for later in [one for one in self.names() if one > name]:
                (self.folder / later).unlink()
            self._close()
            self._name = name if name and (self.folder / name).exists() else ""
            if self._name:
                self._reopen(offset)

    def read(self, position: Position | None, limit: int) -> Sequence[tuple[bytes, Position, str]]:
        """What was durably appended behind `position` (None: from the oldest), some `limit` bytes at most.

        Blocks of lines, the position behind each, and the segment's path. A segment that cannot be read further is
        passed over from there on.
        """
        with self._lock:
            name, end = self._name, self._end
        at = str((position or {}).get("segment", ""))
        offset = _offset(position) if position else 0
        found: list[tuple[bytes, Position, str]] = []
        size = 0
        for one in self.names():
            if one < at or one > name:
                continue
            start = offset if one == at else 0
            for block, behind in frames(self.folder / one, start, end if one == name else None):
                found.append((block, {"segment": one, "offset": behind}, str(self.folder / one)))
                size += len(block)
                if size >= limit:
                    return found
        return found

    def waiting(self, position: Position | None) -> int:
        """Bytes behind `position`, as stored."""
        with self._lock:
            name, end = self._name, self._end
        at = str((position or {}).get("segment", ""))
        if name and at == name:
            return max(0, end - _offset(position))
        total = 0
        for one in self.names():
            if at <= one <= name:
                size = end if one == name else _size(self.folder / one)
                total += max(0, size - (_offset(position) if one == at and position else 0))
        return total

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _reopen(self, offset: int | None = None) -> None:
        """Go on with the last segment, cut to its whole frames, or to `offset`."""
        path = self.folder / self._name
        if not path.stat().st_mode & 0o200:
            # It was finished, and those behind it are gone.
            path.chmod(0o600)
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        size = os.fstat(self._descriptor).st_size
        end = min(offset, size) if offset is not None else _whole(path)
        if end < size:
            os.ftruncate(self._descriptor, end)
            os.fsync(self._descriptor)
        self._end = self._written = end
        self._began = path.stat().st_mtime

    def _write(self, data: bytes) -> None:
        if self._descriptor < 0 or self._full():
            self._roll()
        try:
            for block in _blocks(data):
                view = memoryview(compress(block, options=_OPTIONS))
                while view:
                    done = os.write(self._descriptor, view)
                    view = view[done:]
                    self._written += done
        except OSError:
            self._back()
            raise

    def _sync(self) -> None:
        if self._written == self._end:
            return
        try:
            os.fdatasync(self._descriptor)
        except OSError:
            self._back()
            raise
        self._end = self._written

    def _back(self) -> None:
        """Take back what was written since the last sync."""
        try:
            os.ftruncate(self._descriptor, self._end)
        except OSError:
            # Nothing may be appended behind what is unfinished, where no reader would find it: the next segment begins.
            self._close()
        self._written = self._end

    def _full(self) -> bool:
        # Between two syncs a segment is not left: what is not durable yet could not be taken back any more.
        if self._written != self._end or not self._end:
            return False
        return self._end >= self.limits.size or self._clock() - self._began >= self.limits.age

    def _roll(self) -> None:
        """Begin the next segment."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        # The number gives the order; clocks jump.
        name = f"{self._number + 1:08d}-{stamp}{SUFFIX}"
        descriptor = os.open(self.folder / name, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            sync_folder(self.folder)
        except OSError:
            os.close(descriptor)
            (self.folder / name).unlink(missing_ok=True)
            raise
        self._close()
        self._number += 1
        self._name, self._descriptor, self._end, self._written, self._began = name, descriptor, 0, 0, self._clock()


def names(folder: Path) -> list[str]:
    """The segments in a folder, oldest first. Raises OSError."""
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(SUFFIX))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _number(name: str) -> int:
    digits = name.partition("-")[0]
    return int(digits) if digits.isdecimal() else 0


def _offset(position: Position | None) -> int:
    offset = (position or {}).get("offset", 0)
    return offset if isinstance(offset, int) else 0


def _blocks(data: bytes) -> Iterator[bytes | memoryview]:
    """Blocks of whole lines, each of some `_BLOCK` bytes."""
    view, start = memoryview(data), 0
    while start < len(data):
        end = start + _BLOCK
        if end < len(data):
            end = data.rfind(b"\n", start, end) + 1 or data.find(b"\n", end) + 1 or len(data)
        yield view[start:end]
        start = end


def frames(path: Path, start: int, end: int | None = None) -> Iterator[tuple[bytes, int]]:
    """The plain bytes of each whole frame from `start` on, and where it ends. Raises OSError."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            at, held = start, b""
            while True:
                more = file.read(_READ if end is None else min(_READ, end - at - len(held)))
                held += more
                done = 0
                while done < len(held):
                    frame = ZstdDecompressor()
                    try:
                        block = frame.decompress(memoryview(held)[done:])
                    except ZstdError:
                        return
                    if not frame.eof:
                        break
                    done = len(held) - len(frame.unused_data)
                    yield block, at + done
                at += done
                held = held[done:]
                if not more:
                    return
    except FileNotFoundError:
        return


def pieces(path: Path) -> Iterator[tuple[bytes, int]]:
    """A segment's lines a little at a time, so that they are still in the processor's cache when looked through.

    A frame of a rewritten one is eight megabytes; taken whole it goes to memory and back at each look.

    Gives whole lines, and where the last frame that was read to its end ends; at last the end with what is left.
    Of a frame that is half written, or damaged, the lines before that are given. Raises OSError.
    """
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


def tail(folder: Path, limit: int) -> Iterator[bytes]:
    """The plain bytes of the last whole frames in a folder, oldest first, some `limit` bytes of the files at most.

    Nothing is opened for writing: the folder may be a running daemon's. What is being written may lack its end. Raises
    OSError.
    """
    chosen: list[tuple[Path, int]] = []
    left = limit
    for name in reversed(names(folder) if folder.is_dir() else []):
        path = folder / name
        ends = _ends(path)
        begin = next((end for end in [0, *ends] if ends and ends[-1] - end <= left), 0)
        if ends:
            chosen.append((path, begin))
            left -= ends[-1] - begin
        if left <= 0 or begin:
            break
    for path, begin in reversed(chosen):
        yield from (block for block, _ in frames(path, begin))


def _whole(path: Path) -> int:
    """Where the last whole frame ends."""
    return next(reversed(_ends(path)), 0)


def _ends(path: Path) -> list[int]:
    """Where each whole frame ends."""
    try:
        view = memoryview(path.read_bytes())
    except FileNotFoundError:
        return []
    found: list[int] = []
    while (end := found[-1] if found else 0) < len(view):
        try:
            end += get_frame_size(view[end:])
        except (ZstdError, ValueError):
            break
        if end > len(view):
            break
        found.append(end)
    return found


def sync_folder(folder: Path) -> None:
    """Make the folder's own entries durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
