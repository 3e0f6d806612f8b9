"""A segment's lines a little at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from vedette.store import segments as room
from vedette.store.segments import Segments, pieces

LINES = [b"%05d %s\n" % (number, b"x" * (number % 70)) for number in range(3000)]


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    """A segment of three frames."""
    segments = Segments(tmp_path)
    for part in range(3):
        segments.append(b"".join(LINES[part * 1000 : part * 1000 + 1000]))
    segments.close()
    return tmp_path / segments.names()[0]


@pytest.mark.parametrize("size", [7, 100, 4096, 1 << 20])
def test_all_lines_come_whole_and_in_order(segment: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Whatever the size of a piece; at last the end of the file."""
    monkeypatch.setattr(room, "_PIECE", size)
    found = list(pieces(segment))
    assert b"".join(piece for piece, _ in found) == b"".join(LINES)
    assert all(piece.endswith(b"\n") for piece, _ in found if piece)
    assert found[-1][1] == segment.stat().st_size


def test_what_is_half_written_ends_behind_the_last_whole_frame(segment: Path) -> None:
    """Lines of the unfinished frame may come, none of them cut; what is not there is nothing."""
    whole = segment.read_bytes()
    segment.write_bytes(whole[:-9])
    found = list(pieces(segment))
    told = b"".join(piece for piece, _ in found).splitlines(keepends=True)
    assert told == LINES[: len(told)]
    assert len(told) >= 2000
    assert 0 < found[-1][1] < len(whole) - 9
    assert list(pieces(segment.with_name("gone"))) == [(b"", 0)]
