"""host.remove-key: one key can log in as one user no more; everything else in the file stays, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from vedette.actions.base import Argument, Call, CallFailed, CannotLook, Check, Kind, Plan, Refused
from vedette.actions.host import RIGHTS_HINT, Account, File, HostActions, by_hand, run_path
from vedette.actions.host_keys import Key, at_the_end, back_in, is_fingerprint, keys, named, without
from vedette.escape import shell

_LONGEST = 16 << 10
"""Bytes of a line that can be put back: it travels as one word of a command, at four bytes a byte."""


class RemoveKey(HostActions):
    """Cuts the key's lines out of the files that sshd reads for the user."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        fingerprint, user = is_fingerprint(given["fingerprint"]), given["user"]
        if not fingerprint:
            raise Refused(
                f"{given['fingerprint']!r} is no fingerprint",
                "SHA256:… as sshd's `Accepted publickey` has it, or MD5:…",
            )
        account = self.account(user)
        found = self._files(account, given["file"])
        hits = [(one, named(list(keys(one.content)), fingerprint)) for one in found]
        hits = [(one, lines) for one, lines in hits if lines]
        if not hits:
            raise Refused(f"{fingerprint} is not among {user}'s keys in {_listed(found)}", _others(found))
        self._not_ours(account, found, fingerprint, given["file"])
        lines = [line for _, some in hits for line in some]
        if any(len(one.line) > _LONGEST for one in lines):
            raise Refused("the key's line is longer than 16 KB", "take it out by hand")
        return Plan(
            action=KIND.name,
            given=dict(given),
            where=self.ssh.server,
            does=f"take the key {fingerprint} out of {_listed([one for one, _ in hits])} of {user}",
            calls=[self._cut(account, one, some, fingerprint) for one, some in hits],
            seen={one.path: _state(one) for one in found},
            breaks=[_break(user, one) for one in lines],
            remains=_remains(account, given["file"]),
            undo=KIND.undo,
        )

    def _files(self, account: Account, given: str) -> list[File]:
        """All files that sshd reads for the user, or the one that was given. Raises CannotLook."""
        paths = (given if given.startswith("/") else f"{account.home}/{given}",) if given else account.files
        if not paths and account.why:
            raise CannotLook(
                f"{self.ssh.server}: where sshd looks for keys cannot be told: {account.why}",
                f"give file=.ssh/authorized_keys, or let vedette run `sshd -T` as root: {RIGHTS_HINT}",
            )
        if not paths:
            raise CannotLook(f"{self.ssh.server}: sshd reads no file of keys for {account.name} (AuthorizedKeysFile)")
        found = self.files(account.name, paths)
        unread = [one.why for one in found if one.why]
        if unread:
            raise CannotLook(f"{self.ssh.server}: {'; '.join(unread)}", RIGHTS_HINT)
        return found

    def _not_ours(self, account: Account, found: Sequence[File], fingerprint: str, given: str) -> None:
        """Raises Refused where vedette would lock itself out."""
        if account.name != account.me or self.last is None:
            return
        every = [one for file in found for one in keys(file.content)]
        gone = named(every, fingerprint)
        if self.last.method == "publickey" and not self.last.keys:
            raise Refused("which key vedette itself logs in with cannot be told, and this is its own account")
        if any(one.sha256 in self.last.keys for one in gone):
            raise Refused("vedette itself logs in with this key", "log in with another, or as another user")
        # It came in by no key of these: by a certificate, say, which ends one day.
        if len(gone) == len(every) and not given:
            raise Refused(f"it is the last key of {account.name}, as whom vedette logs in", "add another key first")

    def _cut(self, account: Account, file: File, gone: Sequence[Key], fingerprint: str) -> Call:
        left, pieces = without(file.content, gone)
        new = _sha256(left)
        blob = gone[0].line.split(gone[0].kind.encode(), 1)[1].split()[0].decode("ascii")
        return Call(
            method="run",
            path=run_path(self.ssh, "cut_out"),
            body={"verb": "cut_out", "words": [account.name, file.path, _sha256(file.content), new, *pieces]},
            does=f"cut {'the line' if len(gone) == 1 else f'{len(gone)} lines'} of {fingerprint} out of {file.path}",
            command=by_hand(
                self.ssh, f"sed -i.before -e {shell(f'|{blob}|d'.replace('|', _BAR, 1))} {shell(file.path)}"
            ),
            expects={
                "lacks": fingerprint,
                "at": file.path,
                "user": account.name,
                "says": f"{file.path} does not have {fingerprint}",
            },
            kept={"lines": [[one.start, one.line.decode("latin-1")] for one in gone], "sha256": new},
        )

    def do(self, call: Call) -> str:
        """As `base.Action` has it."""
        said = self.change(call.body)
        if said.tag == "done":
            return "done"
        if said.tag == "changed":
            if self.check(call).holds:
                return "so already"
            raise CallFailed(f"{call.expects['at']} was changed by somebody since", "make a new plan")
        raise CallFailed(" ".join(said.lines) or said.tag, f"{RIGHTS_HINT}; see `lsattr` and mount options too")

    def check(self, call: Call) -> Check:
        """As `base.Action` has it, by the keys of `expects`: lacks, has."""
        says, path = str(call.expects["says"]), str(call.expects["at"])
        try:
            (file,) = self.files(str(call.expects["user"]), [path])
        except CannotLook as error:
            return Check(says, None, str(error))
        if file.why:
            return Check(says, None, file.why)
        wanted = str(call.expects.get("lacks") or call.expects["has"])
        there = bool(named(list(keys(file.content)), wanted))
        if "lacks" in call.expects:
            return Check(says, not there, "it does" if there else "")
        return Check(says, there, "" if there else "it does not" if file.there else "there is no such file")

    def verify(self, plan: Plan) -> Sequence[Check]:
        """Of all files, those that sshd reads since included. Raises CannotLook."""
        fingerprint, user = is_fingerprint(plan.given["fingerprint"]), plan.given["user"]
        found = self._files(self.account(user), plan.given["file"])
        having = [one.path for one in found if named(list(keys(one.content)), fingerprint)]
        return [Check(f"no file of {user}'s keys has {fingerprint}", not having, ", ".join(having))]

    def undo(self, plan: Plan, done: Sequence[Call]) -> Plan:
        """As `base.Action` has it: at its place in a file that is as it was left, else at the end."""
        calls: list[Call] = []
        left: list[str] = []
        for call in reversed(done):
            (file,) = self.files(str(call.expects["user"]), [str(call.expects["at"])])
            if file.why:
                raise CannotLook(f"{self.ssh.server}: {file.why}", RIGHTS_HINT)
            if not file.there:
                left.append(f"{file.path} is gone: it is not made anew for one key")
            elif not named(list(keys(file.content)), str(call.expects["lacks"])):
                calls.append(self._back(call, file))
        return Plan(
            action=plan.action,
            given=plan.given,
            where=self.ssh.server,
            does=f"take back: {plan.does}",
            calls=calls,
            remains=left,
        )

    def _back(self, call: Call, file: File) -> Call:
        kept: dict[str, Any] = call.kept
        lines = [(int(start), str(text).encode("latin-1")) for start, text in kept["lines"]]
        same = _sha256(file.content) == kept["sha256"]
        made, pieces = back_in(file.content, lines) if same else at_the_end(file.content, [line for _, line in lines])
        user, fingerprint = str(call.expects["user"]), str(call.expects["lacks"])
        where = "at its place" if same else "at the end: the file was changed since"
        text = "".join(line.decode("utf-8", "replace") for _, line in lines)
        return Call(
            method="run",
            path=run_path(self.ssh, "put_back"),
            body={"verb": "put_back", "words": [user, file.path, _sha256(file.content), _sha256(made), *pieces]},
            does=f"put {fingerprint} back into {file.path}, {where}",
            command=f"printf %s {shell(text)} | {by_hand(self.ssh, f'tee -a {shell(file.path)}')}",
            expects={"has": fingerprint, "at": file.path, "user": user, "says": f"{file.path} has {fingerprint}"},
        )


_BAR = "\\|"
"""sed's way to have another delimiter than the / that base64 holds."""


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _state(file: File) -> str:
    return _sha256(file.content) if file.there else "absent"


def _listed(files: Sequence[File]) -> str:
    return " and ".join(one.path if one.there else f"{one.path} (which is not there)" for one in files)


def _others(found: Sequence[File]) -> str:
    every = [one.sha256 for file in found for one in keys(file.content)]
    return f"there are {', '.join(every[:10])}" if every else "there are no keys"


def _break(user: str, key: Key) -> str:
    if key.authority:
        return f"it signs certificates: whoever logs in as {user} with one of its cannot any more"
    comment = key.line.split(key.kind.encode(), 1)[1].split(None, 1)[1:]
    name = comment[0].decode("utf-8", "replace").strip() if comment else ""
    return f"whoever logs in as {user} with this {key.kind} key" + (f" ({name})" if name else "")


def _remains(account: Account, given: str) -> list[str]:
    """How its holder may still come in."""
    user, sshd = account.name, account.sshd
    found = [f"sessions that it opened go on: vedette action plan host.end-sessions {shell(user)}"]
    if given and account.why:
        found.append(f"other files that sshd reads: they cannot be told ({account.why})")
    elif given:
        found += [
            f"{one}, which sshd reads too: it was not looked at" for one in account.files if not one.endswith(given)
        ]
    if (command := sshd.get("authorizedkeyscommand", "none")) != "none":
        found.append(f"keys that sshd asks {command} for (AuthorizedKeysCommand): take it out there")
    if (authority := sshd.get("trustedusercakeys", "none")) != "none":
        found.append(
            f"certificates, the key's own too: {authority} signs them (TrustedUserCAKeys); revoke by RevokedKeys"
        )
    for option, what in (
        ("passwordauthentication", "a password"),
        ("kbdinteractiveauthentication", "a password asked by PAM"),
    ):
        if sshd.get(option) == "yes":
            found.append(f"logins with {what}: {option} is yes")
    found.append(
        "the same key in the files of other users: host.collect hashes them, and each needs an action of its own"
    )
    return [*found, *account.doubts]


KIND = Kind(
    name="host.remove-key",
    says="take one key out of a user's authorized_keys",
    arguments=(
        Argument("fingerprint", "SHA256:… as sshd's log has it, or MD5:…", required=True),
        Argument("user", "whose key it is on the host", required=True),
        Argument("host", "which of the settings' hosts; may be left out where there is one"),
        Argument("file", "the file, where it is not what `sshd -T` says; from the user's home, or whole"),
    ),
    undo="the line is put back where it was, or at the end of a file that was changed since",
    make=RemoveKey,
)
