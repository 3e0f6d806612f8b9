"""A real API server takes what deploy/kubernetes has, and posts its audit events by the kubeconfig there."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from lab.kube import ApiServer
from lab.lab import webhook_flags
from lab.process import free_ports
from lab.watch import Daemon

from tests.certificates import Authority
from tests.serving.client import until
from tests.test_deploy import DEPLOY, documents

POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "RequestResponse"}]}
TOKEN = "a-token-of-this-test"
PLURAL = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/vedette/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/vedette/configmaps",
    "Service": "/api/v1/namespaces/vedette/services",
    "StatefulSet": "/apis/apps/v1/namespaces/vedette/statefulsets",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/vedette/networkpolicies",
    "Pod": "/api/v1/namespaces/vedette/pods",
}


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """vedette with the webhook of the manifest's settings, on loopback, with the certificate that the README makes."""
    folder = tmp_path_factory.mktemp("vedette")
    authority = Authority(folder / "pki")
    pair = authority._issue("tls", "/CN=webhook.vedette.svc", "subjectAltName=DNS:webhook.vedette.svc")
    (folder / "token").write_text(TOKEN)
    (folder / "port").write_text(str(free_ports(1)[0]))
    settings = yaml.safe_load(documents()["ConfigMap"]["data"]["vedette.yaml"])
    settings["sources"]["webhook"][0] |= {
        "listen": f"127.0.0.1:{(folder / 'port').read_text()}",
        "tls_cert_file": pair.cert,
        "tls_key_file": pair.key,
        "token_file": str(folder / "token"),
    }
    del settings["watch"], settings["sinks"]
    one = Daemon(folder, yaml.safe_dump(settings))
    try:
        one.start()
        yield one
    finally:
        one.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, receiver: Daemon) -> Iterator[ApiServer]:
    """An API server with the README's flags and the kubeconfig of deploy/, whose paths and address are this test's."""
    folder = tmp_path_factory.mktemp("apiserver")
    text = (DEPLOY / "kubernetes/audit-webhook.kubeconfig").read_text("utf-8")
    config = yaml.safe_load(text)
    config["clusters"][0]["cluster"] |= {
        "server": f"https://127.0.0.1:{(receiver.folder / 'port').read_text()}",
        "certificate-authority": str(receiver.folder / "pki/ca.crt"),
    }
    config["users"][0]["user"]["tokenFile"] = str(receiver.folder / "token")
    path = folder / "audit-webhook.kubeconfig"
    path.write_text(json.dumps(config))
    flags = webhook_flags(path)
    assert len(flags) == 4
    one = ApiServer(folder, POLICY, " ".join(flags))
    yield one
    one.stop()


def create(server: ApiServer, what: dict[str, Any], *, dry: bool = True) -> tuple[int, Any]:
    """Have an object made, or only looked at by everything that looks at one; unknown fields are refused."""
    query = "?fieldValidation=Strict" + ("&dryRun=All" if dry else "")
    return server.call("POST", PLURAL[what["kind"]] + query, what)


def test_the_api_server_takes_every_object(server: ApiServer) -> None:
    """Every object of the manifest is valid, and its pod meets the restricted standard that its namespace enforces."""
    objects = documents()
    for kind in ("Namespace", "ServiceAccount"):
        status, said = create(server, objects[kind], dry=False)
        assert status == 201, said
    for kind in objects.keys() - {"Namespace", "ServiceAccount"}:
        status, said = create(server, objects[kind])
        assert status == 201, said
    template = objects["StatefulSet"]["spec"]["template"]
    spec = copy.deepcopy(template["spec"])
    spec["volumes"].append({"name": "state", "emptyDir": {}})
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "try", **template["metadata"]}, "spec": spec}
    status, said = create(server, pod)
    assert status == 201, said
    assert said["spec"]["containers"][0]["image"] == spec["containers"][0]["image"]
    spec["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    status, said = create(server, pod)
    assert (status, "restricted" in said["message"]) == (403, True), (
        "the standard is not enforced, so it proves nothing"
    )


def test_events_come_by_the_kubeconfig(server: ApiServer, receiver: Daemon) -> None:
    """With the README's flags the API server finds the receiver, believes its certificate, is let in, and what somebody
    does is an alert."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "open"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "system:anonymous"}],
    }
    status, said = server.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    assert status == 201, said

    def alerted() -> bool:
        return any(labels["rule_id"] == "K8" for labels, _ in receiver.metrics().get("vedette_alerts", []))

    until(alerted, "the binding is an alert", seconds=30)
    ready, text = receiver.status("/readyz")
    assert ready == 200, text
    assert receiver.total("vedette_quarantined_total") == 0
