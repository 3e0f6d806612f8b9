"""Audit policies and requests made from a seed: mostly right, and wrong in every way that the server refuses."""

# ruff: noqa: ARG005 - what spoils a policy looks at what it needs of it
from __future__ import annotations

import random
from typing import Any

import yaml

USERS = ["eve", "system:apiserver", "system:node:a", "system:serviceaccount:vault:app", "Eve", ""]
GROUPS = ["system:authenticated", "system:masters", "system:nodes", "system:serviceaccounts", "dev"]
VERBS = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "post", "*", "GET"]
API_GROUPS = ["", "apps", "rbac.authorization.k8s.io", "policy", "*", "core"]
RESOURCES = ["pods", "secrets", "configmaps", "nodes", "clusterroles", "deployments", "pod"]
SUBRESOURCES = ["", "exec", "log", "status", "scale", "proxy", "eviction"]
PATTERNS = [
    "*",
    "pods",
    "pods/*",
    "pods/exec",
    "*/exec",
    "*/scale",
    "*/*",
    "/*",
    "secrets",
    "pods*",
    "nodes/proxy",
    "configmaps",
    "",
]
NAMESPACES = ["", "vault", "kube-system", "default", "Vault"]
NAMES = ["a", "audit-policy", "kubeadm-config", ""]
PATHS = ["/version", "/healthz", "/healthz/etcd", "/metrics", "/api", "/apis/apps", "/", "/openapi/v3", "/health*z"]
URLS = ["/version", "/healthz*", "*", "/api*", "/metrics", "/", "/*", "/apis/apps"]
LEVELS = ["None", "Metadata", "Request", "RequestResponse"]
STAGES = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"]


class Maker:
    """Makes policies and requests from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def some(self, things: list[str], most: int = 3) -> list[str]:
        """A few of them, perhaps none, perhaps one twice."""
        return [self.rng.choice(things) for _ in range(self.rng.randint(0, most))]

    def request(self) -> dict[str, Any]:
        """What the server may know of a request, likely combinations or not."""
        rng = self.rng
        asked: dict[str, Any] = {
            "user": rng.choice(USERS),
            "groups": self.some(GROUPS),
            "verb": rng.choice(VERBS),
            "path": rng.choice(PATHS),
            "nobody": rng.random() < 0.05,
            "resourceRequest": rng.random() < 0.8,
        }
        if asked["resourceRequest"] or rng.random() < 0.1:
            asked |= {
                "group": rng.choice(API_GROUPS),
                "resource": rng.choice(RESOURCES),
                "subresource": rng.choice(SUBRESOURCES),
                "namespace": rng.choice(NAMESPACES),
                "name": rng.choice(NAMES),
            }
        return asked

    def resources(self) -> dict[str, Any]:
        """An entry of `resources`."""
        rng = self.rng
        held: dict[str, Any] = {}
        if rng.random() < 0.9:
            held["group"] = rng.choice([group for group in API_GROUPS if group != "*"])
        if rng.random() < 0.8:
            held["resources"] = self.some(PATTERNS, 4)
        if held.get("resources") and rng.random() < 0.3:
            held["resourceNames"] = self.some(NAMES)
        return held

    def rule(self) -> dict[str, Any]:
        """A rule that the server takes."""
        rng = self.rng
        rule: dict[str, Any] = {"level": rng.choice(LEVELS)}
        if rng.random() < 0.3:
            rule["users"] = self.some(USERS)
        if rng.random() < 0.3:
            rule["userGroups"] = self.some(GROUPS)
        if rng.random() < 0.5:
            rule["verbs"] = self.some(VERBS, 4)
        if rng.random() < 0.2:
            rule["nonResourceURLs"] = self.some(URLS)
        if not rule.get("nonResourceURLs"):
            if rng.random() < 0.5:
                rule["resources"] = [self.resources() for _ in range(rng.randint(0, 3))]
            if rng.random() < 0.3:
                rule["namespaces"] = self.some(NAMESPACES)
        if rng.random() < 0.3:
            rule["omitStages"] = self.some(STAGES, 2)
        if rng.random() < 0.2:
            rule["omitManagedFields"] = rng.random() < 0.5
        return rule

    def policy(self) -> dict[str, Any]:
        """A policy that the server takes."""
        rng = self.rng
        held: dict[str, Any] = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy"}
        held["rules"] = [self.rule() for _ in range(rng.randint(1, 8))]
        if rng.random() < 0.3:
            held["omitStages"] = self.some(STAGES, 2)
        if rng.random() < 0.2:
            held["omitManagedFields"] = rng.random() < 0.5
        return held

    def malformed(self) -> str:
        """A policy with something wrong in it, which the server may take or refuse."""
        held = self.policy()
        rule = self.rng.choice(held["rules"])
        for wrong in self.rng.sample(WRONG, self.rng.choice([1, 1, 2])):
            wrong(self.rng, held, rule)
        text = yaml.safe_dump(held, sort_keys=False)
        return self.rng.choice(SPOILED)(text) if self.rng.random() < 0.15 else text


def _in_resources(rng: random.Random, rule: dict[str, Any], **keys: Any) -> None:
    rule.pop("nonResourceURLs", None)
    if not isinstance(rule.get("resources"), list):
        rule["resources"] = []
    rule["resources"].append({"group": "", "resources": ["pods"], **keys})


WRONG: list[Any] = [
    lambda rng, held, rule: rule.pop("level", None),
    lambda rng, held, rule: rule.update(level=rng.choice(["metadata", "Full", "", None, 1, True, ["Metadata"]])),
    lambda rng, held, rule: rule.update(omitStages=[rng.choice(["requestReceived", "", "Done", None, 3])]),
    lambda rng, held, rule: held.update(omitStages=rng.choice([["Everything"], "Panic", [["Panic"]], None, {}])),
    lambda rng, held, rule: rule.update(
        nonResourceURLs=[rng.choice(["version", "", "/a*b", "**", "/a**", "*a", None])]
    ),
    lambda rng, held, rule: rule.update(nonResourceURLs=["/version"], namespaces=["vault"]),
    lambda rng, held, rule: rule.update(nonResourceURLs=["/version"], resources=[{"group": ""}]),
    lambda rng, held, rule: _in_resources(
        rng, rule, group=rng.choice(["Apps", "*", "apps/v1", "-a", "a_b", "a" * 254, None, 5, "rbac.k8s.io", "a..b"])
    ),
    lambda rng, held, rule: _in_resources(rng, rule, resources=rng.choice([[], None]), resourceNames=["a"]),
    lambda rng, held, rule: _in_resources(rng, rule, resources=rng.choice(["pods", [1], [None], {"a": 1}])),
    lambda rng, held, rule: rule.update(resources=rng.choice(["pods", [None], ["pods"], {}, [[]]])),
    lambda rng, held, rule: rule.update(users=rng.choice(["eve", [7], [True], [None], {}, [["eve"]], [1.5]])),
    lambda rng, held, rule: rule.update(verbs=rng.choice(["*", None, [None], [0]])),
    lambda rng, held, rule: rule.update(omitManagedFields=rng.choice(["true", 1, None, [], "yes"])),
    lambda rng, held, rule: held.update(omitManagedFields=rng.choice(["no", 0, None, {}])),
    lambda rng, held, rule: held.update(
        apiVersion=rng.choice(["audit.k8s.io/v1beta1", "v1", "", None, "audit.k8s.io/v2", 1])
    ),
    lambda rng, held, rule: held.update(kind=rng.choice(["policy", "Event", "PolicyList", "", None, "Pod", 3])),
    lambda rng, held, rule: held.pop("kind"),
    lambda rng, held, rule: held.pop("apiVersion"),
    lambda rng, held, rule: held.update(rules=rng.choice([[], None, {}, "all", [None], [[]], ["Metadata"]])),
    lambda rng, held, rule: held.update(
        metadata=rng.choice(
            [None, {"name": "audit"}, {"name": 5}, "x", {"labels": {"a": "b"}}, {"labels": {"a": 1}}, {"labels": []}]
        )
    ),
    lambda rng, held, rule: held.update({rng.choice(["rule", "Rules", "spec", "omitstages"]): "x"}),
    lambda rng, held, rule: rule.update({rng.choice(["verb", "user", "Level", "resource", "namespace"]): ["get"]}),
    lambda rng, held, rule: _in_resources(rng, rule, **{rng.choice(["names", "apiGroup", "subresources"]): ["x"]}),
]
"""Each spoils a policy, in a way that the server refuses, passes over, or takes for something else."""

SPOILED: list[Any] = [
    lambda text: "",
    lambda text: "# nothing\n",
    lambda text: text[: len(text) // 2],
    lambda text: text.replace("level: ", "level:\t", 1),
    lambda text: text + "  - level: [\n",
    lambda text: "[" + text,
    lambda text: text + "---\nkind: Other\n",
    lambda text: text.replace("level: None", "level: no", 1),
    lambda text: "rules:\n- level: Metadata\n  verbs: [no]\nkind: Policy\napiVersion: audit.k8s.io/v1\n",
    lambda text: "rules:\n- level: Metadata\n  users: [y, n]\nkind: Policy\napiVersion: audit.k8s.io/v1\n",
    lambda text: "rules:\n- level: Metadata\n  users: [0o17]\nkind: Policy\napiVersion: audit.k8s.io/v1\n",
    lambda text: "rules:\n- level: Metadata\n  users: [1_000]\nkind: Policy\napiVersion: audit.k8s.io/v1\n",
    lambda text: "rules:\n- level: Metadata\n  users: [2001-01-01]\nkind: Policy\napiVersion: audit.k8s.io/v1\n",
    lambda text: "rules:\n- level: Metadata\n  omitManagedFields: yes\nkind: Policy\napiVersion: audit.k8s.io/v1\n",
    lambda text: '{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}',
    lambda text: '{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}',
    lambda text: "null\n",
    lambda text: "just words\n",
]
"""Each takes the text of a policy and gives another."""
