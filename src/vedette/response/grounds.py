"""Grounds: what makes an incident a SEV1, as data, and which of it is so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vedette.alert import Alert
from vedette.rule import Reaction, Severity

OWN = "vedette"
"""The source of alerts that are findings: they tell of vedette, not of an intruder."""
SPAN = 3600
"""Seconds within which alerts are one attack."""
RULES, CRITICAL = 3, 2
"""So many distinct rules, or critical alerts, within SPAN."""
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Ground:
    """A rule whose alert alone suffices."""

    rules: frozenset[str]
    what: str


GROUNDS = (
    Ground(frozenset({"K8"}), "rights were bound to anonymous users"),
    Ground(frozenset({"K5"}), "many things were deleted at once"),
    Ground(frozenset({"K6", "K10", "V2"}), "the audit log was silenced, changed or lost something"),
    Ground(frozenset({"K7"}), "somebody made rights to everything in the cluster"),
    Ground(frozenset({"V1"}), "a root token came to exist"),
)
"""One each; the order is that in which they are told."""


def grounds(alerts: Sequence[Alert]) -> list[str]:
    """Why these alerts are a SEV1, a sentence each; nothing: they are not. What was refused counts for nothing."""
    loud = [one for one in alerts if one.source != OWN and one.reaction != Reaction.ATTEMPT.value]
    return [*_single(loud), *_several(loud)]


def suggested(alerts: Sequence[Alert]) -> int:
    """1 to 3: SEV1 on any ground, SEV2 for a critical alert, else SEV3."""
    if grounds(alerts):
        return 1
    return 2 if any(one.severity >= Severity.CRITICAL for one in alerts) else 3


def first_evidence(alerts: Sequence[Alert]) -> Alert | None:
    """The alert with the earliest act, attempts included; None where there is none but findings."""
    told = [one for one in alerts if one.source != OWN]
    return min(told, key=lambda one: (one.first_seen, one.id), default=None)


def _single(alerts: Sequence[Alert]) -> Iterator[str]:
    for ground in GROUNDS:
        found = sorted({one.rule for one in alerts if one.rule in ground.rules})
        sure = any(one.rule in ground.rules and one.reaction == Reaction.FIRE.value for one in alerts)
        if found:
            yield f"{ground.what} ({', '.join(found)}{'' if sure else '; the log cannot tell whether it was done'})"


def _several(alerts: Sequence[Alert]) -> Iterator[str]:
    rules: set[str] = set()
    critical: set[tuple[str, tuple[str, ...]]] = set()
    for first in alerts:
        near = [one for one in alerts if 0 <= one.first_seen - first.first_seen <= SPAN * _SECOND]
        rules = max(rules, {one.rule for one in near}, key=len)
        # Episodes of one group, one after the other, are one story.
        loud = {(one.rule, one.group) for one in near if one.severity >= Severity.CRITICAL}
        critical = max(critical, loud, key=len)
    if len(rules) >= RULES:
        yield f"{len(rules)} rules fired within an hour ({', '.join(sorted(rules))})"
    if len(critical) >= CRITICAL:
        yield f"{len(critical)} critical alerts within an hour"
