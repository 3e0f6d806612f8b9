"""Documents of one name into a rule."""

from __future__ import annotations

import pytest

from tests.sigma.rulebook import correlation, item, load_text, only_rule, refusal
from vedette.rule import Needs, Severity
from vedette.sigma.assembly import natural

REFUSED = [
    pytest.param(
        item("verb: get", "vedette: {configured_by: [➤ower], needs: {fields: [verb]}}"),
        "the settings have no list 'ower'",
        "did you mean owner?",
        id="configured_by unknown",
    ),
    pytest.param(
        item("verb: get", "name: ➤K5.a") + "---\n" + item("verb: get", "name: K5.b"),
        "no document is called K5, so the rule has no title",
        "name the main one K5",
        id="no main document",
    ),
]


@pytest.mark.parametrize(("text", "message", "mend"), REFUSED)
def test_refused_with_place_and_mend(text: str, message: str, mend: str) -> None:
    """Each mistake is refused once, under its caret, with the mend."""
    assert refusal(text) == (message, mend)


def test_the_main_document_speaks_for_the_rule() -> None:
    """Title, level and tags are its own; blind spots and needs are those of all."""
    needs = "needs: {fields: [verb]}"
    main = item("verb: get", "name: K5", "tags: [attack.t1]", f"vedette: {{blind_spots: [a, b], {needs}}}")
    more = item("verb: list", "name: K5.more", "tags: [attack.t2]", f"vedette: {{blind_spots: [b, c], {needs}}}")
    rule = only_rule(more.replace("A rule", "Another").replace("medium", "high") + "---\n" + main)
    assert (rule.name, rule.title, rule.severity, rule.tags) == ("K5", "A rule", Severity.WARNING, ("attack.t1",))
    assert [each.name for each in rule.detections] == ["K5", "K5.more"]
    assert [each.severity for each in rule.detections] == [Severity.WARNING, Severity.CRITICAL]
    assert rule.blind_spots == ("a", "b", "c")
    assert rule.needs == (Needs("kube_audit", fields=("verb",)),)


def test_a_document_left_out_takes_its_correlation_along() -> None:
    """What joins a document without work can never fire either, and the rule says why."""
    text = correlation("type: event_count\nrules: [rule.first]\ntimespan: 60s\ncondition: {gt: 5}")
    text = text.replace(
        "name: rule.first", "name: rule.first\nvedette: {configured_by: [nobody], needs: {fields: [verb]}}"
    )
    loaded = load_text(text)
    assert loaded.left_out == {"rule.first": "nobody is not set", "rule": "nobody is not set"}
    (rule,) = loaded.rules
    assert (rule.detections, rule.correlations, rule.not_configured) == ((), (), "nobody is not set")


def test_a_further_document_left_out_leaves_the_rule_working() -> None:
    """Only the main document's absence, or everyone's, makes the rule not configured."""
    more = item("verb: list", "name: K5.more", "vedette: {configured_by: [nowhere], needs: {fields: [verb]}}")
    loaded = load_text(item("verb: get", "name: K5") + "---\n" + more)
    assert loaded.left_out == {"K5.more": "nowhere is not set"}
    (rule,) = loaded.rules
    assert ([each.name for each in rule.detections], rule.not_configured) == (["K5"], "")
    assert rule.left_out == {"K5.more": "nowhere is not set"}


@pytest.mark.parametrize(("one", "other"), [("K9", "K10"), ("K2", "V1"), ("K5", "K5.more"), ("a2b", "a10b")])
def test_names_sort_as_people_count(one: str, other: str) -> None:
    """By number where there is one."""
    assert natural(one) < natural(other)
