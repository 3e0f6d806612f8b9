"""Five hundred rules as a team's collection would hold them, each a Sigma file of its own.

The shapes are those of SigmaHQ's Kubernetes rules and of other packs: verbs on a resource, in a namespace, by or not by
somebody, from outside a network, with a user agent, with something in the URI or the body. No two are alike.
"""

from __future__ import annotations

import random
import uuid
from pathlib import Path
from typing import Any

import yaml

WRITES = ["create", "update", "patch", "delete", "deletecollection"]
READS = ["get", "list", "watch"]
RESOURCES = """pods deployments daemonsets statefulsets cronjobs jobs services ingresses networkpolicies secrets configmaps
 serviceaccounts roles rolebindings clusterroles clusterrolebindings nodes persistentvolumes persistentvolumeclaims events
 mutatingwebhookconfigurations validatingwebhookconfigurations certificatesigningrequests customresourcedefinitions
 apiservices storageclasses resourcequotas limitranges poddisruptionbudgets priorityclasses""".split()
GROUPS = {"deployments": "apps", "daemonsets": "apps", "cronjobs": "batch", "roles": "rbac.authorization.k8s.io"}
TEAMS = "payments ledger search identity billing checkout fraud media mobile partners reports staging sandbox legacy".split()
AGENTS = [
    "kube-hunter",
    "trufflehog",
    "azurehound",
    "micro-scanner",
    "access_matrix",
    "python-requests",
    "curl/",
    "Go-http-client/1",
    "peirates",
    "kubeletctl",
]
URIS = [
    "%2fbin%2fsh",
    "/bin/bash",
    "/usr/bin/wget",
    "command=cat&command=%2Fetc%2Fshadow",
    "command=nc",
    "insecureSkipTLS",
    "fieldManager=evil",
]
BODIES: list[dict[str, Any]] = [
    {"requestObject.spec.hostNetwork": True},
    {"requestObject.spec.hostPID": True},
    {"requestObject.spec.containers[any]": {"securityContext.privileged": True}},
    {"requestObject.spec.volumes[any]": {"hostPath.path|startswith": "/var/run"}},
    {"requestObject.spec.serviceAccountName": "default"},
    {"requestObject.metadata.labels.owner|exists": False},
]


class Writer:
    """Rules from one seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._seen: set[str] = set()

    def detection(self, kind: int) -> dict[str, Any]:
        """One of ten shapes."""
        rng, resource = self._rng, self._rng.choice(RESOURCES)
        namespace = f"{rng.choice(TEAMS)}-{rng.choice(['prod', 'dev', 'eu', 'us'])}"
        account = f"system:serviceaccount:{namespace}:{rng.choice(['deployer', 'operator', 'backup', 'ci'])}"
        base: dict[str, Any] = {"verb": rng.sample(WRITES, rng.randint(1, 4)), "objectRef.resource": resource}
        if resource in GROUPS:
            base["objectRef.apiGroup"] = GROUPS[resource]
        here = {**base, "objectRef.namespace": namespace}
        reading = {
            "verb": rng.sample(READS, rng.randint(1, 3)),
            "objectRef.resource": resource,
            "objectRef.namespace": namespace,
        }
        shapes: list[dict[str, Any]] = [
            {"selection": here, "condition": "selection"},
            {"selection": here, "by": {"user.username": [account, "system:serviceaccount:argocd:*"]}, "condition": "selection and not by"},
            {"selection": reading, "by": {"user.username|startswith": f"system:serviceaccount:{namespace}:"}, "condition": "selection and not by"},
            {"selection": {"user.username": account}, "usual": {"verb": [*READS, "create"]}, "condition": "selection and not usual"},
            {"selection": {"user.username": account}, "inside": {"sourceIPs|cidr": [f"10.{rng.randint(0, 250)}.0.0/16"]}, "condition": "selection and not inside"},
            {"selection": {**base, "userAgent|contains": rng.sample(AGENTS, 2)}, "condition": "selection"},
            {"selection": {"objectRef.resource": "pods", "objectRef.subresource": rng.choice(["exec", "attach", "proxy"]), "objectRef.namespace": namespace}, "said": {"requestURI|contains": rng.sample(URIS, 3)}, "condition": "selection and said"},
            {"selection": {"verb": ["create", "update", "patch"], "objectRef.resource": "pods", "objectRef.namespace": namespace}, "body": rng.choice(BODIES), "condition": "selection and body"},
            {"selection": {"impersonatedUser.username|endswith": f"@{rng.choice(TEAMS)}{rng.randint(1, 99)}.example.com"}, "condition": "selection"},
            {"selection": {"objectRef.resource": resource, "objectRef.namespace|startswith": namespace, "responseStatus.code": [401, 403]}, "condition": "selection"},
        ]  # fmt: skip
        return shapes[kind % len(shapes)]

    def rule(self, number: int) -> dict[str, Any]:
        """A whole rule."""
        detection = self.detection(number)
        while str(detection) in self._seen:
            detection = self.detection(number)
        self._seen.add(str(detection))
        if number % 100 == 99:
            # Rare in real collections, and dear: nothing but a user agent.
            detection = {
                "selection": {"userAgent|contains": [f"{AGENTS[number // 100]}-{number}"]},
                "condition": "selection",
            }
        return {
            "title": f"Team rule {number}",
            "id": str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
            "sigma-version": 3,
            "status": "stable",
            "description": "Made for a benchmark.",
            "logsource": {"product": "kubernetes", "service": "audit"},
            "detection": detection,
            "level": self._rng.choice(["low", "medium", "high"]),
        }


def made(folder: Path, count: int = 500, seed: int = 3) -> Path:
    """The folder of rules, written anew."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = Writer(seed)
    for number in range(count):
        (folder / f"team_{number:03d}.yml").write_text(yaml.safe_dump(writer.rule(number), sort_keys=False))
    return folder
