"""The audit webhook: who is let in, what is acknowledged, and that what was acknowledged is in the spool."""

from __future__ import annotations

import dataclasses
import errno
import gzip
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.serving.client import Answer, Client, post, shut_out, until
from tests.sources.spool import MemorySpool
from vedette.sources.webhook import LIMITS, STREAM, Webhook, check

Start = Callable[..., Webhook]


@pytest.fixture
def spool() -> MemorySpool:
    """What the receiver writes to."""
    return MemorySpool()


@pytest.fixture
def start(spool: MemorySpool) -> Iterator[Start]:
    """Starts receivers on loopback, and closes them after the test."""
    receivers: list[Webhook] = []

    def starts(**more: object) -> Webhook:
        receiver = Webhook("audit", "127.0.0.1:0", spool, **more)  # type: ignore[arg-type]
        receiver.resume({})
        receivers.append(receiver)
        return receiver

    yield starts
    for receiver in receivers:
        receiver.close()


@pytest.fixture(scope="module")
def events(root: Path) -> list[bytes]:
    """400 recorded events."""
    return (root / "examples" / "logs" / "kube-audit.jsonl").read_bytes().splitlines()[:400]


def batch(events: list[bytes]) -> bytes:
    """An EventList."""
    return b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[' + b",".join(events) + b"]}\n"


def ok(answer: Answer) -> bool:
    """True for the acknowledgement."""
    return (answer.status, answer.body, answer.headers["content-type"]) == (200, b"{}\n", "application/json")


def test_a_batch_is_in_the_spool_when_it_is_acknowledged(start: Start, spool: MemorySpool, events: list[bytes]) -> None:
    """After the 200 every event of the batch stands in the spool, a line each, and is polled with its position."""
    receiver = start()
    assert ok(post(receiver.port, batch(events)))
    assert spool.lines == events
    assert receiver.behind() == sum(map(len, events)) + 400
    pieces = receiver.poll(1 << 20)
    assert [(one.stream, one.name, one.data, one.position, one.ends) for one in pieces] == [
        (STREAM, "spool/1", b"\n".join(events) + b"\n", {"block": 1}, False)
    ]
    assert receiver.poll(1 << 20) == []
    assert receiver.behind() == 0
    assert list(receiver.committed({STREAM: {"block": 1}})) == []
    assert receiver.received["events"] == 400


def test_reading_goes_on_where_it_was_committed(start: Start, spool: MemorySpool) -> None:
    """After a restart what was committed is not given again, and what was not is; some `limit` bytes at a time."""
    first = start()
    for number in range(3):
        assert ok(post(first.port, b'{"n":%d}' % number))
    assert len(first.poll(1)) == 1
    first.close()
    second = Webhook("audit", "127.0.0.1:0", spool)
    second.resume({STREAM: {"block": 1}})
    try:
        assert b"".join(one.data for one in second.poll(1 << 20)) == b'{"n":1}\n{"n":2}\n'
    finally:
        second.close()


def test_batches_are_kept_as_they_come(start: Start, spool: MemorySpool, events: list[bytes]) -> None:
    """Batches out of order and batches sent again are stored as they came; the reader knows an act when it sees it twice."""
    receiver = start()
    for part in (events[200:], events[:200], events[200:]):
        assert ok(post(receiver.port, batch(part)))
    assert spool.lines == [*events[200:], *events[:200], *events[200:]]


def test_one_bad_item_is_acknowledged_with_the_others(start: Start, spool: MemorySpool, events: list[bytes]) -> None:
    """A batch with an item that cannot be read is stored whole, an item a line, and acknowledged."""
    receiver = start()
    bad = rb'{"level":"Request","userAgent":"\ud800","x":}'
    assert ok(post(receiver.port, batch([*events[:17], bad, *events[18:]])))
    assert spool.lines == [*events[:17], bad, *events[18:]]


def test_what_is_no_json_is_acknowledged_on_one_line(start: Start, spool: MemorySpool) -> None:
    """A body that is not JSON is for the reader's quarantine: refused, it would come four times more."""
    receiver = start()
    assert ok(post(receiver.port, b"what\nis this\r\n?"))
    assert spool.lines == [b"what is this  ?"]
    assert receiver.refused == {}


def test_an_empty_list_is_acknowledged_and_an_empty_body_is_not(start: Start, spool: MemorySpool) -> None:
    """No events are no lines; no body at all is a mistake of whoever sent it."""
    receiver = start()
    assert ok(post(receiver.port, b'{"kind":"EventList","items":[]}'))
    assert post(receiver.port, b" \n").status == 400
    assert spool.appended == []
    assert receiver.refused == {"empty": 1}


def test_sixteen_megabytes_pass_and_more_than_32_do_not(start: Start, spool: MemorySpool) -> None:
    """A batch of 16 MB is acknowledged; one over the bound is told so, whether it says its length or not."""
    receiver = start()
    event = b'{"level":"RequestResponse","requestObject":{"data":"' + b"x" * (1 << 20) + b'"}}'
    body = batch([event] * 16)
    assert len(body) > 16 << 20
    assert ok(post(receiver.port, body))
    assert spool.lines == [event] * 16
    with Client(receiver.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 33554433\r\n\r\n")
        assert client.answer().status == 413
    assert receiver.refused == {"body too large": 1}


def test_gzip_is_unpacked_within_the_bound(start: Start, spool: MemorySpool, events: list[bytes]) -> None:
    """A packed body is read, of several members, too; what unpacks to too much or is cut off is refused."""
    receiver = start(limits=dataclasses.replace(LIMITS, body=1 << 20))
    packed = {"Content-Encoding": "gzip"}
    body = batch(events[:100])
    assert ok(post(receiver.port, gzip.compress(body[:5000]) + gzip.compress(body[5000:]), packed))
    assert spool.lines == events[:100]
    assert post(receiver.port, gzip.compress(b" " * ((1 << 20) + 1)), packed).status == 413
    assert post(receiver.port, gzip.compress(body)[:-9], packed).status == 400
    assert post(receiver.port, b"plain", packed).status == 400
    assert post(receiver.port, body, {"Content-Encoding": "br"}).status == 415
    assert spool.lines == events[:100]
    assert receiver.refused == {"body too large": 1, "encoding": 3}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_posts_are_taken(start: Start, method: str) -> None:
    """Any other method is told which one is."""
    receiver = start()
    with Client(receiver.port) as client:
        client.send(f"{method} / HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        answer = client.answer(method)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert receiver.refused == {"method": 1}


def test_a_browser_is_refused(start: Start, spool: MemorySpool) -> None:
    """A page in a browser on the same machine cannot post events."""
    receiver = start()
    assert post(receiver.port, b'{"level":"Metadata"}', {"Origin": "http://203.0.113.7"}).status == 403
    assert spool.appended == []


@pytest.mark.parametrize(
    ("code", "text"),
    [(errno.ENOSPC, "No space left on device"), (errno.EDQUOT, "Disk quota exceeded"), (errno.EIO, "I/O error")],
)
def test_a_full_disk_is_told_while_it_lasts(start: Start, spool: MemorySpool, code: int, text: str) -> None:
    """A batch that cannot be stored is refused with the time to come again, and is a trouble until one is stored."""
    receiver = start()
    spool.fails = OSError(code, text)
    answer = post(receiver.port, b'{"level":"Metadata"}')
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    (trouble,) = receiver.troubles()
    assert text in trouble.message
    assert "90 s" in trouble.mend
    assert receiver.refused == {"spool": 1}
    spool.fails = None
    assert ok(post(receiver.port, b'{"level":"Metadata"}'))
    assert receiver.troubles() == []
    assert spool.lines == [b'{"level":"Metadata"}']


def test_a_spool_that_cannot_be_read_is_a_trouble(
    start: Start, spool: MemorySpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Polling never raises."""

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "I/O error")

    receiver = start()
    monkeypatch.setattr(spool, "read", fails)
    monkeypatch.setattr(spool, "waiting", fails)
    assert list(receiver.poll(1)) == []
    assert receiver.behind() == 0
    assert "I/O error" in receiver.troubles()[0].message


def test_waiting_batches_share_one_append(start: Start, spool: MemorySpool) -> None:
    """Batches that come while one is being written go together in the next append, and each gets its own answer."""
    receiver = start()
    spool.free.clear()
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(post(receiver.port, b'{"n":%d}' % n))) for n in range(6)
    ]
    threads[0].start()
    assert spool.entered.acquire(timeout=10)
    for thread in threads[1:]:
        thread.start()
    until(lambda: len(receiver._spool._waiting) == 5, "five wait")
    spool.free.set()
    for thread in threads:
        thread.join(10)
    assert [ok(answer) for answer in answers] == [True] * 6
    assert len(spool.appended) == 2
    assert sorted(json.loads(line)["n"] for line in spool.lines) == list(range(6))
    assert receiver.received["batches"] == 6


def test_a_failed_append_fails_all_that_shared_it(start: Start, spool: MemorySpool) -> None:
    """Where one append holds several batches and fails, none of them is acknowledged."""
    receiver = start()
    spool.free.clear()
    spool.fails = OSError(errno.ENOSPC, "full")
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(post(receiver.port, b"[1]").status)) for _ in range(4)]
    threads[0].start()
    assert spool.entered.acquire(timeout=10)
    for thread in threads[1:]:
        thread.start()
    until(lambda: len(receiver._spool._waiting) == 3, "three wait")
    spool.free.set()
    for thread in threads:
        thread.join(10)
    assert answers == [503] * 4
    assert receiver.received["batches"] == 0


def test_a_token_is_asked_for_before_the_body(start: Start, spool: MemorySpool, tmp_path: Path) -> None:
    """Without the right token the answer is 401, without a wait for the body; it is counted, and a trouble names the peer."""
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    receiver = start(token_file=str(token))
    for header in ("", "Authorization: Bearer wrong\r\n"):
        with Client(receiver.port) as client:
            client.send(f"POST / HTTP/1.1\r\nHost: t\r\n{header}Content-Length: 1000\r\n\r\n".encode())
            answer = client.answer()
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert b"wrong" not in answer.body
    assert receiver.refused == {"unauthenticated": 2}
    assert "127.0.0.1" in receiver.troubles()[0].message
    assert spool.appended == []
    assert ok(post(receiver.port, b'{"level":"Metadata"}', {"Authorization": "Bearer s3cret"}))
    token.write_text("renewed\n")
    assert post(receiver.port, b"[1]", {"Authorization": "Bearer s3cret"}).status == 401
    assert ok(post(receiver.port, b"[1]", {"Authorization": "Bearer renewed"}))


def test_a_verified_certificate_is_as_good_as_a_token(start: Start, tmp_path: Path) -> None:
    """With both configured either lets a client in, neither is 401, and a stranger's certificate ends the handshake."""
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    server = ours.server()
    receiver = start(
        tls_cert_file=server.cert, tls_key_file=server.key, client_ca_file=ours.cert, token_file=str(token)
    )

    def context(client: Authority | None = None) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=ours.cert)
        if client:
            made.load_cert_chain(*client.client("/CN=kube-apiserver"))
        return made

    assert ok(post(receiver.port, b"[1]", context=context(ours)))
    assert ok(post(receiver.port, b"[1]", {"Authorization": "Bearer s3cret"}, context=context()))
    assert post(receiver.port, b"[1]", context=context()).status == 401
    assert shut_out(receiver.port, context(theirs))
    until(lambda: receiver.refused["handshake"], "the handshake is counted")


def test_without_a_token_a_certificate_is_demanded(start: Start, tmp_path: Path) -> None:
    """Where certificates are the only proof, a client without one does not get past the handshake."""
    ours = Authority(tmp_path)
    server, client = ours.server(), ours.client("/CN=kube-apiserver")
    receiver = start(tls_cert_file=server.cert, tls_key_file=server.key, client_ca_file=ours.cert)
    context = ssl.create_default_context(cafile=ours.cert)
    assert shut_out(receiver.port, context)
    context.load_cert_chain(client.cert, client.key)
    assert ok(post(receiver.port, b"[1]", context=context))


def test_slow_clients_do_not_hold_up_others(start: Start, spool: MemorySpool, events: list[bytes]) -> None:
    """With many half-sent heads and bodies open, a batch is acknowledged as if they were not there."""
    receiver = start(limits=dataclasses.replace(LIMITS, connections=40))
    slow = [Client(receiver.port) for _ in range(60)]
    try:
        for number, client in enumerate(slow):
            client.send(b"POST / HTTP/1.1\r\nHost: t\r\n" + (b"Content-Length: 9\r\n\r\nabc" if number < 20 else b""))
        assert ok(post(receiver.port, batch(events)))
    finally:
        for client in slow:
            client.socket.close()
    assert spool.lines == events
    assert receiver.refused["too many connections"] >= 20


def test_an_address_that_cannot_be_had_is_a_trouble_until_it_can(
    spool: MemorySpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port that somebody else has is told, and taken as soon as it is free."""
    monkeypatch.setattr("vedette.sources.webhook._AGAIN", 0.05)
    first = Webhook("one", "127.0.0.1:0", spool)
    first.resume({})
    second = Webhook("two", f"127.0.0.1:{first.port}", spool)
    try:
        second.resume({})
        assert second.port == 0
        assert "in use" in second.troubles()[0].message
        port = first.port
        first.close()
        until(lambda: (second.poll(1), second.port)[1] == port, "the port is taken")
        assert second.troubles() == []
        assert ok(post(second.port, b"[1]"))
    finally:
        first.close()
        second.close()


def test_certificates_that_cannot_be_used_are_a_trouble(spool: MemorySpool, tmp_path: Path) -> None:
    """Absent files keep the receiver from listening, and are named."""
    cert, key = str(tmp_path / "tls.crt"), str(tmp_path / "tls.key")
    receiver = Webhook("audit", "127.0.0.1:0", spool, tls_cert_file=cert, tls_key_file=key)
    receiver.resume({})
    assert cert in receiver.troubles()[0].message
    receiver.close()


def test_an_absent_token_file_lets_nobody_in_and_is_told(start: Start, tmp_path: Path) -> None:
    """Without a token to compare with everybody is refused."""
    path = tmp_path / "token"
    receiver = start(token_file=str(path))
    assert post(receiver.port, b"[1]", {"Authorization": "Bearer "}).status == 401
    assert str(path) in receiver.troubles()[0].message


FILES = {"tls_cert_file": "c", "tls_key_file": "k"}


@pytest.mark.parametrize(
    ("listen", "files", "said"),
    [
        ("0.0.0.0:9443", {}, "set tls_cert_file and tls_key_file, or listen on 127.0.0.1"),
        (":9443", {}, "no TLS"),
        ("10.0.0.1:9443", {"token_file": "t"}, "no TLS"),
        ("[::]:9443", FILES, "set client_ca_file or token_file"),
        ("webhook.example.org:9443", FILES, "anybody could post events"),
        ("127.0.0.1:9443", {"tls_cert_file": "c"}, "tls_cert_file without tls_key_file"),
        ("127.0.0.1:9443", {"tls_key_file": "k"}, "tls_key_file without tls_cert_file"),
        ("127.0.0.1:9443", {"client_ca_file": "a"}, "client_ca_file without tls_cert_file"),
        ("9443", {}, "write 127.0.0.1:9443"),
    ],
)
def test_settings_that_let_anybody_in_are_refused(
    spool: MemorySpool, listen: str, files: dict[str, str], said: str
) -> None:
    """Off loopback TLS and a proof of the client are demanded; the message says what is missing and the way out."""
    with pytest.raises(ValueError, match=r".") as refused:
        Webhook("audit", listen, spool, **files)  # type: ignore[arg-type]
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("listen", "files"),
    [
        ("127.0.0.1:0", {}),
        ("localhost:1", {"token_file": "t"}),
        ("0.0.0.0:1", {**FILES, "token_file": "t"}),
        (":1", {**FILES, "client_ca_file": "a"}),
    ],
)
def test_settings_that_are_safe_are_taken(listen: str, files: dict[str, str]) -> None:
    """Loopback needs nothing; elsewhere TLS with a token or clients' certificates is enough."""
    assert check(listen, **files) is None  # type: ignore[func-returns-value]
