"""kube.suspend-actor: an actor keeps its identity and loses its rights, those that bindings give it by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from vedette.actions.base import Argument, Call, Check, Kind, Plan, Refused
from vedette.actions.kube import KubeActions, clean, delete, patch_subjects, state
from vedette.actions.kube_bindings import MASTERS, Bound, admins, bindings, grants, roles, somebody_left
from vedette.actions.kube_names import (
    ACCOUNT,
    BREAK_GLASS,
    account_of,
    groups_of,
    is_subject,
    not_the_systems,
    shipped,
)


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
        left = _left(self, actor, kind, every, given[MASTERS.name])
        return Plan(
            action=KIND.name,
            given=dict(given),
            where=self.kube.server,
            does=f"suspend {actor}: take its rights away, {_bindings(len(mine))} in all"
            if mine
            else f"no binding names {actor}: there is nothing to take away",
            calls=[call for one in mine for call in _out(one, actor, kind)],
            seen={one.path: state(one.found) for one in mine},
            breaks=[*(f"what {actor} does by {one}" for one in mine), *left],
            remains=_remains(actor, kind, given["groups"], every),
            undo=KIND.undo,
        )

    def verify(self, plan: Plan) -> Sequence[Check]:
        """Of all bindings, those that were made since included. Raises CannotLook."""
        actor, kind = plan.given["actor"], plan.given["kind"] or "user"
        naming = [str(one) for one in bindings(self) if one.of(actor, kind)]
        return [*super().verify(plan), Check(f"no binding names {actor}", not naming, ", ".join(naming))]


def _bindings(number: int) -> str:
    return "1 binding" if number == 1 else f"{number} bindings"


def _out(bound: Bound, actor: str, kind: str) -> list[Call]:
    mine = bound.of(actor, kind)
    left = [one for one in bound.subjects if one not in mine]
    if not left:
        return [delete(bound.path, bound.found, keep=clean(bound.found))]
    # One change a binding, however often it names the actor: the second would find it changed.
    return [patch_subjects(bound.path, bound.found, left, mine)]


def _left(kube: KubeActions, actor: str, kind: str, every: Sequence[Bound], masters: str) -> list[str]:
    """What to say of who may still do everything. Raises Refused, CannotLook."""
    known = roles(kube)
    after = [
        (role, [subject for subject in one.subjects if subject not in one.of(actor, kind)])
        for one in every
        for role, _ in grants([one])
    ]
    return somebody_left(admins(grants(every), known), admins(after, known), masters)


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
        MASTERS,
    ),
    undo="its bindings are made again, and it is put back into those that name others",
    make=Suspend,
)
