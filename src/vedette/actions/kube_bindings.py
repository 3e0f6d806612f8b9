"""Who is bound to what, and who of them may do everything: so that no action takes the last person out.

A rule of RBAC allows everything where apiGroups, resources and verbs hold `*` and resourceNames is empty
(pkg/apis/rbac/v1/evaluation_helpers.go of kubernetes/kubernetes); what the role is called does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vedette.actions.base import Argument, Refused
from vedette.actions.kube import RBAC, KubeActions, Object, described, path_of
from vedette.actions.kube_names import BREAK_GLASS, is_subject, subjects_of

CLUSTER, NAMESPACED = ("clusterrolebindings", "ClusterRoleBinding"), ("rolebindings", "RoleBinding")
MASTERS = Argument(
    "masters",
    f"yes where one of you is in {BREAK_GLASS} (admin.conf), so that the last who is bound may go",
    choices=("yes",),
)
"""An argument of each action that takes rights away."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A binding, and where it stands."""

    path: str
    found: Object

    @property
    def subjects(self) -> list[Object]:
        """Whom it names."""
        return list(self.found.get("subjects") or [])

    @property
    def namespace(self) -> str:
        """Nothing for the cluster's."""
        return str(self.found["metadata"].get("namespace", ""))

    def of(self, actor: str, kind: str) -> list[Object]:
        """Its subjects that are the actor."""
        wanted = subjects_of(actor, kind, self.namespace)
        return [one for one in self.subjects if is_subject(one, wanted)]

    def __str__(self) -> str:
        """`ClusterRoleBinding ops (ClusterRole edit)`."""
        role = self.found["roleRef"]
        return f"{described(self.path)} ({role['kind']} {role['name']})"


def bindings(kube: KubeActions, lists: Sequence[tuple[str, str]] = (CLUSTER, NAMESPACED)) -> list[Bound]:
    """All ClusterRoleBindings, then all RoleBindings. Raises CannotLook."""
    found = []
    for plural, kind in lists:
        for one in kube.listed(f"{RBAC}/{plural}"):
            metadata = one["metadata"]
            path = path_of(plural, metadata["name"], metadata.get("namespace", ""))
            found.append(Bound(path, {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind} | one))
    return found


def roles(kube: KubeActions) -> dict[str, Object]:
    """Name -> each ClusterRole. Raises CannotLook."""
    return {str(one["metadata"]["name"]): one for one in kube.listed(f"{RBAC}/clusterroles")}


def admins(bound: Iterable[tuple[str, Sequence[Object]]], roles: Mapping[str, Object], without: str = "") -> set[str]:
    """The people and groups who may do everything in the cluster, as `User alice`; `bound`: ClusterRole and subjects of
    each ClusterRoleBinding. `without`: as it will be once that ClusterRole is gone.

    Neither service accounts nor names of the system's own count: nobody signs in as one to let somebody in again.
    """
    wide = {name for name in roles if _allows_all(name, roles, without)}
    return {
        f"{one['kind']} {one['name']}"
        for role, subjects in bound
        if role in wide
        for one in subjects
        if one.get("kind") in ("User", "Group") and not str(one.get("name")).startswith("system:")
    }


def grants(bound: Iterable[Bound]) -> list[tuple[str, Sequence[Object]]]:
    """As `admins` takes them, those of the cluster alone."""
    return [(str(one.found["roleRef"]["name"]), one.subjects) for one in bound if not one.namespace]


def somebody_left(before: set[str], after: set[str], masters: str) -> list[str]:
    """What to say of who may still do everything, where some people may not any more. Raises Refused where nobody would
    be left who is known. `masters`: the argument of this name."""
    lost = sorted(before - after)
    if not lost or any(one.startswith("User ") for one in after):
        return []
    if after:
        return [f"only a group may do everything then, and who is in it cannot be told: {', '.join(sorted(after))}"]
    if masters:
        return [f"nobody is bound to every right then; {BREAK_GLASS} is left, which you say one of you is in"]
    raise Refused(
        f"{', '.join(lost)} is the last who is bound to every right: nobody could undo this",
        "bind somebody else first: kubectl create clusterrolebinding NAME --clusterrole=cluster-admin --user=WHO; "
        f"or, where one of you is in {BREAK_GLASS} (admin.conf, k3s.yaml), say masters=yes",
    )


def _allows_all(name: str, roles: Mapping[str, Object], without: str, within: frozenset[str] = frozenset()) -> bool:
    """An aggregated role holds what the controller wrote into it, from the roles that its selectors choose but itself
    (pkg/controller/clusterroleaggregation); when one of these goes, so does what came from it."""
    role = roles[name]
    if name == without or name in within or not any(map(_all, role.get("rules") or [])):
        return False
    if not without or (selectors := (role.get("aggregationRule") or {}).get("clusterRoleSelectors")) is None:
        return True
    return any(
        _allows_all(other, roles, without, within | {name})
        for other, one in roles.items()
        if any(_chosen(one["metadata"].get("labels") or {}, selector) for selector in selectors)
    )


def _all(rule: Object) -> bool:
    return not rule.get("resourceNames") and all(
        "*" in (rule.get(part) or ()) for part in ("apiGroups", "resources", "verbs")
    )


def _chosen(labels: Mapping[str, str], selector: Object) -> bool:
    """Whether a label selector chooses it (k8s.io/apimachinery, LabelSelector): all parts hold."""
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        {
            "In": labels.get(one["key"]) in (one.get("values") or ()),
            "NotIn": labels.get(one["key"]) not in (one.get("values") or ()),
            "Exists": one["key"] in labels,
            "DoesNotExist": one["key"] not in labels,
        }[one["operator"]]
        for one in selector.get("matchExpressions") or []
    )
