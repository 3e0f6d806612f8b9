"""What happens where a key cannot be taken out, on a real sshd: each failure has its own words, and nothing is lost."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.built import packaged

from tests.actions.host_site import Host, HostSite
from vedette.actions.base import CallFailed, Plan
from vedette.actions.host_remove_key import RemoveKey
from vedette.clients.ssh import Ssh, SshFailed

_CUT_OFF = """\
#!/bin/sh
{before}
pid=$$
while [ "$pid" -gt 1 ]; do
  parent=$(ps -o ppid= -p "$pid" | tr -d ' ')
  case $(ps -o args= -p "$parent") in sshd:*@*) kill -9 "$parent"; exit 1 ;; esac
  pid=$parent
done
"""
"""In the place of mv: the connection is gone before or behind the one step that changes the file."""


@pytest.fixture
def cut_off(host: Host) -> Iterator[Path]:
    """The program that the script finds first, for one test."""
    program = host.folder / "sbin" / "mv"
    yield program
    program.unlink(missing_ok=True)


def one_key(host: Host, user: str = "") -> tuple[str, Path, str]:
    """A user with two keys: the name, the file, the fingerprint of the second."""
    user = user or host.user()
    (_, first, _), (_, line, fingerprint) = host.key("first"), host.key("second")
    return user, host.give(user, first + line), fingerprint


def test_what_was_changed_since_is_stale(node: HostSite, host: Host) -> None:
    """Nothing is done, and what somebody else wrote stays."""
    user, path, fingerprint = one_key(host)
    node.plan("host.remove-key", fingerprint, f"user={user}")
    path.write_text(changed := path.read_text() + "# mine\n")
    assert "stale" in node.do("apply", 2)
    assert path.read_text() == changed


def test_what_is_gone_is_stale(node: HostSite, host: Host) -> None:
    """Somebody took the key out."""
    user, path, fingerprint = one_key(host)
    node.plan("host.remove-key", fingerprint, f"user={user}")
    path.write_text("")
    assert "stale" in node.do("apply", 2)


def direct(host: Host, user: str, fingerprint: str) -> tuple[RemoveKey, Plan]:
    """The action without the look before it is applied."""
    action = RemoveKey(Ssh("root@node", config_file=str(host.config)))
    return action, action.plan({"fingerprint": fingerprint, "user": user, "host": "", "file": ""})


def test_the_host_itself_sees_a_change_in_between(host: Host) -> None:
    """After the last look of vedette's: the hash is compared where the file is."""
    user, path, fingerprint = one_key(host)
    action, plan = direct(host, user, fingerprint)
    path.write_text(changed := "# mine\n" + path.read_text())
    with pytest.raises(CallFailed, match="changed by somebody since") as error:
        action.do(plan.calls[0])
    assert error.value.known
    assert path.read_text() == changed
    path.write_text("# mine\n")
    assert action.do(plan.calls[0]) == "so already"


def test_what_would_be_written_is_compared_too(host: Host) -> None:
    """A file that does not come out as planned is not put in the place of the other."""
    user, path, fingerprint = one_key(host)
    action, plan = direct(host, user, fingerprint)
    call = plan.calls[0]
    call.body["words"][3] = hashlib.sha256(b"another").hexdigest()
    before = path.read_text()
    with pytest.raises(CallFailed, match="not what was to be written"):
        action.do(call)
    assert path.read_text() == before
    assert [one.name for one in path.parent.iterdir()] == ["authorized_keys"]


@pytest.mark.parametrize("arrives", [True, False])
def test_a_connection_that_breaks_is_looked_after(node: HostSite, host: Host, cut_off: Path, *, arrives: bool) -> None:
    """sshd is killed before or behind the rename: nobody knows; the next apply looks first."""
    user, path, fingerprint = one_key(host)
    key, line, _ = host.key()
    path.write_text(path.read_text() + line)
    # As the user: only the user's own may kill the user's session.
    node.acts_as(user, key)
    node.plan("host.remove-key", fingerprint, f"user={user}", "file=.ssh/authorized_keys")
    cut_off.write_text(_CUT_OFF.format(before='/bin/mv "$@"' if arrives else ":"))
    cut_off.chmod(0o755)
    said = node.do("apply", 1)
    assert "nobody knows whether that was done" in said
    assert [one.state for one in node.steps()] == ["unknown"]
    cut_off.unlink()
    node.do("apply")
    assert ("found done" in node.steps()[0].said) is arrives
    assert fingerprint not in fingerprints(path)
    assert node.holds() == [True]
    node.do("undo")
    assert fingerprint in fingerprints(path)


def fingerprints(path: Path) -> str:
    """By ssh-keygen."""
    return subprocess.run(["ssh-keygen", "-lf", str(path)], check=True, capture_output=True, text=True).stdout


def test_a_file_that_cannot_be_changed(node: HostSite, host: Host) -> None:
    """chattr +i holds root back too; it is said, and the file is as it was, with nothing left beside it."""
    user, path, fingerprint = one_key(host)
    if subprocess.run(["chattr", "+i", str(path)], capture_output=True, check=False).returncode:
        pytest.skip("no chattr +i here")
    try:
        node.plan("host.remove-key", fingerprint, f"user={user}")
        said = node.do("apply", 1)
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True)
    assert "may not be written" in said
    assert "lsattr" in said
    assert [one.state for one in node.steps()] == ["failed"]
    assert [one.name for one in path.parent.iterdir()] == ["authorized_keys"]


def test_a_file_that_its_user_may_not_write(node: HostSite, host: Host) -> None:
    """Mode 0400; and a folder in which nothing can be made."""
    user, path, fingerprint = one_key(host)
    path.chmod(0o400)
    node.plan("host.remove-key", fingerprint, f"user={user}")
    assert "may not be written" in node.do("apply", 1)
    path.chmod(0o600)
    path.parent.chmod(0o500)
    assert "Permission denied" in node.do("apply", 1)
    path.parent.chmod(0o700)
    node.do("apply")
    assert node.holds() == [True]


def test_others_files_are_not_for_everybody(node: HostSite, host: Host) -> None:
    """An account that is not root cannot read what sshd is set to, nor others' keys: it says which, and by what right."""
    user, path, fingerprint = one_key(host)
    path.parent.chmod(0o700)
    ours = host.user()
    key, line, _ = host.key()
    host.give(ours, line)
    node.acts_as(ours, key)
    code, _, err = node.run("plan", "host.remove-key", fingerprint, f"user={user}")
    assert code == 2
    assert "cannot look" in err
    assert "file=" in err
    code, _, err = node.run("plan", "host.remove-key", fingerprint, f"user={user}", "file=.ssh/authorized_keys")
    assert code == 2
    assert "Permission denied" in err


def test_its_own_files_are_its_own(node: HostSite, host: Host) -> None:
    """An account without root, on itself: another's key goes, its own does not, and other files are said to be unknown."""
    user, path, fingerprint = one_key(host)
    key, line, own = host.key()
    path.write_text(path.read_text() + line)
    node.acts_as(user, key)
    words = [f"user={user}", "file=.ssh/authorized_keys"]
    assert "vedette itself logs in with this key" in node.refused("host.remove-key", own, *words)
    plan = node.plan("host.remove-key", fingerprint, *words)
    assert any("cannot be told" in one for one in plan["remains"])
    node.do("apply")
    assert node.holds() == [True]
    assert own in fingerprints(path)


def test_vedette_does_not_lock_itself_out(node: HostSite, host: Host) -> None:
    """Root's key, by either form of its fingerprint; a connection that others share is none of its own."""
    own = host.folder / "own"
    assert "vedette itself" in node.refused("host.remove-key", host.fingerprint(own), "user=root")
    assert "vedette itself" in node.refused("host.remove-key", host.fingerprint(own, "md5"), "user=root")
    shared = node.folder / "ssh_config"
    shared.write_text(f"{host.config.read_text()}  ControlMaster auto\n  ControlPath {host.folder}/made/%C\n")
    node.said["config_file"] = str(shared)
    with subprocess.Popen(
        ["ssh", "-F", str(shared), "root@node", "echo in; sleep 100"], stdout=subprocess.PIPE
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"in\n"
        assert "vedette itself" in node.refused("host.remove-key", host.fingerprint(own), "user=root")
        first.kill()


def test_the_last_key_of_its_own_account_stays(node: HostSite, host: Host) -> None:
    """vedette comes in by a certificate; of another account the last one goes."""
    user, other = host.user(), host.user()
    _, line, fingerprint = host.key()
    host.give(user, line)
    host.give(other, line)
    certified, _, _ = host.key()
    sign = [
        "ssh-keygen",
        "-q",
        "-s",
        str(host.folder / "ca"),
        "-I",
        "x",
        "-n",
        user,
        str(certified.with_suffix(".pub")),
    ]
    subprocess.run(sign, check=True, capture_output=True)
    node.acts_as(user, certified, sudo=True)
    allowed(host, user)
    assert f"last key of {user}" in node.refused("host.remove-key", fingerprint, f"user={user}")
    node.plan("host.remove-key", fingerprint, f"user={other}")
    node.do("apply")
    assert host.keys(other).read_text() == ""


def allowed(host: Host, user: str) -> None:
    """Root by sudo, without a password."""
    packaged("sudo")
    file = host.folder / "etc" / "sudoers.d" / user
    file.write_text(f"{user} ALL=(root) NOPASSWD: ALL\n")
    file.chmod(0o440)


def test_with_sudo_alone_it_is_root_there(node: HostSite, host: Host) -> None:
    """The script is sent to a shell that sudo starts; its own key and its own session are still known."""
    user = host.user()
    (key, line, own), (_, other, fingerprint) = host.key(), host.key()
    host.give(user, line + other)
    theirs, _, second = one_key(host)
    allowed(host, user)
    node.acts_as(user, key, sudo=True)
    assert "vedette itself" in node.refused("host.remove-key", own, f"user={user}")
    for name, found in ((user, fingerprint), (theirs, second)):
        node.plan("host.remove-key", found, f"user={name}")
        node.do("apply")
        assert node.holds() == [True]
    plan = node.plan("host.end-sessions", user)
    assert plan["found"] == []
    assert any("vedette's own session" in one for one in plan["remains"])


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Connection refused", {"HostName": "127.0.0.1", "Port": "1"}),
        ("Could not resolve hostname", {"HostName": "no-such-host.invalid"}),
        ("Host key verification failed", {"UserKnownHostsFile": "/dev/null"}),
        ("Permission denied", {"IdentityFile": "none"}),
        ("Bad configuration option", {"NoSuchOption": "x"}),
    ],
)
def test_a_host_that_is_not_reached(node: HostSite, host: Host, said: str, words: dict[str, str]) -> None:
    """Away, unknown, not the one that it was, no key: ssh's own word for it, and what to do."""
    config = node.folder / "ssh_config"
    first = "\n".join(f"  {name} {value}" for name, value in words.items())
    config.write_text(host.config.read_text().replace("Host node\n", f"Host node\n{first}\n", 1))
    if "UserKnownHostsFile" in words or "IdentityFile" in words:
        lines = [
            line
            for line in config.read_text().splitlines()
            if str(host.folder / "known_hosts") not in line or "IdentityFile" in words
        ]
        config.write_text("\n".join(one for one in lines if "IdentityFile " + str(host.folder) not in one) + "\n")
    node.said["config_file"] = str(config)
    code, _, err = node.run("plan", "host.end-sessions", "root")
    assert code == 2
    assert said in err
    assert "cannot look" in err
    assert len(err.splitlines()) >= 2


def test_a_host_key_that_is_another_is_never_taken(node: HostSite, host: Host) -> None:
    """Even where the configuration of ssh turns the check off."""
    config = node.folder / "ssh_config"
    text = host.config.read_text().replace(str(host.folder / "known_hosts"), "/dev/null")
    config.write_text(text.replace("Host node\n", "Host node\n  StrictHostKeyChecking no\n"))
    node.said["config_file"] = str(config)
    code, _, err = node.run("plan", "host.end-sessions", "root")
    assert (code, "known_hosts" in err) == (2, True)


def test_a_host_that_goes_away_half_way(node: HostSite, host: Host) -> None:
    """Planned, and then not reached: nothing was begun, and nothing is unknown."""
    user, path, fingerprint = one_key(host)
    node.plan("host.remove-key", fingerprint, f"user={user}")
    before = path.read_text()
    config = node.folder / "ssh_config"
    config.write_text(host.config.read_text().replace(f"Port {host.port}", "Port 1"))
    node.said["config_file"] = str(config)
    assert "cannot look" in node.do("apply", 2)
    assert path.read_text() == before
    node.said["config_file"] = str(host.config)
    node.do("apply")
    assert node.holds() == [True]


def test_sudo_that_asks_is_no_answer(node: HostSite, host: Host) -> None:
    """sudo wants a password, or is not there: it is said, with the right to grant."""
    user, _, fingerprint = one_key(host)
    ours = host.user()
    key, line, _ = host.key()
    host.give(ours, line)
    node.acts_as(ours, key, sudo=True)
    code, _, err = node.run("plan", "host.remove-key", fingerprint, f"user={user}")
    assert code == 2
    assert "sudo" in err
    assert "vedette action rights host" in err


def test_what_the_login_shell_says_is_passed_over(node: HostSite, host: Host) -> None:
    """A greeting in a file that the shell reads at each login is no answer, whatever it looks like."""
    user, path, fingerprint = one_key(host)
    greeting = host.folder / "home" / "root" / ".bashrc"
    greeting.write_text("printf 'hello\\ncontent\\n|00\\n.\\n'; echo hello >&2\n")
    try:
        if (
            b"hello"
            not in subprocess.run(host.ssh("root", host.folder / "own", "true"), capture_output=True, check=True).stdout
        ):
            pytest.skip("root's shell reads no file of its own at such a login")
        node.plan("host.remove-key", fingerprint, f"user={user}")
        node.do("apply")
        assert node.holds() == [True]
    finally:
        greeting.unlink()
    assert fingerprint not in fingerprints(path)


def test_an_answer_has_an_end(host: Host) -> None:
    """What a host sends without end is cut off, and nobody waits for it."""
    with pytest.raises(SshFailed, match="more than 16 MB") as error:
        Ssh("root@node", config_file=str(host.config)).run("cat /dev/zero", b"")
    assert error.value.ran
    with pytest.raises(SshFailed, match="no answer within 2 s") as error:
        Ssh("root@node", config_file=str(host.config)).run("sleep 60", b"", seconds=2.0)
    assert error.value.ran


def test_read_only_keeps_its_hands_off(node: HostSite, host: Host) -> None:
    """Planned and verified, and neither applied nor undone."""
    user, path, fingerprint = one_key(host)
    node.mode = "read-only"
    node.plan("host.remove-key", fingerprint, f"user={user}")
    assert "read-only" in node.do("apply", 2)
    assert node.holds() == [False]
    assert fingerprint in fingerprints(path)
