"""Emission: does a rule still fire on what a policy lets be written? Found by running the rule, case by case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from vedette.cases import Case, RulesUnder, firing_cases
from vedette.event import Outcome
from vedette.proof.audit_policy import AuditPolicy, Level, Written
from vedette.proof.naming import Naming
from vedette.proof.rerun import LOUDNESS, Rerun, loudness
from vedette.proof.witness import Act, Witnesses, witnesses
from vedette.rule import AllOf, AnyOf, Block, Node, Not, Reaction, Rule, Test


@dataclass(frozen=True, slots=True)
class Seen:
    """One case under one policy."""

    witnesses: Witnesses
    written: tuple[Written, ...]
    """For each act."""
    reaction: Reaction | None
    """What the rule says of what was written; None: nothing."""
    enough: bool
    """True where that is as loud as what it says of the case as recorded."""

    @property
    def lost(self) -> tuple[Act, Written]:
        """The first act that the policy takes something of, and what it leaves."""
        pairs = list(zip(self.witnesses.acts, self.written, strict=True))
        return next((pair for pair in pairs if _takes(*pair)), pairs[0])


def _takes(act: Act, written: Written) -> bool:
    stages = {one.get("stage") for one in act.records}
    return written.level < act.level or not stages <= written.stages()


def of_all(policy: AuditPolicy, one: Witnesses) -> tuple[Written, ...]:
    """What `policy` lets be written of each act of a case."""
    return tuple(policy.written(act.request) for act in one.acts)


class Emission:
    """One rule's cases, judged under policies; what was judged once under the same loss is not judged again."""

    def __init__(self, rule: Rule, rules_under: RulesUnder, naming: Naming) -> None:
        self.rule = rule
        self._naming = naming
        tests = [pair for one in rule.detections for pair in _tests(one.node)]
        self.tied = any(test.path.name == "level" for test, _ in tests)
        """True where the rule names the event's level itself: a level above may then blind it as well."""
        self.wanted = tuple(test for test, wanted in tests if wanted)
        """The rule's tests, but for those of its exemptions."""
        found = [witnesses(case) for case in firing_cases(rule)]
        self.judged = [one for one in found if one.acts and not (one.others and not one.observed)]
        self.observed = [one for one in found if not one.acts and one.observed]
        self.unread = [one for one in found if one.others and not one.observed]
        self._rerun = Rerun(rules_under)
        self._known: dict[_Loss, Reaction | None] = {}

    def under(self, policy: AuditPolicy) -> list[Seen]:
        """Every case that is of the audit log, in order; of those under several names the first that is not seen.

        Raises BadCase.
        """
        named = [list(self._naming.renamed(one, self.wanted)) for one in self.judged]
        seen = iter(self.see([(one, of_all(policy, one)) for group in named for one in group]))
        found = []
        for group in named:
            tried = [next(seen) for _ in group]
            found.append(next((one for one in tried if not one.enough), tried[0]))
        return found

    def see(self, asked: Sequence[tuple[Witnesses, tuple[Written, ...]]]) -> list[Seen]:
        """Each case with what is written of each of its acts. Raises BadCase."""
        losses = [
            (one.case.name, tuple((w.level, w.omitted, w.without_managed_fields) for w in each)) for one, each in asked
        ]
        unknown: dict[_Loss, tuple[Case, list[bytes]]] = {}
        for loss, (one, written) in zip(losses, asked, strict=True):
            if loss in self._known:
                continue
            if self.tied or any(_takes(*pair) for pair in zip(one.acts, written, strict=True)):
                unknown[loss] = one.case, one.lines(written, tied=self.tied)
            else:
                # Nothing is taken away: what the rule says then is what `vedette rules test` judges.
                self._known[loss] = self.expected(one.case)
        self._known.update(zip(unknown, self._rerun.reactions(self.rule, list(unknown.values())), strict=True))
        return [
            Seen(one, written, self._known[loss], enough=self._enough(one.case, self._known[loss]))
            for loss, (one, written) in zip(losses, asked, strict=True)
        ]

    def _enough(self, case: Case, reaction: Reaction | None) -> bool:
        return reaction is not None and loudness(reaction) >= loudness(self.expected(case))

    def expected(self, case: Case) -> Reaction:
        """What the rule says of the case as recorded, by what the case expects; `rules test` holds it to that."""
        outcome = Outcome(case.expect.get("outcome", Outcome.DONE.value))
        severity = case.expect.get("severity", str(self.rule.severity))
        if outcome is Outcome.UNKNOWN and severity != str(self.rule.severity):
            # What is missing need not be how it ended.
            return Reaction.CANNOT_TELL
        said = {one.outcomes[outcome] for one in self.rule.detections if one.format == "kube_audit"}
        return max(said & set(LOUDNESS), key=loudness, default=Reaction.CANNOT_TELL)

    def least(self, blind: Sequence[Seen]) -> list[tuple[Written, ...]]:
        """For each of `blind` the least that would be enough: fewer stages left out, or from a higher level on.

        What is written as it is, where nothing would be. Raises BadCase.
        """
        found = [one.written for one in blind]
        open_ = list(range(len(blind)))
        # Few policies leave out a stage that is missed, so that is tried when no level was enough.
        for omitting in (True, False):
            for level in Level:
                tried = [tuple(_given(each, level, omitting=omitting) for each in blind[n].written) for n in open_]
                seen = self.see([(blind[n].witnesses, each) for n, each in zip(open_, tried, strict=True)])
                for number, one in zip(open_, seen, strict=True):
                    if one.enough:
                        found[number] = one.written
                open_ = [number for number, one in zip(open_, seen, strict=True) if not one.enough]
        return found

    def at_level(self, one: Witnesses, written: tuple[Written, ...], level: Level) -> bool:
        """True where the case would be seen if everything were written at just this level. Raises BadCase."""
        return self.see([(one, tuple(replace(each, level=level) for each in written))])[0].enough


_Loss = tuple[str, tuple[tuple[Level, frozenset[str], bool], ...]]
"""A case by name, and what is written of each of its acts."""


def _loss(one: Witnesses, written: Sequence[Written]) -> _Loss:
    return one.case.name, tuple((each.level, each.omitted, each.without_managed_fields) for each in written)


def _given(written: Written, level: Level, *, omitting: bool) -> Written:
    return replace(written, level=max(written.level, level), omitted=written.omitted if omitting else frozenset())


def _tests(node: Node, wanted: bool = True) -> Iterator[tuple[Test, bool]]:  # noqa: FBT002
    """Every test, and whether it is one that must hold."""
    match node:
        case Test():
            yield node, wanted
        case Block(path=path, body=body):
            for test, here in _tests(body, wanted):
                yield replace(test, path=path), here
        case Not(node=inner):
            yield from _tests(inner, not wanted)
        case AllOf(nodes=nodes) | AnyOf(nodes=nodes):
            for one in nodes:
                yield from _tests(one, wanted)
