"""Any order of writing, rotating, compressing, deleting, crashing: each line is given once, and none is lost."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.sources.packed import zstd
from vedette.sources.base import Piece, Position
from vedette.sources.follow import Follow


@dataclass(eq=False)
class Log:
    """What was written between two rotations: one file, whatever its names."""

    path: Path | None
    """Where it is now; None: nowhere."""
    data: bytearray = field(default_factory=bytearray)
    seen: bool = False
    """This run has it open."""
    optional: bool = False
    """Nobody could have read all of it, or it was there before the first start and lay beside the log."""


class Rotation(RuleBasedStateMachine):
    """A writer and a rotator beside a Follow that crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "audit.log"
        self.now = 0.0
        self.base = time.time()
        self.number = 0
        self.rotations = 0
        self.logs = [Log(self.path)]
        self.path.touch()
        self.follow: Follow | None = None
        self.pending: list[Piece] = []
        self.positions: dict[str, Position] = {}
        self.given: dict[str, bytearray] = {}
        self.dateext = self.glob = self.first = False

    @initialize(dateext=st.booleans(), glob=st.booleans())
    def begin(self, *, dateext: bool, glob: bool) -> None:
        """The kind of rotation and of configuration."""
        self.dateext, self.glob = dateext, glob

    def teardown(self) -> None:
        """Let all that waits be read, and compare."""
        try:
            self._finish()
        finally:
            if self.follow is not None:
                self.follow.close()
            shutil.rmtree(self.folder)

    def _finish(self) -> None:
        if self.follow is None:
            self.start()
        for _ in range(8):
            for _ in range(40):
                self.poll(0.0, 1 << 20)
            self.now += 3.0
        self.logs[-1].path = self.path
        self._compare(final=True)

    # The writer

    @property
    def log(self) -> Log:
        """The one that is written."""
        return self.logs[-1]

    def _write(self, log: Log, data: bytes) -> None:
        assert log.path is not None
        with log.path.open("ab") as file:
            file.write(data)
        log.data += data

    def _line(self, size: int) -> bytes:
        self.number += 1
        return b"%06d%s" % (self.number, b"x" * size)

    @rule(count=st.integers(1, 4), size=st.sampled_from([0, 3, 90, 300, 5000]))
    def write_lines(self, count: int, size: int) -> None:
        """Whole lines."""
        self._write(self.log, b"".join(self._line(size) + b"\n" for _ in range(count)))

    @rule(size=st.sampled_from([0, 300]))
    def write_half(self, size: int) -> None:
        """A line that lacks its end, which the next write gives it."""
        self._write(self.log, self._line(size))

    # Half a line that was given at the end of a stream is not joined with what follows later.
    @precondition(
        lambda self: (
            len(self.logs) > 1
            and self._plain(self.logs[-2])
            and self.logs[-2].seen
            and self.logs[-2].data[-1:] in (b"", b"\n")
        )
    )
    @rule()
    def write_late(self) -> None:
        """A writer that was not told goes on in the renamed file."""
        self._write(self.logs[-2], self._line(0) + b"\n")

    # The rotator

    @staticmethod
    def _plain(log: Log) -> bool:
        return log.path is not None and log.path.suffix not in {".gz", ".zst"}

    def _shifted(self) -> Path:
        """Make way for the newest rotated file; its path."""
        self.rotations += 1
        if self.dateext:
            return self.folder / f"audit.log-{20261101 + self.rotations}"
        for log in self.logs[:-1]:
            if log.path is not None:
                number, _, packed = log.path.name.removeprefix("audit.log.").partition(".")
                name = f"audit.log.{int(number) + 1}" + ("." + packed if packed else "")
                log.path = log.path.rename(self.folder / (name + "~"))
        for log in self.logs[:-1]:
            if log.path is not None:
                log.path = log.path.rename(self.folder / log.path.name[:-1])
        return self.folder / "audit.log.1"

    @rule()
    def rename(self) -> None:
        """logrotate's `create`."""
        self.log.path = self.path.rename(self._shifted())
        self.path.touch()
        self.logs.append(Log(self.path))

    @rule()
    def copytruncate(self) -> None:
        """In one moment, so that nothing is lost between the copy and the truncation."""
        copy = self._shifted()
        shutil.copyfile(self.path, copy)
        os.truncate(self.path, 0)
        self.log.path, self.log.seen = copy, False
        self.logs.append(Log(self.path))

    @precondition(lambda self: any(self._plain(log) for log in self.logs[:-1]))
    @rule(data=st.data(), kind=st.sampled_from(["gz", "zst"]), old=st.booleans())
    def compress(self, data: st.DataObject, kind: str, *, old: bool) -> None:
        """A rotated file, whose time may be kept."""
        log = data.draw(st.sampled_from([log for log in self.logs[:-1] if self._plain(log)]))
        assert log.path is not None
        status = log.path.stat()
        packed = log.path.with_name(f"{log.path.name}.{kind}")
        content = log.path.read_bytes()
        packed.write_bytes(gzip.compress(content) if kind == "gz" else zstd(content))
        if old:
            os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
        log.path.unlink()
        log.path = packed

    @precondition(lambda self: any(log.path for log in self.logs[:-1]))
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """A rotated file; what was open can be read nevertheless."""
        log = data.draw(st.sampled_from([log for log in self.logs[:-1] if log.path]))
        assert log.path is not None
        log.path.unlink()
        log.path = None
        log.optional = log.optional or not log.seen

    @rule(count=st.integers(1, 6), size=st.sampled_from([0, 90, 5000]))
    def truncate_and_grow(self, count: int, size: int) -> None:
        """Without a copy, and perhaps larger than before when it is looked at again."""
        self.log.path, self.log.optional = None, True
        self.path.write_bytes(b"")
        self.logs.append(Log(self.path))
        self.write_lines(count, size)

    @precondition(lambda self: self.follow is None and any(self._plain(log) for log in self.logs[:-1]))
    @rule(data=st.data())
    def reuse_inode(self, data: st.DataObject) -> None:
        """The log is renamed, and the new one has the inode of a rotated file that is deleted."""
        log = data.draw(st.sampled_from([log for log in self.logs[:-1] if self._plain(log)]))
        assert log.path is not None
        spare = log.path.rename(self.folder / ".spare")
        log.path, log.optional = None, True
        self.log.path = self.path.rename(self._shifted())
        os.truncate(spare, 0)
        spare.rename(self.path)
        self.logs.append(Log(self.path))

    # The reader

    @precondition(lambda self: self.follow is None)
    @rule()
    def start(self) -> None:
        """From what was committed."""
        paths = [str(self.path) + "*"] if self.glob else [str(self.path)]
        self.follow = Follow("audit", paths, clock=lambda: self.now, wall=lambda: self.base + self.now)
        self.follow.resume(self.positions)
        self.first = not self.positions

    @precondition(lambda self: self.follow is not None)
    @rule(wait=st.sampled_from([0.0, 0.3, 1.0, 6.0]), limit=st.sampled_from([1, 100, 4000, 1 << 20]))
    def poll(self, wait: float, limit: int) -> None:
        """Some time later, some bytes."""
        assert self.follow is not None
        self.now += wait
        looks = self.now >= self.follow._next_look
        if self.first and not self.glob:
            for log in self.logs[:-1]:
                log.optional = True
        self.first = False
        self.pending += self.follow.poll(limit)
        for log in self.logs:
            # An empty file that lies beside the log is not opened.
            wanted = self.glob or log is self.log or bool(log.data)
            log.seen = log.seen or (looks and wanted and self._plain(log))
        assert self.follow.troubles() is not None

    @precondition(lambda self: self.pending)
    @rule(part=st.floats(0, 1))
    def commit(self, part: float) -> None:
        """Some of what was given is durable."""
        assert self.follow is not None
        count = round(len(self.pending) * part)
        done, self.pending = self.pending[:count], self.pending[count:]
        for piece in done:
            self.given.setdefault(piece.stream, bytearray()).extend(piece.data)
        positions = {piece.stream: piece.position for piece in done}
        self.positions |= positions
        for stream in self.follow.committed(positions):
            del self.positions[stream]

    @precondition(lambda self: self.follow is not None)
    @rule()
    def crash(self) -> None:
        """What was not committed is forgotten, and what is deleted cannot be read again."""
        assert self.follow is not None
        self.follow.close()
        self.follow = None
        self.pending = []
        for log in self.logs:
            log.seen = False
            log.optional = log.optional or log.path is None

    # What must hold

    @invariant()
    def nothing_twice(self) -> None:
        """No line is given twice, nor one that was never written."""
        self._compare(final=False)

    def _compare(self, *, final: bool) -> None:
        given = {stream: bytearray(data) for stream, data in self.given.items()}
        for piece in self.pending:
            given.setdefault(piece.stream, bytearray()).extend(piece.data)
        lines = Counter(line for data in given.values() for line in bytes(data).split(b"\n") if line)
        whole = Counter[bytes]()
        for log in self.logs:
            written = bytes(log.data).split(b"\n")
            ended = [line for line in written[:-1] if line]
            must = ended + [written[-1]] * (bool(written[-1]) and log is not self.log)
            whole.update(line for line in written if line)
            if final and not log.optional:
                missing = [line for line in must if not lines[line]]
                assert not missing, f"lost {missing[0][:20]!r} of {log.path}"
        late = lines - whole
        assert not late, f"given twice, or never written: {min(late)[:20]!r}"


Rotation.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestRotation = Rotation.TestCase
