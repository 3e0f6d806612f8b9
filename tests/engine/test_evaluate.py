"""The evaluator in three values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from tests.engine.trees import NETWORKS, events, nodes, path, text
from vedette.engine.evaluate import Whole, conjunction, disjunction, evaluator, negation
from vedette.event import Event, Outcome
from vedette.rule import AllOf, AnyOf, Block, Node, Not, Op, Quantifier, Test


def _judge(node: Node, fields: dict[str, Any], unknown: tuple[str, ...] = ()) -> bool | None:
    event = Event("toy", b'{"raw": "Text"}', 0, "a", True, Outcome.DONE, fields, set(unknown))
    return evaluator(node)(Whole(event))


def _is(field: str, *values: str, **more: bool) -> Test:
    return Test(path(field), Op.EQUALS, tuple(text(value) for value in values), **more)


@pytest.mark.parametrize(
    ("verdicts", "both", "either"),
    [
        ([True, None], None, True),
        ([False, None], False, None),
        ([None], None, None),
        ([], True, False),
        ([True, False], False, True),
    ],
)
def test_kleene(verdicts: list[bool | None], both: bool | None, either: bool | None) -> None:
    """AND, OR and NOT follow Kleene's tables."""
    assert conjunction(verdicts) is both
    assert disjunction(verdicts) is either
    assert negation(None) is None


def test_absent_is_no_and_unknown_is_cannot_tell() -> None:
    """A field that is truly absent fails a test; one that may have been left out leaves it open."""
    assert _judge(_is("body.kind", "x"), {}) is False
    assert _judge(_is("body.kind", "x"), {}, ("body",)) is None
    assert _judge(Not(_is("body.kind", "x")), {}, ("body",)) is None


def test_a_value_found_decides_even_where_more_may_be_missing() -> None:
    """What a patch proves is proven; what it does not mention stays open."""
    fields = {"body": {"list": ["a"]}}
    assert _judge(_is("body.list", "a"), fields, ("body",)) is True
    assert _judge(_is("body.list", "b"), fields, ("body",)) is None


def test_same_element() -> None:
    """A block asks one element for everything; two elements with half each do not do."""
    block = Block(path("rules"), Quantifier.ANY, AllOf((_is("verbs", "*"), _is("resources", "*"))))
    # The star here is the text of one character: Text parts, not a pattern.
    split = {"rules": [{"verbs": ["*"], "resources": ["pods"]}, {"verbs": ["get"], "resources": ["*"]}]}
    joined = {"rules": [{"verbs": ["get"]}, {"verbs": ["get", "*"], "resources": ["*"]}]}
    assert _judge(block, split) is False
    assert _judge(block, joined) is True


@pytest.mark.parametrize(
    ("quantifier", "items", "expected"),
    [
        (Quantifier.ALL, [], False),
        (Quantifier.ALL_OR_EMPTY, [], True),
        (Quantifier.NONE, [], True),
        (Quantifier.ANY, [], False),
        (Quantifier.ALL, ["10.1.1.1", "203.0.113.9"], False),
        (Quantifier.ALL, ["10.1.1.1", "::ffff:10.0.0.7"], True),
        (Quantifier.ALL, ["10.1.1.1", "12.000.22.33"], None),
        (Quantifier.ANY, ["10.1.1.1", "12.000.22.33"], True),
        (Quantifier.NONE, ["host.example.org"], True),
    ],
)
def test_quantifiers_over_addresses(quantifier: Quantifier, items: list[str], expected: bool | None) -> None:
    """Malformed addresses are cannot tell, host names outside, mapped addresses the IPv4 they are."""
    block = Block(path("ips"), quantifier, Test(path(""), Op.INNET, (NETWORKS,)))
    assert _judge(block, {"ips": items}) is expected


def test_exists_takes_null_for_absent() -> None:
    """`exists` is false for a null and for an empty list, and open where the field may have been left out."""
    exists = Test(path("a"), Op.EXISTS, (True,))
    assert _judge(exists, {"a": None}) is False
    assert _judge(exists, {"a": []}) is False
    assert _judge(exists, {"a": ""}) is True
    assert _judge(exists, {}, ("a",)) is None


def test_subset() -> None:
    """Every value must be among the other's; an empty list is within any."""
    test = Test(path("child"), Op.SUBSETOF, (path("parent"),), cased=True)
    assert _judge(test, {"child": ["a"], "parent": ["a", "b"]}) is True
    assert _judge(test, {"child": ["a", "c"], "parent": ["a", "b"]}) is False
    assert _judge(test, {"child": [], "parent": []}) is True
    assert _judge(test, {"child": ["A"], "parent": ["a"]}) is False
    assert _judge(test, {"parent": ["a"]}, ("child",)) is None


def test_null_is_no_value() -> None:
    """A null address is no malformed one, and a null is in no list: both are as good as absent."""
    inside = Test(path("address"), Op.INNET, (NETWORKS,))
    assert _judge(inside, {"address": None}) is _judge(inside, {}) is False
    within = Test(path("child"), Op.SUBSETOF, (path("parent"),))
    assert _judge(within, {"child": None, "parent": ["a"]}) is _judge(within, {"parent": ["a"]}) is True
    assert _judge(within, {"child": [""], "parent": [None]}) is False


def test_case_wildcards_numbers_and_all() -> None:
    """Texts ignore case unless cased; numbers compare with their text; `all` wants every value met."""
    assert _judge(_is("verb", "GET"), {"verb": "get"}) is True
    assert _judge(_is("verb", "GET", cased=True), {"verb": "get"}) is False
    assert _judge(_is("code", "403"), {"code": 403}) is True
    assert _judge(_is("tags", "a", "b", every=True), {"tags": ["a", "b"]}) is True
    assert _judge(_is("tags", "a", "b", every=True), {"tags": ["a"]}) is False
    assert _judge(Test(path("code"), Op.GT, (400,)), {"code": 403}) is True
    assert _judge(Test(path("code"), Op.GT, (400,)), {"code": "x"}) is False
    assert _judge(Test(path(""), Op.KEYWORD, (text("raw"),)), {}) is True


def test_lone_surrogate_is_searched_without_a_crash() -> None:
    r"""JSON may carry a lone `\ud800`; RE2 wants UTF-8."""
    from vedette.rule import Regex

    assert _judge(Test(path("a"), Op.REGEX, (Regex("x$"),)), {"a": "\ud800x"}) is True


@settings(max_examples=300, deadline=None)
@given(nodes, nodes, events())
def test_de_morgan(left: Node, right: Node, event: Event) -> None:
    """NOT (a AND b) is (NOT a) OR (NOT b), in three values too."""
    scope = Whole(event)
    assert evaluator(Not(AllOf((left, right))))(scope) is evaluator(AnyOf((Not(left), Not(right))))(scope)


@settings(max_examples=300, deadline=None)
@given(nodes, events())
def test_knowing_more_never_turns_a_certain_verdict(node: Node, event: Event) -> None:
    """A verdict given while the body was unknown still stands once there is a body (monotony)."""
    blind = replace(
        event, fields={k: v for k, v in event.fields.items() if k != "body"}, unknown=event.unknown | {"body"}
    )
    before = evaluator(node)(Whole(blind))
    after = evaluator(node)(Whole(event))
    assert before is None or before is after
