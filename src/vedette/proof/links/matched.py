"""Matched: does the engine find what the rule is for? Its own cases, run by it."""

from __future__ import annotations

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
