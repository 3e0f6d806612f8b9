"""host.remove-key on a real sshd."""

from __future__ import annotations

import subprocess

import pytest

from tests.actions.host_site import Host, HostSite
from vedette.actions.base import from_json
from vedette.actions.host_remove_key import RemoveKey
from vedette.clients.ssh import Ssh


def test_a_key_goes_and_comes_back(node: HostSite, host: Host) -> None:
    """Its holder is let in before and after, and not between; everything else in the file stays as it is."""
    user = host.user()
    (key, line, fingerprint), (other, kept, _) = host.key("mallory@laptop"), host.key("dev")
    content = f'# people\r\n\n{kept}from="10.0.0.0/8,127.0.0.1" {line}no newline at the end, no key'
    path = host.give(user, content)
    assert host.enters(user, key)
    plan = node.plan("host.remove-key", fingerprint, f"user={user}")
    assert any("mallory@laptop" in one for one in plan["breaks"])
    node.do("apply")
    gone = f'from="10.0.0.0/8,127.0.0.1" {line}'
    assert path.read_bytes() == content.replace(gone, "").encode()
    assert (host.enters(user, key), host.enters(user, other)) == (False, True)
    assert node.holds() == [True]
    node.do("undo")
    assert path.read_bytes() == content.encode()
    assert host.enters(user, key)
    assert node.holds() == [False]


def test_every_file_that_sshd_reads(node: HostSite, host: Host) -> None:
    """Two in the home and one of root's beneath /etc: the key goes from each, whoever owns it, and comes back; each keeps
    its owner and mode."""
    user = host.user()
    key, line, fingerprint = host.key()
    one, two = host.give(user, line), host.give(user, f"{line}# two\n", "authorized_keys2")
    central = host.folder / "etc" / "ssh" / "keys" / user
    central.write_text(f"# central\n{line}")
    central.chmod(0o644)
    before = [(path.read_bytes(), path.stat().st_uid, path.stat().st_mode) for path in (one, two, central)]
    plan = node.plan("host.remove-key", fingerprint, f"user={user}")
    assert len(plan["calls"]) == 3
    node.do("apply")
    assert [path.read_text() for path in (one, two, central)] == ["", "# two\n", "# central\n"]
    assert not host.enters(user, key)
    assert node.holds() == [True]
    node.do("undo")
    assert [(path.read_bytes(), path.stat().st_uid, path.stat().st_mode) for path in (one, two, central)] == before


def test_each_of_its_lines_goes(node: HostSite, host: Host) -> None:
    """Twice in one file, once with options and CRLF, beside bytes that are no text; all come back where they were."""
    user = host.user()
    (key, line, fingerprint), (_, other, _) = host.key("a"), host.key("b")
    bare = line.rstrip("\n")
    content = b"\xff\xfe\x00\r\n" + f'{other}command="x \\" y",no-pty {bare}\r\n{other}\t {bare}'.encode()
    path = host.give(user, content)
    node.plan("host.remove-key", fingerprint, f"user={user}")
    node.do("apply")
    assert path.read_bytes() == b"\xff\xfe\x00\r\n" + f"{other}{other}".encode()
    assert not host.enters(user, key)
    node.do("undo")
    assert path.read_bytes() == content


def test_the_older_form_of_a_fingerprint(node: HostSite, host: Host) -> None:
    """MD5, with and without its name."""
    user = host.user()
    key, line, _ = host.key()
    host.give(user, line)
    md5 = host.fingerprint(key, "md5")
    assert len(node.plan("host.remove-key", md5, f"user={user}")["calls"]) == 1
    assert len(node.plan("host.remove-key", md5.removeprefix("MD5:"), f"user={user}")["calls"]) == 1


def test_undo_in_a_file_that_was_changed(node: HostSite, host: Host) -> None:
    """Then the key stands at the end, on a line of its own, and what was written since stays."""
    user = host.user()
    key, line, fingerprint = host.key()
    path = host.give(user, line)
    node.plan("host.remove-key", fingerprint, f"user={user}")
    node.do("apply")
    path.write_text("# no line end")
    assert "at the end: the file was changed since" in node.do("undo")
    assert path.read_text() == f"# no line end\n{line}"
    assert host.enters(user, key)


def test_undo_of_what_is_back_or_gone(node: HostSite, host: Host) -> None:
    """What somebody put back is not put twice; a file that is gone is not made for one key, and that is said."""
    user = host.user()
    _, line, fingerprint = host.key()
    path = host.give(user, line)
    for left, code in ((line, 0), (None, 1)):
        path.write_text(line)
        node.plan("host.remove-key", fingerprint, f"user={user}")
        node.do("apply")
        path.unlink() if left is None else path.write_text(left)
        said = node.do("undo", code)
        assert ("is gone" in said) is (left is None)
        assert path.exists() is (left is not None)


def test_a_link_within_the_home_is_followed(node: HostSite, host: Host) -> None:
    """The link stays one; what it leads to is changed."""
    user = host.user()
    key, line, fingerprint = host.key()
    real = host.give(user, line, "real")
    host.keys(user).symlink_to("real")
    node.plan("host.remove-key", fingerprint, f"user={user}")
    node.do("apply")
    assert host.keys(user).is_symlink()
    assert (real.read_text(), host.enters(user, key)) == ("", False)


def test_a_link_to_what_is_not_the_users_leads_nowhere(node: HostSite, host: Host) -> None:
    """A user who links to root's keys, or puts root's folder in the place of one's own, makes vedette touch neither."""
    victim, user = host.user(), host.user()
    _, line, fingerprint = host.key()
    theirs = host.give(victim, line)
    theirs.parent.chmod(0o700)
    host.keys(user).symlink_to(theirs)
    assert "Permission denied" in node.refused("host.remove-key", fingerprint, f"user={user}")
    host.keys(user).unlink()
    host.keys(user).parent.rmdir()
    host.keys(user).parent.symlink_to(theirs.parent)
    assert "Permission denied" in node.refused("host.remove-key", fingerprint, f"user={user}")
    assert theirs.read_text() == line


def test_it_says_how_else_the_holder_comes_in(node: HostSite, host: Host) -> None:
    """Open sessions, the same key elsewhere, and what sshd is set to; a certificate's signer is named as that."""
    user = host.user()
    _, line, fingerprint = host.key("ca")
    host.give(user, f"cert-authority {line}")
    config = host.folder / "etc" / "ssh" / "sshd_config"
    before = config.read_text()
    (host.folder / "etc" / "ssh" / "ca.pub").write_text(line)
    more = "TrustedUserCAKeys /etc/ssh/ca.pub\nAuthorizedKeysCommand /usr/bin/false\nAuthorizedKeysCommandUser root\n"
    config.write_text(f"{before}{more}Match Address 10.0.0.0/8\n  X11Forwarding no\n")
    try:
        plan = node.plan("host.remove-key", fingerprint, f"user={user}")
    finally:
        config.write_text(before)
    remains = " ".join(plan["remains"])
    for word in ("host.end-sessions", "TrustedUserCAKeys", "AuthorizedKeysCommand", "Match Address", "other users"):
        assert word in remains
    assert "signs certificates" in plan["breaks"][0]


def test_by_hand_it_is_the_same(node: HostSite, host: Host) -> None:
    """The commands that are shown, pasted into a shell, do what the calls do; a comment full of shell stays text."""
    user = host.user()
    touched = host.folder / "made" / "touched"
    key, line, fingerprint = host.key(f"$(touch {touched}) `touch {touched}`; ' \" \\ \x1b[2J")
    _, other, _ = host.key()
    path = host.give(user, line + other)
    plan = node.plan("host.remove-key", fingerprint, f"user={user}")
    code, out, _ = node.run("plan", "host.remove-key", fingerprint, f"user={user}")
    assert (code, "\x1b" in out) == (0, False)
    subprocess.run(["bash", "-c", plan["calls"][0]["command"]], check=True, timeout=30, capture_output=True)
    assert (path.read_text(), host.enters(user, key)) == (other, False)
    path.write_text(line + other)
    node.plan("host.remove-key", fingerprint, f"user={user}")
    node.do("apply")
    action = RemoveKey(Ssh("root@node", config_file=str(host.config)))
    acted = from_json(node.acted().plan)
    back = action.undo(acted, acted.calls)
    subprocess.run(["bash", "-c", back.calls[0].command], check=True, timeout=30, capture_output=True)
    assert path.read_text() == other + line
    assert not touched.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["SHA256:short", "user=root"],
        ["ssh-ed25519", "user=root"],
        ["SHA256:" + "A" * 43, "user=root"],
        ["SHA256:" + "A" * 43],
        ["SHA256:" + "A" * 43, "user=no-such-user"],
        ["SHA256:" + "A" * 43, "user=-x"],
        ["*", "user=root"],
    ],
)
def test_what_is_refused(node: HostSite, words: list[str]) -> None:
    """No fingerprint, one that is not there, nobody's, nobody by that name."""
    assert "refused" in node.refused("host.remove-key", *words)


def test_which_host(node: HostSite, host: Host) -> None:
    """By name; by --server one that the settings do not name; several and none named is a question."""
    node.more = [{"name": "other", "destination": "root@node", "config_file": str(host.config)}]
    code, _, err = node.run("plan", "host.end-sessions", "root")
    assert (code, "node, other" in err) == (2, True)
    code, _, err = node.run("plan", "host.end-sessions", "root", "host=third")
    assert (code, "no host is called 'third'" in err) == (2, True)
    assert node.plan("host.end-sessions", "root", "host=other")["where"] == "ssh://root@node"
    for server in ("-oProxyCommand=touch x", "a b", "ssh://", "root@", "x;id", "$(id)", "ssh://a:b@c d"):
        code, _, err = node.run("plan", "host.end-sessions", "root", f"--server={server}")
        assert (code, "no destination of ssh" in err) == (2, True), server
    code, _, err = node.run("plan", "host.end-sessions", "root", "--server", "ssh://root@127.0.0.1:1")
    assert (code, "Connection refused" in err) == (2, True)
