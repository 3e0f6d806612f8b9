"""What can go wrong half-way, for each action on Kubernetes: a no, a lost answer, gone since, somebody else at once.

`test_half_way.py` has what is the same for all: kill -9, two at once, an answer that cannot be looked for.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from lab.process import until

from tests.actions.action_site import CORE, RBAC, Site, user
from tests.actions.relay import Relay, broken
from tests.actions.rights import granted
from tests.actions.test_kube_secrets import keep, line
from vedette.actions.kube_rights import manifest

MERGE = "application/merge-patch+json"
_VERBS = {"DELETE": "delete", "PATCH": "patch", "POST": "create"}
LABEL = {"metadata": {"labels": {"by": "somebody"}}}


@dataclass(frozen=True)
class Scene:
    """What an action is planned on."""

    words: list[str]
    path: str
    """Of what its first call changes."""


def fresh() -> str:
    """A name."""
    return f"f{secrets.token_hex(4)}"


def suspended(site: Site) -> Scene:
    """An actor in a binding with others."""
    actor = fresh()
    return Scene(["kube.suspend-actor", actor], site.bound(fresh(), [user(actor), user("bob")]))


def unbound(site: Site) -> Scene:
    """An actor with a binding of its own."""
    actor = fresh()
    return Scene(["kube.suspend-actor", actor], site.bound(fresh(), [user(actor)]))


def role(site: Site) -> Scene:
    """A ClusterRole."""
    name = fresh()
    site.made(f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": []})
    return Scene(["kube.delete-clusterrole", name], f"{RBAC}/clusterroles/{name}")


def binding(site: Site) -> Scene:
    """A ClusterRoleBinding."""
    name = fresh()
    return Scene(["kube.delete-binding", name], site.bound(name, [user("bob")]))


def inner_binding(site: Site) -> Scene:
    """A RoleBinding."""
    name, namespace = fresh(), site.namespace()
    path = site.bound(name, [user("bob")], namespace=namespace)
    return Scene(["kube.delete-binding", f"{namespace}/rolebindings/{name}"], path)


def _account(site: Site) -> str:
    namespace = site.namespace()
    site.made(f"{CORE}/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "app", "labels": {"a": "b"}}})
    return namespace


def pod(site: Site) -> Scene:
    """A pod that holds a token."""
    namespace = _account(site)
    site.pod(namespace, "one", "app")
    return Scene(["kube.rotate-token", f"{namespace}/app", "pod=one"], f"{CORE}/namespaces/{namespace}/pods/one")


def _secret(site: Site, namespace: str) -> str:
    path = f"{CORE}/namespaces/{namespace}/secrets"
    metadata = {"name": "token", "annotations": {"kubernetes.io/service-account.name": "app"}}
    site.made(path, {"metadata": metadata, "type": "kubernetes.io/service-account-token"})
    return f"{path}/token"


def legacy(site: Site) -> Scene:
    """A Secret with a token."""
    namespace = _account(site)
    return Scene(["kube.rotate-token", f"{namespace}/app", "how=legacy"], _secret(site, namespace))


def account(site: Site) -> Scene:
    """An account that is made anew."""
    namespace = _account(site)
    path = f"{CORE}/namespaces/{namespace}/serviceaccounts/app"
    return Scene(["kube.rotate-token", f"{namespace}/app"], path)


def _alone(site: Site, *, cordoned: bool) -> str:
    """The only node there is."""
    for one in site.there(f"{CORE}/nodes")["items"]:
        site.server.call("DELETE", f"{CORE}/nodes/{one['metadata']['name']}")
    name = fresh()
    site.made(f"{CORE}/nodes", {"metadata": {"name": name}, "spec": {"unschedulable": cordoned}})
    return name


def nodes(site: Site) -> Scene:
    """A node to cordon."""
    return Scene(["kube.cordon-all"], f"{CORE}/nodes/{_alone(site, cordoned=False)}")


def cordoned(site: Site) -> Scene:
    """A node to uncordon."""
    name = _alone(site, cordoned=True)
    return Scene(["kube.uncordon", name], f"{CORE}/nodes/{name}")


Make = Callable[[Site], Scene]
ALL: list[Make] = [suspended, unbound, role, binding, inner_binding, pod, legacy, account, nodes, cordoned]
DELETING: list[Make] = [unbound, role, binding, inner_binding, pod, legacy, account]


@pytest.fixture
def relay(site: Site) -> Iterator[Relay]:
    """Before the server, in the settings."""
    with Relay(site.server) as relay:
        site.via = relay.address
        yield relay


def anew(site: Site, path: str) -> None:
    """Delete an object, and make another of its name that looks the same."""
    found = site.there(path)
    assert site.server.call("DELETE", path)[0] == 200
    until(lambda: site.there(path) is None, "it is gone")
    metadata = {key: found["metadata"][key] for key in ("name", "labels", "annotations") if key in found["metadata"]}
    again = {key: value for key, value in found.items() if key not in ("metadata", "status")}
    site.made(path.rpartition("/")[0], again | {"metadata": metadata})


@pytest.mark.parametrize("make", ALL)
def test_a_no_half_way(site: Site, relay: Relay, make: Make) -> None:
    """403 at each of its calls: it stops there and names the right; with the right back it goes on to its end."""
    scene = make(site)
    name = site.namespace()
    site.token = granted(site, name, manifest([scene.words[0]]))
    plan = site.plan(*scene.words)
    own = f"{RBAC}/clusterroles/{name}"
    rules = site.there(own)["rules"]
    for number, call in enumerate(plan["calls"]):
        verb = _VERBS[call["method"]]
        resource = call["path"].split("/")[-1 if verb == "create" else -2]
        less = [_without(one, verb) if one["resources"] == [resource] else one for one in rules]
        # At the next change: this call, or the one before it, which was refused and is sent again first.
        relay.before[relay.changes + 1] = partial(
            _grant, site, own, [one for one in less if one["verbs"]], verb, resource
        )
        said = site.do("apply", 1)
        assert "HTTP 403" in said
        assert f"grant `{verb}` on {resource}" in said
        assert [one.state for one in site.steps()] == ["done"] * number + ["failed"]
        assert site.acted().state == "stopped"
        _grant(site, own, rules, verb, resource)
    site.do("apply")
    assert all(one.state == "done" for one in site.steps())
    assert all(site.holds())


def _without(rule: dict[str, Any], verb: str) -> dict[str, Any]:
    return rule | {"verbs": [one for one in rule["verbs"] if one != verb]}


def _grant(site: Site, role: str, rules: list[dict[str, Any]], verb: str, resource: str) -> None:
    """Give a role these rules, and wait until the API server goes by them."""
    has = any(verb in one["verbs"] and resource in one["resources"] for one in rules)
    assert site.server.call("PATCH", role, {"rules": rules}, content=MERGE)[0] == 200
    until(lambda: _may(site, verb, resource) is has, "the API server has noticed")


def _may(site: Site, verb: str, resource: str) -> bool:
    group = "rbac.authorization.k8s.io" if resource.startswith(("cluster", "role")) else ""
    spec = {"resourceAttributes": {"verb": verb, "resource": resource, "group": group}}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    return bool(site.server.call("POST", path, body, token=site.token)[1]["status"]["allowed"])


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("make", ALL)
def test_the_server_is_away_half_way(site: Site, relay: Relay, make: Make, *, arrives: bool) -> None:
    """The connection breaks off at each of its calls, before or behind it: the next apply looks, and does no call
    twice."""
    scene = make(site)
    number = len(site.plan(*scene.words)["calls"])
    for at in range(number):
        # What did not arrive is sent again before the next.
        number_of = relay.changes + (2 if at and not arrives else 1)
        (relay.after if arrives else relay.before)[number_of] = broken
        assert "nobody knows whether that was done" in site.do("apply", 1)
        assert [one.state for one in site.steps()] == ["done"] * at + ["unknown"]
    site.do("apply")
    assert [one.state for one in site.steps()] == ["done"] * number
    assert relay.changes == (number if arrives else 2 * number)
    assert all(site.holds())


@pytest.mark.parametrize("make", ALL)
def test_the_server_is_away(site: Site, make: Make) -> None:
    """No plan is made, and the answer says what to do; of one that is there nobody can tell whether it is so."""
    scene = make(site)
    site.plan(*scene.words)
    site.via = "http://127.0.0.1:9"
    said = site.refused(*scene.words)
    assert "cannot look" in said
    assert "see whether the API server is up" in said
    assert not site.steps()


@pytest.mark.parametrize("make", [suspended, *DELETING])
def test_gone_in_the_instant_before(site: Site, relay: Relay, make: Make) -> None:
    """What is to go is gone between the last look and the call: that is so already."""
    scene = make(site)
    site.plan(*scene.words)
    relay.before[1] = lambda: site.server.call("DELETE", scene.path)
    assert "so already" in site.do("apply")
    assert all(site.holds())


@pytest.mark.parametrize("make", [nodes, cordoned])
def test_a_node_gone_in_the_instant_before(site: Site, relay: Relay, make: Make) -> None:
    """A node that is gone is neither cordoned nor not: it stops, and a new plan is to be made."""
    scene = make(site)
    site.plan(*scene.words)
    relay.before[1] = lambda: site.server.call("DELETE", scene.path)
    said = site.do("apply", 1)
    assert "gone since" in said
    assert "make a new plan" in said
    assert [one.state for one in site.steps()] == ["failed"]


@pytest.mark.parametrize("make", [suspended, unbound, role, binding, inner_binding])
def test_changed_in_the_instant_before(site: Site, relay: Relay, make: Make) -> None:
    """Somebody writes a role or binding between the last look and the call: the server refuses, theirs is not lost."""
    scene = make(site)
    site.plan(*scene.words)
    relay.before[1] = lambda: site.server.call("PATCH", scene.path, LABEL, content=MERGE)
    said = site.do("apply", 1)
    assert "changed or made anew by somebody since" in said
    assert "make a new plan" in said
    assert site.there(scene.path)["metadata"]["labels"] == {"by": "somebody"}
    site.plan(*scene.words)
    site.do("apply")
    assert all(site.holds())


@pytest.mark.parametrize("make", [unbound, role, binding, inner_binding])
def test_a_right_made_anew_in_the_instant_before(site: Site, relay: Relay, make: Make) -> None:
    """A role or binding of that name that is there again gives the right again: that is not done, and said."""
    scene = make(site)
    site.plan(*scene.words)
    relay.before[1] = lambda: anew(site, scene.path)
    assert "make a new plan" in site.do("apply", 1)
    assert site.there(scene.path) is not None
    assert not all(site.holds())


@pytest.mark.parametrize("make", [pod, legacy])
def test_a_holder_made_anew_in_the_instant_before(site: Site, relay: Relay, make: Make) -> None:
    """The token died with the first pod or Secret: one of the same name that somebody made is left alone."""
    scene = make(site)
    site.plan(*scene.words)
    relay.before[1] = lambda: anew(site, scene.path)
    assert "so already" in site.do("apply")
    assert site.there(scene.path) is not None
    assert all(site.holds())


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("at", [1, 2])
def test_an_account_made_anew_at_once(site: Site, relay: Relay, *, at: int, same: bool) -> None:
    """By somebody else, before ours goes or before ours is made: as it was, that will do; otherwise it is theirs."""
    scene = account(site)
    plan = site.plan(*scene.words)
    assert len(plan["calls"]) == 2
    label = "b" if same else "other"

    def made() -> None:
        if at == 1:
            site.server.call("DELETE", scene.path)
        site.made(scene.path.rpartition("/")[0], {"metadata": {"name": "app", "labels": {"a": label}}})

    relay.before[at] = made
    said = site.do("apply", 0 if same else 1)
    assert ("so already" if same else "make a new plan") in said
    assert site.there(scene.path)["metadata"]["labels"] == {"a": label}
    assert site.holds()[0] is True, "the tokens of the first are dead"


@pytest.mark.parametrize(("make", "wanted"), [(nodes, True), (cordoned, False)])
def test_a_node_cordoned_by_somebody_at_once(site: Site, relay: Relay, make: Make, *, wanted: bool) -> None:
    """The same twice is the same."""
    scene = make(site)
    site.plan(*scene.words)
    body = {"spec": {"unschedulable": wanted}}
    relay.before[1] = lambda: site.server.call("PATCH", scene.path, body, content=MERGE)
    site.do("apply")
    assert site.holds() == [True]


def test_secrets_read_without_the_right(site: Site) -> None:
    """403 for the pods: the evidence is told all the same, with the right that is missing."""
    keep(site, line("dev", "get", "vault", "unseal"))
    namespace = site.namespace()
    site.token = granted(site, namespace, manifest(["kube.cordon-all"]))
    (found,) = site.plan("kube.secrets-read", "dev")["found"]
    assert "cannot tell" in found["used by"]
    assert "HTTP 403" in found["used by"]
