"""The client of ssh, where no host is needed: what it refuses, and how it ends; the rest is in tests/actions."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from vedette.clients import ssh
from vedette.clients.ssh import Hosts, Ssh, SshFailed, is_destination


@pytest.mark.parametrize(
    "text",
    [
        "node",
        "node-1.example.org",
        "me@node",
        "10.0.40.11",
        "ssh://me@node:2222",
        "ssh://node",
        "me@[2001:db8::1]",
        "a.b@c",
        "2001:db8::1",
    ],
)
def test_a_destination(text: str) -> None:
    """As ssh takes it."""
    assert is_destination(text)
    assert Ssh(text).server.endswith(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-oProxyCommand=id",
        "-lroot",
        "a b",
        "me@",
        "@node",
        "me@-x",
        "ssh://",
        "ssh://-x",
        "http://node",
        "a;b",
        "$(id)",
        "a\nb",
        "node\n",
        "ä",
        "a|b",
        "'",
        "%h;x",
    ],
)
def test_what_is_none(text: str) -> None:
    """What might be an option, several words, or a shell's affair."""
    assert not is_destination(text)
    with pytest.raises(ValueError, match="no destination"):
        Ssh(text)


def asked(folder: Path, proxy: str, seconds: float = 20.0) -> SshFailed:
    """What comes of a connection through a command."""
    config = folder / "config"
    config.write_text(f"Host *\n  ProxyCommand {proxy}\n")
    with pytest.raises(SshFailed) as error:
        Ssh("node", config_file=str(config)).run("true", b"", seconds=seconds)
    return error.value


def test_what_ends_before_it_began(tmp_path: Path) -> None:
    """The command was surely not run."""
    error = asked(tmp_path, "/usr/bin/false")
    assert not error.ran
    assert str(error)


def test_what_does_not_answer_is_ended(tmp_path: Path) -> None:
    """With what ssh started, so that nothing waits for it."""
    begun = time.monotonic()
    error = asked(tmp_path, "sleep 600", seconds=1.0)
    assert str(error) == "no answer within 1 s"
    assert (error.ran, time.monotonic() - begun < 30) == (False, True)


def test_without_ssh_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No program of that name."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SshFailed, match="no ssh program"):
        Ssh("node").run("true", b"")


def test_a_host_by_name() -> None:
    """The only one, or the one that is named."""
    one, two = Ssh("a"), Ssh("b")
    assert Hosts({"one": one}).named("") is one
    assert Hosts({"one": one, "two": two}).named("two") is two
    for name in ("", "three"):
        with pytest.raises(LookupError):
            Hosts({"one": one, "two": two}).named(name)
    assert ssh.LONGEST > 1 << 20
