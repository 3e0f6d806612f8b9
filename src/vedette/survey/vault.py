"""What Vault audit entries say of a site: who comes from where, who writes policies, which token roles grant more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from vedette.event import Event, Outcome
from vedette.survey.addresses import plain
from vedette.survey.tables import LONGEST, Acts, Names, Table

_POLICY_PATH = re.compile(r"sys/polic(y|ies)/|auth/token/roles/|auth/[^/]+/map/(teams|users)/")
_IDENTITY_PATH = re.compile(r"identity/(entity|group)")
_IDENTITY_KEYS = frozenset({"policies", "member_entity_ids", "member_group_ids", "canonical_id", "to_entity_id"})
_ROLE_PATH = re.compile(r"auth/token/create/([^/]+)\Z")
_WRITES = frozenset({"create", "update", "patch", "delete"})
_BY_HAND = ("userpass-", "oidc-", "ldap-", "jwt-", "github-", "okta-", "radius-")


class Caller(NamedTuple):
    """Who a token says its holder is."""

    entity: str
    name: str
    """The display name; whoever may create tokens chooses it."""


class Seen:
    """A caller, and where it came from."""

    __slots__ = ("addresses", "count")

    def __init__(self) -> None:
        self.count = 0
        self.addresses = Names()


class Writer:
    """A caller that wrote what gives policies."""

    __slots__ = ("addresses", "count", "paths", "policies", "roles")

    def __init__(self) -> None:
        self.count = 0
        self.addresses, self.paths, self.policies, self.roles = Names(), Names(), Names(), Names()


class VaultSurvey:
    """Tables filled entry by entry."""

    def __init__(self) -> None:
        self._acts = Acts()
        self.callers: Table[Caller, Seen] = Table(Seen)
        self.writers: Table[Caller, Writer] = Table(Writer)
        self.token_roles: Table[str, Seen] = Table(Seen)
        """Roles whose tokens had a policy that their creator lacked."""
        self.addresses = Names()

    def tables(self) -> Sequence[Table[Any, Any]]:
        """Every table, to see whether one was full."""
        return self.callers, self.writers, self.token_roles

    def add(self, event: Event) -> None:
        """Count one entry in; a request entry waits for its answer."""
        if not event.final or event.outcome is not Outcome.DONE or not self._acts.new(event.act):
            return
        # A login has no caller yet; who logged in is in the answer.
        caller = self._caller(event, "auth") or self._caller(event, "response", "auth")
        address = plain(_first(event, "address"))
        if address:
            self.addresses.add(address)
        if caller is None:
            return
        seen = self.callers.row(caller)
        if seen:
            seen.count += 1
            if address:
                seen.addresses.add(address)
        self._write(event, caller, address)
        role = _ROLE_PATH.match(_first(event, "path"))
        if role and self._grants_more(event):
            granted = self.token_roles.row(role.group(1)) if len(role.group(1)) <= LONGEST else None
            if granted:
                granted.count += 1

    def _write(self, event: Event, caller: Caller, address: str | None) -> None:
        path = _first(event, "path")
        if _first(event, "request", "operation") not in _WRITES or not _gives_policies(event, path):
            return
        writer = self.writers.row(caller)
        if not writer:
            return
        writer.count += 1
        writer.paths.add(path)
        if address:
            writer.addresses.add(address)
        policies = event.values(("auth", "token_policies")).items or event.values(("auth", "policies")).items
        for policy in policies:
            writer.policies.add(str(policy))
        role = _first(event, "auth", "metadata", "role") or _first(event, "auth", "metadata", "role_name")
        if role:
            writer.roles.add(role)

    @staticmethod
    def _grants_more(event: Event) -> bool:
        """As V6 sees it: a child of root is V1's matter."""
        parent, child = (
            {str(policy) for policy in event.values(path).items}
            for path in (("auth", "policies"), ("response", "auth", "policies"))
        )
        return "root" not in parent and bool(child - parent - {"default"})

    @staticmethod
    def _caller(event: Event, *path: str) -> Caller | None:
        caller = Caller(_first(event, *path, "entity_id"), _first(event, *path, "display_name"))
        return caller if any(caller) and max(map(len, caller)) <= LONGEST else None


def _gives_policies(event: Event, path: str) -> bool:
    """What rule V4 looks at."""
    keys = [str(key) for key in event.values(("keys",)).items]
    if _IDENTITY_PATH.match(path):
        return not _IDENTITY_KEYS.isdisjoint(keys)
    if _POLICY_PATH.match(path):
        return True
    return path.startswith("auth/") and not path.startswith("auth/token/create") and any("policies" in k for k in keys)


def by_hand(caller: Caller) -> bool:
    """The display name is that of a login which people use."""
    return caller.name.startswith(_BY_HAND)


def _first(event: Event, *path: str) -> str:
    """The first value at `path`, where it is a text."""
    found = event.values(path).items
    return found[0] if found and isinstance(found[0], str) else ""
