"""Retention: old segments go, unread ones never, and finished ones take less room while saying the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scans import LOGS, ROOT, alerts, placeless
from vedette.engine.memory import WindowAct
from vedette.sources.files import Range, chunks, describe
from vedette.store.progress import Mark
from vedette.store.retention import Shelf, remove, rewrite
from vedette.store.segments import Limits, Segments, names
from vedette.store.store import Bounds, Store

DAY = 86_400
NOW = 1_795_000_000


def quiet_source(folder: Path, lines: list[bytes], per_segment: int) -> Segments:
    """Segments of a source that spoke a line at a time."""
    segments = Segments(folder, Limits(size=1 << 40, age=1 << 40))
    for at, line in enumerate(lines):
        begins = at and at % per_segment == 0
        if begins:
            segments.sync()
        segments.limits = Limits(size=1 if begins else 1 << 40, age=1 << 40)
        segments.write(line)
    segments.sync()
    return segments


def kube_lines(number: int = 600) -> list[bytes]:
    """Recorded lines."""
    return (LOGS / "kube-audit.jsonl").read_bytes().splitlines(keepends=True)[:number]


def text(folder: Path) -> bytes:
    """All lines of a folder."""
    segments = Segments(folder)
    try:
        return b"".join(block for block, _, _ in segments.read(None, 1 << 40))
    finally:
        segments.close()


def anyway(_size: int) -> bool:
    """There is room."""
    return True


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store that keeps a day and a megabyte."""
    made = Store(tmp_path / "state", WindowAct, Bounds(evidence_for=DAY, evidence_size=1 << 20))
    yield made
    made.close()


def stored(store: Store, *name: str, number: int, size: int) -> Segments:
    """`number` segments of some `size` bytes each, a minute apart, the last of them just written."""
    segments = store.segments(*name)
    for _ in range(number):
        segments.limits = Limits(size=1)
        segments.append(os.urandom(size).replace(b"\n", b"") + b"\n")
    for at, one in enumerate(segments.names()):
        os.utime(segments.folder / one, (NOW - 60 * (number - at),) * 2)
    return segments


def test_rewriting_keeps_every_line_and_takes_less_room(tmp_path: Path) -> None:
    """Small frames become few; name, time and text stay; `scan` finds the same alerts before and after."""
    lines = kube_lines()
    quiet_source(tmp_path, lines, 250).close()
    before = {name: (tmp_path / name).stat() for name in names(tmp_path)}
    found = placeless(alerts([tmp_path]))
    assert found
    assert rewrite([Shelf(tmp_path, None)], anyway) == 2
    assert text(tmp_path) == b"".join(lines)
    assert placeless(alerts([tmp_path])) == found
    assert names(tmp_path) == list(before)
    for name in names(tmp_path)[:-1]:
        status = (tmp_path / name).stat()
        assert status.st_size < before[name].st_size / 2
        assert status.st_mtime_ns == before[name].st_mtime_ns
        assert status.st_mode & 0o777 == 0o400


def test_what_was_rewritten_is_left_alone(tmp_path: Path) -> None:
    """A second round has nothing to do, and nor where nothing can be gained."""
    quiet_source(tmp_path / "quiet", kube_lines(), 250).close()
    (tmp_path / "random").mkdir()
    random = Segments(tmp_path / "random", Limits(size=1))
    for _ in range(2):
        random.append(os.urandom(5000).replace(b"\n", b"") + b"\n")
    random.close()
    shelves = [Shelf(tmp_path / "quiet", None), Shelf(tmp_path / "random", None)]
    assert rewrite(shelves, anyway) == 2
    inodes = [(shelf.folder / name).stat().st_ino for shelf in shelves for name in names(shelf.folder)]
    assert rewrite(shelves, anyway) == 0
    assert inodes == [(shelf.folder / name).stat().st_ino for shelf in shelves for name in names(shelf.folder)]


def test_only_what_was_passed_is_touched(tmp_path: Path) -> None:
    """A segment that a position points into keeps its frames, and so do those behind it."""
    segments = quiet_source(tmp_path, kube_lines(), 100)
    segments.close()
    there = names(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in there}
    assert rewrite([Shelf(tmp_path, there[2])], anyway) == 2
    changed = [name for name in there if (tmp_path / name).read_bytes() != before[name]]
    assert changed == there[:2]
    assert rewrite([Shelf(tmp_path, "")], anyway) == 0


def test_a_damaged_segment_stays_as_it_is(tmp_path: Path) -> None:
    """What cannot be read is not thrown away by rewriting what can."""
    quiet_source(tmp_path, kube_lines(), 250).close()
    path = tmp_path / names(tmp_path)[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    data[len(data) // 2 + 1] ^= 0xFF
    path.write_bytes(data)
    rewrite([Shelf(tmp_path, None)], anyway)
    assert path.read_bytes() == bytes(data)


@pytest.mark.parametrize("call", ["open", "write", "utime", "fsync", "rename"])
def test_a_crash_at_any_step_leaves_one_form_or_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Whatever step is the last, the folder says the same lines, `scan` sees no part, and the next round finishes."""

    class Killed(BaseException):
        pass

    lines = kube_lines(200)
    quiet_source(tmp_path, lines, 100).close()
    found = placeless(alerts([tmp_path]))

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(Path if call == "rename" else os, call, killed)
        # Death runs no cleaning up.
        broken.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(Killed):
            rewrite([Shelf(tmp_path, None)], anyway)
    assert text(tmp_path) == b"".join(lines)
    assert placeless(alerts([tmp_path])) == found
    assert rewrite([Shelf(tmp_path, None)], anyway) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == names(tmp_path)
    assert text(tmp_path) == b"".join(lines)


def test_a_reader_in_the_middle_of_a_segment_reads_it_to_its_end(tmp_path: Path) -> None:
    """Rewritten while `scan` is at it: the same lines, none twice."""
    lines = kube_lines(400)
    quiet_source(tmp_path, lines, 300).close()
    path = str(tmp_path / names(tmp_path)[0])
    reading = chunks(describe(path), Range(0, 0))
    found = [next(reading)]
    assert rewrite([Shelf(tmp_path, None)], anyway) == 1
    found += reading
    assert b"".join(found) == b"".join(lines[:300])
    assert b"".join(chunks(describe(path), Range(0, 0))) == b"".join(lines[:300])


def test_kill_9_at_any_moment_leaves_every_line(tmp_path: Path) -> None:
    """A process that rewrites is killed after ever longer times; at last it comes through."""
    lines = kube_lines() * 3
    quiet_source(tmp_path, lines, 200).close()
    code = (
        "import sys; from pathlib import Path\n"
        "from vedette.store.retention import Shelf, rewrite\n"
        "print('begun', flush=True)\n"
        "rewrite([Shelf(Path(sys.argv[1]), None)], lambda _: True)\n"
    )
    killed = 0
    for milliseconds in range(0, 60, 6):
        command = [sys.executable, "-c", code, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env={"PYTHONPATH": str(ROOT / "src")}) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(milliseconds / 1000)
            process.kill()
        killed += process.returncode == -signal.SIGKILL
        assert text(tmp_path) == b"".join(lines)
    assert killed
    rewrite([Shelf(tmp_path, None)], anyway)
    assert sorted(path.name for path in tmp_path.iterdir()) == names(tmp_path)
    assert text(tmp_path) == b"".join(lines)


def test_a_writer_goes_on_with_a_finished_segment_that_became_the_last(tmp_path: Path) -> None:
    """Somebody removed the later ones by hand: the read-only one is opened and appended to."""
    quiet_source(tmp_path, kube_lines(200), 100).close()
    rewrite([Shelf(tmp_path, None)], anyway)
    (tmp_path / names(tmp_path)[-1]).unlink()
    segments = Segments(tmp_path)
    segments.append(b"one more\n")
    segments.close()
    assert text(tmp_path) == b"".join(kube_lines(100)) + b"one more\n"


def test_old_segments_go_and_the_newest_stays(store: Store) -> None:
    """By age, never the one that is written, however old."""
    segments = stored(store, "evidence", "kube", number=4, size=1000)
    for name in segments.names():
        os.utime(segments.folder / name, (NOW - 2 * DAY,) * 2)
    done = store.prune(NOW * 1_000_000_000)
    assert done is not None
    assert done.removed == 3
    assert len(segments.names()) == 1


def test_the_oldest_of_all_folders_go_first(store: Store) -> None:
    """Together they take no more than the bound; what is left is the latest of each folder."""
    first = stored(store, "evidence", "kube", number=10, size=100_000)
    second = stored(store, "evidence", "vault", number=10, size=100_000)
    for at, name in enumerate(second.names()):
        os.utime(second.folder / name, (NOW - 10_000 + at,) * 2)
    done = store.prune(NOW * 1_000_000_000)
    assert done is not None
    assert not done.over
    assert done.size <= 1 << 20
    left = sum((one.folder / name).stat().st_size for one in (first, second) for name in one.names())
    assert done.size == left
    assert left > 800_000
    assert len(first.names()) > len(second.names()) == 1


def test_what_was_not_read_is_never_removed(store: Store) -> None:
    """A spool beyond every bound stays until its reader has passed it, and that is said."""
    spool = stored(store, "spool", "hook", number=20, size=100_000)
    for name in spool.names():
        os.utime(spool.folder / name, (NOW - 9 * DAY,) * 2)
    everything = b"".join(block for block, _, _ in spool.read(None, 1 << 40))
    done = store.prune(NOW * 1_000_000_000)
    assert done is not None
    assert (done.removed, done.over) == (0, True)
    assert b"".join(block for block, _, _ in spool.read(None, 1 << 40)) == everything
    blocks = spool.read(None, 500_000)
    position = blocks[-1][1]
    behind = b"".join(block for block, _, _ in spool.read(position, 1 << 40))
    store.progress.mark("hook", "spool", Mark("", position, 5))
    done = store.prune(NOW * 1_000_000_000)
    assert done is not None
    assert done.removed == len(blocks) - 1
    assert b"".join(block for block, _, _ in spool.read(position, 1 << 40)) == behind


def test_evidence_of_the_last_commit_is_kept_where_it_is(store: Store) -> None:
    """The segment that the last commit ended in is where a restart cuts; it is neither rewritten nor removed."""
    segments = store.segments("evidence", "kube")
    segments.append(b"".join(kube_lines(50)))
    committed = segments.position
    store.progress.note("segments:kube", committed)
    segments.limits = Limits(size=1)
    segments.append(kube_lines(51)[-1])
    before = (segments.folder / str(committed["segment"])).read_bytes()
    store.prune(NOW * 1_000_000_000 * 2)
    assert (segments.folder / str(committed["segment"])).read_bytes() == before
    segments.cut(committed)
    assert segments.position == committed
    assert b"".join(block for block, _, _ in segments.read(None, 1 << 40)) == b"".join(kube_lines(50))


def test_no_room_no_rewriting(tmp_path: Path) -> None:
    """Where the room is wanted for alerts, segments stay as they are."""
    quiet_source(tmp_path, kube_lines(200), 100).close()
    before = [(tmp_path / name).read_bytes() for name in names(tmp_path)]
    assert rewrite([Shelf(tmp_path, None)], lambda _: False) == 0
    assert [(tmp_path / name).read_bytes() for name in names(tmp_path)] == before


def test_a_bound_of_nothing_leaves_what_is_written(tmp_path: Path) -> None:
    """With no room allowed at all, the segment at work stays."""
    quiet_source(tmp_path, kube_lines(100), 25).close()
    gone, left = remove([Shelf(tmp_path, None)], 0.0, 0)
    assert (gone, len(names(tmp_path))) == (3, 1)
    assert left == (tmp_path / names(tmp_path)[0]).stat().st_size
