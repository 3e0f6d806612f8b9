"""What the record of drills makes of a rule."""

from __future__ import annotations

import pytest

from vedette import app
from vedette.proof.links.drilled import Drilled, Drills, LastDrill
from vedette.proof.verdict import LinkResult, State, of_links
from vedette.rule import Rule

SECOND = 1_000_000_000
NOW = 1_795_000_000 * SECOND
DAY = 86_400
HOPS = (("act", NOW), ("alert", NOW + SECOND), ("told alertmanager", NOW + 2 * SECOND))


@pytest.fixture(scope="module")
def rule() -> Rule:
    """K5, as the pack has it."""
    (found,) = app.usable_rules(app.load_rules(app.load_settings(None)), ["K5"])
    return found


def drilled(rule: Rule, *last: LastDrill, later: int = 0) -> LinkResult:
    """The link, some seconds after the drill."""
    return Drilled(Drills(last, 30 * DAY), NOW + later * SECOND).check(rule)


def test_a_rule_never_drilled_is_unknown(rule: Rule) -> None:
    """And the mend is the drill."""
    other = LastDrill("K4", "real", NOW, "through", hops=HOPS)
    found = drilled(rule, other)
    assert (found.state, found.mend) == (State.UNKNOWN, "vedette drill K5")


@pytest.mark.parametrize(
    ("how", "outcome", "state"),
    [
        ("real", "through", State.PROVEN),
        ("owner", "through", State.PROVEN),
        ("real", "attempt", State.READY),
        ("stand-in", "through", State.READY),
    ],
)
def test_what_went_through_counts_by_what_was_done(rule: Rule, how: str, outcome: str, state: State) -> None:
    """A real act that fired proves; an attempt and a stand-in leave it READY; each with its hops' times."""
    found = drilled(rule, LastDrill("K5", how, NOW, outcome, hops=HOPS), later=29 * DAY)
    assert found.state is state
    assert "alert 1.0 s, told alertmanager 2.0 s" in found.why


def test_an_old_drill_counts_no_longer(rule: Rule) -> None:
    """After the days that the settings say it is as if it had not been."""
    found = drilled(rule, LastDrill("K5", "real", NOW, "through", hops=HOPS), later=31 * DAY)
    assert found.state is State.UNKNOWN
    assert "more than 30 days ago" in found.why


def test_a_drill_that_got_stuck_names_the_hop(rule: Rule) -> None:
    """The rule is BLIND, whatever the other links say."""
    last = LastDrill("K5", "real", NOW, "failed", "told alertmanager", "connection refused", HOPS[:2])
    found = drilled(rule, last)
    assert found.state is State.BLIND
    assert "stuck at told alertmanager: connection refused" in found.why
    ready = LinkResult("shipped", State.READY)
    assert of_links(rule, [ready, found]).state is State.BLIND
    proven = drilled(rule, LastDrill("K5", "real", NOW, "through", hops=HOPS))
    assert of_links(rule, [ready, proven]).state is State.PROVEN


def test_an_act_that_could_not_be_done_says_nothing_of_the_rule(rule: Rule) -> None:
    """A right that is missing at the drill account blinds nobody."""
    found = drilled(rule, LastDrill("K5", "real", NOW, "failed", "act", "HTTP 403"))
    assert found.state is State.UNKNOWN
    assert "HTTP 403" in found.why
