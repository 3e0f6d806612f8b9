"""Followed files: read as they grow and through rotation, each line once."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sources.following import (
    LINES,
    MORE,
    PACKINGS,
    Reader,
    append,
    copytruncate,
    joined,
    pack_gzip,
    pack_zstd,
)
from vedette.sources import follow_lines, follow_roster
from vedette.sources.base import Source
from vedette.sources.follow import PIECE, Follow
from vedette.sources.follow_identity import HEAD


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with lines."""
    path = tmp_path / "audit.log"
    path.write_bytes(LINES)
    return path


# Growing


def test_meets_the_protocol(log: Path) -> None:
    """A Follow is a Source, and reads are no evidence."""
    source: Source = Follow("audit", [str(log)])
    assert (source.name, source.keeps_evidence) == ("audit", False)
    assert b"".join(piece.data for piece in source.poll(1 << 20)) == LINES
    assert source.behind() == 0
    source.close()


def test_gives_what_is_appended_and_goes_on_after_a_restart(log: Path) -> None:
    """Under the same stream name, from the committed position."""
    reader = Reader(log)
    assert reader.read() == LINES
    reader.restart()
    append(log, MORE)
    assert reader.read() == MORE
    assert len({piece.stream for piece in reader.pieces}) == 1
    assert {piece.name for piece in reader.pieces} == {str(log)}


def test_a_half_line_waits(log: Path) -> None:
    """Only whole lines are given and advance the position, be the parts as small as they may."""
    reader = Reader(log)
    reader.read()
    for byte in b"half a line":
        append(log, bytes([byte]))
        assert reader.read(wait=0.01) == b""
    assert reader.positions[reader.pieces[0].stream]["offset"] == len(LINES)
    append(log, b"\nnext")
    assert reader.read(wait=0.01) == b"half a line\n"


@pytest.mark.parametrize("limit", [1, 100, 5000])
def test_a_poll_gives_some_limit_bytes(log: Path, limit: int) -> None:
    """At most the limit, or one line where that is longer, and in the end all."""
    reader = Reader(log)
    assert reader.read(limit=limit) == LINES
    assert all(len(piece.data) <= max(limit, 110) for piece in reader.pieces)


def test_pieces_of_a_big_file_are_large(tmp_path: Path) -> None:
    """Where much waits, each piece is about 1 MB, and `behind` says what still waits."""
    path = tmp_path / "big.log"
    path.write_bytes(b"y" * 999 + b"\n" + (b"x" * 999 + b"\n") * 5000)
    reader = Reader(path)
    pieces = reader.follow.poll(2 << 20)
    assert [len(piece.data) // 1000 for piece in pieces] == [0, PIECE // 1000, PIECE // 1000]
    assert reader.follow.behind() == 5_001_000 - sum(len(piece.data) for piece in pieces)
    reader.follow.close()


def test_files_are_read_in_turn(tmp_path: Path) -> None:
    """A file with much to read does not keep another waiting."""
    (tmp_path / "a.log").write_bytes(b"a" * 99 + b"\n" + (b"x" * 999 + b"\n") * 9000)
    (tmp_path / "b.log").write_bytes(b"b\n")
    reader = Reader(tmp_path)
    first = reader.follow.poll(1 << 21) + reader.follow.poll(1 << 20)  # type: ignore[operator]
    assert b"b\n" in [piece.data for piece in first]
    reader.follow.close()


@pytest.mark.parametrize("pack", PACKINGS)
def test_a_line_too_long_costs_that_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[Path], Path]
) -> None:
    """Fluent Bit gives the file up; here its first bytes are given, it is told, and the next lines come whole."""
    monkeypatch.setattr(follow_lines, "LONGEST_LINE", 1 << 20)
    path = tmp_path / "audit.log"
    path.write_bytes(b"before\n" + b"z" * (3 << 20) + b"\nafter\n")
    packed = pack(path)
    os.utime(packed, (1, 1))
    reader = Reader(packed)
    assert reader.settle() == b"before\n" + b"z" * (1 << 16) + b"\nafter\n"
    assert "was cut to its first 64 KB" in reader.messages
    reader.restart()
    assert reader.settle() == b""


def test_a_line_of_a_megabyte_is_whole(log: Path) -> None:
    """Real audit events are that large."""
    reader = Reader(log)
    reader.read()
    line = b"m" * (3 << 20) + b"\n"
    append(log, line[: 1 << 20])
    assert reader.read(limit=1 << 16) == b""
    append(log, line[1 << 20 :])
    assert reader.read(limit=1 << 16) + reader.settle() == line


# Renaming


@pytest.mark.parametrize("pattern", ["audit.log", "audit.log*", "."])
@pytest.mark.parametrize("name", ["audit.log.1", "audit.log-20261125", "audit-2026-11-25T01-02-03.000.log"])
def test_a_renamed_file_is_read_to_its_end(log: Path, name: str, pattern: str) -> None:
    """Falco closes it undrained; here what its writer still writes is read, and its half line once, when it has ended."""
    reader = Reader(log.parent if pattern == "." else str(log.parent / pattern))
    assert reader.read() == LINES
    rotated = log.rename(log.parent / name)
    log.write_bytes(b"new file\n")
    append(rotated, MORE)
    assert sorted((reader.read() + reader.read()).splitlines()) == sorted((MORE + b"new file\n").splitlines())
    append(rotated, b"late\nhalf")
    assert reader.read(wait=4.0) == b"late\n"
    assert reader.ended == []
    assert reader.settle() == b"half"
    assert reader.ended == [reader.pieces[0].stream]
    assert reader.follow.behind() == 0


@pytest.mark.parametrize("pattern", ["audit.log", "audit.log*"])
@pytest.mark.parametrize("pack", PACKINGS)
def test_rotated_while_down(log: Path, pattern: str, pack: Callable[[Path], Path]) -> None:
    """A file that was rotated, and perhaps compressed, while vedette was down is read on from where it was."""
    reader = Reader(str(log.parent / pattern))
    reader.read()
    append(log, MORE + b"half")
    rotated = pack(log.rename(log.parent / "audit.log.1"))
    log.write_bytes(b"new file\n")
    os.utime(rotated, (1, 1))
    reader.restart()
    assert reader.lines() == sorted((MORE + b"half\nnew file\n").splitlines())
    assert [piece.stream for piece in reader.pieces if b"half" in piece.data] == [reader.pieces[0].stream]
    reader.restart()
    assert reader.settle() == b""


@pytest.mark.parametrize("pack", PACKINGS)
def test_rotated_twice_while_down(log: Path, pack: Callable[[Path], Path]) -> None:
    """Also the file that nobody ever saw, because it was begun and rotated meanwhile."""
    reader = Reader(log)
    reader.read()
    append(log, MORE)
    pack(log.rename(log.parent / "audit.log.2"))
    log.write_bytes(b"unseen\n")
    pack(log.rename(log.parent / "audit.log.1"))
    log.write_bytes(b"new file\n")
    reader.restart()
    assert reader.lines() == sorted((MORE + b"unseen\nnew file\n").splitlines())


@pytest.mark.parametrize("pattern", ["audit.log", "audit.log*"])
@pytest.mark.parametrize("pack", [pack_gzip, pack_zstd])
def test_compressed_after_reading_is_not_read_again(
    log: Path, pattern: str, pack: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vector reads it twice (#7990); here it is unpacked once, to see that it is the same, and not at each look."""
    reader = Reader(str(log.parent / pattern))
    reader.read()
    rotated = log.rename(log.parent / "audit.log.1")
    log.touch()
    assert reader.settle() == b""
    pack(rotated)
    opened: list[int] = []
    real = follow_lines.Unpacker

    def counted(descriptor: int, kind: str) -> follow_lines.Unpacker:
        opened.append(descriptor)
        return real(descriptor, kind)

    monkeypatch.setattr(follow_roster, "Unpacker", counted)
    assert reader.settle() == b""
    assert reader.settle() == b""
    assert len(opened) == 1
    reader.restart()
    assert reader.settle() == b""


def test_a_growing_gzip_file_waits_until_it_is_whole(tmp_path: Path) -> None:
    """A file that is being compressed is not taken for a broken one."""
    whole = gzip.compress(LINES)
    path = tmp_path / "audit.log.1.gz"
    path.touch()
    reader = Reader(str(tmp_path / "*"))
    assert reader.read() == b""
    for size in (20, 200, len(whole)):
        path.write_bytes(whole[:size])
        os.utime(path, (0, reader.base + reader.now))
        assert reader.read() == b""
        assert reader.read() == b""
    assert reader.settle() == LINES
    assert reader.messages == ""


def test_deleted_after_it_was_seen(log: Path) -> None:
    """What is open is read to its end though it has no name any more."""
    reader = Reader(log)
    reader.read(limit=10)
    append(log, MORE)
    log.unlink()
    assert reader.settle() == MORE
    assert len(reader.ended) == 1


def test_a_finished_file_that_grows_again(log: Path) -> None:
    """A writer that was told late writes on after all: as a stream of its own, and nothing is lost."""
    reader = Reader(log)
    reader.read()
    rotated = log.rename(log.parent / "audit.log.1")
    log.touch()
    reader.settle()
    append(rotated, MORE)
    assert reader.settle() == MORE
    assert reader.ended == [reader.pieces[0].stream, reader.pieces[0].stream + "~2"]


# Truncating


@pytest.mark.parametrize("pattern", ["audit.log", "audit.log*"])
@pytest.mark.parametrize("pack", PACKINGS)
@pytest.mark.parametrize("down", [False, True])
def test_copytruncate_is_read_on_in_the_copy(
    log: Path, pattern: str, pack: Callable[[Path], Path], *, down: bool
) -> None:
    """Filebeat gives it twice (#39731) or loses it (#45300); here what was not read is read from the copy, once."""
    reader = Reader(str(log.parent / pattern))
    assert reader.read() == LINES
    append(log, MORE + b"half")
    copytruncate(log, log.parent / "audit.log.1")
    packed = pack(log.parent / "audit.log.1")
    os.utime(packed, (1, 1))
    append(log, b"new file\n")
    if down:
        reader.restart()
    assert reader.lines() == sorted((MORE + b"half\nnew file\n").splitlines())
    assert len(set(reader.ended)) == 1
    assert reader.messages == ""


@pytest.mark.parametrize("down", [False, True])
def test_truncated_and_regrown(log: Path, *, down: bool) -> None:
    """Promtail reads on from the old offset (#924); a file that was truncated and has outgrown it is read from its begin."""
    reader = Reader(log)
    reader.read()
    first = reader.pieces[-1].stream
    log.write_bytes(MORE * 40)
    if down:
        reader.restart()
    assert reader.settle() == MORE * 40
    assert reader.ended == [first]


def test_truncated_and_regrown_with_the_same_begin(log: Path) -> None:
    """Also where its first 256 bytes are as before: those before the offset are not."""
    reader = Reader(log)
    reader.read()
    log.write_bytes(LINES[:HEAD] + MORE * 40)
    assert reader.settle() == LINES[:HEAD] + MORE * 40


def test_truncated_without_a_copy_is_told(log: Path) -> None:
    """What was gone before it could be read is a trouble, and says how much."""
    reader = Reader(log)
    reader.read()
    append(log, b"half a line")
    reader.read()
    os.truncate(log, 0)
    assert reader.settle() == b""
    assert "11 bytes or more were gone before they were read" in reader.messages
    reader.now += 3700
    assert reader.messages == ""


def test_pieces_joined_are_the_file(tmp_path: Path) -> None:
    """Byte for byte, whatever the bytes."""
    contents = {f"{n}.log": bytes([n]) + os.urandom(50_000) for n in range(5)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    reader = Reader(tmp_path)
    reader.read(limit=777)
    for name in contents:
        (tmp_path / name).unlink()
    reader.settle()
    assert sorted(joined(reader.pieces).values()) == sorted(contents.values())
