"""kube.rotate-token on a real API server: the stolen token is refused afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from lab.process import until

from tests.actions.action_site import CORE, Site


def account(site: Site) -> tuple[str, str]:
    """A namespace, and the path of a service account `app` in it."""
    namespace = site.namespace()
    body = {"metadata": {"name": "app", "labels": {"team": "web"}}, "imagePullSecrets": [{"name": "registry"}]}
    site.made(f"{CORE}/namespaces/{namespace}/serviceaccounts", body)
    return namespace, f"{CORE}/namespaces/{namespace}/serviceaccounts/app"


def token(site: Site, path: str, pod: dict[str, Any] | None = None) -> str:
    """One, bound to a pod where one is given."""
    spec: dict[str, Any] = {"expirationSeconds": 3600}
    if pod is not None:
        spec["boundObjectRef"] = {
            "kind": "Pod",
            "apiVersion": "v1",
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        }
    return str(site.made(f"{path}/token", {"spec": spec})["status"]["token"])


def good(site: Site, stolen: str) -> bool:
    """Whether the API server takes it for somebody."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    return site.server.call("POST", path, body, token=stolen)[0] == 201


def owner(site: Site, namespace: str) -> dict[str, Any]:
    """A controller that a pod may name."""
    path = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
    labels = {"app": "x"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "registry.invalid/a"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    found = site.made(path, {"metadata": {"name": "web-1"}, "spec": spec})
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "controller": True}
    return reference | {"uid": found["metadata"]["uid"]}


def test_a_bound_token_dies_with_its_pod(site: Site) -> None:
    """The pod is deleted, another of the account keeps its token."""
    namespace, path = account(site)
    pods = [
        site.pod(namespace, name, "app", owner(site, namespace) if name == "one" else None) for name in ("one", "two")
    ]
    stolen, other = (token(site, path, pod) for pod in pods)
    assert good(site, stolen)
    plan = site.plan("kube.rotate-token", f"{namespace}/app", "pod=one", f"pod-uid={pods[0]['metadata']['uid']}")
    assert plan["breaks"] == [f"Pod {namespace}/one restarts, by ReplicaSet web-1"]
    assert [one["method"] for one in plan["calls"]] == ["DELETE"]
    site.do("apply")
    until(lambda: not good(site, stolen), "the stolen token is refused")
    assert good(site, other)
    assert site.holds() == [True]
    site.do("undo")
    assert site.there(f"{CORE}/namespaces/{namespace}/pods/one") is None


def test_a_pod_of_the_same_name_made_since_is_left_alone(site: Site) -> None:
    """As a StatefulSet's are: the token died with the first."""
    namespace, path = account(site)
    first = site.pod(namespace, "db-0", "app")
    site.plan("kube.rotate-token", f"{namespace}/app", "pod=db-0")
    site.server.call("DELETE", f"{CORE}/namespaces/{namespace}/pods/db-0")
    assert site.plan("kube.rotate-token", f"{namespace}/app", "pod=db-0")["calls"] == []
    site.pod(namespace, "db-0", "app")
    words = ("kube.rotate-token", f"{namespace}/app", "pod=db-0", f"pod-uid={first['metadata']['uid']}")
    assert site.plan(*words)["calls"] == []
    site.do("apply")
    assert site.there(path) is not None
    assert site.there(f"{CORE}/namespaces/{namespace}/pods/db-0") is not None


def test_an_account_made_anew_kills_every_token(site: Site) -> None:
    """Whether bound or not; labels and pull secrets stay, its controlled pods are deleted, a bare one is named."""
    namespace, path = account(site)
    controlled = site.pod(namespace, "web", "app", owner(site, namespace))
    bare = site.pod(namespace, "bare", "app")
    legacy = {"name": "app-token", "annotations": {"kubernetes.io/service-account.name": "app"}}
    secret = f"{CORE}/namespaces/{namespace}/secrets"
    site.made(secret, {"metadata": legacy, "type": "kubernetes.io/service-account-token"})
    site.made(secret, {"metadata": {"name": "registry"}, "stringData": {"a": "b"}})
    stolen = [token(site, path), token(site, path, controlled), token(site, path, bare)]
    assert all(good(site, one) for one in stolen)
    before = site.there(path)
    plan = site.plan("kube.rotate-token", f"system:serviceaccount:{namespace}:app")
    assert f"Pod {namespace}/bare: nothing starts it again, and its token is dead" in plan["breaks"]
    assert [one["method"] for one in plan["calls"]] == ["DELETE", "DELETE", "POST", "DELETE"]
    site.do("apply")
    until(lambda: not any(good(site, one) for one in stolen), "all of its tokens are refused")
    assert all(site.holds())
    now = site.there(path)
    assert now["metadata"]["uid"] != before["metadata"]["uid"]
    assert (now["metadata"]["labels"], now["imagePullSecrets"]) == ({"team": "web"}, [{"name": "registry"}])
    assert good(site, token(site, path))
    assert site.there(f"{secret}/app-token") is None
    assert site.there(f"{secret}/registry") is not None
    assert site.there(f"{CORE}/namespaces/{namespace}/pods/bare") is not None
    site.do("undo")
    assert site.there(path)["metadata"]["uid"] == now["metadata"]["uid"]


def test_token_secrets_alone(site: Site) -> None:
    """Other Secrets, and another account's, stay; no Secret's data is in the plan."""
    namespace, path = account(site)
    secret = f"{CORE}/namespaces/{namespace}/secrets"
    for name, of in (("mine", "app"), ("theirs", "other")):
        metadata = {"name": name, "annotations": {"kubernetes.io/service-account.name": of}}
        if of == "other":
            site.made(f"{CORE}/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": of}})
        site.made(
            secret,
            {"metadata": metadata, "type": "kubernetes.io/service-account-token", "stringData": {"token": "hush-hush"}},
        )
    plan = site.plan("kube.rotate-token", f"{namespace}/app", "how=legacy")
    assert [one["path"] for one in plan["calls"]] == [f"{secret}/mine"]
    assert "hush" not in site.acted().plan
    site.do("apply")
    assert site.there(f"{secret}/mine") is None
    assert site.there(f"{secret}/theirs") is not None
    assert site.there(path) is not None


@pytest.mark.parametrize(
    "words",
    [
        ["dev@example.org"],
        ["kube-system/coredns"],
        ["system:serviceaccount:kube-system:node-controller"],
        ["not-there/app"],
        ["a/b", "how=all"],
        ["a/b", "how=pod"],
        ["a/b", "pod=x", "how=legacy"],
        ["a/b", "pod=../secrets/x"],
        ["A/b"],
        ["/"],
    ],
)
def test_what_is_not_rotated(site: Site, words: list[str]) -> None:
    """People, the system's own, what is not there, and words that exclude each other."""
    assert "refused" in site.refused("kube.rotate-token", *words)


def test_the_pod_of_another_account_is_refused(site: Site) -> None:
    """A name from a log may be wrong; the pod says whose it is."""
    namespace, _ = account(site)
    site.made(f"{CORE}/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "other"}})
    site.pod(namespace, "theirs", "other")
    assert "runs as other" in site.refused("kube.rotate-token", f"{namespace}/app", "pod=theirs")
