"""authentik.deactivate: somebody cannot log in until they are set active again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vedette.actions.authentik import AuthentikActions, User, call
from vedette.actions.authentik_grants import USER
from vedette.actions.base import Call, Kind, Plan, Refused

_CHANGE = "authentik_core.change_user"
_PEOPLE = ("internal", "external", "")
"""Types of users that are a person's (UserTypeEnum)."""


class Deactivate(AuthentikActions):
    """is_active of one user."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        user = self.target(given["user"], self.me())
        if user.active and user.superuser:
            self._not_the_last(user)
        calls = [self._switch(user, active=False)] if user.active else []
        return Plan(
            action=KIND.name,
            given=dict(given),
            where=self.authentik.server,
            does=f"deactivate {user}" if calls else f"{user} is not active: nothing to do",
            calls=calls,
            seen={user.path: f"{user.name}, {'active' if user.active else 'not active'}"},
            breaks=[
                f"{user.name} can neither log in nor use a token of authentik's",
                "recent versions delete the user's access and refresh tokens with it: undo brings none back",
            ]
            if calls
            else [],
            remains=[
                f"what is open already: authentik.end-sessions {user.pk}, authentik.revoke-tokens {user.pk}",
                "ID tokens that are out: each is good until it expires, for Kubernetes as well",
                "a source that users are synchronised from (LDAP, SCIM) may set it active again",
            ],
            undo=KIND.undo,
        )

    def undo(self, plan: Plan, done: Sequence[Call]) -> Plan:
        """As `base.Action` has it: set active again, where the user is there and is not active."""
        back = [Call(**one.kept) for one in done if one.kept]
        checks = [self.check(one) for one in back]
        return Plan(
            action=plan.action,
            given=plan.given,
            where=plan.where,
            does=f"take back: {plan.does}",
            calls=[one for one, check in zip(back, checks, strict=True) if not check.holds and not check.why],
            remains=[f"{check.says}: {check.why}" for check in checks if check.why],
        )

    def _not_the_last(self, user: User) -> None:
        """Raises Refused where no other person could put it right again, CannotLook."""
        others = self.users({"is_active": "true", "is_superuser": "true"})
        if not any(one.pk != user.pk and one.active and one.superuser and one.kind in _PEOPLE for one in others):
            raise Refused(
                f"{user} is the last active superuser who is a person", "make another one first, or do it by hand"
            )

    def _switch(self, user: User, *, active: bool) -> Call:
        word = "active" if active else "not active"
        return call(
            self.authentik,
            "PATCH",
            user.path,
            f"set {user} {word}",
            body={"is_active": active},
            expects={"says": f"{user} is {word}", "active": active, "right": _CHANGE},
            kept=None if active else self._switch(user, active=True).as_kept(),
        )


KIND = Kind(
    name="authentik.deactivate",
    says="keep a user from logging in",
    arguments=(USER,),
    undo="the user is set active again; sessions and tokens that ended stay so",
    make=Deactivate,
)
