"""Prove: rules and what is given in, the matrix of rules and links out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from vedette.proof.links import LINKS
from vedette.proof.links.base import Given
from vedette.proof.verdict import LinkResult, RuleResult, of_links
from vedette.rule import Rule


def prove(
    rules: Iterable[Rule], given: Given, known: Mapping[tuple[str, str], LinkResult] | None = None
) -> Iterator[RuleResult]:
    """Each rule with every link that something was given for. `known`: rule and link -> what need not be checked
    anew."""
    links = [link for make in LINKS.values() if (link := make(given)) is not None]
    known = known or {}
    for rule in rules:
        yield of_links(rule, [known.get((rule.name, link.name)) or link.check(rule) for link in links])
