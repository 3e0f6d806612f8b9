"""kube.delete-clusterrole, kube.delete-binding: a role or binding that should not be, kept so that it can be made
again."""

from __future__ import annotations

from collections.abc import Mapping

from vedette.actions.base import Argument, Kind, Plan, Refused
from vedette.actions.kube import KubeActions, Object, clean, delete, described, label, path_of, segment, state
from vedette.actions.kube_bindings import CLUSTER, MASTERS, admins, bindings, grants, roles, somebody_left
from vedette.actions.kube_names import is_me, shipped

_VERSION = "rbac.authorization.k8s.io/v1"


class DeleteRole(KubeActions):
    """Deletes a ClusterRole; its bindings stay, and give nothing."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        name = role_of(given["name"])
        path = path_of("clusterroles", name)
        found = _there(self, path)
        me = self.whoami()
        role = {"kind": "ClusterRole", "name": name}
        every, known = bindings(self), roles(self)
        bound = [one for one in every if {key: one.found["roleRef"].get(key) for key in role} == role]
        for one in bound:
            if any(is_me(subject, me) for subject in one.subjects):
                raise Refused(f"vedette's own account has rights by {one}", "act as somebody else")
        all_of_it = grants(every)
        left = somebody_left(admins(all_of_it, known), admins(all_of_it, known, name), given[MASTERS.name])
        return Plan(
            action=ROLE.name,
            given=dict(given),
            where=self.kube.server,
            does=f"delete ClusterRole {name}",
            calls=[delete(path, found, keep=clean(found, "ClusterRole", _VERSION))],
            seen={path: state(found)},
            breaks=[*(f"{_names(one.subjects)} by {one}" for one in bound), *left],
            remains=["its bindings: they work again as soon as a role of this name is there"] if bound else [],
            undo=ROLE.undo,
        )


class DeleteBinding(KubeActions):
    """Deletes a ClusterRoleBinding, or a RoleBinding in a namespace."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        name, namespace = binding_of(given["name"], given["namespace"])
        kind = "RoleBinding" if namespace else "ClusterRoleBinding"
        path = path_of(f"{kind.lower()}s", name, namespace)
        found = _there(self, path)
        me = self.whoami()
        if any(is_me(subject, me) for subject in found.get("subjects") or []):
            raise Refused(f"vedette's own account has rights by {described(path)}", "act as somebody else")
        role = found["roleRef"]
        left = [] if namespace else self._left(path, given[MASTERS.name])
        return Plan(
            action=BINDING.name,
            given=dict(given),
            where=self.kube.server,
            does=f"delete {described(path)}, which gives {role['kind']} {role['name']}",
            calls=[delete(path, found, keep=clean(found, kind, _VERSION))],
            seen={path: state(found)},
            breaks=[f"what {_names(found.get('subjects') or [])} did by it", *left],
            undo=BINDING.undo,
        )

    def _left(self, path: str, masters: str) -> list[str]:
        """What to say of who may do everything without it. Raises Refused, CannotLook."""
        every, known = bindings(self, (CLUSTER,)), roles(self)
        after = grants(one for one in every if one.path != path)
        return somebody_left(admins(grants(every), known), admins(after, known), masters)


def role_of(text: str) -> str:
    """A ClusterRole's name, from the name or an alert's object: clusterroles/NAME, of an observation ClusterRole/NAME.
    No name of RBAC holds a slash (IsValidPathSegmentName of kubernetes/kubernetes). Raises Refused."""
    place, slash, name = text.rpartition("/")
    if slash and place not in ("clusterroles", "ClusterRole"):
        raise Refused(f"{text!r} is no ClusterRole", "write its name, or clusterroles/NAME as an alert has it")
    return segment("ClusterRole", name)


def binding_of(text: str, namespace: str) -> tuple[str, str]:
    """A binding's name, and its namespace or nothing, from the name or an alert's object: clusterrolebindings/NAME,
    NAMESPACE/rolebindings/NAME, of an observation ClusterRoleBinding//NAME, RoleBinding/NAMESPACE/NAME. Raises
    Refused."""
    within: str | None
    match text.split("/"):
        case [name]:
            within = namespace or None
        case ["rolebindings", name]:
            within = namespace
        case ["RoleBinding", within, name] | [within, "rolebindings", name]:
            pass
        case ["clusterrolebindings", name] | ["ClusterRoleBinding", "", name]:
            within = None
        case _:
            raise Refused(
                f"{text!r} is no binding",
                "write its name, or as an alert has it: clusterrolebindings/NAME, NAMESPACE/rolebindings/NAME",
            )
    if namespace not in ("", within):
        raise Refused(f"{text!r} is not in the namespace {namespace!r}", "leave namespace= out")
    if within is not None:
        label("namespace", within)
    return segment("binding", name), within or ""


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
    arguments=(Argument("name", "its name, or clusterroles/NAME", required=True), MASTERS),
    undo=_AGAIN,
    make=DeleteRole,
)
BINDING = Kind(
    name="kube.delete-binding",
    says="delete a ClusterRoleBinding, or with namespace= a RoleBinding",
    arguments=(
        Argument("name", "its name, or the object as an alert has it", required=True),
        Argument("namespace", "of a RoleBinding"),
        MASTERS,
    ),
    undo=_AGAIN,
    make=DeleteBinding,
)
