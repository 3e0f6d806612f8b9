"""What all actions on Vault and OpenBao share: looking, one call, whether it is so now, whose token is vedette's own.

Learnt from Vault 1.21.4; OpenBao has the same paths (openbao.org/api-docs), and was not to be had for a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from vedette.actions import unanswered
from vedette.actions.base import BY_HAND, Call, CallFailed, CannotLook, Check, Known, Plan, Refused
from vedette.clients.base import Answer, BadSecret, NoAnswer
from vedette.clients.reading import json_body
from vedette.clients.vault import Vault, VaultRefused, refused
from vedette.escape import shell
from vedette.stamp import stamp

_TOKENS = "auth/token/"
_NO_VAULT = "see that address is Vault's own, and what its log says"
_NO_TOKEN = "write token_file beneath actions.vault, or give --server a Vault agent that shows its own"
MOST_TOKENS = 50_000
"""Accessors that are looked up one by one."""
_DONE = frozenset({200, 204})
SYSTEM = "Vault"
"""As a person calls it."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Token:
    """What Vault says of a token, by its accessor."""

    accessor: str
    name: str
    """Its display name, which proves nothing."""
    policies: tuple[str, ...]
    entity: str
    path: str
    """Where it was made: auth/userpass/login/ann, auth/token/create."""
    role: str
    """Of the login's metadata, or of the token role."""
    created: int
    """Seconds since 1970."""
    ttl: int
    """Seconds; 0: it never ends."""
    orphan: bool
    ends: str = ""
    """RFC 3339; nothing: it never does."""

    def row(self) -> dict[str, str]:
        """Whose it is, for a plan."""
        return {
            "token": self.name or "a token",
            "accessor": self.accessor,
            "policies": ", ".join(self.policies) or "none",
            "entity": self.entity or "none",
            "made at": f"{self.path or 'no path'}{f', role {self.role}' if self.role else ''}",
            "created": stamp(self.created * 1_000_000_000),
            "ends": f"{self.ends}, unless it is renewed" if self.ends else "never",
            "orphan": "yes" if self.orphan else "no: it ends with the token that made it",
        }

    def came_from(self, role: str, mount: str) -> bool:
        """Whether a role made it: of an auth method, or a token role. Whoever makes a token at auth/token says what
        its metadata is to be; there only the path counts. `mount`: nothing for any."""
        if self.path.startswith(_TOKENS):
            return mount in ("", "token") and self.path == f"{_TOKENS}create/{role}"
        return self.role == role and (not mount or self.path.startswith(f"auth/{mount}/"))

    def __str__(self) -> str:
        """In a few words; its accessor is no secret, and names it."""
        who = f"{self.name or 'a token'} ({self.accessor}; {', '.join(self.policies) or 'no policy'}"
        return f"{who}; made at {self.path or 'no path'}{'; no end' if not self.ttl else ''})"


@dataclass(frozen=True, slots=True)
class Found:
    """Tokens that were asked for."""

    tokens: list[Token] = field(default_factory=list)
    silent: int = 0
    """Accessors that were listed, and of which nothing is said any more: they ended meanwhile."""


class VaultActions:
    """Looks at and changes one Vault; the actions are subclasses, each with its own `plan`."""

    def __init__(self, vault: Vault, known: Known) -> None:
        self.vault = vault
        self.known = known

    def close(self) -> None:
        """Let go of connections."""
        self.vault.close()

    def read(self, path: str, *, method: str = "GET", body: Body | None = None, right: str = "read") -> Body | None:
        """The `data` of an answer, or all of one that has none; None where there is nothing. Raises CannotLook.

        A 404 says that there is nothing only by an empty list of errors: a path that Vault does not have names one, and
        what is no Vault has none.
        """
        try:
            answer = self.vault.ask(method, path, body)
            if answer.status == 403 and not self.vault.has_token:
                raise CannotLook(f"{self.vault.server} {path}: it asks for a token, and there is none", _NO_TOKEN)
            found = json_body(answer.body)
            if (answer.status == 404 and isinstance(found, dict) and found.get("errors") == []) or _no_accessor(answer):
                return None
            if answer.status != 200 or not isinstance(found, dict):
                raise refused(answer)
        except (NoAnswer, BadSecret, VaultRefused) as error:
            what = str(error) if isinstance(error, BadSecret) else f"{self.vault.server} {path}: {error}"
            raise CannotLook(what, mend(error, f"`{right}` on {path}")) from error
        data = found.get("data")
        return data if isinstance(data, dict) else found

    def whoami(self) -> Token:
        """vedette's own token. Raises CannotLook."""
        me = token_of(self.read("auth/token/lookup-self") or {})
        if not me.created:
            raise CannotLook(f"{self.vault.server} auth/token/lookup-self: no token in the answer", _NO_VAULT)
        return me

    def accessors(self) -> list[str]:
        """Of all tokens that live; batch tokens have none. Raises CannotLook."""
        found = self.read("auth/token/accessors", method="LIST", right="list` and `sudo")
        keys = [one for one in (found or {}).get("keys") or [] if isinstance(one, str)]
        if not keys:
            raise CannotLook(f"{self.vault.server} auth/token/accessors: not even vedette's own token", _NO_VAULT)
        if len(keys) > MOST_TOKENS:
            raise CannotLook(
                f"{self.vault.server}: {len(keys):,} tokens live, {MOST_TOKENS:,} are looked through at most",
                "name the accessor itself, or the entity or role",
            )
        return keys

    def token(self, accessor: str) -> Token | None:
        """What it says of one; None where it is none of a token that lives. Raises CannotLook."""
        found = self.read("auth/token/lookup-accessor", method="POST", body={"accessor": accessor}, right="update")
        return token_of(found) if found is not None else None

    def tokens(self, wanted: Callable[[Token], bool]) -> Found:
        """Those that live and are wanted. Raises CannotLook."""
        found: list[Token] = []
        silent = 0
        for accessor in self.accessors():
            token = self.token(accessor)
            if token is None:
                silent += 1
            elif wanted(token):
                found.append(token)
        return Found(found, silent)

    def do(self, call: Call) -> str:
        """As `base.Action` has it. What a person has to do is done once it is found so."""
        if call.method == BY_HAND:
            if self.check(call).holds:
                return "it was found done"
            raise CallFailed(f"this is for a person to do: {call.does}", f"{call.command}, then apply again")
        try:
            answer = self.vault.ask(call.method, call.path.removeprefix("/v1/"), call.body)
        except (NoAnswer, BadSecret) as error:
            raise unanswered.failed(self.vault.server, error, SYSTEM) from error
        if answer.status in _DONE:
            return f"HTTP {answer.status}"
        no = refused(answer)
        if answer.status in (400, 404) and self.check(call).holds:
            return f"so already ({no})"
        right = f"`{'delete' if call.method == 'DELETE' else 'update'}` on {call.path.removeprefix('/v1/')}"
        # A sealed node has done nothing; of other errors of a server's nobody can tell.
        raise CallFailed(str(no), mend(no, right), known=answer.status < 500 or "sealed" in str(no))

    def check(self, call: Call) -> Check:
        """As `base.Action` has it, by the keys of `expects`; each action knows its own."""
        says = str(call.expects.get("says", call.does))
        try:
            holds, why = self.holds(call.expects)
        except CannotLook as error:
            return Check(says, None, str(error))
        return Check(says, holds, why)

    def holds(self, expects: Mapping[str, Any]) -> tuple[bool | None, str]:
        """Whether what a call is to bring about is so, and why not. Raises CannotLook."""
        if "dead" in expects:
            token = self.token(str(expects["dead"]))
            return token is None, "" if token is None else f"{token} lives"
        raise AssertionError(expects)

    def verify(self, plan: Plan) -> Sequence[Check]:
        """As `base.Action` has it."""
        return [self.check(call) for call in plan.calls]

    def undo(self, plan: Plan, done: Sequence[Call]) -> Plan:
        """As `base.Action` has it; by `kept`: the call that puts it back. What is neither as it was before nor as it
        was brought to is somebody else's by now."""
        calls, remains = [], []
        for call in reversed(done):
            if not call.kept:
                continue
            back = Call(**call.kept)
            is_back, gone = self.holds(back.expects)
            if is_back is None:
                remains.append(f"not taken back: {call.does}: {gone}")
            if is_back is not False:
                continue
            still, why = self.holds(call.expects)
            if still:
                calls.append(back)
            else:
                remains.append(f"not taken back: {call.does}: it was changed since{f', {why}' if why else ''}")
        return Plan(
            action=plan.action,
            given=plan.given,
            where=plan.where,
            does=f"take back: {plan.does}",
            calls=calls,
            remains=remains,
        )


def token_of(data: Mapping[str, Any]) -> Token:
    """Of the answer of a lookup."""
    meta = data.get("meta") or {}
    path = str(data.get("path") or "")
    if path.startswith(_TOKENS):
        role = path.partition(f"{_TOKENS}create/")[2]
    else:
        # Of kubernetes and jwt, approle, cert.
        role = next((meta[one] for one in ("role", "role_name", "cert_name") if meta.get(one)), "")
    return Token(
        accessor=str(data.get("accessor") or ""),
        name=str(data.get("display_name") or ""),
        policies=tuple(map(str, data.get("policies") or ())),
        entity=str(data.get("entity_id") or ""),
        path=path,
        role=str(role),
        created=int(data.get("creation_time") or 0),
        ttl=int(data.get("ttl") or 0),
        orphan=bool(data.get("orphan")),
        ends=str(data.get("expire_time") or ""),
    )


def revoke(token: Token) -> Call:
    """The call that ends a token, its children and its leases."""
    return call(
        "POST",
        "auth/token/revoke-accessor",
        f"revoke the token of {token}",
        f"vault token revoke -accessor {shell(token.accessor)}",
        body={"accessor": token.accessor},
        expects={"says": f"no token has the accessor {token.accessor}", "dead": token.accessor},
    )


def call(
    method: str,
    path: str,
    does: str,
    command: str,
    *,
    body: Body | None = None,
    expects: Body,
    kept: Call | None = None,
) -> Call:
    """One call; `path`: behind /v1/, every name in it quoted. `kept`: what takes it back."""
    back = kept.as_kept() if kept is not None else None
    return Call(method=method, path=f"/v1/{path}", body=body, does=does, command=command, expects=expects, kept=back)


def by_hand(does: str, command: str, expects: Body) -> Call:
    """What needs key shares, which vedette never sees."""
    return Call(method=BY_HAND, path="", does=does, command=command, expects=expects)


def not_mine(tokens: Sequence[Token], me: Token) -> list[Token]:
    """Those that are not vedette's own; what may have made it comes last, for it ends with that."""
    return sorted((one for one in tokens if one.accessor != me.accessor), key=lambda one: may_have_made(one, me))


def may_have_made(token: Token, me: Token) -> bool:
    """Whether vedette's own token may be a child of this one; Vault does not tell whose child a token is."""
    return not me.orphan and token.created <= me.created


def refuse_mine(token: Token, me: Token) -> None:
    """Raises Refused for vedette's own token."""
    if token.accessor == me.accessor:
        raise Refused("that is the token that vedette itself acts with", "act with another, or revoke it yourself")


def word(name: str) -> str:
    """A name as a word of vault's command line: one that begins with a hyphen would be an option."""
    return f"-- {shell(name)}" if name.startswith("-") else shell(name)


def moment(text: str) -> datetime:
    """A time as RFC 3339 has it, whatever its zone and digits. Raises Refused."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refused(f"{text!r} is no time with a zone", "write it as RFC 3339: 2026-11-25T08:30:00Z")
    return found


def quoted(text: str) -> str:
    """A name as a part of a path; no name reaches another object."""
    if not text or not text.isprintable() or text in (".", ".."):
        raise Refused(f"{text!r} is no name", "write it as Vault lists it")
    return quote(text, safe="")


def mend(error: Exception, right: str) -> str:
    """What to do about an answer that did not come, or is a no."""
    if isinstance(error, VaultRefused) and "invalid token" in str(error):
        return "the token has expired or was revoked: write a new one into token_file"
    if isinstance(error, VaultRefused) and error.status == 403:
        return f"grant {right}; `vedette action rights` prints all that an action needs"
    if isinstance(error, VaultRefused) and error.status == 503:
        return "it is sealed or on standby: unseal it, or name the active node"
    if isinstance(error, VaultRefused) and error.status == 307:
        return "it is on standby: name the active node"
    if isinstance(error, VaultRefused):
        return _NO_VAULT
    return unanswered.mend(error, SYSTEM)


def _no_accessor(answer: Answer) -> bool:
    """Vault 1.21.4 says 403 `invalid accessor`, others 400 or 404, of one whose token does not live."""
    return answer.status in (400, 403) and b"invalid accessor" in answer.body
