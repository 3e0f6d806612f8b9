"""Which file is which: a followed file's identity, how far it was read, and the names that rotation gives.

An inode alone names nothing: file systems give it away again at once. A file is known by device and inode, by the hash
of its first bytes (`HEAD` at most; of what is there while it is shorter) and by the hash of the last bytes before the
offset that was reached. These two are of decompressed bytes, so that a copy and a compressed file are known again.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

HEAD = 256
"""Bytes that are hashed at the begin and before the offset."""
_PACKED = re.compile(r"\.(?:gz|zst|zstd|xz|bz2)\Z", re.ASCII)
_NUMBERED = re.compile(r"[.\-_][0-9][0-9T:Z.\-_]*\Z", re.ASCII)
"""logrotate's `.1`, `-20261125`, `-20261125-1764032400`; kubelet's `.20261125-101500`."""
_DATED = re.compile(r"[.\-_][0-9]{4}-?[0-9]{2}-?[0-9]{2}[0-9T:Z.\-_]*(?P<suffix>\.[A-Za-z]+)\Z", re.ASCII)
"""lumberjack's (kube-apiserver) `audit-2026-11-25T01-02-03.000.log`."""
# logrotate's `audit.log-2026112518.backup` is a log that was there before it could create the new one.
_OLD = re.compile(r"\.(?:old|bak|backup|0)\Z", re.ASCII)


def digest(data: bytes) -> str:
    """A short hash of some bytes."""
    return hashlib.blake2b(data, digest_size=12).hexdigest()


_EMPTY = digest(b"")


@dataclass(slots=True)
class Place:
    """One stream's identity and how far it was read. All of it but the stream is its position."""

    stream: str
    path: str
    """As found when it was first seen."""
    dev: int = 0
    ino: int = 0
    head: str = _EMPTY
    head_len: int = 0
    tail: str = _EMPTY
    """The hash of up to `HEAD` bytes before `offset`."""
    offset: int = 0
    """Plain bytes dealt with."""
    size: int = 0
    """Bytes on disk when last looked at."""
    mtime: int = 0
    """Nanoseconds, of the file when last looked at."""
    mark: int = 0
    """Nanoseconds: rotated files beside it that were changed before this are dealt with, or none of ours."""
    real: str = ""
    """Where `path` is a link: what it led to."""
    packed: bool = False
    passed: bool = False
    """A compressed file that was there before the first start and is not wanted: known by its head alone."""
    done: bool = False

    def begins(self, begin: bytes) -> bool:
        """Whether a file that begins with these bytes (its first `HEAD`, or all) begins like this one."""
        return len(begin) >= self.head_len and digest(begin[: self.head_len]) == self.head

    def learn(self, begin: bytes) -> None:
        """Take the hash of more of the head, as the file grew."""
        if len(begin) > self.head_len:
            self.head, self.head_len = digest(begin), len(begin)

    def position(self) -> dict[str, object]:
        """As JSON values; `parse` reads it."""
        values: dict[str, object] = {name: getattr(self, name) for name in _KEPT}
        return values | {"path": printable(self.path), "real": printable(self.real)}

    def signature(self) -> tuple[int, int, int, int]:
        """What changes when the file does."""
        return (self.dev, self.ino, self.size, self.mtime)


_KEPT = tuple(one.name for one in fields(Place) if one.name != "stream")


def parse(stream: str, position: Mapping[str, object]) -> Place | None:
    """The place that a position says; None where it is none of ours."""
    place = Place(stream, "")
    for field in fields(Place)[1:]:
        default, value = getattr(place, field.name), position.get(field.name)
        if type(value) is not type(default) or (isinstance(value, int) and value < 0):
            return None
        setattr(place, field.name, value)
    return place if place.path and place.head_len <= HEAD else None


def same(place: Place, descriptor: int) -> bool:
    """Whether a plain file holds what was read of this stream: the same head, and the same bytes before the offset."""
    return agrees(place, descriptor, os.pread(descriptor, HEAD, 0))


def agrees(place: Place, descriptor: int, begin: bytes) -> bool:
    """As `same`, where the first bytes were read. What was empty may turn out to be a compressed file: another one."""
    return place.begins(begin) and ends_alike(place, descriptor) and not (place.head_len == 0 and packing(begin))


def ends_alike(place: Place, descriptor: int) -> bool:
    """Whether a plain file has the same bytes before the stream's offset."""
    return digest(tail(descriptor, place.offset)) == place.tail


def tail(descriptor: int, offset: int) -> bytes:
    """Up to `HEAD` bytes before an offset of a plain file; fewer, where the file is shorter."""
    start = max(0, offset - HEAD)
    return os.pread(descriptor, offset - start, start)


def printable(path: str) -> str:
    """The path as text that JSON can hold: bytes that are no UTF-8 are written out."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def family(path: str) -> str:
    """The path that a file had before rotation renamed, dated or compressed it; the path itself where none did."""
    folder, name = os.path.split(path)
    plain = _OLD.sub("", _PACKED.sub("", name))
    dated = _DATED.search(plain)
    before = plain[: dated.start()] + dated["suffix"] if dated else _NUMBERED.sub("", plain)
    return os.path.join(folder, before) if before else path


def unpacked(path: str) -> str:
    """The path without the suffix of a compressed file."""
    return _PACKED.sub("", path)


def packing(begin: bytes) -> str:
    """`gzip` or `zstd`, nothing for plain bytes, `other` for what is compressed otherwise; by the first bytes."""
    if begin.startswith(b"\x1f\x8b"):
        return "gzip"
    if begin.startswith(b"\x28\xb5\x2f\xfd"):
        return "zstd"
    return "other" if begin.startswith((b"\xfd7zXZ\x00", b"BZh")) else ""


def real(path: str) -> str:
    """What a link leads to, beside which its rotated files lie; nothing where it is none."""
    return os.path.realpath(path) if os.path.islink(path) else ""


def group(place: Place) -> str:
    """The log that a stream is of, whatever rotation made of it."""
    return family(place.real or place.path)
