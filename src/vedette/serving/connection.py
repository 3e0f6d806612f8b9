"""One connection: requests in, replies out, one after another, each within its bounds. h11 decides what HTTP is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus

import h11

from vedette.serving.limits import Limits
from vedette.serving.message import Reply, Request, refusal

_AT_ONCE = 64 << 10
"""Bytes read in one go."""
_SMALL_CHUNK = 64
_SMALL_CHUNKS = 4096
"""A chunked body may have so many chunks before they must have so many bytes in the mean: each costs some 10 us."""
_LINGER = 2.0
"""Seconds in which what a refused client goes on sending is thrown away: closed at once, a connection is reset, and
the reset overtakes the refusal."""


class Refused(Exception):
    """The request ends here, and the connection after it."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.reason)
        self.reply = reply


class Gone(Exception):
    """The client is not there any more; `str()` is a reason to count, nothing if it left between requests."""


class Service:
    """What the connections of a server share. Belongs to its event loop."""

    def __init__(
        self, limits: Limits, admit: Callable[[Request], Reply | None], answer: Callable[[Request], Awaitable[Reply]]
    ) -> None:
        self.limits = limits
        self.admit = admit
        """Refuses a request, or lets it in, by its head alone (its body is empty still); must be quick."""
        self.answer = answer
        self.refused: Counter[str] = Counter()
        self.held = 0
        """Bytes of bodies."""


class Connection:
    """Serves one client until either has had enough."""

    def __init__(
        self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str, subject: str
    ) -> None:
        self.waiting = True
        """True while nothing is owed to the client: between requests and within a head."""
        self.since = time.monotonic()
        """Since when it waits."""
        self.last = False
        """Set to close the connection after the answer to the request at hand, or the next one."""
        self._service = service
        self._limits = service.limits
        self._reader = reader
        self._writer = writer
        self._peer = peer
        self._subject = subject
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=service.limits.head)
        self._held = 0
        self._loop = asyncio.get_running_loop()
        self._first = True
        self._head_only = False

    async def run(self) -> None:
        """Serve; never raises for what a client does. The caller closes the connection."""
        try:
            while await self._one():
                self._http.start_next_cycle()
        except Gone as gone:
            if str(gone):
                self._service.refused[str(gone)] += 1
        except (OSError, EOFError):
            self._service.refused["broken off"] += 1

    async def _one(self) -> bool:
        """One request; gives whether another may follow."""
        try:
            head = await self._head()
            if head is None:
                return False
            self.waiting = False
            reply = await self._reply(head)
        except Refused as refused:
            self.waiting = False
            with contextlib.suppress(h11.LocalProtocolError):
                await self._send(refused.reply, close=True)
            await self._throw_away()
            return False
        finally:
            self._service.held -= self._held
            self._held = 0
        await self._send(reply, close=self.last)
        self.waiting = True
        self.since = time.monotonic()
        self._first = False
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _head(self) -> h11.Request | None:
        """The next request without its body, or None when the client has no more."""
        began = bool(self._http.trailing_data[0])
        wait = self._limits.head_seconds if began or self._first else self._limits.idle_seconds
        deadline = self._loop.time() + wait
        while True:
            event = self._event()
            if isinstance(event, h11.Request):
                size = len(event.method) + len(event.target) + sum(len(n) + len(v) + 4 for n, v in event.headers)
                if size > self._limits.head:
                    raise Refused(refusal(431, "head too large", "the request's head is too large"))
                return event
            if isinstance(event, h11.ConnectionClosed):
                return None
            if not await self._more(deadline):
                if began:
                    raise Refused(refusal(408, "head too slow", "the request's head did not arrive in time"))
                raise Gone("" if not self._first else "nothing said")
            if not began:
                began = True
                deadline = self._loop.time() + self._limits.head_seconds

    async def _reply(self, head: h11.Request) -> Reply:
        request = self._request(head)
        self._head_only = request.method == "HEAD"
        length, chunked = request.headers.get("content-length"), "transfer-encoding" in request.headers
        if chunked and length is not None:
            # RFC 9112, 6.1: what a proxy before us took for the body's end may be another.
            raise Refused(refusal(400, "malformed", "the request has two lengths"))
        if request.method == "CONNECT":
            raise Refused(refusal(405, "method", "this is no proxy"))
        refused = self._service.admit(request)
        if refused is not None and (chunked or int(length or 0)):
            raise Refused(refused)
        body = await self._body(int(length or 0))
        if refused is not None:
            return refused
        return await self._service.answer(
            Request(request.method, request.path, request.query, request.headers, body, self._peer, self._subject)
        )

    def _request(self, head: h11.Request) -> Request:
        headers: dict[str, str] = {}
        for name, value in head.headers:
            key, text = name.decode("ascii"), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        path, _, query = head.target.decode("ascii").partition("?")
        return Request(head.method.decode("ascii"), path, query, headers, b"", self._peer, self._subject)

    async def _body(self, length: int) -> bytes:
        """The whole body; `length` is what was announced, 0 where nothing was."""
        if length > self._limits.body:
            raise Refused(self._too_large())
        if self._service.held + length > self._limits.bodies:
            raise Refused(self._busy())
        if self._http.they_are_waiting_for_100_continue:
            self._writer.write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])))
        begin = self._loop.time()
        parts: list[bytes] = []
        while True:
            event = self._event()
            if isinstance(event, h11.Data):
                self._hold(len(event.data))
                parts.append(event.data)
                if len(parts) > _SMALL_CHUNKS and self._held < len(parts) * _SMALL_CHUNK:
                    raise Refused(refusal(400, "malformed", "the body's chunks are too small"))
            elif isinstance(event, h11.EndOfMessage):
                return b"".join(parts)
            elif event is h11.NEED_DATA:
                slowest = self._limits.body_grace + self._held / self._limits.body_rate
                if not await self._more(begin + min(slowest, self._limits.body_seconds)):
                    raise Refused(refusal(408, "body too slow", "the request's body did not arrive in time"))
            else:
                raise Gone("cut off")

    def _hold(self, size: int) -> None:
        """Count bytes of the body, while there is room for them."""
        if self._held + size > self._limits.body:
            raise Refused(self._too_large())
        if self._service.held + size > self._limits.bodies:
            raise Refused(self._busy())
        self._held += size
        self._service.held += size

    def _too_large(self) -> Reply:
        return refusal(413, "body too large", f"the request's body has more than {self._limits.body} bytes")

    def _busy(self) -> Reply:
        return refusal(503, "busy", "too many bytes are held for other requests; try again", {"Retry-After": "5"})

    def _event(self) -> object:
        """What h11 makes of the bytes so far."""
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            if self._reader.at_eof():
                raise Gone("cut off") from None
            if error.error_status_hint == 431:
                raise Refused(refusal(431, "head too large", "the request's head is too large")) from None
            if error.error_status_hint == 501:
                raise Refused(refusal(501, "malformed", "the transfer encoding is not known here")) from None
            raise Refused(refusal(400, "malformed", "the request is no HTTP/1.1")) from None

    async def _more(self, deadline: float) -> bool:
        """Feed h11 what arrives next; gives whether something did, or the end, before `deadline`."""
        try:
            async with asyncio.timeout_at(deadline):
                data = await self._reader.read(_AT_ONCE)
        except TimeoutError:
            return False
        self._http.receive_data(data)
        return True

    async def _send(self, reply: Reply, *, close: bool) -> None:
        if reply.reason:
            self._service.refused[reply.reason] += 1
        headers = [
            ("Date", formatdate(usegmt=True)),
            ("Content-Type", reply.content_type),
            ("Content-Length", str(len(reply.body))),
            ("X-Content-Type-Options", "nosniff"),
            *reply.headers.items(),
        ]
        if close:
            headers.append(("Connection", "close"))
        start = h11.Response(status_code=reply.status, reason=HTTPStatus(reply.status).phrase, headers=headers)
        data = self._http.send(start)
        if reply.body and not self._head_only:
            data += self._http.send(h11.Data(data=reply.body))
        data += self._http.send(h11.EndOfMessage())
        self._writer.write(data)
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                await self._writer.drain()
        except TimeoutError:
            raise Gone("answer not taken") from None

    async def _throw_away(self) -> None:
        """Tell the client that nothing more comes, and read what it still sends until it has understood."""
        if self._writer.can_write_eof():
            self._writer.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                while await self._reader.read(_AT_ONCE):
                    pass
