"""kube.py WORK: what happens in the recorded cluster: ordinary days of people, controllers and CI; K2-K5, K6-K10 among it.

Every line of the audit log is the API server's own. Observations (K6, K10) are written in vedette's form from what the
server and its files really held at that moment.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import random
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

from client import APPLY, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, Caller
from observe import observe

WORK = Path(sys.argv[1])
HOST, HOST6, PORT = "10.0.40.10", "fd00:10::10", 6443
CORE, RBAC = "/api/v1", "/apis/rbac.authorization.k8s.io/v1"
KUBECTL = "kubectl/v1.32.4 (linux/amd64) kubernetes/59526cd"
TERRAFORM = "Terraform/1.9.5 (+https://www.terraform.io) Terraform-Provider-Kubernetes/2.36.0"
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13",
           "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec_WebSocket_Protocol": "v5.channel.k8s.io"}  # fmt: skip
NAMESPACES = ("vault", "external-secrets", "monitoring", "traefik", "dbaas", "ci", "web", "short-lived")
DONE = threading.Event()


def pause(least: float = 0.2, most: float = 0.9) -> None:
    """People and controllers do not act at once."""
    time.sleep(random.uniform(least, most))


def trust(certificate: str = "") -> ssl.SSLContext:
    """The cluster's CA, and perhaps a client certificate."""
    context = ssl.create_default_context(cafile=str(WORK / "pki/ca.crt"))
    if certificate:
        context.load_cert_chain(str(WORK / f"pki/{certificate}.crt"), str(WORK / f"pki/{certificate}.key"))
    return context


def bearer(token: str, address: str, agent: str) -> Caller:
    """Who holds `token`."""
    return Caller(HOST, PORT, address, agent, {"Authorization": f"Bearer {token}"}, trust())


def person(name: str, address: str, agent: str = KUBECTL) -> Caller:
    """Somebody of the token file."""
    return bearer((WORK / f"pki/{name}.token").read_text(), address, agent)


def thing(kind: str, name: str, namespace: str = "", api: str = "v1", **rest: object) -> dict[str, object]:
    """A Kubernetes object."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **rest}


def rbac(kind: str, name: str, namespace: str = "", **rest: object) -> dict[str, object]:
    """An RBAC object."""
    return thing(kind, name, namespace, "rbac.authorization.k8s.io/v1", **rest)


def subject(kind: str, name: str, namespace: str = "") -> dict[str, str]:
    """A subject of a binding."""
    if kind == "ServiceAccount":
        return {"kind": kind, "name": name, "namespace": namespace}
    return {"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"}


def binding(
    name: str, role: str, *subjects: dict[str, str], namespace: str = "", role_kind: str = "ClusterRole"
) -> dict[str, object]:
    """A RoleBinding where `namespace` is given, else a ClusterRoleBinding."""
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role}
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    return rbac(kind, name, namespace, roleRef=reference, subjects=list(subjects))


def pod(name: str, namespace: str, node: str) -> dict[str, object]:
    """A pod that a node already runs."""
    container = {"name": "app", "image": "docker.io/library/busybox:1.36", "command": ["sleep", "9999"]}
    return thing(
        "Pod",
        name,
        namespace,
        spec={"nodeName": node, "automountServiceAccountToken": False, "containers": [container]},
    )


class Cluster:
    """Everybody who calls the API server."""

    def __init__(self) -> None:
        self.root = person("root", "10.0.40.10")
        self.me = person("me", "10.0.20.10")
        self.dev = person("dev", "10.0.20.31")
        self.nodes = {
            name: Caller(HOST, PORT, address, "kubelet/v1.34.4 (linux/amd64) kubernetes/000000", tls=trust(name))
            for name, address in (("k8s-node1", "10.0.40.11"), ("k8s-node2", "10.0.40.12"))
        }
        self.nobody = Caller(HOST, PORT, "10.0.40.11", "kube-probe/1.34", tls=trust())

    def account(self, namespace: str, name: str, address: str, agent: str) -> Caller:
        """A service account with a fresh token, as a pod at `address` would use it."""
        path = f"{CORE}/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = thing("TokenRequest", name, namespace, "authentication.k8s.io/v1", spec={"expirationSeconds": 3600})
        status, answer = self.root.call("POST", path, request)
        assert status == 201, answer
        return bearer(answer["status"]["token"], address, agent)

    def set_up(self) -> None:
        """Namespaces, service accounts, rights, nodes, pods, secrets."""
        for namespace in NAMESPACES:
            self.root.call("POST", f"{CORE}/namespaces", thing("Namespace", namespace))
        accounts = (("vault", "vault"), ("external-secrets", "external-secrets"), ("monitoring", "prometheus"),
                    ("traefik", "traefik"), ("ci", "deployer"))  # fmt: skip
        for namespace, name in accounts:
            self.root.call(
                "POST", f"{CORE}/namespaces/{namespace}/serviceaccounts", thing("ServiceAccount", name, namespace)
            )
        self._bind()
        for name, caller in self.nodes.items():
            self.root.call("POST", f"{CORE}/nodes", thing("Node", name))
            status = {
                "addresses": [{"type": "InternalIP", "address": caller.address}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            }
            self.root.call("PATCH", f"{CORE}/nodes/{name}/status", {"status": status}, MERGE_PATCH)
        time.sleep(2)  # the authorizer learns of bindings through its informers
        for namespace, name, node in (
            ("vault", "vault-0", "k8s-node1"),
            ("dbaas", "pg-0", "k8s-node2"),
            ("web", "web-0", "k8s-node2"),
        ):
            self.root.call("POST", f"{CORE}/namespaces/{namespace}/pods", pod(name, namespace, node))
            self._run(namespace, name, node)
        for namespace, name in (
            ("vault", "unseal-keys"),
            ("vault", "tls"),
            ("web", "session-key"),
            ("external-secrets", "store"),
        ):
            secret = thing("Secret", name, namespace, data={"value": base64.b64encode(b"made up").decode()})
            self.root.call("POST", f"{CORE}/namespaces/{namespace}/secrets", secret)
        self.vault = self.account("vault", "vault", "10.10.1.5", "vault/1.21.4")
        self.eso = self.account(
            "external-secrets", "external-secrets", "10.10.2.14", "external-secrets/v0.10.4 (linux/amd64)"
        )
        self.traefik = self.account("traefik", "traefik", "10.10.2.21", "traefik/v3.1.4 (linux/amd64)")
        self.prometheus = self.account("monitoring", "prometheus", "10.10.5.5", "prometheus/v2.54.1")
        self.ci = self.account("ci", "deployer", "10.10.3.7", TERRAFORM)

    def _bind(self) -> None:
        """Who may do what."""
        read_secrets = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}]
        self.root.call("POST", f"{RBAC}/clusterroles", rbac("ClusterRole", "secret-reader", rules=read_secrets))
        patch_secrets = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["patch"]}]
        self.root.call(
            "POST", f"{RBAC}/namespaces/vault/roles", rbac("Role", "secret-labeller", "vault", rules=patch_secrets)
        )
        me, devs = subject("User", "me@example.org"), subject("Group", "oidc:devs")
        for made in (
            binding("owner", "cluster-admin", me, subject("Group", "kubeadm:cluster-admins")),
            binding("ci", "cluster-admin", subject("ServiceAccount", "deployer", "ci")),
            binding("prometheus", "view", subject("ServiceAccount", "prometheus", "monitoring")),
            binding("prometheus-metrics", "system:monitoring", subject("ServiceAccount", "prometheus", "monitoring")),
            binding("traefik", "secret-reader", subject("ServiceAccount", "traefik", "traefik")),
            binding(
                "external-secrets", "secret-reader", subject("ServiceAccount", "external-secrets", "external-secrets")
            ),
            binding("devs", "view", devs),
        ):
            self.root.call("POST", f"{RBAC}/clusterrolebindings", made)
        for namespace, made in (
            ("web", binding("devs", "admin", devs, namespace="web")),
            ("dbaas", binding("devs", "edit", devs, namespace="dbaas")),
            ("vault", binding("vault", "admin", subject("ServiceAccount", "vault", "vault"), namespace="vault")),
            ("vault", binding("labeller", "secret-labeller", devs, namespace="vault", role_kind="Role")),
        ):
            self.root.call("POST", f"{RBAC}/namespaces/{namespace}/rolebindings", made)

    def _run(self, namespace: str, name: str, node: str) -> None:
        container = {"name": "app", "ready": True, "started": True, "image": "busybox", "imageID": "busybox", "restartCount": 0,
                     "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}  # fmt: skip
        status = {
            "phase": "Running",
            "hostIP": self.nodes[node].address,
            "podIP": "10.10.1.5",
            "containerStatuses": [container],
        }
        self.nodes[node].call(
            "PATCH", f"{CORE}/namespaces/{namespace}/pods/{name}/status", {"status": status}, STRATEGIC_PATCH
        )


def ordinary(cluster: Cluster) -> None:
    """What goes on all the time, until DONE: kubelets, Prometheus, operators, CI, people reading."""
    lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
    for name, node in cluster.nodes.items():
        node.call(
            "POST",
            lease,
            thing("Lease", name, "kube-node-lease", "coordination.k8s.io/v1", spec={"holderIdentity": name}),
        )
    turn = 0
    while not DONE.is_set():
        turn += 1
        for name, node in cluster.nodes.items():
            node.call("PATCH", f"{lease}/{name}", {"spec": {"leaseDurationSeconds": 40 + turn % 2}}, MERGE_PATCH)
            node.call("GET", f"{CORE}/nodes/{name}?resourceVersion=0")
            cluster.nobody.at(node.address).call("GET", "/livez")
        cluster.nodes["k8s-node1"].call("GET", f"{CORE}/namespaces/vault/pods/vault-0")
        cluster.prometheus.call("GET", f"{CORE}/pods?limit=500&resourceVersion=0")
        cluster.prometheus.call("GET", "/metrics")
        if turn % 4 == 1:
            cluster.eso.call("GET", f"{CORE}/secrets?limit=500&resourceVersion=0")
            cluster.traefik.call("GET", f"{CORE}/secrets?limit=500&resourceVersion=0")
            cluster.vault.call("GET", f"{CORE}/namespaces/vault/secrets/unseal-keys")
            cluster.vault.call(
                "PATCH",
                f"{CORE}/namespaces/vault/pods/vault-0",
                {"metadata": {"labels": {"vault-active": "true"}}},
                MERGE_PATCH,
            )
        if turn % 3 == 0:
            deployments(cluster, turn)
        if turn % 5 == 0:
            people(cluster)
        pause(1.5, 2.5)


def deployments(cluster: Cluster, turn: int) -> None:
    """CI rolls out; the controllers answer with pods of their own."""
    path = "/apis/apps/v1/namespaces/web/deployments"
    containers = [{"name": "web", "image": f"ghcr.io/example/web:{turn}"}]
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    status, _ = cluster.ci.call("GET", f"{path}/web")
    if status == 404:
        cluster.ci.call("POST", path, thing("Deployment", "web", "web", "apps/v1", spec=spec))
    else:
        cluster.ci.call(
            "PATCH",
            f"{path}/web?fieldManager=terraform&force=true",
            thing("Deployment", "web", "web", "apps/v1", spec=spec),
            APPLY,
        )


def people(cluster: Cluster) -> None:
    """The owner looks after the cluster, within the rules; a developer after the web site."""
    cluster.me.call("GET", f"{CORE}/namespaces/vault/secrets/tls")
    cluster.me.at("100.64.3.9").call("GET", f"{CORE}/nodes?limit=500")
    cluster.me.saying(**UPGRADE).call(
        "GET", f"{CORE}/namespaces/vault/pods/vault-0/exec?command=vault&command=status&container=app&stdout=true"
    )
    cluster.dev.call("GET", f"{CORE}/namespaces/web/pods?limit=500")
    cluster.dev.call("GET", f"{CORE}/namespaces/web/secrets/session-key")
    cluster.dev.saying(**UPGRADE).call(
        "GET", f"{CORE}/namespaces/web/pods/web-0/exec?command=sh&container=app&stdin=true&stdout=true&tty=true"
    )
    cluster.dev.call("GET", f"{CORE}/namespaces/web/configmaps/absent")


def k2_stolen_token(cluster: Cluster) -> None:
    """A service account's token is used from outside, with a forged X-Forwarded-For; then over IPv6."""
    thief = cluster.prometheus.at("203.0.113.66").saying(X_Forwarded_For="10.0.20.5")
    thief.call("GET", "/version")
    thief.call("GET", f"{CORE}/namespaces?limit=500")
    thief.call("GET", f"{CORE}/namespaces/kube-system/secrets")
    cluster.prometheus.at("2001:db8::66", HOST6).call("GET", f"{CORE}/namespaces/monitoring/pods")


def k3_secrets(cluster: Cluster) -> None:
    """CI's account reads what it never should; a developer tries, then gets it from the answer to an empty dry-run patch."""
    cluster.ci.call("GET", f"{CORE}/namespaces/vault/secrets/unseal-keys")
    pause()
    cluster.ci.call("GET", f"{CORE}/secrets?limit=500")
    cluster.dev.call("GET", f"{CORE}/namespaces/vault/secrets/unseal-keys")
    pause()
    cluster.dev.call("PATCH", f"{CORE}/namespaces/vault/secrets/unseal-keys?dryRun=All", {}, MERGE_PATCH)


def k4_shells(cluster: Cluster, dev: Kubectl) -> None:
    """A developer's real kubectl opens a shell, a tunnel and a debug container in the database; one try is refused."""
    dev.run("-n", "dbaas", "exec", "pg-0", "--", "id")
    dev.run("-n", "dbaas", "debug", "pg-0", "--image=busybox:1.36", "--target=app", "--", "sh")
    dev.run("-n", "vault", "exec", "vault-0", "--", "id")
    cluster.ci.saying(**UPGRADE).call("GET", f"{CORE}/namespaces/vault/pods/gone-0/exec?command=sh")


def k5_deletes(cluster: Cluster) -> None:
    """A person deletes eight ConfigMaps within a minute; CI deletes a whole namespace."""
    for number in range(8):
        cluster.ci.call(
            "POST", f"{CORE}/namespaces/web/configmaps", thing("ConfigMap", f"page-{number}", "web", data={"a": "b"})
        )
    for number in range(3):
        cluster.ci.call(
            "POST",
            f"{CORE}/namespaces/short-lived/configmaps",
            thing("ConfigMap", f"cache-{number}", "short-lived", data={"a": "b"}),
        )
    for number in range(8):
        pause(0.5, 3.0)
        cluster.dev.call("DELETE", f"{CORE}/namespaces/web/configmaps/page-{number}")
    cluster.dev.call("DELETE", f"{CORE}/namespaces/web/configmaps/page-0")
    cluster.ci.call("DELETE", f"{CORE}/namespaces/short-lived")


def k6_audit_policy(cluster: Cluster) -> None:
    """The audit policy's file changes (an observation), and so does the audit part of the kubeadm configuration."""
    path, data = f"{CORE}/namespaces/kube-system/configmaps", "apiServer:\n  extraArgs:\n  - name: {}\n    value: {}\n"
    first = data.format("audit-policy-file", "/etc/kubernetes/audit-policy.yaml")
    cluster.root.call(
        "POST", path, thing("ConfigMap", "kubeadm-config", "kube-system", data={"ClusterConfiguration": first})
    )
    pause(2, 4)
    second = data.format("audit-log-maxage", "1")
    cluster.ci.call("PATCH", f"{path}/kubeadm-config", {"data": {"ClusterConfiguration": second}}, MERGE_PATCH)
    policy = WORK / "audit-policy.yaml"
    before = hashlib.sha256(policy.read_bytes()).hexdigest()
    observe(WORK, "file_hash", "k8s-master:/etc/kubernetes/audit-policy.yaml", {"sha256": before}, {"sha256": before})
    policy.write_text(
        policy.read_text().replace("rules:\n", 'rules:\n  - level: None\n    users: ["dev@example.org"]\n', 1)
    )
    pause(2, 4)
    after = hashlib.sha256(policy.read_bytes()).hexdigest()
    observe(WORK, "file_hash", "k8s-master:/etc/kubernetes/audit-policy.yaml", {"sha256": after}, {"sha256": before})


def k7_k8_roles(cluster: Cluster, ci: Kubectl) -> None:
    """A ClusterRole that may do everything, made by a JSON patch; everybody without a name is bound to `view`."""
    harmless = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    cluster.ci.call("POST", f"{RBAC}/clusterroles", rbac("ClusterRole", "reporting", rules=[harmless]))
    apps = {"apiGroups": ["apps"], "resources": ["*"], "verbs": ["get"]}
    cluster.me.call(
        "POST", f"{RBAC}/clusterroles", rbac("ClusterRole", "apps-reader", rules=[apps, {**harmless, "verbs": ["*"]}])
    )
    pause(1, 2)
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    cluster.ci.call(
        "PATCH", f"{RBAC}/clusterroles/reporting", [{"op": "add", "path": "/rules/-", "value": everything}], JSON_PATCH
    )
    pause(1, 2)
    ci.run("create", "clusterrolebinding", "status-page", "--clusterrole=view", "--user=system:anonymous")
    cluster.dev.call(
        "POST",
        f"{RBAC}/clusterrolebindings",
        binding("mine", "cluster-admin", subject("Group", "system:unauthenticated")),
    )


def k9_owner(cluster: Cluster) -> None:
    """The owner's token from outside, and the owner impersonated by CI."""
    cluster.me.at("203.0.113.9").call("GET", f"{CORE}/nodes")
    cluster.me.at("203.0.113.9").saying(X_Forwarded_For="10.0.20.10").call("GET", f"{CORE}/namespaces/web/pods")
    cluster.ci.saying(Impersonate_User="me@example.org").call("GET", f"{CORE}/namespaces/web/configmaps")


def errors(cluster: Cluster) -> int:
    """The API server's own count of audit events that it could not write."""
    _, metrics = cluster.prometheus.call("GET", "/metrics")
    lines = [line for line in metrics.decode().splitlines() if line.startswith("apiserver_audit_error_total")]
    return int(sum(float(line.split()[-1]) for line in lines))


def k10_eraser(cluster: Cluster) -> None:
    """A server-side apply in YAML, whose audit event is lost: only RequestReceived is left, and the counter has risen."""
    before = errors(cluster)
    observe(
        WORK,
        "counter",
        "k8s-master",
        {"name": "apiserver_audit_error_total", "value": before},
        {"name": "apiserver_audit_error_total", "value": before},
    )
    body = (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: quiet-one}\n"
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\n"
        "subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: 'system:anonymous'}]\n"
    )
    cluster.ci.call("PATCH", f"{RBAC}/clusterrolebindings/quiet-one?fieldManager=helm", body.encode(), APPLY)
    pause(1, 2)
    observe(
        WORK,
        "counter",
        "k8s-master",
        {"name": "apiserver_audit_error_total", "value": errors(cluster)},
        {"name": "apiserver_audit_error_total", "value": before},
    )


class Kubectl:
    """The real kubectl, whose connections come from a caller's address: a relay on loopback binds it."""

    def __init__(self, caller: Caller, port: int) -> None:
        self._config = WORK / f"kubeconfig-{port}"
        token = caller.headers["Authorization"].removeprefix("Bearer ")
        self._config.write_text(
            f"apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:{port}', "
            f"certificate-authority: {WORK}/pki/ca.crt}}}}]\nusers: [{{name: u, user: {{token: {token}}}}}]\n"
            "contexts: [{name: c, context: {cluster: c, user: u}}]\ncurrent-context: c\n"
        )
        relay = socketserver.ThreadingTCPServer(("127.0.0.1", port), _relay(caller.address))
        relay.daemon_threads = True
        threading.Thread(target=relay.serve_forever, daemon=True).start()

    def run(self, *arguments: str) -> None:
        """One command; its result is the audit log's business."""
        command = ["kubectl", "--kubeconfig", str(self._config), *arguments]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=60, env={**os.environ, "HOME": str(WORK)}
        )
        print("kubectl", *arguments, done.returncode, done.stderr.strip()[-120:], flush=True)
        pause()


def _relay(address: str) -> type[socketserver.BaseRequestHandler]:
    class Relay(socketserver.BaseRequestHandler):
        """Copies bytes both ways, from `address`."""

        def handle(self) -> None:
            """One connection."""
            with socket.create_connection((HOST, PORT), source_address=(address, 0)) as there:
                back = threading.Thread(target=_copy, args=(there, self.request), daemon=True)
                back.start()
                _copy(self.request, there)
                back.join(5)

    return Relay


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def main() -> None:
    """Set up, then the attacks one after the other among ordinary traffic."""
    random.seed(8)
    cluster = Cluster()
    cluster.set_up()
    dev, ci = Kubectl(cluster.dev, 17001), Kubectl(cluster.ci, 17002)
    background = threading.Thread(target=ordinary, args=(cluster,))
    background.start()
    try:
        for attack in (k2_stolen_token, k3_secrets, k5_deletes, k6_audit_policy, k9_owner, k10_eraser):
            pause(4, 7)
            attack(cluster)
        pause(3, 5)
        k4_shells(cluster, dev)
        pause(3, 5)
        k7_k8_roles(cluster, ci)
        pause(8, 10)
    finally:
        DONE.set()
        background.join()


if __name__ == "__main__":
    main()
