"""Matched: cases that fail are a broken link."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.scans import SETTINGS
from vedette import app
from vedette.proof.links.matched import Matched
from vedette.proof.verdict import State
from vedette.rule import Rule


def rule(name: str) -> Rule:
    """A rule of the pack."""
    loaded = app.load_rules(app.load_settings(str(SETTINGS)), unproven=True)
    return next(one for one in loaded.rules if one.name == name)


@pytest.mark.parametrize("name", ["K3", "V5", "S1"])
def test_the_pack_fires_in_the_engine(name: str) -> None:
    """All firing cases of a rule are variants that are READY."""
    found = Matched(app.rules_under()).check(rule(name))
    assert (found.state, found.blind) == (State.READY, ())
    assert len(found.variants) > 20


def test_a_firing_case_that_does_not_fire_is_a_broken_link(tmp_path: Path) -> None:
    """Cases of another rule: none of them fires this one, and the first is named."""
    k3, k4 = rule("K3"), rule("K4")
    assert k3.folder is not None
    assert k4.folder is not None
    folder = tmp_path / "k3"
    folder.mkdir()
    (folder / "rule.yml").write_text((k3.folder / "rule.yml").read_text())
    (folder / "fires.jsonl").write_text((k4.folder / "fires.jsonl").read_text())
    found = Matched(app.rules_under()).check(replace(k3, folder=folder))
    assert found.state is State.BLIND
    assert "firing cases fail" in found.why
    assert found.mend == "vedette rules test K3"


def test_a_rule_without_cases_is_unknown(tmp_path: Path) -> None:
    """Nothing shows that it can fire."""
    found = Matched(app.rules_under()).check(replace(rule("K3"), folder=tmp_path))
    assert (found.state, found.why) == (State.UNKNOWN, "the rule has no firing case")
