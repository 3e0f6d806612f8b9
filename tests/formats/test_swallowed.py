"""What was never finished swallows nothing that follows: a begin is anybody's to write, an end may never come."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.formats.reading import kube, line, lines_of, log, read

_STAMP = b"2026-01-02T03:04:05.6Z "
_BEGINS = (
    b"{",
    b"[",
    b'{"a":',
    b'{"a":[',
    b'{"a":[{},',
    b'{"a":1}{"b":',
    b"[[",
    b"[{},",
    b'{"items":[',
    b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[',
    b'{"streams":[{"values":[["1",',
    b'{"auditID":"x","stage":"y","verb":"z","requestObject":[',
    b'{"auditID":"x","stage":"y","verb":"z","requestObject":',
    b'@cee: {"a":[',
    _STAMP + b"stdout P x",
    _STAMP + b'stdout P {"a":[',
    _STAMP + b'stdout P {"auditID":"x","stage":"y","verb":"z","requestObject":',
    _STAMP + b"stdout P " + b"x" * 5000,
    b'{"log":"{\\"a\\":[","stream":"stdout","time":"x"}',
    b'{"message":"[\\n{"}',
)


def _docker(record: bytes) -> bytes:
    return json.dumps({"log": record.decode() + "\n", "stream": "stdout", "time": "x"}).encode()


def _message(record: bytes) -> bytes:
    return json.dumps({"message": record.decode()}).encode()


def _pretty(record: bytes) -> bytes:
    return json.dumps(json.loads(record), indent=2).encode()


@pytest.mark.parametrize("begin", _BEGINS)
@pytest.mark.parametrize(
    "wrapped",
    [
        lambda record: record,
        lambda record: _STAMP + b"stdout F " + record,
        _docker,
        _message,
        lambda record: b'{"event":' + record + b"}",
        lambda record: b"Nov 23 10:00:00 host audit: " + record,
        _pretty,
    ],
    ids=["plain", "cri", "docker", "message", "event", "syslog", "pretty"],
)
@pytest.mark.parametrize("times", [1, 2])
def test_a_begin_without_end_costs_only_itself(begin: bytes, wrapped: Callable[[bytes], bytes], times: int) -> None:
    """However the log is wrapped, whatever stands before and behind, in one chunk or many."""
    records = [wrapped(line(kube(name))) for name in "abcd"]
    data = log(*records[:2], *[begin] * times, *records[2:])
    for chunks in (data, lines_of(data)):
        reading = read(chunks)
        assert reading.ids == ["a", "b", "c", "d"]
        assert reading.tally.quarantined.total() >= 1


@pytest.mark.parametrize("pieces", [2, 5])
def test_pieces_behind_a_piece_without_end(pieces: int) -> None:
    """A record in pieces is whole again behind one that was never finished, even where its own pieces look like begins."""
    record = line(kube("a", requestObject=[{"b": "c" * 20}] * 20))
    size = len(record) // pieces + 1
    parts = [record[at : at + size] for at in range(0, len(record), size)]
    whole = [_STAMP + b"stdout P " + part for part in parts[:-1]] + [_STAMP + b"stdout F " + parts[-1]]
    for begin in (b"x", b'{"a":[', b"{" * 10):
        reading = read(log(*[_STAMP + b"stdout P " + begin] * 3, *whole, _STAMP + b"stdout F " + line(kube("b"))))
        assert reading.ids == ["a", "b"]


def test_lists_over_several_lines_lose_no_record_to_their_last() -> None:
    """A list whose last record stands alone on its line, and one whose end never comes."""
    begin = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":['
    records = [line(kube(name)) for name in "abc"]
    whole = log(begin, records[0] + b",", records[1] + b",", records[2], b"]}")
    assert sorted(read(whole).ids) == ["a", "b", "c"]
    assert sorted(read(log(begin, records[0] + b",", records[1] + b",")).ids) == ["a", "b"]


def test_begins_without_end_take_no_time() -> None:
    """Lines that each may go on in the next, thousands deep, are looked at twice and not once for each before them."""
    record = line(kube("a"))
    data = log(*[b'{"a":[', record.replace(b"{", b'{"x":1,', 1), b","] * 20_000)
    reading = read(data)
    assert len(reading.ids) == 20_000


def test_streams_are_bounded() -> None:
    """Docker's stream may be any text; pieces of thousands of streams are not all kept until the end."""
    pieces = [{"log": "x", "stream": f"s{number}", "time": "x"} for number in range(1000)]
    reading = read(log(*pieces[:500], {"log": line(kube("a")).decode() + "\n", "stream": "stdout", "time": "x"}))
    assert reading.ids == ["a"]
    assert reading.tally.quarantined["cut off"] >= 480


def test_the_end_of_a_record_is_no_line_of_a_log() -> None:
    """Whoever sends a body may place any text at a piece's begin; the record that it belongs to is whole."""
    record = line(kube("a", requestObject={"x": "Nov 23 10:00:00 host sshd[1]: Accepted"}))
    at = record.index(b"Nov 23")
    assert read(log(_STAMP + b"stdout P " + record[:at], _STAMP + b"stdout F " + record[at:])).ids == ["a"]
    text = b"Nov 23 10:00:00 host sshd[1]: Accepted password for a from 192.0.2.1 port 1 ssh2"
    reading = read(log(_STAMP + b'stdout P {"a":', _STAMP + b"stdout F " + text))
    assert reading.events == {"sshd": 1}
