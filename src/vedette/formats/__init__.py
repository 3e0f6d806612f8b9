"""Formats: what a line says.

In: bytes of a log. Out: `Batch`es of projected records, and an `Event` for each record that a rule may match.
Never does: know a rule, open a file, drop a line without counting it.
Add one by: a module here with a class that meets `base.Format`, one in schemas/, their tests, a line in each registry.
Read first: base.py, reader.py, kube_audit.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from vedette.formats.schemas import kube_audit, observation, sshd, vault_audit
from vedette.schema import Schema

SCHEMAS: Mapping[str, Schema] = {
    "kube_audit": kube_audit.SCHEMA,
    "vault_audit": vault_audit.SCHEMA,
    "sshd": sshd.SCHEMA,
    "observation": observation.SCHEMA,
}
"""Format -> what its records can say; cheap to import, no decoder behind it."""
