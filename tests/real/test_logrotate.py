"""Follow beside the real logrotate and the real rsyslogd: no line lost, none given twice."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from vedette.sources.base import Piece, Position
from vedette.sources.follow import Follow

DEADLINE = 30.0
LOGROTATE = shutil.which("logrotate") or shutil.which("logrotate", path="/usr/sbin:/sbin") or ""
RSYSLOGD = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/sbin") or ""
ZSTD = shutil.which("zstd") or ""
pytestmark = pytest.mark.skipif(not LOGROTATE, reason="logrotate is not installed")

_ZSTD = f"compress compresscmd {ZSTD} compressext .zst uncompresscmd {ZSTD} compressoptions -q"
KINDS = {
    "create": "create",
    "gzip": "create compress",
    "gzip_delayed": "create compress delaycompress",
    "zstd": f"create {_ZSTD}",
    "dateext": "create dateext dateformat -%Y%m%d-%s",
    "dateext_gzip": "create compress dateext dateformat -%Y%m%d-%s",
    "extension": "create extension .log dateext dateformat -%Y%m%d%s",
    "nocreate": "nocreate",
    "copytruncate": "copytruncate",
    "copytruncate_gzip": "copytruncate compress",
    "copytruncate_gzip_delayed": "copytruncate compress delaycompress",
    "copytruncate_zstd_dateext": f"copytruncate {_ZSTD} dateext dateformat -%Y%m%d-%s",
}


class Rotated:
    """A log, logrotate's configuration for it, and what a Follow gives of it."""

    def __init__(self, folder: Path, kind: str, *, more: str = "rotate 20", pattern: str = "audit.log") -> None:
        if "zstd" in kind and not ZSTD:
            pytest.skip("zstd is not installed")
        self.folder = folder / "log"
        self.folder.mkdir(mode=0o755)
        self.path = self.folder / "audit.log"
        self.dated = "dateext" in KINDS[kind]
        self.config = folder / "logrotate.conf"
        options = KINDS[kind].replace(" ", "\n").replace("create\n", "create 0644\n")
        for word in ("compresscmd", "compressext", "uncompresscmd", "compressoptions", "dateformat", "extension"):
            options = options.replace(f"\n{word}\n", f"\n{word} ")
        self.config.write_text(f"{self.path} {{\n{options}\n{more}\nmissingok\n}}\n")
        self.config.chmod(0o600)
        self.state = folder / "state"
        self.pattern = str(self.folder / pattern)
        self.now, self.base = 0.0, time.time()
        self.written: list[bytes] = []
        self.pieces: list[Piece] = []
        self.follow = self._made()

    def _made(self) -> Follow:
        follow = Follow("audit", [self.pattern], clock=lambda: self.now, wall=lambda: self.base + self.now)
        positions: dict[str, Position] = {piece.stream: piece.position for piece in self.pieces}
        follow.resume(positions)
        return follow

    def write(self, count: int) -> None:
        """Some lines, as a writer that opens the file anew."""
        lines = [b"%08d a line of the log\n" % (len(self.written) + number) for number in range(count)]
        with self.path.open("ab") as file:
            file.writelines(lines)
        self.written += lines

    def rotate(self) -> None:
        """Run logrotate; dated files need a second of their own."""
        command = [LOGROTATE, "-f", "-s", str(self.state), str(self.config)]
        result = subprocess.run(command, check=False, timeout=DEADLINE, capture_output=True, text=True)
        # A writer that was quicker than `create` is no fault: its file is kept as `.backup`.
        assert result.returncode == 0 or "exists" in result.stderr, result.stderr
        assert "skipping" not in result.stderr, result.stderr
        # The clock that it asks is some milliseconds behind.
        next_second = int(time.time()) + 1.05
        while self.dated and time.time() < next_second:
            time.sleep(0.01)

    def read(self, *, limit: int = 1 << 20, wait: float = 0.3) -> None:
        """One poll, a little later."""
        self.now += wait
        self.pieces += self.follow.poll(limit)

    def restart(self) -> None:
        """Crash behind a commit."""
        self.follow.close()
        self.follow = self._made()

    def lines(self) -> Counter[bytes]:
        """All that was given once all has ended, by line."""
        for _ in range(60):
            self.read(wait=1.0)
        joined: dict[str, bytes] = {}
        for piece in self.pieces:
            joined[piece.stream] = joined.get(piece.stream, b"") + piece.data
        return Counter(line for data in joined.values() for line in data.splitlines(keepends=True))


@pytest.mark.parametrize("pattern", ["audit.log", "audit*"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_rotation(tmp_path: Path, kind: str, pattern: str) -> None:
    """Read in parts, restarted now and then, rotated before all was read: each line comes once."""
    rotated = Rotated(tmp_path, kind, pattern=pattern)
    chance = random.Random(f"{kind} {pattern}")
    rotated.write(50)
    rotated.read()
    for _ in range(3 if rotated.dated else 8):
        rotated.write(chance.randrange(1, 400))
        for _ in range(chance.randrange(3)):
            rotated.read(limit=chance.choice([200, 4000, 1 << 20]))
        rotated.rotate()
        if chance.random() < 0.4:
            rotated.restart()
        for _ in range(chance.randrange(4)):
            rotated.read(limit=chance.choice([200, 4000, 1 << 20]), wait=chance.choice([0.0, 1.0, 6.0]))
    rotated.write(10)
    assert rotated.lines() == Counter(rotated.written)
    assert not rotated.follow.troubles()


@pytest.mark.parametrize("kind", ["create", "gzip"])
def test_old_files_are_deleted_after_reading(tmp_path: Path, kind: str) -> None:
    """`rotate 1` and `maxage` take away what is open or finished: nothing is lost, and the positions go as well."""
    rotated = Rotated(tmp_path, kind, more="rotate 1\nmaxage 1")
    for _ in range(6):
        rotated.write(100)
        rotated.read(wait=1.0)
        rotated.write(100)
        rotated.rotate()
        for old in rotated.folder.glob("audit.log.*"):
            os.utime(old, (1, 1))
        rotated.read(wait=1.0)
    assert rotated.lines() == Counter(rotated.written)
    rotated.now += 7200.0
    rotated.read()
    positions = {piece.stream: piece.position for piece in rotated.pieces}
    assert len(rotated.follow.committed(positions)) >= 4


@pytest.mark.parametrize("kind", ["create", "gzip", "gzip_delayed", "zstd"])
def test_a_writer_that_does_not_stop(tmp_path: Path, kind: str) -> None:
    """A second thread writes all the time while logrotate renames: each line that it leaves in a file comes once."""
    rotated = Rotated(tmp_path, kind)
    rotated.write(1)
    _rotate_under_a_writer(rotated)
    given, written = rotated.lines(), Counter(rotated.written)
    assert given - written == Counter()
    # Where the writer makes the new file before logrotate does, logrotate puts that file aside under the name of the
    # hour, over the one that it has put aside before.
    held = Counter(line for path in rotated.folder.glob("audit.log*") for line in _lines(path))
    lost = written - given
    assert not lost & held
    assert not lost or list(rotated.folder.glob("audit.log-*.backup"))


def _rotate_under_a_writer(rotated: Rotated) -> None:
    """A second thread writes all the time, while this one reads and rotates six times."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            rotated.write(3)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(6):
            for _ in range(5):
                rotated.read()
            rotated.rotate()
    finally:
        stop.set()
        writer.join()


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True) if path.suffix not in (".gz", ".zst") else []


def test_copytruncate_loses_only_what_no_file_holds(tmp_path: Path) -> None:
    """With a writer that does not stop, lines fall between copy and truncation; what is in a file comes once."""
    rotated = Rotated(tmp_path, "copytruncate")
    rotated.write(1)
    _rotate_under_a_writer(rotated)
    given = rotated.lines()
    held = Counter(line for path in rotated.folder.iterdir() for line in path.read_bytes().splitlines(keepends=True))
    # Half a line may stand at the end of a copy, and its rest at the begin of the truncated file.
    assert {line for line in given if given[line] > 1 and line in rotated.written} == set()
    assert held - given == Counter()
    gone = [line not in given for line in rotated.written]
    assert sum(now and not before for before, now in pairwise([False, *gone])) <= 6


@pytest.fixture
def syslog() -> Iterator[tuple[Path, Path, subprocess.Popen[bytes]]]:
    """rsyslogd with a socket of its own: its folder, its socket, its process."""
    if not RSYSLOGD:
        pytest.skip("rsyslogd is not installed")
    folder = Path(tempfile.mkdtemp(prefix="v"))  # the path of a socket must be short
    (folder / "log").mkdir()
    config = folder / "rsyslog.conf"
    config.write_text(
        f'global(workDirectory="{folder}")\n'
        'module(load="imuxsock" SysSock.Use="off")\n'
        f'input(type="imuxsock" Socket="{folder}/socket" RateLimit.Interval="0" UseSysTimeStamp="off")\n'
        'template(name="plain" type="string" string="%msg%\\n")\n'
        f'action(type="omfile" file="{folder}/log/audit.log" template="plain")\n'
    )
    process = subprocess.Popen([RSYSLOGD, "-n", "-f", config, "-i", folder / "pid"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + DEADLINE
    while not (folder / "socket").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    yield folder, folder / "socket", process
    process.terminate()
    process.wait(DEADLINE)
    shutil.rmtree(folder)


@pytest.mark.parametrize("kind", ["create", "gzip", "gzip_delayed"])
def test_rsyslog_is_rotated_as_debian_does(
    syslog: tuple[Path, Path, subprocess.Popen[bytes]], tmp_path: Path, kind: str
) -> None:
    """rsyslogd writes on in the renamed file until it is told by SIGHUP: those lines come as well."""
    folder, path, process = syslog
    rotated = Rotated(tmp_path, kind, more=f"rotate 20\nsharedscripts\npostrotate\nkill -HUP {process.pid}\nendscript")
    rotated.config.write_text(rotated.config.read_text().replace(str(rotated.path), str(folder / "log/audit.log")))
    rotated.pattern = str(folder / "log/audit.log")
    rotated.restart()
    stop = threading.Event()
    sent: list[bytes] = []

    def send() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.connect(str(path))
            while not stop.is_set():
                client.send(b"<38>Nov 25 12:00:00 sshd[1]: line %d" % len(sent))
                sent.append(b" line %d\n" % len(sent))
                time.sleep(0.0005)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for _ in range(5):
            deadline, goal = time.monotonic() + DEADLINE, len(sent) + 100
            while len(sent) < goal and time.monotonic() < deadline:
                rotated.read(wait=0.05)
                time.sleep(0.005)
            rotated.rotate()
    finally:
        stop.set()
        sender.join()
    process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + DEADLINE
    while not sum(len(piece.data) for piece in rotated.pieces if sent[-1] in piece.data):
        assert time.monotonic() < deadline
        rotated.read(wait=0.05)
        time.sleep(0.005)
    given = Counter({line: count for line, count in rotated.lines().items() if line.startswith(b" line")})
    assert given == Counter(sent)
