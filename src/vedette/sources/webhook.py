"""The kube audit webhook: batches of events are written to the spool, made durable, and only then acknowledged.

What the API server does is in its source: it takes any 2xx for success, gives up on a request after 30 s, tries every
failed one four times more over some 90 s, whatever the status, and then drops the batch. So a batch that holds
something unreadable is acknowledged all the same, and only what may go well later is refused.
"""

from __future__ import annotations

import errno
import threading
import time
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence

from vedette.serving.address import on_loopback, parsed
from vedette.serving.bearer import Bearer
from vedette.serving.limits import Limits
from vedette.serving.message import Reply, Request, refusal
from vedette.serving.server import Server
from vedette.serving.tls import BadCertificates, TlsFiles
from vedette.sources.base import Piece, Position, Spool, Trouble
from vedette.sources.event_list import lines

STREAM = "spool"
LIMITS = Limits(body=32 << 20, bodies=128 << 20)
"""A batch has 400 events, at most 16 MB with truncation on as the API server's documents advise."""
_AGAIN = 5.0
"""Seconds after which an address that could not be had is tried again."""
_FRESH = 120.0
"""Seconds for which what went wrong with a request is a trouble. A client that is refused is back in 40 at most."""
_RETRY = {"Retry-After": "5"}


def check(
    listen: str, *, tls_cert_file: str = "", tls_key_file: str = "", client_ca_file: str = "", token_file: str = ""
) -> None:
    """Raises ValueError, with what is wrong and the way out, for settings under which anybody could post events."""
    host, _ = parsed(listen)
    if bool(tls_cert_file) != bool(tls_key_file):
        there, absent = ("tls_cert_file", "tls_key_file") if tls_cert_file else ("tls_key_file", "tls_cert_file")
        raise ValueError(f"{there} without {absent}; TLS needs both")
    if client_ca_file and not tls_cert_file:
        raise ValueError("client_ca_file without tls_cert_file; clients' certificates need TLS, so set it and its key")
    if on_loopback(host):
        return
    if not tls_cert_file:
        raise ValueError(
            f"{listen!r} is reached from other machines and has no TLS, so events could be read and forged on their "
            "way; set tls_cert_file and tls_key_file, or listen on 127.0.0.1"
        )
    if not client_ca_file and not token_file:
        raise ValueError(
            f"{listen!r} is reached from other machines and asks nobody who they are, so anybody could post events; "
            "set client_ca_file or token_file, or listen on 127.0.0.1"
        )


class Webhook:
    """The receiver, and the source that reads its spool. Meets `sources.base.Source`."""

    keeps_evidence = True

    def __init__(
        self,
        name: str,
        listen: str,
        spool: Spool,
        *,
        tls_cert_file: str = "",
        tls_key_file: str = "",
        client_ca_file: str = "",
        token_file: str = "",
        limits: Limits = LIMITS,
    ) -> None:
        """Raises ValueError as `check` does. Listens from `resume` on."""
        check(
            listen,
            tls_cert_file=tls_cert_file,
            tls_key_file=tls_key_file,
            client_ca_file=client_ca_file,
            token_file=token_file,
        )
        self.name = name
        self.received: Counter[str] = Counter()
        """So far: `batches` and `events` that were made durable and acknowledged, `appends` that they took."""
        self._listen = listen
        self._spool = _Gathering(spool)
        self._stored = spool
        self._position: Position | None = None
        self._limits = limits
        self._bearer = Bearer(token_file) if token_file else None
        self._open_to_all = not token_file and not client_ca_file
        self._tls: TlsFiles | None = None
        if tls_cert_file:
            demanded = bool(client_ca_file) and not token_file
            self._tls = TlsFiles(tls_cert_file, tls_key_file, client_ca_file, demanded=demanded)
        self._server: Server | None = None
        self._next_start = 0.0
        self._not_listening = ""
        self._counting = threading.Lock()
        self._recent: dict[str, tuple[float, str]] = {}
        """What went wrong with requests lately: kind -> when, and more about it."""

    @property
    def port(self) -> int:
        """The port that is listened on; 0 while none is."""
        return self._server.port if self._server else 0

    @property
    def refused(self) -> Counter[str]:
        """Requests that were refused so far, by reason."""
        return self._server.refused if self._server else Counter()

    def resume(self, positions: Mapping[str, Position]) -> None:
        """Go on in the spool from where the last run was committed, and begin to listen."""
        self._position = positions.get(STREAM)
        self._start()

    def poll(self, limit: int) -> Sequence[Piece]:
        """What has been received, some `limit` bytes at most."""
        if self._server is None:
            self._start()
        try:
            blocks = self._stored.read(self._position, limit)
        except OSError as error:
            self._remember("read", error.strerror or "not readable")
            return ()
        if blocks:
            self._position = blocks[-1][1]
        return [Piece(STREAM, path, data, position) for data, position, path in blocks]

    def committed(self, positions: Mapping[str, Position]) -> Sequence[str]:  # noqa: ARG002 - every source is told
        """Its one stream is never over."""
        return ()

    def behind(self) -> int:
        """Bytes of the spool that have not been polled, as stored."""
        try:
            return self._stored.waiting(self._position)
        except OSError:
            return 0

    def troubles(self) -> Sequence[Trouble]:
        """What is wrong now: with the address, the files it needs, the spool, or those who post."""
        found: list[Trouble] = []
        if self._not_listening:
            mend = "no audit event is received until the address can be had"
            found.append(Trouble(self._listen, self._not_listening, mend))
        if self._server and self._server.trouble:
            found.append(Trouble(self._listen, f"{self._server.trouble}; the old files stay in force", "replace them"))
        if self._bearer and (text := self._bearer.trouble):
            found.append(Trouble(self._listen, f"{text}; tokens read before stay in force", "write the token to it"))
        now = time.monotonic()
        for kind, (when, more) in tuple(self._recent.items()):
            if now - when <= _FRESH:
                message, mend = _RECENT[kind]
                found.append(Trouble(self._listen, f"{message} ({more})", mend))
        return found

    def close(self) -> None:
        """Answer what is at hand, then stop listening. The spool is its owner's to close."""
        if self._server:
            self._server.close(grace=2.0)

    def _start(self) -> None:
        if time.monotonic() < self._next_start:
            return
        host, port = parsed(self._listen)
        server = Server(host, port, self._take, admit=self._admit, tls=self._tls, limits=self._limits)
        try:
            server.start()
        except (OSError, BadCertificates) as error:
            self._next_start = time.monotonic() + _AGAIN
            self._not_listening = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        else:
            self._server, self._not_listening = server, ""

    def _admit(self, request: Request) -> Reply | None:
        """Refuse whom it is not for, before a byte of a body is read."""
        known = self._open_to_all or bool(request.subject)
        if not known and not (self._bearer and self._bearer.admits(request.headers)):
            self._remember("unauthenticated", f"the last from {request.peer}")
            how = {"WWW-Authenticate": "Bearer"} if self._bearer else {}
            return refusal(401, "unauthenticated", "a bearer token or a client certificate is required", how)
        if "origin" in request.headers:
            # On loopback, a page in somebody's browser could post otherwise.
            return refusal(403, "browser", "this is not for browsers")
        if request.method != "POST":
            return refusal(405, "method", "audit events are posted", {"Allow": "POST"})
        if request.headers.get("content-encoding", "identity").strip().lower() not in ("identity", "gzip"):
            return refusal(415, "encoding", "the body may be plain or gzip")
        return None

    def _take(self, request: Request) -> Reply:
        """A batch: durable, then acknowledged."""
        body = request.body
        if request.headers.get("content-encoding", "").strip().lower() == "gzip":
            try:
                body = _unpacked(body, self._limits.body)
            except _TooLarge:
                return refusal(413, "body too large", f"the body unpacks to more than {self._limits.body} bytes")
            except zlib.error:
                return refusal(400, "encoding", "the body is not gzip, or not all of it")
        data, events = lines(body)
        if data:
            try:
                self._spool.append(data)
            except OSError as error:
                self._remember("spool", error.strerror or "no reason given")
                return refusal(503, "spool", "the batch cannot be stored now; try again", _RETRY)
            self._recent.pop("spool", None)
        elif not body.strip():
            return refusal(400, "empty", "an EventList is expected")
        with self._counting:
            self.received.update(batches=1, events=events)
            self.received["appends"] = self._spool.appends
        return Reply(200, b"{}\n", "application/json")

    def _remember(self, kind: str, more: str) -> None:
        self._recent[kind] = (time.monotonic(), more)


_RECENT = {
    "unauthenticated": (
        "events were posted without a valid token or certificate, and refused",
        "if it was the API server, mend its --audit-webhook-config-file; after five tries its events are lost",
    ),
    "spool": (
        "batches cannot be stored and are refused",
        "make room in the state folder, or mend its disk; the API server gives up on a batch after some 90 s",
    ),
    "read": ("what was received cannot be read back", "look at the state folder and its disk"),
}


class _TooLarge(Exception):
    """It unpacks to more than allowed."""


def _unpacked(body: bytes, longest: int) -> bytes:
    """What gzip `body` holds, of one or several members. Raises _TooLarge, zlib.error."""
    parts: list[bytes] = []
    room = longest
    while body:
        member = zlib.decompressobj(wbits=31)
        part = member.decompress(body, room + 1)
        if len(part) > room:
            raise _TooLarge
        if not member.eof:
            raise zlib.error("cut off")
        room -= len(part)
        parts.append(part)
        body = member.unused_data.lstrip(b"\0")
    return b"".join(parts)


class _Gathering:
    """Appends to the spool; those that wait while one is being written go together in the next, with one sync."""

    def __init__(self, spool: Spool) -> None:
        self.appends = 0
        self._spool = spool
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: list[_Entry] = []

    def append(self, data: bytes) -> None:
        """Durable when this returns. Raises OSError, and then nothing of it is kept."""
        own = _Entry(data)
        with self._lock:
            self._waiting.append(own)
        with self._writing:
            if not own.done:
                self._write()
        if own.failure:
            raise OSError(*own.failure)

    def _write(self) -> None:
        with self._lock:
            together, self._waiting = self._waiting, []
        failure: tuple[int, str] | None = (errno.EIO, "the spool is at fault")
        try:
            self._spool.append(together[0].data if len(together) == 1 else b"".join([one.data for one in together]))
            self.appends += 1
            failure = None
        except OSError as error:
            failure = (error.errno or errno.EIO, error.strerror or str(error))
        finally:
            for one in together:
                one.done, one.failure = True, failure


class _Entry:
    """The lines of one request, and what became of them."""

    __slots__ = ("data", "done", "failure")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.done = False
        self.failure: tuple[int, str] | None = None
