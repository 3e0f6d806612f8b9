"""Maps, lists, keywords and blocks."""

from __future__ import annotations

import pytest

from tests.sigma.rulebook import LOGSOURCE, item, load_text, node_of, refusal, rule, shown

REFUSED = [
    pytest.param(
        "title: A rule\nlogsource: " + LOGSOURCE + "\nlevel: low\n➤detection: {sel: {verb: get}}\n",
        "there is no condition",
        "add condition: sel",
        id="no condition",
    ),
    pytest.param(
        item("requestObject.rules[any]: {➤'|all': [a, b]}", "sigma-version: 3"),
        "keywords are not possible inside a block",
        "name a field, or . for the element",
        id="keyword in a block",
    ),
    pytest.param(
        rule("sel: [➤'*']\ncondition: sel"), "this matches every text", "a star itself is '\\*'", id="keyword star"
    ),
    pytest.param(
        rule("sel: ➤{}\ncondition: sel").replace("sel: ➤{}", "➤sel: {}"),
        "the map is empty, so everything matches",
        "name a field",
        id="empty map",
    ),
    pytest.param(
        rule("sel: ➤[]\ncondition: sel"),
        "the list is empty, so nothing can match",
        "list maps or keywords",
        id="empty selection list",
    ),
    pytest.param(
        rule("sel: ➤get\ncondition: sel"),
        "a selection is a map or a list, not a text",
        "write a map of fields, or a list of keywords",
        id="text selection",
    ),
    pytest.param(
        rule("sel: {verb: get}\n➤own: {verb: a}\ncondition: sel"),
        "the selection own is not used",
        "add it to the condition (and not own?), or remove it",
        id="unused selection",
    ),
    pytest.param(
        rule("a: {verb: get}\n➤not: {verb: get}\ncondition: a"),
        "a selection cannot be called not, a word of the condition",
        "call it not_selection",
        id="reserved name",
    ),
    pytest.param(
        rule("a: {verb: get}\n➤a b: {verb: get}\ncondition: a"),
        "a selection's name is made of letters, digits, _, - and dots",
        "rename it",
        id="selection with a blank",
    ),
    pytest.param(
        rule("a: {verb: get}\n➤timeframe: 5m\ncondition: a"),
        "timeframe is no longer Sigma",
        "write a correlation document with a timespan",
        id="timeframe",
    ),
    pytest.param(
        rule("a: {verb: get}\ncondition: ➤''"), "condition is empty", "fill it, or remove the key", id="empty condition"
    ),
    pytest.param(
        rule("a: {verb: get}\ncondition: ➤1"),
        "condition must be a text, not a number",
        "put it in quotes",
        id="number condition",
    ),
]


@pytest.mark.parametrize(("text", "message", "mend"), REFUSED)
def test_refused_with_place_and_mend(text: str, message: str, mend: str) -> None:
    """Each mistake is refused once, under its caret, with the mend."""
    assert refusal(text) == (message, mend)


@pytest.mark.parametrize(
    ("detection", "tree"),
    [
        ("s: {verb: get, actor: me}\ncondition: s", "s:(verb = get & user/username = me)"),
        ("s:\n- {verb: get, actor: me}\n- verb: a\ncondition: s", "s:((verb = get & user/username = me) | (verb = a))"),
        ("s: [a, b*, 7]\ncondition: s", "s:(. keyword a | b* | 7)"),
        ("s: {'|all': [a, b]}\ncondition: s", "s:(. keyword a & b)"),
        ("s: [a, {verb: b}]\ncondition: s", "s:(. keyword a | (verb = b))"),
        ("s: {'|all|cased': [a, b], verb: c}\ncondition: s", "s:(. keyword= a & b & verb = c)"),
        (
            "s: {'requestObject.rules[any]': {verbs: '\\*', resources: '\\*'}}\ncondition: s",
            r"s:(requestObject/rules[any]{(verbs = \* & resources = \*)})",
        ),
        (
            "s: {'requestObject.rules[any]': [{verbs: a}, {resources: b}]}\ncondition: s",
            "s:(requestObject/rules[any]{((verbs = a) | (resources = b))})",
        ),
        (
            "s: {'requestObject.rules[any]': {condition: a and not b, a: {verbs: x}, b: {verbs: y}}}\ncondition: s",
            "s:(requestObject/rules[any]{(a:(verbs = x) & !b:(verbs = y))})",
        ),
        (
            "s: {'sourceIPs[all]': {'.|innet': lan, .: 10*}}\ncondition: s",
            "s:(sourceIPs[all]{(. innet <lan> & . = 10*)})",
        ),
        ("s: {'sourceIPs[any]': [10.0.0.1, 10.0.0.2]}\ncondition: s", "s:(sourceIPs[any]{. = 10.0.0.1 | 10.0.0.2})"),
        (
            "s: {'requestObject.a[any]': {'b[none]': {c: 1}}}\ncondition: s",
            "s:(requestObject/a[any]{(b[none]{(c = 1)})})",
        ),
        ("s: {verb: a}\nt: {verb: b}\ncondition: [s, s and not t]", "(s:(verb = a) | (s:(verb = a) & !t:(verb = b)))"),
    ],
)
def test_a_selection_becomes_a_tree(detection: str, tree: str) -> None:
    """A map is all of its items, a list any of its elements, a block one element's whole."""
    assert shown(node_of(rule(detection, "sigma-version: 3"))) == tree


def test_blocks_do_not_nest_without_end() -> None:
    """Every reader of a tree recurses into it, so its depth is bounded."""
    text = item("requestObject" + ".a[any]" * 7 + ".b: 1", "sigma-version: 3")
    assert [problem.message for problem in load_text(text).problems] == ["blocks nest deeper than 6"]
