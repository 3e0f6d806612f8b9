"""Emission: does a rule still fire on what a policy lets be written? Found by running the rule, case by case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from vedette.cases import Case, RulesUnder, firing_cases
from vedette.event import Outcome
from vedette.proof.audit_policy import AuditPolicy, Level, Written
from vedette.proof.naming import Naming
from vedette.proof.rerun import LOUDNESS, Rerun, loudness
from vedette.proof.witness import Act, Witnesses, truncated, witnesses
from vedette.rule import AllOf, AnyOf, Block, Node, Not, Reaction, Rule, Test

FORMATS = ("kube_audit", "observation")
"""What a policy can take away: events, and the observation that rests on the beginning of a write."""


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
        return next((pair for pair in pairs if pair[0].loses(pair[1])), pairs[0])


def of_all(policy: AuditPolicy, one: Witnesses) -> tuple[Written, ...]:
    """What `policy` lets be written of each act of a case."""
    return tuple(policy.written(act.request) for act in one.acts)


class Emission:
    """One rule's cases, judged under policies; what was judged once under the same loss is not judged again."""

    def __init__(
        self,
        rule: Rule,
        rules_under: RulesUnder,
        naming: Naming,
        *,
        erases: bool = True,
        cases: Sequence[Case] | None = None,
    ) -> None:
        """`erases`: False for an API server that is known to lose no event of an apply in YAML. `cases`: in place of
        the rule's own. Raises BadCase."""
        self.rule = rule
        self._naming = naming
        tests = [pair for one in rule.detections for pair in tests_of(one.node)]
        self.tied = any(test.path.name == "level" for test, _ in tests)
        """True where the rule names the event's level itself: a level above may then blind it as well."""
        self.wanted = tuple(test for test, wanted in tests if wanted)
        """The rule's tests, but for those of its exemptions."""
        found = [witnesses(case, erases=erases) for case in (firing_cases(rule) if cases is None else cases)]
        self.judged = [one for one in found if one.acts and not (one.others and not one.observed)]
        self.observed = [one for one in found if not one.acts and one.observed]
        self.unread = [one for one in found if one.others and not one.observed]
        self._rerun = Rerun(rules_under)
        self._known: dict[_Loss, Reaction | None] = {}
        self._expected: dict[str, Reaction] = {}

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
        losses = [_loss(*pair) for pair in asked]
        unknown: dict[_Loss, tuple[Case, list[bytes]]] = {}
        for loss, (one, written) in zip(losses, asked, strict=True):
            if loss in self._known:
                continue
            if self.tied or any(act.loses(each) for act, each in zip(one.acts, written, strict=True)):
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
        known = self._expected.get(case.name)
        if known is None:
            known = self._expected[case.name] = self._by_outcome(case)
        return known

    def _by_outcome(self, case: Case) -> Reaction:
        outcome = Outcome(case.expect.get("outcome", Outcome.DONE.value))
        severity = case.expect.get("severity", str(self.rule.severity))
        if outcome is Outcome.UNKNOWN and severity != str(self.rule.severity):
            # What is missing need not be how it ended.
            return Reaction.CANNOT_TELL
        said = {one.outcomes[outcome] for one in self.rule.detections if one.format in FORMATS}
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

    def hurt_by_cutting(self, seen: Sequence[Seen]) -> int:
        """How many of these the rule says less of, once their events have lost their bodies. Raises BadCase."""
        logs = []
        for one in seen:
            lines = one.witnesses.lines(one.written, tied=self.tied)
            if (shorter := [truncated(line) for line in lines]) != lines:
                logs.append((one.witnesses.case, shorter))
        reactions = self._rerun.reactions(self.rule, logs)
        return sum(not self._enough(case, said) for (case, _), said in zip(logs, reactions, strict=True))

    def at_level(self, one: Witnesses, written: tuple[Written, ...], level: Level) -> bool:
        """True where the case would be seen if everything were written at just this level. Raises BadCase."""
        return self.see([(one, tuple(replace(each, level=level) for each in written))])[0].enough


_Loss = tuple[str, tuple[tuple[Level, frozenset[str], bool], ...]]
"""A case by name, and what is written of each of its acts."""


def _loss(one: Witnesses, written: Sequence[Written]) -> _Loss:
    return one.case.name, tuple((each.level, each.omitted, each.without_managed_fields) for each in written)


def _given(written: Written, level: Level, *, omitting: bool) -> Written:
    return replace(written, level=max(written.level, level), omitted=written.omitted if omitting else frozenset())


def tests_of(node: Node, wanted: bool = True) -> Iterator[tuple[Test, bool]]:  # noqa: FBT002
    """Every test beneath `node`, and whether it is one that must hold; a test in a block has the block's path."""
    match node:
        case Test():
            yield node, wanted
        case Block(path=path, body=body):
            for test, here in tests_of(body, wanted):
                yield replace(test, path=path), here
        case Not(node=inner):
            yield from tests_of(inner, not wanted)
        case AllOf(nodes=nodes) | AnyOf(nodes=nodes):
            for one in nodes:
                yield from tests_of(one, wanted)
