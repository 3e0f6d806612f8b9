"""authentik.end-sessions, authentik.revoke-tokens: what lets somebody act without logging in again ends, one by one.

Deleting is all that the API has for it: an authenticated session, what an application got by OAuth2 or OpenID Connect
(refresh and access tokens, authorization codes), and tokens of the user's own (API tokens, app passwords, recovery
links). With a session authentik itself deletes the access tokens that came from it, and tells applications that have a
back-channel logout (providers/oauth2/signals.py); refresh tokens outlive it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vedette.actions.authentik import AuthentikActions, User, call, owner, part
from vedette.actions.base import Argument, Call, CannotLook, Check, Kind, Plan
from vedette.clients.authentik import Object

_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Collection:
    """One kind of thing that is a user's and can be deleted."""

    path: str
    """Of the schema."""
    model: str
    """APP.MODEL, for permissions."""
    called: str
    by_name: bool
    """Filtered by the user's name; else by the number."""
    key: str
    """What names one in its path."""
    shows: Callable[[Object], dict[str, str]]

    @property
    def view(self) -> str:
        """The permission to see all of them."""
        return self.model.replace(".", ".view_")

    @property
    def delete(self) -> str:
        """The permission to delete them."""
        return self.model.replace(".", ".delete_")


def _session(one: Object) -> dict[str, str]:
    return {
        "what": f"session from {_text(one.get('last_ip'))}",
        "by": _agent(one),
        "last used": _text(one.get("last_used")),
        "ends": _text(one.get("expires")),
    }


def _oauth2(called: str) -> Collection:
    """What the OAuth2 provider keeps: authorization codes, access and refresh tokens."""

    def shows(one: Object) -> dict[str, str]:
        return {
            "what": f"{called} of {application(one)}",
            "by": f"scope {_text(' '.join(map(str, one.get('scope') or ())))}",
            "last used": "is not kept",
            "ends": _text(one.get("expires")),
        }

    return Collection(
        path=f"/oauth2/{called.replace(' ', '_')}s/",
        model=f"authentik_providers_oauth2.{called.replace(' ', '')}",
        called=called,
        by_name=False,
        key="pk",
        shows=shows,
    )


def _token(one: Object) -> dict[str, str]:
    return {
        "what": f"token {_text(one.get('identifier'))} ({_text(one.get('intent')) or 'api'})",
        "by": _text(one.get("description")) or "no description",
        "last used": "is not kept",
        "ends": _text(one.get("expires")) if one.get("expiring") else "never",
    }


SESSIONS = Collection(
    path="/core/authenticated_sessions/",
    model="authentik_core.authenticatedsession",
    called="session",
    by_name=True,
    key="uuid",
    shows=_session,
)
REFRESH = _oauth2("refresh token")
CODES = _oauth2("authorization code")
ACCESS = _oauth2("access token")
TOKENS = Collection(
    path="/core/tokens/",
    model="authentik_core.token",
    called="token",
    by_name=True,
    key="identifier",
    shows=_token,
)
# A refresh token makes access tokens, and a session both: what makes others ends first.
OF_SESSIONS = (SESSIONS, REFRESH, CODES, ACCESS)
OF_TOKENS = (TOKENS,)
_ISSUED = (
    "ID tokens, and access tokens that an application checks by itself: what is out already stays good until it "
    "expires; Kubernetes takes an ID token until then"
)


class _Ends(AuthentikActions, ABC):
    """Deletes all that one user has in some collections."""

    name: str
    collections: tuple[Collection, ...]

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        me = self.me()
        user = self.target(given["user"], me)
        calls: list[Call] = []
        rows: list[dict[str, str]] = []
        unseen: list[str] = []
        for kind in self.collections:
            found = self._of(user, kind)
            calls += [self._end(user, kind, one) for one in found]
            rows += [kind.shows(one) for one in found]
            if not found and not self.sees_others(kind.path, kind.view, me):
                unseen.append(_unseen(kind))
        number = {kind.called: sum(one.expects["kind"] == kind.path for one in calls) for kind in self.collections}
        counted = ", ".join(f"{count} {called}{'' if count == 1 else 's'}" for called, count in number.items() if count)
        return Plan(
            action=self.name,
            given=dict(given),
            where=self.authentik.server,
            does=f"end {counted} of {user}" if calls else f"nothing of {user} is there to end: nothing to do",
            calls=calls,
            seen={one.path: "there" for one in calls},
            breaks=self.breaks(user) if calls else [],
            remains=[*unseen, *self.remains(user)],
            found=rows,
        )

    @abstractmethod
    def breaks(self, user: User) -> list[str]:
        """What is cut off."""

    @abstractmethod
    def remains(self, user: User) -> list[str]:
        """What is not reached."""

    def verify(self, plan: Plan) -> Sequence[Check]:
        """As `base.Action` has it; what came in between is seen too."""
        checks = list(super().verify(plan))
        whose = {int(one.expects["user"]) for one in plan.calls}
        for pk in whose:
            try:
                if (user := self.by_number(pk)) is not None:
                    checks += self._nothing_left(user, plan, self.me())
            except CannotLook as error:
                checks.append(Check(f"nothing came since for user {pk}", None, str(error)))
        return checks

    def _nothing_left(self, user: User, plan: Plan, me: User) -> list[Check]:
        checks = []
        for kind in self.collections:
            says = f"{user.name} has no {kind.called}"
            try:
                found = self._of(user, kind)
                # What the plan saw was seen by the same right.
                proven = any(one.expects["kind"] == kind.path for one in plan.calls)
                if found or proven or self.sees_others(kind.path, kind.view, me):
                    new = "; ".join(kind.shows(one)["what"] for one in found[:3])
                    checks.append(Check(says, not found, f"{len(found)}: {new}" if found else ""))
                else:
                    checks.append(Check(says, None, _unseen(kind)))
            except CannotLook as error:
                checks.append(Check(says, None, str(error)))
        return checks

    def _of(self, user: User, kind: Collection) -> list[Object]:
        """What is the user's. Raises CannotLook."""
        query = {"user__username": user.name} if kind.by_name else {"user": str(user.pk)}
        if kind.by_name and user.name != user.name.strip():
            # Django's filters take blanks off at both ends.
            query = {}
        found = {one.get(kind.key): one for one in self.each(kind.path, kind.view, query) if owner(one) == user.pk}
        return [found[key] for key in sorted(found, key=str)]

    def _end(self, user: User, kind: Collection, one: Object) -> Call:
        name = one.get(kind.key)
        of = f" of {application(one)}" if isinstance(one.get("provider"), dict) else ""
        does = f"end the {kind.called} {name}{of}, {user.name}'s"
        says = f"there is no {kind.called} {name}"
        expects = {"says": says, "kind": kind.path, "right": kind.delete, "user": user.pk}
        return call(self.authentik, "DELETE", f"{kind.path}{part(name)}/", does, expects=expects)


class EndSessions(_Ends):
    """Sessions, and what applications got by them."""

    name = "authentik.end-sessions"
    collections = OF_SESSIONS

    def breaks(self, user: User) -> list[str]:
        """As `_Ends` has it."""
        return [f"{user.name} is logged out of authentik, and applications that renew a token have to log in again"]

    def remains(self, user: User) -> list[str]:
        """As `_Ends` has it."""
        again = [f"{user.name} can log in again, and so can whoever has the password: authentik.deactivate"]
        return [
            *(again if user.active else []),
            f"API tokens and app passwords of {user.name}: authentik.revoke-tokens",
            _ISSUED,
            "sessions at the applications themselves; those with a back-channel logout are told by authentik",
        ]


class RevokeTokens(_Ends):
    """API tokens, app passwords, and what recovery links hold."""

    name = "authentik.revoke-tokens"
    collections = OF_TOKENS

    def breaks(self, user: User) -> list[str]:
        """As `_Ends` has it."""
        return [f"whatever uses a token of {user.name}; their names are kept here, their keys are gone for good"]

    def remains(self, user: User) -> list[str]:
        """As `_Ends` has it."""
        again = [f"{user.name} can make new ones: authentik.deactivate"] if user.active else []
        return [*again, f"sessions, and what applications got by them: authentik.end-sessions {user.pk}"]


def application(one: Object) -> str:
    """Which application a grant is for."""
    provider = one.get("provider")
    found = provider if isinstance(provider, dict) else {}
    return _text(found.get("assigned_application_name") or found.get("name")) or "an unnamed application"


def _unseen(kind: Collection) -> str:
    return (
        f"{kind.called}s: none is shown, of anybody: there is none at all, or vedette may not see them; "
        f"that would be {kind.view}"
    )


def _agent(one: Object) -> str:
    """Browser and system in a few words; else what the client sent."""
    parsed = one.get("user_agent")
    found = parsed if isinstance(parsed, dict) else {}
    names = [
        str(program["family"])
        for program in (found.get("user_agent"), found.get("os"))
        if isinstance(program, dict) and program.get("family") not in ("", "Other", None)
    ]
    return _text(" on ".join(names) or one.get("last_user_agent")) or "no user agent"


def _text(value: object) -> str:
    text = " ".join(str(value or "").split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


USER = Argument("user", "username, e-mail address or number of one user", required=True)
END_SESSIONS = Kind(
    name=EndSessions.name,
    says="end a user's sessions, and the tokens and codes that applications got",
    arguments=(USER,),
    undo="",
    make=EndSessions,
)
REVOKE_TOKENS = Kind(
    name=RevokeTokens.name,
    says="delete a user's API tokens, app passwords and recovery tokens",
    arguments=(USER,),
    undo="",
    make=RevokeTokens,
)
