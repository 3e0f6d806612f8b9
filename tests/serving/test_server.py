"""HTTP in: what is answered, what is refused and counted, and that nobody else notices."""

from __future__ import annotations

import contextlib
import resource
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving.client import Client, post, until
from vedette.serving.limits import Limits
from vedette.serving.message import Reply, Request, refusal
from vedette.serving.server import Server

Start = Callable[..., Server]
GET = b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n"


def told(request: Request) -> Reply:
    """Answers with what it was asked."""
    text = f"{request.method} {request.path}?{request.query} {len(request.body)} {request.peer}\n"
    return Reply(200, text.encode())


def keeping(seen: list[Request]) -> Callable[[Request], Reply]:
    """A handler that keeps its requests."""

    def keep(request: Request) -> Reply:
        seen.append(request)
        return Reply(200)

    return keep


class Held:
    """A handler that answers when it may; requests for /y at once."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.arrived = threading.Semaphore(0)

    def __call__(self, request: Request) -> Reply:
        """Wait, then answer."""
        if request.path != "/y":
            self.arrived.release()
            self.go.wait(10)
        return Reply(200, b"done")


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers, and stops them after the test."""
    servers: list[Server] = []

    def starts(handler: Callable[[Request], Reply] = told, **more: object) -> Server:
        limits = {key: more.pop(key) for key in list(more) if key in Limits.__dataclass_fields__}
        server = Server("127.0.0.1", 0, handler, limits=Limits(**limits), **more)  # type: ignore[arg-type]
        server.start()
        servers.append(server)
        return server

    yield starts
    for server in servers:
        server.close(grace=1.0)


def serves(server: Server) -> bool:
    """True when somebody else is answered."""
    return post(server.port, b"abc").body == b"POST /? 3 127.0.0.1\n"


def test_a_request_is_answered_with_its_parts(start: Start) -> None:
    """Method, path, query, body and peer reach the handler; the reply has date, length and type."""
    server = start()
    with Client(server.port) as client:
        client.send(b"PUT /a%20b?c=d HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello")
        answer = client.answer("PUT")
    assert answer.body == b"PUT /a%20b?c=d 5 127.0.0.1\n"
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["date"].endswith(" GMT")


def test_headers_are_small_and_joined(start: Start) -> None:
    """Header names are in small letters, and one that comes twice is one value."""
    seen: list[Request] = []
    server = start(keeping(seen))
    with Client(server.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: t\r\nX-A: 1\r\nx-a: \xe9\r\n\r\n")
        assert client.answer().status == 200
    assert seen[0].headers["x-a"] == "1, \xe9"


def test_a_connection_is_kept_and_pipelined(start: Start) -> None:
    """Requests sent at once are answered in their order on the same connection, bodies between them included."""
    server = start()
    with Client(server.port) as client:
        client.send(GET + b"POST /y HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc" + GET)
        assert [client.answer().body.split()[0:3:2] for _ in range(3)] == [
            [b"GET", b"0"],
            [b"POST", b"3"],
            [b"GET", b"0"],
        ]


def test_head_has_no_body(start: Start) -> None:
    """HEAD is answered with GET's headers and nothing behind them, and the connection goes on."""
    server = start()
    with Client(server.port) as client:
        client.send(b"HEAD /x HTTP/1.1\r\nHost: t\r\n\r\n" + GET)
        assert int(client.answer("HEAD").headers["content-length"]) > 0
        assert client.answer("GET").body.startswith(b"GET /x")


def test_http_1_0_is_answered_and_closed(start: Start) -> None:
    """An HTTP/1.0 client without a Host gets its answer, and the end of the connection."""
    server = start()
    with Client(server.port) as client:
        client.send(b"GET /old HTTP/1.0\r\n\r\n")
        said = client.ends()
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close" in said.lower()
    assert said.endswith(b"GET /old? 0 127.0.0.1\n")


def test_a_chunked_body_is_put_together(start: Start) -> None:
    """Chunks are one body."""
    server = start()
    with Client(server.port) as client:
        client.send(
            b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n"
        )
        assert b" 7 " in client.answer().body


def test_100_continue_is_said_once_the_request_is_let_in(start: Start) -> None:
    """A client that waits for 100 gets it before it sends its body; one that is refused gets the refusal alone."""
    server = start(admit=lambda request: refusal(401, "who", "who?") if request.path == "/no" else None)
    head = b"HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    with Client(server.port) as client:
        client.send(b"POST / " + head)
        assert client.socket.recv(12) == b"HTTP/1.1 100"
        client.send(b"abc")
        while client.socket.recv(1) != b"\n":
            pass
        assert client.socket.recv(2) == b"\r\n"
        assert b" 3 " in client.answer().body
    with Client(server.port) as client:
        client.send(b"POST /no " + head)
        assert client.answer().status == 401
        assert client.ends() == b""


@pytest.mark.parametrize(
    ("sent", "status", "reason"),
    [
        (b"nonsense\r\n\r\n", 400, "malformed"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "malformed"),
        (b"GET / HTTP/1.1\r\nHost: t\r\nBad Name: x\r\n\r\n", 400, "malformed"),
        (b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, "malformed"),
        (b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n", 400, "malformed"),
        (
            b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "malformed",
        ),
        (b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, "malformed"),
        (b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400, "malformed"),
        (b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 5000, 400, "malformed"),
        (b"CONNECT t:1 HTTP/1.1\r\nHost: t\r\n\r\n", 405, "method"),
        (b"GET / HTTP/1.1\r\nHost: t\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431, "head too large"),
        (b"GET /" + b"x" * 40_000, 431, "head too large"),
        (b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1048577\r\n\r\n", 413, "body too large"),
        (
            b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" + b"x" * 0x200000,
            413,
            "body too large",
        ),
    ],
)
def test_what_is_refused(start: Start, sent: bytes, status: int, reason: str) -> None:
    """What breaks HTTP or a bound gets a plain refusal that repeats nothing of it, is counted, and is hung up on."""
    server = start()
    with Client(server.port) as client:
        client.send(sent)
        answer = client.answer()
        assert client.ends() == b""
    assert answer.status == status
    assert answer.body.isascii()
    assert answer.body.count(b"\n") == 1
    assert b"xxx" not in answer.body
    assert server.refused == {reason: 1}
    assert serves(server)


def test_a_slow_head_is_cut_off(start: Start) -> None:
    """A head that comes byte by byte has its time and no more, however often a byte comes."""
    server = start(head_seconds=0.3)
    with Client(server.port) as slow:
        slow.send(b"GET / HTTP/1.1\r\n")

        def refused() -> int:
            slow.send(b"X: y\r\n")
            return server.refused["head too slow"]

        until(refused, "the slow head is refused")
        assert slow.ends().startswith(b"HTTP/1.1 408 ")
    assert serves(server)


def test_a_silent_connection_is_closed(start: Start) -> None:
    """Who connects and says nothing is hung up on without a word."""
    server = start(head_seconds=0.2)
    with Client(server.port) as silent:
        assert silent.ends() == b""
    assert server.refused == {"nothing said": 1}


def test_an_idle_connection_is_closed_without_a_refusal(start: Start) -> None:
    """A connection that was answered and asks no more is closed after its time; that is no refusal."""
    server = start(idle_seconds=0.2)
    with Client(server.port) as client:
        client.send(GET)
        assert client.answer("GET").status == 200
        assert client.ends() == b""
    until(lambda: server.connections == 0, "the connection is gone")
    assert server.refused == {}


@pytest.mark.parametrize("limits", [{"body_seconds": 0.3}, {"body_grace": 0.3, "body_rate": 100_000}])
def test_a_slow_body_is_cut_off(start: Start, limits: dict[str, float]) -> None:
    """A body must arrive in its time and at its least rate; other clients are answered meanwhile."""
    server = start(**limits)
    with Client(server.port) as slow:
        slow.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\n")
        assert serves(server)

        def refused() -> int:
            slow.send(b"x")
            return server.refused["body too slow"]

        until(refused, "the slow body is refused")
        assert slow.answer().status == 408
    until(lambda: server.held == 0, "its bytes are let go")


def test_a_body_that_breaks_off_is_counted(start: Start) -> None:
    """A client that leaves in the middle is counted, and its bytes are let go."""
    called: list[Request] = []
    server = start(keeping(called))
    with Client(server.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc")
    until(lambda: server.refused["cut off"], "the broken body is counted")
    until(lambda: server.held == 0, "its bytes are let go")
    assert called == []


def test_bodies_are_bounded_together(start: Start) -> None:
    """When the bodies being held have too many bytes, the next is told to come again; the others are not touched."""
    server = start(body=60_000, bodies=100_000)
    head = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 60000\r\n\r\n"
    with Client(server.port) as first:
        first.send(head + b"x" * 59_999)
        until(lambda: server.held == 59_999, "the first body is held")
        with Client(server.port) as second:
            second.send(head)
            answer = second.answer()
        assert answer.status == 503
        assert answer.headers["retry-after"] == "5"
        with Client(server.port) as third:
            third.send(b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nc350\r\n" + b"x" * 50_000)
            assert third.answer().status == 503
        first.send(b"x")
        assert b" 60000 " in first.answer().body
    until(lambda: server.held == 0, "everything is let go")
    assert server.refused == {"busy": 2}


def test_a_body_is_held_until_it_is_answered(start: Start) -> None:
    """What a handler works on counts as held, and no longer."""
    handler = Held()
    server = start(handler)
    with Client(server.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello")
        until(lambda: server.held == 5, "the body is held")
        handler.go.set()
        assert client.answer().status == 200
    until(lambda: server.held == 0, "the body is let go")


def test_one_connection_too_many_ends_one_that_waits(start: Start) -> None:
    """A full server makes room by ending who waits longest, never who is owed an answer."""
    handler = Held()
    server = start(handler, connections=3)
    with Client(server.port) as busy, Client(server.port) as oldest, Client(server.port) as newer:
        busy.send(GET)
        assert handler.arrived.acquire(timeout=10)
        until(lambda: server.connections == 3, "all are in")
        with Client(server.port) as client:
            client.send(b"GET /y HTTP/1.1\r\nHost: t\r\n\r\n")
            assert client.answer("GET").status == 200
            assert oldest.ends() == b""
            assert server.refused == {"too many connections": 1}
            newer.send(b"GET /y HTTP/1.1\r\nHost: t\r\n\r\n")
            assert newer.answer("GET").status == 200
        handler.go.set()
        assert busy.answer("GET").status == 200


def test_a_server_full_of_requests_takes_no_more(start: Start) -> None:
    """When everybody is owed an answer the next connection is closed at once, and counted."""
    handler = Held()
    server = start(handler, connections=2)
    with Client(server.port) as one, Client(server.port) as two:
        one.send(GET)
        two.send(GET)
        assert all(handler.arrived.acquire(timeout=10) for _ in range(2))
        with Client(server.port) as third:
            assert third.ends() == b""
        assert server.refused == {"too many connections": 1}
        handler.go.set()
        assert [one.answer("GET").status, two.answer("GET").status] == [200, 200]


def test_connections_leave_descriptors_for_others(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many connections are allowed, three quarters of the process's descriptors are not theirs."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (16, 16))
    server = start(connections=100)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(server.port)) for _ in range(5)]
        until(lambda: server.refused["too many connections"] == 1, "one has to go")
        assert clients[0].ends() == b""
        assert server.connections <= 4


def test_a_refusal_before_the_body_is_heard_by_who_goes_on_sending(start: Start) -> None:
    """A client that is refused by its head and sends its megabytes all the same still reads the refusal."""
    server = start(admit=lambda _: refusal(401, "who", "who are you?"), body=32 << 20)
    answer = post(server.port, b"x" * (8 << 20))
    assert (answer.status, answer.body) == (401, b"who are you?\n")
    assert server.refused == {"who": 1}
    assert server.held == 0


def test_a_refusal_of_a_bodiless_request_keeps_the_connection(start: Start) -> None:
    """Where nothing is left to be read, a refused client may ask again."""
    server = start(admit=lambda request: refusal(405, "method", "no") if request.method == "GET" else None)
    with Client(server.port) as client:
        client.send(GET + b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n")
        assert [client.answer().status, client.answer().status] == [405, 200]


def test_a_fault_of_the_handler_is_told_and_logged(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """A handler that fails costs its request a 500 without details, and the log has them."""

    def fails(_: Request) -> Reply:
        raise KeyError("detail")

    server = start(fails)
    answer = post(server.port, b"")
    assert answer.status == 500
    assert b"detail" not in answer.body
    assert server.refused == {"fault": 1}
    assert "detail" in caplog.text


def test_closing_answers_what_is_at_hand(start: Start) -> None:
    """A request that is being answered when the server closes gets its answer; a waiting connection just ends."""
    handler = Held()
    server = start(handler)
    with Client(server.port) as client, Client(server.port) as waiting:
        client.send(GET)
        assert handler.arrived.acquire(timeout=10)
        closing = threading.Thread(target=server.close)
        closing.start()
        assert waiting.ends() == b""
        handler.go.set()
        answer = client.answer("GET")
        assert answer.body == b"done"
        assert answer.headers["connection"] == "close"
        closing.join(10)
        assert not closing.is_alive()
    with pytest.raises(ConnectionRefusedError):
        Client(server.port)


def test_closing_does_not_wait_for_who_hangs(start: Start) -> None:
    """After its grace a close ends every connection."""
    server = start()
    with Client(server.port) as hangs:
        hangs.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc")
        until(lambda: server.held == 3, "the body has begun")
        server.close(grace=0.1)
        assert hangs.ends() == b""
    server.close()
    assert server.connections == 0


def test_a_port_that_is_taken_is_an_error(start: Start) -> None:
    """Two servers cannot have one port; the second says so when it starts."""
    server = start()
    with pytest.raises(OSError, match="in use"):
        Server("127.0.0.1", server.port, told).start()


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[Server]:
    """One server for all that is thrown at it."""
    server = Server("127.0.0.1", 0, told, limits=Limits(head_seconds=0.5, body_seconds=0.5, connections=16))
    server.start()
    yield server
    server.close(grace=1.0)


PIECES = st.sampled_from(
    [
        *(b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"Host: t\r\n", b"Content-Length: 3\r\n"),
        *(b"Content-Length: 99999999999\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n"),
        *(b"Connection: upgrade, close\r\n", b"Upgrade: h2c\r\n", b"HTTP/2.0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        *(b"\r\n", b"\n", b"abc", b"3\r\nabc\r\n", b"0\r\n\r\n", b" folded\r\n", b"\0"),
    ]
)


@given(st.lists(PIECES | st.binary(max_size=40), max_size=12).map(b"".join))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_survived(fuzzed: Server, sent: bytes) -> None:
    """Whatever is sent, the answer is HTTP or nothing, and the next client is served."""
    with Client(fuzzed.port) as client:
        client.send(sent)
        client.socket.shutdown(1)
        said = client.ends()
    assert said == b"" or said.startswith(b"HTTP/1.1 ")
    assert serves(fuzzed)
    assert fuzzed.refused["fault"] == 0
