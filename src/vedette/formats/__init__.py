"""Formats: what a line says.

In: bytes of a log. Out: `Batch`es of projected records, and an `Event` for each record that a rule may match.
Never does: know a rule, open a file, drop a line without counting it.
Add one by: a module here with a class that meets `base.Format`, one in schemas/, their tests, a line in each registry.
Read first: base.py, reader.py, kube_audit.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vedette.formats.schemas import kube_audit, observation, sshd, vault_audit
from vedette.schema import Schema

SCHEMAS: Mapping[str, Schema] = {
    "kube_audit": kube_audit.SCHEMA,
    "vault_audit": vault_audit.SCHEMA,
    "sshd": sshd.SCHEMA,
    "observation": observation.SCHEMA,
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
