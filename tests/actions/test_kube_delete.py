"""kube.delete-clusterrole and kube.delete-binding on a real API server."""

from __future__ import annotations

import secrets
from urllib.parse import quote, unquote

import pytest

from tests.actions.action_site import RBAC, Site, user

RULES = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]


def name() -> str:
    """A fresh one; RBAC's names may hold a colon and capitals."""
    return f"Evil:{secrets.token_hex(4)}"


def role(site: Site, called: str) -> str:
    """A ClusterRole with everything; its path."""
    site.made(f"{RBAC}/clusterroles", {"metadata": {"name": called, "labels": {"a": "b"}}, "rules": RULES})
    return f"{RBAC}/clusterroles/{called}"


def test_a_role_goes_and_comes_back(site: Site) -> None:
    """With its labels and rules; who is bound to it is named."""
    called = name()
    path, binding = role(site, called), site.bound(name(), [user("mallory")], role=called)
    site.bound(name(), [user("bob")], role="cluster-admin")
    plan = site.plan("kube.delete-clusterrole", called)
    assert any("User mallory" in one for one in plan["breaks"])
    site.do("apply")
    assert site.there(path) is None
    assert site.holds() == [True]
    site.do("undo")
    found = site.there(path)
    assert (found["rules"], found["metadata"]["labels"]) == (RULES, {"a": "b"})
    assert site.holds() == [False]
    assert site.there(binding) is not None


@pytest.mark.parametrize("inside", [True, False])
def test_a_binding_goes_and_comes_back(site: Site, *, inside: bool) -> None:
    """Of the cluster, and of a namespace."""
    namespace = site.namespace() if inside else ""
    called = name()
    subjects = [user("system:anonymous"), user("bob")]
    path = site.bound(called, subjects, namespace=namespace)
    site.plan("kube.delete-binding", called, *([f"namespace={namespace}"] if inside else []))
    site.do("apply")
    assert site.there(path) is None
    assert site.holds() == [True]
    site.do("undo")
    assert site.there(path)["subjects"] == subjects


def test_what_somebody_made_anew_is_left_to_them(site: Site) -> None:
    """Undo says so; where it is as it was, there is nothing to do."""
    called = name()
    path = role(site, called)
    site.plan("kube.delete-clusterrole", called)
    site.do("apply")
    site.made(f"{RBAC}/clusterroles", {"metadata": {"name": called}, "rules": []})
    assert "made anew by somebody, other than it was" in site.do("undo", 1)
    assert not site.there(path)["rules"]
    site.server.call("DELETE", path)
    role(site, called)
    site.plan("kube.delete-clusterrole", called)
    site.do("apply")
    role(site, called)
    site.do("undo")
    assert [one.turn for one in site.steps()] == [0]


def test_what_is_gone_or_changed_is_not_deleted(site: Site) -> None:
    """Gone between plan and apply, or made anew under the same name."""
    called = name()
    path = role(site, called)
    site.plan("kube.delete-clusterrole", called)
    site.server.call("DELETE", path)
    assert "there is no ClusterRole" in site.do("apply", 2)
    role(site, called)
    assert "stale" in site.do("apply", 2)
    assert site.there(path) is not None


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("clusterrole", ["cluster-admin"]),
        ("clusterrole", ["system:node"]),
        ("clusterrole", ["view"]),
        ("clusterrole", [""]),
        ("clusterrole", ["*"]),
        ("clusterrole", [".."]),
        ("clusterrole", ["a/b"]),
        ("clusterrole", ["not-there"]),
        ("clusterrole", ["a", "b"]),
        ("clusterrole", ["name=a", "name=b"]),
        ("clusterrole", ["clusterroles/"]),
        ("clusterrole", ["clusterroles/cluster-admin"]),
        ("clusterrole", ["web/roles/a"]),
        ("clusterrole", ["clusterroles/../secrets/a"]),
        ("clusterrole", ["/a"]),
        ("binding", ["system:basic-user"]),
        ("binding", ["cluster-admin"]),
        ("binding", ["system:controller:token-cleaner", "namespace=kube-system"]),
        ("binding", ["x", "namespace=kube system"]),
        ("binding", ["x", "namespace=../.."]),
        ("binding", ["clusterrolebindings/"]),
        ("binding", ["clusterrolebindings/cluster-admin"]),
        ("binding", ["clusterrolebindings/x", "namespace=web"]),
        ("binding", ["web/rolebindings/x", "namespace=other"]),
        ("binding", ["rolebindings/x"]),
        ("binding", ["/rolebindings/x"]),
        ("binding", ["../rolebindings/x"]),
        ("binding", ["web/roles/x"]),
        ("binding", ["a/b/rolebindings/x"]),
    ],
)
def test_what_nobody_deletes(site: Site, kind: str, words: list[str]) -> None:
    """What came with Kubernetes, what may be many, what is no name, and what is not there."""
    assert "refused" in site.refused(f"kube.delete-{kind}", *words)


def test_what_lets_vedette_act_is_kept(site: Site) -> None:
    """Its own binding, and the role that it gives."""
    site.token = site.server.tokens["carol"]
    called, bound = name(), name()
    own = site.made(f"{RBAC}/clusterroles", {"metadata": {"name": called}, "rules": RULES})
    path = site.bound(bound, [user("carol")], role=called)
    assert "own account" in site.refused("kube.delete-binding", bound)
    assert "own account" in site.refused("kube.delete-clusterrole", called)
    group = site.bound(name(), [{"kind": "Group", "apiGroup": user("x")["apiGroup"], "name": "devs"}])
    assert "own account" in site.refused("kube.delete-binding", group.rpartition("/")[2])
    assert "own account" in site.refused("kube.suspend-actor", "carol")
    assert "own account" in site.refused("kube.suspend-actor", "devs", "kind=group")
    for one in (path, group, f"{RBAC}/clusterroles/{own['metadata']['name']}"):
        assert site.server.call("DELETE", one)[0] == 200


def test_a_binding_for_everybody_can_be_deleted(site: Site) -> None:
    """vedette's own account is among everybody, and does not live by it."""
    called = name()
    group = {"kind": "Group", "apiGroup": user("x")["apiGroup"], "name": "system:authenticated"}
    path = site.bound(called, [group], role="cluster-admin")
    site.plan("kube.delete-binding", called)
    site.do("apply")
    assert site.there(path) is None


def test_a_label_saves_no_evil_binding(site: Site) -> None:
    """Whoever may write a binding may write Kubernetes' own label into it."""
    called = name()
    path = site.bound(called, [user("mallory")])
    label = {"metadata": {"labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}}
    assert site.server.call("PATCH", path, label, content="application/merge-patch+json")[0] == 200
    site.plan("kube.delete-binding", called)
    site.do("apply")
    assert site.there(path) is None


HOSTILE = ["--all", "a=b", "name=c", "a b", "a'b", "$(id)", "a:b", "Ä\u202e", "x\x1b[2J", "a\nb", "a?b"]
"""What the API server takes for names of RBAC; of these, the last may be many to an action."""


@pytest.mark.parametrize("called", HOSTILE)
def test_a_hostile_name_is_that_object_and_no_other(site: Site, called: str) -> None:
    """Of a role and of a binding, by name and by the alert's object: deleted, made again, shown escaped."""
    called = f"{called}{secrets.token_hex(4)}"
    quoted = quote(called, safe="")
    site.made(f"{RBAC}/clusterroles", {"metadata": {"name": called}, "rules": RULES[:0]})
    site.bound(called, [user("mallory")])
    namespace = site.namespace()
    site.bound(called, [user("mallory")], namespace=namespace)
    for words, path in (
        (["kube.delete-clusterrole", f"name={called}"], f"{RBAC}/clusterroles/{quoted}"),
        (["kube.delete-clusterrole", f"clusterroles/{called}"], f"{RBAC}/clusterroles/{quoted}"),
        (["kube.delete-clusterrole", f"ClusterRole/{called}"], f"{RBAC}/clusterroles/{quoted}"),
        (["kube.delete-binding", f"clusterrolebindings/{called}"], f"{RBAC}/clusterrolebindings/{quoted}"),
        (["kube.delete-binding", f"ClusterRoleBinding//{called}"], f"{RBAC}/clusterrolebindings/{quoted}"),
        (
            ["kube.delete-binding", f"{namespace}/rolebindings/{called}"],
            f"{RBAC}/namespaces/{namespace}/rolebindings/{quoted}",
        ),
        (
            ["kube.delete-binding", f"name=RoleBinding/{namespace}/{called}"],
            f"{RBAC}/namespaces/{namespace}/rolebindings/{quoted}",
        ),
    ):
        if "?" in called:
            assert "may be many" in site.refused(*words)
            continue
        plan = site.plan(*words)
        assert [one["path"] for one in plan["calls"]] == [path]
        site.do("apply")
        assert site.there(path) is None
        site.do("undo")
        assert site.there(path)["metadata"]["name"] == called
        shown = site.run("show", site.last)[1]
        assert not set(shown) & set("\x1b\u202e")


def test_the_same_binding_by_object_and_namespace(site: Site) -> None:
    """What is said twice may be said, where it is the same."""
    namespace, called = site.namespace(), name()
    path = site.bound(called, [user("mallory")], namespace=namespace)
    for word in (called, f"rolebindings/{called}", f"{namespace}/rolebindings/{called}"):
        plan = site.plan("kube.delete-binding", word, f"namespace={namespace}")
        assert [unquote(one["path"]) for one in plan["calls"]] == [path]
