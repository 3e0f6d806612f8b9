"""A real sshd on loopback, whose words a real rsyslogd puts into a log file, and logins at it."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from pathlib import Path

from lab.asking import INSIDE
from lab.built import NoPart, packaged
from lab.process import Process, free_ports, until

_SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel {level}
"""
# sshd without a terminal says its lines to standard error; a system's would go through /dev/log, which is not ours. How far
# imfile has read stands in the work directory, by inode: in a shared one another lab's file may be taken for this one.
_RSYSLOG = """\
global(workDirectory="{folder}")
module(load="imfile" mode="inotify")
input(type="imfile" File="{folder}/sshd.log" Tag="{tag}[{pid}]:" Facility="auth" Severity="info")
auth.* action(type="omfile" file="{folder}/auth.log" template="RSYSLOG_FileFormat")
"""
_IN_A_RUN_OF_ITS_OWN = 'mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec "$@"'


class SshServer:
    """sshd and rsyslogd; whoever runs the lab may log in, with the key `user`. Started by making one."""

    def __init__(self, folder: Path, *, level: str = "INFO", tag: str = "sshd") -> None:
        """`level`: sshd's LogLevel; `tag`: the program's name in the log."""
        self.folder = folder
        self.log = folder / "auth.log"
        (self.port,) = free_ports(1)
        self.user = getpass.getuser()
        keygen = packaged("ssh-keygen")
        for name in ("host", "user"):
            command = [str(keygen), "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(command, check=True, capture_output=True)
        self.log.touch()
        sshd = [str(packaged("sshd")), "-D", "-e", "-f", str(folder / "sshd_config")]
        self.process = Process([*_privileged(), *sshd], folder)
        self.process.log = folder / "sshd.log"
        rsyslogd = f"{packaged('rsyslogd')} -n -f {folder}/rsyslog.conf -i {folder}/rsyslogd.pid".split()
        self.syslog = Process(rsyslogd, folder)
        try:
            self.start(level=level, tag=tag)
        except BaseException:
            self.stop()
            raise

    def start(self, *, level: str = "INFO", tag: str = "sshd") -> None:
        """Start both, and wait until sshd listens and, where it says so, rsyslogd has written that it does."""
        (self.folder / "sshd_config").write_text(_SSHD.format(port=self.port, folder=self.folder, level=level))
        self.process.start()
        pid = self.process.pid
        until(self._listens, "sshd listens", 20.0, (self.process,))
        # What is written while rsyslogd begins to watch the file may be left until the next line comes.
        said = f"Server listening on 127.0.0.1 port {self.port}"
        if level == "INFO":
            until(lambda: said in self.process.said(1 << 20), "sshd says that it listens", 20.0, (self.process,))
        (self.folder / "rsyslog.conf").write_text(_RSYSLOG.format(folder=self.folder, tag=tag, pid=pid))
        self.syslog.start()
        if level == "INFO":
            until(lambda: f"[{pid}]: {said}" in self.log.read_text(), "rsyslogd has it", 20.0, (self.syslog,))

    def login(self, source: str = INSIDE, key: str = "user") -> None:
        """One login from an address, with the key of that name in the folder; what it runs there does not matter."""
        options = (
            "StrictHostKeyChecking=no UserKnownHostsFile=/dev/null BatchMode=yes IdentitiesOnly=yes LogLevel=ERROR"
            " PreferredAuthentications=publickey ConnectTimeout=20"
        )
        command = [str(packaged("ssh")), "-F", "/dev/null", *(f"-o{option}" for option in options.split())]
        command += ["-i", f"{self.folder}/{key}", "-b", source, "-p", str(self.port), f"{self.user}@127.0.0.1", "true"]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
        )
        # 255 is ssh's own, all others are the remote command's.
        assert done.returncode != 255, done.stderr + self.process.said()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((INSIDE, self.port)) == 0

    def restart(self, *, level: str = "INFO", tag: str = "sshd") -> None:
        """Stop and start, with another LogLevel or under another name in the log."""
        self.stop()
        self.start(level=level, tag=tag)

    def stop(self) -> None:
        """End both; a second call does nothing."""
        self.process.stop()
        self.syslog.stop()


def _privileged() -> list[str]:
    """What stands before sshd's command: run by root it wants an empty /run/sshd, which is made where only it sees it.
    Raises NoPart."""
    if os.geteuid() != 0 or Path("/run/sshd").is_dir():
        return []
    unshare = str(packaged("unshare"))
    tried = subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        raise NoPart("sshd wants /run/sshd, which is not there, and no mount namespace can be made for it")
    return [unshare, "--mount", "sh", "-c", _IN_A_RUN_OF_ITS_OWN, "sh"]
