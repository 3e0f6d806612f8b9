"""What came with Kubernetes is known by its whole name: a prefix or a label is anybody's to write."""

from __future__ import annotations

import pytest
from lab.kube import ApiServer

from tests.actions.action_site import LISTER, RBAC, Site, user
from vedette.actions.kube_shipped import SHIPPED

KINDS = ("clusterroles", "clusterrolebindings", "roles", "rolebindings")
LABEL = {"kubernetes.io/bootstrapping": "rbac-defaults"}


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_a_real_server_makes_is_listed(server: ApiServer, kind: str) -> None:
    """At its start it makes these, each with the label of its own."""
    status, answer = server.call("GET", f"{RBAC}/{kind}?labelSelector=kubernetes.io/bootstrapping%3Drbac-defaults")
    assert status == 200, answer
    names = {one["metadata"]["name"] for one in answer["items"]}
    mine = {name for name in names if name.startswith("system:backdoor")}
    assert names - mine
    assert names - mine - SHIPPED == set()


def test_a_backdoor_that_looks_like_the_systems_is_taken_away(site: Site) -> None:
    """Neither its name's beginning nor its label keeps it."""
    body = {
        "metadata": {"name": "system:backdoor-binding", "labels": LABEL},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": LISTER},
        "subjects": [user("mallory-shipped")],
    }
    site.made(f"{RBAC}/clusterrolebindings", body)
    assert len(site.plan("kube.suspend-actor", "mallory-shipped")["calls"]) == 1
    site.plan("kube.delete-binding", "system:backdoor-binding")
    site.do("apply")
    assert site.there(f"{RBAC}/clusterrolebindings/system:backdoor-binding") is None
    assert "came with Kubernetes" in site.refused("kube.delete-binding", "system:basic-user")
