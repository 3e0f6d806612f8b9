"""Decoding one record whole: strict about JSON, and never losing a record to what its sender may choose."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.formats.base import Unreadable
from vedette.formats.document import DEPTH, LONG, decoded, encode, parse, prune, repeats_keys

NO_JSON = [
    b"",
    b" ",
    b"{",
    b'{"a"',
    b'{"a":',
    b'{"a":1',
    b'{"a":1,',
    b'{"a":1,}',
    b'{"a":1}}',
    b'{"a":1}x',
    b'{"a":1},',
    b"{'a':1}",
    b"{a:1}",
    b'{"a" 1}',
    b'{"a":1 "b":2}',
    b'{1:"a"}',
    b'{"a":[1,]}',
    b'{"a":[,1]}',
    b'{"a":[1 2]}',
    b'{"a":[1}',
    b'{"a":[1]',
    b'{"a":01}',
    b'{"a":+1}',
    b'{"a":.5}',
    b'{"a":5.}',
    b'{"a":1e}',
    b'{"a":1e+}',
    b'{"a":-}',
    b'{"a":0x1F}',
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":True}',
    b'{"a":nul}',
    b'{"a":"b}',
    b'{"a":"\\x00"}',
    b'{"a":"\\u12"}',
    b'{"a":"\\u12G4"}',
    b'{"a":"\\"}',
    b'{"a":"\t"}',
    b'{"a":"\n"}',
    b'{"a":"\x00"}',
    b'{"a":/*c*/1}',
    b'{"a":1}//c',
    b"\xef\xbb\xbf{}",
    b"\x00{}",
    b"{}\x00",
    b"\x0c{}",
    b"[]",
    b'"text"',
    b"1",
    b"null",
]
JSON: list[tuple[bytes, dict[str, Any]]] = [
    (b"{}", {}),
    (b' \t\r\n{ "a" : 1 } \n', {"a": 1}),
    (b'{"":0}', {"": 0}),
    (b'{"a":-0,"b":-0.0,"c":1E22,"d":1e-2}', {"a": 0, "b": 0.0, "c": 1e22, "d": 0.01}),
    (b'{"a":"\\u0000\\b\\f\\n\\r\\t\\/\\\\\\""}', {"a": '\0\b\f\n\r\t/\\"'}),
    (b'{"\\u0061":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
    (b'{"a":"\x7f\xe2\x80\xa8"}', {"a": "\x7f\u2028"}),
    (b'{"a":{"b":[[],{}]}}', {"a": {"b": [[], {}]}}),
    (b'{"a":1,"a":2}', {"a": 2}),
    (b'{"a":{"b":1},"a":{"c":2}}', {"a": {"c": 2}}),
    (b'{"a":12345678901234567890123456789}', {"a": 12345678901234567890123456789}),
    (b'{"a":"\xff"}', {"a": "\ufffd"}),
    (b'{"a":"\\ud800"}', {"a": "\ufffd"}),
    (b'{"a":"\\ud800x","\\udc00":1}', {"a": "\ufffdx", "\ufffd": 1}),
    (b'{"a":"\\\\ud800"}', {"a": "\\ud800"}),
    (b'{"a":"\xed\xa0\x80"}', {"a": "\ufffd\ufffd\ufffd"}),
]


@pytest.mark.parametrize("raw", NO_JSON)
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    """NaN, trailing commas, bare control characters, cut ends, comments and other values than objects are refused."""
    with pytest.raises(Unreadable) as refused:
        decoded(raw, encode)
    assert 0 < len(str(refused.value)) < 30


@pytest.mark.parametrize(("raw", "expected"), JSON)
def test_what_a_server_accepts_is_read(raw: bytes, expected: dict[str, Any]) -> None:
    """Of repeated keys the last counts; invalid UTF-8 and lone surrogates become U+FFFD as in Go; integers stay whole."""
    assert parse(raw).fields == expected


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a":1', "cut off"),
        (b'{"a":"b', "cut off"),
        (b'{"a":tru', "not JSON"),
        (b'{"a":NaN}', "NaN is not JSON"),
        (b"[1]", "unknown shape"),
    ],
)
def test_the_reason_is_countable(raw: bytes, reason: str) -> None:
    """A cut record, a broken one and one of another shape are told apart."""
    with pytest.raises(Unreadable) as refused:
        parse(raw)
    assert str(refused.value) == reason


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"1" * 400, b"1" * 5000, b"-" + b"9" * 5000])
def test_a_number_beyond_any_type_costs_no_record(number: bytes) -> None:
    """Numbers too great for a float or for Python's own limit stay finite numbers, so that they can be written again."""
    value = parse(b'{"a":' + number + b"}").fields["a"]
    assert isinstance(value, int | float)
    assert json.loads(encode(parse(b'{"a":' + number + b"}"))) == {"a": value}


@pytest.mark.parametrize("depth", [400, 1000, 9999, 100_000])
def test_a_deep_nesting_costs_only_itself(depth: int) -> None:
    """What nests deeper than any rule looks is cut out and named; the rest of the record is read."""
    raw = b'{"verb":"patch","requestObject":{"x":' + b"[" * depth + b"]" * depth + b',"rules":[1]},"stage":"s"}'
    document = decoded(raw, lambda found: found)
    assert document.fields["verb"] == "patch"
    assert document.fields["stage"] == "s"
    assert document.cut == {"requestObject"}
    assert document.fields["requestObject"]["rules"] == [1]  # type: ignore[index]


def test_a_usual_nesting_is_left_alone() -> None:
    """A record that nests as deep as allowed is whole."""
    raw = b'{"a":' * (DEPTH - 1) + b"1" + b"}" * (DEPTH - 1)
    document = decoded(raw, lambda found: found)
    assert document.cut == frozenset()
    assert encode(document).replace(b" ", b"") == raw


@pytest.mark.parametrize("raw", [b"]", b"}", b"[[]", b'{"a":[1,2}'])
def test_pruning_refuses_what_does_not_match_up(raw: bytes) -> None:
    """Pruning needs brackets that open and close."""
    if raw == b'{"a":[1,2}':
        assert prune(raw + b"}")[1] == frozenset()
        return
    with pytest.raises(Unreadable):
        prune(raw)


def test_pruning_sees_no_brackets_in_texts() -> None:
    """Brackets within strings nest nothing."""
    raw = b'{"a":"' + b"[" * 500 + b'\\"]","b":[[1]]}'
    assert prune(raw) == (raw, frozenset())
    assert prune(raw, 2) == (b'{"a":"' + b"[" * 500 + b'\\"]","b":[null]}', frozenset({"b"}))


def test_the_longest_value_of_a_long_record_is_left_out() -> None:
    """A list of megabytes costs the record nothing but itself."""
    raw = b'{"verb":"list","responseObject":{"items":["' + b"x" * LONG + b'"]},"level":"Request"}'
    document = parse(raw)
    assert document.fields == {"verb": "list", "level": "Request"}
    assert document.cut == {"responseObject"}


def test_objects_that_are_taken_apart_lose_a_member_only() -> None:
    """Of `b` only what is too long or too deep goes, and it is named; a list, or another object, goes whole."""
    long, deep = b'"' + b"x" * LONG + b'"', b"[" * 500 + b"]" * 500
    apart = frozenset({"b", "l"})
    for inner, kept in ((long, {}), (deep, {"x": None})):
        raw = b'{"a":1,"b":{"c":2,"x":' + inner + b'},"l":[1,' + inner + b'],"o":{"c":2,"x":' + inner + b"}}"
        document = decoded(raw, lambda found: found, apart)
        assert document.cut == {"b.x", "l", "o"}
        assert document.fields["a"] == 1
        assert document.fields["b"].keys() - kept.keys() == {"c"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("end", "reason"), [(b"", "cut off"), (b'"]}', "unknown shape"), (b'"}}', "not JSON")])
def test_a_long_record_is_checked_too(end: bytes, reason: str) -> None:
    """A long record that is cut, no object or broken is refused as a short one is."""
    raw = (
        (b'["' if reason == "unknown shape" else b'{"a":"')
        + b"x" * LONG
        + (b'"]' if reason == "unknown shape" else end)
    )
    with pytest.raises(Unreadable) as refused:
        parse(raw)
    assert str(refused.value) == reason


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b'{"a":1,"b":{"a":1}}', False), (b'{"a":1,"a":1}', True), (b'{"b":[{"a":1,"\\u0061":2}]}', True), (b"{", False)],
)
def test_repeated_keys_are_noticed(raw: bytes, expected: bool) -> None:
    """A key that stands twice in one object, however it is spelled and wherever it lies."""
    assert repeats_keys(raw) is expected


def test_repeated_keys_are_not_looked_for_in_megabytes() -> None:
    """All of such a record at once would fill memory."""
    assert repeats_keys(b'{"a":1,"a":"' + b"x" * LONG + b'"}') is False


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), _VALUES, max_size=5))
def test_any_json_object_is_read_as_it_was_written(fields: dict[str, Any]) -> None:
    """What json.dumps writes comes back, with text as itself or escaped."""
    for raw in (json.dumps(fields).encode(), json.dumps(fields, ensure_ascii=False).encode()):
        assert parse(raw).fields == fields


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """Nothing but a document or Unreadable comes of any bytes."""
    try:
        document = decoded(raw, lambda found: found)
    except Unreadable:
        assert raw[:1] != b"{" or not raw.endswith(b"{}")
    else:
        assert isinstance(document.fields, dict)
