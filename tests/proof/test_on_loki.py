"""On Loki: what is wrong there is a broken link of the rules that it is about, and of no others."""

from __future__ import annotations

from tests.scans import SETTINGS
from vedette import app
from vedette.loki_status.base import Check
from vedette.loki_status.base import State as Looked
from vedette.proof.links.base import Ruler
from vedette.proof.links.on_loki import OnLoki
from vedette.proof.verdict import LinkResult, State

WELL = Check("rules", Looked.OK, "all run"), Check("stream", Looked.OK, "lines come"), Check("ruler", Looked.OK, "up")


def checked(link: str, rule: str, *checks: Check, **more: object) -> LinkResult:
    """One link of one rule, where Loki was found so."""
    loaded = app.load_rules(app.load_settings(str(SETTINGS)), unproven=True)
    found = next(one for one in loaded.rules if one.name == rule)
    return OnLoki(link, Ruler((*WELL, *checks), **more)).check(found)  # type: ignore[arg-type]


def test_all_is_well() -> None:
    """Checks that are ok make READY links."""
    assert [checked(link, "K3").state for link in ("shipped", "matched")] == [State.READY, State.READY]


def test_a_group_that_does_not_run_is_its_rules_and_no_others() -> None:
    """K3's group, and the counts of K5, by name."""
    gone = Check("rules", Looked.WRONG, "vedette-K3 does not run", "it can never fire", "render it", ("vedette-K3",))
    found = checked("matched", "K3", gone)
    assert (found.state, found.mend) == (State.BLIND, "render it")
    assert found.why == "vedette-K3 does not run (it can never fire)"
    assert checked("matched", "K4", gone).state is State.READY
    counts = Check("health", Looked.WRONG, "vedette-K5-counts fails", of=("vedette-K5-counts",))
    assert checked("matched", "K5", counts).state is State.BLIND
    assert checked("shipped", "K3", gone).state is State.READY


def test_a_stream_that_has_no_line_is_the_rules_of_that_log() -> None:
    """A label renamed by the shipper."""
    renamed = Check("stream", Looked.WRONG, '{job="kube-audit"} has no line', of=("kube_audit",))
    assert checked("shipped", "K3", renamed).state is State.BLIND
    assert checked("shipped", "V4", renamed).state is State.READY


def test_what_is_wrong_with_all_is_every_rules() -> None:
    """A ruler that runs for nobody, and one that cannot be asked."""
    nobody = Check("ruler", Looked.WRONG, "the ruler runs for no tenant")
    assert checked("matched", "S1", nobody).state is State.BLIND
    unasked = Check("ruler", Looked.UNKNOWN, "its metrics could not be asked for", "403", "let /metrics through")
    assert checked("matched", "S1", unasked).state is State.UNKNOWN
    away = checked("matched", "S1", fault="no Loki could be asked: refused")
    assert (away.state, away.why) == (State.UNKNOWN, "no Loki could be asked: refused")


def test_a_rule_that_loki_cannot_carry_is_blind_there() -> None:
    """K10 rests on observations, which are in no log."""
    found = checked("matched", "K10", refused={"K10": "observations are not in Loki"})
    assert found.state is State.BLIND
    assert "Loki cannot carry it: observations" in found.why
    assert "vedette watch" in found.mend
