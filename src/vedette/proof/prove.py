"""Prove: rules and what is given in, the matrix of rules and links out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vedette.proof.links import LINKS
from vedette.proof.links.base import Given
from vedette.proof.verdict import RuleResult, of_links
from vedette.rule import Rule


def prove(rules: Iterable[Rule], given: Given) -> Iterator[RuleResult]:
    """Each rule with every link that something was given for."""
    links = [link for make in LINKS.values() if (link := make(given)) is not None]
    for rule in rules:
        yield of_links(rule, [link.check(rule) for link in links])
