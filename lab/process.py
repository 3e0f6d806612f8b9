"""One program in the background, and waiting for what it does."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vedette.clients.base import NoAnswer

_PORTS = (20_000, 32_000)
_CHANCE = random.SystemRandom()  # tests set the other one to a known state


class DoesNotCome(Exception):
    """Something waited for did not happen; `str()` says what, and the last of the logs."""


class Process:
    """A program. Its working folder and home are `folder`; what it says goes to `log`, through all its starts."""

    def __init__(self, command: Sequence[str | Path], folder: Path, *, env: Mapping[str, str] | None = None) -> None:
        """Not yet started. `env`: more than PATH and HOME."""
        self.command = [str(word) for word in command]
        self.folder = folder
        self.name = Path(self.command[0]).name
        self.log = folder / f"{self.name}.log"
        self._env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """It was started, and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id; 0 while it is stopped."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it; whether it serves yet is `wait`'s to find out."""
        assert not self.running, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, cwd=self.folder, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def stop(self, seconds: float = 15.0) -> None:
        """Ask it to end, and end it after `seconds`; a second call does nothing."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def end(self, number: signal.Signals, seconds: float) -> int:
        """Send a signal and wait until it has ended; gives its exit code. Raises subprocess.TimeoutExpired."""
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(seconds)
        self._process = None
        return code

    def kill(self) -> None:
        """kill -9; a second call does nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def said(self, most: int = 2000) -> str:
        """The last of its log."""
        return self.log.read_bytes()[-most:].decode("utf-8", "replace") if self.log.exists() else ""

    def wait(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait until `condition()` holds. Raises DoesNotCome, at once where it has ended."""
        until(condition, what, seconds, (self,))


def until(
    condition: Callable[[], bool],
    what: str,
    seconds: float = 20.0,
    processes: Sequence[Process] = (),
    every: float = 0.03,
) -> None:
    """Wait until `condition()` holds; no answer is taken for not yet. Raises DoesNotCome, at once where a process has
    ended."""
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except NoAnswer:
            pass
        gone = [one.name for one in processes if not one.running]
        if gone or time.monotonic() > end:
            why = f"{', '.join(gone)} has ended" if gone else f"not within {seconds:.0f} s"
            raise DoesNotCome("\n".join([f"{what}: {why}", *(one.said() for one in processes)]))
        time.sleep(every)


def free_ports(number: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody had a moment ago; all are held until all are known.

    They lie below those that Linux gives to outgoing connections (32768 on, ip(7)), of which one would take a port
    before a server that starts later does.
    """
    probes: list[socket.socket] = []
    try:
        while len(probes) < number:
            probe = socket.socket()
            try:
                probe.bind(("127.0.0.1", _CHANCE.randrange(*_PORTS)))
            except OSError:
                probe.close()
            else:
                probes.append(probe)
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
