"""Emission: does a rule still fire on what a policy lets be written? Found by running the rule, case by case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from vedette.cases import RulesUnder, cases_of
from vedette.proof.audit_policy import AuditPolicy, Level, Written
from vedette.proof.naming import Naming
from vedette.proof.rerun import Rerun, loudness
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
        found = [witnesses(case) for case in cases_of(rule) if case.fires]
        self.judged = [one for one in found if one.acts and not (one.others and not one.observed)]
        self.observed = [one for one in found if not one.acts and one.observed]
        self.unread = [one for one in found if one.others and not one.observed]
        self._rerun = Rerun(rules_under)
        self._known: dict[tuple[str, tuple[tuple[Level, frozenset[str], bool], ...]], Reaction | None] = {}
        self._recorded: dict[str, Reaction | None] = {}

    def under(self, policy: AuditPolicy) -> list[Seen]:
        """Every case that is of the audit log, in order; of those under several names the first that is not seen.

        Raises BadCase.
        """
        found = []
        for one in self.judged:
            tried = [self.see(each, of_all(policy, each)) for each in self._naming.renamed(one, self.wanted)]
            found.append(next((seen for seen in tried if not seen.enough), tried[0]))
        return found

    def see(self, one: Witnesses, written: tuple[Written, ...]) -> Seen:
        """One case with what is written of each of its acts. Raises BadCase."""
        if not self.tied and not any(_takes(*pair) for pair in zip(one.acts, written, strict=True)):
            # Nothing is taken away: what the rule says then is what `vedette rules test` judges.
            return Seen(one, written, Reaction.FIRE, enough=True)
        reaction = self._reaction(one, written)
        enough = reaction is Reaction.FIRE or loudness(reaction) >= loudness(self._as_recorded(one))
        return Seen(one, written, reaction, enough=enough and reaction is not None)

    def least(self, one: Witnesses, written: tuple[Written, ...]) -> tuple[Written, ...] | None:
        """The least that would be enough: with fewer stages left out, or from a higher level on. Raises BadCase."""
        for level in (None, Level.METADATA, Level.REQUEST, Level.REQUEST_RESPONSE):
            for all_stages in (False, True):
                tried = tuple(
                    replace(
                        each,
                        level=each.level if level is None or each.level >= level else level,
                        omitted=frozenset() if all_stages else each.omitted,
                    )
                    for each in written
                )
                if tried != written and self.see(one, tried).enough:
                    return tried
        return None

    def at_level(self, one: Witnesses, written: tuple[Written, ...], level: Level) -> bool:
        """True where the case would be seen if everything were written at just this level. Raises BadCase."""
        return self.see(one, tuple(replace(each, level=level) for each in written)).enough

    def _reaction(self, one: Witnesses, written: tuple[Written, ...]) -> Reaction | None:
        key = one.case.name, tuple((each.level, each.omitted, each.without_managed_fields) for each in written)
        if key not in self._known:
            lines = one.lines(written, tied=self.tied)
            self._known[key] = self._rerun.reaction(self.rule, one.case, lines) if lines else None
        return self._known[key]

    def _as_recorded(self, one: Witnesses) -> Reaction | None:
        if one.case.name not in self._recorded:
            self._recorded[one.case.name] = self._rerun.reaction(self.rule, one.case, one.case.lines.splitlines())
        return self._recorded[one.case.name]


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
