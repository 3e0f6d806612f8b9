"""Whoever may do everything in a cluster, under whatever name, is not taken out as the last; on a real API server."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.actions.action_site import GROUP, RBAC, Site, account, user
from vedette.actions.kube_bindings import admins

WIDE = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
LAST = "the last who is bound to every right"
MERGE = "application/merge-patch+json"


def name() -> str:
    """A fresh one."""
    return f"w{secrets.token_hex(4)}"


def group(called: str) -> dict[str, str]:
    """A subject."""
    return {"kind": "Group", "apiGroup": GROUP, "name": called}


def role(site: Site, rules: list[dict[str, Any]], **more: object) -> str:
    """A ClusterRole."""
    called = name()
    labels = more.pop("labels", {})
    site.made(f"{RBAC}/clusterroles", {"metadata": {"name": called, "labels": labels}, "rules": rules} | more)
    return called


@pytest.fixture(autouse=True)
def bare(site: Site) -> None:
    """No binding but the shipped ones."""
    status, found = site.server.call("GET", f"{RBAC}/clusterrolebindings")
    assert status == 200
    for one in found["items"]:
        if not one["metadata"]["name"].startswith("system:") and one["metadata"]["name"] != "cluster-admin":
            site.server.call("DELETE", f"{RBAC}/clusterrolebindings/{one['metadata']['name']}")


@pytest.mark.parametrize("wide", [False, True])
def test_the_last_admin_stays(site: Site, *, wide: bool) -> None:
    """By cluster-admin, and by a role as wide under another name; neither accounts count nor names of the system's."""
    given = role(site, WIDE) if wide else "cluster-admin"
    others = [account("ops", "robot"), user("system:anonymous"), user("system:serviceaccount:ops:robot")]
    groups = [group("system:masters"), group("system:authenticated")]
    one = site.bound(name(), [user("alice"), *others, *groups], role=given)
    called = one.rpartition("/")[2]
    assert LAST in site.refused("kube.suspend-actor", "alice")
    assert LAST in site.refused("kube.delete-binding", called)
    two = site.bound(name(), [user("bob")], role="cluster-admin")
    site.plan("kube.suspend-actor", "alice")
    site.server.call("DELETE", two)
    # Between plan and apply the last other admin went.
    assert LAST in site.do("apply", 2)
    assert site.there(one) is not None


def test_a_role_that_carries_the_last_binding_stays(site: Site) -> None:
    """Its deletion takes the right away as well; one that is as wide and bound to nobody goes."""
    wide, other = role(site, WIDE), role(site, WIDE)
    site.bound(name(), [user("alice")], role=wide)
    assert LAST in site.refused("kube.delete-clusterrole", wide)
    site.plan("kube.delete-clusterrole", other)
    site.bound(name(), [user("alice")], role=other)
    site.plan("kube.delete-clusterrole", wide)
    site.do("apply")
    assert LAST in site.refused("kube.delete-clusterrole", other)


@pytest.mark.parametrize(
    "rules",
    [
        [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get"]}],
        [{"apiGroups": [""], "resources": ["*"], "verbs": ["*"]}],
        [{"apiGroups": ["*"], "resources": ["pods"], "verbs": ["*"]}],
        [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"], "resourceNames": ["one"]}],
        [{"nonResourceURLs": ["*"], "verbs": ["*"]}],
    ],
)
def test_less_than_everything_is_no_admin(site: Site, rules: list[dict[str, Any]]) -> None:
    """Who has it does not count for somebody left, and may be the last who has it."""
    site.bound(name(), [user("alice")], role="cluster-admin")
    site.bound(name(), [user("bob")], role=role(site, rules))
    assert LAST in site.refused("kube.suspend-actor", "alice")
    assert len(site.plan("kube.suspend-actor", "bob")["calls"]) == 1


def test_a_namespace_is_not_the_cluster(site: Site) -> None:
    """A RoleBinding of cluster-admin holds in its namespace alone."""
    site.bound(name(), [user("alice")], role="cluster-admin")
    site.bound(name(), [user("bob")], role="cluster-admin", namespace=site.namespace())
    assert LAST in site.refused("kube.suspend-actor", "alice")
    site.plan("kube.suspend-actor", "bob")


def test_a_group_that_is_left_is_said(site: Site) -> None:
    """Who is in it cannot be told, so it is for the person to know; a person beside it is enough."""
    site.bound(name(), [user("alice"), group("oidc:admins")], role="cluster-admin")
    said = "only a group may do everything then, and who is in it cannot be told: Group oidc:admins"
    assert said in site.plan("kube.suspend-actor", "alice")["breaks"]
    assert said not in site.plan("kube.suspend-actor", "oidc:admins", "kind=group")["breaks"]
    site.do("apply")
    assert LAST in site.refused("kube.suspend-actor", "alice")


def test_somebody_may_say_that_masters_are_there(site: Site) -> None:
    """Who is in system:masters is written in certificates, which nobody can list: a person says it, on record."""
    path = site.bound(name(), [user("mallory")], role=role(site, WIDE))
    assert "masters=yes" in site.refused("kube.suspend-actor", "mallory")
    plan = site.plan("kube.suspend-actor", "mallory", "masters=yes")
    assert any("system:masters is left" in one for one in plan["breaks"])
    site.do("apply")
    assert site.there(path) is None
    assert "masters=yes" in site.acted().target


@pytest.mark.parametrize("subject", [account("ops", "robot"), user("system:anonymous"), group("system:authenticated")])
def test_whoever_is_nobody_is_not_the_last(site: Site, subject: dict[str, str]) -> None:
    """An account, or the whole world, with every right is what an attacker leaves; it goes, though nobody has it else."""
    called = role(site, WIDE)
    path = site.bound(name(), [subject], role=called)
    site.plan("kube.delete-clusterrole", called)
    site.plan("kube.delete-binding", path.rpartition("/")[2])
    site.do("apply")
    assert site.there(path) is None


def test_an_account_with_every_right_is_suspended(site: Site) -> None:
    """Though no person is bound to as much."""
    path = site.bound(name(), [account("ops", "robot")], role="cluster-admin")
    site.plan("kube.suspend-actor", "system:serviceaccount:ops:robot")
    site.do("apply")
    assert site.there(path) is None


SELECTORS: list[tuple[dict[str, Any], bool]] = [
    ({"matchLabels": {"to": "wide"}}, True),
    ({"matchLabels": {"to": "wide", "and": "more"}}, False),
    ({"matchExpressions": [{"key": "to", "operator": "In", "values": ["wide", "x"]}]}, True),
    ({"matchExpressions": [{"key": "to", "operator": "NotIn", "values": ["wide"]}]}, False),
    ({"matchExpressions": [{"key": "none", "operator": "NotIn", "values": ["wide"]}]}, True),
    ({"matchExpressions": [{"key": "to", "operator": "Exists"}]}, True),
    ({"matchExpressions": [{"key": "to", "operator": "DoesNotExist"}]}, False),
    ({}, True),
]


@pytest.mark.parametrize(("selector", "chosen"), SELECTORS)
def test_an_aggregated_role_falls_with_its_part(selector: dict[str, Any], *, chosen: bool) -> None:
    """Where another part that its selector chooses is as wide, it stays as wide."""
    roles: dict[str, Any] = {
        "part": {"metadata": {"name": "part", "labels": {"to": "wide"}}, "rules": WIDE},
        "other": {"metadata": {"name": "other", "labels": {"to": "wide"}}, "rules": WIDE},
        "whole": {
            "metadata": {"name": "whole"},
            "rules": WIDE,
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"none": "chosen"}}, selector]},
        },
    }
    bound = [("whole", [user("alice")])]
    assert admins(bound, roles) == {"User alice"}
    assert admins(bound, roles, "part") == ({"User alice"} if chosen else set())
    roles["other"]["rules"] = []
    assert admins(bound, roles, "part") == set()


@given(st.dictionaries(st.sampled_from("abcd"), st.sampled_from("abcd"), min_size=1), st.sampled_from("abcd"))
def test_roles_that_choose_each_other_come_to_an_end(chooses: dict[str, str], gone: str) -> None:
    """However they are written, what they hold is told; alone they give each other nothing."""
    roles = {
        one: {
            "metadata": {"name": one, "labels": {"is": one}},
            "rules": WIDE,
            "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"is": other}}]},
        }
        for one, other in chooses.items()
    }
    bound = [(one, [user("alice")]) for one in roles]
    assert admins(bound, roles) == {"User alice"}
    assert admins(bound, roles, gone) == set()
