"""Escalation: what is done when an incident is the worst kind, step by step, and how far it has come.

None of it runs by itself: a step names the actions that do it, each planned, applied and verified by a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vedette.stamp import stamp
from vedette.store.incidents import ACTION, DONE, SKIPPED, TODO, Entry

_PLAN = "vedette action plan "


@dataclass(frozen=True, slots=True)
class Step:
    """One step; the texts are our own."""

    name: str
    title: str
    how: str
    """What a person does, where no action does it or does all of it."""
    commands: tuple[str, ...] = ()
    """Actions that do it, as they are planned; what is in capitals is for the person to fill in."""
    warning: str = ""
    least: int = 1
    """It belongs to incidents of this severity and worse: 1 to SEV1 alone."""

    @property
    def actions(self) -> tuple[str, ...]:
        """The names of these actions."""
        return tuple(one.removeprefix(_PLAN).partition(" ")[0] for one in self.commands)


STEPS = (
    Step(
        "cordon",
        "Cordon every node",
        "by hand: kubectl get nodes -o name | xargs kubectl cordon",
        (f"{_PLAN}kube.cordon-all",),
        "no pod starts anywhere from then on: recovery stops as well, and what crashes stays down",
    ),
    Step(
        "sessions",
        "Revoke every OIDC session",
        "that is one user at a time; everybody's at once is by hand: end all sessions and refresh tokens at the "
        "identity provider, then restart what trusts its tokens",
        (f"{_PLAN}authentik.end-sessions USER",),
        "everybody has to log in again, those who answer the incident included",
    ),
    Step(
        "vault",
        "Rotate Vault's keys and seal it anew",
        "in this order; then people unseal it with the new shares",
        (f"{_PLAN}vault.rekey", f"{_PLAN}vault.seal"),
        "nothing gets a secret while Vault is sealed; have the holders of the shares at hand first",
    ),
    Step(
        "restore",
        "Restore from a backup that predates the first evidence",
        "by hand: take the latest backup made before the time given here; one made after it may hold what was planted",
        warning="what was changed since that backup is lost",
    ),
    Step(
        "post-mortem",
        "Write the post-mortem",
        "by hand: vedette incident export; answer its open questions",
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
    actions: tuple[str, ...] = ()
    """The ids of the actions on record that did it."""


def standings(severity: int, entries: Sequence[Entry]) -> list[Standing]:
    """The steps of an incident: those of its severity, and those that somebody said something of."""
    last = {one.name: one for one in entries if one.kind in (TODO, DONE, SKIPPED)}
    by: dict[str, list[str]] = {}
    for one in entries:
        if one.kind == ACTION and one.said:
            by.setdefault(one.said, []).append(one.name)
        elif one.kind in (TODO, SKIPPED):
            # What was done before that does not count any more.
            by.pop(one.name, None)
    found = []
    for step in STEPS:
        entry = last.get(step.name)
        if entry is not None:
            found.append(Standing(step, entry.kind, entry.time, entry.by, entry.said, tuple(by.get(step.name, ()))))
        elif severity <= step.least:
            found.append(Standing(step, TODO, 0, "", ""))
    return found


def before(first: int) -> str:
    """Of what backup the restore is, for the time of the first evidence; 0 where there is none."""
    if not first:
        return "no alert was added, so the time of the first evidence is not known"
    return f"first evidence: {stamp(first)}; a backup made before that"
