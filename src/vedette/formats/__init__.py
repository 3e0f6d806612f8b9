"""Formats: what a line says.

In: bytes of a log. Out: `Batch`es of projected records, and an `Event` for each record that a rule may match.
Never does: know a rule, open a file, drop a line without counting it.
Add one by: a module here with a class that meets `base.Format`, one in schemas/, their tests, a line in each registry.
Read first: base.py, reader.py, kube_audit.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vedette.formats.schemas.kube_audit import SCHEMA as _KUBE_AUDIT
from vedette.formats.schemas.observation import SCHEMA as _OBSERVATION
from vedette.formats.schemas.sshd import SCHEMA as _SSHD
from vedette.formats.schemas.vault_audit import SCHEMA as _VAULT_AUDIT
from vedette.schema import Schema

SCHEMAS: Mapping[str, Schema] = {
    "kube_audit": _KUBE_AUDIT,
    "vault_audit": _VAULT_AUDIT,
    "sshd": _SSHD,
    "observation": _OBSERVATION,
}
"""Format -> what its records can say; cheap to import, no decoder behind it."""

if TYPE_CHECKING:
    FORMATS: Mapping[str, type[Any]]


def __getattr__(name: str) -> Any:
    """`FORMATS`: format -> the class that reads it, imported with its decoder when it is first asked for."""
    if name != "FORMATS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vedette.formats.kube_audit import KubeAudit
    from vedette.formats.observation import Observation
    from vedette.formats.sshd import Sshd
    from vedette.formats.vault_audit import VaultAudit

    return {"kube_audit": KubeAudit, "vault_audit": VaultAudit, "sshd": Sshd, "observation": Observation}
