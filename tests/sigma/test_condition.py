"""The grammar of conditions."""

from __future__ import annotations

import re

import pytest

from tests.sigma.rulebook import refusal, rule, shown
from vedette.rule import AllOf
from vedette.sigma.condition import negated, parse
from vedette.sigma.refusal import Refusal, Source
from vedette.yaml_text import Document

REFUSED = [
    pytest.param(
        rule("sel: {verb: get}\ncondition: sel and not ➤filtr"),
        "condition: there is no selection 'filtr'",
        "the selections are sel",
        id="unknown selection",
    ),
    pytest.param(
        rule("sel: {verb: get}\nfilter: {verb: a}\ncondition: sel and not filter or ➤filtr"),
        "condition: there is no selection 'filtr'",
        "did you mean filter?",
        id="alike selection",
    ),
    pytest.param(
        rule("a: {verb: get}\nb: {verb: a}\ncondition: a ➤AND b"),
        "condition: 'AND' is not expected here",
        "write and",
        id="capital AND",
    ),
    pytest.param(
        rule("a: {verb: get}\nb: {verb: a}\ncondition: b and ➤(a or b"),
        "condition: this bracket is not closed",
        "add )",
        id="not closed",
    ),
    pytest.param(
        rule("a: {verb: get}\ncondition: a➤)"),
        "condition: ')' is not expected here",
        "remove it, or open a bracket before",
        id="not opened",
    ),
    pytest.param(
        rule("a: {verb: get}\ncondition: a an➤d"),
        "condition: it ends where a selection is expected",
        "name a selection",
        id="ends early",
    ),
    pytest.param(
        rule("a: {verb: get}\ncondition: ➤and a"),
        "condition: a selection is expected, not 'and'",
        "name a selection",
        id="begins with and",
    ),
    pytest.param(
        rule("a: {verb: get}\ncondition: ➤2 of a*"), "condition: '2' of is not Sigma", "write 1 of or all of", id="2 of"
    ),
    pytest.param(
        rule("a: {verb: get}\ncondition: a or 1 of ➤filter_*"),
        "condition: no selection is called filter_*",
        "the selections are a",
        id="1 of nothing",
    ),
    pytest.param(
        rule("a: {verb: get}\ncondition: ➤a*"),
        "condition: 'a*' is a pattern",
        "write 1 of a* or all of a*",
        id="pattern alone",
    ),
    pytest.param(
        rule("a: {verb: get}\ncondition: a ➤| count() > 5"),
        "condition: counting in the condition (| count() ...) is no longer Sigma",
        "write a correlation document",
        id="count",
    ),
    pytest.param(
        rule("a: {verb: get}\ncondition: a ➤& a"),
        "condition: '&' is not expected",
        "use names of selections, and, or, not, brackets, 1 of x*",
        id="strange character",
    ),
    pytest.param(
        rule("a: {verb: get}\ncondition: " + "(" * 30 + "➤(a" + ")" * 31),
        "condition: brackets and nots nest deeper than 30",
        "write selections instead",
        id="depth",
    ),
    pytest.param(
        rule("a: {verb: get}\ncondition: >-\n  a\n  and ➤x\n"),
        "condition: there is no selection 'x'",
        "the selections are a",
        id="folded",
    ),
]


@pytest.mark.parametrize(("text", "message", "mend"), REFUSED)
def test_refused_with_place_and_mend(text: str, message: str, mend: str) -> None:
    """Each mistake is refused once, under its caret, with the mend."""
    assert refusal(text) == (message, mend)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", "a"),
        ("a and b or c", "((a & b) | c)"),
        ("a or b and c", "(a | (b & c))"),
        ("not a and b", "(!a & b)"),
        ("not (a and b)", "!(a & b)"),
        ("not not a", "!!a"),
        ("(a or b) and c", "((a | b) & c)"),
        ("((a))", "a"),
        ("a and (b or (c and not a))", "(a & (b | (c & !a)))"),
        ("1 of x_*", "(x_1 | x_2)"),
        ("any of x_*", "(x_1 | x_2)"),
        ("all of x_*", "(x_1 & x_2)"),
        ("not 1 of x_*", "!(x_1 | x_2)"),
        ("1 of *_1", "x_1"),
        ("1 of x", "x"),
        ("1 of them", "(a | b | c | x_1 | x_2 | notable | order | and-1 | x)"),
        ("1 of _*", "_hidden"),
        ("_hidden and a", "(_hidden & a)"),
        ("notable or order and and-1", "(notable | (order & and-1))"),
        ("not notable", "!notable"),
        ("a  and\tb", "(a & b)"),
        ("(a)and(b)", "(a & b)"),
    ],
)
def test_a_condition_is_read(text: str, tree: str) -> None:
    """Not binds closer than and, and closer than or; words are compared whole; hidden names stay out of patterns."""
    names = ("a", "b", "c", "x_1", "x_2", "_hidden", "notable", "order", "and-1", "x")
    selections = {name: AllOf((), name) for name in names}
    source = Source(Document("rule.yml", {"condition": text}, (), 0))
    node = parse(source, ("condition",), text, selections).node
    assert re.sub(r":\(\)", "", shown(node)) == tree


def test_used_selections_are_told() -> None:
    """A selection counts as used when it is named, or taken by a pattern."""
    selections = {name: AllOf((), name) for name in ("a", "x_1", "x_2", "b")}
    source = Source(Document("rule.yml", {}, (), 0))
    assert parse(source, (), "a and 1 of x_*", selections).used == {"a", "x_1", "x_2"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("not a", True),
        ("not a and not b", True),
        ("not a or not b", True),
        ("not (a or b)", True),
        ("a", False),
        ("a or not b", False),
        ("not not a", False),
        ("not (a and not b)", True),
        ("not not (not a)", True),
    ],
)
def test_negation_is_seen(text: str, holds: bool) -> None:
    """A filter must be negated however it is written."""
    selections = {name: AllOf((), name) for name in ("a", "b")}
    assert negated(parse(Source(Document("f", {}, (), 0)), (), text, selections).node) is holds


def test_a_pattern_of_many_stars_is_quick() -> None:
    """A pattern of stars alone is no search that grows with its power."""
    name = "a" * 5_000
    source = Source(Document("rule.yml", {}, (), 0))
    with pytest.raises(Refusal, match="no selection is called"):
        parse(source, (), "1 of " + "a*" * 500 + "b", {name: AllOf((), name)})
