"""Escalation: what is done when an incident is the worst kind, step by step, and how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vedette.stamp import stamp
from vedette.store.incidents import DONE, SKIPPED, TODO, Entry


@dataclass(frozen=True, slots=True)
class Step:
    """One step; the texts are our own."""

    name: str
    title: str
    how: str
    warning: str = ""
    least: int = 1
    """It belongs to incidents of this severity and worse: 1 to SEV1 alone."""


STEPS = (
    Step(
        "cordon",
        "Cordon every node",
        "kubectl get nodes -o name | xargs kubectl cordon",
        "no pod starts anywhere from then on: recovery stops as well, and what crashes stays down",
    ),
    Step(
        "sessions",
        "Revoke every OIDC session",
        "end all sessions and refresh tokens at the identity provider, then restart what trusts its tokens",
        "everybody has to log in again, those who answer the incident included",
    ),
    Step(
        "vault",
        "Rotate Vault's keys and seal it anew",
        "vault operator rekey, vault operator rotate, vault operator seal, then unseal with the new shares",
        "nothing gets a secret while Vault is sealed; have the holders of the shares at hand first",
    ),
    Step(
        "restore",
        "Restore from a backup that predates the first evidence",
        "take the latest backup made before the time given here; one made after it may hold what was planted",
        "what was changed since that backup is lost",
    ),
    Step(
        "post-mortem",
        "Write the post-mortem",
        "vedette incident export; answer its open questions",
        least=3,
    ),
)
"""In the order in which they are taken."""
NAMES = tuple(step.name for step in STEPS)


@dataclass(frozen=True, slots=True)
class Standing:
    """A step, and how far it has come."""

    step: Step
    state: str
    """todo, done or skipped."""
    time: int
    """Nanoseconds since 1970 UTC; 0 while nobody has said anything."""
    by: str
    said: str
    """Why it was skipped, or what was said when it was done."""


def standings(severity: int, entries: Sequence[Entry]) -> list[Standing]:
    """The steps of an incident: those of its severity, and those that somebody said something of."""
    last = {one.name: one for one in entries if one.kind in (TODO, DONE, SKIPPED)}
    found = []
    for step in STEPS:
        entry = last.get(step.name)
        if entry is not None:
            found.append(Standing(step, entry.kind, entry.time, entry.by, entry.said))
        elif severity <= step.least:
            found.append(Standing(step, TODO, 0, "", ""))
    return found


def before(first: int) -> str:
    """Of what backup the restore is, for the time of the first evidence; 0 where there is none."""
    if not first:
        return "no alert was added, so the time of the first evidence is not known"
    return f"first evidence: {stamp(first)}; a backup made before that"
