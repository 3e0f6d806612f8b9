"""Recorded lines as of now: each still makes its rule fire, in a name that says what it is."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vedette import app
from vedette.cases import alerts_of, firing_cases
from vedette.drills.base import CannotDrill
from vedette.drills.standin import RECORDED, StandIn
from vedette.rule import Rule
from vedette.settings import load_text

MARK = "0b9e1c52-7d4c-4d5a-9f35-2c1f6d1e8a77"


def rule(name: str) -> Rule:
    """One of the pack."""
    (found,) = app.usable_rules(app.load_rules(app.load_settings(None)), [name])
    return found


def lines(subject: Rule) -> bytes:
    """Its recorded case."""
    return next(one for one in firing_cases(subject) if one.name == RECORDED[subject.name].case).lines


@pytest.mark.parametrize("name", RECORDED)
def test_a_stand_in_makes_its_rule_fire_under_its_name(name: str, tmp_path: Path) -> None:
    """The alert is known by the mark, is of now, and says that it is a stand-in; twice are two alerts."""
    file = tmp_path / "followed.log"
    file.touch()
    subject = rule(name)
    drill = StandIn(name, lines(subject), str(file))
    began = time.time_ns()
    marks = [MARK, MARK.replace("0", "1")]
    for mark in marks:
        drill.act(mark, lambda _: None)
    settings = load_text("{}", "vedette.yaml", today=datetime.now(UTC).date())
    alerts = alerts_of(file.read_bytes(), subject, settings)
    assert len(alerts) == len(marks)
    for mark in marks:
        (mine,) = [one for one in alerts if drill.is_mine(one, mark, began)]
        assert (mine.reaction, mine.rule) == ("fire", name)
        assert f"vedette-stand-in-{mark}" in f"{mine.actor} {mine.object}"
        assert abs(mine.first_seen - began) < 60 * 10**9


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Nobody would follow it."""
    subject = rule("V1")
    drill = StandIn("V1", lines(subject), str(tmp_path / "none.log"))
    with pytest.raises(CannotDrill, match="No such file") as raised:
        drill.act(MARK, lambda _: None)
    assert "follow it as well" in raised.value.mend
    assert not (tmp_path / "none.log").exists()


def test_what_is_added_are_whole_lines(tmp_path: Path) -> None:
    """Behind what there was."""
    file = tmp_path / "followed.log"
    file.write_text('{"an": "earlier line"}\n')
    drill = StandIn("V1", lines(rule("V1")), str(file))
    drill.act(MARK, lambda _: None)
    written = [json.loads(line) for line in file.read_text().splitlines()]
    assert written[0] == {"an": "earlier line"}
    assert {one["request"]["id"] for one in written[1:]} == {MARK}
