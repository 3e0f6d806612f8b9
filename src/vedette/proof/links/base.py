"""What a link of the proof is, and what it may be given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Protocol

from vedette.cases import RulesUnder
from vedette.problem import Problem
from vedette.proof.apiserver import ApiServer
from vedette.proof.audit_policy import AuditPolicy
from vedette.proof.naming import Naming
from vedette.proof.verdict import LinkResult
from vedette.rule import Rule

if TYPE_CHECKING:
    from vedette.loki_status.base import Check
    from vedette.proof.links.drilled import Drills
    from vedette.proof.links.emitted_sshd import SshdGiven
    from vedette.proof.seen import Seen

    # What asks far ends takes long to import, and an audit policy alone needs none of it.
    from vedette.proof.slack_ends import Delivery
    from vedette.proof.vault_node import VaultNode
    from vedette.settings.effective import Settings


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that was given and could not be read: the link is UNKNOWN for that reason, never READY."""

    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return "\n".join(str(one) for one in self.problems)


@dataclass(frozen=True, slots=True)
class Delivering:
    """Who is told of what, and what is at the ends."""

    ways: tuple[Way, ...]
    deliveries: Mapping[str, Delivery]
    """By the sink's name."""
    cluster: str = ""
    """The label of every alert, or nothing."""
    dead: frozenset[str] = frozenset()
    """Sinks that the store knows to take nothing: the finding `sink_dead` says so."""


@dataclass(frozen=True, slots=True)
class Ruler:
    """A Loki whose ruler is the engine."""

    checks: tuple[Check, ...] = ()
    """What `vedette loki status` looks at."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Rule -> why it is not rendered for Loki at all."""
    fault: str = ""
    """Why it could not be asked, or nothing."""
    mend: str = ""
    """What to do about that."""


@dataclass(frozen=True, slots=True)
class Way:
    """One route of the settings: the first whose severities hold that of the alert counts."""

    severities: frozenset[str]
    """Empty: any."""
    to: tuple[str, ...]
    """Sinks by name."""
    fallback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """What a person gave, or a host told: values, each of which may be missing. A link takes what it needs."""

    rules_under: RulesUnder
    """Reads the rules with the settings of a case."""
    policy: AuditPolicy | Unread | None = None
    """The Kubernetes audit policy."""
    apiserver: ApiServer = field(default_factory=ApiServer)
    """The API server's flags and version."""
    naming: Naming = field(default_factory=lambda: Naming({}, {}))
    """The names of the cases' site and of this one; of none: the cases' own names hold."""
    settings: Settings | None = None
    """The site's settings, with the day of which their exceptions hold."""
    today: date = date.min
    seen: Seen | None = None
    """What came from the logs lately, and `now`, nanoseconds since 1970 UTC."""
    now: int = 0
    delivering: Delivering | None = None
    """Who is told, and how that can be asked."""
    ruler: Ruler | None = None
    """Where Loki is the engine in use, and not vedette's own."""
    drills: Drills | None = None
    """What was drilled here, by the engine in use."""
    vault: tuple[VaultNode, ...] = ()
    """What each node of Vault says of its audit devices and listeners."""
    sshd: SshdGiven | None = None
    """sshd's configuration, and how its lines are picked."""


class Link(Protocol):
    """One link of the way from an act to a person. Made once a run, asked once a rule."""

    name: str
    """As in the registry."""

    def check(self, rule: Rule) -> LinkResult:
        """Does it hold for `rule`? Never raises for what was given; what could not be checked is UNKNOWN."""
