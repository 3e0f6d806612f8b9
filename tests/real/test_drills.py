"""Each drill's act by its rendered rights, on the real API server and Vault: they suffice, and one less does not."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab.kube import ApiServer
from lab.vault import VaultServer

from vedette.clients.kube import Kube
from vedette.clients.vault import Vault
from vedette.drills import kube as at_kube
from vedette.drills import vault as at_vault
from vedette.drills.base import CannotDrill, Done, Drill, System, Thing
from vedette.render.rights_drill import kube_drill_rights, vault_drill_rights

RBAC = "/apis/rbac.authorization.k8s.io/v1"
POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}
ROLE = {
    "allowed_policies": "vedette-drill-more",
    "token_no_default_policy": True,
    "token_explicit_max_ttl": "60s",
    "renewable": False,
}


def manifest() -> list[dict[str, Any]]:
    """What is applied."""
    text = kube_drill_rights("vedette-drill", "vedette-drill", "vault/vedette-drill", "vault/vedette-drill")
    # No kubelet is here to run it.
    return [one for one in yaml.safe_load_all(text) if one["kind"] != "Pod"]


def where(one: dict[str, Any], *, named: bool = False) -> str:
    """The path of an object, or of its kind."""
    version, namespace = one["apiVersion"], one["metadata"].get("namespace", "")
    base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"{base}{within}/{one['kind'].lower()}s" + (f"/{one['metadata']['name']}" if named else "")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """With the manifest applied."""
    server = ApiServer(tmp_path_factory.mktemp("kube"), POLICY)
    try:
        assert server.call("POST", "/api/v1/namespaces", {"metadata": {"name": "vault"}})[0] == 201
        for one in manifest():
            status, answer = server.call("POST", where(one), one)
            assert status == 201, answer
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def ground(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> at_kube.KubeGround:
    """The drill account at the server."""
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text(server.account("vedette-drill", "vedette-drill"))
    return at_kube.KubeGround(Kube(server.address, token_file=str(token), ca_file=str(server.ca)))


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    """With role and mount."""
    server = VaultServer(tmp_path_factory.mktemp("vault"))
    try:
        assert server.call("POST", "auth/token/roles/vedette-drill", ROLE)[0] == 204
        assert server.call("POST", "sys/auth/vedette-drill", {"type": "userpass"})[0] == 204
        yield server
    finally:
        server.stop()


def in_vault(vault: VaultServer, policy: str, tmp_path: Path) -> at_vault.VaultGround:
    """The drills' token, with a policy."""
    file = tmp_path / "vault.token"
    file.write_text(vault.token("vedette-drill", policy))
    return at_vault.VaultGround(Vault(vault.address, token_file=str(file)))


def systems(ground: at_kube.KubeGround | at_vault.VaultGround) -> dict[str, System]:
    """What takes away."""
    if isinstance(ground, at_kube.KubeGround):
        return {"kube": at_kube.KubeObjects(ground), "kube-role": at_kube.KubeRoles(ground)}
    return {"vault": at_vault.VaultObjects(ground), "vault-token": at_vault.VaultTokens(ground)}


def act(drill: Drill, ground: at_kube.KubeGround | at_vault.VaultGround) -> tuple[Done, str]:
    """Do it, take away, and see that nothing is left; gives its mark too."""
    mark = str(uuid.uuid4())
    things: list[Thing] = list(drill.things(mark))
    found = systems(ground)
    done = drill.act(mark, things.append)
    for thing in reversed(things):
        found[thing.system].clean(thing.path)
        assert found[thing.system].left(thing.path) is False, thing
    return done, mark


@pytest.mark.parametrize("rule", at_kube.REAL)
def test_the_rights_at_an_api_server_suffice(ground: at_kube.KubeGround, server: ApiServer, rule: str) -> None:
    """Each act is done as its plan says, by an account of its own; an exec without a pod is refused, as it should be."""
    drill = at_kube.REAL[rule](ground)
    done, mark = act(drill, ground)
    assert done.refused is (rule == "K4")
    assert f"system:serviceaccount:vedette-drill:vedette-drill-{mark}" in server.audit_log.read_text()
    assert all("vedette-drill" in line or at_kube.OUTSIDE in line for line in drill.plan(mark))


FEWER = [
    ("K2", "vedette-drill-accounts", "serviceaccounts"),
    ("K2", "vedette-drill-accounts", "serviceaccounts/token"),
    ("K3", "vedette-drill-decoy", "secrets"),
    ("K5", "vedette-drill", "configmaps"),
    ("K7", "vedette-drill-fill", "clusterroles"),
    ("K8", "vedette-drill", "rolebindings"),
]


@pytest.mark.parametrize(("rule", "name", "resource"), FEWER)
def test_one_right_less_does_not(
    ground: at_kube.KubeGround, server: ApiServer, rule: str, name: str, resource: str
) -> None:
    """Taken away verb by verb: the drill says which call was refused and what prints the rights; K3 is an attempt."""
    (one,) = [item for item in manifest() if item["metadata"]["name"] == name and "rules" in item and item["rules"]]
    path = where(one, named=True)
    (right,) = [held for held in one["rules"] if resource in held["resources"]]
    for verb in right["verbs"]:
        if (verb, rule) in (("patch", "K8"), ("get", "K7")):
            continue  # K10's, and what only the clean-up after a crash needs
        less = {**right, "verbs": [other for other in right["verbs"] if other != verb]}
        fewer = [held for held in (*(held for held in one["rules"] if held is not right), less) if held["verbs"]]
        assert server.call("PUT", path, {**one, "rules": fewer})[0] == 200
        time.sleep(0.3)
        try:
            if rule == "K3":
                assert act(at_kube.REAL[rule](ground), ground)[0].refused, verb
            else:
                with pytest.raises(CannotDrill, match="HTTP 403") as raised:
                    act(at_kube.REAL[rule](ground), ground)
                assert "vedette render rights kube-drill" in raised.value.mend, verb
        finally:
            assert server.call("PUT", path, one)[0] == 200
            time.sleep(0.3)
            sweep(server)


def sweep(server: ApiServer) -> None:
    """What a drill without the right to clean up could not."""
    base = "/api/v1/namespaces/vedette-drill"
    for kind in (f"{base}/serviceaccounts", f"{base}/configmaps", f"{RBAC}/namespaces/vedette-drill/rolebindings"):
        for one in server.call("GET", kind)[1]["items"]:
            if one["metadata"]["name"].count("-") > 4:
                server.call("DELETE", f"{kind}/{one['metadata']['name']}")


def test_the_drill_account_cannot_climb(ground: at_kube.KubeGround, server: ApiServer) -> None:
    """Not even with the role that it may fill: it may bind nobody to it, and read no Secret but the decoy."""
    role = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
    path = f"{RBAC}/clusterroles/vedette-drill"
    assert ground.ask("PATCH", path, role, content="application/merge-patch+json").status == 200
    try:
        subject = {"kind": "ServiceAccount", "namespace": "vedette-drill", "name": "vedette-drill"}
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "vedette-drill"}
        binding = {"metadata": {"name": "climb"}, "roleRef": ref, "subjects": [subject]}
        assert ground.ask("POST", f"{RBAC}/namespaces/vedette-drill/rolebindings", binding).status == 403
        assert ground.ask("POST", f"{RBAC}/clusterrolebindings", binding).status == 403
    finally:
        at_kube.KubeRoles(ground).clean(path)
    assert ground.ask("GET", "/api/v1/namespaces/vault/secrets/other").status == 403
    assert ground.ask("GET", "/api/v1/secrets").status == 403
    assert ground.ask("GET", f"{RBAC}/clusterroles/cluster-admin").status == 403


@pytest.mark.parametrize("rule", at_vault.REAL)
def test_the_rights_at_a_vault_suffice(vault: VaultServer, tmp_path: Path, rule: str) -> None:
    """Each act is done by a token of its own, which is over afterwards."""
    ground = in_vault(vault, vault_drill_rights("vedette-drill"), tmp_path)
    done, _ = act(at_vault.REAL[rule](ground), ground)
    assert done.refused is False
    policies = vault.call("LIST", "sys/policies/acl")[1]["data"]["keys"]
    assert [name for name in policies if name.startswith("vedette-drill-")] == []


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("auth/token/create", "V4"),
        ("auth/token/revoke-self", "V4"),
        ("auth/token/lookup-accessor", "V4"),
        ("sys/policies/acl/vedette-drill-*", "V4"),
        ("auth/token/create/vedette-drill", "V6"),
    ],
)
def test_one_path_less_does_not(vault: VaultServer, tmp_path: Path, path: str, rule: str) -> None:
    """The drill says which call was refused; V6 is an attempt."""
    policy = vault_drill_rights("vedette-drill")
    begin = policy.index(f'path "{path}" {{')
    ground = in_vault(vault, policy[:begin] + policy[policy.index("\n}\n", begin) + 3 :], tmp_path)
    if rule == "V6":
        assert act(at_vault.REAL[rule](ground), ground)[0].refused
        return
    with pytest.raises(CannotDrill, match="HTTP 403") as raised:
        act(at_vault.REAL[rule](ground), ground)
    assert "vedette render rights vault-drill" in raised.value.mend


def test_the_drills_token_cannot_climb(vault: VaultServer, tmp_path: Path) -> None:
    """It may write a policy, of one text alone, and get none by the role but one that is not there."""
    ground = in_vault(vault, vault_drill_rights("vedette-drill"), tmp_path)
    everything = {"policy": 'path "*" { capabilities = ["read"] }'}
    assert ground.ask("PUT", "sys/policies/acl/vedette-drill-x", everything).status == 403
    assert ground.ask("PUT", "sys/policies/acl/other", {"policy": at_vault.NOTHING}).status == 403
    asked = {"policies": ["vedette-drill-x"]}
    assert ground.ask("POST", "auth/token/create/vedette-drill", asked).status == 400
    assert ground.ask("POST", "auth/token/create", {"policies": ["root"]}).status in (400, 403)


@pytest.mark.parametrize(
    ("rule", "said"), [("V1", "admin_token_file is not set"), ("V2", "admin_token_file"), ("V3", "unseal_key_file")]
)
def test_without_an_admin_nothing_grave_is_done(vault: VaultServer, tmp_path: Path, rule: str, said: str) -> None:
    """It is said before anything is done."""
    ground = in_vault(vault, vault_drill_rights("vedette-drill"), tmp_path)
    with pytest.raises(CannotDrill, match=said):
        at_vault.FOR_REAL[rule](ground).act("mark", lambda _: None)
    assert vault.call("GET", "sys/seal-status")[1]["sealed"] is False


def real(vault: VaultServer, tmp_path: Path) -> at_vault.VaultGround:
    """With a root token and the unseal key."""
    ground = in_vault(vault, vault_drill_rights("vedette-drill"), tmp_path)
    for name, text in (("admin", vault.root), ("key", vault.key)):
        (tmp_path / name).write_text(text)
    return at_vault.VaultGround(
        ground.vault, admin_token_file=str(tmp_path / "admin"), unseal_key_file=str(tmp_path / "key"), sealed_for=0.2
    )


def test_v1_leaves_no_root_token(vault: VaultServer, tmp_path: Path) -> None:
    """Both are over, by their accessors."""
    ground = real(vault, tmp_path)
    before = accessors(vault)
    done, _ = act(at_vault.V1(ground), ground)
    assert len(done.acts) == 1
    assert accessors(vault) - before == set()


def accessors(vault: VaultServer) -> set[str]:
    """Of all tokens but the drills' own."""
    return set(vault.call("LIST", "auth/token/accessors")[1]["data"]["keys"])


def test_v2_takes_its_device_away(vault: VaultServer, tmp_path: Path) -> None:
    """Without a device Vault would go on; with one more that hangs it would not."""
    ground = real(vault, tmp_path)
    drill = at_vault.V2(ground)
    done, mark = act(drill, ground)
    assert done.at
    assert f"vedette-drill-{mark}/" not in vault.call("GET", "sys/audit")[1]["data"]
    assert drill.place() == "root"


def test_a_vault_left_sealed_is_opened(vault: VaultServer, tmp_path: Path) -> None:
    """As a drill that was killed in between leaves it."""
    ground = real(vault, tmp_path)
    vault.seal()
    system = at_vault.VaultSeal(ground)
    assert system.left("") is True
    system.clean("")
    assert system.left("") is False
    vault.unseal()


def test_a_token_of_a_killed_drill_is_seen_until_it_is_over(vault: VaultServer, tmp_path: Path) -> None:
    """By its accessor, which is all that is kept of it."""
    ground = in_vault(vault, vault_drill_rights("vedette-drill"), tmp_path)
    noted: list[Thing] = []
    token = ground.hand("mark", noted.append)
    system = at_vault.VaultTokens(ground)
    system.clean(noted[0].path)
    assert system.left(noted[0].path) is True
    ground.must("POST", "auth/token/revoke-self", None, token)
    assert system.left(noted[0].path) is False
