"""Files are found, opened and cut without losing a byte."""

from __future__ import annotations

import gzip
import os
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.sources import files
from vedette.sources.compressed import Broken
from vedette.sources.files import Range, chunks, describe, discover, ranges, whole_lines

LINES = b"".join(b"line %d %s\n" % (n, b"x" * (n % 97)) for n in range(20_000))


def _all(path: Path) -> bytes:
    return b"".join(chunks(describe(str(path)), Range(0, 0)))


def test_folders_globs_and_files_in_order_and_once(tmp_path: Path) -> None:
    """Hidden files and files that are no logs are passed over in folders; what is named twice is read once."""
    for name in ("b.log", "a.jsonl", "notes.md", ".hidden", "deep/audit.log.1", "vedette.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n")
    found, problems = discover([str(tmp_path), str(tmp_path / "*.log"), "-"])
    assert [Path(name).name for name in found] == ["a.jsonl", "b.log", "audit.log.1", "-"]
    assert problems == []
    assert discover([str(tmp_path / "notes.md")]) == ([str(tmp_path / "notes.md")], [])


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """A path that is not there, a glob without a match, a folder without logs."""
    found, problems = discover([str(tmp_path), str(tmp_path / "none.log"), str(tmp_path / "*.gz")])
    assert found == []
    assert [problem.partition(": ")[2] for problem in problems] == [
        "no log file in this folder",
        "no such file or folder",
        "no such file or folder",
    ]


@given(st.lists(st.binary(max_size=12), max_size=12))
def test_chunks_end_at_line_ends_and_lose_nothing(blocks: list[bytes]) -> None:
    """Whatever the blocks, the chunks joined are the blocks joined, and only the last may lack its line end."""
    cut = list(whole_lines(iter([block.replace(b"x", b"\n") for block in blocks])))
    assert b"".join(cut) == b"".join(block.replace(b"x", b"\n") for block in blocks)
    assert all(chunk.endswith(b"\n") for chunk in cut[:-1])


def test_ranges_cover_the_file_at_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut anywhere, the ranges give each line once."""
    monkeypatch.setattr(files, "_RANGE", 10_007)
    path = tmp_path / "log"
    path.write_bytes(LINES + b"no line end")
    file = describe(str(path))
    parts = ranges(file, 0)
    assert len(parts) > 50
    read = [b"".join(chunks(file, part)) for part in parts]
    assert b"".join(read) == LINES + b"no line end"
    assert all(text.endswith(b"\n") for text in read[:-1])


def test_compressed_files_are_told_by_their_first_bytes(tmp_path: Path) -> None:
    """gzip of several members and zstd of several frames, whatever the file is called."""
    from tests.sources.packed import zstd

    (tmp_path / "a.log").write_bytes(gzip.compress(LINES[:1000]) + gzip.compress(LINES[1000:]))
    (tmp_path / "b.log").write_bytes(zstd(LINES[:1000]) + zstd(LINES[1000:]))
    assert describe(str(tmp_path / "a.log")).packing == "gzip"
    assert _all(tmp_path / "a.log") == LINES
    assert _all(tmp_path / "b.log") == LINES


@pytest.mark.parametrize("cut", [1, 9, 200, 5000])
def test_lines_before_a_cut_are_given(tmp_path: Path, cut: int) -> None:
    """A gzip or zstd file that was cut off gives every line that it still holds, then says what is wrong."""
    from tests.sources.packed import zstd

    noise = b"".join(os.urandom(20).hex().encode() + b"\n" for _ in range(3000))
    for packed in (gzip.compress(noise), zstd(noise)):
        path = tmp_path / "cut"
        path.write_bytes(packed[:-cut])
        given: list[bytes] = []
        with pytest.raises(Broken, match="cut off"):
            given.extend(chunks(describe(str(path)), Range(0, 0)))
        got = b"".join(given)
        assert noise.startswith(got)
        assert len(got) >= len(noise) * (1 - 3 * (cut + 70_000) / len(packed))


def test_a_corrupt_gzip_gives_as_much_as_zlib_does(tmp_path: Path) -> None:
    """Bytes overwritten in the middle: the fast library keeps some lines back, none may be lost."""
    import zlib

    noise = b"".join(os.urandom(20).hex().encode() + b"\n" for _ in range(20_000))
    packed = bytearray(gzip.compress(noise))
    packed[len(packed) // 2 : len(packed) // 2 + 64] = b"\xff" * 64
    (tmp_path / "bad").write_bytes(packed)
    plain, decoder = b"", zlib.decompressobj(wbits=31)
    try:
        for at in range(len(packed)):
            plain += decoder.decompress(bytes(packed[at : at + 1]))
    except zlib.error:
        pass
    given: list[bytes] = []
    with pytest.raises(Broken):
        given.extend(chunks(describe(str(tmp_path / "bad")), Range(0, 0)))
    assert b"".join(given) == plain


def test_an_endless_line_costs_itself_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line beyond the bound is cut to its first bytes; the lines around it are whole."""
    monkeypatch.setattr(files, "LONGEST_LINE", 3 << 20)
    (tmp_path / "long").write_bytes(b"before\n" + b"y" * (9 << 20) + b"\nafter\n")
    read = _all(tmp_path / "long").split(b"\n")
    assert (read[0], read[2]) == (b"before", b"after")
    assert 0 < len(read[1]) <= 1 << 17


def test_a_thread_that_is_left_early_ends() -> None:
    """Closing the reader ends the thread that reads ahead."""
    import threading

    from vedette.sources.ahead import ahead

    taken = ahead(iter(range(1_000_000)))
    assert next(taken) == 0
    taken.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]


@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd"])
def test_a_pipe_is_unpacked_by_its_first_bytes(tmp_path: Path, packing: str) -> None:
    """What can be read but once, and comes in pieces that split a header, gives the same lines as a file."""
    from tests.sources.packed import zstd

    packed = {"plain": lambda data: data, "gzip": gzip.compress, "zstd": zstd}[packing]
    pieces = [packed(LINES[:1000]), packed(LINES[1000:])]
    whole = b"".join(pieces)
    cuts = [1, 2, len(pieces[0]) + 1, len(whole)]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb", buffering=0) as out:
            for begin, end in pairwise([0, *cuts]):
                out.write(whole[begin:end])
                time.sleep(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    assert _all(pipe) == LINES
    writer.join()


def test_a_folder_is_read_to_an_end(tmp_path: Path) -> None:
    """A pipe in it would be waited for without end; a link to a folder is followed, a ring of links once."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "logs" / "a.log").write_bytes(b"x\n")
    (tmp_path / "elsewhere" / "b.log").write_bytes(b"x\n")
    os.mkfifo(tmp_path / "logs" / "pipe")
    (tmp_path / "logs" / "further").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "ring").symlink_to(tmp_path / "logs")
    (tmp_path / "logs" / "gone.log").symlink_to(tmp_path / "nothing")
    found, problems = discover([str(tmp_path / "logs")])
    assert [Path(name).name for name in found] == ["a.log", "gone.log", "b.log"]
    assert problems == []


def test_a_folder_that_cannot_be_entered_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in it is not read, and that is said."""
    (tmp_path / "a.log").write_bytes(b"x\n")
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refusing(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found, problems = discover([str(tmp_path)])
    assert [Path(name).name for name in found] == ["a.log"]
    assert [problem.endswith("closed: Permission denied") for problem in problems] == [True]
