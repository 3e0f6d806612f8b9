"""The cheap look at the text: what it looks for, and that no spelling of a line walks past it."""

from __future__ import annotations

import dataclasses
import json
import random
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.render.test_logql import detection, equals, of_pack, pack, path
from vedette.cases import cases_of
from vedette.render.logql import detection_queries
from vedette.render.logql_filter import text_filters
from vedette.rule import AllOf, AnyOf, Node, Not, Op, Test, Text, Wild

FIELDS = frozenset({"a", "b", "path"})
SECRET, PODS = equals("objectRef.resource", "secrets"), equals("objectRef.subresource", "eviction")
ESCAPES = " or `\\u006` or `\\u007`"


def passes(filters: list[str], line: str) -> bool:
    """What Loki makes of line filters of plain texts."""
    return all(any(text in line for text in re.findall("`([^`]*)`", one)) for one in filters)


def respelled(chance: random.Random, value: object, often: float) -> str:
    """A JSON value with so many of the characters of its texts written as escapes."""
    if isinstance(value, dict):
        members = (f"{respelled(chance, key, often)}: {respelled(chance, one, often)}" for key, one in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(respelled(chance, one, often) for one in value) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    return '"' + "".join(_spelled(chance, char, often) for char in value) + '"'


def _spelled(chance: random.Random, char: str, often: float) -> str:
    if char > "\uffff" or chance.random() >= often:
        return json.dumps(char)[1:-1]
    if char == "/" and chance.random() < 0.5:
        return "\\/"
    digits = f"{ord(char):04x}"
    return "\\u" + (digits if chance.random() < 0.5 else digits.upper())


@pytest.mark.parametrize(
    ("node", "filters"),
    [
        (AllOf((SECRET, PODS)), [f'|= `"secrets"`{ESCAPES}', f'|= `"eviction"`{ESCAPES}']),
        (AnyOf((SECRET, PODS)), [f'|= `"secrets"` or `"eviction"`{ESCAPES}']),
        (AnyOf((SECRET, Not(PODS))), []),
        (Not(SECRET), []),
        (equals("verb", "get"), []),
        (equals("userAgent", "kubectl"), []),
        (dataclasses.replace(SECRET, cased=False), []),
        (dataclasses.replace(SECRET, every=True), []),
        (equals("objectRef.name", *(f"name-{at}" for at in range(41))), []),
        (equals("objectRef.name", "a`b{{c"), []),
    ],
)
def test_only_what_the_tree_implies_is_looked_for_in_the_text(node: Node, filters: list[str]) -> None:
    """A conjunct's text, with the ways to escape it; not a negated one, a short one, half a choice, or too many."""
    query = detection_queries(detection(node))[0]
    assert [text for text, _ in query.stages if text.startswith("|=")] == filters
    assert "|~" not in query.logs


def test_each_branch_of_a_choice_gives_all_that_it_knows() -> None:
    """The most telling texts of the branches together, then the next ones, the last of who has fewer again."""
    first = AllOf((equals("a", "long-one"), equals("b", "short")))
    filters = text_filters(AnyOf((first, equals("a", "other"))), FIELDS)
    assert [re.findall('`("[^`]*)`', one) for one in filters] == [['"long-one"', '"other"'], ['"short"', '"other"']]


@pytest.mark.parametrize(
    ("field", "parts", "text"),
    [
        ("a", ("abcd",), '"abcd"'),
        ("a", ("abcd", Wild.MANY), '"abcd'),
        ("a", (Wild.MANY, "abcd"), 'abcd"'),
        ("a", (Wild.ONE, "abcd", Wild.MANY), "abcd"),
        ("a", ("abc", Wild.MANY, "defg"), 'defg"'),
        ("path", ("abcd",), 'abcd"'),
        ("path", ("abcd", Wild.MANY), "abcd"),
    ],
)
def test_quotes_stand_where_the_text_is_whole(field: str, parts: tuple[str | Wild, ...], text: str) -> None:
    """At the ends of the value; not before a path, which may have lost its namespace."""
    node = Test(path(field), Op.EQUALS, (Text(parts),), cased=True)
    assert text_filters(node, FIELDS)[0].split("`")[1] == text


@given(st.text(st.sampled_from("abzAZ0189_./:@ -"), min_size=4, max_size=12), st.randoms(use_true_random=False))
def test_no_spelling_of_a_text_walks_past(text: str, chance: random.Random) -> None:
    """With any of its characters escaped, in small or capital digits; text alone does pass."""
    filters = text_filters(equals("a", text), FIELDS)
    assert len(filters) == 1
    assert passes(filters, json.dumps({"a": text}))
    assert passes(filters, respelled(chance, {"a": text}, chance.choice([0.1, 0.5, 1.0])))
    assert not passes(filters, json.dumps({"a": "<&>?;!"}, ensure_ascii=False))


@given(st.sampled_from("&<>"))
def test_what_gos_encoder_escapes_does_not_pass(char: str) -> None:
    """Every third line of an API server has an ampersand in its URI."""
    filters = text_filters(equals("a", "abzAZ0189_./:@ -"), FIELDS)
    assert not passes(filters, f'{{"requestURI":"/x?a\\u{ord(char):04x}b"}}')


def records() -> Iterator[tuple[str, object]]:
    """Rule and record of all cases of the pack that are JSON."""
    for rule in pack().values():
        for case in cases_of(rule):
            for line in case.lines.splitlines():
                try:
                    yield rule.name, json.loads(line)
                except (ValueError, RecursionError):
                    continue


def test_no_spelling_of_a_case_walks_past() -> None:
    """What passes as it is passes with escapes; and each filter passes some and keeps off some."""
    chance, lines = random.Random(7), list(records())
    for name in ("K3", "K4", "K5.at_once", "K7", "K8", "K9.impersonated", "V1", "V2", "V4", "V6"):
        query = detection_queries(of_pack(name))[0]
        filters = [text for text, _ in query.stages if text.startswith("|=")]
        assert filters
        passed = [record for rule, record in lines if rule == name[:2] and passes(filters, json.dumps(record))]
        assert len(passed) >= 5
        assert not all(passes(filters, json.dumps(record)) for _, record in lines)
        for record in passed:
            assert passes(filters, respelled(chance, record, chance.choice([0.1, 0.5, 1.0])))
