"""Standard input reaches the spool whole, and the stream ends with it."""

from __future__ import annotations

import errno
import gzip
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from vedette.sources import piped
from vedette.sources.base import Piece, Position
from vedette.sources.piped import STREAM, Piped
from vedette.store.segments import Segments


class Memory:
    """A spool that forgets nothing, and takes no more where `full`. (The real one is the store's.)"""

    def __init__(self) -> None:
        self.blocks: list[bytes] = []
        self.full = False
        self.refused = threading.Event()

    def append(self, data: bytes) -> None:
        """As `Spool`."""
        if self.full:
            self.refused.set()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        assert data.endswith(b"\n")
        self.blocks.append(data)

    def read(self, position: Position | None, limit: int) -> Sequence[tuple[bytes, Position, str]]:
        """As `Spool`."""
        start = 0 if position is None else int(str(position["block"]))
        found: list[tuple[bytes, Position, str]] = []
        for at, block in enumerate(self.blocks[start:], start + 1):
            if found and sum(len(data) for data, _, _ in found) + len(block) > limit:
                break
            found.append((block, {"block": at}, "segment"))
        return found

    def waiting(self, position: Position | None) -> int:
        """As `Spool`."""
        return sum(map(len, self.blocks[0 if position is None else int(str(position["block"])) :]))


class Pipe:
    """A pipe with a source at its end."""

    def __init__(self, spool: Memory) -> None:
        self.reader, self.writer = os.pipe()
        self.source = Piped("stdin", spool, self.reader)

    def end(self) -> None:
        """The writer closes."""
        if self.writer >= 0:
            os.close(self.writer)
        self.writer = -1


@pytest.fixture
def spool() -> Memory:
    """An empty spool."""
    return Memory()


@pytest.fixture
def opened(spool: Memory) -> Iterator[Callable[[], Pipe]]:
    """A function that makes a pipe with a source on the spool."""
    made: list[Pipe] = []

    def make() -> Pipe:
        made.append(Pipe(spool))
        return made[-1]

    yield make
    for pipe in made:
        pipe.source.close()
        pipe.end()
        os.close(pipe.reader)


def _until(source: Piped, wanted: Callable[[list[Piece]], bool], limit: int = 1 << 20) -> list[Piece]:
    pieces: list[Piece] = []
    deadline = time.monotonic() + 10
    while not wanted(pieces):
        assert time.monotonic() < deadline, (pieces, source.troubles())
        pieces += source.poll(limit)
        time.sleep(0.002)
    return pieces


def _ended(pieces: list[Piece]) -> bool:
    return bool(pieces) and pieces[-1].ends


def _text(pieces: Sequence[Piece]) -> bytes:
    return b"".join(piece.data for piece in pieces)


def test_lines_come_as_they_are_written_and_the_stream_ends_once(opened: Callable[[], Pipe], spool: Memory) -> None:
    """A half line waits for its end; at the end of the input a last line gets one, and one piece says so."""
    pipe = opened()
    os.write(pipe.writer, b"one\ntw")
    assert _text(_until(pipe.source, bool)) == b"one\n"
    os.write(pipe.writer, b"o\nthree")
    pieces = _until(pipe.source, bool)
    assert _text(pieces) == b"two\n"
    pipe.end()
    pieces = _until(pipe.source, _ended)
    assert _text(pieces) == b"three\n"
    assert pieces[-1] == Piece(STREAM, "segment", b"", {"block": 3}, ends=True)
    assert list(pipe.source.poll(100)) == []
    assert pipe.source.behind() == 0
    assert pipe.source.troubles() == []


def test_what_was_spooled_is_given_after_a_crash(opened: Callable[[], Pipe], spool: Memory) -> None:
    """A new run goes on from the committed position in the spool, then with its own input."""
    pipe = opened()
    os.write(pipe.writer, b"one\n")
    committed = _until(pipe.source, bool)[-1].position
    os.write(pipe.writer, b"two\n")
    assert _text(_until(pipe.source, bool)) == b"two\n"
    pipe.source.close()
    again = opened()
    again.source.resume({STREAM: committed})
    os.write(again.writer, b"three\n")
    again.end()
    assert _text(_until(again.source, _ended)) == b"two\nthree\n"


@pytest.mark.parametrize("data", [b"", b"\n", b"x", b"line\n" * 100_000, gzip.compress(b"line\n" * 100_000)])
def test_all_of_the_input_whatever_it_is(opened: Callable[[], Pipe], data: bytes) -> None:
    """Nothing, a few bytes, much, packed: all of it comes, in pieces of whole lines."""
    pipe = opened()

    def write() -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(pipe.writer, left) :]
        pipe.end()

    writer = threading.Thread(target=write)
    writer.start()
    pieces = _until(pipe.source, _ended, limit=10_000)
    writer.join()
    plain = gzip.decompress(data) if data[:1] == b"\x1f" else data
    assert _text(pieces) == plain + (b"" if plain.endswith(b"\n") or not plain else b"\n")
    assert all(piece.data.endswith(b"\n") for piece in pieces[:-1])


def test_broken_packed_data_is_told(opened: Callable[[], Pipe]) -> None:
    """What stood before the fault is given, then the stream ends with a trouble."""
    pipe = opened()
    os.write(pipe.writer, gzip.compress(b"line\n" * 1000)[:-9])
    pipe.end()
    pieces = _until(pipe.source, _ended)
    assert set(_text(pieces).split()) == {b"line"}
    assert [trouble.message for trouble in pipe.source.troubles()] == ["the gzip data is cut off"]


def test_a_full_spool_stops_the_writer_and_loses_nothing(
    opened: Callable[[], Pipe], spool: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pipe fills up, the trouble says why; when there is room again all comes and the trouble goes."""
    monkeypatch.setattr(piped, "_RETRY", 0.01)
    spool.full = True
    pipe = opened()
    os.set_blocking(pipe.writer, False)
    assert list(pipe.source.poll(1)) == []
    written = b""
    deadline = time.monotonic() + 10
    blocked = 0
    while blocked < 20:
        assert time.monotonic() < deadline
        assert len(written) < 1 << 20
        line = b"line %d\n" % len(written)
        try:
            assert os.write(pipe.writer, line) == len(line)
            written += line
        except BlockingIOError:
            blocked += 1
            assert spool.refused.wait(5)
            time.sleep(0.002)
    (trouble,) = pipe.source.troubles()
    assert trouble.message == "is not read further, for its spool takes no more: No space left on device"
    spool.full = False
    pipe.end()
    assert _text(_until(pipe.source, _ended)) == written
    assert pipe.source.troubles() == []


def test_close_does_not_wait_for_the_writer(opened: Callable[[], Pipe], spool: Memory) -> None:
    """A source that waits for input, or for room, ends at once, and what it had not spooled stays unspooled."""
    pipe = opened()
    os.write(pipe.writer, b"one\nhalf")
    _until(pipe.source, bool)
    spool.full = True
    other = opened()
    os.write(other.writer, b"refused\n")
    assert list(other.source.poll(1 << 20)) == [Piece(STREAM, "segment", b"one\n", {"block": 1})]
    assert spool.refused.wait(5)
    begin = time.monotonic()
    pipe.source.close()
    other.source.close()
    assert time.monotonic() - begin < 5
    assert spool.blocks == [b"one\n"]


def test_what_was_given_survives_kill_9(tmp_path: Path) -> None:
    """With the store's own spool: whatever a killed process had given, the next one gives again, each line once, and
    then goes on with its own input."""
    code = (
        "import sys; from pathlib import Path; from vedette.sources.piped import Piped\n"
        "from vedette.store.segments import Segments\n"
        "source = Piped('stdin', Segments(Path(sys.argv[1])))\n"
        "while True:\n"
        "    for piece in source.poll(1 << 20): sys.stdout.buffer.write(piece.data); sys.stdout.flush()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "spool")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        given = []
        for number in range(200):
            process.stdin.write(b"line %d\n" % number)
            process.stdin.flush()
            if number % 20 == 19:
                given += [process.stdout.readline() for _ in range(20)]
        process.kill()
        process.wait()
    reader, writer = os.pipe()
    os.write(writer, b"line 200\n")
    os.close(writer)
    spool = Segments(tmp_path / "spool")
    source = Piped("stdin", spool, reader)
    assert _text(_until(source, _ended)).splitlines(keepends=True) == [*given, b"line 200\n"]
    source.close()
    spool.close()
    os.close(reader)


def test_a_descriptor_that_cannot_be_read(spool: Memory) -> None:
    """It is a trouble, and the stream ends."""
    reader, writer = os.pipe()
    os.close(reader)
    source = Piped("stdin", spool, writer)
    pieces = _until(source, _ended)
    assert _text(pieces) == b""
    assert source.troubles()[0].message == "cannot be read: Bad file descriptor"
    source.close()
    os.close(writer)
