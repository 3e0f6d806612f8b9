"""Sightings of one act become one word on it."""

from __future__ import annotations

import random

from vedette.engine.sighting import Sighting, by_act, resolve


def _resolved(*sightings: Sighting, settled: frozenset[tuple[str, str]] = frozenset()) -> list[Sighting]:
    shuffled = list(sightings)
    random.Random(len(shuffled)).shuffle(shuffled)
    return list(resolve(sorted(shuffled, key=by_act), settled, ["K3", "V1"]))


def _seen(verdict: str, *, final: bool = True, act: str = "a", line: int = 1, awaits: str = "") -> Sighting:
    return Sighting(0, act, final, verdict, 10, line=line, awaits=awaits)


def test_stages_and_repeated_lines_are_one_act() -> None:
    """The same act seen thrice is one, at its first line."""
    assert _resolved(_seen("fire", line=3), _seen("fire", line=2), _seen("fire", line=9)) == [_seen("fire", line=2)]


def test_a_final_record_overrules_an_earlier_stage() -> None:
    """RequestReceived cannot tell; the answer can, whether it is yes, no, or an attempt."""
    early = _seen("cannot_tell", final=False)
    assert _resolved(early, _seen("fire")) == [_seen("fire")]
    assert _resolved(early, _seen("attempt")) == [_seen("attempt")]
    assert _resolved(early, _seen("no")) == []
    assert _resolved(early, _seen("ignore")) == []


def test_an_early_stage_alone_still_speaks() -> None:
    """A request whose end was never logged is reported as what cannot be told."""
    early = _seen("cannot_tell", final=False)
    assert _resolved(early) == [early]


def test_what_started_was_done() -> None:
    """An exec that started counts, though its completion reports a failure."""
    assert _resolved(_seen("ignore"), _seen("fire")) == [_seen("fire")]


def test_a_settled_act_is_left_to_the_one_that_settled_it() -> None:
    """A wrapped token is judged by its unwrapping, of the same rule only."""
    wrapped = _seen("cannot_tell", awaits="accessor")
    assert _resolved(wrapped, settled=frozenset({("K3", "accessor")})) == []
    assert _resolved(wrapped, settled=frozenset({("V1", "accessor"), ("K3", "other")})) == [wrapped]
