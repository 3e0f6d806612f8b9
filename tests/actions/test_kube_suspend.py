"""kube.suspend-actor on a real API server."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
from lab.process import until

from tests.actions.action_site import CORE, RBAC, Site, account, user


def name() -> str:
    """A fresh one."""
    return f"b{secrets.token_hex(4)}"


def test_an_actor_loses_its_rights_and_gets_them_back(site: Site) -> None:
    """A binding of its own is deleted, one with others keeps the others; undo brings both back as they were."""
    token = site.server.tokens["alice"]
    own, shared = site.bound(name(), [user("alice")]), site.bound(name(), [user("alice"), user("bob")])
    namespace = site.namespace()
    inside = site.bound(name(), [user("bob"), user("alice")], namespace=namespace)
    before = {path: site.there(path) for path in (own, shared, inside)}
    until(lambda: site.may(token), "alice may list pods")
    plan = site.plan("kube.suspend-actor", "alice")
    assert {(one["method"], one["path"]) for one in plan["calls"]} == {
        ("DELETE", own),
        ("PATCH", shared),
        ("PATCH", inside),
    }
    assert all(one["command"].startswith("kubectl ") for one in plan["calls"])
    assert all(site.there(path) == found for path, found in before.items()), "a plan changes nothing"
    assert False in site.holds()
    site.do("apply")
    until(lambda: not site.may(token), "alice may not list pods")
    assert site.holds() == [True] * 4
    assert site.there(own) is None
    assert site.there(shared)["subjects"] == [user("bob")] == site.there(inside)["subjects"]
    assert (site.acted().state, site.acted().applied_by) == ("applied", "ann")
    site.do("undo")
    until(lambda: site.may(token), "alice may list pods again")
    for path, found in before.items():
        now = site.there(path)
        assert now["roleRef"] == found["roleRef"]
        assert sorted(one["name"] for one in now["subjects"]) == sorted(one["name"] for one in found["subjects"])
    assert site.acted().state == "undone"
    assert {one.state for one in site.steps()} == {"done"}
    site.do("undo", 2)


def test_a_service_account_is_found_under_both_of_its_names(site: Site) -> None:
    """A binding may name it as a ServiceAccount, without its namespace in its own, or as a User."""
    namespace = site.namespace()
    token = site.server.account(namespace, "ci")
    full = f"system:serviceaccount:{namespace}:ci"
    paths = [
        site.bound(name(), [account(namespace, "ci")]),
        site.bound(name(), [user(full)], namespace=namespace),
        site.bound(name(), [account(namespace, "ci"), user(full), user("carol")]),
    ]
    other = site.bound(name(), [account(namespace, "cd")])
    until(lambda: site.may(token), "it may list pods")
    plan = site.plan("kube.suspend-actor", full)
    assert {one["path"] for one in plan["calls"]} == set(paths)
    site.do("apply")
    until(lambda: not site.may(token), "it may not any more")
    assert all(site.holds())
    assert site.there(paths[2])["subjects"] == [user("carol")]
    assert site.there(other)["subjects"] == [account(namespace, "cd")]
    site.do("undo")
    assert len(site.there(paths[2])["subjects"]) == 3


def test_what_it_may_do_by_its_groups_is_named(site: Site) -> None:
    """Nobody is taken out of a group by this; the plan says which bindings remain."""
    binding = name()
    site.bound(binding, [{"kind": "Group", "apiGroup": user("x")["apiGroup"], "name": "devs"}])
    assert any(binding in one for one in site.plan("kube.suspend-actor", "bob", "groups=devs")["remains"])
    assert any("user.groups" in one for one in site.plan("kube.suspend-actor", "bob")["remains"])


@pytest.mark.parametrize(
    "actor",
    [
        "system:anonymous",
        "system:kube-controller-manager",
        "system:node:k8s-node1",
        "system:masters",
        "system:serviceaccount:kube-system:generic-garbage-collector",
        "root-admin",
        "*",
        "dev?",
        "system:serviceaccount:*:ci",
        "",
        " ",
        "system:serviceaccount:web",
        "system:serviceaccount:we b:ci",
    ],
)
def test_whom_nobody_suspends(site: Site, actor: str) -> None:
    """The system's own, vedette's own, nobody, and more than one; nothing is kept of it."""
    assert "refused" in site.refused("kube.suspend-actor", actor)
    assert site.run("list", "-o", "json")[1].count('"id"') == 0


def test_a_plan_goes_stale(site: Site) -> None:
    """A binding that is new, changed or gone since the plan was made; nothing is done then."""
    path = site.bound(name(), [user("stale-one"), user("bob")])
    label = {"metadata": {"labels": {"a": "b"}}}
    changes: list[Callable[[], object]] = [
        lambda: site.bound(name(), [user("stale-one")]),
        lambda: site.server.call("PATCH", path, label, content="application/merge-patch+json"),
        lambda: site.server.call("DELETE", path),
    ]
    for change in changes:
        site.plan("kube.suspend-actor", "stale-one")
        change()
        assert "the plan is stale" in site.do("apply", 2)
        assert not site.steps()
        assert site.acted().state == "planned"


def test_a_role_is_not_handed_to_anybody_by_an_undo(site: Site) -> None:
    """Somebody made the binding anew with another role: the actor is not put into it, and that is said."""
    binding = name()
    path = site.bound(binding, [user("dave"), user("bob")])
    own = site.bound(name(), [user("dave")])
    site.plan("kube.suspend-actor", "dave")
    site.do("apply")
    site.server.call("DELETE", path)
    site.bound(binding, [user("bob")], role="cluster-admin")
    site.bound(own.rpartition("/")[2], [user("erin")])
    said = site.do("undo", 1)
    assert "binds another role now" in said
    assert "made anew by somebody" in said
    assert site.there(path)["subjects"] == [user("bob")]
    assert site.there(own)["subjects"] == [user("erin")]
    assert site.there(f"{RBAC}/clusterroles/view") is not None
    assert site.there(f"{CORE}/namespaces/default") is not None
    for one in (path, own):
        site.server.call("DELETE", one)
