"""Prove: rules and what is given in, the matrix of rules and links out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from vedette.proof.links import LINKS
from vedette.proof.links.base import Given
from vedette.proof.verdict import LinkResult, RuleResult, State, of_links
from vedette.rule import Rule, Severity
from vedette.sigma.loading import Refused

READ = "read"
"""The link of a rule that could not be read: no log comes so far."""


def prove(
    rules: Iterable[Rule], given: Given, known: Mapping[tuple[str, str], LinkResult] | None = None
) -> Iterator[RuleResult]:
    """Each rule with every link that something was given for. `known`: rule and link -> what need not be checked
    anew."""
    links = [link for make in LINKS.values() if (link := make(given)) is not None]
    known = known or {}
    for rule in rules:
        yield of_links(rule, [known.get((rule.name, link.name)) or link.check(rule) for link in links])


def refused(one: Refused) -> RuleResult:
    """The result of a rule file that vedette refuses, for it could not fire: BLIND, by the first of its mistakes.

    How loud it would be is not known where nothing could be read of it; it then counts as the loudest.
    """
    rule = Rule(one.name, one.title, one.severity or Severity.CRITICAL, "", (), ())
    first, more = one.problems[0], len(one.problems) - 1
    place = f"{one.file}:{first.line}:{first.column}" if first.line else one.file
    why = f"{place}: {first.message}" + (f"; {more} more mistakes" if more else "")
    return of_links(rule, [LinkResult(READ, State.BLIND, why, first.mend)])
