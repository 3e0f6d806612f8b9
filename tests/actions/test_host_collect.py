"""host.collect on a real sshd, with the logs that it and sudo leave."""

from __future__ import annotations

import hashlib
import os
import pty
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.actions.host_site import Host, HostSite
from vedette.actions.base import Refused
from vedette.actions.host_collect import since_when
from vedette.cli import main


def collected(node: HostSite, *words: str) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """Rows, and the plan."""
    plan = node.plan("host.collect", *words)
    return [(row["by"], row["found"]) for row in plan["found"]], plan


def test_logins_and_hashes(node: HostSite, host: Host) -> None:
    """A login at a terminal is in `last`; each file that was named, and each user's keys, with its SHA-256."""
    user = host.user()
    key, line, _ = host.key()
    keys = host.give(user, line)
    ours, theirs = pty.openpty()
    words = host.ssh(user, key, "true", options=("-tt",))
    subprocess.run(words, stdin=theirs, capture_output=True, check=True, timeout=30)
    os.close(ours)
    os.close(theirs)
    named = host.folder / "made" / "a name\\with"
    named.write_text("x")
    node.said["files"] = [str(named), "/etc/ssh/sshd_config", "/not/there"]
    rows, plan = collected(node)
    assert any(by == "logins, `last`" and found.startswith(user) and "127.0.0.1" in found for by, found in rows)
    hashes = [found for by, found in rows if by == "sha256sum"]
    for path in (keys, host.folder / "etc" / "ssh" / "sshd_config"):
        assert (
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}".replace(f"{host.folder}/etc/ssh", "/etc/ssh")
            in hashes
        )
    assert any(hashlib.sha256(b"x").hexdigest() in one for one in hashes)
    assert "/not/there is not there" in hashes
    assert plan["calls"] == []
    assert all(list(row) == ["found", "by"] for row in plan["found"])


def test_what_could_not_be_read_is_said(node: HostSite, host: Host) -> None:
    """An account that is not root: failed logins, sudo's log and others' keys are named, not left out."""
    user, other = host.user(), host.user()
    key, line, _ = host.key()
    host.give(user, line)
    theirs = host.give(other, line)
    theirs.parent.chmod(0o700)
    (host.folder / "log" / "auth.log").chmod(0o600)
    node.acts_as(user, key)
    rows, plan = collected(node)
    unread = [found for _, found in rows if "could not be read" in found]
    for what in ("failed logins, `lastb`", "what was done by sudo", str(theirs), "what sshd is set to"):
        assert any(one.startswith(what) for one in unread), (what, unread)
        assert any(one.startswith(what) for one in plan["remains"])


def test_sudo_is_read_from_the_log(node: HostSite, host: Host) -> None:
    """Where the journal has nothing; hostile text is there as data, and shown escaped."""
    log = host.folder / "log" / "auth.log"
    bad = "2026-11-23T08:00:00 node sudo:  mallory : COMMAND=/bin/sh -c '\x1b[2J$(touch /x)\u202e'"
    log.write_text(f"2026-11-23T08:00:00 node sshd[3]: sudo is not in this\n{bad}\n| 2026 node sudo[4]: root : x\n.\n")
    try:
        rows, _ = collected(node)
        found = [one for by, one in rows if by == "sudo, /var/log/auth.log"]
        assert found == [bad, "| 2026 node sudo[4]: root : x"]
        code, out, _ = node.run("plan", "host.collect")
        assert code == 0
        assert "\x1b" not in out
        assert "\\x1b[2J$(touch /x)\\u202e" in out
    finally:
        log.write_text("")


def test_a_log_may_say_that_it_could_not_be_read(node: HostSite, host: Host) -> None:
    """That is a line of it, and not vedette's word; a file of sessions that is not there is."""
    log = host.folder / "log" / "auth.log"
    log.write_text("x sudo: sudo, /var/log/auth.log could not be read: really\n")
    move = host.ssh("root", host.folder / "own", "mv /run/utmp /run/away")
    subprocess.run(move, check=True, timeout=30)
    try:
        rows, plan = collected(node)
    finally:
        log.write_text("")
        subprocess.run([*move[:-1], "mv /run/away /run/utmp"], check=True, timeout=30)
    assert any("really" in found for _, found in rows)
    assert not any("really" in line for line in plan["remains"])
    assert "logged in now, `who` could not be read: /run/utmp is not there" in plan["remains"]
    assert not any(line.startswith("what was done by sudo") for line in plan["remains"])


def test_it_is_bounded(node: HostSite, host: Host) -> None:
    """Of a log without end the newest lines, each cut."""
    log = host.folder / "log" / "auth.log"
    log.write_text("".join(f"x sudo: {number} {'y' * 3000}\n" for number in range(1000)))
    try:
        rows, plan = collected(node)
        found = [one for by, one in rows if by == "sudo, /var/log/auth.log"]
        assert [one.split()[2] for one in (found[0], found[-1])] == ["800", "999"]
        assert {len(one) for one in found} == {2000}
        assert any("newest 200" in one for one in plan["remains"])
    finally:
        log.write_text("")


def test_since_leaves_out_what_was_before(node: HostSite, host: Host) -> None:
    """Nothing was in the future."""
    rows, plan = collected(node, "since=2199-01-01T00:00:00Z")
    assert [found for by, found in rows if by == "logins, `last`" and not found.startswith("wtmp begins")] in (
        [],
        ["nothing"],
    )
    assert "since 2199-01-01 00:00:00" in plan["does"]


@pytest.mark.parametrize(
    ("said", "when"),
    [
        ("90m", "2026-11-26 10:30:00"),
        ("2d", "2026-11-24 12:00:00"),
        ("2026-11-23T08:00:00+02:00", "2026-11-23 06:00:00"),
        ("2026-11-23", "2026-11-23 00:00:00"),
        ("", ""),
    ],
)
def test_since(said: str, when: str) -> None:
    """As `last` and journalctl take it, in UTC."""
    assert since_when(said, datetime(2026, 11, 26, 12, tzinfo=UTC)) == when


@pytest.mark.parametrize("said", ["-1h", "yesterday", "$(id)", "2h; id", "999999d", "99999d99"])
def test_since_is_a_time(said: str) -> None:
    """And nothing else."""
    with pytest.raises(Refused, match="is no time"):
        since_when(said, datetime(2026, 11, 26, tzinfo=UTC))


def test_without_a_host_it_says_what_is_missing(node: HostSite, capsys: pytest.CaptureFixture[str]) -> None:
    """No host in the settings, and no --server."""
    config = node.folder / "empty.yaml"
    config.write_text("{}\n")
    state = str(node.state)
    assert main(["action", "plan", "host.collect", "--config", str(config), "--state", state]) == 2
    assert "actions.hosts" in capsys.readouterr().err
