"""The state of a rule is made of its links', and a link's of its variants'; nothing unchecked counts as yes."""

from __future__ import annotations

from itertools import product

import pytest

from tests.proof.asking import rules
from vedette.proof.verdict import DRILLED, LinkResult, State, Variant, of_links, of_variants

READY, BLIND, UNKNOWN, PROVEN = State.READY, State.BLIND, State.UNKNOWN, State.PROVEN


@pytest.mark.parametrize(
    ("links", "drilled", "expected"),
    [
        ([], None, UNKNOWN),
        ([READY], None, READY),
        ([READY, UNKNOWN], None, UNKNOWN),
        ([READY, UNKNOWN, BLIND], None, BLIND),
        ([READY, READY], PROVEN, PROVEN),
        ([READY, READY], UNKNOWN, READY),
        ([READY], BLIND, BLIND),
        ([UNKNOWN], PROVEN, UNKNOWN),
        ([BLIND], PROVEN, BLIND),
        ([], PROVEN, UNKNOWN),
    ],
)
def test_a_rule_is_what_its_links_are(links: list[State], drilled: State | None, expected: State) -> None:
    """BLIND before UNKNOWN before READY; PROVEN only where all else is READY and a drill went through."""
    held = [LinkResult(f"link{n}", state) for n, state in enumerate(links)]
    held += [LinkResult(DRILLED, drilled)] if drilled else []
    assert of_links(rules()["K3"], held).state is expected


def test_no_set_of_variants_is_ready_with_one_that_is_not() -> None:
    """Whatever the order, and of none at all UNKNOWN."""
    for states in product((READY, BLIND, UNKNOWN), repeat=3):
        result = of_variants("emitted", [Variant(str(n), state) for n, state in enumerate(states)])
        assert (result.state is READY) == (set(states) == {READY})
        assert (result.state is BLIND) == (BLIND in states)
    assert of_variants("emitted", []).state is UNKNOWN


def test_blind_in_part_means_that_others_still_fire() -> None:
    """An attempt that is still seen does not make a rule half seeing."""
    blind = Variant("get", BLIND, "dropped", "keep it")
    assert of_variants("emitted", [blind, Variant("patch", READY)]).in_part
    assert not of_variants("emitted", [blind, Variant("refused", READY, fires=False)]).in_part
    result = of_variants("emitted", [blind, Variant("patch", READY)])
    assert (result.why, result.mend) == ("1 of 2 variants: dropped", "keep it")


def test_blindness_is_no_news_only_where_something_says_all_of_it() -> None:
    """One variant of which nothing tells makes the link news."""
    dead, silenced = Variant("a", BLIND, "dead", told_by="sink_dead"), Variant("b", BLIND, "silenced")
    assert of_variants("delivered", [dead, Variant("c", READY)]).told_by == "sink_dead"
    assert of_variants("delivered", [dead, silenced]).told_by == ""
    assert of_variants("delivered", [Variant("c", READY)]).told_by == ""
