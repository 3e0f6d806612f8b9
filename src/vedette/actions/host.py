"""What all actions on a host share: one fixed script over ssh, its answer, and who a user is there.

The script is host.sh, beside this. Nothing that comes from a log is a part of it: words are its arguments.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from vedette.actions.base import CallFailed, CannotLook, Known, Refused
from vedette.clients.ssh import Ran, Ssh, SshFailed
from vedette.escape import shell

RIGHTS_HINT = "`vedette action rights host` prints a fragment for sudoers; or log in as root"
_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9._@\\-]{0,255}\Z")
"""Of a user: no blank and no comma, which would say something else to sshd -C, and nothing that begins an option."""
BEGIN = "vedette"
"""The script's first line."""
_MENDS = (
    ("Host key verification failed", "log in once by hand, compare the host's key, and have it in known_hosts"),
    ("Permission denied", "see that `{ssh} true` works without a question: a key in the agent, or identity_file"),
    ("Too many authentication failures", "name the key by identity_file"),
    ("Bad configuration option", "mend ssh's configuration file"),
    ("", "see whether `{ssh} true` works"),
)


class Part(NamedTuple):
    """A line of the script's, and what stands beneath it."""

    tag: str
    words: tuple[str, ...]
    lines: tuple[str, ...]
    """As they were read, undecodable bytes replaced."""


class File(NamedTuple):
    """A file of keys as it was read."""

    path: str
    content: bytes
    there: bool
    why: str
    """Why it could not be read; nothing: it could."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the host, and what sshd reads for it."""

    name: str
    uid: int
    home: str
    me: str
    """Whom vedette logs in as."""
    files: tuple[str, ...]
    """AuthorizedKeysFile, with its tokens and relative paths resolved."""
    sshd: dict[str, str]
    """Options of sshd_config in small letters."""
    why: str
    """Why sshd's options could not be read; nothing: they could."""
    doubts: tuple[str, ...]
    """What may make sshd read others than these."""


class Unread(Exception):
    """The script did not answer; `ran`: whether it may have run."""

    def __init__(self, reason: str, mend: str, *, ran: bool) -> None:
        super().__init__(reason)
        self.mend = mend
        self.ran = ran


class HostActions:
    """Looks at and changes one host; the actions are subclasses, each with its own `plan`."""

    def __init__(self, ssh: Ssh, _known: Known | None = None) -> None:
        self.ssh = ssh
        self.last: Ran | None = None
        """The answer to the latest question."""

    def close(self) -> None:
        """Let go of connections."""
        self.ssh.close()

    def ask(self, verb: str, *words: str) -> list[Part]:
        """Run a verb of the script. Raises Unread."""
        command, given = spoken(self.ssh, verb, words)
        try:
            ran = self.ssh.run(command, given)
        except SshFailed as error:
            mend = next(text for sign, text in _MENDS if sign in str(error))
            by_hand = " ".join(map(shell, self.ssh.words()))
            raise Unread(f"{self.ssh.server}: {error}", mend.format(ssh=by_hand), ran=error.ran) from error
        lines = ran.out.decode("utf-8", "replace").split("\n")
        if BEGIN not in lines or lines[-2:] != [".", ""]:
            said = ran.err.strip()[-300:] or f"exit code {ran.code}, and no answer"
            # sudo and the login shell say so before anything is run.
            ran_at_all = BEGIN in lines or not said.startswith(("sudo:", "sh:", "bash:", "zsh:")) or ran.code == 0
            raise Unread(f"{self.ssh.server}: {said}", RIGHTS_HINT, ran=ran_at_all)
        self.last = ran
        return parts(lines[lines.index(BEGIN) + 1 : -2])

    def look(self, verb: str, *words: str) -> list[Part]:
        """As `ask`. Raises CannotLook."""
        try:
            return self.ask(verb, *words)
        except Unread as error:
            raise CannotLook(str(error), error.mend) from error

    def change(self, body: dict[str, Any]) -> Part:
        """Do what a call's body says, and give the one thing that is said to it. Raises CallFailed."""
        try:
            found = self.ask(str(body["verb"]), *map(str, body["words"]))
        except Unread as error:
            raise CallFailed(str(error), error.mend, known=not error.ran) from error
        if not found:
            raise CallFailed(f"{self.ssh.server}: nothing was said to it", known=False)
        return found[-1]

    def account(self, user: str) -> Account:
        """Who a user is there. Raises Refused where there is none, CannotLook."""
        if not _NAME.match(user) or user.isdigit():
            raise Refused(f"{user!r} cannot be the name of a user", "letters, digits, dots, dashes, underscores")
        found = {one.tag: one for one in self.look("account", user)}
        entry = next((line.split(":") for line in found["passwd"].lines if line.startswith(f"{user}:")), [])
        if len(entry) < 6 or not entry[2].isdigit():
            raise Refused(f"{self.ssh.server} has no user {user}", "the name as sshd's log has it")
        options = options_of(found["sshd"].lines) if "sshd" in found else {}
        why = "" if "sshd" in found else "; ".join(found["sshd-failed"].lines)[:300]
        doubts = [f"sshd's {line.strip()!r} is read as for 127.0.0.1" for line in found["by-address"].lines]
        doubts += [
            f"an sshd was started by {line.strip()!r}; its -f is not read" for line in found["started-with"].lines
        ]
        home = entry[5]
        return Account(
            name=user,
            uid=int(entry[2]),
            home=home,
            me=found["me"].words[0],
            files=key_files(options.get("authorizedkeysfile", ""), user, entry[2], home),
            sshd=options,
            why=why,
            doubts=tuple(doubts),
        )

    def files(self, user: str, paths: Sequence[str]) -> list[File]:
        """Files of keys. Raises CannotLook where none of them could be asked for."""
        answer = self.look("read_keys", user, *paths)
        states = [one for one in answer if one.tag != "file"]
        if len(states) != len(paths):
            raise CannotLook(f"{self.ssh.server}: {len(paths)} files were asked for, {len(states)} answered")
        return [_file(path, state) for path, state in zip(paths, states, strict=True)]


def _file(path: str, state: Part) -> File:
    if state.tag == "content":
        return File(path, bytes.fromhex("".join(state.lines)), there=True, why="")
    if state.tag == "absent":
        return File(path, b"", there=False, why="")
    return File(path, b"", there=False, why=" ".join(state.lines) or "it could not be read")


def options_of(lines: Sequence[str]) -> dict[str, str]:
    """`sshd -T`: option and value a line."""
    return {name: value for name, _, value in (line.partition(" ") for line in lines)}


def key_files(said: str, user: str, uid: str, home: str) -> tuple[str, ...]:
    """AuthorizedKeysFile as sshd_config(5) has it: several, tokens, relative ones from the home."""
    tokens = {"%%": "%", "%h": home, "%u": user, "%U": uid}
    found = [
        re.sub("%.", lambda match: tokens.get(match[0], match[0]), word) for word in said.split() if word != "none"
    ]
    return tuple(dict.fromkeys(one if one.startswith("/") else f"{home.rstrip('/')}/{one}" for one in found))


def parts(lines: Sequence[str]) -> list[Part]:
    """The script's answer."""
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        if not line.startswith("|"):
            found.append((line, []))
        elif found:
            found[-1][1].append(line[1:])
    return [
        Part(tag, tuple(words), tuple(beneath))
        for (tag, *words), beneath in ((one.split() or [""], two) for one, two in found)
    ]


@cache
def script() -> str:
    """host.sh."""
    return Path(__file__).with_name("host.sh").read_text("utf-8")


def command_of(ssh: Ssh, verb: str) -> str:
    """What ssh is given to run: plain words, the same to every login shell."""
    sudo = "sudo -n " if ssh.sudo else ""
    return f"{sudo}{ssh.program} {verb}" if ssh.program else f"{sudo}sh -s"


def spoken(ssh: Ssh, verb: str, words: Sequence[str]) -> tuple[str, bytes]:
    """The command, and what it reads. Whole before any of it is run: a shell runs the last line, which is that."""
    if any("\n" in word or "\0" in word for word in words):
        raise Unread("a word of more than one line", "look by hand", ran=False)
    if ssh.program:
        return command_of(ssh, verb), "".join(f"{word}\n" for word in words).encode()
    # shlex, and not escape.shell: a shell without $'…' reads this, and takes everything in '…' as it stands.
    quoted = " ".join(map(shlex.quote, [verb, *words]))
    text = f'VEDETTE={shlex.quote(script())}; export VEDETTE; exec sh -c "$VEDETTE" vedette {quoted}\n'
    return command_of(ssh, verb), text.encode()


def by_hand(ssh: Ssh, remote: str) -> str:
    """A command for the host as one of the shell here."""
    sudo = "sudo " if ssh.sudo else ""
    return f"{' '.join(map(shell, ssh.words()))} {shell(sudo + remote)}"


def run_path(ssh: Ssh, verb: str) -> str:
    """A call's path: the command that is run."""
    return f"{' '.join(map(shell, ssh.words()))} {shell(command_of(ssh, verb))}"
