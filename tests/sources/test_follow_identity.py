"""Followed files are known by what is in them, and begun where they must be."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import pytest

from tests.sources.following import (
    LINES,
    MORE,
    Reader,
    append,
    pack_gzip,
)
from vedette.sources.base import Position
from vedette.sources.follow_identity import HEAD, family, parse


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with lines."""
    path = tmp_path / "audit.log"
    path.write_bytes(LINES)
    return path


def test_an_inode_alone_is_no_identity(tmp_path: Path) -> None:
    """Fluent Bit (#8025) and Filebeat (#1341) skip the begin of a new file that got the inode of a deleted one."""
    old, new = tmp_path / "a.log", tmp_path / "b.log"
    old.write_bytes(LINES)
    reader = Reader(tmp_path)
    reader.read()
    inode = old.stat().st_ino
    reader.follow.close()
    old.rename(new)
    new.write_bytes(MORE * 40)
    assert new.stat().st_ino == inode
    reader.restart()
    assert reader.settle() == MORE * 40


def test_another_inode_is_the_same_file(log: Path) -> None:
    """A file that was restored, or whose device got another number, is not read again."""
    reader = Reader(log)
    reader.read()
    content = log.read_bytes()
    spare = log.with_name("spare")
    spare.write_bytes(content + MORE)
    spare.replace(log)
    reader.restart()
    assert reader.settle() == MORE


def test_a_short_file_keeps_its_stream(tmp_path: Path) -> None:
    """Its head is hashed as far as it goes, and further as it grows."""
    path = tmp_path / "audit.log"
    path.write_bytes(b"a\n")
    reader = Reader(path)
    reader.read()
    for _ in range(3):
        reader.restart()
        append(path, b"b" * 100 + b"\n")
        assert reader.read() == b"b" * 100 + b"\n"
    assert len({piece.stream for piece in reader.pieces}) == 1
    assert reader.pieces[-1].position["head_len"] == HEAD


def test_files_that_begin_alike_are_all_read(tmp_path: Path) -> None:
    """A header of 256 bytes and more makes no file a copy of another; nor is a copy read as well."""
    header = b"#" * 300 + b"\n"
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_bytes(header + name.encode() + b"\n")
    shutil.copyfile(tmp_path / "a.log", tmp_path / "c.log")
    (tmp_path / "d.log.gz").write_bytes(gzip.compress(header + b"d\n"))
    os.utime(tmp_path / "d.log.gz", (1, 1))
    reader = Reader(tmp_path)
    assert reader.settle().count(b"\n") == 6
    reader.restart()
    assert reader.settle() == b""


def test_a_file_of_several_names_is_read_once(log: Path) -> None:
    """A hard link, a symbolic one, a path named twice."""
    log.with_name("link.log").symlink_to(log)
    log.with_name("hard.log").hardlink_to(log)
    assert Reader(log.parent, log, str(log.parent / "*.log")).settle() == LINES


def test_kubernetes_links_are_followed_when_they_move(tmp_path: Path) -> None:
    """/var/log/containers names links; the kubelet renames and compresses what they lead to, in another folder."""
    pods, containers = tmp_path / "pods", tmp_path / "containers"
    pods.mkdir()
    containers.mkdir()
    (pods / "0.log").write_bytes(LINES)
    link = containers / "pod_ns_c-0123.log"
    link.symlink_to(pods / "0.log")
    reader = Reader(str(containers / "*.log"))
    assert reader.read() == LINES
    append(pods / "0.log", MORE)
    pack_gzip((pods / "0.log").rename(pods / "0.log.20261125-101500"))
    (pods / "0.log").write_bytes(b"second\n")
    reader.restart()
    assert reader.lines() == sorted((MORE + b"second\n").splitlines())
    (pods / "1.log").write_bytes(b"third\n")
    link.unlink()
    link.symlink_to(pods / "1.log")
    append(pods / "0.log", b"last words\n")
    assert reader.lines() == [b"last words", b"third"]


def test_old_rotated_files_are_left_alone(log: Path) -> None:
    """Beside a path that is named, rotated files are read only where they were written after what is known."""
    for name in ("audit.log.1", "audit.log-20261101", "audit-2026-11-25T01-02-03.000.log", "audit.log.2.gz"):
        path = log.with_name(name)
        path.write_bytes(gzip.compress(b"old\n") if name.endswith("gz") else name.encode() + b"\n")
        os.utime(path, (1, 1))
    os.utime(log, (2, 2))
    reader = Reader(log)
    assert reader.settle() == LINES
    os.utime(pack_gzip(log.with_name("audit.log.1")), (3, 3))
    assert reader.settle() == b""
    append(log, MORE)
    assert reader.settle() == MORE
    reader.restart()
    assert reader.settle() == b""


def test_a_log_begun_and_rotated_between_two_looks(tmp_path: Path) -> None:
    """Where nothing was at the first look but an old rotated file, what is rotated since is read."""
    log = tmp_path / "audit.log"
    (tmp_path / "audit.log.1").write_bytes(b"old\n")
    os.utime(tmp_path / "audit.log.1", (1, 1))
    reader = Reader(log)
    assert reader.read() == b""
    (tmp_path / "audit.log.1").rename(tmp_path / "audit.log.2")
    (tmp_path / "audit.log.1").write_bytes(MORE)
    log.write_bytes(b"new file\n")
    assert reader.lines() == sorted((MORE + b"new file\n").splitlines())


def test_start_at_the_end(log: Path) -> None:
    """What is there before the first start is passed over; what comes, and any new file, is read."""
    append(log, b"half")
    old = log.with_name("audit.log.2")
    old.write_bytes(b"old\n")
    pack_gzip(old)
    reader = Reader(str(log) + "*", start="end")
    assert reader.settle() == b""
    assert len(reader.positions) == 2
    reader.restart()
    append(log, b" whole\n")
    log.with_name("audit.log.new").write_bytes(MORE)
    assert reader.lines() == sorted(b"half whole\n".splitlines() + MORE.splitlines())
    reader.restart({})
    assert reader.settle() == b""


def test_new_files_in_a_folder_are_read_from_their_begin(tmp_path: Path) -> None:
    """Files that appear later, in folders that appear later."""
    reader = Reader(tmp_path / "logs")
    assert reader.read() == b""
    assert "no such file or folder" in reader.messages
    (tmp_path / "logs/deep").mkdir(parents=True)
    (tmp_path / "logs/deep/a.log").write_bytes(LINES)
    (tmp_path / "logs/notes.md").write_bytes(MORE)
    assert reader.read() == LINES
    assert reader.messages == ""


def test_positions_of_another_version(log: Path) -> None:
    """They are told, and the file is begun as a new one is."""
    reader = Reader(log)
    garbage: list[Position] = [{}, {"path": 1}, {"offset": 5, "inode": 7}]
    reader.read()
    garbage.append(dict(reader.pieces[-1].position) | {"offset": -1})
    garbage.append(dict(reader.pieces[-1].position) | {"head": None})
    garbage.append(dict(reader.pieces[-1].position) | {"done": 0})
    assert [parse("s", position) for position in garbage] == [None] * len(garbage)
    reader.restart({str(number): position for number, position in enumerate(garbage)})
    assert reader.read() == LINES
    assert reader.messages.count("another version") == len(garbage)


def test_positions_are_forgotten_an_hour_after_the_file(log: Path) -> None:
    """Not before it is finished, and not while a copy is there."""
    reader = Reader(log)
    reader.read()
    rotated = log.rename(log.parent / "audit.log.1")
    log.touch()
    reader.settle()
    packed = pack_gzip(rotated)
    reader.settle()
    reader.now += 7200
    reader.read()
    assert reader.follow.committed(reader.positions) == []
    packed.unlink()
    reader.read()
    assert reader.follow.committed({}) == []
    reader.now += 3700
    assert reader.follow.committed({}) == [reader.pieces[0].stream]
    assert reader.follow.committed({}) == []


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("/l/audit.log", "/l/audit.log"),
        ("/l/audit.log.1", "/l/audit.log"),
        ("/l/audit.log.12.gz", "/l/audit.log"),
        ("/l/audit.log-20261125.zst", "/l/audit.log"),
        ("/l/audit.log-20261125-1764032400", "/l/audit.log"),
        ("/l/audit.log.old", "/l/audit.log"),
        ("/l/audit.log-2026112518.backup", "/l/audit.log"),
        ("/l/audit-2026-11-25T01-02-03.000.log.gz", "/l/audit.log"),
        ("/l/0.log.20261125-101500", "/l/0.log"),
        ("/l/web-1.log", "/l/web-1.log"),
        ("/l/audit-policy.log", "/l/audit-policy.log"),
        ("/l/.1", "/l/.1"),
    ],
)
def test_names_that_rotation_gives(name: str, before: str) -> None:
    """A name tells what a file was called before it was rotated."""
    assert family(name) == before
