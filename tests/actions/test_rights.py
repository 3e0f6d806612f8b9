"""The rendered rights suffice for each action on a real API server, and one less does not."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from lab.kube import ApiServer

from tests.actions.action_site import CORE, GROUP, RBAC, Site, user
from tests.actions.rights import granted
from vedette.actions import ACTIONS, RIGHTS
from vedette.actions.kube_rights import RIGHTS as KUBE
from vedette.actions.kube_rights import manifest, merged


def fresh() -> str:
    """A name."""
    return f"r{secrets.token_hex(4)}"


def _role(site: Site) -> tuple[str, str]:
    """A namespace, and a Role in it."""
    namespace = site.namespace()
    rules = [{"apiGroups": [""], "resources": ["services"], "verbs": ["get"]}]
    site.made(f"{RBAC}/namespaces/{namespace}/roles", {"metadata": {"name": "r"}, "rules": rules})
    return namespace, "r"


def suspend(site: Site) -> list[list[str]]:
    """Bindings of both kinds, of both kinds of roles, its own and shared."""
    actor = fresh()
    namespace, role = _role(site)
    site.bound(fresh(), [user(actor)])
    site.bound(fresh(), [user(actor), user("bob")])
    site.bound(fresh(), [user(actor)], namespace=namespace, role=role, kind="Role")
    site.bound(fresh(), [user(actor), user("bob")], namespace=namespace, role=role, kind="Role")
    return [["kube.suspend-actor", actor]]


def rotate(site: Site) -> list[list[str]]:
    """An account with a token Secret and a pod."""
    namespace = site.namespace()
    where = f"{CORE}/namespaces/{namespace}"
    site.made(f"{where}/serviceaccounts", {"metadata": {"name": "app"}})
    legacy = {"name": "t", "annotations": {"kubernetes.io/service-account.name": "app"}}
    site.made(f"{where}/secrets", {"metadata": legacy, "type": "kubernetes.io/service-account-token"})
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "1", "controller": True}
    site.pod(namespace, "web", "app", owner)
    site.pod(namespace, "one", "app")
    return [["kube.rotate-token", f"{namespace}/app", "pod=one"], ["kube.rotate-token", f"{namespace}/app"]]


def role(site: Site) -> list[list[str]]:
    """A ClusterRole with more than vedette's account has, bound in both ways."""
    name = fresh()
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    site.made(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": rules})
    return [["kube.delete-clusterrole", name]]


def binding(site: Site) -> list[list[str]]:
    """One of each kind."""
    namespace, own = _role(site)
    names = fresh(), fresh()
    site.bound(names[0], [user("bob")])
    site.bound(names[1], [user("bob")], namespace=namespace, role=own, kind="Role")
    return [["kube.delete-binding", names[0]], ["kube.delete-binding", names[1], f"namespace={namespace}"]]


def nodes(site: Site) -> list[list[str]]:
    """A node."""
    site.made(f"{CORE}/nodes", {"metadata": {"name": fresh()}})
    return [["kube.cordon-all"]]


def cordoned(site: Site) -> list[list[str]]:
    """A node that is cordoned."""
    name = fresh()
    site.made(f"{CORE}/nodes", {"metadata": {"name": name}, "spec": {"unschedulable": True}})
    return [["kube.uncordon", name]]


SCENES: dict[str, Callable[[Site], list[list[str]]]] = {
    "kube.suspend-actor": suspend,
    "kube.rotate-token": rotate,
    "kube.delete-clusterrole": role,
    "kube.delete-binding": binding,
    "kube.cordon-all": nodes,
    "kube.uncordon": cordoned,
}
LESS = [(name, one.resource, verb) for name in SCENES for one in merged(KUBE[name]) for verb in one.verbs]


def walked(site: Site, words: list[str]) -> bool:
    """Plan, apply, verify, undo: whether all of it went well."""
    code, out, _ = site.run("plan", *words)
    if code:
        return False
    name = next(line for line in out.splitlines() if line.startswith("kept as")).split()[2].rstrip(";")
    return all(
        site.run(verb, name, *more)[0] == 0
        for verb, more in (("apply", ["--yes"]), ("verify", []), ("undo", ["--yes"]))
    )


@pytest.mark.parametrize("name", SCENES)
def test_they_suffice(site: Site, name: str) -> None:
    """Planned, applied, verified and undone by an account that has them and nothing else."""
    scene = SCENES[name](site)
    site.token = granted(site, site.namespace(), manifest([name]))
    for words in scene:
        assert walked(site, words), words


@pytest.mark.parametrize(("name", "resource", "verb"), LESS)
def test_one_less_does_not(site: Site, name: str, resource: str, verb: str) -> None:
    """Each verb on each resource is needed for some part of it."""
    scene = SCENES[name](site)
    site.token = granted(site, site.namespace(), manifest([name]), (resource, verb))
    went = [walked(site, words) for words in scene]
    assert not all(went)


def test_every_action_has_rights(server: ApiServer, tmp_path: Path) -> None:
    """And the rights of a family are those of its actions together; an unknown one, and two systems, are refused."""
    assert set(KUBE) == {name for name in ACTIONS if name.startswith("kube.")}
    assert {kind.family for kind in ACTIONS.values()} == set(RIGHTS)
    site = Site(server, tmp_path)
    code, out, _ = site.run("rights", "kube")
    documents = list(yaml.safe_load_all(out))
    assert (code, [one["kind"] for one in documents]) == (0, ["ServiceAccount", "ClusterRole", "ClusterRoleBinding"])
    rules = {(one["apiGroups"][0], one["resources"][0]): set(one["verbs"]) for one in documents[1]["rules"]}
    assert rules[GROUP, "clusterroles"] == {"list", "bind", "get", "delete", "create", "escalate"}
    assert rules["", "secrets"] == {"list", "get", "delete"}
    assert site.run("rights", "kube.suspend")[0] == 2
