"""Segments: whole lines or none, whatever ends the writer, and room that is given back."""

from __future__ import annotations

import errno
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.disks import fill, small_disk
from vedette.store.segments import Limits, Position, Segments, names


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def line(number: int, size: int = 60) -> bytes:
    """A line that zstd cannot make much smaller."""
    return b"%d %s\n" % (number, random.Random(number).randbytes(size // 2).hex().encode())


def everything(segments: Segments, position: Position | None = None) -> bytes:
    """All that can be read behind a position."""
    return b"".join(block for block, _, _ in segments.read(position, 1 << 40))


@pytest.fixture
def segments(tmp_path: Path) -> Iterator[Segments]:
    """An empty folder of segments."""
    made = Segments(tmp_path / "kept")
    yield made
    made.close()


def test_what_was_appended_is_read_in_order_by_another(segments: Segments) -> None:
    """A reader that opens the folder later sees the same lines."""
    for number in range(50):
        segments.append(line(number))
    segments.close()
    again = Segments(segments.folder)
    assert everything(again) == everything(segments) == b"".join(map(line, range(50)))
    again.close()


def test_a_position_goes_on_where_it_ended(segments: Segments) -> None:
    """Each block's position leads to the blocks behind it, whatever the limit, and to nothing at the end."""
    for number in range(20):
        segments.append(line(number))
    for limit in (1, 100, 10_000):
        position: Position | None = None
        found = b""
        while blocks := segments.read(position, limit):
            found += b"".join(block for block, _, _ in blocks)
            position = blocks[-1][1]
        assert found == b"".join(map(line, range(20)))
        assert segments.waiting(position) == 0
        assert position == segments.position
    assert segments.waiting(None) == (segments.folder / segments.names()[0]).stat().st_size


def test_what_is_not_synced_is_not_read(segments: Segments) -> None:
    """A reader sees durable lines only."""
    segments.append(line(1))
    segments.write(line(2))
    assert everything(segments) == line(1)
    segments.sync()
    assert everything(segments) == line(1) + line(2)


def test_a_torn_tail_costs_the_torn_frame_alone(segments: Segments) -> None:
    """Cut at every byte of the last frame: all before it is there, the torn part is gone, and appending goes on."""
    for number in range(5):
        segments.append(line(number))
    before = segments.position["offset"]
    assert isinstance(before, int)
    segments.append(line(5, 200))
    segments.close()
    path = segments.folder / segments.names()[0]
    whole = path.read_bytes()
    for end in range(before, len(whole) + 1):
        path.write_bytes(whole[:end])
        again = Segments(segments.folder)
        kept = b"".join(map(line, range(5))) + (line(5, 200) if end == len(whole) else b"")
        assert everything(again) == kept
        again.append(line(6))
        assert everything(again) == kept + line(6)
        again.close()


@given(tail=st.binary(max_size=300))
def test_any_garbage_behind_the_end_is_cut_off(tail: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a crash left behind the last frame, zeros included, hides nothing that is appended later."""
    folder = tmp_path_factory.mktemp("torn")
    first = Segments(folder)
    first.append(line(1))
    first.close()
    with (folder / first.names()[0]).open("ab") as file:
        file.write(b"\0" + tail)
    again = Segments(folder)
    again.append(line(2))
    assert everything(again) == line(1) + line(2)
    again.close()


def test_cut_removes_what_was_never_committed(tmp_path: Path) -> None:
    """Back to a position: frames and whole segments behind it are gone, what stands before it is not."""
    clock = Clock()
    segments = Segments(tmp_path, Limits(age=10.0), clock)
    segments.append(line(1))
    position = segments.position
    segments.append(line(2))
    for number in (3, 4):
        clock.now += 11
        segments.append(line(number))
    assert len(segments.names()) == 3
    segments.cut(position)
    assert everything(segments) == line(1)
    segments.append(line(5))
    assert everything(segments, position) == line(5)
    segments.close()
    assert everything(Segments(tmp_path)) == line(1) + line(5)


def test_segments_roll_by_size_and_by_age(tmp_path: Path) -> None:
    """A full one and an old one are left for the next; the order of the names is the order of the lines."""
    clock = Clock()
    segments = Segments(tmp_path, Limits(size=1000, age=100.0), clock)
    for number in range(30):
        segments.append(line(number, 200))
    rolled = segments.names()
    assert len(rolled) > 2
    assert all(1000 <= (tmp_path / name).stat().st_size < 1400 for name in rolled[:-1])
    clock.now += 101
    segments.append(line(30, 200))
    clock.now -= 90_000  # the clock is set back: still behind
    segments.append(line(31, 200))
    assert len(segments.names()) > len(rolled)
    assert everything(segments) == b"".join(line(number, 200) for number in range(32))
    segments.close()


def test_long_data_becomes_frames_of_whole_lines(segments: Segments) -> None:
    """Megabytes at once, a line longer than a frame among them, are cut at line ends."""
    data = b"".join(line(number) for number in range(40_000)) + b"x" * 3_000_000 + b"\n" + line(1)
    segments.append(data)
    blocks = [block for block, _, _ in segments.read(None, 1 << 40)]
    assert len(blocks) > 3
    assert all(block.endswith(b"\n") for block in blocks)
    assert b"".join(blocks) == data


def test_threads_append_whole_batches(segments: Segments) -> None:
    """Batches of several threads do not mix, and none is lost."""

    def work(who: int) -> None:
        for batch in range(20):
            segments.append(b"".join(b"%d.%d.%d\n" % (who, batch, part) for part in range(5)))

    threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = everything(segments).splitlines()
    batches = [lines[at : at + 5] for at in range(0, len(lines), 5)]
    assert len(batches) == 80
    assert all(one.rpartition(b".")[0] == batch[0].rpartition(b".")[0] for batch in batches for one in batch)
    assert len({batch[0] for batch in batches}) == 80


def test_a_damaged_segment_hides_not_the_next(tmp_path: Path) -> None:
    """What stands behind damage in a segment is passed over; the following segments are read."""
    clock = Clock()
    segments = Segments(tmp_path, Limits(age=10.0), clock)
    for number in (1, 2):
        segments.append(line(number))
    clock.now += 11
    segments.append(line(3))
    path = tmp_path / segments.names()[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2 + 2] ^= 0xFF
    path.write_bytes(data)
    found = everything(segments)
    assert found.startswith(line(1))
    assert found.endswith(line(3))
    segments.close()


def test_a_full_disk_keeps_nothing_of_a_batch_and_all_before_it(tmp_path: Path) -> None:
    """ENOSPC is said, the batch is not half there, and appending goes on once there is room."""
    with small_disk(tmp_path / "disk", 1 << 20) as disk:
        segments = Segments(disk / "kept")
        segments.append(line(1))
        filler = fill(disk)
        with pytest.raises(OSError, match="No space") as caught:
            segments.append(b"".join(line(number, 2000) for number in range(2, 200)))
        assert caught.value.errno == errno.ENOSPC
        assert everything(segments) == line(1)
        filler.unlink()
        segments.append(line(3))
        segments.close()
        again = Segments(disk / "kept")
        assert everything(again) == line(1) + line(3)
        again.close()


def test_nothing_is_appended_behind_what_could_not_be_taken_back(
    segments: Segments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write and then the cut fail: the next lines go into the next segment, where a reader finds them."""
    segments.append(line(1))
    real = os.write

    def torn(descriptor: int, data: bytes) -> int:
        real(descriptor, bytes(data)[:7])
        raise OSError(errno.EIO, "Input/output error")

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", torn)
        broken.setattr(os, "ftruncate", refuse)
        with pytest.raises(OSError, match="Input/output"):
            segments.append(line(2))
    segments.append(line(3))
    assert len(names(segments.folder)) == 2
    assert everything(segments) == line(1) + line(3)


def test_everything_is_for_the_owner_alone(segments: Segments) -> None:
    """Evidence holds what logs hold: folder 0700, files 0600."""
    segments.append(line(1))
    assert segments.folder.stat().st_mode & 0o777 == 0o700
    assert all((segments.folder / name).stat().st_mode & 0o777 == 0o600 for name in segments.names())
