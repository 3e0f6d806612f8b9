"""The journal source where journalctl misbehaves, which the real one does not do when asked; see tests/real as well."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vedette.sources import journald
from vedette.sources.base import Piece
from vedette.sources.journald import Journald

Opened = Callable[[str], Journald]
LINE = '{"__CURSOR":"c%d","__REALTIME_TIMESTAMP":"%d","MESSAGE":"m"}'


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """A function: the Python text of a program called journalctl, to a source that runs it."""
    made: list[Journald] = []
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    head = (
        f"#!{sys.executable}\nimport os, sys, time\n"
        f"log = open({str(tmp_path / 'arguments')!r}, 'a'); print(*sys.argv[1:], sep='\\t', file=log); log.close()\n"
        f"runs = len(open({str(tmp_path / 'arguments')!r}).readlines())\n"
        f"line = {LINE!r}\n"
    )

    def make(program: str) -> Journald:
        (tmp_path / "journalctl").write_text(head + program)
        (tmp_path / "journalctl").chmod(0o755)
        made.append(Journald("host"))
        return made[-1]

    yield make
    for source in made:
        source.close()


def _until(source: Journald, wanted: Callable[[list[Piece]], bool], limit: int = 1 << 20) -> list[Piece]:
    pieces: list[Piece] = []
    deadline = time.monotonic() + 20
    while not wanted(pieces):
        assert time.monotonic() < deadline, source.troubles()
        pieces += [piece for piece in source.poll(limit) if piece.data]
        time.sleep(0.005)
    return pieces


def _text(pieces: list[Piece]) -> str:
    return b"".join(piece.data for piece in pieces).decode()


def test_an_entry_that_breaks_off_is_read_again(opened: Opened, tmp_path: Path) -> None:
    """journalctl that dies within a line is started again behind the last whole one, and the piece of a line is not
    given."""
    source = opened(
        "if runs == 1:\n"
        "    print(line % (1, 1)); print((line % (2, 2))[:20], end='', flush=True); sys.exit(3)\n"
        "for number in (1, 2): print(line % (number, number), flush=True)\n"
        "time.sleep(60)\n"
    )
    pieces = _until(source, lambda pieces: _text(pieces).count("\n") == 2)
    assert _text(pieces) == f"{LINE % (1, 1)}\n{LINE % (2, 2)}\n"
    assert pieces[-1].position == {"cursor": "c2", "time": 2}
    first, second = (tmp_path / "arguments").read_text().splitlines()
    assert "--cursor=c1" in second.split("\t")
    assert "--cursor" not in first


def test_the_first_start_begins_an_hour_ago(opened: Opened, tmp_path: Path) -> None:
    """Without a position the last hour is read; only this machine's entries, all boots, whole fields."""
    source = opened("print(line % (1, 1), flush=True); time.sleep(60)\n")
    _until(source, bool)
    arguments = (tmp_path / "arguments").read_text().strip().split("\t")
    since = re.fullmatch(r"--since=@(\d+)\.000000", next(text for text in arguments if text.startswith("--since")))
    assert since is not None
    assert abs(time.time() - 3600 - int(since[1])) < 60
    assert {"--merge", "--all", "--follow", "--no-tail", "--output=json"} <= set(arguments)
    if Path("/etc/machine-id").exists():
        assert f"_MACHINE_ID={Path('/etc/machine-id').read_text().strip()}" in arguments


def test_a_quiet_journal_keeps_where_it_began(opened: Opened) -> None:
    """The place is given at once, without lines, so that a restart does not begin later; a second time it is not."""
    source = opened("time.sleep(60)\n")
    (piece,) = source.poll(1 << 20)
    assert (piece.data, piece.position["cursor"]) == (b"", "")
    assert abs(time.time() - 3600 - int(str(piece.position["time"])) / 1e6) < 60
    assert list(source.poll(1 << 20)) == []
    again = opened("time.sleep(60)\n")
    again.resume({piece.stream: piece.position})
    assert list(again.poll(1 << 20)) == []
    assert again._time == piece.position["time"]


def test_failures_are_told_and_tried_again_later(opened: Opened, tmp_path: Path) -> None:
    """The trouble has journalctl's last words, cleaned; it is not started again at once, and the trouble goes when it
    works again."""
    source = opened(
        "if runs == 1: sys.exit('first\\nNo permission \\x1b[2J')\nprint(line % (1, 1), flush=True); time.sleep(60)\n"
    )
    # What it says may arrive before its end does.
    _until(source, lambda _: any("ended" in trouble.message for trouble in source.troubles()))
    (trouble,) = source.troubles()
    assert trouble.message == "journalctl ended (1): No permission \\x1b[2J"
    assert "systemd-journal" in trouble.mend
    assert list(source.poll(1 << 20)) == []
    assert len((tmp_path / "arguments").read_text().splitlines()) == 1
    _until(source, bool)
    assert source.troubles() == []


def test_a_hanging_journalctl_blocks_nothing_and_is_killed(opened: Opened) -> None:
    """A poll returns at once, and close ends a program that heeds no signal."""
    source = opened(
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nos.write(1, b'{')\ntime.sleep(600)\n"
    )
    begin = time.monotonic()
    for _ in range(50):
        assert [piece for piece in source.poll(1 << 20) if piece.data] == []
    assert time.monotonic() - begin < 5
    process = source._process
    assert process is not None
    source.close()
    assert process.returncode == -9


def test_without_journalctl_there_is_a_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not installed is a trouble, not an exception."""
    monkeypatch.setenv("PATH", str(tmp_path))
    source = Journald("host")
    assert list(source.poll(1 << 20)) == []
    (trouble,) = source.troubles()
    assert trouble.message == "not found in PATH"
    assert "/var/log/journal" in trouble.mend
    source.close()


def test_an_endless_entry_is_cut_and_the_next_is_whole(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded whatever somebody writes to the journal; the entry is one unreadable record."""
    monkeypatch.setattr(journald, "_LONGEST_ENTRY", 1 << 20)
    source = opened("print('{\"A\":\"' + 'x' * (5 << 20) + '\"}')\nprint(line % (2, 2), flush=True); time.sleep(60)\n")
    pieces = _until(source, lambda pieces: _text(pieces).count("\n") == 2)
    first, second = _text(pieces).splitlines()
    assert first == ('{"A":"' + "x" * (1 << 16))[: 1 << 16]
    assert second == LINE % (2, 2)
    assert pieces[-1].position == {"cursor": "c2", "time": 2}


def test_a_poll_gives_about_as_much_as_is_asked(opened: Opened) -> None:
    """Each piece has the position behind its own last entry."""
    source = opened("for n in range(20000): print(line % (n, n))\nsys.stdout.flush(); time.sleep(60)\n")
    pieces = _until(source, lambda pieces: _text(pieces).count("\n") == 20_000, limit=4096)
    assert len(pieces) > 10
    for piece in pieces:
        assert len(piece.data) < 4096 + (1 << 17)
        assert f'"{piece.position["cursor"]}"' in piece.data.splitlines()[-1].decode()


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
def test_journalctl_is_tied_to_this_process() -> None:
    """Where the system can, a child ends with its parent."""
    assert journald._dies_with_us()[1:] == ["--pdeathsig", "KILL", "--"]
