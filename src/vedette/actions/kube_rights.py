"""The least rights of the actions on the Kubernetes API, as an RBAC manifest.

Each right stands for a request that the action makes; tests on a real server show that they suffice, and that one less
does not. `bind` is among those of whatever changes or makes a binding: the API server asks for it, or for every right
that the role holds (kubernetes.io/docs/reference/access-authn-authz/rbac, privilege escalation prevention).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vedette.escape import yaml


class Right(NamedTuple):
    """Verbs on one resource."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    why: str


_RBAC = "rbac.authorization.k8s.io"
_LIST = (
    Right(_RBAC, "clusterrolebindings", ("list",), "who is bound"),
    Right(_RBAC, "rolebindings", ("list",), "who is bound"),
)
_ROLES = Right(_RBAC, "clusterroles", ("list",), "who may do everything")
_BIND = (
    Right(_RBAC, "clusterroles", ("bind",), "to make a binding again, or change one"),
    Right(_RBAC, "roles", ("bind",), "to make a binding again, or change one"),
)


def _kept(resource: str) -> tuple[Right, ...]:
    return (Right(_RBAC, resource, ("get", "delete", "create"), "create: undo"),)


RIGHTS: dict[str, tuple[Right, ...]] = {
    "kube.suspend-actor": (
        *_LIST,
        _ROLES,
        *(
            Right(_RBAC, one, ("get", "delete", "patch", "create"), "create: undo")
            for one in ("clusterrolebindings", "rolebindings")
        ),
        *_BIND,
    ),
    "kube.rotate-token": (
        Right("", "secrets", ("list", "get", "delete"), "token Secrets; RBAC cannot tell them from others"),
        Right("", "serviceaccounts", ("get", "delete", "create"), "how=recreate"),
        Right("", "pods", ("list", "get", "delete"), "the pods that hold a token"),
    ),
    "kube.delete-clusterrole": (
        *_LIST,
        _ROLES,
        *_kept("clusterroles"),
        Right(_RBAC, "clusterroles", ("escalate",), "undo: to make a role again that holds more than this account"),
    ),
    "kube.delete-binding": (
        _LIST[0],
        _ROLES,
        *_kept("clusterrolebindings"),
        *_kept("rolebindings"),
        *_BIND,
    ),
    "kube.cordon-all": (Right("", "nodes", ("list", "get", "patch"), ""),),
    "kube.uncordon": (Right("", "nodes", ("get", "patch"), ""),),
    "kube.secrets-read": (Right("", "pods", ("list",), "what runs with a Secret"),),
}
"""Action -> what it asks of the API server; a SelfSubjectReview besides, which everybody may make."""
POWERFUL = {
    "bind": "bind lets its holder give anybody any role",
    "escalate": "escalate lets its holder write any role",
}


def manifest(names: Sequence[str]) -> str:
    """YAML of a ServiceAccount, a ClusterRole with what these actions need, and their binding. Raises KeyError."""
    rights = merged(one for name in names for one in RIGHTS[name])
    verbs = {verb for one in rights for verb in one.verbs}
    warned = [f"# Guard it like the admin's: {said}." for verb, said in POWERFUL.items() if verb in verbs]
    if any(one.resource == "secrets" for one in rights):
        warned.append("# It may list Secrets, which shows them: K3 tells of it in a sensitive namespace.")
    lines = [f"# What vedette needs for {', '.join(names)}, undo included, and nothing more.", *warned, _HEAD.rstrip()]
    for one in rights:
        why = f"  # {one.why}" if one.why else ""
        lines += [
            f"- apiGroups: [{yaml(one.group)}]",
            f"  resources: [{yaml(one.resource)}]{why}",
            f"  verbs: [{', '.join(one.verbs)}]",
        ]
    return "\n".join(lines) + "\n" + _TAIL


def merged(rights: Iterable[Right]) -> list[Right]:
    """One right a resource, its verbs in the order in which they came."""
    found: dict[tuple[str, str], Right] = {}
    for one in rights:
        key = (one.group, one.resource)
        before = found.get(key, Right(*key, (), ""))
        verbs = tuple(dict.fromkeys([*before.verbs, *one.verbs]))
        found[key] = Right(*key, verbs, "; ".join(dict.fromkeys([why for why in (before.why, one.why) if why])))
    return list(found.values())


_HEAD = """\
#   kubectl create namespace vedette
#   vedette action rights NAME… | kubectl apply -f -
# A token for the hour in which it is needed:
#   (umask 077; kubectl -n vedette create token vedette-actions --duration=1h > kube.token)
apiVersion: v1
kind: ServiceAccount
metadata:
  name: vedette-actions
  namespace: vedette
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: vedette-actions
rules:
"""
_TAIL = """\
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: vedette-actions
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: vedette-actions
subjects:
- kind: ServiceAccount
  name: vedette-actions
  namespace: vedette
"""
