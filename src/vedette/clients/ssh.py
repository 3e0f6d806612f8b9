"""A host, by the user's own ssh: its configuration, agent and known_hosts; one command a connection, bounded.

What the options mean is ssh(1)'s and ssh_config(5)'s word; the lines that are looked for in its log are those of
OpenSSH 9.2 at LogLevel DEBUG1.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_CONNECT = 10
"""Seconds for a connection, and for an answer on one that is silent."""
_OPTIONS = (
    "BatchMode=yes",
    f"ConnectTimeout={_CONNECT}",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    # Whatever the user's configuration says: a host that is not known is not acted on.
    "StrictHostKeyChecking=yes",
    # A shared connection was authenticated before, and does not say with which key.
    "ControlPath=none",
    "ControlMaster=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "FingerprintHash=sha256",
)
_DESTINATION = re.compile(
    r"(ssh://)?([A-Za-z0-9_][A-Za-z0-9_.+\\@-]*@)?(\[[0-9A-Fa-f:.%a-z]+\]|[A-Za-z0-9_][\w.%:-]*)(?<!:)\Z", re.ASCII
)
_ACCEPTED = re.compile(r"^debug1: Server accepts key: .* (SHA256:[A-Za-z0-9+/]{43})(?: |$)", re.MULTILINE)
_AUTHENTICATED = re.compile(r'^Authenticated to .* using "([a-z-]+)"', re.MULTILINE)
_NOISE = re.compile(r"^(debug\d|OpenSSH_|Authenticated |Transferred|Bytes per|Warning: Permanently|\*\*|Exit status)")
LONGEST = 16 << 20
"""Bytes of an answer that are read; more is an error."""


class SshFailed(Exception):
    """There is no whole answer; `str()` says why, `ran` is False where the command was surely not begun."""

    def __init__(self, reason: str, *, ran: bool) -> None:
        super().__init__(reason)
        self.ran = ran


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    code: int
    out: bytes
    err: str
    method: str
    """By which the connection was authenticated: `publickey`, `gssapi-with-mic`, …"""
    keys: frozenset[str]
    """The keys that were accepted on the way, `SHA256:…`."""


class Ssh:
    """One host."""

    def __init__(
        self,
        destination: str,
        *,
        config_file: str = "",
        identity_file: str = "",
        sudo: bool = False,
        program: str = "",
        files: Sequence[str] = (),
    ) -> None:
        """`destination`: as ssh takes it. `program`: what stands on the host in place of what is sent to it; `files`:
        those that are looked at there. Raises ValueError for what is no destination: it might be an option."""
        if not is_destination(destination):
            raise ValueError(f"{destination!r} is no destination of ssh: HOST, USER@HOST or ssh://USER@HOST:PORT")
        self.destination = destination
        self.server = destination if "://" in destination else f"ssh://{destination}"
        self.sudo = sudo
        self.program = program
        self.files = tuple(files)
        self._own = [
            word
            for flag, file in (("-F", config_file), ("-i", identity_file))
            for word in ((flag, file) if file else ())
        ]

    def words(self) -> list[str]:
        """What a person would type before the command."""
        return ["ssh", *self._own, "--", self.destination]

    def run(self, command: str, given: bytes, *, seconds: float = 120.0) -> Ran:
        """Run a command, which the login shell there reads, with `given` on its standard input. Raises SshFailed."""
        with tempfile.TemporaryDirectory(prefix="vedette-ssh-") as folder:
            log = Path(folder) / "log"
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(given)
                file.seek(0)
                options = [word for one in _OPTIONS for word in ("-o", one)]
                arguments = ["ssh", "-v", "-E", str(log), "-T", "-a", "-x", *options, *self._own]
                code, out, err = _run([*arguments, "--", self.destination, command], file, seconds)
            said = log.read_text("utf-8", "replace") if log.exists() else ""
        method = found[1] if (found := _AUTHENTICATED.search(said)) else ""
        if code == "no ssh":
            raise SshFailed("there is no ssh program in PATH", ran=False)
        if not isinstance(code, int):
            raise SshFailed(code, ran=bool(method))
        if code == 255 or code < 0 or not method:
            raise SshFailed(_reason(said) or err.strip()[-300:] or f"ssh ended with {code}", ran=bool(method))
        return Ran(code, out, err, method, frozenset(_ACCEPTED.findall(said)))

    def close(self) -> None:
        """There is nothing to let go of: each command has its own connection."""


class Hosts:
    """The hosts of the settings, by name."""

    def __init__(self, hosts: Mapping[str, Ssh]) -> None:
        self._hosts = hosts

    def named(self, name: str) -> Ssh:
        """One of them; without a name the only one. Raises LookupError."""
        if name in self._hosts:
            return self._hosts[name]
        names = ", ".join(self._hosts)
        if name:
            raise LookupError(f"no host is called {name!r}; there are {names}")
        if len(self._hosts) != 1:
            raise LookupError(f"there are several hosts: host= names one of {names}")
        return next(iter(self._hosts.values()))


def is_destination(text: str) -> bool:
    """Whether ssh would take it for a host, and no part of it for an option or a shell's affair."""
    return bool(_DESTINATION.match(text))


def _run(arguments: list[str], given: IO[bytes], seconds: float) -> tuple[int | str, bytes, str]:
    """Exit code, or why there is none; output and errors."""
    try:
        process = subprocess.Popen(  # noqa: S603 - a list of words: no shell reads them here
            arguments, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except FileNotFoundError:
        return "no ssh", b"", ""
    read: dict[str, bytes] = {}

    def kill() -> None:
        # With what it started: a ProxyCommand would hold the pipes open.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def drain(name: str, pipe: IO[bytes]) -> None:
        read[name] = pipe.read(LONGEST + 1)
        if len(read[name]) > LONGEST:
            kill()

    assert process.stdout is not None
    assert process.stderr is not None
    pipes = {"out": process.stdout, "err": process.stderr}
    threads = [threading.Thread(target=drain, args=one) for one in pipes.items()]
    for thread in threads:
        thread.start()
    code: int | str
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill()
        process.wait()
        code = f"no answer within {seconds:.0f} s"
    except BaseException:
        kill()
        process.wait()
        raise
    finally:
        for thread in threads:
            thread.join()
        for pipe in pipes.values():
            pipe.close()
    if any(len(one) > LONGEST for one in read.values()):
        code = f"an answer of more than {LONGEST >> 20} MB"
    return code, read["out"], read["err"].decode("utf-8", "replace")


def _reason(log: str) -> str:
    """The last that ssh says about itself."""
    lines = [line.strip() for line in log.splitlines() if line.strip() and not _NOISE.match(line)]
    return "; ".join(line for line in lines[-2:])[-300:]
