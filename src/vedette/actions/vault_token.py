"""vault.revoke-token, vault.revoke-role, vault.revoke-entity: tokens end, and with each its children and leases.

In the audit log an accessor is hashed, by each device with a salt of its own. Nobody can turn that round, so Vault is
asked for the hash of each accessor that lives (`sys/audit-hash`) until it is the one that is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from vedette.actions.base import Argument, Call, CannotLook, Check, Kind, Plan, Refused
from vedette.actions.vault import (
    Found,
    Token,
    VaultActions,
    call,
    may_have_made,
    mend,
    not_mine,
    quoted,
    refuse_mine,
    revoke,
    token_of,
)
from vedette.clients.base import BadSecret, NoAnswer, secret
from vedette.clients.reading import json_body
from vedette.clients.vault import refused
from vedette.escape import shell

HASHED = "hmac-sha256:"
_HASH = re.compile(r"hmac-sha256:[0-9a-f]{64}\Z")
_SECRET = re.compile(r"(hv[sbr]|[sbr])\.")
"""How tokens begin, those of OpenBao and of Vault before 1.10 too; no accessor does."""
_LONGEST = 256
_ROWS = 20
"""Tokens whose every detail is shown; of more there is what each call says."""
_BREAKS = "who uses it is cut off at once; with it end the tokens that it made, but for orphans, and all its leases"
_BATCH = "batch tokens, which have no accessor: they end by themselves"


class RevokeToken(VaultActions):
    """One token, by its accessor, by the accessor's hash, or by itself."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        which, file = given["which"], given["token_file"]
        if bool(which) == bool(file):
            raise Refused("name the token by one of two: its accessor, as it is or hashed, or token_file=PATH")
        if len(which) > _LONGEST or not which.isprintable() or " " in which:
            raise Refused("that is no accessor", "copy it from the log: hmac-sha256:…, or from vault token lookup")
        if _SECRET.match(which):
            raise Refused(
                "that is a token, not its accessor: it would be kept, and is in your shell's history by now",
                "write it into a file that you alone can read, and give token_file=PATH",
            )
        if which.startswith(HASHED) and not _HASH.match(which):
            raise Refused("that hash is not whole", f"copy all of it from the log: {HASHED} and 64 digits")
        me = self.whoami()
        nobody, device = "it has ended, or never was: nothing to do", ""
        if file:
            token = self._of_file(file)
        elif which.startswith(HASHED):
            token, device, nobody = self._by_hash(which, given["device"])
        else:
            token = self.token(which)
        if token is not None:
            refuse_mine(token, me)
        does = f"revoke the token of {token}" if token else f"no token that lives is this one: {nobody}"
        row = {**token.row(), **({"hashed by": f"the audit device {device}"} if device else {})} if token else {}
        return Plan(
            action=TOKEN.name,
            given=dict(given),
            where=self.vault.server,
            does=does,
            calls=[revoke(token)] if token else [],
            seen={token.accessor: "lives"} if token else {},
            breaks=what_ends([token] if token else [], me),
            remains=_login(token) if token else [],
            undo=TOKEN.undo,
            found=[row] if row else [],
        )

    def _of_file(self, file: str) -> Token | None:
        """The token that a file holds; it is shown to nobody but Vault. Not by its own right to look itself up: a token
        without the policy `default` has none, and gets the 403 that a dead one gets."""
        try:
            text = secret(file)
            answer = self.vault.ask("POST", "auth/token/lookup", {"token": text})
        except BadSecret as error:
            raise Refused(str(error), "token_file= names a file that holds nothing but the token") from error
        except NoAnswer as error:
            raise CannotLook(f"{self.vault.server}: {error}", mend(error, "")) from error
        if answer.status == 403 and b"bad token" in answer.body:
            return None
        found = json_body(answer.body)
        if answer.status != 200 or not isinstance(found, dict):
            no = refused(answer)
            raise CannotLook(f"{self.vault.server} auth/token/lookup: {no}", mend(no, "`update` on auth/token/lookup"))
        token = token_of(found.get("data") or {})
        if not token.accessor:
            raise Refused(
                f"{Path(file).name} holds a batch token: it has no accessor", "it ends by itself, or with its parent"
            )
        return token

    def _by_hash(self, wanted: str, device: str) -> tuple[Token | None, str, str]:
        """The token whose accessor's hash by some device is `wanted`, and that device; else what was looked through.
        Raises CannotLook where a device that may have made it could not be asked."""
        devices = [device.rstrip("/")] if device else [one.rstrip("/") for one in self._devices()]
        if not devices:
            raise CannotLook(
                f"{self.vault.server}: no audit device is enabled, so that no hash can be made",
                "each device has a salt of its own: the hash is of one that is gone; see vault.revoke-entity",
            )
        silent: dict[str, str] = {}
        every = self.accessors()
        for accessor in every:
            for one in devices:
                try:
                    found = self._hash(one, accessor)
                except CannotLook as error:
                    silent[one] = str(error)
                    continue
                if found == wanted:
                    return self.token(accessor), one, "it ended while it was looked for"
            devices = [one for one in devices if one not in silent]
            if not devices:
                break
        asked = f"{len(every):,} tokens live, none has this hash by the device {' or '.join(devices) or 'asked'}"
        if silent:
            raise CannotLook(
                f"{asked}, and {len(silent)} could not be asked: {'; '.join(silent.values())}",
                "grant `update` on sys/audit-hash/DEVICE, or name by device= the one whose log it is from",
            )
        return None, "", f"{asked}. It is dead; or the device was enabled anew since, with another salt"

    def _devices(self) -> Sequence[str]:
        return list(self.read("sys/audit", right="read` and `sudo") or {})

    def _hash(self, device: str, accessor: str) -> str:
        path = f"sys/audit-hash/{quoted(device)}"
        found = self.read(path, method="POST", body={"input": accessor}, right="update")
        return str((found or {}).get("hash") or "")


class RevokeRole(VaultActions):
    """Each token that came from one role of an auth mount, or from a token role."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        role, mount = given["role"], _mount(given["mount"])
        me = self.whoami()
        found = self.tokens(lambda one: one.came_from(role, mount))
        where = f" of auth/{mount}" if mount else ""
        again = [f"the role {role} itself: whoever can log in by it gets new tokens"]
        return _several(self, ROLE, given, found, me, f"that came from the role {role}{where}", again)

    def verify(self, plan: Plan) -> Sequence[Check]:
        """As `base.Action` has it; a login that came in between is seen too."""
        role, mount = plan.given["role"], _mount(plan.given["mount"])
        left = none_left(self, f"no token that came from the role {role} lives", lambda one: one.came_from(role, mount))
        return [*super().verify(plan), left]


class RevokeEntity(VaultActions):
    """Each token of one entity; unless told otherwise it is disabled too, so that it gets no new ones."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        entity = self._entity(given["entity"])
        id_, name, ids = str(entity["id"]), str(entity.get("name") or ""), _ids(entity)
        me = self.whoami()
        if me.entity in ids:
            raise Refused("that is the entity that vedette itself acts as", "act with another token")
        found = self.tokens(lambda one: one.entity in ids)
        stays = given["disable"] == "no"
        remains = ["its logins: it gets new tokens as long as it is enabled"] if stays else []
        plan = _several(self, ENTITY, given, found, me, f"of the entity {name} ({id_})", remains)
        if stays or entity.get("disabled"):
            return msgspec.structs.replace(plan, undo="")
        calls = [self._switch(id_, name, on=False), *plan.calls]
        does = f"disable the entity {name} ({id_}) and revoke its {len(plan.calls)} tokens"
        breaks = [f"{name} can neither log in nor use a token, batch tokens included", *plan.breaks]
        remains = [one for one in plan.remains if one != _BATCH]
        seen = {**plan.seen, id_: "enabled"}
        return msgspec.structs.replace(plan, does=does, calls=calls, seen=seen, breaks=breaks, remains=remains)

    def _entity(self, text: str) -> Mapping[str, Any]:
        """By its id, else by its name. Raises Refused, CannotLook."""
        for way in ("id", "name"):
            found = self.read(f"identity/entity/{way}/{quoted(text)}")
            if found and found.get("id"):
                return found
        raise Refused(
            f"there is no entity {text!r}",
            "vault list identity/entity/id: it may be deleted, or merged into another, which then has its tokens",
        )

    def _switch(self, id_: str, name: str, *, on: bool) -> Call:
        path = f"identity/entity/id/{quoted(id_)}"
        word = "enable" if on else "disable"
        return call(
            "POST",
            path,
            f"{word} the entity {name} ({id_})",
            f"vault write {shell(path)} disabled={str(not on).lower()}",
            body={"disabled": not on},
            expects={"says": f"the entity {name} ({id_}) is {word}d", "entity": id_, "disabled": not on},
            kept=None if on else self._switch(id_, name, on=True),
        )

    def holds(self, expects: Mapping[str, Any]) -> tuple[bool | None, str]:
        """As `VaultActions.holds`; an entity is disabled or not."""
        if "entity" not in expects:
            return super().holds(expects)
        found = self.read(f"identity/entity/id/{quoted(str(expects['entity']))}")
        if found is None:
            return expects["disabled"] or None, "there is no such entity any more"
        return bool(found.get("disabled")) == expects["disabled"], ""

    def verify(self, plan: Plan) -> Sequence[Check]:
        """As `base.Action` has it; a login that came in between is seen too."""
        checks = list(super().verify(plan))
        says = f"no token of the entity {plan.given['entity']} lives"
        try:
            ids = _ids(self._entity(plan.given["entity"]))
        except (Refused, CannotLook) as error:
            return [*checks, Check(says, None, str(error))]
        return [*checks, none_left(self, says, lambda one: one.entity in ids)]


def _mount(text: str) -> str:
    """`auth/robots/` and `robots` are one."""
    return text.removeprefix("auth/").rstrip("/")


def _ids(entity: Mapping[str, Any]) -> frozenset[str]:
    """An entity's, and those of what was merged into it: their tokens keep them (seen on Vault 1.21.4)."""
    return frozenset(map(str, (entity["id"], *(entity.get("merged_entity_ids") or ()))))


def none_left(vault: VaultActions, says: str, wanted: Callable[[Token], bool]) -> Check:
    """Whether no token that is wanted lives, but vedette's own."""
    try:
        left = not_mine(vault.tokens(wanted).tokens, vault.whoami())
    except CannotLook as error:
        return Check(says, None, str(error))
    return Check(says, not left, ", ".join(map(str, left[:3])))


def what_ends(tokens: Sequence[Token], me: Token) -> list[str]:
    """What ends with tokens, perhaps vedette's own."""
    own = "vedette's own token, if one of these made it: it is no orphan. What is not done by then, is not done"
    return [*([_BREAKS] if tokens else []), *([own] if any(may_have_made(one, me) for one in tokens) else [])]


def _several(
    vault: VaultActions, kind: Kind, given: Mapping[str, str], found: Found, me: Token, whose: str, remains: list[str]
) -> Plan:
    """A plan that revokes all that were found; vedette's own is left, and that is said."""
    tokens = not_mine(found.tokens, me)
    mine = ["vedette's own token, which is one of them"] if len(tokens) != len(found.tokens) else []
    ended = [f"{found.silent:,} tokens that ended while all were looked through"] if found.silent else []
    number = "1 token" if len(tokens) == 1 else f"{len(tokens)} tokens"
    return Plan(
        action=kind.name,
        given=dict(given),
        where=vault.vault.server,
        does=f"revoke the {number} {whose}" if tokens else f"no token {whose} lives: nothing to do",
        calls=[revoke(one) for one in tokens],
        seen={one.accessor: "lives" for one in tokens},
        breaks=what_ends(tokens, me),
        remains=[*remains, *mine, *ended, _BATCH],
        undo=kind.undo,
        found=[one.row() for one in tokens] if len(tokens) <= _ROWS else [],
    )


def _login(token: Token) -> list[str]:
    """What makes another one."""
    if token.path.startswith("auth/token/"):
        return ["the token that made it: its accessor is in the same line of the log, auth.accessor"]
    return [f"{token.path}: whoever can log in there gets a new one"]


_DEAD = "a dead token stays dead"
TOKEN = Kind(
    name="vault.revoke-token",
    says="revoke one token, also by its accessor as the audit log has it, hashed",
    arguments=(
        Argument("which", "its accessor, or that as the log has it: hmac-sha256:…"),
        Argument("token_file", "a file that holds the token itself, in place of its accessor"),
        Argument("device", "the audit device whose log the hash is from; default: each that is enabled"),
    ),
    undo="",
    make=RevokeToken,
)
ROLE = Kind(
    name="vault.revoke-role",
    says="revoke every token that came from one role",
    arguments=(
        Argument("role", "its name, as auth.metadata has it in the log", required=True),
        Argument("mount", "of the auth method: kubernetes, approle; token for a token role; default: any"),
    ),
    undo="",
    make=RevokeRole,
)
ENTITY = Kind(
    name="vault.revoke-entity",
    says="disable an entity and revoke every token that it has",
    arguments=(
        Argument("entity", "its id, auth.entity_id in the log, or its name", required=True),
        Argument("disable", "no: its tokens alone; it can log in again", choices=("yes", "no")),
    ),
    undo=f"it is enabled again; {_DEAD}",
    make=RevokeEntity,
)
