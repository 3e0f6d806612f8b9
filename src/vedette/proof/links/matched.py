"""Matched: does the engine in use find what the rule is for? Its own cases, run by it; of a ruler, what runs there."""

from __future__ import annotations

from collections.abc import Mapping

from vedette.cases import BadCase, RulesUnder, run_cases
from vedette.proof.verdict import LinkResult, State, Variant
from vedette.rule import Rule

NAME = "matched"


class Matched:
    """vedette's own engine: every firing case fires, every quiet one is quiet."""

    name = NAME

    def __init__(self, rules_under: RulesUnder) -> None:
        """`rules_under`: the rules read with the settings of a case."""
        self._under = rules_under

    def check(self, rule: Rule) -> LinkResult:
        """BLIND where a firing case does not fire; UNKNOWN where the rule has no case, or one cannot be run."""
        try:
            results = list(run_cases(rule, self._under))
        except BadCase as error:
            return LinkResult(NAME, State.UNKNOWN, str(error), "mend the case")
        firing = [one for one in results if one.case.fires]
        if not firing:
            mend = "write one: CONTRIBUTING.md"
            return LinkResult(NAME, State.UNKNOWN, "the rule has no firing case", mend, told_by="settings")
        variants = tuple(
            Variant(
                one.case.name, State.BLIND if one.fault else State.READY, one.fault, f"{one.case.file}:{one.case.line}"
            )
            for one in firing
        )
        broken = [one for one in variants if one.state is State.BLIND]
        if broken:
            why = f"{len(broken)} of {len(variants)} firing cases fail: {broken[0].name} {broken[0].why}"
            return LinkResult(NAME, State.BLIND, why, f"vedette rules test {rule.name}", variants)
        noisy = [one for one in results if one.fault]
        said = f"; {len(noisy)} quiet cases are not quiet: vedette rules test {rule.name}" if noisy else ""
        return LinkResult(NAME, State.READY, f"{len(variants)} firing cases fire{said}" if noisy else "", "", variants)


class MatchedOnLoki:
    """A ruler: what `vedette loki status` found of each rule's groups, and why Loki cannot carry the others."""

    name = NAME

    def __init__(
        self, found: Mapping[str, tuple[State, str, str]], refused: Mapping[str, str], fault: str = ""
    ) -> None:
        """`found`: rule -> state, why and mend of its groups. `refused`: rule -> why it is not rendered at all.
        `fault`: why no ruler could be asked."""
        self._found = found
        self._refused = refused
        self._fault = fault

    def check(self, rule: Rule) -> LinkResult:
        """As the ruler is; UNKNOWN where it could not be asked, BLIND where it cannot carry the rule."""
        if self._fault:
            return LinkResult(NAME, State.UNKNOWN, self._fault)
        if rule.name in self._found:
            return LinkResult(NAME, *self._found[rule.name])
        why = self._refused.get(rule.name, "the ruler has no group of it")
        return LinkResult(NAME, State.BLIND, why, "vedette watch, beside Loki or upon it")
