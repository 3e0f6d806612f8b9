"""The log that a server keeps of itself: the lines that say what no audit log has (V3, K10).

Vault and OpenBao say there that they were sealed or unsealed, kube-apiserver that it could not write audit events. Only
lines with these words are given; who wrote the file is for the settings to know.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from vedette.observers.base import CannotLook, Look

_SEAL = (b"vault is sealed", b"vault is unsealed")
TELLING = {"vault": _SEAL, "bao": _SEAL, "openbao": _SEAL, "kube-apiserver": (b"Error in audit plugin ",)}
"""Program -> the words by which its rules know a line (V3.server_log, K10.server_log)."""
_MOST = 8 << 20
"""Bytes that are read in one look; what is left waits for the next."""
_LONGEST = 64 << 10
"""Bytes of a line that are looked at."""
_GIVEN = 100
"""Lines that one look gives; of more their number."""


class ServerLogObserver:
    """Follows one file. The subject is `HOST:PATH`."""

    def __init__(self, name: str, path: str, program: str, *, every: float = 2.0, host: str = "") -> None:
        """`program`: one of TELLING. `host`: what the machine is called; else what it calls itself."""
        self.name = name
        self.every = every
        self._path = Path(path)
        self._program = program
        self._host = host or socket.gethostname()
        self._file: BinaryIO | None = None
        self._missed = False
        """It was not there at the first look, so that all of it is new."""
        self._last: list[Look] = []
        self._owed: list[Look] = []

    def look(self) -> Sequence[Look]:
        """The telling lines that were written since the last look; of the first none, for they may be old. Raises
        CannotLook."""
        if self._file is None:
            self._file = self._opened()
            if not self._missed:
                self._file.seek(0, os.SEEK_END)
        self._missed = True
        lines, done = _lines(self._file)
        if done and self._replaced(self._file):
            # What was written meanwhile, before whoever writes it took the new one.
            lines += _lines(self._file)[0]
            self._file.close()
            # Where it cannot be opened, the next look begins with it.
            self._file = None
            self._file = self._opened()
            lines += _lines(self._file)[0]
        self._last, self._owed = [*self._owed, *self._looks(lines)], []
        return self._last

    def again(self) -> None:
        """What was given could not be kept: give it once more."""
        self._owed = self._last

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _looks(self, lines: Sequence[bytes]) -> list[Look]:
        found = [one for one in lines if any(words in one for words in TELLING[self._program])]
        looks = []
        for number, line in enumerate(found[:_GIVEN]):
            value: dict[str, object] = {"program": self._program, "message": line.decode("utf-8", "replace")}
            if number == _GIVEN - 1 and len(found) > _GIVEN:
                value["more"] = len(found) - _GIVEN
            looks.append(Look("server_log", f"{self._host}:{self._path}", value))
        return looks

    def _opened(self) -> BinaryIO:
        try:
            # Not blocking: a pipe in the file's place must not hold the observer.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self._missed = self._missed or isinstance(error, FileNotFoundError)
            mend = f"let vedette's user read it: setfacl -m u:vedette:r {self._path} (and x on the folders above)"
            if isinstance(error, FileNotFoundError):
                mend = "correct path, or start the server that writes it"
            raise CannotLook(f"{self._path}: {error.strerror}", mend, self._owed) from None
        file = open(descriptor, "rb")  # noqa: PTH123, SIM115 - a descriptor, not a path; it stays open
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            file.close()
            raise CannotLook(f"{self._path}: no regular file", "name the server's log in path")
        return file

    def _replaced(self, file: BinaryIO) -> bool:
        """Whether another file has the name by now, and something in it, or this one was cut and begins anew."""
        held = os.fstat(file.fileno())
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return False
        if (named.st_dev, named.st_ino) != (held.st_dev, held.st_ino):
            return named.st_size > 0
        return held.st_size < file.tell()


def _lines(file: BinaryIO) -> tuple[list[bytes], bool]:
    """The whole lines from here on, without their ends, and whether these are all; half a line waits for its end."""
    at = file.tell()
    data = file.read(_MOST)
    end = data.rfind(b"\n") + 1
    if not end and len(data) == _MOST:
        # No line of a log; what follows its end is one again.
        end = _MOST
    file.seek(at + end)
    return [line[:_LONGEST] for line in data[:end].splitlines()], len(data) < _MOST
