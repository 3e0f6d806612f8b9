"""Wildcards, backslashes and placeholders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.rule import Text, Wild
from vedette.sigma.texts import Placeholder, any_text, expand, parse, plain_placeholders, text

MANY, ONE = Wild.MANY, Wild.ONE


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("", []),
        ("abc", ["abc"]),
        ("a*b?", ["a", MANY, "b", ONE]),
        (r"a\b", ["a\\b"]),
        (r"a\\b", ["a\\b"]),
        (r"\*", ["*"]),
        (r"\?", ["?"]),
        (r"\\*", ["\\", MANY]),
        (r"\\\*", ["\\*"]),
        (r"\\\\", ["\\\\"]),
        (r"\\\b", ["\\\\b"]),
        ("a\\", ["a\\"]),
        (r"\%a%", ["\\%a%"]),
        ("%a%", ["%a%"]),
    ],
)
def test_the_specification_s_backslashes(written: str, parts: list[str | Wild]) -> None:
    """A backslash takes the meaning from a wildcard and from itself; before anything else it is one."""
    assert parse(written) == parts


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("%a%", [Placeholder("a", 0)]),
        ("x%a%y%b%", ["x", Placeholder("a", 1), "y", Placeholder("b", 5)]),
        (r"\%a%b%", ["%a", Placeholder("b", 3)]),
        ("100%", ["100%"]),
        ("%%", ["%%"]),
        ("%a b%", ["%a b%"]),
        ("%a%*", [Placeholder("a", 0), MANY]),
    ],
)
def test_placeholders(written: str, parts: list[str | Wild | Placeholder]) -> None:
    """A name between percent signs; a backslash makes a percent sign plain."""
    assert parse(written, placeholders=True) == parts


def test_placeholders_are_seen_without_expand() -> None:
    """So that a forgotten modifier can be told."""
    assert plain_placeholders("a %b% c%d%") == ["b", "d"]


def test_expansion_is_every_combination() -> None:
    """Each text of each list, in order; the lists' texts are Sigma texts themselves."""
    lists = {"a": ("1", "2*"), "b": ("x",), "none": ()}
    assert expand(parse("%a%-%b%", placeholders=True), lists) == [["1", "-", "x"], ["2", MANY, "-", "x"]]
    assert expand(parse("%a%%none%", placeholders=True), lists) == []
    assert expand(parse("%a%" * 15, placeholders=True), lists) is None


def test_a_placeholder_must_be_expanded_before_it_is_a_text() -> None:
    """The noun knows none."""
    with pytest.raises(TypeError, match="%a% is not expanded"):
        text([Placeholder("a", 0)])


@pytest.mark.parametrize(
    ("parts", "before", "after", "made"),
    [
        (["a", "b"], False, False, ("ab",)),
        (["a"], True, True, (MANY, "a", MANY)),
        ([MANY, "a"], True, True, (MANY, "a", MANY)),
        ([MANY, MANY, ONE], False, False, (MANY, ONE)),
        ([], False, False, ()),
        ([], True, True, (MANY,)),
        ([MANY], False, True, (MANY,)),
    ],
)
def test_a_text_is_made(parts: list[str | Wild], before: bool, after: bool, made: tuple[str | Wild, ...]) -> None:
    """Literals are joined, stars side by side are one, and contains adds none where one stands."""
    assert text(list(parts), before=before, after=after) == Text(made)


@pytest.mark.parametrize(
    ("parts", "matches"), [((MANY,), True), ((), False), ((MANY, ONE), False), (("a", MANY), False)]
)
def test_what_matches_everything(parts: tuple[str | Wild, ...], matches: bool) -> None:
    """Stars alone; `?*` asks for a character."""
    assert any_text(Text(parts)) is matches


@given(st.text(max_size=30))
def test_an_escaped_text_is_itself(plain: str) -> None:
    """With backslashes before backslashes and wildcards any text stands for itself alone."""
    escaped = plain.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
    assert text(parse(escaped)).plain == plain
