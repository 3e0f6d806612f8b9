"""The journal source against the real journalctl and real journal files, which systemd-journal-remote writes."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from vedette.event import Outcome
from vedette.formats.sshd import Sshd
from vedette.sources.base import Piece, Position
from vedette.sources.journald import Journald

REMOTE = next(
    (path for path in ("/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote")
     if Path(path).exists()), "",
)  # fmt: skip
pytestmark = [
    pytest.mark.skipif(not shutil.which("journalctl"), reason="journalctl is not installed"),
    pytest.mark.skipif(not REMOTE, reason="systemd-journal-remote is not installed"),
]
BOOT = "b" * 32
NOW = int(time.time()) - 1800


class Journal:
    """A folder of journal files that grow; the messages are numbers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.count = 0

    def write(self, count: int, *, file: str = "system", boot: str = BOOT, more: bytes = b"") -> None:
        """Append so many entries of sshd, a millisecond apart, to one of the files."""
        entries = b"".join(
            self._entry(number, boot, b"MESSAGE=%d\n" % number + more)
            for number in range(self.count, self.count + count)
        )
        self.count += count
        self.append(entries, file)

    def append(self, entries: bytes, file: str = "system") -> None:
        """Append entries in the journal's export format."""
        command = [REMOTE, f"--output={self.folder / file}.journal", "-"]
        done = subprocess.run(command, input=entries, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr

    def _entry(self, number: int, boot: str, said: bytes) -> bytes:
        head = f"__REALTIME_TIMESTAMP={NOW * 1_000_000 + number * 1000}\n__MONOTONIC_TIMESTAMP={number * 1000 + 1}\n"
        identity = "_COMM=sshd\n_UID=0\n_SYSTEMD_UNIT=ssh.service\nSYSLOG_IDENTIFIER=sshd\n"
        return f"{head}_BOOT_ID={boot}\n{identity}".encode() + said + b"\n"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """An empty journal."""
    return Journal(tmp_path / "journal")


@pytest.fixture
def opened(journal: Journal) -> Iterator[Callable[..., Journald]]:
    """A function that makes a source of the journal, perhaps with a position to go on from."""
    made: list[Journald] = []

    def make(position: Position | None = None, **filters: Sequence[str]) -> Journald:
        source = Journald("host", directory=str(journal.folder), **filters)
        source.resume({"journal": position} if position else {})
        made.append(source)
        return source

    yield make
    for source in made:
        source.close()


def _messages(pieces: Sequence[Piece]) -> list[int]:
    return [int(json.loads(line)["MESSAGE"]) for piece in pieces for line in piece.data.splitlines()]


def _read(source: Journald, count: int) -> list[Piece]:
    """What comes until there are `count` entries, and a little longer, so that one too many is seen."""
    pieces: list[Piece] = []
    deadline = time.monotonic() + 60
    while sum(piece.data.count(b"\n") for piece in pieces) < count:
        assert time.monotonic() < deadline, (len(_messages(pieces)), source.troubles())
        pieces += source.poll(1 << 20)
        time.sleep(0.01)
    pieces += source.poll(1 << 20)
    return pieces


def test_entries_come_as_they_are_written(journal: Journal, opened: Callable[..., Journald]) -> None:
    """What is there and what comes later, over a new file and a new boot, is given once each and in order."""
    journal.write(5)
    source = opened()
    assert _messages(_read(source, 5)) == list(range(5))
    journal.write(3)
    assert _messages(_read(source, 3)) == [5, 6, 7]
    (journal.folder / "system.journal").rename(journal.folder / "system@1.journal")
    journal.write(4)
    assert _messages(_read(source, 4)) == [8, 9, 10, 11]
    journal.write(2, boot="c" * 32, file="other")
    assert _messages(_read(source, 2)) == [12, 13]
    assert source.troubles() == []


def test_every_entry_once_through_restarts(journal: Journal, opened: Callable[..., Journald]) -> None:
    """Stopped and started from the committed position at random, with new files and boots between, nothing is lost or
    given twice."""
    dice = random.Random(4)
    position: Position | None = None
    seen: list[int] = []
    for turn in range(8):
        journal.write(dice.randrange(1, 60), file=f"system{turn // 3}", boot="bcd"[turn // 3] * 32)
        source = opened(position)
        while len(seen) < journal.count:
            pieces = _read(source, 1)
            kept = pieces[: dice.randrange(len(pieces) + 1)]
            seen += _messages(kept)
            position = kept[-1].position if kept else position
            if len(kept) < len(pieces):
                source.close()
                source = opened(position)
        assert source.troubles() == []
        source.close()
    assert seen == list(range(journal.count))


def test_a_vacuumed_place_loses_nothing_newer_and_is_told(journal: Journal, opened: Callable[..., Journald]) -> None:
    """Where the file of the last entry is gone, all that is left is given, and the gap is said with its mend."""
    journal.write(5, file="old")
    source = opened()
    position = _read(source, 5)[-1].position
    source.close()
    journal.write(4, file="old")
    journal.write(6, file="new")
    (journal.folder / "old.journal").unlink()
    source = opened(position)
    assert _messages(_read(source, 6)) == list(range(9, 15))
    (trouble,) = source.troubles()
    assert trouble.message.startswith("there may be a gap: the entry where reading stopped is no longer")
    assert "SystemMaxUse" in trouble.mend


def test_files_deleted_while_it_reads(journal: Journal, opened: Callable[..., Journald]) -> None:
    """A vacuum beneath a running journalctl loses nothing that comes afterwards."""
    journal.write(5, file="old")
    source = opened()
    assert len(_messages(_read(source, 5))) == 5
    journal.write(2, file="new")
    assert _messages(_read(source, 2)) == [5, 6]
    (journal.folder / "old.journal").unlink()
    journal.write(3, file="new")
    assert _messages(_read(source, 3)) == [7, 8, 9]


def test_a_cursor_that_journalctl_refuses(journal: Journal, opened: Callable[..., Journald]) -> None:
    """It goes on by the time of the last entry, and says that there may be a gap."""
    journal.write(9)
    source = opened({"cursor": "damaged", "time": NOW * 1_000_000 + 4000})
    # The entry of that very time comes again: another one may share it.
    assert _messages(_read(source, 5)) == [4, 5, 6, 7, 8]
    assert [trouble.message.partition(":")[0] for trouble in source.troubles()][-1] == "there may be a gap"


def test_a_killed_journalctl_is_started_again(journal: Journal, opened: Callable[..., Journald]) -> None:
    """It goes on behind the last entry that was given."""
    journal.write(3)
    source = opened()
    assert _messages(_read(source, 3)) == [0, 1, 2]
    assert source._process is not None
    source._process.kill()
    journal.write(3)
    assert _messages(_read(source, 3)) == [3, 4, 5]


def test_filters(journal: Journal, opened: Callable[..., Journald]) -> None:
    """Units and identifiers are chosen by journalctl itself."""
    journal.write(3)
    assert _messages(_read(opened(identifiers=["sshd"]), 3)) == [0, 1, 2]
    assert _messages(_read(opened(units=["ssh.service"], identifiers=["sshd", "sudo"]), 3)) == [0, 1, 2]
    other = opened(units=["cron.service"])
    for _ in range(20):
        assert _messages(other.poll(1 << 20)) == []
        time.sleep(0.01)


def test_long_and_binary_entries_reach_the_format(journal: Journal, opened: Callable[..., Journald]) -> None:
    """A message with a line end or other bytes, or of more than 4 KB, is read by the sshd format all the same, and its
    identity is what the journal says, untouched."""
    login = b"Accepted password for root from 203.0.113.9 port 4711 ssh2"
    stray = b"\xff\n"
    journal.append(
        b"".join(
            journal._entry(number, BOOT, said)
            for number, said in enumerate(
                (
                    b"MESSAGE=" + login + b"\nLONG=" + b"x" * 9000 + b"\n",
                    b"MESSAGE\n" + struct.pack("<Q", len(login + stray)) + login + stray + b"\n",
                    b"MESSAGE=" + b"y" * 9000 + b"\n",
                )
            )
        )
    )
    lines = [line for piece in _read(opened(), 3) for line in piece.data.splitlines()]
    events = [Sshd().read(line) for line in lines]
    assert events[0].outcome is Outcome.DONE
    assert events[0].fields["address"] == "203.0.113.9"
    assert str(events[1].fields["message"]).startswith("Accepted password for root from 203.0.113.9")
    assert events[2].fields["message"] == "y" * 9000
    assert json.loads(lines[0])["_SYSTEMD_UNIT"] == "ssh.service"
    assert events[0].act == json.loads(lines[0])["__CURSOR"]


def test_journalctl_ends_with_a_killed_parent(journal: Journal, tmp_path: Path) -> None:
    """kill -9 of the process leaves no journalctl behind."""
    journal.write(1)
    code = (
        "import sys,time; from vedette.sources.journald import Journald\n"
        "source = Journald('host', directory=sys.argv[1])\n"
        "while not any(piece.data for piece in source.poll(1 << 20)): time.sleep(0.01)\n"
        "print(source._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(journal.folder)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 10
    while _runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _runs(process: int) -> bool:
    """True while the process lives; one that ended and was not waited for is no more."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """The trouble has journalctl's own words; nothing is given, nothing raised."""
    source = Journald("host", directory=str(tmp_path / "none"))
    deadline = time.monotonic() + 10
    while not source.troubles():
        assert time.monotonic() < deadline
        assert _messages(source.poll(1 << 20)) == []
    (trouble,) = source.troubles()
    assert "No such file or directory" in trouble.message
    source.close()
