"""kube.delete-clusterrole, kube.delete-binding: a role or binding that should not be, kept so that it can be made
again."""

from __future__ import annotations

from collections.abc import Mapping

from vedette.actions.base import Argument, Kind, Plan, Refused
from vedette.actions.kube import KubeActions, Object, clean, delete, described, label, path_of, segment, state
from vedette.actions.kube_names import is_me, shipped
from vedette.actions.kube_suspend import bindings

_VERSION = "rbac.authorization.k8s.io/v1"


class DeleteRole(KubeActions):
    """Deletes a ClusterRole; its bindings stay, and give nothing."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        name = segment("ClusterRole", given["name"])
        path = path_of("clusterroles", name)
        found = _there(self, path)
        me = self.whoami()
        role = {"kind": "ClusterRole", "name": name}
        bound = [one for one in bindings(self) if {key: one.found["roleRef"].get(key) for key in role} == role]
        for one in bound:
            if any(is_me(subject, me) for subject in one.subjects):
                raise Refused(f"vedette's own account has rights by {one}", "act as somebody else")
        return Plan(
            action=ROLE.name,
            given=dict(given),
            where=self.kube.server,
            does=f"delete ClusterRole {name}",
            calls=[delete(path, found, keep=clean(found, "ClusterRole", _VERSION))],
            seen={path: state(found)},
            breaks=[f"{_names(one.subjects)} by {one}" for one in bound],
            remains=["its bindings: they work again as soon as a role of this name is there"] if bound else [],
            undo=ROLE.undo,
        )


class DeleteBinding(KubeActions):
    """Deletes a ClusterRoleBinding, or a RoleBinding in a namespace."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        name, namespace = segment("binding", given["name"]), given["namespace"]
        if namespace:
            label("namespace", namespace)
        kind = "RoleBinding" if namespace else "ClusterRoleBinding"
        path = path_of(f"{kind.lower()}s", name, namespace)
        found = _there(self, path)
        me = self.whoami()
        if any(is_me(subject, me) for subject in found.get("subjects") or []):
            raise Refused(f"vedette's own account has rights by {described(path)}", "act as somebody else")
        role = found["roleRef"]
        return Plan(
            action=BINDING.name,
            given=dict(given),
            where=self.kube.server,
            does=f"delete {described(path)}, which gives {role['kind']} {role['name']}",
            calls=[delete(path, found, keep=clean(found, kind, _VERSION))],
            seen={path: state(found)},
            breaks=[f"what {_names(found.get('subjects') or [])} did by it"],
            undo=BINDING.undo,
        )


def _there(kube: KubeActions, path: str) -> Object:
    """Raises Refused where it is not, or came with Kubernetes."""
    found = kube.read(path)
    if found is None:
        raise Refused(
            f"there is no {described(path)}", "see kubectl get clusterroles,clusterrolebindings,rolebindings -A"
        )
    if shipped(found):
        raise Refused(f"{described(path)} came with Kubernetes, which may need it", "change it by hand, knowing why")
    return found


def _names(subjects: list[Object]) -> str:
    """Whom a binding names."""
    shown = [
        f"{one.get('kind')} {one.get('namespace', '') + '/' if one.get('namespace') else ''}{one.get('name')}"
        for one in subjects
    ]
    return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "") or "nobody"


_AGAIN = "it is made again as it was, unless somebody has made another of its name"
ROLE = Kind(
    name="kube.delete-clusterrole",
    says="delete a ClusterRole",
    arguments=(Argument("name", "its name", required=True),),
    undo=_AGAIN,
    make=DeleteRole,
)
BINDING = Kind(
    name="kube.delete-binding",
    says="delete a ClusterRoleBinding, or with namespace= a RoleBinding",
    arguments=(Argument("name", "its name", required=True), Argument("namespace", "of a RoleBinding")),
    undo=_AGAIN,
    make=DeleteBinding,
)
