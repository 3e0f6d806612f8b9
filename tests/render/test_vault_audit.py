"""The commands and lines for a Vault."""

from __future__ import annotations

import shlex

import pytest

from vedette.cli import main
from vedette.render.vault_audit import BadPath, vault_devices, vault_listener


def test_two_devices_are_enabled_and_none_drops_anything() -> None:
    """A file and syslog, without an option that V2 or the proof would name."""
    commands = [
        shlex.split(line) for line in vault_devices("/var/log/a b.log", "syslog").splitlines() if line[0] != "#"
    ]
    assert [command[:3] for command in commands] == [["vault", "audit", "enable"]] * 2
    assert commands[0][3:] == ["-path=vedette", "file", "file_path=/var/log/a b.log", "mode=0600"]
    assert commands[1][4] == "syslog"
    options = {word.partition("=")[0] for command in commands for word in command[5:]}
    assert not options & {"filter", "exclude", "fallback", "log_raw", "prefix", "format"}


@pytest.mark.parametrize(("first", "second"), [("/a", "/a"), ("a", "/b"), ("/a\n", "/b"), ("syslog", "syslog")])
def test_a_place_that_is_none_is_refused(first: str, second: str) -> None:
    """The same one twice, a relative path, a line end."""
    with pytest.raises(BadPath):
        vault_devices(first, second)


def test_text_in_a_path_is_one_word_of_the_shell() -> None:
    """Nothing in it is run."""
    (command, _) = [line for line in vault_devices("/a;rm -rf '$HOME'", "/b").splitlines() if line[0] != "#"]
    assert shlex.split(command)[5] == "file_path=/a;rm -rf '$HOME'"


def test_the_listener_names_the_proxies() -> None:
    """In HCL; the skips as they were said."""
    lines = vault_listener(["10.0.0.5/32", "fd00::5/128"], hops=1)
    assert '  x_forwarded_for_authorized_addrs = ["10.0.0.5/32", "fd00::5/128"]\n' in lines
    assert "  x_forwarded_for_hop_skips = 1\n" in lines


def test_a_proxy_is_an_address_or_a_list_of_the_settings(
    capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A whole network is printed and warned of; what is neither is refused with the lists that there are."""
    settings = tmp_path_factory.mktemp("c") / "vedette.yaml"
    settings.write_text("networks: {ingress: [10.0.0.5/32], pods: [10.10.0.0/16]}\n")
    assert main(["render", "vault-audit", "--config", str(settings), "--proxy", "ingress", "--proxy", "fd00::5"]) == 0
    assert '["10.0.0.5/32", "fd00::5/128"]' in capsys.readouterr().out
    assert main(["render", "vault-audit", "--config", str(settings), "--proxy", "pods"]) == 0
    assert "10.10.0.0/16: every machine there could name any client" in capsys.readouterr().err
    assert main(["render", "vault-audit", "--config", str(settings), "--proxy", "nobody"]) == 2
    assert "ingress, pods" in capsys.readouterr().err
    assert main(["render", "vault-audit", "--file", "audit.log"]) == 2
    assert "an absolute path is needed" in capsys.readouterr().err
