"""Whom and what no action on the Kubernetes API touches: the system's own identities, and what lets vedette act."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vedette.actions.base import Refused
from vedette.actions.kube import Object, Who, label, subdomain
from vedette.actions.kube_shipped import SHIPPED

ACCOUNT = "system:serviceaccount:"
BREAK_GLASS = "system:masters"
"""The group that needs no binding; who is in it is written in client certificates, and nobody can list them."""


@dataclass(frozen=True, slots=True)
class Account:
    """A service account."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Its user name."""
        return f"{ACCOUNT}{self.namespace}:{self.name}"


def account_of(text: str) -> Account:
    """`system:serviceaccount:NAMESPACE:NAME` or NAMESPACE/NAME. Raises Refused."""
    plain = text.removeprefix(ACCOUNT)
    namespace, _, name = plain.partition(":") if plain != text else text.partition("/")
    if not namespace or not name:
        raise Refused(
            f"{text!r} is no service account", "write system:serviceaccount:NAMESPACE:NAME, or NAMESPACE/NAME"
        )
    return Account(label("namespace", namespace), subdomain("service account", name))


def not_the_systems(actor: str, me: Who) -> None:
    """Raises Refused for an identity that the cluster or vedette itself lives by."""
    if actor == me.username:
        raise Refused(f"{actor} is vedette's own account", "act as somebody else; see `actions` in the settings")
    if actor in me.groups:
        raise Refused(f"vedette's own account is in the group {actor}", "act as somebody else")
    if actor.startswith(f"{ACCOUNT}kube-system:"):
        raise Refused(
            f"{actor} belongs to the system: without it controllers, DNS or the network may stop",
            "look at its bindings and pods yourself: kubectl -n kube-system get pods,rolebindings",
        )
    if actor.startswith("system:") and not actor.startswith(ACCOUNT):
        raise Refused(
            f"{actor} is one of the system's own identities",
            "a binding that names it and should not: kube.delete-binding",
        )


def subjects_of(actor: str, kind: str, namespace: str) -> tuple[Object, ...]:
    """The subjects, without apiGroup, that name the actor in a binding of `namespace` (nothing: the cluster's)."""
    group = "Group" if kind == "group" else "User"
    found: list[Object] = [{"kind": group, "name": actor}]
    if kind != "group" and actor.startswith(ACCOUNT):
        account = account_of(actor)
        found.append({"kind": "ServiceAccount", "name": account.name, "namespace": account.namespace})
        if account.namespace == namespace:
            found.append({"kind": "ServiceAccount", "name": account.name})
    return tuple(found)


def is_subject(subject: Object, wanted: Iterable[Object]) -> bool:
    """Whether a binding's subject is one of these."""
    plain = {key: value for key, value in subject.items() if key in ("kind", "name", "namespace") and value}
    return plain in wanted


def groups_of(actor: str, given: str) -> tuple[str, ...]:
    """The groups that an actor is in: those given, comma-separated, and those that a service account always has."""
    found = [one.strip() for one in given.split(",") if one.strip()]
    if actor.startswith(ACCOUNT):
        found += ["system:serviceaccounts", f"system:serviceaccounts:{account_of(actor).namespace}"]
    return (*dict.fromkeys([*found, "system:authenticated"]),)


def shipped(found: Object) -> bool:
    """Whether a role or binding came with Kubernetes, and is needed by it."""
    return str(found["metadata"]["name"]) in SHIPPED


def is_me(subject: Object, me: Who) -> bool:
    """Whether a subject names vedette's own account, or a group of people that it is in: a binding for everybody
    (system:authenticated) names it as well, and is what an attacker leaves behind."""
    if subject.get("kind") == "Group":
        name = str(subject.get("name"))
        return name in me.groups and not name.startswith("system:")
    return is_subject(subject, subjects_of(me.username, "user", str(subject.get("namespace", ""))))
