"""host.end-sessions on real sessions of a real sshd."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.process import until

from tests.actions.host_site import Host, HostSite
from vedette.actions.base import CallFailed, from_json
from vedette.actions.host_sessions import EndSessions
from vedette.clients.ssh import Ssh


@contextlib.contextmanager
def session(
    host: Host, user: str, key: Path, command: str, *, terminal: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """A login that runs a command; it has begun when this is entered."""
    begun = host.folder / "made" / f"begun-{os.urandom(4).hex()}"
    begun.touch()
    begun.chmod(0o666)
    words = host.ssh(user, key, f"echo yes > {begun}; {command}", options=("-tt",) if terminal else ())
    ours, theirs = pty.openpty()
    process = subprocess.Popen(words, stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: begun.read_text() != "", "the session has begun")
        yield process
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


def ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether its session was taken from it."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(10) != 0
    return False


def runs(host: Host, mark: str) -> bool:
    """Whether a process in the host's namespace has a word in its command."""
    return any(
        mark.encode() in path.read_bytes().split(b"\0")
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.exists()
    )


def mallory(host: Host) -> tuple[str, Path]:
    """A user with a key."""
    user = host.user()
    key, line, _ = host.key()
    host.give(user, line)
    return user, key


@pytest.mark.parametrize("terminal", [True, False])
def test_sessions_end_with_all_that_runs_in_them(node: HostSite, host: Host, *, terminal: bool) -> None:
    """Two of the user's, one of which does not listen to signals; another user's goes on, and the user may come again."""
    (user, key), (other, others) = mallory(host), mallory(host)
    mark = str(int.from_bytes(os.urandom(3), "big") + 1000)
    with (
        session(host, user, key, f"sleep {mark}", terminal=terminal) as one,
        session(host, user, key, f"trap '' TERM HUP; sleep {mark}; sleep {mark}", terminal=terminal) as two,
        session(host, other, others, "sleep 1000") as theirs,
    ):
        plan = node.plan("host.end-sessions", user)
        assert len(plan["found"]) == 2
        assert all(f"{user}@" in row["session"] for row in plan["found"])
        assert "ended 2 sessions" in node.do("apply")
        assert (ended(one), ended(two), theirs.poll()) == (True, True, None)
        assert node.holds() == [True]
        assert not runs(host, mark)
    assert host.enters(user, key)
    assert any("host.remove-key" in one for one in plan["remains"])


def test_none_is_no_call(node: HostSite, host: Host) -> None:
    """There is nothing to do, and one that is opened later is seen by verify."""
    user, key = mallory(host)
    assert node.plan("host.end-sessions", user)["calls"] == []
    node.do("apply")
    assert node.holds() == [True]
    with session(host, user, key, "sleep 1000"):
        assert node.holds() == [False]


def test_what_is_opened_in_between_makes_no_plan_stale(node: HostSite, host: Host) -> None:
    """Whoever logs in again and again cannot keep vedette from ending it."""
    user, key = mallory(host)
    with session(host, user, key, "sleep 1000") as one:
        node.plan("host.end-sessions", user)
        with session(host, user, key, "sleep 1000") as two:
            assert "ended 2 sessions" in node.do("apply")
            assert ended(one)
            assert ended(two)


@pytest.mark.parametrize("who", ["root", "themselves"])
def test_its_own_session_goes_on(node: HostSite, host: Host, who: str) -> None:
    """vedette is the user itself: the others of that user end, and it lives to say so."""
    if who == "root":
        user, key = "root", host.folder / "own"
    else:
        user, key = mallory(host)
        node.acts_as(user, key)
    with session(host, user, key, "sleep 1000") as one:
        plan = node.plan("host.end-sessions", user)
        assert len(plan["found"]) == 1
        assert any("vedette's own session" in line for line in plan["remains"])
        assert "ended 1 session" in node.do("apply")
        assert ended(one)
        assert node.holds() == [True]


def test_who_may_not_end_it_says_so(node: HostSite, host: Host) -> None:
    """An account that is not root ends its own sessions, and no others."""
    (user, key), (ours, own) = mallory(host), mallory(host)
    node.acts_as(ours, own)
    with session(host, user, key, "sleep 1000") as one:
        node.plan("host.end-sessions", user)
        said = node.do("apply", 1)
        assert "not permitted" in said
        assert "sudoers" in said
        assert one.poll() is None
        assert node.holds() == [False]


@pytest.mark.parametrize("of_root", [True, False])
def test_a_process_that_calls_itself_a_session_is_none(node: HostSite, host: Host, *, of_root: bool) -> None:
    """Its name is its user's to write: it is no session of another's, so that nobody else can be made to lose one."""
    (user, key), (other, _) = mallory(host), mallory(host)
    name = f"sshd: {'root' if of_root else other}@pts/7"
    with session(host, user, key, f"exec bash -c \"exec -a '{name}' sleep 1000\""):
        until(lambda: runs(host, name), "it has its name")
        assert node.plan("host.end-sessions", "root" if of_root else other)["found"] == []
        (row,) = node.plan("host.end-sessions", user)["found"]
        assert row["session"].endswith(f"sshd: {user}@notty")


def test_what_is_not_seen_is_not_none(node: HostSite, host: Host) -> None:
    """Another ps, which does not know the options: nothing is planned, done or verified, and that is said."""
    user, key = mallory(host)
    program = host.folder / "sbin" / "ps"
    with session(host, user, key, "sleep 1000") as one:
        node.plan("host.end-sessions", user)
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
        try:
            assert "cannot be seen" in node.do("apply", 2)
            assert node.holds() == [None]
            action = EndSessions(Ssh("root@node", config_file=str(host.config)))
            with pytest.raises(CallFailed, match="cannot be seen"):
                action.do(from_json(node.acted().plan).calls[0])
            assert one.poll() is None
        finally:
            program.unlink()


def test_what_was_let_go_is_named_and_ends_with_all(node: HostSite, host: Host) -> None:
    """A process in the background that left its session goes on, and the plan says so; all=yes ends it too."""
    user, key = mallory(host)
    mark = str(int.from_bytes(os.urandom(3), "big") + 1000)
    with session(host, user, key, f"setsid -f sh -c \"trap '' TERM HUP; sleep {mark}; sleep {mark}\"; sleep 1000"):
        until(lambda: runs(host, mark), "it runs")
    node.plan("host.end-sessions", user)
    node.do("apply")
    plan = node.plan("host.end-sessions", user)
    assert any(f"sleep {mark}" in line and "all=yes" in line for line in plan["remains"])
    assert (plan["calls"], node.holds()) == ([], [True])
    plan = node.plan("host.end-sessions", user, "all=yes")
    assert node.holds() == [False]
    assert any(f"sleep {mark}" in line for line in plan["breaks"])
    node.do("apply")
    assert (node.holds(), runs(host, mark)) == ([True], False)
    assert "is the system" in node.refused("host.end-sessions", "root", "all=yes")


def test_all_of_its_own_account_leaves_its_session(node: HostSite, host: Host) -> None:
    """vedette is the user: everything else of that user ends, and it lives to say so."""
    user, key = mallory(host)
    node.acts_as(user, key)
    with session(host, user, key, "setsid -f sleep 1000; sleep 1000") as one:
        node.plan("host.end-sessions", user, "all=yes")
        node.do("apply")
        assert ended(one)
        assert node.holds() == [True]


@pytest.mark.parametrize(
    "user", ["nobody-is-called-so", "-rf", "a b", "a,b", "$(id)", "a;b", "0", "*", "", "a\nb", "ä"]
)
def test_nobody_by_that_name(node: HostSite, user: str) -> None:
    """Refused, whatever it would be to a shell, to sshd -C or to getent."""
    assert "refused" in node.refused("host.end-sessions", f"user={user}")
