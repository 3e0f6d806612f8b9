"""A posted batch as lines: nothing is dropped, and one bad item never costs the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.sources.event_list import lines

HEAD = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":['


@pytest.fixture(scope="module")
def events(root: Path) -> list[bytes]:
    """400 recorded events as the API server puts them into a batch: without kind and apiVersion."""
    recorded = (root / "examples" / "logs" / "kube-audit.jsonl").read_bytes().splitlines()[:400]
    bare = [{k: v for k, v in json.loads(line).items() if k not in ("kind", "apiVersion")} for line in recorded]
    return [json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() for event in bare]


def batch(events: list[bytes], between: bytes = b",") -> bytes:
    """An EventList as the API server posts it."""
    return HEAD + between.join(events) + b"]}\n"


def test_a_batch_is_one_line_an_event(events: list[bytes]) -> None:
    """Each event of an EventList stands on a line of its own, byte for byte, in order."""
    assert lines(batch(events)) == (b"\n".join(events) + b"\n", 400)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'[{"a":1},{"b":2}]', [b'{"a":1}', b'{"b":2}']),
        (b'{"level":"Metadata","verb":"get"}', [b'{"level":"Metadata","verb":"get"}']),
        (b'{"kind":"EventList","items":[]}', []),
        (b'{"kind":"EventList","items":null}', []),
        (b"[]", []),
        (b" \r\n", []),
        (b"", []),
        (b'{"items":[1,"two",null,[{"a":3}]]}', [b"1", b'"two"', b"null", b'[{"a":3}]']),
        (b'{\r\n "items": [\n  {"a":\n1}, {"b":\r2}\n ]\n}\n', [b'{"a": 1}', b'{"b": 2}']),
        (b"hello\nworld", [b"hello world"]),
        (b'"text"', [b'"text"']),
        (b"\0\xff\r\x80", [b"\0\xff \x80"]),
        (b'{"items":{"a":1}}', [b'{"items":{"a":1}}']),
        (b'{"items":[{"a":1}]} trailing', [b'{"a":1}', b"trailing"]),
        (b'[1,,{"level":"x"', [b'1,,{"level":"x"']),
        (b'{"items":[{"a":1},{"b"', None),
    ],
)
def test_other_bodies(body: bytes, expected: list[bytes] | None) -> None:
    """Bare lists, single events and what is no JSON at all become lines as well; only white space is left out."""
    text, count = lines(body)
    assert count == text.count(b"\n")
    if expected is None:
        assert b'{"a":1}' in text
        assert b'{"b"' in text
    else:
        assert text == b"".join(line + b"\n" for line in expected)


BAD = {
    "a lone surrogate": rb'{"level":"Request","userAgent":"\ud800"}',
    "a word that is none": b'{"level":"Request","code":nul}',
    "a number that is none": b'{"level":"Request","code":01}',
    "a line end in a string": b'{"level":"Request","userAgent":"a\nb"}',
    "a comma too many": b'{"level":"Request","code":1,}',
    "no value": b'{"level":"Request","code":}',
    "deep nesting": b'{"level":"Request","requestObject":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001,
    "text": b"not json at all",
    "an escape that is none": rb'{"level":"Request","a":"\x"}',
    "NaN": b'{"level":"Request","code":NaN}',
    "a control character": b'{"level":"Request","userAgent":"\x01"}',
    "brackets in strings": rb'{"level":"Request","a":"]}\"]},{[","code":nul}',
    "a string that is not closed": b'{"level":"Request","userAgent":"abc}',
    "an object that is not closed": b'{"level":"Request","user":{"name":"a"}',
    "a bracket too many": b'{"level":"Request","user":{"name":"a"}}}',
    "brackets of two kinds": b'{"level":"Request","user":[1,2}}',
}


@pytest.mark.parametrize("at", [0, 200, 399])
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_one_bad_item_costs_no_other(events: list[bytes], bad: bytes, at: int) -> None:
    """Whatever is wrong with one of 400 items, it stands on a line of its own and the others stand as they came."""
    text, _ = lines(batch([*events[:at], bad, *events[at + 1 :]]))
    found = text.splitlines()
    assert found == [*events[:at], bad.replace(b"\n", b" "), *events[at + 1 :]]


def test_an_early_end_is_none(events: list[bytes]) -> None:
    """An item that seems to end the list does not end it for the items behind it."""
    bad = b'{"level":"Request","user":"a"}]}'
    text, _ = lines(batch([events[0], bad, *events[1:]]))
    assert text.splitlines() == [events[0], bad, *events[1:]]
    assert lines(batch([*events, bad]))[0].splitlines() == [*events, bad[:-2], b"]}"]


def test_a_nested_event_list_is_not_taken_apart(events: list[bytes]) -> None:
    """An event that holds objects which look like events stays whole beside one that cannot be read."""
    nested = b'{"level":"Request","requestObject":{"items":[{"level":"a"},{"level":"b"}]}}'
    text, _ = lines(batch([events[0], nested, events[1], BAD["a string that is not closed"], events[2]]))
    assert text.splitlines() == [events[0], nested, events[1], BAD["a string that is not closed"], events[2]]


def test_a_single_event_that_cannot_be_read_stays_whole() -> None:
    """An event, unlike an EventList, is not taken apart at the list inside it."""
    event = rb'{"level":"Request","requestObject":{"items":[{"a":"\ud800"},{"b":1}]}}'
    assert lines(event) == (event + b"\n", 1)


def test_a_second_list_is_not_lost(events: list[bytes]) -> None:
    """Of two lists under one name a decoder keeps the last; the reader gets the whole."""
    body = HEAD + b",".join(events) + b'],"items":[{"level":"Metadata"}]}'
    assert lines(body) == (body + b"\n", 1)


def test_hostile_bodies_take_no_long_time() -> None:
    """A megabyte of what a scanner could stumble over is dealt with at once."""
    for filler in (b'"', b"\\", b"[", b"{", b",", b"}", b'\\"', b'{"level":', b"}   ,", b'},{"level":', b' "a" : '):
        body = HEAD + filler * ((1 << 20) // len(filler))
        text, count = lines(body)
        assert count == text.count(b"\n")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(json_values, max_size=6), st.sampled_from([None, 1]), st.booleans())
def test_every_list_comes_back(items: list[object], indent: int | None, bare: bool) -> None:
    """Any list of any values, pretty or not, is one line a value, and each line means what it meant."""
    body = json.dumps(items if bare else {"kind": "EventList", "items": items}, indent=indent).encode()
    text, count = lines(body)
    if any("\\ud" in json.dumps(item) for item in items):
        return
    assert count == len(items)
    assert [json.loads(line) for line in text.splitlines()] == items


@given(st.binary(max_size=60) | st.lists(st.sampled_from([*b'{}[],:"\\ \n1an', *HEAD]), max_size=80).map(bytes))
def test_any_bytes_are_lines(body: bytes) -> None:
    """Any body becomes whole lines, and of what is no JSON only the head of the list and what joins items is left out."""
    text, count = lines(body)
    assert count == text.count(b"\n")
    assert text == b"" or text.endswith(b"\n")
    try:
        json.loads(body)
    except ValueError:
        kept, sent = (one.translate(None, b" \t\r\n,[]{}") for one in (text, body))
        assert sent.endswith(kept)
        assert set(sent.removesuffix(kept)) <= set(HEAD)
