"""Refusing: why an entry must not be taken, each reason tried and not judged by its looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from vedette.cases import RulesUnder
from vedette.problem import Problem
from vedette.proof.links.allowed import Allowed
from vedette.proof.verdict import State
from vedette.response.entry import NAME, Entry
from vedette.response.evasions import evaded
from vedette.response.past import PastAlert
from vedette.response.replay import Version
from vedette.rule import Rule
from vedette.settings.effective import Settings

_NAMED = 4
"""Cases that are named; of more, how many."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The rules that some settings make, and what was wrong with them."""

    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]


ReadRules = Callable[[Settings], Reading]


@dataclass(frozen=True, slots=True)
class Change:
    """A past alert, and how many of its acts the rule would still speak of."""

    past: PastAlert
    left: int

    @property
    def known(self) -> bool:
        """Its acts stand in the evidence."""
        return self.past.acts > 0

    @property
    def vanishes(self) -> bool:
        """Nothing of it would be left."""
        return self.known and not self.left

    @property
    def shrinks(self) -> bool:
        """Some of it would be left."""
        return 0 < self.left < self.past.acts


def broken(rule: Rule, read: Reading) -> Iterator[str]:
    """The settings with the entry make no such rule."""
    for problem in read.problems:
        if problem.error:
            yield f"it does not fit {rule.name}: {problem.message}{f'; {problem.mend}' if problem.mend else ''}"
            return
    subject = next((one for one in read.rules if one.name == rule.name), None)
    if subject is None:
        yield f"{rule.name} could not be read with it"
    elif subject.not_configured and not rule.not_configured:
        yield f"{rule.name} would be left without work: {subject.not_configured}"


def blinding(rule: Rule, before: Settings, after: Settings, under: RulesUnder, today: date) -> Iterator[str]:
    """Firing cases of the rule, evasions among them, that nobody at all could set off any more."""
    found = Allowed(after, under, today).check(rule)
    if found.state is State.UNKNOWN:
        yield f"what it would blind cannot be tried: {found.why}"
        return
    already = {one.name for one in Allowed(before, under, today).check(rule).blind} if found.blind else set()
    lost = [one for one in found.blind if one.name not in already]
    if lost:
        names = ", ".join(one.name for one in lost[:_NAMED])
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        why = lost[0].why.removeprefix(f"{NAME}:1: ")
        yield f"it silences {len(lost)} of {len(found.variants)} firing cases, whoever does it ({names}{more}): {why}"


def real(changes: Sequence[Change], entry: Entry) -> Iterator[str]:
    """Alerts that people called true and that would lose something."""
    for change in changes:
        past = change.past
        if past.verdict != "true":
            continue
        name = past.alert.id[:8]
        if change.vanishes:
            yield f"alert {name} was marked true, and would vanish"
        elif change.shrinks:
            yield f"alert {name} was marked true, and would lose {past.acts - change.left} of its {past.acts} acts"
        elif not change.known and past.alert.actor in entry.actors:
            yield f"alert {name} was marked true, is about the same actor, and is in no evidence that could be tried"


def stepped_into(version: Version, form: str, now: tuple[Rule, Settings], then: tuple[Rule, Settings]) -> Iterator[str]:
    """Ways in which others would be excused as well."""
    return evaded(version.sample, form, now, then)
