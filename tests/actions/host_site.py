"""A real sshd on loopback with users, keys, logs and a sudoers of its own, and settings for it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.built import NoPart, packaged
from lab.process import Process, free_ports, until

from tests.actions.command_site import CommandSite

_SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
TrustedUserCAKeys {folder}/ca.pub
AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/keys/%u .ssh/authorized_keys2
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
LogLevel VERBOSE
"""
_SSH = """\
Host node
  HostName 127.0.0.1
  Port {port}
  UserKnownHostsFile {folder}/known_hosts
  IdentityFile {folder}/own
  IdentitiesOnly yes
"""
# Everything that the tests change is mounted where only this sshd and what it starts see it.
_INSIDE = """\
set -e
mount -t tmpfs tmpfs /run && mkdir /run/sshd && : > /run/utmp
for list in passwd shadow group; do mount --bind "$W/etc/$list" "/etc/$list"; done
mount --bind "$W/etc/ssh" /etc/ssh
mount --bind "$W/log" /var/log
mount --bind "$W/sbin" /usr/local/sbin
if [ -d /etc/sudoers.d ]; then mount --bind "$W/etc/sudoers.d" /etc/sudoers.d; fi
exec "$SSHD" -D -e
"""


class Host:
    """sshd in mount and process namespaces of its own; started by making one. Raises NoPart."""

    def __init__(self, folder: Path) -> None:
        """`folder`: empty, and everybody may enter it."""
        if os.geteuid() != 0:
            raise NoPart("only root may make users of its own")
        unshare = [str(packaged("unshare")), "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        tried = subprocess.run([*unshare, "true"], capture_output=True, check=False)
        if tried.returncode != 0:
            raise NoPart("no mount or process namespaces here")
        self.folder = folder
        (self.port,) = free_ports(1)
        self._uid = 20_000
        for name in ("etc/ssh/keys", "etc/sudoers.d", "log", "sbin", "home", "made"):
            (folder / name).mkdir(parents=True)
        for name in ("log/wtmp", "log/btmp", "log/auth.log"):
            (folder / name).touch(0o640)
        for name in ("passwd", "shadow", "group"):
            shutil.copy2(f"/etc/{name}", folder / "etc" / name)
        root = folder / "home" / "root"
        passwd = folder / "etc" / "passwd"
        passwd.write_text(passwd.read_text().replace(":/root:", f":{root}:", 1))
        for name in ("host", "own", "ca"):
            self.keygen(folder / name)
        (root / ".ssh").mkdir(parents=True, mode=0o700)
        self.keys("root").write_text((folder / "own.pub").read_text())
        (folder / "etc" / "ssh" / "sshd_config").write_text(_SSHD.format(port=self.port, folder=folder))
        public = (folder / "host.pub").read_text().split()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {public[0]} {public[1]}\n")
        self.config = folder / "ssh_config"
        self.config.write_text(_SSH.format(port=self.port, folder=folder))
        env = {"W": str(folder), "SSHD": str(packaged("sshd"))}
        self.process = Process([*unshare, "sh", "-c", _INSIDE], folder, env=env)
        self.process.start()
        try:
            until(self._listens, "sshd listens", 20.0, (self.process,))
        except BaseException:
            self.stop()
            raise

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """End it and all that it started."""
        # unshare passes no SIGTERM on; what it started dies with it (--kill-child).
        self.process.kill()

    def keygen(self, path: Path, comment: str = "", kind: str = "ed25519") -> None:
        """A key, and its .pub."""
        command = [str(packaged("ssh-keygen")), "-q", "-t", kind, "-N", "", "-C", comment, "-f", str(path)]
        subprocess.run(command, check=True, capture_output=True)

    def key(self, comment: str = "", kind: str = "ed25519") -> tuple[Path, str, str]:
        """A fresh one: its file, its line of authorized_keys, its fingerprint as ssh-keygen has it."""
        path = self.folder / "made" / secrets.token_hex(6)
        self.keygen(path, comment, kind)
        return path, path.with_suffix(".pub").read_text(), self.fingerprint(path)

    def fingerprint(self, path: Path, form: str = "sha256") -> str:
        """By ssh-keygen."""
        command = [str(packaged("ssh-keygen")), "-l", "-E", form, "-f", str(path)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[1]

    def user(self, name: str = "") -> str:
        """A fresh one with a home."""
        name = name or f"u{secrets.token_hex(4)}"
        self._uid += 1
        home = self.folder / "home" / name
        (home / ".ssh").mkdir(parents=True)
        for file, line in (
            ("passwd", f"{name}:x:{self._uid}:{self._uid}::{home}:/bin/sh"),
            ("shadow", f"{name}:*:20000:0:99999:7:::"),
            ("group", f"{name}:x:{self._uid}:"),
        ):
            with (self.folder / "etc" / file).open("a") as out:
                out.write(f"{line}\n")
        for one in (home, home / ".ssh"):
            os.chown(one, self._uid, self._uid)
        return name

    def keys(self, user: str, name: str = "authorized_keys") -> Path:
        """A user's file of keys."""
        return self.folder / "home" / user / ".ssh" / name

    def give(self, user: str, content: bytes | str, name: str = "authorized_keys") -> Path:
        """Write a user's file of keys, as the user would."""
        path = self.keys(user, name)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
        path.chmod(0o600)
        return path

    def ssh(self, user: str, key: Path, *words: str, options: tuple[str, ...] = ()) -> list[str]:
        """A login's command."""
        base = ["ssh", "-F", str(self.config), "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "IdentityFile=none"]
        return [*base, "-i", str(key), *options, f"{user}@node", *words]

    def enters(self, user: str, key: Path) -> bool:
        """Whether the key logs in."""
        done = subprocess.run(
            self.ssh(user, key, "true"), stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30
        )
        return done.returncode == 0


class HostSite(CommandSite):
    """Settings and a store in `folder`, for a host; vedette is root there unless a test says otherwise."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host = host
        self.folder = folder
        self.mode = "act"
        self.last = ""
        self.said: dict[str, Any] = {"name": "node", "destination": "root@node", "config_file": str(host.config)}
        self.more: list[dict[str, Any]] = []

    def __repr__(self) -> str:
        return f"HostSite({self.folder})"

    def actions(self) -> dict[str, Any]:
        """As CommandSite has it."""
        return {"mode": self.mode, "hosts": [self.said, *self.more]}

    def acts_as(self, user: str, key: Path, **said: Any) -> None:
        """Another account for vedette."""
        config = self.folder / "ssh_config"
        config.write_text(self.host.config.read_text().replace(str(self.host.folder / "own"), str(key)))
        self.said = {"name": "node", "destination": f"{user}@node", "config_file": str(config), **said}


@contextlib.contextmanager
def running() -> Iterator[Host]:
    """A host for as long as it is needed; its users enter its folder, as they cannot pytest's."""
    with tempfile.TemporaryDirectory(prefix="vedette-host-") as folder:
        Path(folder).chmod(0o755)
        try:
            host = Host(Path(folder))
        except NoPart as error:
            pytest.skip(str(error))
        try:
            yield host
        finally:
            host.stop()
