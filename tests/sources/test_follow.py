"""Followed files: known by what is in them, read through rotation, each line once."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.sources.packed import zstd
from vedette.sources import follow_lines, follow_roster, follow_track
from vedette.sources.base import Piece, Position, Source
from vedette.sources.follow import PIECE, Follow
from vedette.sources.follow_identity import HEAD, family, parse

LINES = b"".join(b"%06d %s\n" % (n, b"x" * (n % 97)) for n in range(200))
MORE = b"".join(b"%06d more\n" % n for n in range(200, 260))


def _joined(pieces: Sequence[Piece]) -> dict[str, bytes]:
    joined: dict[str, bytes] = {}
    for piece in pieces:
        joined[piece.stream] = joined.get(piece.stream, b"") + piece.data
    return joined


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
        return sorted(line for data in _joined(self.pieces[before:]).values() for line in data.splitlines())

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


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with lines."""
    path = tmp_path / "audit.log"
    path.write_bytes(LINES)
    return path


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def _zstd(path: Path) -> Path:
    packed = path.with_name(path.name + ".zst")
    packed.write_bytes(zstd(path.read_bytes()))
    path.unlink()
    return packed


def _gzip(path: Path) -> Path:
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return packed


def _keep(path: Path) -> Path:
    return path


def _truncate(path: Path, copy: Path) -> None:
    shutil.copyfile(path, copy)
    os.truncate(path, 0)


PACKINGS: list[Callable[[Path], Path]] = [_keep, _gzip, _zstd]


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
    _append(log, MORE)
    assert reader.read() == MORE
    assert len({piece.stream for piece in reader.pieces}) == 1
    assert {piece.name for piece in reader.pieces} == {str(log)}


def test_a_half_line_waits(log: Path) -> None:
    """Only whole lines are given and advance the position, be the parts as small as they may."""
    reader = Reader(log)
    reader.read()
    for byte in b"half a line":
        _append(log, bytes([byte]))
        assert reader.read(wait=0.01) == b""
    assert reader.positions[reader.pieces[0].stream]["offset"] == len(LINES)
    _append(log, b"\nnext")
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
    _append(log, line[: 1 << 20])
    assert reader.read(limit=1 << 16) == b""
    _append(log, line[1 << 20 :])
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
    _append(rotated, MORE)
    assert sorted((reader.read() + reader.read()).splitlines()) == sorted((MORE + b"new file\n").splitlines())
    _append(rotated, b"late\nhalf")
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
    _append(log, MORE + b"half")
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
    _append(log, MORE)
    pack(log.rename(log.parent / "audit.log.2"))
    log.write_bytes(b"unseen\n")
    pack(log.rename(log.parent / "audit.log.1"))
    log.write_bytes(b"new file\n")
    reader.restart()
    assert reader.lines() == sorted((MORE + b"unseen\nnew file\n").splitlines())


@pytest.mark.parametrize("pattern", ["audit.log", "audit.log*"])
@pytest.mark.parametrize("pack", [_gzip, _zstd])
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
    _append(log, MORE)
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
    _append(rotated, MORE)
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
    _append(log, MORE + b"half")
    _truncate(log, log.parent / "audit.log.1")
    packed = pack(log.parent / "audit.log.1")
    os.utime(packed, (1, 1))
    _append(log, b"new file\n")
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
    _append(log, b"half a line")
    reader.read()
    os.truncate(log, 0)
    assert reader.settle() == b""
    assert "11 bytes or more were gone before they were read" in reader.messages
    reader.now += 3700
    assert reader.messages == ""


# Identity


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
        _append(path, b"b" * 100 + b"\n")
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
    _append(pods / "0.log", MORE)
    _gzip((pods / "0.log").rename(pods / "0.log.20261125-101500"))
    (pods / "0.log").write_bytes(b"second\n")
    reader.restart()
    assert reader.lines() == sorted((MORE + b"second\n").splitlines())
    (pods / "1.log").write_bytes(b"third\n")
    link.unlink()
    link.symlink_to(pods / "1.log")
    _append(pods / "0.log", b"last words\n")
    assert reader.lines() == [b"last words", b"third"]


# Where to begin


def test_old_rotated_files_are_left_alone(log: Path) -> None:
    """Beside a path that is named, rotated files are read only where they were written after what is known."""
    for name in ("audit.log.1", "audit.log-20261101", "audit-2026-11-25T01-02-03.000.log", "audit.log.2.gz"):
        path = log.with_name(name)
        path.write_bytes(gzip.compress(b"old\n") if name.endswith("gz") else name.encode() + b"\n")
        os.utime(path, (1, 1))
    os.utime(log, (2, 2))
    reader = Reader(log)
    assert reader.settle() == LINES
    os.utime(_gzip(log.with_name("audit.log.1")), (3, 3))
    assert reader.settle() == b""
    _append(log, MORE)
    assert reader.settle() == MORE
    reader.restart()
    assert reader.settle() == b""


def test_start_at_the_end(log: Path) -> None:
    """What is there before the first start is passed over; what comes, and any new file, is read."""
    _append(log, b"half")
    old = log.with_name("audit.log.2")
    old.write_bytes(b"old\n")
    _gzip(old)
    reader = Reader(str(log) + "*", start="end")
    assert reader.settle() == b""
    assert len(reader.positions) == 2
    reader.restart()
    _append(log, b" whole\n")
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
    packed = _gzip(rotated)
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


# What goes wrong


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
    _append(log, MORE)
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
    _append(moved, MORE)
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
    before = _descriptors()
    reader = Reader(tmp_path)
    assert len(reader.read().splitlines()) == 40
    assert _descriptors() - before <= 9
    for number in range(40):
        _append(tmp_path / f"{number:02d}.log", b"more\n")
    assert reader.settle() == b"more\n" * 40
    (tmp_path / "07.log").rename(tmp_path / "07.log.1")
    _append(tmp_path / "07.log.1", b"rotated\n")
    assert reader.settle() == b"rotated\n"
    reader.follow.close()
    assert _descriptors() == before


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """A file name's bytes are anybody's; positions are JSON all the same."""
    path = tmp_path / os.fsdecode(b"caf\xe9.log")
    path.write_bytes(LINES)
    reader = Reader(tmp_path)
    assert reader.read() == LINES
    assert all(piece.name.encode() for piece in reader.pieces)
    reader.restart()
    _append(path, MORE)
    assert reader.settle() == MORE
    assert reader.ended == []


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
    assert sorted(_joined(reader.pieces).values()) == sorted(contents.values())
