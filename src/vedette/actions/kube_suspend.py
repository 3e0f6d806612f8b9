"""kube.suspend-actor: an actor keeps its identity and loses its rights, those that bindings give it by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vedette.actions.base import Argument, Call, Check, Kind, Plan, Refused
from vedette.actions.kube import RBAC, KubeActions, Object, clean, delete, described, patch_subjects, path_of, state
from vedette.actions.kube_names import (
    ACCOUNT,
    BREAK_GLASS,
    account_of,
    groups_of,
    is_subject,
    not_the_systems,
    shipped,
    subjects_of,
)

LISTS = (("clusterrolebindings", "ClusterRoleBinding"), ("rolebindings", "RoleBinding"))
_ADMIN = {"kind": "ClusterRole", "name": "cluster-admin"}


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

    @property
    def admin(self) -> bool:
        """It gives the whole cluster."""
        role = self.found["roleRef"]
        return not self.namespace and {key: role.get(key) for key in _ADMIN} == _ADMIN

    def of(self, actor: str, kind: str) -> list[Object]:
        """Its subjects that are the actor."""
        wanted = subjects_of(actor, kind, self.namespace)
        return [one for one in self.subjects if is_subject(one, wanted)]

    def __str__(self) -> str:
        """`ClusterRoleBinding ops (ClusterRole edit)`."""
        role = self.found["roleRef"]
        return f"{described(self.path)} ({role['kind']} {role['name']})"


def bindings(kube: KubeActions) -> list[Bound]:
    """All ClusterRoleBindings, then all RoleBindings. Raises CannotLook."""
    found = []
    for plural, kind in LISTS:
        for one in kube.listed(f"{RBAC}/{plural}"):
            metadata = one["metadata"]
            path = path_of(plural, metadata["name"], metadata.get("namespace", ""))
            found.append(Bound(path, {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind} | one))
    return found


class Suspend(KubeActions):
    """Takes the actor out of each binding: deletes one that names nobody else, and changes one that does."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        actor, kind = given["actor"], given["kind"] or "user"
        not_the_systems(actor, self.whoami())
        if actor.startswith(ACCOUNT):
            account_of(actor)
        every = bindings(self)
        mine = [one for one in every if one.of(actor, kind)]
        own = [str(one) for one in mine if shipped(one.found)]
        if own:
            raise Refused(
                f"{actor} is named by {own[0]}, which belongs to the system", "take it out by hand, knowing why"
            )
        _not_the_last(actor, kind, every)
        return Plan(
            action=KIND.name,
            given=dict(given),
            where=self.kube.server,
            does=f"suspend {actor}: take its rights away, {len(mine)} bindings in all",
            calls=[call for one in mine for call in _out(one, actor, kind)],
            seen={one.path: state(one.found) for one in mine},
            breaks=[f"what {actor} does by {one}" for one in mine],
            remains=_remains(actor, kind, given["groups"], every),
            undo=KIND.undo,
        )

    def verify(self, plan: Plan) -> Sequence[Check]:
        """Of all bindings, those that were made since included. Raises CannotLook."""
        actor, kind = plan.given["actor"], plan.given["kind"] or "user"
        naming = [str(one) for one in bindings(self) if one.of(actor, kind)]
        return [*super().verify(plan), Check(f"no binding names {actor}", not naming, ", ".join(naming))]


def _out(bound: Bound, actor: str, kind: str) -> list[Call]:
    mine = bound.of(actor, kind)
    left = [one for one in bound.subjects if one not in mine]
    if not left:
        return [delete(bound.path, bound.found, keep=clean(bound.found))]
    # One change a binding, however often it names the actor: the second would find it changed.
    return [patch_subjects(bound.path, bound.found, left, mine)]


def _not_the_last(actor: str, kind: str, every: Iterable[Bound]) -> None:
    """Raises Refused where nobody would be left who may do everything. People count for people: an account cannot let
    anybody in again."""
    admins = [one for one in every if one.admin]
    if not any(one.of(actor, kind) for one in admins):
        return
    others = [
        subject
        for one in admins
        for subject in one.subjects
        if subject not in one.of(actor, kind) and subject.get("name") != BREAK_GLASS
    ]
    if not actor.startswith(ACCOUNT):
        others = [one for one in others if one.get("kind") != "ServiceAccount"]
    if not others:
        raise Refused(
            f"{actor} is the last with cluster-admin: nobody could undo this",
            "bind cluster-admin to somebody else first",
        )


def _remains(actor: str, kind: str, given: str, every: Iterable[Bound]) -> list[str]:
    """What an actor whom no binding names may still do."""
    if kind == "group":
        return [f"what bindings give its members by name, and everything to members of {BREAK_GLASS}"]
    groups = groups_of(actor, given)
    wanted = [{"kind": "Group", "name": one} for one in groups]
    found = [
        f"rights by a group: {one}"
        for one in every
        if not shipped(one.found) and any(is_subject(subject, wanted) for subject in one.subjects)
    ]
    if not actor.startswith(ACCOUNT):
        if not given:
            found.append("rights by its groups: the log's user.groups names them; give them as groups=A,B to see which")
        found.append(f"everything, if it is in {BREAK_GLASS}: that needs no binding")
    found.append("what it made or read before; and its credentials, which are good again once it is bound again")
    return found


KIND = Kind(
    name="kube.suspend-actor",
    says="take a user, service account or group out of every binding that names it",
    arguments=(
        Argument("actor", "the user name as the log has it", required=True),
        Argument("kind", "user (a service account too) or group", choices=("user", "group")),
        Argument("groups", "the actor's groups, comma-separated, to see what it can do by them"),
    ),
    undo="its bindings are made again, and it is put back into those that name others",
    make=Suspend,
)
