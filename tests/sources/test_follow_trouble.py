"""What cannot be followed is told, tried again, and costs the other files nothing."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources.following import (
    LINES,
    MORE,
    Reader,
    append,
    descriptors,
)
from vedette.sources import follow_track


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with lines."""
    path = tmp_path / "audit.log"
    path.write_bytes(LINES)
    return path


def _as_nobody() -> Iterator[None]:
    if os.geteuid() == 0:
        os.seteuid(65534)
    yield
    if os.getuid() == 0:
        os.seteuid(0)


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[None]:
    """Rights count, also where tests are run by root."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    yield from _as_nobody()


def test_what_may_not_be_read_is_told_and_tried_again(log: Path, nobody: None) -> None:
    """The others are read meanwhile, and it is read once it may be."""

    def rights(path: Path, mode: int) -> None:
        os.seteuid(os.getuid())
        path.chmod(mode)
        next(_as_nobody())

    os.seteuid(os.getuid())
    other = log.with_name("other.log")
    other.write_bytes(b"other\n")
    rights(log, 0)
    reader = Reader(log, other)
    assert reader.read() == b"other\n"
    assert f"{log}: Permission denied -> let the user that vedette runs as read it" in reader.messages
    rights(log, 0o644)
    assert reader.read() == LINES
    assert reader.messages == ""
    rights(log, 0)
    reader.restart()
    assert reader.settle() == b""
    assert "Permission denied" in reader.messages
    rights(log, 0o644)
    os.seteuid(os.getuid())
    append(log, MORE)
    next(_as_nobody())
    assert reader.read() == MORE


def test_a_folder_that_may_not_be_listed_ends_nothing(log: Path, nobody: None) -> None:
    """A file that cannot be seen is not taken for one that is gone."""
    os.seteuid(os.getuid())
    folder = log.parent / "deep"
    folder.mkdir()
    moved = log.rename(folder / "audit.log")
    reader = Reader(folder)
    reader.read()
    folder.chmod(0)
    next(_as_nobody())
    reader.restart()
    assert reader.settle() == b""
    assert reader.ended == []
    assert "Permission denied" in reader.messages
    os.seteuid(os.getuid())
    folder.chmod(0o755)
    append(moved, MORE)
    assert reader.settle() == MORE


def test_pipes_folders_and_odd_files_are_told(tmp_path: Path) -> None:
    """A pipe is not opened, xz is not read, standard input is not followed, cut gzip data is given as far as it goes."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.xz").write_bytes(b"\xfd7zXZ\x00rest")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(os.urandom(4000).hex().encode() + b"\n" + LINES)[:-20])
    (tmp_path / "good.log").write_bytes(b"good\n")
    os.utime(tmp_path / "cut.gz", (1, 1))
    reader = Reader(*(tmp_path / name for name in ("pipe", "a.xz", "cut.gz", "good.log", "none.log")), "-")
    assert b"good\n" in reader.settle()
    for told in ("pipe: is no regular file", "a.xz: is compressed in a way", "cut.gz: the gzip data is cut off"):
        assert told in reader.messages
    for told in ("none.log: no such file or folder -> create it", "standard input cannot be followed"):
        assert told in reader.messages


def test_a_file_missing_for_a_moment_is_no_trouble(log: Path) -> None:
    """Between a rename and the new file nothing is wrong; after five seconds it is."""
    reader = Reader(log)
    reader.read()
    log.rename(log.parent / "audit.log.1")
    reader.read()
    assert reader.messages == ""
    reader.settle()
    assert "no such file or folder" in reader.messages
    log.touch()
    reader.read()
    assert reader.messages == ""


def test_the_folder_vanishes_and_comes_back(tmp_path: Path) -> None:
    """What was open is finished, what comes is read."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.log").write_bytes(LINES)
    reader = Reader(folder)
    reader.read()
    shutil.rmtree(folder)
    assert reader.settle() == b""
    assert len(reader.ended) == 1
    folder.mkdir()
    (folder / "a.log").write_bytes(MORE)
    assert reader.settle() == MORE


def test_descriptors_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More files than may be open are read nevertheless, and go on growing."""
    monkeypatch.setattr(follow_track, "OPEN", 8)
    for number in range(40):
        (tmp_path / f"{number:02d}.log").write_bytes(b"%d\n" % number)
    before = descriptors()
    reader = Reader(tmp_path)
    assert len(reader.read().splitlines()) == 40
    assert descriptors() - before <= 9
    for number in range(40):
        append(tmp_path / f"{number:02d}.log", b"more\n")
    assert reader.settle() == b"more\n" * 40
    (tmp_path / "07.log").rename(tmp_path / "07.log.1")
    append(tmp_path / "07.log.1", b"rotated\n")
    assert reader.settle() == b"rotated\n"
    reader.follow.close()
    assert descriptors() == before


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """A file name's bytes are anybody's; positions are JSON all the same."""
    path = tmp_path / os.fsdecode(b"caf\xe9.log")
    path.write_bytes(LINES)
    reader = Reader(tmp_path)
    assert reader.read() == LINES
    assert all(piece.name.encode() for piece in reader.pieces)
    reader.restart()
    append(path, MORE)
    assert reader.settle() == MORE
    assert reader.ended == []
