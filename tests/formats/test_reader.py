"""The reader: every record found, placed and counted once, however the bytes arrive."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.reading import (
    CRON,
    SSHD,
    Reading,
    formats,
    identity,
    kube,
    line,
    lines_of,
    log,
    projections,
    read,
    vault,
)
from vedette.formats.reader import Reader, splittable
from vedette.schema import Projection

_KUBE, _VAULT = line(kube()), line(vault())


def pretty(record: Any, indent: int = 2) -> bytes:
    """A record as jq prints it."""
    return json.dumps(record, indent=indent).encode()


def test_a_plain_log_is_one_batch() -> None:
    """Records of one format, a line each, come as one batch from a chunk, and are placed by line."""
    kinds = formats()
    reader = Reader(kinds, projections(kinds))
    batches = reader.feed(log(kube("k0"), kube("k1"))) + reader.feed(log(kube("k2")))
    assert [(batch.format, len(batch.records)) for batch in batches] == [("kube_audit", 2), ("kube_audit", 1)]
    assert [batches[0].locate(1), batches[1].locate(0)] == [(line(kube("k1")), 1), (line(kube("k2")), 2)]
    assert (reader.finish(), reader.lines_read, reader.tally.records) == ([], 3, 3)


def test_no_input_is_no_record() -> None:
    """An empty file, and a file of nothing but line ends."""
    assert read(b"").tally.records == 0
    reading = read(b"\n\r\n \n")
    assert (dict(reading.tally.ignored), reading.lines_read) == ({"blank line": 3}, 3)


@pytest.mark.parametrize(
    "data",
    [
        log(kube("a"), b"", kube("b"), b"  ", kube("c")),
        log(kube("a"), kube("b"), kube("c")).replace(b"\n", b"\r\n"),
        log(kube("a"), kube("b"), kube("c"))[:-1],
        b"\xef\xbb\xbf" + log(kube("a"), kube("b"), kube("c")),
        b"\0" * 50_000 + log(kube("a"), kube("b"), kube("c")),
        log(line(kube("a")) + line(kube("b")), kube("c")),
        pretty(kube("a")) + b"\n" + pretty(kube("b")) + b"\n" + pretty(kube("c")),
        pretty([kube("a"), kube("b"), kube("c")]),
        pretty({"kind": "EventList", "items": [kube("a"), kube("b"), kube("c")]}),
        b"[\n" + b",\n".join(line(kube(one)) for one in "abc") + b"\n]\n",
        b"[" + b",\n".join(line(kube(one)) for one in "abc") + b"]",
        pretty([kube("a"), kube("b")], 0) + b"\n" + log(kube("c")),
        pretty(kube("a"), 4).replace(b"\n", b"\r\n") + b"\r\n" + log(kube("b"), kube("c")),
        log(kube("a")) + pretty(kube("b")) + b"\n\n" + log(kube("c")),
        log([kube("a"), kube("b")], kube("c")),  # type: ignore[arg-type]
    ],
)
def test_all_forms_of_a_log_are_read(data: bytes) -> None:
    """The same three records in every form, and whole chunks say what single lines say."""
    whole = read(data)
    assert whole.ids == ["a", "b", "c"]
    assert not whole.rejected
    apart = read(lines_of(data))
    assert (apart.ids, apart.rejected, apart.events) == (whole.ids, [], whole.events)
    assert apart.lines_read == whole.lines_read == len(data.splitlines())


def test_records_are_placed_at_their_first_line() -> None:
    """Behind blank lines, over several lines, and in the midst of a list."""
    data = b"\n" + log(kube("a")) + pretty(kube("b")) + b"\n" + pretty([kube("c"), kube("d")]) + b"\n" + log(kube("e"))
    reading = read(data)
    size = pretty(kube("b")).count(b"\n") + 1
    inner = pretty([kube("c")]).count(b"\n") - 1
    assert [at for at, _ in reading.places] == [1, 2, 2 + size + 1, 2 + size + 1 + inner, 2 + size + 2 + 2 * inner]


def test_formats_may_be_mixed() -> None:
    """Each line is recognised by itself, and keeps its place."""
    seal = {"observation": "seal_status", "subject": "vault-0", "value": {}}
    reading = read(log(kube(), vault(), SSHD, CRON, seal, kube("k2"), {"MESSAGE": "x", "_COMM": "sshd", "_UID": "0"}))
    assert reading.places == [
        (0, "kube_audit"),
        (1, "vault_audit"),
        (2, "sshd"),
        (4, "observation"),
        (5, "kube_audit"),
        (6, "sshd"),
    ]


def test_a_cut_record_costs_only_itself() -> None:
    """The next record after one that was cut off, at whatever byte, is read."""
    record = line(kube("a", requestObject={"list": [1, {"b": "c"}], "t": True}))
    for end in range(1, len(record)):
        reading = read(log(record[:end], kube("b"), kube("c")))
        assert reading.ids == ["b", "c"], record[:end]
        assert reading.tally.quarantined.total() == 1, record[:end]


def test_a_cut_pretty_record_costs_only_itself() -> None:
    """A pretty-printed record that ends too early is one quarantined record, wherever the next one begins."""
    record = pretty(kube("a")).split(b"\n")
    for end in range(1, len(record) - 1):
        for following in (pretty(kube("b")), line(kube("b"))):
            reading = read(b"\n".join(record[:end]) + b"\n" + following + b"\n")
            assert reading.ids == ["b"], (end, following[:5])
            assert reading.tally.quarantined["cut off"] >= 1


@pytest.mark.parametrize("tail", [b"{", b'{\n  "a": [\n', b"[\n", b'[\n{"kind":', log(kube())[:-1] + b"\n{\n"])
def test_an_end_in_the_midst_is_cut_off(tail: bytes) -> None:
    """What the input's end leaves unfinished is quarantined, never forgotten."""
    reading = read(log(kube("a")) + tail)
    assert reading.tally.quarantined["cut off"] == 1
    assert reading.ids[0] == "a"


def test_pieces_of_container_lines_are_joined() -> None:
    """A runtime cuts long lines in pieces; two streams may be interleaved, and pieces come in different chunks."""
    a, b = line(kube("a")), line(kube("b"))
    stamp = b"2026-01-02T03:04:05.6Z "
    data = log(
        stamp + b"stdout P " + a[:100],
        stamp + b"stderr P " + b[:50],
        stamp + b"stdout P " + a[100:150],
        stamp + b"stderr F " + b[50:],
        stamp + b"stdout F " + a[150:],
    )
    for chunks in (data, lines_of(data)):
        reading = read(chunks)
        assert (sorted(reading.ids), sorted(at for at, _ in reading.places)) == (["a", "b"], [0, 1])
        assert reading.tally.records == 2


def test_pieces_of_docker_lines_are_joined() -> None:
    """Docker marks a piece by the line end that it lacks; a shipper that drops all line ends loses nothing."""
    text = line(kube("a")).decode()
    pieces = [{"log": piece, "stream": "stdout", "time": "x"} for piece in (text[:80], text[80:200], text[200:] + "\n")]
    assert read(log(*pieces)).ids == ["a"]
    assert read(log(*pieces[:2])).tally.quarantined.total() == 1
    assert read(
        log({"log": text, "stream": "stdout", "time": "x"}, {"log": text, "stream": "stdout", "time": "x"})
    ).ids == ["a", "a"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"verb":"get"', b'"verb":5'),
        (b'"verb":"get"', b'"verb":null'),
        (b'"sourceIPs":["10.0.20.17"]', b'"sourceIPs":"10.0.20.17"'),
        (b'"user":{', b'"user":[],"x":{'),
        (b'"level"', b'"x":"\\ud800","level"'),
        (b'"level"', b'"requestObject":{"a":"\\udfff\\ud800"},"level"'),
        (b'"level"', b'"x":' + b"[" * 5000 + b"]" * 5000 + b',"level"'),
        (b'"level"', b'"x":' + b'{"a":' * 3000 + b"1" + b"}" * 3000 + b',"level"'),
        (b'"me@example.org"', b'"me\xff@example.org"'),
        (b'"auditID"', b'"\\u0061uditID"'),
    ],
)
def test_what_a_sender_may_choose_hides_no_record(old: bytes, new: bytes) -> None:
    """Odd types, lone surrogates, invalid UTF-8, deep nesting: the record is an event, and rules see it whole."""
    reading = read(log(kube("b"), _KUBE.replace(old, new), kube("c")))
    assert (reading.events, reading.rejected) == ({"kube_audit": 3}, [])
    assert reading.ids == ["b", "k1", "c"]
    odd = [record for _, _, _, record in reading.found].count(None)
    assert odd == reading.tally.oddly_typed
    assert reading.event(1).raw == _KUBE.replace(old, new)


@pytest.mark.parametrize(
    "around",
    [
        b'{"message":"%b"}',
        b'{"log":"%b\\n","stream":"stdout","time":"x"}',
        b'{"streams":[{"values":[["1","%b"],["2","%b"]]}]}',
        b'{"records":[{"category":"kube-audit","properties":{"log":"%b"}}]}',
    ],
)
def test_bytes_that_are_no_text_hide_no_wrapped_record(around: bytes) -> None:
    """A client's bytes may reach the log as they are, through a server and a shipper that copy."""
    record = line(kube("a", userAgent="?")).replace(b"?", b"\xff").replace(b'"', b'\\"')
    reading = read(log(around.replace(b"%b", record), kube("b")))
    assert set(reading.ids) == {"a", "b"}
    assert reading.tally.quarantined.total() == 0


def test_what_rules_need_not_see_hides_no_record() -> None:
    """Numbers beyond any type and invalid UTF-8 in what no rule asks for leave the record a plain one."""
    raw = _KUBE.replace(b'"level"', b'"a":1e999,"b":' + b"9" * 5000 + b',"c":"\xff","level"')
    reading = read(log(kube("b"), raw))
    assert (reading.ids, reading.tally.oddly_typed) == (["b", "k1"], 0)


def test_an_escaped_key_is_the_same_key() -> None:
    """A key may be spelled with escapes; the quick look and the whole record agree on it."""
    reading = read(log(_KUBE.replace(b'"objectRef"', b'"objectRe\\u0066"')))
    assert reading.found[0][3].objectRef.namespace == "vault"
    assert reading.event().values(("objectRef", "namespace")).items == ("vault",)


def test_a_rejected_event_is_moved() -> None:
    """What passed the quick look and not the strict one leaves the events for the quarantined."""
    kinds = formats()
    told: list[tuple[int, str, bytes]] = []
    reader = Reader(kinds, projections(kinds), lambda *one: told.append(one))
    reader.feed(log(kube()))
    reader.reject("kube_audit", 0, "not JSON", b"raw")
    assert (reader.tally.events.total(), dict(reader.tally.quarantined)) == (0, {"not JSON": 1})
    assert told == [(0, "not JSON", b"raw")]
    assert reader.tally.balanced()


def test_a_format_without_rules_is_counted_all_the_same() -> None:
    """Nothing of it is projected, its records are events."""
    reader = Reader(formats(), {"kube_audit": Projection("kube_audit", ())})
    batches = reader.feed(log(kube(), vault(), SSHD))
    assert {batch.format: len(batch.records) for batch in batches} == {"kube_audit": 1, "vault_audit": 1, "sshd": 1}


def test_one_broken_line_costs_no_other() -> None:
    """A chunk with a bad line goes line by line; the next goes at once again."""
    good = [kube(f"k{number}") for number in range(200)]
    reading = read([log(*good[:100], b'{"auditID":', *good[100:]), log(*good)])
    assert len(reading.found) == 400
    assert [(at, reason) for at, reason, _ in reading.rejected] == [(100, "cut off")]
    assert reading.places[-1] == (400, "kube_audit")


def test_lines_are_counted_where_they_are_asked_for() -> None:
    """In a large file a chunk's lines are counted when one of its records is placed; what follows is placed rightly."""
    kinds = formats()
    reader = Reader(kinds, projections(kinds))
    many = [kube(f"k{number}") for number in range(300)]
    reader.feed(log(*many))
    (second,) = reader.feed(log(*many[:150], b"", *many[150:]))
    assert [second.locate(index)[1] for index in (149, 150)] == [449, 451]
    (third,) = reader.feed(log(*many))
    raw, at = third.locate(0)
    assert (identity(kinds["kube_audit"].read(raw)), at) == ("k0", 601)


def test_misplaced_values_are_found() -> None:
    """Two records on one line and one over two lines, as many records as lines: each is handed out whole."""
    kinds = formats()
    reader = Reader(kinds, projections(kinds))
    many = log(*(kube(f"k{number}") for number in range(300)))
    reader.feed(many)
    (batch,) = reader.feed(
        many + line(kube("a")) + line(kube("b")) + b"\n" + line(kube("c")).replace(b",", b",\n", 1) + b"\n"
    )
    got = [batch.locate(index) for index in range(300, 303)]
    assert [identity(kinds["kube_audit"].read(raw)) for raw, _ in got] == ["a", "b", "c"]
    assert [at for _, at in got] == [600, 600, 601]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (log(kube(), vault()), True),
        (log({"line": "x"}, {"message": "y"}), True),
        (log(SSHD, CRON), True),
        (b"\0" * 100 + log(kube()), True),
        (b"\n\n" + log(kube()) + _KUBE[:20], True),
        (pretty(kube()), False),
        (b"[\n" + log(kube()), False),
        (log([kube(), kube()]), False),  # type: ignore[arg-type]
        (log({"log": "x", "stream": "stdout", "time": "y"}), False),
        (b"2026-01-02T03:04:05.6Z stdout F " + log(kube()), False),
        (b"", False),
        (_KUBE, False),
        (b"\n\n", False),
    ],
)
def test_only_plain_lines_may_be_cut_apart(head: bytes, expected: bool) -> None:
    """A file may be read in ranges when each of its lines stands for itself."""
    assert splittable(head) is expected


def test_counts_add_up_over_readers() -> None:
    """The tallies of several files are one."""
    first, second = read(log(kube(), b"x", b"")).tally, read(b"\0" + log(vault(), line(kube(verb=5)))).tally
    first.add(second)
    assert first.balanced()
    assert (first.records, dict(first.events), first.oddly_typed, first.nul_bytes) == (
        5,
        {"kube_audit": 2, "vault_audit": 1},
        1,
        1,
    )


_LINES = st.sampled_from(
    [
        _KUBE,
        _VAULT,
        SSHD,
        CRON,
        pretty(kube()),
        pretty([kube(), vault()], 1),
        line({"message": _VAULT.decode()}),
        line({"log": _KUBE.decode()[:90], "stream": "stdout", "time": "x"}),
        line({"log": _KUBE.decode()[90:] + "\n", "stream": "stdout", "time": "x"}),
        b"2026-01-02T03:04:05Z stdout P " + _VAULT[:70],
        b"2026-01-02T03:04:05Z stdout F " + _VAULT[70:],
        _KUBE + _KUBE,
        b"[" + _KUBE + b"," + _VAULT + b"]",
        _KUBE[:-40],
        b"\0\0" + _VAULT,
        b'{"a":"\\ud800"}',
        b"[",
        b"]",
        b"{",
        b"}",
        b"{}",
        b'"',
        b",",
        b"",
        b"\r",
        b"\xff\xfe",
        b"text",
    ]
)


def summary(reading: Reading) -> tuple[Any, ...]:
    """What must not depend on how the bytes arrived."""
    found = sorted((at, name, raw) for at, name, raw, _ in reading.found)
    return found, reading.events, reading.tally.quarantined, reading.lines_read


@given(st.lists(_LINES | st.binary(max_size=20), max_size=12), st.integers(0, 2**32))
def test_chunks_make_no_difference(lines: list[bytes], seed: int) -> None:
    """Any lines in any order give the same records at the same places, whole, line by line or cut at random line ends."""
    data = b"".join(one + b"\n" for one in lines)
    apart = data.splitlines(keepends=True) if b"\r" not in data else [one + b"\n" for one in data.split(b"\n")[:-1]]
    pick = random.Random(seed)
    cut: list[bytes] = []
    for one in apart:
        if cut and pick.random() < 0.5:
            cut[-1] += one
        else:
            cut.append(one)
    whole = summary(read(data))
    assert summary(read([one + b"\n" for one in data.split(b"\n")[:-1]])) == whole
    if b"".join(cut) == data and all(one.endswith(b"\n") for one in cut):
        assert summary(read(cut)) == whole


@given(st.binary(max_size=400))
def test_any_bytes_are_counted(data: bytes) -> None:
    """Whatever the bytes, every record is an event, ignored or quarantined, and nothing is raised."""
    reading = read(data)
    assert reading.lines_read == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    assert reading.tally.records >= (1 if data else 0)


@given(st.data())
def test_any_damage_is_counted(data: st.DataObject) -> None:
    """Bytes of real records changed, taken out and doubled: nothing is raised, and records around them are read."""
    log_bytes = bytearray(log(kube("a"), vault("b"), SSHD))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(log_bytes) - 1))
        log_bytes[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from([b"", b"{", b"}", b'"', b"\\", b"\0", b"\n", b"\xff", b","])
        )
    reading = read(log(kube("before")) + bytes(log_bytes) + b"\n" + log(kube("after")))
    assert {"before", "after"} <= set(reading.ids) | {_id(raw) for _, _, raw in reading.rejected}
    for index in range(len(reading.found)):
        assert reading.found[index][2]


def _id(raw: bytes) -> str:
    return "after" if b'"after"' in raw else ""
