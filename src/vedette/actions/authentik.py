"""What all actions on authentik share: whose account it is, one call, whether it is so now.

Paths and answers are those of the published schema, 2026.8. What it does not say was read in authentik's source
(rbac/filters.py, rbac/permissions.py): without the right to view, a list of sessions or tokens is not refused, it holds
one's own only. So an empty list proves something only where what is others' is seen as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import quote

from vedette.actions import unanswered
from vedette.actions.base import Call, CallFailed, CannotLook, Check, Known, Plan, Refused
from vedette.clients.authentik import API, Authentik, AuthentikRefused, Object, refused
from vedette.clients.base import BadSecret, NoAnswer
from vedette.clients.reading import json_body
from vedette.escape import shell

USERS = "/core/users/"
_ME = "/core/users/me/"
_VIEW_USER = "authentik_core.view_user"
_NUMBER = re.compile(r"[0-9]{1,9}\Z")
SYSTEM = "authentik"
"""As a person calls it."""
_LONGEST = 254
"""Of a name or address that the schema takes for a user."""
_SHOWN = 5
"""Users that are named where none is meant clearly."""


@dataclass(frozen=True, slots=True)
class User:
    """What authentik says of an account."""

    pk: int
    name: str
    """Its username."""
    email: str
    active: bool
    superuser: bool
    """By a group of its (is_superuser of the group)."""
    kind: str
    """internal, external, service_account or internal_service_account."""

    @property
    def path(self) -> str:
        """Of the schema."""
        return f"{USERS}{self.pk}/"

    def __str__(self) -> str:
        """Name, number and address: names may look alike."""
        return f"{self.name} (user {self.pk}{f', {self.email}' if self.email else ''})"


class AuthentikActions:
    """Looks at and changes one authentik; the actions are subclasses, each with its own `plan`."""

    def __init__(self, authentik: Authentik, _known: Known) -> None:
        self.authentik = authentik

    def close(self) -> None:
        """Let go of connections."""
        self.authentik.close()

    def each(self, path: str, right: str, query: Mapping[str, str]) -> Iterator[Object]:
        """The objects of a list, read page by page as they are taken. Raises CannotLook."""
        try:
            for page in self.authentik.pages(path, query):
                yield from page
        except (NoAnswer, BadSecret, AuthentikRefused) as error:
            raise self._cannot(path, error, right) from error

    def read(self, path: str, right: str) -> Object | None:
        """One object; None where there is none. Raises CannotLook."""
        try:
            answer = self.authentik.ask("GET", path)
            if answer.status == 404:
                return None
            found = json_body(answer.body)
            if answer.status != 200 or not isinstance(found, dict):
                raise refused(answer)
        except (NoAnswer, BadSecret, AuthentikRefused) as error:
            raise self._cannot(path, error, right) from error
        return found

    def me(self) -> User:
        """vedette's own account. Raises CannotLook."""
        found = (self.read(_ME, "nothing but a token that is taken") or {}).get("user")
        return self._user_of(found if isinstance(found, dict) else {})

    def target(self, text: str, me: User) -> User:
        """The one user who is called so, has that address or that number. Raises Refused, CannotLook."""
        if len(text) > _LONGEST or not text.isprintable():
            raise Refused(f"{text!r} is no user", "its username, e-mail address or number, as authentik lists it")
        found: dict[int, User] = {}
        for key in ("username", "email"):
            for one in self.each(USERS, _VIEW_USER, {key: text}):
                # The server may take a filter more loosely than it was meant.
                if one.get(key) == text:
                    user = self._user_of(one)
                    found[user.pk] = user
        if _NUMBER.match(text) and (numbered := self.by_number(int(text))) is not None:
            found[numbered.pk] = numbered
        if len(found) != 1:
            raise self._not_one(text, list(found.values()), me)
        (user,) = found.values()
        if user.pk == me.pk:
            raise Refused("that is the account that vedette itself acts with", "act with another token, or by hand")
        return user

    def by_number(self, pk: int) -> User | None:
        """A user; None where there is none. Raises CannotLook."""
        found = self.read(f"{USERS}{pk}/", _VIEW_USER)
        return self._user_of(found) if found is not None else None

    def _not_one(self, text: str, found: list[User], me: User) -> Refused | CannotLook:
        if found:
            named = "; ".join(map(str, found[:_SHOWN]))
            return Refused(f"{text!r} is {len(found)} users: {named}", "give the number of one")
        if not me.superuser and all(one.get("pk") == me.pk for one in self.each(USERS, _VIEW_USER, {})):
            return CannotLook(
                f"{self.authentik.url(USERS)}: nobody is shown but vedette's own account", f"grant {_VIEW_USER}"
            )
        near = [self._user_of(one) for one in islice(self.each(USERS, _VIEW_USER, {"search": text}), _SHOWN)]
        count = "upper and lower case count; leave out a prefix that an API server puts before (oidc:)"
        mend = f"did you mean {'; '.join(map(str, near))}?" if near else count
        return Refused(f"authentik has no user {text!r}", mend)

    def sees_others(self, path: str, right: str, me: User) -> bool:
        """Whether what is not vedette's own is shown in a list. Raises CannotLook."""
        return me.superuser or any(owner(one) not in (None, me.pk) for one in self.each(path, right, {}))

    def do(self, call: Call) -> str:
        """As `base.Action` has it; what somebody else did meanwhile counts as done."""
        path = call.path.removeprefix(API)
        try:
            answer = self.authentik.ask(call.method, path, call.body)
        except (NoAnswer, BadSecret) as error:
            raise unanswered.failed(self.authentik.server, error, SYSTEM) from error
        if answer.status in (200, 204):
            return f"HTTP {answer.status}"
        no = refused(answer)
        if answer.status == 404 and self.check(call).holds:
            return f"so already ({no})"
        raise CallFailed(str(no), mend(no, str(call.expects.get("right", ""))), known=answer.status < 500)

    def check(self, call: Call) -> Check:
        """As `base.Action` has it, by the keys of `expects`: `gone` or `active`, and `says`."""
        says = str(call.expects["says"])
        try:
            found = self.read(call.path.removeprefix(API), str(call.expects["right"]).replace(".delete_", ".view_"))
        except CannotLook as error:
            return Check(says, None, str(error))
        if "active" not in call.expects:
            return Check(says, found is None, "" if found is None else "it is there")
        if found is None:
            return Check(says, not call.expects["active"], "there is no such user any more")
        return Check(says, found.get("is_active") is call.expects["active"])

    def verify(self, plan: Plan) -> Sequence[Check]:
        """As `base.Action` has it."""
        return [self.check(call) for call in plan.calls]

    def undo(self, plan: Plan, done: Sequence[Call]) -> Plan:
        """As `base.Action` has it; what was deleted stays so."""
        raise AssertionError((plan.action, len(done)))

    def _user_of(self, found: Mapping[str, Any]) -> User:
        pk = found.get("pk")
        if not isinstance(pk, int):
            raise CannotLook(f"{self.authentik.server}: what answers there is no authentik: no user came")
        return User(
            pk=pk,
            name=str(found.get("username") or ""),
            email=str(found.get("email") or ""),
            active=bool(found.get("is_active")),
            superuser=bool(found.get("is_superuser")),
            kind=str(found.get("type") or ""),
        )

    def users(self, query: Mapping[str, str]) -> list[User]:
        """Those who meet a filter. Raises CannotLook."""
        return [self._user_of(one) for one in self.each(USERS, _VIEW_USER, query)]

    def _cannot(self, path: str, error: Exception, right: str) -> CannotLook:
        if isinstance(error, BadSecret):
            return CannotLook(str(error), mend(error, right))
        return CannotLook(f"{self.authentik.url(path)}: {error}", mend(error, right))


def owner(found: Mapping[str, Any]) -> int | None:
    """Whose a session, token or grant is: the number of a user, or an object that has it."""
    user = found.get("user")
    pk = user.get("pk") if isinstance(user, dict) else user
    return pk if isinstance(pk, int) else None


def call(
    authentik: Authentik,
    method: str,
    path: str,
    does: str,
    *,
    expects: Object,
    body: Object | None = None,
    kept: Object | None = None,
) -> Call:
    """One call; `path`: of the schema, every name in it quoted. By hand the token is in a file, not among the words."""
    words = ["curl", "-fsS", "-X", method, "-H", "@authentik.header"]
    if body is not None:
        words += ["-H", "Content-Type: application/json", "--data", json.dumps(body)]
    command = " ".join(map(shell, [*words, authentik.url(path)]))
    return Call(method=method, path=f"{API}{path}", body=body, does=does, command=command, expects=expects, kept=kept)


def part(value: object) -> str:
    """An identifier as a part of a path; none reaches another object. Raises CannotLook."""
    text = str(value) if isinstance(value, (str, int)) else ""
    if not text or not text.isprintable() or text in (".", ".."):
        raise CannotLook(f"authentik names something {value!r}, which is no name")
    return quote(text, safe="")


def mend(error: Exception, right: str) -> str:
    """What to do about an answer that did not come, or is a no."""
    if isinstance(error, AuthentikRefused) and error.status in (401, 403):
        said = str(error).lower()
        if error.status == 401 or "token" in said or "credentials" in said:
            return "authentik does not take the token: write one that lives, of intent API, into token_file"
        return f"grant {right}; `vedette action rights` prints all that an action needs"
    if isinstance(error, AuthentikRefused) and 300 <= error.status < 400:
        return "it leads elsewhere, and no token is sent there: name authentik's own address"
    if isinstance(error, AuthentikRefused):
        return "see that the address is authentik's own, and what its log says"
    return unanswered.mend(error, SYSTEM)
