"""The cheap look at the text: what it looks for, and that no spelling of a line walks past it."""

from __future__ import annotations

import dataclasses
import json
import random
import re
import string
from collections.abc import Collection, Iterator

import pytest

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


def respelled(chance: random.Random, value: object, escaped: Collection[str]) -> str:
    """A JSON value in whose texts these characters are written as escapes, wherever they stand."""
    if isinstance(value, dict):
        members = (
            f"{respelled(chance, key, escaped)}: {respelled(chance, one, escaped)}" for key, one in value.items()
        )
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(respelled(chance, one, escaped) for one in value) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    return '"' + "".join(_spelled(chance, char) if char in escaped else json.dumps(char)[1:-1] for char in value) + '"'


def _spelled(chance: random.Random, char: str) -> str:
    if char == "/" and chance.random() < 0.5:
        return "\\/"
    digits = f"{ord(char):04x}"
    return "\\u" + (digits if chance.random() < 0.5 else digits.upper())


def some(chance: random.Random) -> str:
    """One or two characters that texts hold: the fewer are escaped, the less there is to be seen."""
    return "".join(chance.sample("abcdefghijklmnoprstuvwxyz.-/:@", chance.choice([1, 1, 2])))


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


@pytest.mark.parametrize("char", string.ascii_letters + string.digits + "_./:@ -")
def test_no_spelling_of_a_character_walks_past(char: str) -> None:
    """Whichever one of a text is escaped, in small or capital digits; another text does not pass, nor what Go's encoder
    escapes: every third line of an API server has an ampersand in its URI."""
    filters = text_filters(equals("a", f"wxyz{char}"), FIELDS)
    assert len(filters) == 1
    spellings = {f"\\u{ord(char):04x}", f"\\u{ord(char):04X}", *(["\\/"] if char == "/" else [])}
    assert all(passes(filters, f'{{"a":"wxyz{spelling}"}}') for spelling in spellings)
    assert not passes(filters, r'{"a":"wxyz","b":"\u0026\u003c\u003E\n\\\""}')


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
            assert passes(filters, respelled(chance, record, some(chance)))
