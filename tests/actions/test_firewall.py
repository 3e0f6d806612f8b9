"""firewall.block and firewall.unblock: what is printed, and for whom never."""

from __future__ import annotations

import contextlib
import io
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from vedette.cli import main
from vedette.store.visit import Visit

SETTINGS: dict[str, Any] = {
    "networks": {"office": ["198.51.100.0/24", "2001:db8:1::/48"]},
    "actions": {
        "kube": {"server": "https://192.0.2.44:6443"},
        "vault": {"address": "https://[2001:db8:2::7]:8200"},
    },
}


def run(folder: Path, *words: str, **firewall: str) -> tuple[int, str, str]:
    """`vedette action …`: exit code, output, errors."""
    said: dict[str, Any] = {**SETTINGS, "watch": {"state": str(folder / "store")}}
    said["actions"] = {**SETTINGS["actions"], "firewall": firewall} if firewall else SETTINGS["actions"]
    (folder / "vedette.yaml").write_text(yaml.safe_dump(said))
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["action", words[0], "--config", str(folder / "vedette.yaml"), *words[1:]])
    return code, out.getvalue(), " ".join(err.getvalue().split())


def commands(folder: Path, *words: str, **firewall: str) -> list[list[str]]:
    """The words that a shell would make of each command."""
    code, out, err = run(folder, "plan", *words, "-o", "json", **firewall)
    assert code == 0, err
    return [shlex.split(one["command"]) for one in json.loads(out)["calls"]]


def test_an_address_is_blocked_at_once_and_for_long(tmp_path: Path) -> None:
    """Both, and the connections that stand; an IPv4 address within IPv6 is itself."""
    for text in ("203.0.113.9", "::ffff:203.0.113.9", " 203.0.113.9 "):
        assert commands(tmp_path, "firewall.block", text) == [
            ["pfctl", "-t", "virusprot", "-T", "add", "203.0.113.9"],
            ["easyrule", "block", "wan", "203.0.113.9"],
            ["pfctl", "-k", "203.0.113.9"],
            ["pfctl", "-k", "0.0.0.0/0", "-k", "203.0.113.9"],
        ]


def test_ipv6_has_its_own_everything(tmp_path: Path) -> None:
    """Interface and table are those of the settings."""
    found = commands(tmp_path, "firewall.block", "2001:DB8::0:66", interface="opt2", table="attackers")
    assert found == [
        ["pfctl", "-t", "attackers", "-T", "add", "2001:db8::66"],
        ["easyrule", "block", "opt2", "2001:db8::66"],
        ["pfctl", "-k", "2001:db8::66"],
        ["pfctl", "-k", "::/0", "-k", "2001:db8::66"],
    ]


def test_it_is_let_in_again(tmp_path: Path) -> None:
    """Out of both."""
    assert commands(tmp_path, "firewall.unblock", "203.0.113.9") == [
        ["easyrule", "unblock", "wan", "203.0.113.9"],
        ["pfctl", "-t", "virusprot", "-T", "delete", "203.0.113.9"],
    ]


def test_a_person_sees_commands_to_copy(tmp_path: Path) -> None:
    """With the reason, without terminal sequences, and without a way to apply."""
    code, out, _ = run(tmp_path, "plan", "firewall.block", "203.0.113.9", "why=token \x1b[2J theft")
    assert (code, "\x1b" in out, "     $ easyrule block wan 203.0.113.9\n" in out) == (0, False, True)
    assert "vedette does none of it" in out
    assert "action apply" not in out


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "needs address"),
        ("0.0.0.0/0", "no single address"),
        ("203.0.113.0/24", "no single address"),
        ("203.0.113.9/32", "no single address"),
        ("203.0.113.9:22", "no single address"),
        ("203.0.113.9 203.0.113.10", "no single address"),
        ("203.0.113.9;reboot", "no single address"),
        ("attacker.example.org", "no single address"),
        ("203.0.113.*", "may be many"),
        ("2130706433", "no single address"),
        ("\uff12\uff10\uff13.0.113.9", "no single address"),
        ("0.0.0.0", "no address of the internet"),
        ("127.0.0.1", "no address of the internet"),
        ("::1", "no address of the internet"),
        ("::", "no address of the internet"),
        ("10.0.20.5", "no address of the internet"),
        ("::ffff:10.0.20.5", "no address of the internet"),
        ("172.31.0.1", "no address of the internet"),
        ("192.168.1.1", "no address of the internet"),
        ("169.254.1.1", "no address of the internet"),
        ("224.0.0.1", "no address of the internet"),
        ("255.255.255.255", "no address of the internet"),
        ("fd00::1", "no address of the internet"),
        ("fe80::1%em0", "no address of the internet"),
        ("ff02::1", "no address of the internet"),
        ("198.51.100.7", "cut yourself off"),
        ("2001:db8:1::7", "cut yourself off"),
        ("192.0.2.44", "actions.kube.server"),
        ("2001:db8:2::7", "actions.vault.address"),
    ],
)
def test_who_is_never_blocked(text: str, reason: str, tmp_path: Path) -> None:
    """What is no single address, what is one's own, what the settings trust or act on."""
    code, _, err = run(tmp_path, "plan", "firewall.block", f"address={text}")
    assert (code, reason in err) == (2, True), err


def test_nothing_is_applied_and_nothing_is_claimed(tmp_path: Path) -> None:
    """On record as a plan; verify says which command shows it, and that vedette cannot tell."""
    Visit(tmp_path / "store", create=True).close()
    name = json.loads(run(tmp_path, "plan", "firewall.block", "203.0.113.9", "-o", "json")[1])["id"]
    code, _, err = run(tmp_path, "apply", name, "--yes")
    assert (code, "nothing to apply" in err) == (2, True)
    code, out, _ = run(tmp_path, "verify", name, "-o", "json")
    found = json.loads(out)
    assert (code, {one["holds"] for one in found}) == (1, {None})
    assert "pfctl -t virusprot -T test 203.0.113.9" in found[0]["why"]
    assert (
        "does not reach a firewall" in run(tmp_path, "plan", "firewall.block", "203.0.113.9", "--server", "http://a")[2]
    )
    assert run(tmp_path, "rights", "firewall")[0] == 0


@pytest.mark.parametrize(("key", "text"), [("interface", "wan; reboot"), ("table", "-f"), ("table", "a" * 32)])
def test_names_of_the_settings_are_plain(key: str, text: str, tmp_path: Path) -> None:
    """They are words of a command that somebody types as root."""
    code, _, err = run(tmp_path, "plan", "firewall.block", "203.0.113.9", **{key: text})
    assert (code, f"is no name of a{'n' if key == 'interface' else ''} {key}" in err) == (2, True), err
