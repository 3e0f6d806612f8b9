"""The least rights of the actions on authentik, as a blueprint with one role.

Which permission a request asks for follows from its method and model (authentik's rbac/permissions.py: view to see an
object of somebody else's at all, delete, change). A role in a blueprint takes `permissions` (rbac/api/roles.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from vedette.actions.authentik_grants import OF_SESSIONS, OF_TOKENS, Collection
from vedette.escape import yaml

_USER = "authentik_core.view_user"
_CHANGE = "authentik_core.change_user"


def permissions(name: str) -> list[str]:
    """APP.CODENAME of each permission that an action asks for, undo included. Raises KeyError."""
    return {
        "authentik.end-sessions": [_USER, *_of(OF_SESSIONS)],
        "authentik.revoke-tokens": [_USER, *_of(OF_TOKENS)],
        "authentik.deactivate": [_USER, _CHANGE],
    }[name]


def blueprint(names: Sequence[str]) -> str:
    """YAML of the blueprint for these actions. Raises KeyError."""
    needed = list(dict.fromkeys(one for name in names for one in permissions(name)))
    lines = [f"# What vedette needs in authentik for {', '.join(names)}, undo included, and nothing more."]
    if _CHANGE in needed:
        lines.append(
            "# Guard it like the admin's: who may change users may give one another e-mail address and recover it."
        )
    lines += [
        "# Import it (Customization > Blueprints), give the role to a service account of vedette's own, and write a",
        "# token of that account, of intent API, into token_file; let it expire after the hour in which it is needed.",
        "version: 1",
        "metadata:",
        "  name: vedette-actions",
        "entries:",
        "  - model: authentik_rbac.role",
        "    identifiers:",
        "      name: vedette-actions",
        "    attrs:",
        "      name: vedette-actions",
        "      permissions:",
        *[f"        - {yaml(one)}" for one in needed],
    ]
    return "\n".join(lines) + "\n"


def _of(kinds: Sequence[Collection]) -> list[str]:
    return [right for kind in kinds for right in (kind.view, kind.delete)]
