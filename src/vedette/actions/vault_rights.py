"""The least rights of the actions on Vault and OpenBao, as an ACL policy; a test on a real Vault holds them to that.

What a path asks of a token was tried on Vault 1.21.4: listing accessors, the list of audit devices, enabling and
disabling one, and sealing want sudo; the states of seal, rekey and generate-root want no token at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Right:
    """What may be done at a path."""

    path: str
    can: tuple[str, ...]
    why: str


_LIST = Right("auth/token/accessors", ("list", "sudo"), "which tokens live")
_LOOK = Right("auth/token/lookup-accessor", ("update",), "whose a token is; it does not give the token itself")
_REVOKE = Right("auth/token/revoke-accessor", ("update",), "ends a token")
_SELF = Right("auth/token/lookup-self", ("read",), "which token is vedette's own")
_DEVICES = Right("sys/audit", ("read", "sudo"), "which audit devices there are")
_ENTITY = "an entity, by what the log has"

RIGHTS: Mapping[str, tuple[Right, ...]] = {
    "vault.revoke-token": (
        _SELF,
        _LOOK,
        _REVOKE,
        _LIST,
        _DEVICES,
        Right("sys/audit-hash/*", ("update",), "the hash of an accessor, to find the one in the log"),
        Right("auth/token/lookup", ("update",), "whose a token is that a file holds"),
    ),
    "vault.revoke-role": (_SELF, _LIST, _LOOK, _REVOKE),
    "vault.revoke-entity": (
        _SELF,
        _LIST,
        _LOOK,
        _REVOKE,
        Right("identity/entity/id/+", ("read", "update"), f"{_ENTITY}; disables it, and can give it any policy"),
        Right("identity/entity/name/+", ("read",), _ENTITY),
    ),
    "vault.enable-audit": (
        _DEVICES,
        Right("sys/audit/*", ("update", "delete", "sudo"), "enables a device; undo: disables it"),
    ),
    "vault.restore-policy": (
        _SELF,
        Right("sys/policies/acl/*", ("read", "update", "delete"), "writes any policy"),
    ),
    "vault.cancel-root-generation": (),
    "vault.rekey": (
        Right("sys/key-status", ("read",), "which key is in use"),
        Right("sys/rotate", ("update", "sudo"), "rotates it"),
        Right("sys/rotate/root/init", ("read", "update", "delete"), "OpenBao 2.5: begins and cancels a rekey"),
    ),
    "vault.seal": (Right("sys/seal", ("update", "sudo"), "seals it"),),
}
"""Action -> what it asks of Vault."""
_POWERFUL = {
    "sys/policies/acl/*": "whoever may write policies may do anything",
    "identity/entity/id/+": "whoever may write entities may give one any policy",
    "sys/audit/*": "whoever may disable audit devices may act unseen afterwards",
}


def policy(names: Sequence[str]) -> str:
    """HCL of the ACL policy for these actions. Raises KeyError."""
    rights = merged(one for name in names for one in RIGHTS[name])
    lines = [
        f"# What vedette needs for {', '.join(names)}, undo included, and nothing more.",
        *[
            f"# Guard it like the admin's: {said}."
            for path, said in _POWERFUL.items()
            if path in {one.path for one in rights}
        ],
        "#   vedette action rights NAME… | vault policy write vedette-actions -",
        "# A token for the hour in which it is needed:",
        "#   (umask 077; vault token create -policy=vedette-actions -no-default-policy -orphan -ttl=1h \\",
        "#     -field=token > vault.token)",
    ]
    if not rights:
        lines.append("# Nothing: what it asks for wants no token.")
    for one in rights:
        lines += [
            f'path "{one.path}" {{  # {one.why}',
            "  capabilities = [" + ", ".join(f'"{can}"' for can in one.can) + "]",
            "}",
        ]
    return "\n".join(lines) + "\n"


def merged(rights: Iterable[Right]) -> list[Right]:
    """One right a path, its capabilities in the order in which they came."""
    found: dict[str, Right] = {}
    for one in rights:
        before = found.get(one.path, Right(one.path, (), one.why))
        found[one.path] = Right(one.path, tuple(dict.fromkeys([*before.can, *one.can])), before.why)
    return list(found.values())
