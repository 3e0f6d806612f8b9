"""What a real Vault takes as options of an audit device, and what the proof reads from it by the rendered rights."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.asking import ask
from lab.built import part
from lab.vault import VaultServer

from tests.proof.asking import rules, rules_under
from vedette.clients.vault import Vault
from vedette.proof.audit_device import read_device
from vedette.proof.links.emitted_vault import EmittedVault
from vedette.proof.vault_node import VaultNode, asked
from vedette.proof.verdict import State
from vedette.render.rights import vault_policy
from vedette.render.vault_audit import vault_devices, vault_listener


@pytest.fixture
def server(tmp_path: Path) -> Iterator[VaultServer]:
    """One server a test, for each leaves devices behind."""
    server = VaultServer(tmp_path)
    yield server
    server.stop()


def looked_at(server: VaultServer, policy: str | None = None) -> VaultNode:
    """The node as `vedette prove` asks it, with the rendered policy or another."""
    file = server.folder / "token"
    file.write_text(server.token("looking", vault_policy() if policy is None else policy))
    return asked("vault-0", Vault(server.address, token_file=str(file), timeout=5))


def test_options_are_read_as_vault_keeps_them(server: VaultServer) -> None:
    """Without a licence filter, exclude and fallback are refused; the others are taken, and shown as they were said."""
    node = looked_at(server)
    assert (node.devices, node.devices_fault, node.proxies) == ((), "", ())
    state = EmittedVault([node], rules_under(), None).check(rules()["V4"]).state
    assert state is State.BLIND
    for name, value in (("filter", "mount_type == kv"), ("exclude", "[]"), ("fallback", "true")):
        options = {"file_path": str(server.folder / f"{name}.log"), name: value}
        status, answer = server.call("PUT", f"sys/audit/{name}", {"type": "file", "options": options})
        assert status == 400
        assert "enterprise-only options supplied" in answer["errors"][0]
    for name, value in (("log_raw", "true"), ("format", "jsonx"), ("elide_list_responses", "true")):
        options = {"file_path": str(server.folder / f"{name}.log"), name: value}
        assert server.call("PUT", f"sys/audit/{name}", {"type": "file", "options": options})[0] == 204
    devices = looked_at(server).devices or ()
    assert {one.path: one.says("log_raw") for one in devices} == {
        "elide_list_responses/": False,
        "format/": False,
        "log_raw/": True,
    }
    assert [read_device(one).unreadable != "" for one in devices] == [False, True, False]


def test_what_a_device_makes_of_an_entry_is_what_a_real_one_made(server: VaultServer) -> None:
    """From the entry in clear of a device with log_raw to that of one that lists and hashes: the same shape."""
    for name in ("log_raw", "elide_list_responses", "format"):
        value = "json" if name == "format" else "true"
        options = {"file_path": str(server.folder / f"{name}.log"), name: value}
        assert server.call("PUT", f"sys/audit/{name}", {"type": "file", "options": options})[0] == 204
    server.call("PUT", "sys/policies/acl/p", {"policy": 'path "x" { capabilities = ["read"] }'})
    server.call("GET", "sys/policies/acl?list=true")
    devices = {one.path: one for one in looked_at(server).devices or ()}
    raw, *_ = (_entries(server, name) for name in ("log_raw",))
    for name in ("elide_list_responses", "format"):
        reading = read_device(devices[f"{name}/"])
        theirs = _entries(server, name)
        assert theirs
        for key, entry in theirs.items():
            if key in raw:
                assert _shape(json.loads(reading.line(raw[key]))["request"].get("data")) == _shape(
                    entry["request"].get("data")
                )
                ours = json.loads(reading.line(raw[key])).get("response", {}).get("data")
                assert _shape(ours) == _shape(entry.get("response", {}).get("data"))


def _entries(server: VaultServer, name: str) -> dict[tuple[str, str], dict[str, dict[str, object]]]:
    lines = (server.folder / f"{name}.log").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    return {(one["request"]["id"], one["type"]): one for one in entries if one["request"].get("id")}


def _shape(value: object) -> object:
    """Kinds and key names; a hashed text is told from a clear one."""
    if isinstance(value, dict):
        return {key: _shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shape(one) for one in value]
    return value.startswith("hmac-") if isinstance(value, str) else value


def test_a_missing_right_leaves_the_proxies_unknown(server: VaultServer) -> None:
    """The devices are known, and the fault tells what to grant."""
    node = looked_at(server, 'path "sys/audit" { capabilities = ["read", "sudo"] }')
    assert node.devices == ()
    assert node.proxies is None
    assert "its listeners cannot be read: HTTP 403" in node.proxies_fault
    assert "render rights vault" in node.mend


def test_the_rendered_listener_lines_are_taken_and_tell_clients_apart(server: VaultServer) -> None:
    """Vault starts with them; the address in its log is the client's from then on, and the proof knows it."""
    assert looked_at(server).proxies == ()
    config = server.folder / "vault.json"
    kept = json.loads(config.read_text())
    (address,) = [kept["listener"]["tcp"]["address"]]
    lines = vault_listener(["127.0.0.1/32"], hops=0)
    text = f'disable_mlock = true\napi_addr = "{server.address}"\nstorage "inmem" {{}}\n'
    text += f'listener "tcp" {{\n  address = "{address}"\n  tls_disable = true\n{lines}}}\n'
    server.process.stop()
    config.unlink()
    server.process.command[-1] = str(config.with_suffix(".hcl"))
    config.with_suffix(".hcl").write_text(text)
    server.start()
    assert looked_at(server).proxies == ("127.0.0.1/32",)
    server.device("file", server.folder / "audit.log")
    headers = {"X-Vault-Token": server.root, "X-Forwarded-For": "203.0.113.9"}
    assert ask("GET", f"{server.address}/v1/sys/mounts", headers=headers)[0] == 200
    entries = [json.loads(line) for line in (server.folder / "audit.log").read_text().splitlines()]
    assert entries[-1]["request"]["remote_address"] == "203.0.113.9"


def test_the_rendered_commands_enable_two_devices_under_which_every_rule_can_fire(server: VaultServer) -> None:
    """By the real program; the proof then asks for nothing more."""
    commands = vault_devices(str(server.folder / "first.log"), str(server.folder / "second.log"))
    env = {"PATH": f"{part('vault').parent}:{os.defpath}", "VAULT_ADDR": server.address, "VAULT_TOKEN": server.root}
    done = subprocess.run(
        ["sh", "-e"], input=commands, env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    node = looked_at(server)
    assert [one.path for one in node.devices or ()] == ["vedette-second/", "vedette/"]
    for name in ("V1", "V2", "V3", "V4", "V5", "V6", "V7"):
        result = EmittedVault([node], rules_under(), None).check(rules()[name])
        assert (result.state, "enable a second" in result.why) == (State.READY, False)
    assert (server.folder / "second.log").read_text().count("\n") >= 2
