"""What a link of the proof is, and what it may be given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from vedette.cases import RulesUnder
from vedette.problem import Problem
from vedette.proof.audit_policy import AuditPolicy
from vedette.proof.naming import Naming
from vedette.proof.verdict import LinkResult
from vedette.rule import Rule


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that was given and could not be read: the link is UNKNOWN for that reason, never READY."""

    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return "\n".join(str(one) for one in self.problems)


@dataclass(frozen=True, slots=True)
class Given:
    """What a person gave, or a host told: values, each of which may be missing. A link takes what it needs."""

    rules_under: RulesUnder
    """Reads the rules with the settings of a case."""
    policy: AuditPolicy | Unread | None = None
    """The Kubernetes audit policy."""
    naming: Naming = field(default_factory=lambda: Naming({}, {}))
    """The names of the cases' site and of this one; of none: the cases' own names hold."""


class Link(Protocol):
    """One link of the way from an act to a person. Made once a run, asked once a rule."""

    name: str
    """As in the registry."""

    def check(self, rule: Rule) -> LinkResult:
        """Does it hold for `rule`? Never raises for what was given; what could not be checked is UNKNOWN."""
