"""Verdict: what is known of a rule's way from an act to a person, link by link."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from vedette.rule import Rule


class State(Enum):
    """What a proof comes to."""

    PROVEN = "PROVEN"
    """Every link was checked, and a drill went through."""
    READY = "READY"
    """Every link that was asked for was checked and holds."""
    BLIND = "BLIND"
    """A link is broken, for all of the rule's variants or for some."""
    UNKNOWN = "UNKNOWN"
    """It could not be checked. Never counts as yes."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of doing what the rule must see: a firing case of the rule, by its name."""

    name: str
    state: State
    why: str = ""
    """Why it is not READY, in one clause."""
    mend: str = ""
    """What to write or do, or nothing; may have several lines."""
    fires: bool = True
    """False: an attempt, or what even a whole record leaves open; the rule says less of it than that it fires."""
    witness: str = ""
    """The act that shows it, as a person would say it: `get secrets in vault by eve@example.org`."""
    told_by: str = ""
    """What says so already, so that it is no news: the kind of a finding that is open, the rule of an alert, or
    `settings` for what nobody has set up."""


@dataclass(frozen=True, slots=True)
class LinkResult:
    """One link of one rule."""

    link: str
    """The link's name, as in `links.LINKS`."""
    state: State
    why: str = ""
    """Why it is in that state; for READY what was looked at, or nothing."""
    mend: str = ""
    """The smallest change that would make it READY, or nothing."""
    variants: tuple[Variant, ...] = ()
    """Every variant that was looked at, in the order of the cases."""
    concerns: bool = True
    """False: what was given says nothing of this rule (an audit policy says nothing of Vault); the state is then
    UNKNOWN, and no exit code is made of it unless the rule was asked for by name."""
    told_by: str = ""
    """As `Variant.told_by`; of several variants that are BLIND only where something says so of each."""
    invented: bool = False
    """True where the variants are acts that were made up, for the rule has no firing case."""
    unseen: tuple[str, ...] = ()
    """Acts of the rule that no variant shows and that are not seen, though it is READY: which, and by which line."""

    @property
    def blind(self) -> tuple[Variant, ...]:
        """The variants that cannot be seen."""
        return tuple(one for one in self.variants if one.state is State.BLIND)

    @property
    def in_part(self) -> bool:
        """True where the link is BLIND for some variants, and others still fire. The state is BLIND all the same."""
        return self.state is State.BLIND and any(one.fires and one.state is State.READY for one in self.variants)


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule, all its links."""

    rule: Rule
    state: State
    links: tuple[LinkResult, ...]

    @property
    def concerned(self) -> bool:
        """True where some link could say something of the rule."""
        return any(link.concerns for link in self.links)


DRILLED = "drilled"
"""The link that makes a READY rule PROVEN."""


def of_variants(link: str, variants: Sequence[Variant], why: str = "") -> LinkResult:
    """The link's result from its variants': BLIND if any is, else UNKNOWN if any is, else READY (never of none)."""
    state = worst(one.state for one in variants)
    of_that = [one for one in variants if one.state is state]
    if state is State.READY:
        return LinkResult(link, state, why, "", tuple(variants))
    share = "" if len(of_that) == len(variants) else f"{len(of_that)} of {len(variants)} variants: "
    said = share + of_that[0].why if of_that else why
    return LinkResult(link, state, said, _mends(of_that), tuple(variants), told_by=told_by_all(of_that))


def told_by_all(variants: Iterable[Variant]) -> str:
    """What says so already of every one of them, or nothing where one of them is news."""
    found = [one.told_by for one in variants]
    return found[0] if found and all(found) else ""


def _mends(variants: Iterable[Variant]) -> str:
    return "\n".join(dict.fromkeys(one.mend for one in variants if one.mend))


def of_links(rule: Rule, links: Sequence[LinkResult]) -> RuleResult:
    """The rule's state from its links': BLIND, then UNKNOWN, then READY; PROVEN where it was drilled as well."""
    undrilled = [one for one in links if one.link != DRILLED]
    # What says nothing of the rule does not count against it where another link speaks of it.
    undrilled = [one for one in undrilled if one.concerns] or undrilled
    state = worst(one.state for one in undrilled)
    drilled = next((one for one in links if one.link == DRILLED), None)
    if drilled is not None and drilled.state is State.BLIND:
        state = State.BLIND
    elif state is State.READY and drilled is not None and drilled.state is State.PROVEN:
        state = State.PROVEN
    return RuleResult(rule, state, tuple(links))


def worst(states: Iterable[State]) -> State:
    """BLIND before UNKNOWN before READY; of nothing UNKNOWN, for nothing was checked."""
    found = set(states)
    for state in (State.BLIND, State.UNKNOWN):
        if state in found:
            return state
    return State.READY if found else State.UNKNOWN
