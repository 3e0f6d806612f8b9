"""JSON values put together from lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.formats.assembly import LIMIT, Assembly, may_go_on
from vedette.formats.base import Unreadable
from vedette.formats.location import spans, values


def assembled(text: bytes) -> tuple[list[tuple[Any, int]], Assembly]:
    """The values that come of some lines, decoded, each with the line it began at."""
    assembly = Assembly()
    found: list[tuple[Any, int]] = []
    for number, line in enumerate(text.split(b"\n")):
        found.extend((json.loads(value), at) for value, at in assembly.add(line, number))
    return found, assembly


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"a":1}', [({"a": 1}, 0)]),
        (b'{\n "a": 1\n}', [({"a": 1}, 0)]),
        (b'\n\n{\n "a":\n 1\n}\n{"b":2}', [({"a": 1}, 2), ({"b": 2}, 6)]),
        (b'{"a":1}{"b":2} {"c":3}', [({"a": 1}, 0), ({"b": 2}, 0), ({"c": 3}, 0)]),
        (b'[{"a":1},{"b":2}]', [({"a": 1}, 0), ({"b": 2}, 0)]),
        (b'[\n{"a":1},\n{"b":[\n2]}\n]\n{"c":3}', [({"a": 1}, 1), ({"b": [2]}, 2), ({"c": 3}, 5)]),
        (b"[]", []),
        (b"[[1],[2]]", [([1], 0), ([2], 0)]),
        (b'[1,"x",null]', [(1, 0), ("x", 0), (None, 0)]),
        (b'{"a":"}{][\\"","b":[{}]}', [({"a": '}{]["', "b": [{}]}, 0)]),
        (b"[] []", []),
    ],
)
def test_values_are_found(text: bytes, expected: list[tuple[Any, int]]) -> None:
    """One after another, over lines, several on a line, and the elements of a list at the top."""
    found, assembly = assembled(text)
    assert found == expected
    assert not assembly.open


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (b"{", b"{"),
        (b'{\n"a":', b'{\n"a":'),
        (b'[{"a":1},\n{"b":', b'{"b":'),
        (b"[", b""),
        (b'[{"a":1},', b""),
        (b"[[", b"["),
    ],
)
def test_what_is_unfinished_is_held(text: bytes, held: bytes) -> None:
    """The text of a value that needs more lines is kept, the rest has been given."""
    _, assembly = assembled(text)
    assert assembly.open
    assert assembly.held == held


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"}", "not JSON"),
        (b"]", "not JSON"),
        (b",", "not JSON"),
        (b"{]", "not JSON"),
        (b"[}", "not JSON"),
        (b"{{", "not JSON"),
        (b'{"a"{', "not JSON"),
        (b'{"a" "b"', "not JSON"),
        (b'{"a":1,{', "not JSON"),
        (b"[1 2]", "not JSON"),
        (b"[,1]", "not JSON"),
        (b"[1,,2]", "not JSON"),
        (b'{"a":1},', "not JSON"),
        (b"{a", "not JSON"),
        (b'{"a":tru', "cut off"),
        (b'{"a":"b', "cut off"),
        (b'{"a":"b\\', "cut off"),
        (b'{"a":-', "cut off"),
        (b'{"a":"\x01b"', "not JSON"),
    ],
)
def test_what_cannot_be_json_is_refused(text: bytes, reason: str) -> None:
    """At the first token that could not follow, so that a cut record does not swallow the next one."""
    with pytest.raises(Unreadable) as refused:
        assembled(text)
    assert str(refused.value) == reason


def test_a_value_without_end_is_refused() -> None:
    """What goes on for too long is given up."""
    assembly = Assembly()
    line = b'"' + b"x" * (LIMIT // 4) + b'",'
    list(assembly.add(b'{"a":[', 0))
    with pytest.raises(Unreadable, match="record too long"):
        _feed(assembly, [line] * 5)
    assert len(assembly.held) <= LIMIT


def test_a_list_expects_records_where_they_fit() -> None:
    """Between brackets and commas of a list at the top, and nowhere else."""
    assembly = Assembly()
    expected = []
    for text in (b"[", b'{"a":1},', b'{"a":', b"1}", b",", b"]"):
        list(assembly.add(text, 0))
        expected.append(assembly.expects_record())
    assert expected == [True, True, False, False, True, False]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"{", True),
        (b"  [ ", True),
        (b'{"a": {', True),
        (b'"a",', True),
        (b'"a":', True),
        (b'{"a": 1', False),
        (b"", False),
    ],
)
def test_what_may_go_on(line: bytes, expected: bool) -> None:
    """A printer breaks lines behind brackets, commas and colons; a cut comes anywhere."""
    assert may_go_on(line) is expected


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.lists(st.dictionaries(st.text(max_size=3), _JSON, max_size=3), max_size=4),
    st.sampled_from([None, 0, 1, 4]),
    st.booleans(),
)
def test_any_values_come_back(objects: list[dict[str, Any]], indent: int | None, listed: bool) -> None:
    """However they were printed, as a list or one after another."""
    text = (
        json.dumps(objects, indent=indent) if listed else "\n".join(json.dumps(one, indent=indent) for one in objects)
    )
    found, assembly = assembled(text.encode())
    assert [value for value, _ in found] == objects
    assert not assembly.open


@given(st.lists(st.dictionaries(st.text(max_size=3), _JSON, max_size=3), max_size=4), st.sampled_from([None, 0, 1]))
def test_spans_are_the_same_values(objects: list[dict[str, Any]], indent: int | None) -> None:
    """The scanner that looks at brackets alone finds the same places."""
    text = "\n".join(json.dumps(one, indent=indent) for one in objects).encode()
    assert [json.loads(text[start:end]) for start, end in spans(text)] == objects
    assert [text[:start].count(b"\n") for start, _, _ in values(text)] == [line for _, _, line in values(text)]
    listed = json.dumps(objects, indent=indent).encode()
    assert [json.loads(listed[start:end]) for start, end in spans(listed, 1)] == objects


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_any_lines_are_taken_or_refused(lines: list[bytes]) -> None:
    """No bytes do anything but give values, be held, or be refused."""
    reason = ""
    try:
        for number, at in _feed(Assembly(), lines):
            assert 0 <= at <= number
    except Unreadable as refused:
        reason = str(refused)
    assert reason in {"", "not JSON", "cut off"}


def _feed(assembly: Assembly, lines: list[bytes]) -> list[tuple[int, int]]:
    """Of each value that comes of the lines, where it ended and where it began."""
    return [(number, at) for number, text in enumerate(lines) for _, at in assembly.add(text, number)]
