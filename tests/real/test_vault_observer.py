"""What is seen of a real Vault, by a token that has the rendered policy and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.vault import VaultServer

from tests.observers.lines import Lines, seen
from vedette.clients.vault import Vault, VaultRefused
from vedette.observers.server_log import ServerLogObserver
from vedette.observers.vault import VaultObserver
from vedette.render.rights import vault_policy

RULES = 'path "secret/*" { capabilities = ["read"] }'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    """One server for all tests of this file; each leaves it open."""
    server = VaultServer(tmp_path_factory.mktemp("vault"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def token(server: VaultServer) -> str:
    """With the rendered policy alone."""
    return server.token("vedette", vault_policy())


@pytest.fixture
def token_file(token: str, tmp_path: Path) -> Path:
    """Where the observer finds it."""
    path = tmp_path / "token"
    path.write_text(token + "\n")
    return path


def observer(server: VaultServer, token_file: Path | str = "") -> VaultObserver:
    """Of the running server."""
    return VaultObserver("vault-0", Vault(server.address, token_file=str(token_file), timeout=5))


def device(server: VaultServer, name: str) -> None:
    """Enable a file audit device."""
    options = {"file_path": str(server.folder / f"{name}.log")}
    assert server.call("PUT", f"sys/audit/{name}", {"type": "file", "options": options})[0] == 204


def test_the_rendered_policy_suffices(server: VaultServer, token_file: Path) -> None:
    """Seal state, audit devices and every policy but root are seen, and nothing is missing."""
    server.call("PUT", "sys/policies/acl/app", {"policy": RULES})
    looks, blind = seen(observer(server, token_file))
    assert blind is None
    kinds = {look.kind: look.value for look in looks}
    assert kinds.keys() == {"seal_status", "audit_devices", "policy"}
    cluster = server.call("GET", "sys/seal-status")[1]["cluster_id"]
    assert kinds["seal_status"] == {"sealed": False, "cluster_id": cluster, "reachable": True}
    policies = {look.value["name"]: look for look in looks if look.kind == "policy"}
    assert {"app", "default", "vedette"} <= policies.keys()
    assert "root" not in policies
    assert policies["app"].value["policy"] == RULES
    assert policies["app"].subject == f"{server.address}/v1/sys/policies/acl/app"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "secret/data/app", None),
        ("PUT", "sys/policies/acl/mine", {"policy": RULES}),
        ("DELETE", "sys/policies/acl/default", None),
        ("PUT", "sys/audit/mine", {"type": "file", "options": {"file_path": "/dev/null"}}),
        ("DELETE", "sys/audit/file", None),
        ("POST", "auth/token/create", {}),
        ("LIST", "auth/token/accessors", None),
        ("GET", "sys/mounts", None),
        ("GET", "sys/auth", None),
        ("PUT", "sys/seal", None),
        ("GET", "sys/config/auditing/request-headers", None),
        ("GET", "sys/raw/core/keyring", None),
    ],
)
def test_the_rendered_policy_lets_nothing_else_in(
    server: VaultServer, token: str, method: str, path: str, body: object
) -> None:
    """Reading secrets, changing anything, and other people's tokens are refused."""
    assert server.call(method, path, body, token=token)[0] == 403


def test_a_missing_right_is_named_and_the_rest_is_seen(server: VaultServer, tmp_path: Path) -> None:
    """Without sudo on sys/audit the devices are not seen, everything else is, and the finding says what to grant."""
    lacking = vault_policy().replace(', "sudo"', "")
    path = tmp_path / "token"
    path.write_text(server.token("lacking", lacking))
    looks, blind = seen(observer(server, path))
    assert {look.kind for look in looks} == {"seal_status", "policy"}
    assert blind is not None
    assert "sys/audit: HTTP 403" in str(blind)
    assert 'path "sys/audit" { capabilities = ["read", "sudo"] }' in blind.mend
    assert "policies" not in str(blind)


def test_a_token_that_is_no_longer_valid_is_told_from_a_missing_right(server: VaultServer, tmp_path: Path) -> None:
    """The mend is a new token, not a right; the token stands in neither text."""
    path = tmp_path / "token"
    path.write_text("hvs.CANARYCANARYCANARY")
    looks, blind = seen(observer(server, path))
    assert [look.kind for look in looks] == ["seal_status"]
    assert blind is not None
    assert "write a new one into token_file" in blind.mend
    assert "CANARY" not in str(blind) + blind.mend


def test_without_a_token_only_the_seal_state_is_seen(server: VaultServer) -> None:
    """Nothing else is asked, and nothing is missing."""
    looks, blind = seen(observer(server))
    assert (blind, [look.kind for look in looks]) == (None, ["seal_status"])


def test_a_device_that_comes_or_goes_is_an_alert(server: VaultServer, token_file: Path, tmp_path: Path) -> None:
    """V2.devices fires for both, and not while the list stays as it is."""
    watching, lines = observer(server, token_file), Lines(tmp_path)
    device(server, "first")
    assert lines.add(watching.look()) == []
    assert lines.add(watching.look()) == []
    device(server, "second")
    assert lines.add(watching.look()) == ["V2.devices"]
    assert server.call("DELETE", "sys/audit/second")[0] == 204
    assert lines.add(watching.look()) == ["V2.devices"] * 2
    assert lines.add(watching.look()) == ["V2.devices"] * 2
    assert server.call("DELETE", "sys/audit/first")[0] == 204


def test_seal_and_unseal_are_alerts(server: VaultServer, token_file: Path, tmp_path: Path) -> None:
    """V3 fires for each, once; a sealed node's devices are not taken for gone."""
    watching, lines = observer(server, token_file), Lines(tmp_path)
    assert lines.add(watching.look()) == []
    server.seal()
    sealed, blind = seen(watching)
    assert blind is None
    assert [look.value for look in sealed] == [{"sealed": True, "reachable": True}]
    assert lines.add(sealed) == ["V3"]
    assert lines.add(watching.look()) == ["V3"]
    server.unseal()
    assert lines.add(watching.look()) == ["V3"] * 2
    assert lines.add(watching.look()) == ["V3"] * 2


def test_a_policy_that_changes_is_kept_and_one_that_goes_is_told(server: VaultServer, token_file: Path) -> None:
    """The whole text is in the next reading; one that is new is read at once; one that went is told once."""
    now = [0.0]
    watching = VaultObserver("vault-0", Vault(server.address, token_file=str(token_file)), clock=lambda: now[0])

    def policies() -> dict[object, object]:
        return {look.value["name"]: look.value for look in watching.look() if look.kind == "policy"}

    server.call("PUT", "sys/policies/acl/shifting", {"policy": RULES})
    assert "shifting" in policies()
    assert policies() == {}
    changed = RULES.replace("read", "update")
    server.call("PUT", "sys/policies/acl/shifting", {"policy": changed})
    server.call("PUT", "sys/policies/acl/odd%2Fname", {"policy": RULES})
    assert policies().keys() == {"odd/name"}
    now[0] = 3_601.0
    found = policies()
    assert found.keys() == {"shifting"}
    assert isinstance(found["shifting"], dict)
    assert found["shifting"]["policy"] == changed
    server.call("DELETE", "sys/policies/acl/shifting")
    server.call("DELETE", "sys/policies/acl/odd%2Fname")
    assert policies() == {
        "odd/name": {"name": "odd/name", "absent": True},
        "shifting": {"name": "shifting", "absent": True},
    }
    assert policies() == {}
    now[0] = 3_601.0 + 86_401.0
    assert {"default", "vedette"} <= policies().keys()


def test_a_client_says_what_came_back(server: VaultServer, token_file: Path) -> None:
    """A policy that is not there is None; a path that is none of Vault's is an error with its status."""
    client = Vault(server.address, token_file=str(token_file))
    assert client.policy("there-is-none") is None
    assert client.policy("default")
    with pytest.raises(VaultRefused, match="HTTP 404") as error:
        Vault(server.address + "/elsewhere").seal_status()
    assert error.value.status == 404


def test_a_node_that_stops_is_an_alert(tmp_path: Path) -> None:
    """A stopped server does not answer, which V3 tells once."""
    server, lines = VaultServer(tmp_path), Lines(tmp_path)
    try:
        watching = observer(server)
        assert lines.add(watching.look()) == []
        server.stop()
        gone = watching.look()
        assert [look.value for look in gone] == [{"reachable": False}]
        assert lines.add(gone) == ["V3"]
        assert lines.add(watching.look()) == ["V3"]
    finally:
        server.stop()


def test_the_server_s_own_log_says_that_it_was_sealed(server: VaultServer, tmp_path: Path) -> None:
    """Both lines, as this version writes them, are alerts of V3.server_log."""
    log = ServerLogObserver("log", str(server.process.log), "vault", host="vault-0")
    try:
        assert seen(log) == ([], None)
        server.seal()
        server.unseal()
        looks, blind = seen(log)
    finally:
        log.close()
    assert blind is None
    said = [str(look.value["message"]).rpartition("core: ")[2] for look in looks]
    assert said == ["vault is sealed", "vault is unsealed"]
    assert Lines(tmp_path).add(looks) == ["V3.server_log", "V3.server_log"]
