"""The Loki source against a real Loki."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from lab.loki import LokiServer

from vedette.clients.loki import LokiClient
from vedette.sources.base import Piece, Position
from vedette.sources.loki import STREAM, Cursor, Loki, Pages

LIMIT = 400
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LokiServer]:
    """A Loki that gives 400 lines at once."""
    started = LokiServer(tmp_path_factory.mktemp("loki"), limit=LIMIT)
    yield started
    started.close()


def _source(server: LokiServer, query: str, position: Position | None = None, since: float = 3600.0) -> Loki:
    source = Loki("audit", server.url, query, every=0.05, delay=0.0, since=since)
    source.resume({STREAM: position} if position is not None else {})
    return source


def _lines(pieces: Sequence[Piece]) -> list[str]:
    return b"".join(piece.data for piece in pieces).decode().splitlines()


def _read(source: Loki, count: int) -> list[Piece]:
    """What comes until there are `count` lines, and then until Loki was asked twice more."""
    pieces: list[Piece] = []
    deadline = time.monotonic() + 60
    while len(_lines(pieces)) < count:
        assert time.monotonic() < deadline, (len(_lines(pieces)), source.troubles())
        pieces += source.poll(1 << 20)
        time.sleep(0.01)
    asked, asked_enough = source._pages._empty_to, time.monotonic() + 0.3
    while time.monotonic() < asked_enough or source._pages._empty_to == asked:
        assert time.monotonic() < deadline
        pieces += source.poll(1 << 20)
        time.sleep(0.01)
    return pieces


def test_every_line_once_through_restarts_of_both(server: LokiServer) -> None:
    """Thousands of lines of several streams that share times, read by a source that is stopped at random moments and
    goes on from what was committed, while Loki is killed in between."""
    dice = random.Random(4)
    when = time.time_ns() - 600 * SECOND
    pushed: list[str] = []
    seen: list[str] = []
    position: Position | None = None
    deadline = time.monotonic() + 400
    for turn in range(10):
        streams = []
        for stream in range(4):
            values = []
            # A few hundred lines share each time; the first time of a turn may be the last of the turn before.
            for number in range(dice.randrange(100, 400)):
                line = f"turn {turn} stream {stream} number {number}"
                values.append((when + (number // 90) * 1000, line))
                pushed.append(line)
            streams.append(({"job": "once", "stream": str(stream)}, values))
        when += 4000
        server.push(streams)
        source = _source(server, '{job="once"}', position)
        while len(seen) < len(pushed):
            assert time.monotonic() < deadline, (turn, len(seen), len(pushed), source.troubles())
            for piece in source.poll(1 << 16):
                seen += _lines([piece])
                position = piece.position
            if dice.random() < 0.02:
                source.close()
                source = _source(server, '{job="once"}', position)
            time.sleep(0.005)
        if turn % 4 == 2:
            server.kill()
            server.start()
        source.close()
    source = _source(server, '{job="once"}', position)
    assert _read(source, 0) == []
    source.close()
    assert len(pushed) > 5000
    assert [line for line, count in Counter(seen).items() if count > 1] == []
    assert sorted(seen) == sorted(pushed)


def test_a_loki_that_goes_away_is_told_and_waited_for(server: LokiServer) -> None:
    """The trouble stands while it is gone and goes when it is back; nothing is lost."""
    when = time.time_ns() - 60 * SECOND
    server.push([({"job": "away"}, [(when, "before")])])
    source = _source(server, '{job="away"}')
    assert _lines(_read(source, 1)) == ["before"]
    server.kill()
    deadline = time.monotonic() + 30
    while not source.troubles():
        assert time.monotonic() < deadline
        assert list(source.poll(1 << 20)) == []
        time.sleep(0.01)
    (trouble,) = source.troubles()
    assert trouble.subject == server.url
    assert trouble.message.startswith("no answer: ")
    server.start()
    server.push([({"job": "away"}, [(when + 1, "after")])])
    assert _lines(_read(source, 1)) == ["after"]
    assert source.troubles() == []
    source.close()


def test_more_lines_of_one_time_than_loki_gives(server: LokiServer) -> None:
    """They are asked for stream by stream, whatever stands in the query and the labels; the next line follows."""
    when = time.time_ns() - 60 * SECOND
    parts = ("plain", 'quo"te}', "back\\slash", "line\nend")
    server.push(
        [
            ({"job": "{same}", "part": part, "of": "x"}, [(when, f"{number} of {at}") for number in range(LIMIT - 10)])
            for at, part in enumerate(parts)
        ]
    )
    server.push([({"job": "{same}", "part": "plain", "of": "x"}, [(when + 1, "next of all")])])
    for query in ('{job="{same}"}', '{ job=`{same}` } |= "e" or "of" | part != ""'):
        source = _source(server, query)
        lines = _lines(_read(source, 4 * (LIMIT - 10) + 1))
        assert max(Counter(lines).values()) == 1
        assert len(lines) == 4 * (LIMIT - 10) + 1
        assert lines[-1] == "next of all"
        assert source.troubles() == []
        source.close()


def test_long_lines(server: LokiServer) -> None:
    """Answers stay so small that Loki's own parts can pass them on (4 MB by default), or it would hang; one time or
    many."""
    when = time.time_ns() - 60 * SECOND
    count, length = 300, 12_000
    for stream in "abc":
        server.push(
            [
                (
                    {"job": "long", "stream": stream},
                    [(when + 1 + n, f"{stream}{n} " + "x" * length) for n in range(count)],
                )
            ]
        )
    for stream in "abc":
        server.push(
            [({"job": "long-same", "stream": stream}, [(when, f"{stream}{n} " + "x" * length) for n in range(count)])]
        )
    for job in ("long", "long-same"):
        source = _source(server, f'{{job="{job}"}}')
        lines = _lines(_read(source, 3 * count))
        assert Counter(line.split()[0] for line in lines) == {
            f"{stream}{n}": 1 for stream in "abc" for n in range(count)
        }
        assert source.troubles() == []
        source.close()


def test_what_cannot_be_asked_for_is_told(server: LokiServer) -> None:
    """Of more lines of one stream and time than Loki gives the first come, the trouble says so, and it goes on."""
    when = time.time_ns() - 60 * SECOND
    server.push([({"job": "too-many"}, [(when, f"line {number}") for number in range(LIMIT + 50)])])
    server.push([({"job": "too-many"}, [(when + 1, "next")])])
    source = _source(server, '{job="too-many"}')
    lines = _lines(_read(source, LIMIT + 1))
    assert (len(set(lines)), len(lines), lines[-1]) == (LIMIT + 1, LIMIT + 1, "next")
    (trouble,) = source.troubles()
    assert trouble.message.startswith(f"more than {LIMIT} lines of one stream share the time {when}")
    assert "max_entries_limit_per_query" in trouble.mend
    source.close()


def test_a_long_way_back(server: LokiServer) -> None:
    """A first question over more than Loki looks through at once comes in days, and where those are too long for it in
    smaller parts."""
    when = time.time_ns() - 60 * SECOND
    server.push([({"job": "old"}, [(when, "a minute ago")])])
    source = _source(server, '{job="old"}', since=40 * 86400.0)
    assert _lines(_read(source, 1)) == ["a minute ago"]
    assert source.troubles() == []
    source.close()
    pages = Pages(LokiClient(server.url), '{job="old"}')
    # As if Loki allowed less than what is asked for by default.
    pages._span = 80 * 86400 * SECOND
    _, fresh, more = pages.next(Cursor(when - 60 * 86400 * SECOND, {}), time.time_ns())
    assert (fresh, more, pages._span) == ([], True, 20 * 86400 * SECOND)
    pages.client.close()


@pytest.mark.parametrize(
    ("path", "query", "message", "mend"),
    [
        ("", '{job="x"', "Loki refused: 400 parse error at line 1", "try the query with logcli"),
        (
            "",
            'count_over_time({job="away"}[1h])',
            "Loki refused: 400 the query gives a matrix, not log",
            "try the query",
        ),
        ("/nowhere", '{job="x"}', "Loki refused: 404 404 page not found", "check url: it is Loki's base URL"),
    ],
)
def test_refusals_have_lokis_own_words(server: LokiServer, path: str, query: str, message: str, mend: str) -> None:
    """A wrong query or address is a trouble with its mend, not an exception."""
    source = Loki("audit", server.url + path, query, every=0.05)
    deadline = time.monotonic() + 30
    while not source.troubles():
        assert time.monotonic() < deadline
        assert list(source.poll(1 << 20)) == []
        time.sleep(0.01)
    (trouble,) = source.troubles()
    assert trouble.message.startswith(message)
    assert trouble.mend.startswith(mend)
    source.close()
