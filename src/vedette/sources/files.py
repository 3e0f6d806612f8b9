"""Files: found by path, folder or glob; read plain, gzip or zstd, as chunks of whole lines."""

from __future__ import annotations

import errno
import glob
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vedette.sources.ahead import ahead
from vedette.sources.compressed import Block, Broken, Read, gzip_blocks, zlib_blocks, zstd_blocks

CHUNK = (1 << 17) - 4096
"""Bytes read at once: so few that the allocator keeps the memory (it maps and unmaps 128 KB and more anew each time,
which costs more than reading) and the text is still in the cache when it is decoded."""
LONGEST_LINE = 128 << 20
"""A line longer than this is cut to its first `_HEAD` bytes, which then counts as one unreadable record."""
_HEAD = 1 << 16
_RANGE = 32 << 20
"""A range of a file that is read by one worker."""
_NO_LOGS = frozenset(
    ".md .rst .html .css .js .py .sh .go .yaml .yml .toml .ini .cfg .conf .lock .png .jpg .svg .pdf .db .sqlite "
    ".pem .crt .key .tar .tgz .zip .mod .sum".split()
)
"""Suffixes passed over in a folder; a file named by itself is read whatever its name."""

STDIN = "-"


class NoLogs(Exception):
    """Nothing to read; the message says where was looked."""


@dataclass(frozen=True, slots=True)
class File:
    """One input."""

    name: str
    """As shown to a person: the path as given or found, or `-`."""
    size: int
    """Bytes on disk; 0 for stdin."""
    packing: str = ""
    """`gzip`, `zstd` or nothing; told by its first bytes, not its name."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes `start` to `end` of a file, whole lines; `end` None: to its end."""

    file: int
    part: int
    start: int = 0
    end: int | None = None


def discover(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files that `paths` (files, folders, globs, `-`) name, in order and once each; and what is wrong.

    A folder gives all files beneath it, links to folders followed once, but hidden ones and those whose suffix says
    that they are no logs. A pipe or device in it is left alone: it may never end.
    """
    found: dict[str, None] = {}
    problems: list[str] = []
    for path in paths:
        if path == STDIN:
            found[STDIN] = None
        elif os.path.isdir(path):
            unreadable: list[str] = []
            inside = list(_inside(path, unreadable))
            problems += unreadable
            if not inside and not unreadable:
                problems.append(f"{path}: no log file in this folder")
            found.update(dict.fromkeys(inside))
        elif os.path.exists(path):
            found[path] = None
        else:
            matches = sorted(glob.glob(path, recursive=True)) if glob.has_magic(path) else []
            files = [match for match in matches if not os.path.isdir(match)]
            if not files:
                problems.append(f"{path}: no such file or folder")
            found.update(dict.fromkeys(files))
    return list(found), problems


def _inside(folder: str, problems: list[str]) -> Iterator[str]:
    def unreadable(error: OSError) -> None:
        problems.append(f"{error.filename}: {error.strerror}")

    entered = {os.path.realpath(folder)}
    for here, folders, files in os.walk(folder, onerror=unreadable, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and _new(entered, here, name))
        for name in sorted(files):
            path = os.path.join(here, name)
            if not name.startswith(".") and Path(name).suffix.lower() not in _NO_LOGS and _ends(path):
                yield path


def _new(entered: set[str], here: str, name: str) -> bool:
    """True for a folder that was not entered before, by whatever name."""
    real = os.path.realpath(os.path.join(here, name))
    seen = real in entered
    entered.add(real)
    return not seen


def _ends(path: str) -> bool:
    """True for a file; also for what is none that can be read, which `describe` says why."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True


def describe(name: str) -> File:
    """What kind of file `name` is. Raises OSError where it cannot be read, or is no file."""
    if name == STDIN:
        return File(STDIN, 0)
    status = os.stat(name)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(21, "Is a directory", name)
    if not stat.S_ISREG(status.st_mode):
        return File(name, 0)
    with open(name, "rb") as file:
        magic = file.read(4)
    return File(name, status.st_size, _packing(magic))


def _packing(begin: bytes) -> str:
    return "gzip" if begin[:2] == b"\x1f\x8b" else "zstd" if begin[:4] == b"\x28\xb5\x2f\xfd" else ""


def head(file: File, size: int = 1 << 16) -> bytes:
    """The first bytes of a plain file, for telling whether it may be cut into ranges."""
    with open(file.name, "rb") as opened:
        return opened.read(size)


def ranges(file: File, index: int) -> list[Range]:
    """A plain file cut at line ends into ranges of some 32 MB."""
    cuts = [0]
    with open(file.name, "rb") as opened:
        at = _RANGE
        while at < file.size:
            opened.seek(at)
            cut = at
            while line := opened.readline(CHUNK):
                cut += len(line)
                if line.endswith(b"\n"):
                    break
            if cut >= file.size:
                break
            cuts.append(cut)
            at = cut + _RANGE
    ends: list[int | None] = [*cuts[1:], None]
    return [Range(index, part, start, end) for part, (start, end) in enumerate(zip(cuts, ends, strict=True))]


def chunks(file: File, part: Range) -> Iterator[bytes]:
    """The range's bytes as chunks of whole lines; the last chunk may lack its line end.

    Raises OSError where reading fails and Broken where compressed data ends badly; all lines before were given.
    """
    if file.name != STDIN and file.size and not file.packing:
        return _plain_chunks(file, part)
    return whole_lines(_blocks(file))


def _plain_chunks(file: File, part: Range) -> Iterator[bytes]:
    """As `whole_lines`, of a file that can be read at any place: the half line at a block's end is read again with the
    next block, which costs less than joining it on."""
    descriptor = os.open(file.name, os.O_RDONLY)
    try:
        at = part.start
        while part.end is None or at < part.end:
            block = os.pread(descriptor, CHUNK if part.end is None else min(CHUNK, part.end - at), at)
            end = block.rfind(b"\n") + 1
            if not end:
                # Nothing more, a last line that lacks its end, or one too long for a block.
                os.lseek(descriptor, at, os.SEEK_SET)
                yield from whole_lines(_read(descriptor, None if part.end is None else part.end - at))
                return
            yield block if end == len(block) else block[:end]
            at += end
    finally:
        os.close(descriptor)


def _blocks(file: File) -> Iterator[Block]:
    if file.name == STDIN:
        if sys.stdin is None:
            raise OSError(errno.EBADF, "standard input is closed")
        yield from piped(partial(os.read, sys.stdin.buffer.fileno()))
        return
    descriptor = os.open(file.name, os.O_RDONLY)
    try:
        if file.packing == "gzip":
            yield from ahead(gzip_blocks(descriptor))
        elif file.packing == "zstd":
            yield from ahead(zstd_blocks(partial(os.read, descriptor)))
        else:
            yield from piped(partial(os.read, descriptor))
    finally:
        os.close(descriptor)


def piped(source: Read) -> Iterator[Block]:
    """What can be read but once, so that only now its first bytes tell whether it is packed."""
    begin = b""
    while len(begin) < 4 and (block := source(CHUNK)):
        begin += block
    waiting = [begin]

    def read(size: int) -> bytes:
        return waiting.pop() if waiting else source(size)

    packing = _packing(begin)
    if packing:
        yield from zlib_blocks(read) if packing == "gzip" else zstd_blocks(read)
        return
    if begin:
        yield begin
    while block := source(CHUNK):
        yield block


def _read(descriptor: int, left: int | None) -> Iterator[bytes]:
    while left is None or left > 0:
        block = os.read(descriptor, CHUNK if left is None else min(CHUNK, left))
        if not block:
            return
        if left is not None:
            left -= len(block)
        yield block


def whole_lines(blocks: Iterator[Block]) -> Iterator[bytes]:
    """Blocks of any size joined and cut so that each ends at a line end."""
    held: list[bytes] = []
    held_size = 0
    broken: Broken | None = None
    for block in blocks:
        if isinstance(block, Broken):
            broken = block
            break
        end = block.rfind(b"\n") + 1
        if not end:
            if held_size < LONGEST_LINE:
                held.append(block)
                held_size += len(block)
            continue
        if held:
            held.append(block[:end])
            yield _bounded(held, held_size)
        else:
            yield block[:end] if end < len(block) else block
        held, held_size = ([block[end:]], len(block) - end) if end < len(block) else ([], 0)
    if held:
        yield _bounded(held, held_size)
    if broken is not None:
        raise broken


def _bounded(held: list[bytes], size: int) -> bytes:
    if size < LONGEST_LINE:
        return b"".join(held)
    # Its first bytes and what follows the line end in the last block; the rest was never kept.
    last = held[-1]
    rest = last[last.find(b"\n") :] if b"\n" in last else b""
    return b"".join(held[:1])[:_HEAD] + rest
