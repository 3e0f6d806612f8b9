"""The Loki source where Loki, or what stands before it, misbehaves; see tests/real as well."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.clients.loki import Entry
from vedette.sources import loki
from vedette.sources.base import Piece
from vedette.sources.loki import STREAM, Cursor, Loki, _fresh, _pieces, _selector_end

Asked = dict[str, str]
Reply = tuple[int, dict[str, str], bytes]


class Gateway:
    """Answers as it is told, by a function of what was asked."""

    def __init__(self) -> None:
        self.reply: Callable[[Asked], Reply] = lambda _: answer()
        self.asked: list[Asked] = []
        self.headers: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # http.server's name
                asked = {key: texts[0] for key, texts in parse_qs(urlsplit(self.path).query).items()}
                outer.asked.append(asked)
                outer.headers.append({name.lower(): text for name, text in self.headers.items()})
                status, headers, body = outer.reply(asked)
                self.send_response(status)
                for name, text in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


def answer(*entries: tuple[int, str]) -> Reply:
    """An answer with these lines of one stream."""
    values = [[str(when), line] for when, line in entries]
    result = [{"stream": {"job": "a"}, "values": values}] if entries else []
    body = {"status": "success", "data": {"resultType": "streams", "result": result}}
    return 200, {}, json.dumps(body).encode()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """Something at a URL that answers GET."""
    made = Gateway()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def opened(gateway: Gateway) -> Iterator[Callable[..., Loki]]:
    """A function that makes a source of the gateway."""
    made: list[Loki] = []

    def make(**more: str) -> Loki:
        made.append(Loki("audit", gateway.url, '{job="a"}', every=0.02, delay=0.0, **more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for source in made:
        source.close()


def _until(source: Loki, wanted: Callable[[list[Piece]], bool]) -> list[Piece]:
    pieces: list[Piece] = []
    deadline = time.monotonic() + 20
    while not wanted(pieces):
        assert time.monotonic() < deadline, source.troubles()
        pieces += source.poll(1 << 20)
        time.sleep(0.005)
    return pieces


@pytest.mark.parametrize(
    ("reply", "message", "mend"),
    [
        ((401, {}, b"no org id\n"), "Loki refused: 401 no org id", "check token_file"),
        ((403, {}, b"\x1b[2J\xe2\x80\xae<b>"), "Loki refused: 403 \\x1b[2J\\u202e<b>", "check token_file and tenant"),
        ((429, {}, b"too many outstanding requests"), "Loki refused: 429 too many", "raise Loki's limits"),
        ((502, {"Content-Type": "text/html"}, b"<html>bad</html>"), "Loki refused: 502 (a web page)", "look into"),
        ((500, {}, b"x" * 5000), "Loki refused: 500 " + "x" * 199 + "…", "look into Loki's own log"),
        ((302, {"Location": "http://127.0.0.1:9/"}, b""), "Loki refused: 302", "look into Loki's own log"),
        ((200, {}, b"<html>login</html>"), "no answer: an answer that is not Loki's", "check url"),
        (
            (200, {}, b'{"data":{"resultType":"streams","result":[{"stream":{},"values":[["x","y"]]}]}}'),
            "no answer: an answer that is not",
            "check url",
        ),
        (
            (200, {}, b'{"data":{"resultType":"streams","result":[{"stream":{},"values":[["1"]]}]}}'),
            "no answer: an answer that is not",
            "check url",
        ),
    ],
)
def test_bad_answers_are_troubles(
    gateway: Gateway, opened: Callable[..., Loki], reply: Reply, message: str, mend: str
) -> None:
    """Whatever comes back, the words are cleaned and cut, and the next good answer ends the trouble."""
    gateway.reply = lambda _: reply
    source = opened()
    _until(source, lambda _: bool(source.troubles()))
    (trouble,) = source.troubles()
    assert trouble.message.startswith(message)
    assert trouble.mend.startswith(mend)
    gateway.reply = lambda _: answer((time.time_ns(), "line"))
    pieces = _until(source, bool)
    assert pieces[0].data == b"line\n"
    assert source.troubles() == []


def test_it_waits_as_long_as_it_is_asked_to(gateway: Gateway, opened: Callable[..., Loki]) -> None:
    """Retry-After is heeded."""
    gateway.reply = lambda _: (429, {"Retry-After": "30"}, b"")
    source = opened()
    _until(source, lambda _: bool(source.troubles()))
    begin = time.monotonic()
    while time.monotonic() - begin < 0.3:
        assert list(source.poll(1 << 20)) == []
        time.sleep(0.02)
    assert len(gateway.asked) == 1


def test_a_hanging_loki_blocks_nothing(gateway: Gateway, opened: Callable[..., Loki]) -> None:
    """Neither a poll nor close waits for an answer."""
    release = threading.Event()

    def hang(_: Asked) -> Reply:
        release.wait(30)
        return answer()

    gateway.reply = hang
    source = opened()
    begin = time.monotonic()
    _until(source, lambda _: bool(gateway.asked))
    assert list(source.poll(1 << 20)) == []
    source.close()
    assert time.monotonic() - begin < 10
    release.set()


def test_tenant_and_token(gateway: Gateway, opened: Callable[..., Loki], tmp_path: Path) -> None:
    """The token is read at each question, so that a rotated one is taken up; a missing file is a trouble."""
    file = tmp_path / "token"
    file.write_text("one\n")
    source = opened(tenant="team", token_file=str(file))
    _until(source, lambda _: bool(gateway.asked))
    assert gateway.headers[0]["authorization"] == "Bearer one"
    assert gateway.headers[0]["x-scope-orgid"] == "team"
    file.write_text("two")
    _until(source, lambda _: gateway.headers[-1]["authorization"] == "Bearer two")
    file.unlink()
    _until(source, lambda _: bool(source.troubles()))
    assert source.troubles()[0].message.startswith("the token cannot be read: ")
    assert source.troubles()[0].mend == "check token_file"


@pytest.mark.parametrize(
    ("first", "refusal"),
    [(256, (500, {}, b"rpc error: trying to send message larger than max")), (8, (504, {}, b""))],
)
def test_an_answer_that_is_too_large_is_asked_for_in_parts(
    gateway: Gateway, opened: Callable[..., Loki], monkeypatch: pytest.MonkeyPatch, first: int, refusal: Reply
) -> None:
    """Where a limit of a message is hit, whether Loki says so or gives nothing, it is asked for fewer lines until it
    goes, and all come."""
    monkeypatch.setattr(loki, "_FIRST_LIMIT", first)
    monkeypatch.setattr(loki, "_LIMIT", first)
    base = time.time_ns() - 1_000_000_000
    lines = [(base + number, f"{number}") for number in range(8 if first == 8 else 40)]

    def reply(asked: Asked) -> Reply:
        if int(asked["limit"]) > 7:
            return refusal
        start, end = int(asked["start"]), int(asked["end"])
        return answer(*[line for line in lines if start <= line[0] < end][: int(asked["limit"])])

    gateway.reply = reply
    pieces = _until(opened(), lambda pieces: sum(piece.data.count(b"\n") for piece in pieces) >= len(lines))
    assert b"".join(piece.data for piece in pieces).split() == [line.encode() for _, line in lines]


def test_the_question_covers_what_was_left(
    gateway: Gateway, opened: Callable[..., Loki], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes from the cursor to `delay` before now; without a cursor from `since` before now."""
    source = Loki("audit", gateway.url, '{job="a"}', every=0.02, since=120, delay=60)
    begin = time.time_ns()
    _until(source, lambda _: bool(gateway.asked))
    source.close()
    assert abs(int(gateway.asked[0]["start"]) - (begin - 120 * 10**9)) < 20 * 10**9
    assert abs(int(gateway.asked[0]["end"]) - (begin - 60 * 10**9)) < 20 * 10**9
    assert gateway.asked[0]["direction"] == "forward"
    gateway.asked.clear()
    source = opened()
    source.resume({STREAM: {"time": begin - 5 * 10**9, "given": {}}})
    _until(source, lambda _: bool(gateway.asked))
    assert int(gateway.asked[0]["start"]) == begin - 5 * 10**9


def test_no_more_is_fetched_than_is_taken(
    gateway: Gateway, opened: Callable[..., Loki], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who does not poll does not make memory grow."""
    monkeypatch.setattr(loki, "_WAITING", 1000)
    monkeypatch.setattr(loki, "_LIMIT", 10)
    gateway.reply = lambda asked: answer(*((int(asked["start"]) + n, "x" * 200) for n in range(10)))
    source = opened()
    _until(source, bool)
    deadline = time.monotonic() + 10
    while source.behind() < 1000:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    asked = len(gateway.asked)
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        assert len(gateway.asked) <= asked + 1
        time.sleep(0.02)
    assert source.behind() < 5000


@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from("ab"), st.sampled_from("xyz")), max_size=30),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
)
def test_pages_of_any_size_and_order_give_each_line_once(
    entries: list[tuple[int, str, str]], room: int, dice: object
) -> None:
    """Whichever lines of a time Loki puts into an answer, and wherever it is cut and gone on from, each line comes as
    often as Loki has it."""
    store = [Entry(when, labels.encode(), line) for when, labels, line in entries]
    cursor = Cursor(0, {})
    given_lines: list[Entry] = []
    most = max([sum(entry.time == when for entry in store) for when in range(5)], default=0)
    for _ in range(100):
        dice.shuffle(store)  # type: ignore[attr-defined]
        page = sorted((entry for entry in store if entry.time >= cursor.time), key=lambda entry: entry.time)
        fresh, behind = _fresh(page[: room + most], cursor)
        assert len(_pieces("a", fresh, cursor, behind)) == bool(fresh)
        given_lines += [line.entry for line in fresh]
        cursor = behind
    assert sorted(given_lines) == sorted(store)


def test_entries_become_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON with line ends between its tokens stays one line; text that was joined is split; each has its end."""
    texts = ["plain", '{\n  "a": 1\r\n}\n', "first\nsecond", "", "\ud800"]
    monkeypatch.setattr(loki, "_PIECE", 1)
    fresh, behind = _fresh([Entry(number, b"", text) for number, text in enumerate(texts)], Cursor(0, {}))
    pieces = _pieces("a", fresh, Cursor(0, {}), behind)
    assert [piece.data for piece in pieces] == [
        b"plain\n", b'{   "a": 1 }\n', b"first\nsecond\n", b"\n", b"\xed\xa0\x80\n",
    ]  # fmt: skip
    assert [piece.position["time"] for piece in pieces] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ('{a="b"} |= "}"', '} |= "}"'),
        ('{a="}\\"}"} | x', "} | x"),
        ('{a=`}\\`, b="`}"} | x', "} | x"),
        ("{a", ""),
    ],
)  # fmt: skip
def test_the_end_of_a_selector(query: str, rest: str) -> None:
    """Braces within quotes are not taken for it."""
    assert query[_selector_end(query) :] == rest
