"""A real act for each rule: what somebody does for whom the rule is there, at the lab's own servers.

Each act has a name of its own in it, so that its alert is known from all others.
"""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab import files
from lab.asking import ask
from lab.kube import RBAC
from lab.lab import Lab
from vedette.clients.base import NoAnswer

FORGED = {"X-Forwarded-For": "192.0.2.1"}
"""An address that is nobody's (RFC 5737), put in front of the true one by the client."""
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "bGFiLWxhYi1sYWItbGFiLQ==",
    "Sec-WebSocket-Protocol": "v5.channel.k8s.io",
}
_outside = itertools.count(1)


@dataclass(frozen=True)
class Act:
    """What was done."""

    rule: str
    """Who should speak of it."""
    log: str
    """Where it is written: kube, vault or sshd; empty: nowhere, an observer sees it."""
    needle: str
    """Text of the line that tells of it."""
    mark: str
    """Text of the alert that tells of it: of its actor, address or object."""
    began: float
    """Just before the request that decides, seconds since 1970."""


def outside() -> str:
    """An address of this machine that the lab's settings do not trust, another each time."""
    number = next(_outside)
    return f"127.66.{number // 250}.{number % 250 + 1}"


def k2(lab: Lab) -> Act:
    """A service account's token used from outside, by a claim of the client."""
    name, token = account(lab, "k2")
    began = time.time()
    expect(lab.kube.call("GET", f"/version?by={name}", token=token, headers=FORGED), 200)
    return Act("K2", "kube", name, name, began)


def k2_address(lab: Lab) -> Act:
    """The same from another address, without any claim."""
    name, token = account(lab, "k2")
    began = time.time()
    expect(lab.kube.call("GET", f"/version?by={name}", token=token, source=outside()), 200)
    return Act("K2", "kube", name, name, began)


def k3(lab: Lab) -> Act:
    """A Secret of a sensitive namespace read by somebody else."""
    name, token = account(lab, "k3")
    path = "/api/v1/namespaces/vault/secrets"
    decoy = {"metadata": {"name": name}, "stringData": {"decoy": "nothing"}}
    expect(lab.kube.call("POST", path, decoy), 201)
    began = time.time()
    expect(lab.kube.call("GET", f"{path}/{name}", token=token), 200)
    return Act("K3", "kube", f'"verb":"get","user":{{"username":"system:serviceaccount:lab:{name}"', name, began)


def k4(lab: Lab) -> Act:
    """A shell in a pod of a sensitive namespace, over a WebSocket as kubectl opens it."""
    name, token = account(lab, "k4")
    path = f"/api/v1/namespaces/vault/pods/vault-0/exec?command={name}&stdout=true"
    began = time.time()
    expect(lab.kube.call("GET", path, token=token, headers=WEBSOCKET), 101)
    return Act("K4", "kube", f"command={name}", name, began)


def k5(lab: Lab) -> Act:
    """Six ConfigMaps deleted."""
    name, token = account(lab, "k5")
    path = "/api/v1/namespaces/lab/configmaps"
    for number in range(6):
        expect(lab.kube.call("POST", path, {"metadata": {"name": f"{name}-{number}"}}, token=token), 201)
    for number in range(5):
        expect(lab.kube.call("DELETE", f"{path}/{name}-{number}", token=token), 200)
    began = time.time()
    expect(lab.kube.call("DELETE", f"{path}/{name}-5", token=token), 200)
    return Act("K5", "kube", f'"requestURI":"{path}/{name}-5","verb":"delete"', name, began)


def k6(lab: Lab) -> Act:
    """Other audit flags written into kubeadm's configuration."""
    name, token = account(lab, "k6")
    path = "/api/v1/namespaces/kube-system/configmaps"
    text = f"apiServer:\n  extraArgs:\n  - name: audit-policy-file\n    value: /tmp/{name}\n"
    body = {"data": {"ClusterConfiguration": text}}
    began = time.time()
    merge = "application/merge-patch+json"
    expect(lab.kube.call("PATCH", f"{path}/kubeadm-config", body, token=token, content=merge), 200)
    return Act("K6", "kube", name, name, began)


def k6_file(lab: Lab) -> Act:
    """The audit policy's file changed on disk."""
    file = lab.kube.policy_file
    began = time.time()
    file.write_text(file.read_text() + f"# {secrets.token_hex(4)}\n")
    return Act("K6", "", "", file.name, began)


def k7(lab: Lab) -> Act:
    """A ClusterRole that may do everything, bound to nobody."""
    name, token = account(lab, "k7")
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    body = {"metadata": {"name": name}, "rules": [everything]}
    began = time.time()
    expect(lab.kube.call("POST", f"/apis/{RBAC}/v1/clusterroles", body, token=token), 201)
    return Act("K7", "kube", f'"resource":"clusterroles","name":"{name}"', name, began)


def k8(lab: Lab) -> Act:
    """A binding of strangers to a Role that grants nothing."""
    name, token = account(lab, "k8")
    path = f"/apis/{RBAC}/v1/namespaces/lab"
    expect(lab.kube.call("POST", f"{path}/roles", {"metadata": {"name": name}, "rules": []}, token=token), 201)
    began = time.time()
    expect(lab.kube.call("POST", f"{path}/rolebindings", anonymous(name), token=token), 201)
    return Act("K8", "kube", f'"resource":"rolebindings","namespace":"lab","name":"{name}"', name, began)


def k9(lab: Lab) -> Act:
    """The owner's token used from outside."""
    name = f"k9-{secrets.token_hex(4)}"
    began = time.time()
    token = lab.kube.tokens[files.OWNER]
    expect(lab.kube.call("GET", f"/version?by={name}", token=token, headers=FORGED), 200)
    return Act("K9", "kube", name, files.OWNER, began)


def k10(lab: Lab) -> Act:
    """A server-side apply of YAML, whose event kube-apiserver before 1.37 loses."""
    name, token = account(lab, "k10")
    path = f"/apis/{RBAC}/v1/namespaces/lab/rolebindings/{name}?fieldManager=lab"
    yaml = (
        f"apiVersion: {RBAC}/v1\nkind: RoleBinding\nmetadata: {{name: {name}}}\n"
        f"roleRef: {{apiGroup: {RBAC}, kind: Role, name: {name}}}\nsubjects: []\n"
    )
    began = time.time()
    expect(lab.kube.call("PATCH", path, yaml, token=token, content="application/apply-patch+yaml"), 200, 201)
    return Act("K10", "kube", f"rolebindings/{name}", lab.kube.address.removeprefix("https://"), began)


def v1(lab: Lab) -> Act:
    """A child of a root token, which is root itself."""
    # The first child is what makes the second one's maker known by name.
    name = f"v1-{secrets.token_hex(4)}"
    status, answer = lab.vault.call("POST", "auth/token/create", {"display_name": name, "policies": ["root"]})
    expect((status, answer), 200)
    began = time.time()
    expect(lab.vault.call("POST", "auth/token/create", {}, token=answer["auth"]["client_token"]), 200)
    return Act("V1", "vault", f'"display_name":"token-{name}"', f"token-{name}", began)


def v2(lab: Lab) -> Act:
    """An audit device enabled, and taken away again."""
    name, token = caller(lab, "v2")
    body = {"type": "file", "options": {"file_path": str(lab.folder / f"{name}.log")}}
    began = time.time()
    expect(lab.vault.call("PUT", f"sys/audit/{name}", body, token=token), 204)
    expect(lab.vault.call("DELETE", f"sys/audit/{name}", token=token), 204)
    return Act("V2", "vault", f"sys/audit/{name}", name, began)


def v3(lab: Lab) -> Act:
    """Vault sealed, and unsealed after a while that a look lies in."""
    began = time.time()
    lab.vault.seal()
    time.sleep(2.5)
    lab.vault.unseal()
    return Act("V3", "", "", lab.vault.address.removeprefix("http://"), began)


def v4(lab: Lab) -> Act:
    """A policy written that allows nothing."""
    name, token = caller(lab, "v4")
    began = time.time()
    expect(lab.vault.call("PUT", f"sys/policies/acl/{name}", {"policy": 'path "nothing" {}'}, token=token), 204)
    return Act("V4", "vault", f"sys/policies/acl/{name}", name, began)


def v5(lab: Lab) -> Act:
    """Eleven failed logins of a user who is not there."""
    name = f"v5-{secrets.token_hex(4)}"
    expect(lab.vault.call("POST", f"sys/auth/{name}", {"type": "userpass"}), 204)
    for number in range(11):
        began = time.time()
        path = f"auth/{name}/login/nobody-{number}"
        expect(lab.vault.call("POST", path, {"password": "guess"}, token=""), 400)
    return Act("V5", "vault", f"auth/{name}/login/nobody-10", name, began)


def v6(lab: Lab) -> Act:
    """A child token with a policy that its parent lacks."""
    name, token = caller(lab, "v6")
    body = {"policies": [f"{name}-more"]}
    began = time.time()
    expect(lab.vault.call("POST", "auth/token/create", body, token=token), 200)
    return Act("V6", "vault", f'"{name}-more"', name, began)


def v7(lab: Lab) -> Act:
    """The owner's login from outside."""
    return v7_at(lab, lab.vault.address)


def v7_at(lab: Lab, url: str) -> Act:
    """The same at another address of Vault's: that of a proxy."""
    address = outside()
    body = json.dumps({"password": lab.password}).encode()
    began = time.time()
    expect(ask("PUT", f"{url}/v1/auth/userpass/login/me", body=body, source=address), 200)
    return Act("V7", "vault", f'"remote_address":"{address}"', address, began)


def s1(lab: Lab) -> Act:
    """A login over SSH from outside."""
    address = outside()
    began = time.time()
    lab.sshd.login(address)
    return Act("S1", "sshd", f"from {address} port", address, began)


ACTS: Mapping[str, Callable[[Lab], Act]] = {
    "K2": k2,
    "K2 from another address": k2_address,
    "K3": k3,
    "K4": k4,
    "K5": k5,
    "K6": k6,
    "K6 by the file": k6_file,
    "K7": k7,
    "K8": k8,
    "K9": k9,
    "K10": k10,
    "V1": v1,
    "V2": v2,
    "V3": v3,
    "V4": v4,
    "V5": v5,
    "V6": v6,
    "V7": v7,
    "S1": s1,
}
"""Name -> how it is done. Each can be done again; K9, K10, V3 and K6 by its file then count an open alert up."""


def account(lab: Lab, kind: str) -> tuple[str, str]:
    """Name and token of a new service account that may do anything."""
    name = f"{kind}-{secrets.token_hex(4)}"
    return name, lab.kube.account("lab", name)


def caller(lab: Lab, kind: str) -> tuple[str, str]:
    """Name and token of a new caller of Vault that may do anything and is not root."""
    name = f"{kind}-{secrets.token_hex(4)}"
    status, answer = lab.vault.call("POST", "auth/token/create", {"display_name": name, "policies": ["everything"]})
    expect((status, answer), 200)
    return name, str(answer["auth"]["client_token"])


def anonymous(name: str) -> dict[str, object]:
    """A RoleBinding of system:anonymous."""
    return {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": "system:anonymous"}],
    }


def expect(answer: tuple[int, object], *statuses: int) -> None:
    """Raises NoAnswer where a server says something else."""
    if answer[0] not in statuses:
        raise NoAnswer(f"{answer[0]} {answer[1]}")
