"""A real kube-apiserver with its etcd on loopback; with its controllers and a stand-in for a kubelet where asked."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.asking import INSIDE, ask
from lab.built import HERE, part
from lab.process import Process, free_ports, until

_START = 90.0
"""Seconds that a start may take on a busy machine; alone it takes five."""
_END = 5.0
"""Seconds that an end may take; what is posted to the audit webhook is gone by then."""
KUBELET = HERE.parent / "examples" / "record" / "kubelet.py"
RBAC = "rbac.authorization.k8s.io"
NODE = "k8s-node1"
"""The node that the stand-in for a kubelet is."""
AUDIT = ("--audit-policy-file=policy.yaml", "--audit-log-path=audit.log", "--audit-log-mode=blocking")
Policy = Mapping[str, object] | str
"""An audit policy, decoded or as YAML."""


class ApiServer:
    """etcd and one kube-apiserver in `folder`; its audit log, by `policy`, is `audit_log`.

    Started by making one. `address` stays the same through restarts.
    """

    def __init__(
        self,
        folder: Path,
        policy: Policy,
        flags: str = "",
        *,
        people: Mapping[str, str] | None = None,
        cluster: bool = False,
    ) -> None:
        """`flags`: more of kube-apiserver's; its working directory is `folder`. `people`: user names and their groups.
        `cluster`: with a controller-manager and a node that takes execs."""
        self.folder = folder
        self.audit_log = folder / "audit.log"
        self.policy_file = folder / "policy.yaml"
        self.ca = folder / "ca.crt"
        self._root = secrets.token_hex(16)
        self.tokens = {name: secrets.token_hex(16) for name in people or {}}
        lines = [f'{self._root},root-admin,uid-root,"system:masters"']
        lines += [f'{self.tokens[name]},{name},uid-{name},"{groups}"' for name, groups in (people or {}).items()]
        (folder / "tokens.csv").write_text("\n".join(lines) + "\n")
        self.write_policy(policy)
        self._certificates()
        client, peer, secure, self._kubelet_port = free_ports(4)
        self.address = f"https://127.0.0.1:{secure}"
        self.etcd = Process(_etcd(part("etcd"), client, peer), folder)
        self.server = Process(_apiserver(part("kube-apiserver"), client, secure, flags), folder)
        # Beside the API server: the controllers and a node's kubelet.
        self.cluster = [] if not cluster else [self._controllers(), self._kubelet()]
        try:
            self.etcd.start()
            self.start()
            self._begin_cluster()
        except BaseException:
            self.stop()
            raise

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        content: str = "application/json",
        headers: Mapping[str, str] | None = None,
        source: str = INSIDE,
    ) -> tuple[int, Any]:
        """Status and answer of one request, as an administrator unless `token` says otherwise; a body that is text is
        sent as it is. `source`: the address that it comes from."""
        sent = {"Authorization": f"Bearer {self._root if token is None else token}", "Content-Type": content}
        data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
        url = self.address + path
        return ask(method, url, headers=sent | dict(headers or {}), body=data, ca=str(self.ca), source=source)

    def account(self, namespace: str, name: str, seconds: int = 3600) -> str:
        """A token of a service account, which is made where it is absent, by TokenRequest."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        status, _ = self.call("POST", path, {"metadata": {"name": name}})
        assert status in (201, 409), status
        status, answer = self.call("POST", f"{path}/{name}/token", {"spec": {"expirationSeconds": seconds}})
        assert status == 201, answer
        return str(answer["status"]["token"])

    def write_policy(self, policy: Policy) -> None:
        """Another audit policy, which is in force after the next start."""
        self.policy_file.write_text(policy if isinstance(policy, str) else json.dumps(policy))

    def restart(self, policy: Policy | None = None) -> None:
        """Stop kube-apiserver alone and start it again, under another audit policy where one is given."""
        # It would wait for the controllers' watches to end, for a minute.
        self.server.stop(_END)
        if policy is not None:
            self.write_policy(policy)
        self.start()

    def start(self) -> None:
        """Start kube-apiserver, and wait until it is ready."""
        self.server.start()
        both = (self.etcd, self.server)
        until(lambda: self.call("GET", "/readyz")[0] == 200, "kube-apiserver is ready", _START, both)

    def stop(self) -> None:
        """End all processes; a second call does nothing."""
        for process in (*self.cluster, self.server, self.etcd):
            process.stop(_END)

    def pod(self, namespace: str, name: str) -> None:
        """A pod on the node, in a namespace that is made where it is absent. No container runs; an exec is taken."""
        assert self.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})[0] in (201, 409)
        path = f"/api/v1/namespaces/{namespace}"
        until(
            lambda: self.call("GET", f"{path}/serviceaccounts/default")[0] == 200,
            f"the service account of {namespace} is there",
            _START,
        )
        spec = {
            "nodeName": NODE,
            "containers": [{"name": "app", "image": "registry.invalid/pause"}],
            # No kubelet renews the node's lease, so that the controllers would move the pod away.
            "tolerations": [{"operator": "Exists"}],
        }
        status, answer = self.call("POST", f"{path}/pods", {"metadata": {"name": name}, "spec": spec})
        assert status in (201, 409), answer

    def _begin_cluster(self) -> None:
        if not self.cluster:
            return
        for process in self.cluster:
            process.start()
        node = {"metadata": {"name": NODE}}
        assert self.call("POST", "/api/v1/nodes", node)[0] in (201, 409)
        status = {
            "addresses": [{"type": "InternalIP", "address": INSIDE}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._kubelet_port}},
        }
        path = f"/api/v1/nodes/{NODE}/status"
        merge = "application/merge-patch+json"
        assert self.call("PATCH", path, {"status": status}, content=merge)[0] == 200
        # The aggregated roles are empty until the controller-manager has filled them.
        view = "/apis/rbac.authorization.k8s.io/v1/clusterroles/view"
        until(
            lambda: bool(self.call("GET", view)[1].get("rules")),
            "the controller-manager works",
            _START,
            tuple(self.cluster),
        )

    def _controllers(self) -> Process:
        cluster = {"server": self.address, "certificate-authority": str(self.ca)}
        user = {"client-certificate": str(self.folder / "kcm.crt"), "client-key": str(self.folder / "kcm.key")}
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "lab", "cluster": cluster}],
            "users": [{"name": "kcm", "user": user}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "kcm"}}],
            "current-context": "lab",
        }
        (self.folder / "kcm.kubeconfig").write_text(json.dumps(kubeconfig))
        (port,) = free_ports(1)
        flags = (
            "--kubeconfig=kcm.kubeconfig --use-service-account-credentials=true --leader-elect=false"
            " --service-account-private-key-file=sa.key --root-ca-file=ca.crt --bind-address=127.0.0.1"
            f" --secure-port={port} --cert-dir=kcm-certs"
        )
        return Process([part("kube-controller-manager"), *flags.split()], self.folder)

    def _kubelet(self) -> Process:
        command = [sys.executable, str(KUBELET), INSIDE, "serving.crt", "serving.key", str(self._kubelet_port)]
        folder = self.folder / "kubelet"
        folder.mkdir(exist_ok=True)
        for name in ("serving.crt", "serving.key"):
            (folder / name).write_bytes((self.folder / name).read_bytes())
        return Process(command, folder)

    def _certificates(self) -> None:
        key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj"
        sign = "x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -copy_extensions copyall"
        client = "-addext extendedKeyUsage=clientAuth"
        for command in (
            "genrsa -out sa.key 2048",
            "rsa -in sa.key -pubout -out sa.pub",
            f"req -x509 {key} /CN=test-ca -keyout ca.key -out ca.crt -days 2",
            f"req {key} /CN=127.0.0.1 -keyout serving.key -out serving.csr -addext subjectAltName=IP:127.0.0.1",
            f"{sign} -in serving.csr -out serving.crt",
            f"req {key} /CN=system:kube-controller-manager -keyout kcm.key -out kcm.csr {client}",
            f"{sign} -in kcm.csr -out kcm.crt",
            f"req {key} /O=system:masters/CN=apiserver-kubelet-client -keyout to-kubelet.key -out to-kubelet.csr {client}",
            f"{sign} -in to-kubelet.csr -out to-kubelet.crt",
        ):
            subprocess.run(["openssl", *command.split()], cwd=self.folder, check=True, capture_output=True)


def _etcd(binary: Path, client: int, peer: int) -> list[str | Path]:
    local = "http://127.0.0.1"
    flags = (
        "--data-dir=etcd --unsafe-no-fsync --log-level=error"
        f" --listen-client-urls={local}:{client} --advertise-client-urls={local}:{client}"
        f" --listen-peer-urls={local}:{peer} --initial-advertise-peer-urls={local}:{peer}"
        f" --initial-cluster=default={local}:{peer}"
    )
    return [binary, *flags.split()]


def _apiserver(binary: Path, etcd: int, secure: int, more: str) -> list[str | Path]:
    flags = (
        f"--etcd-servers=http://127.0.0.1:{etcd} --secure-port={secure} --bind-address=127.0.0.1"
        " --advertise-address=192.0.2.1 --endpoint-reconciler-type=none --service-cluster-ip-range=10.96.0.0/12"
        " --tls-cert-file=serving.crt --tls-private-key-file=serving.key --client-ca-file=ca.crt"
        " --kubelet-client-certificate=to-kubelet.crt --kubelet-client-key=to-kubelet.key --token-auth-file=tokens.csv"
        " --service-account-issuer=https://kubernetes.default.svc --service-account-signing-key-file=sa.key"
        " --service-account-key-file=sa.pub --authorization-mode=RBAC --profiling=false"
    )
    return [binary, *flags.split(), *AUDIT, *more.split()]
