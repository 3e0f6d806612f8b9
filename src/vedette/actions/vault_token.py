"""vault.revoke-token, vault.revoke-role, vault.revoke-entity: tokens end, and with each its children and leases.

In the audit log an accessor is hashed, by each device with a salt of its own. Nobody can turn that round, so Vault is
asked for the hash of each accessor that lives (`sys/audit-hash`) until it is the one that is looked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vedette.actions.base import Argument, Call, CannotLook, Check, Kind, Plan, Refused
from vedette.actions.vault import (
    Found,
    Token,
    VaultActions,
    call,
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
_LONGEST = 256
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
        me = self.whoami()
        remains = [_BATCH] if not file else []
        if file:
            token = self._of_file(file)
        elif which.startswith(HASHED):
            token, searched = self._by_hash(which, given["device"])
            remains += searched
        else:
            token = self.token(which)
        if token is not None:
            refuse_mine(token, me)
        does = f"revoke the token of {token}" if token else "no token has that accessor: it has ended, nothing to do"
        return Plan(
            action=TOKEN.name,
            given=dict(given),
            where=self.vault.server,
            does=does,
            calls=[revoke(token)] if token else [],
            seen={token.accessor: "lives"} if token else {},
            breaks=[_BREAKS] if token else [],
            remains=[*remains, *(_login(token) if token else [])],
            undo=TOKEN.undo,
        )

    def _of_file(self, file: str) -> Token | None:
        """The token that a file holds, looked up by itself: it is shown to nobody but Vault."""
        try:
            text = secret(file)
            answer = self.vault.ask("GET", "auth/token/lookup-self", token=text)
        except BadSecret as error:
            raise Refused(str(error), "token_file= names a file that holds nothing but the token") from error
        except NoAnswer as error:
            raise CannotLook(f"{self.vault.server}: {error}", mend(error, "")) from error
        if answer.status == 403:
            return None
        found = json_body(answer.body)
        if answer.status != 200 or not isinstance(found, dict):
            no = refused(answer)
            raise CannotLook(f"{self.vault.server} auth/token/lookup-self: {no}", mend(no, ""))
        token = token_of(found.get("data") or {})
        if not token.accessor:
            raise Refused(
                f"{Path(file).name} holds a batch token: it has no accessor", "it ends by itself, or with its parent"
            )
        return token

    def _by_hash(self, wanted: str, device: str) -> tuple[Token | None, list[str]]:
        """The token whose accessor's hash by some device is `wanted`, and what could not be looked at."""
        devices = [device.rstrip("/")] if device else [one.rstrip("/") for one in self._devices()]
        if not devices:
            raise CannotLook(
                f"{self.vault.server}: no audit device is enabled, so that no hash can be made",
                "each device has a salt of its own: the hash is of one that is gone; see vault.revoke-entity",
            )
        silent: dict[str, str] = {}
        for accessor in self.accessors():
            for one in devices:
                try:
                    found = self._hash(one, accessor)
                except CannotLook as error:
                    silent[one] = str(error)
                    continue
                if found == wanted:
                    return self.token(accessor), []
            if len(silent) == len(devices):
                raise CannotLook("; ".join(silent.values()), "grant `update` on sys/audit-hash/DEVICE")
            devices = [one for one in devices if one not in silent]
        told = [f"hashes by {', '.join(devices)}: no token that lives has this one"]
        return None, [*told, *silent.values()]

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
        role, mount = given["role"], given["mount"].removeprefix("auth/").rstrip("/")
        me = self.whoami()
        found = self.tokens(lambda one: one.role == role and (not mount or one.path.startswith(f"auth/{mount}/")))
        where = f" of auth/{mount}" if mount else ""
        return _several(self, ROLE, given, found, me, f"that came from the role {role}{where}", [
            f"the role {role} itself: whoever can log in by it gets new tokens",
        ])  # fmt: skip


class RevokeEntity(VaultActions):
    """Each token of one entity; unless told otherwise it is disabled too, so that it gets no new ones."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        entity = self._entity(given["entity"])
        id_, name = str(entity["id"]), str(entity.get("name") or "")
        me = self.whoami()
        if me.entity == id_:
            raise Refused("that is the entity that vedette itself acts as", "act with another token")
        found = self.tokens(lambda one: one.entity == id_)
        stays = given["disable"] == "no"
        remains = ["its logins: it gets new tokens as long as it is enabled"] if stays else []
        plan = _several(self, ENTITY, given, found, me, f"of the entity {name} ({id_})", remains)
        if stays or entity.get("disabled"):
            return plan
        calls = [self._switch(id_, name, on=False), *plan.calls]
        does = f"disable the entity {name} ({id_}) and revoke its {len(plan.calls)} tokens"
        breaks = [f"{name} can neither log in nor use a token, batch tokens included", *plan.breaks]
        return Plan(
            action=plan.action,
            given=plan.given,
            where=plan.where,
            does=does,
            calls=calls,
            seen={**plan.seen, id_: "enabled"},
            breaks=breaks,
            remains=[one for one in plan.remains if one != _BATCH],
            undo=ENTITY.undo,
        )

    def _entity(self, text: str) -> Mapping[str, Any]:
        """By its id, else by its name. Raises Refused, CannotLook."""
        for way in ("id", "name"):
            found = self.read(f"identity/entity/{way}/{quoted(text)}")
            if found and found.get("id"):
                return found
        raise Refused(f"there is no entity {text!r}", "see vault list identity/entity/name; the log has auth.entity_id")

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
            return bool(expects["disabled"]), "there is no such entity any more"
        return bool(found.get("disabled")) == expects["disabled"], ""

    def verify(self, plan: Plan) -> Sequence[Check]:
        """As `base.Action` has it; a login that came in between is seen too."""
        checks = list(super().verify(plan))
        ids = [str(one.expects["entity"]) for one in plan.calls if "entity" in one.expects]
        for id_ in ids:
            says = f"no token of the entity {id_} lives"
            try:
                found = self.tokens(lambda one, id_=id_: one.entity == id_)  # type: ignore[misc]
            except CannotLook as error:
                checks.append(Check(says, None, str(error)))
                continue
            checks.append(Check(says, not found.tokens, ", ".join(map(str, found.tokens[:3]))))
        return checks


def _several(
    vault: VaultActions, kind: Kind, given: Mapping[str, str], found: Found, me: Token, whose: str, remains: list[str]
) -> Plan:
    """A plan that revokes all that were found; vedette's own is left, and that is said."""
    tokens = list(not_mine(found.tokens, me))
    mine = ["vedette's own token, which is one of them"] if len(tokens) != len(found.tokens) else []
    number = "1 token" if len(tokens) == 1 else f"{len(tokens)} tokens"
    return Plan(
        action=kind.name,
        given=dict(given),
        where=vault.vault.server,
        does=f"revoke the {number} {whose}" if tokens else f"no token {whose} lives: nothing to do",
        calls=[revoke(one) for one in tokens],
        seen={one.accessor: "lives" for one in tokens},
        breaks=[_BREAKS] if tokens else [],
        remains=[*remains, *mine, _BATCH],
        undo=kind.undo,
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
