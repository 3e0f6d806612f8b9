"""Lives of the watcher, cheap enough to be ended by the thousand: forked from one process that has all of it ready."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from tests.faults.lives import Life
from tests.scans import ROOT

_LONGEST = 60.0
"""Seconds after which a life hangs."""


class Forker:
    """One process from which lives are forked, one at a time."""

    def __init__(self) -> None:
        self._life = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.lives"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        )

    def start(self, life: Life) -> int:
        """Begin a life; gives its process. One that a failed test has left is ended first."""
        assert self._process.stdin is not None
        if self._life:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._life, signal.SIGKILL)
            self.wait()
        self._process.stdin.write(msgspec.json.encode(life) + b"\n")
        self._process.stdin.flush()
        self._life = int(self._answer()["pid"])
        return self._life

    def wait(self) -> int:
        """How the life that was begun ended: an exit code, or a signal below zero."""
        status = int(self._answer()["status"])
        self._life = 0
        return status

    def end(self) -> int:
        """Kill the life that was begun."""
        os.kill(self._life, signal.SIGKILL)
        return self.wait()

    def run(self, life: Life) -> int:
        """A whole life; one that hangs is ended, which fails."""
        pid = self.start(life)
        over = threading.Timer(_LONGEST, os.kill, (pid, signal.SIGABRT))
        over.start()
        try:
            return self.wait()
        finally:
            over.cancel()

    def close(self) -> None:
        """End the process that forks, and a life that a failed test has left."""
        if self._life:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._life, signal.SIGKILL)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(_LONGEST)
        self._process.stdout.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process that forks has ended"
        found: dict[str, Any] = msgspec.json.decode(line)
        return found


@contextmanager
def forking() -> Iterator[Forker]:
    """A forker for the length of a `with`."""
    forker = Forker()
    try:
        yield forker
    finally:
        forker.close()
