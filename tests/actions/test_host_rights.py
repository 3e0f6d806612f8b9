"""The rights that are rendered for a host suffice, and one less does not; on a real sudo."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lab.built import packaged

from tests.actions.host_site import Host, HostSite
from vedette.actions import ACTIONS, RIGHTS
from vedette.actions.host_rights import PROGRAM, VERBS, installer


@pytest.fixture(autouse=True)
def sudo() -> None:
    """Without it there is nothing to try."""
    for name in ("sudo", "visudo", "runuser"):
        packaged(name)


def installed(host: Host, account: str, names: list[str], without: str = "") -> None:
    """What root would do, in the namespace of the host; `without`: one verb less."""
    text = installer(names)
    if without:
        less = text.replace(f", {PROGRAM} {without}", "").replace(f"{PROGRAM} {without}, ", "")
        assert less != text
        text = less
    done = subprocess.run(
        ["ssh", "-F", str(host.config), "-o", "BatchMode=yes", "root@node", f"sh -s {account}"],
        input=text.encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def acting(node: HostSite, host: Host) -> str:
    """An account that may log in, with a key that is restricted to that."""
    account = host.user()
    key, line, _ = host.key()
    host.give(account, f"restrict {line}")
    node.acts_as(account, key, sudo=True, program=PROGRAM)
    return account


def test_every_action_has_its_verbs() -> None:
    """And the family is known to `vedette action rights`."""
    assert set(VERBS) == {name for name in ACTIONS if name.startswith("host.")}
    assert RIGHTS["host"] is installer


def test_they_suffice(node: HostSite, host: Host) -> None:
    """Each action, verified and undone, through sudo and the installed program alone."""
    account = acting(node, host)
    installed(host, account, list(VERBS))
    user = host.user()
    key, line, fingerprint = host.key()
    path = host.give(user, line)
    owner = path.stat()
    node.plan("host.remove-key", fingerprint, f"user={user}")
    node.do("apply")
    assert (path.read_text(), node.holds()) == ("", [True])
    node.do("undo")
    assert path.read_text() == line
    after = path.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (owner.st_uid, owner.st_gid, owner.st_mode)
    with subprocess.Popen(host.ssh(user, key, "echo in; sleep 1000"), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        node.plan("host.end-sessions", user)
        assert "ended 1 session" in node.do("apply")
        assert process.wait(20) != 0
    assert node.holds() == [True]
    found = [row["found"] for row in node.plan("host.collect")["found"]]
    assert not any("sudo:" in one and "not allowed" in one for one in found)
    assert any(one.endswith(f"  {path}") for one in found)


@pytest.mark.parametrize(("name", "verb"), [(name, verb) for name, verbs in VERBS.items() for verb in verbs])
def test_one_less_does_not(node: HostSite, host: Host, name: str, verb: str) -> None:
    """Without it the action cannot be planned, applied or undone, and says that sudo would not let it."""
    account = acting(node, host)
    installed(host, account, [name], without=verb)
    user = host.user()
    key, line, fingerprint = host.key()
    host.give(user, line)
    words = {"host.remove-key": [fingerprint, f"user={user}"], "host.end-sessions": [user]}.get(name, [])
    with subprocess.Popen(host.ssh(user, key, "echo in; sleep 1000"), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        said = ""
        for step in ("plan", "apply", "undo"):
            code, out, err = node.run(step, name, *words) if step == "plan" else node.run(step, node.last, "--yes")
            said = out + err
            if code:
                break
            if step == "plan":
                node.plan(name, *words)
        process.kill()
    assert "sudo: a password is required" in said
    assert "vedette action rights host" in " ".join(said.split())


def test_nothing_else_goes_through(host: Host, node: HostSite) -> None:
    """No other verb, no word behind it, no other command, no shell."""
    account = acting(node, host)
    installed(host, account, ["host.collect"])
    for command in (f"{PROGRAM} put_back", f"{PROGRAM} collect x", f"{PROGRAM} splice", f"{PROGRAM}", "sh -s", "id"):
        words = ["ssh", "-F", str(node.folder / "ssh_config"), "-o", "BatchMode=yes", f"{account}@node"]
        done = subprocess.run(
            [*words, f"sudo -n {command}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert (done.returncode, done.stdout) == (1, ""), command
        assert "password is required" in done.stderr


def test_the_program_is_what_is_sent(host: Host, node: HostSite) -> None:
    """As root's, and not to be changed by anybody else."""
    installed(host, acting(node, host), ["host.collect"])
    program = host.folder / "sbin" / Path(PROGRAM).name
    assert "collect()" in program.read_text()
    status = program.stat()
    assert (status.st_uid, status.st_mode & 0o7777) == (0, 0o755)
