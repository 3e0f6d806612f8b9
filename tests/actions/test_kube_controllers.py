"""kube.rotate-token and kube.cordon-all where the controllers work as well, as in any cluster."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.kube import ApiServer
from lab.process import until

from tests.actions.action_site import CORE, POLICY, RBAC, Site, user
from tests.actions.test_kube_token import good


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """With a controller-manager and a node."""
    server = ApiServer(tmp_path_factory.mktemp("cluster"), POLICY, cluster=True)
    yield server
    server.stop()


@pytest.fixture
def busy(cluster: ApiServer, tmp_path: Path) -> Site:
    """Settings and a store for it."""
    return Site(cluster, tmp_path)


def legacy(site: Site, namespace: str, account: str) -> str:
    """The token that the controller writes into a Secret for an account."""
    path = f"{CORE}/namespaces/{namespace}/secrets"
    metadata = {"name": f"{account}-token", "annotations": {"kubernetes.io/service-account.name": account}}
    site.made(path, {"metadata": metadata, "type": "kubernetes.io/service-account-token"})

    def filled() -> bool:
        return bool((site.there(f"{path}/{account}-token") or {}).get("data", {}).get("token"))

    until(filled, "the controller writes a token")
    return b64decode(site.there(f"{path}/{account}-token")["data"]["token"]).decode()


@pytest.mark.parametrize("how", ["legacy", "recreate"])
def test_a_real_legacy_token_dies(busy: Site, how: str) -> None:
    """By its Secret, and by its account; with the account the controller takes Secrets away too, which does not hurt."""
    namespace = busy.namespace()
    busy.made(f"{CORE}/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "app"}})
    stolen = legacy(busy, namespace, "app")
    assert good(busy, stolen)
    plan = busy.plan("kube.rotate-token", f"{namespace}/app", f"how={how}")
    assert stolen not in str(plan)
    busy.do("apply")
    until(lambda: not good(busy, stolen), "the stolen token is refused")
    assert all(busy.holds())
    assert busy.there(f"{CORE}/namespaces/{namespace}/serviceaccounts/app") is not None


def test_a_default_account_is_made_anew_by_whoever_is_first(busy: Site) -> None:
    """The controller makes `default` again as well; either way every old token is dead and the account is there."""
    namespace = busy.namespace()
    path = f"{CORE}/namespaces/{namespace}/serviceaccounts/default"
    until(lambda: busy.there(path) is not None, "the controller makes the account")
    stolen = legacy(busy, namespace, "default")
    busy.plan("kube.rotate-token", f"{namespace}/default")
    busy.do("apply")
    until(lambda: not good(busy, stolen), "the stolen token is refused")
    assert all(busy.holds())


def test_a_cordoned_cluster_starts_nothing(busy: Site) -> None:
    """The node says so; its lease and status, written all the time, make no plan stale."""
    plan = busy.plan("kube.cordon-all")
    assert len(plan["calls"]) == 1
    busy.do("apply")
    assert busy.holds() == [True]
    busy.do("undo")
    assert busy.holds() == [False]


def test_a_part_that_makes_an_aggregated_role_wide_stays(busy: Site) -> None:
    """The controller fills the role from its parts: whoever deletes the part takes the last admin's right away."""
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    chosen = {"clusterRoleSelectors": [{"matchLabels": {"vedette.test/wide": "true"}}]}
    whole, part = f"{RBAC}/clusterroles/whole", f"{RBAC}/clusterroles/part"
    busy.made(f"{RBAC}/clusterroles", {"metadata": {"name": "whole"}, "aggregationRule": chosen, "rules": []})
    labels = {"name": "part", "labels": {"vedette.test/wide": "true"}}
    busy.made(f"{RBAC}/clusterroles", {"metadata": labels, "rules": rules})
    until(lambda: busy.there(whole)["rules"] == rules, "the controller fills the role")
    busy.bound("by-parts", [user("alice")], role="whole")
    for words in (
        ["kube.delete-clusterrole", "part"],
        ["kube.delete-clusterrole", "whole"],
        ["kube.suspend-actor", "alice"],
    ):
        assert "the last who is bound to every right" in busy.refused(*words)
    busy.plan("kube.delete-clusterrole", "part", "masters=yes")
    busy.do("apply")
    until(lambda: not busy.there(whole)["rules"], "the controller empties the role")
    busy.do("undo")
    assert busy.there(part)["rules"] == rules
    until(lambda: busy.there(whole)["rules"] == rules, "the controller fills it again")
