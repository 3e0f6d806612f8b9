"""What a verdict on one event becomes."""

from __future__ import annotations

from dataclasses import replace

from tests.engine.trees import SCHEMA, detection, path, text
from vedette.engine.matcher import Matcher
from vedette.event import Event, Outcome
from vedette.rule import STANDARD, Op, Test


def _event(unknown: frozenset[str] = frozenset(), outcome: Outcome = Outcome.DONE) -> Event:
    fields: dict[str, object] = {"actor": "eve", "note": "vault", **({} if unknown else {"body": {"kind": "secrets"}})}
    return Event("toy", b"{}", 0, "act", True, outcome, fields, set(unknown))


def _matcher() -> Matcher:
    rule = detection(Test(path("body.kind"), Op.EQUALS, (text("secrets"),)))
    return Matcher([(0, replace(rule, outcomes=STANDARD, group_by=(path("note"),)))], (), SCHEMA)


def test_a_match_belongs_to_the_group_that_the_rule_names() -> None:
    """Whether the act was done or refused."""
    (done,) = _matcher().judge(_event(), 1)
    (refused,) = _matcher().judge(_event(outcome=Outcome.REFUSED), 1)
    assert (done.verdict, done.severity, done.group) == ("fire", 3, ("vault",))
    assert (refused.verdict, refused.severity, refused.group) == ("attempt", 2, ("vault",))


def test_what_cannot_be_told_is_one_group_an_actor() -> None:
    """The record lacks what the rule looks at, and so perhaps what names the group: a flood would say the same."""
    (sighting,) = _matcher().judge(_event(frozenset({"body"})), 1)
    assert (sighting.verdict, sighting.outcome, sighting.group) == ("cannot_tell", "unknown", ("eve",))
