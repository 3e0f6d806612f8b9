"""host.collect: who logged in, who did what as root, and what files are; it only looks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from vedette.actions.base import Argument, CannotLook, Kind, Known, Plan, Refused
from vedette.actions.host import HostActions, Part, key_files, options_of
from vedette.actions.looking import OnlyLooks
from vedette.clients.ssh import Ssh

_SPAN = re.compile(r"([0-9]{1,5})(m|h|d)\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_MOST = 200
"""Lines of each; host.sh reads no more."""
_MOST_ACCOUNTS = 500
_NO_SHELL = ("nologin", "false", "sync", "shutdown", "halt")
_SAYS = {
    "last": "logins, `last`",
    "lastb": "failed logins, `lastb`",
    "who": "logged in now, `who`",
    "journal": "sudo, the journal",
}
_PARTLY = ("Hint: You are currently not seeing", "No journal files")
_ASIDE = (*_PARTLY, "-- ", "      Users in groups", "      Pass -q")
"""journalctl's words on what it shows, which are no lines of the journal."""


class Collect(OnlyLooks):
    """Reads by the system's own tools; what could not be read is a row of its own."""

    def __init__(self, ssh: Ssh | None, _known: Known | None = None) -> None:
        self._host = None if ssh is None else HostActions(ssh)

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it: nothing to apply, rows in `found`."""
        since = since_when(given["since"], datetime.now(UTC))
        if self._host is None:
            raise CannotLook("the settings name no host", "write actions.hosts into the settings, or give --server")
        answer = self._host.look("collect", since)
        found = [row for one in answer if one.tag != "accounts" for row in _rows(one)]
        if not any(one.tag.startswith(("journal", "/")) and _in_whole(one) for one in answer):
            found.append(
                _row("what was done by sudo could not be read: no journal that may be read, and no auth.log", "sudo")
            )
        found += self._files(next(one for one in answer if one.tag == "accounts"))
        unread = [one["found"] for one in found if _unread(one)]
        return Plan(
            action=KIND.name,
            given=dict(given),
            where=self._host.ssh.server,
            does=f"{len(found)} lines, times in UTC" + (f", since {since}" if since else ""),
            found=found,
            remains=[
                *unread,
                "what somebody who was root took out of these logs: compare with what was sent elsewhere",
                f"more than the newest {_MOST} lines of each",
            ],
        )

    def _files(self, accounts: Part) -> list[dict[str, str]]:
        """Hashes of sshd's configuration, of the users' keys, and of the files that the settings name."""
        assert self._host is not None
        entries = [line.split(":") for line in accounts.lines]
        people = [one for one in entries if len(one) == 7 and not one[6].endswith(_NO_SHELL)][:_MOST_ACCOUNTS]
        account = self._host.look("account", "root")
        sshd = next((one for one in account if one.tag in ("sshd", "sshd-failed")), None)
        rows = []
        said = ".ssh/authorized_keys .ssh/authorized_keys2"
        if sshd is not None and sshd.tag == "sshd":
            said = options_of(sshd.lines).get("authorizedkeysfile", "")
        else:
            why = " ".join(sshd.lines)[:200] if sshd else "no answer"
            rows.append(_row(f"what sshd is set to could not be read: {why}", "sshd -T"))
        paths = [*self._host.ssh.files]
        for name, _, uid, _, _, home, _ in people:
            paths += key_files(said, name, uid, home)
        answer = self._host.look("hashes", *(one for one in dict.fromkeys(paths) if one.isprintable()))
        wanted = {*self._host.ssh.files, "/etc/ssh/sshd_config"}
        for one in answer:
            path, *hashed = one.lines or ("", "")
            text = " ".join(hashed)
            if re.match(r"\\?[0-9a-f]{64} ", text):
                rows.append(_row(text, "sha256sum"))
            elif "No such file" not in text and "Not a directory" not in text:
                rows.append(_row(f"{path} could not be read: {text}", "sha256sum"))
            elif path in wanted:
                rows.append(_row(f"{path} is not there", "sha256sum"))
        return rows

    def close(self) -> None:
        """Let go of connections."""
        if self._host is not None:
            self._host.close()


def since_when(said: str, now: datetime) -> str:
    """A time as `last` and journalctl take it, in UTC: of `90m`, `2h`, `3d`, or RFC 3339. Raises Refused."""
    if not said:
        return ""
    if found := _SPAN.match(said):
        return f"{now - timedelta(**{_UNITS[found[2]]: int(found[1])}):%Y-%m-%d %H:%M:%S}"
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise Refused(f"since {said!r} is no time", "for example 2h, 3d or 2026-11-23T06:00:00Z") from None
    # A time without a zone is taken for UTC, as all that is shown is.
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _in_whole(part: Part) -> bool:
    """All of it was read, be it nothing."""
    return part.words == ("0",) and not any(line.startswith(_PARTLY) for line in part.lines)


def _rows(part: Part) -> list[dict[str, str]]:
    by = _SAYS.get(part.tag, f"sudo, {part.tag}")
    if part.words == ("missing",):
        return [_row(f"{by} could not be read: no such program there", by)]
    lines = [line for line in part.lines if line.strip()]
    read = [_row(line, by) for line in lines if not line.startswith(_ASIDE)]
    if _in_whole(part):
        return read or [_row("nothing", by)]
    why = " ".join(" ".join(lines[:3]).split())[:300] or f"exit code {' '.join(part.words)}"
    if part.words == ("0",) and read:
        return [_row(f"{by} could not be read in whole: {why}", by), *read]
    return [_row(f"{by} could not be read: {why}", by)]


def _unread(row: Mapping[str, str]) -> bool:
    """It says what could not be read; a line of a log may say the same words, further in."""
    first = row["by"] if row["by"] in _SAYS.values() or row["by"].startswith("sudo, ") else ""
    return row["found"].startswith(f"{first} could not be read") if first else "could not be read" in row["found"]


def _row(found: str, by: str) -> dict[str, str]:
    return {"found": found, "by": by}


KIND = Kind(
    name="host.collect",
    says="list a host's logins, uses of sudo, and hashes of its keys and files",
    arguments=(
        Argument("host", "which of the settings' hosts; may be left out where there is one"),
        Argument("since", "2h, 3d, or a time; else the newest lines"),
    ),
    undo="",
    make=Collect,
    reads=True,
)
