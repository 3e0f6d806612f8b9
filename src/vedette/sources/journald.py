"""The systemd journal, by way of a `journalctl --follow` that runs as long as the source.

It begins one hour before the first start; afterwards behind the last entry that was committed. What systemd 252 does
that is not in its manual, and that would lose entries:

- `--follow` shows only the current boot, `--boot=all` or not; with `--merge` it shows all. So `--merge`, and a match
  for this machine's id, because it opens other machines' journals as well.
- `--after-cursor` passes over one entry even where the cursor's own is gone. So `--cursor`, which begins with the
  cursor's entry; where another comes first, entries in between may have been deleted, and that is said.
- `-o json` gives null for fields of 4 KB and more without `--all`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec

from vedette.escape import terminal
from vedette.sources.base import Piece, Position, Trouble

STREAM = "journal"

_PROGRAM = "journalctl"
_FIRST = 3600
"""Seconds before the first start that are read as well."""
_READ = 1 << 16
_LONGEST_ENTRY = 16 << 20
"""An entry longer than this is cut to its first `_HEAD` bytes, which then counts as one unreadable record; journald
takes fields of up to 768 MB from anybody."""
_HEAD = 1 << 16
_LONGEST_PAUSE = 60.0
_KEPT = 3600.0
"""Seconds that a gap is told of."""
_STEADY = 5.0
"""Seconds after which a journalctl that says nothing is taken to be well."""
_SAID = 4096


class _Entry(msgspec.Struct, gc=False):
    """What journalctl itself adds to an entry; no program can set a field of such a name."""

    cursor: str = msgspec.field(name="__CURSOR", default="")
    time: str = msgspec.field(name="__REALTIME_TIMESTAMP", default="")


_entry = msgspec.json.Decoder(_Entry).decode


class Journald:
    """Follows one journal; gives its entries as `journalctl -o json` writes them."""

    keeps_evidence = False

    def __init__(
        self, name: str, *, units: Sequence[str] = (), identifiers: Sequence[str] = (), directory: str = ""
    ) -> None:
        """Only entries of one of `units` and of one of `identifiers`, where there are any; `directory`: the folder of
        another journal."""
        self.name = name
        self._directory = directory
        self._filters = [*(f"--unit={unit}" for unit in units), *(f"--identifier={text}" for text in identifiers)]
        self._cursor = ""
        self._time = 0
        """Microseconds since 1970 of the last entry that was given; before the first, where to begin."""
        self._process: subprocess.Popen[bytes] | None = None
        self._lines = _Lines()
        self._awaited = ""
        """The cursor that the first entry must have, else there may be a gap."""
        self._by_time = False
        self._unsaid = True
        """True: where reading began is in no position yet; a quiet journal would else begin later at each start."""
        self._said = b""
        """The end of what journalctl says on standard error."""
        self._trouble: Trouble | None = None
        self._gap: tuple[float, Trouble] | None = None
        self._failures = 0
        self._started = 0.0
        self._next = 0.0

    def resume(self, positions: Mapping[str, Position]) -> None:
        """Go on behind the last entry of the last run."""
        position = positions.get(STREAM, {})
        cursor, when = position.get("cursor"), position.get("time")
        if isinstance(cursor, str) and isinstance(when, int):
            self._cursor, self._time = cursor, when
        self._unsaid = not self._time

    def poll(self, limit: int) -> Sequence[Piece]:
        """The entries that have come in; starts journalctl where it does not run."""
        process = self._process or self._start()
        if process is None:
            return ()
        assert process.stdout is not None
        assert process.stderr is not None
        lines: list[bytes] = []
        size = 0
        ended = False
        while size < limit:
            data = _arrived(process.stdout)
            if data is None:
                break
            if not data:
                ended = True
                break
            lines += self._lines.add(data)
            size += len(data)
        self._said = (self._said + (_arrived(process.stderr) or b""))[-_SAID:]
        pieces = self._piece(lines)
        if not pieces and self._unsaid:
            pieces = [Piece(STREAM, self.name, b"", {"cursor": "", "time": self._time})]
        self._unsaid = False
        if pieces:
            self._failures = 0
        if ended:
            self._died(process)
        elif self._said.strip():
            # Files that it cannot read, for example; it says so once, and that holds as long as it runs.
            self._trouble = self._told("journalctl says")
        elif pieces or time.monotonic() - self._started > _STEADY:
            self._trouble = None
        return pieces

    def committed(self, positions: Mapping[str, Position]) -> Sequence[str]:  # noqa: ARG002 # there is but one stream
        """Nothing is let go of."""
        return ()

    def behind(self) -> int:
        """Nobody knows."""
        return 0

    def troubles(self) -> Sequence[Trouble]:
        """Why journalctl does not run; and for an hour, where entries may be missing."""
        gap = self._gap[1] if self._gap and time.monotonic() - self._gap[0] < _KEPT else None
        return [trouble for trouble in (self._trouble, gap) if trouble is not None]

    def close(self) -> None:
        """End journalctl."""
        if self._process is not None:
            self._end(self._process)

    @property
    def _subject(self) -> str:
        return self._directory or "the journal"

    def _start(self) -> subprocess.Popen[bytes] | None:
        if time.monotonic() < self._next:
            return None
        program = shutil.which(_PROGRAM)
        if program is None:
            mend = "install systemd; in a container mount the host's /var/log/journal and set directory"
            self._trouble = Trouble(_PROGRAM, "not found in PATH", mend)
            self._later()
            return None
        try:
            process = subprocess.Popen(  # noqa: S603 # no shell; the arguments are the settings'
                [*_dies_with_us(), program, *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Its messages are recognised below, and its output must not depend on the person's settings.
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
                bufsize=0,
            )
        except OSError as error:
            self._trouble = Trouble(_PROGRAM, f"cannot be started: {error.strerror}", "look at ulimit -u and at memory")
            self._later()
            return None
        assert process.stdout is not None
        assert process.stderr is not None
        for pipe in (process.stdout, process.stderr):
            os.set_blocking(pipe.fileno(), False)
        self._lines = _Lines()
        self._said = b""
        self._started = time.monotonic()
        self._process = process
        return process

    def _arguments(self) -> list[str]:
        """What journalctl is started with."""
        found = ["--output=json", "--all", "--follow", "--no-tail", "--no-pager", "--merge", *self._filters]
        self._awaited = ""
        if self._cursor and not self._by_time:
            found.append(f"--cursor={self._cursor}")
            self._awaited = self._cursor
        else:
            self._time = self._time or (int(time.time()) - _FIRST) * 1_000_000
            found.append(f"--since=@{self._time // 1_000_000}.{self._time % 1_000_000:06d}")
        if self._directory:
            found.append(f"--directory={self._directory}")
        elif machine := _machine():
            found.append(f"_MACHINE_ID={machine}")
        return found

    def _piece(self, lines: list[bytes]) -> list[Piece]:
        """Entries as one piece, less the one that was given in the run before."""
        if lines and self._awaited:
            first = _read(lines[0])
            if first.cursor == self._awaited:
                del lines[0]
            else:
                self._missed("the entry where reading stopped is no longer in the journal")
            self._awaited = ""
        if lines and self._by_time:
            # Its own cursor is asked for from now on.
            self._by_time = False
        for line in reversed(lines):
            last = _read(line)
            if last.cursor and last.time.isascii() and last.time.isdigit():
                self._cursor, self._time = last.cursor, int(last.time[:17])
                break
        if not lines:
            return []
        return [Piece(STREAM, self.name, b"".join(lines), {"cursor": self._cursor, "time": self._time})]

    def _died(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        while data := _arrived(process.stderr):
            self._said = (self._said + data)[-_SAID:]
        self._end(process)
        # It says "Failed to seek to cursor" and why.
        if self._awaited and b"cursor" in self._said:
            self._missed("journalctl does not know the place where reading stopped; it goes on by time")
            self._by_time = True
        self._trouble = self._told(f"journalctl ended ({process.returncode})")
        self._later()

    def _missed(self, why: str) -> None:
        mend = "let the journal keep more (SystemMaxUse, MaxRetentionSec in journald.conf) than vedette is ever behind"
        self._gap = (time.monotonic(), Trouble(self._subject, f"there may be a gap: {why}", mend))

    def _told(self, what: str) -> Trouble:
        """A trouble in journalctl's own words."""
        words = self._said.decode("utf-8", "replace").strip()
        mend = "try it by hand: journalctl --follow" + (f" --directory={self._directory}" if self._directory else "")
        if "permission" in words or "not seeing messages" in words:
            mend = "let vedette's user be of the group systemd-journal (SupplementaryGroups=systemd-journal)"
        elif "No journal files" in words:
            mend = "check directory; in a container, mount the host's /var/log/journal"
        last = terminal(words.splitlines()[-1], 200) if words else ""
        return Trouble(self._subject, f"{what}: {last}" if last else what, mend)

    def _later(self) -> None:
        """Start again after a pause that grows with each failure."""
        self._failures += 1
        self._next = time.monotonic() + min(2.0 ** (self._failures - 1), _LONGEST_PAUSE)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        self._process = None


class _Lines:
    """Cuts what arrives at line ends; keeps an unfinished line, of one that is too long only the begin."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> list[bytes]:
        """The lines that `data` ends, each with its line end."""
        *ended, rest = data.split(b"\n")
        lines = []
        for line in ended:
            self._hold(line)
            lines.append(b"".join(self._held)[: None if self._size <= _LONGEST_ENTRY else _HEAD] + b"\n")
            self._held, self._size = [], 0
        self._hold(rest)
        return lines

    def _hold(self, data: bytes) -> None:
        if data and self._size <= _LONGEST_ENTRY:
            self._held.append(data)
        self._size += len(data)


def _arrived(pipe: IO[bytes]) -> bytes | None:
    """What stands in the pipe: nothing at its end, None where one would have to wait."""
    try:
        return os.read(pipe.fileno(), _READ)
    except BlockingIOError:
        return None


def _read(line: bytes) -> _Entry:
    try:
        return _entry(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Entry()


def _dies_with_us() -> list[str]:
    """What makes a child end with the process that started it, however that ends. (A function between fork and exec
    could do it as well, but is not safe in a process with threads.)"""
    program = shutil.which("setpriv")
    return [program, "--pdeathsig", "KILL", "--"] if program else []


def _machine() -> str:
    """The id of this machine as the journal has it, or nothing."""
    try:
        text = Path("/etc/machine-id").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return text if len(text) == 32 and text.isalnum() else ""
