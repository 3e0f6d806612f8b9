"""Drills on this host: K6 by the audit policy's own file, where the settings let it be done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from vedette.drills.base import CannotDrill, Done, How, Note, Thing, Unmarked, name_of

SYSTEM = "file-line"
_BETWEEN = "#"
"""Between a file and the comment in it, in the path of a thing."""


class FileLines:
    """Comments in files: `FILE#NAME` is the line `# NAME` of a file."""

    def clean(self, path: str) -> None:
        """Take the line out; all else stays byte by byte, in the same file, since a bind mount follows its inode."""
        file, _, name = path.rpartition(_BETWEEN)
        if self.left(path):
            try:
                data = Path(file).read_bytes()
                kept = [line for line in data.splitlines(keepends=True) if line.strip() != f"# {name}".encode()]
                with Path(file).open("r+b") as out:
                    out.write(b"".join(kept))
                    out.truncate()
            except OSError as error:
                raise CannotDrill(f"{file}: {error.strerror}") from error

    def left(self, path: str) -> bool:
        """Whether the line is there."""
        file, _, name = path.rpartition(_BETWEEN)
        try:
            return f"# {name}".encode() in Path(file).read_bytes().splitlines()
        except OSError as error:
            raise CannotDrill(f"{file}: {error.strerror}") from error


class K6(Unmarked):
    """A comment in the file, which changes no policy, until the observer has looked."""

    rule = "K6"
    how = How.REAL

    def __init__(self, file: str, seconds: float) -> None:
        """`seconds`: longer than from one look of the observer's to the next."""
        self._file = file
        self._seconds = seconds

    def plan(self, mark: str) -> Sequence[str]:
        """The line."""
        return [
            f"add the comment `# {name_of(mark)}` to {self._file} for {self._seconds:.0f} s; it changes no policy",
            "take it out again: a second change, counted into the same alert",
        ]

    def things(self, mark: str) -> Sequence[Thing]:
        """The line."""
        return [Thing(SYSTEM, f"{self._file}{_BETWEEN}{name_of(mark)}")]

    def act(self, mark: str, note: Note) -> Done:  # noqa: ARG002 - all is known beforehand
        """At its end, in one write, and out again when the observer has looked: both are of one alert."""
        path = Path(self._file)
        at = time.time_ns()
        try:
            data = path.read_bytes()
            with path.open("ab") as out:
                out.write(b"" if data.endswith(b"\n") or not data else b"\n")
                out.write(f"# {name_of(mark)}\n".encode())
        except OSError as error:
            raise CannotDrill(f"{self._file}: {error.strerror}") from error
        time.sleep(self._seconds)
        for thing in self.things(mark):
            FileLines().clean(thing.path)
        time.sleep(self._seconds)
        return Done(at)

    def place(self) -> str:
        """One alert a file."""
        return Path(self._file).name
