"""The server: a thread whose event loop listens, lets connections in and out, and has them answered in threads."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import resource
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from vedette.serving.address import listeners
from vedette.serving.connection import Connection, Service
from vedette.serving.limits import Limits
from vedette.serving.message import Reply, Request, refusal
from vedette.serving.tls import Certificates, TlsFiles, subject

_LOG = logging.getLogger(__name__)
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_PAUSE = 0.2
"""Seconds before the next accept when the machine has nothing left to accept with."""

Handler = Callable[[Request], Reply]
"""Answers one request; runs in one of several threads."""
Admit = Callable[[Request], Reply | None]
"""Refuses a request by its head alone, before its body is read, or gives None; must be quick."""


class Server:
    """One listening address. `start` and `close` may be called from any thread, once each."""

    def __init__(
        self,
        host: str,
        port: int,
        handler: Handler,
        *,
        admit: Admit = lambda _: None,
        tls: TlsFiles | None = None,
        limits: Limits | None = None,
        look_every: float = 2.0,
    ) -> None:
        """`port` 0: any that is free. `look_every`: seconds after which the certificates' files are looked at again."""
        self.port = port
        """The port; after `start`, the one that is listened on."""
        self._host = host
        self._handler = handler
        self._tls = tls
        self._look_every = look_every
        self._limits = limits or Limits()
        # The rest of the program must be able to open its files, however many connect.
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        unbounded = descriptors == resource.RLIM_INFINITY
        self._most = self._limits.connections if unbounded else min(self._limits.connections, descriptors // 4)
        self._service = Service(self._limits, admit, self._answer)
        self._certificates: Certificates | None = None
        self._listeners: list[socket.socket] = []
        self._open: dict[asyncio.Task[None], _Client] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._grace = 0.0

    @property
    def refused(self) -> Counter[str]:
        """What was refused so far, by reason; a copy."""
        return Counter(self._service.refused)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    @property
    def held(self) -> int:
        """Bytes of bodies that are held."""
        return self._service.held

    @property
    def trouble(self) -> str:
        """What is wrong with the certificates' files as they are now; the last good ones are served meanwhile."""
        return self._certificates.trouble if self._certificates else ""

    def start(self) -> None:
        """Listen. Raises OSError where the address cannot be had, BadCertificates where TLS cannot."""
        self._certificates = Certificates(self._tls) if self._tls else None
        self._listeners = listeners(self._host, self.port)
        self.port = self._listeners[0].getsockname()[1]
        self._pool = ThreadPoolExecutor(self._limits.handlers, thread_name_prefix=f"serving-{self.port}")
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main(ready)), name=f"serving-{self.port}", daemon=True
        )
        self._thread.start()
        ready.wait()

    def close(self, grace: float = 5.0) -> None:
        """Stop listening, answer what is at hand within `grace` seconds, end the rest. Nothing before `start`."""
        if self._thread is None or self._loop is None or self._pool is None:
            return
        self._grace = grace
        # RuntimeError: it has been closed before.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        # A handler that hangs must not hang whoever closes.
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _main(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._unexpected)
        ready.set()
        chores = [asyncio.create_task(self._accept(one)) for one in self._listeners]
        if self._certificates:
            chores.append(asyncio.create_task(self._look(self._certificates)))
        await self._stop.wait()
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
        for one in self._listeners:
            one.close()
        for task, client in self._open.items():
            if client.waiting:
                task.cancel()
            elif client.connection:
                client.connection.last = True
        if self._open:
            await asyncio.wait(self._open, timeout=self._grace)
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _look(self, certificates: Certificates) -> None:
        while True:
            await asyncio.sleep(self._look_every)
            before = certificates.context
            certificates.refresh()
            if certificates.context is not before:
                # Who was let in by the old files may finish a request, then must prove itself anew.
                for client in self._open.values():
                    if client.connection:
                        client.connection.last = True

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._service.refused["no descriptors"] += 1
                    self._make_room()
                    await asyncio.sleep(_PAUSE)
                continue
            if len(self._open) >= self._most and not await self._room():
                self._service.refused["too many connections"] += 1
                sock.close()
                continue
            client = _Client(sock, str(address[0]))
            task = loop.create_task(self._serve(client))
            self._open[task] = client
            task.add_done_callback(self._gone)

    async def _room(self) -> bool:
        """End one connection that waits; gives whether there is room now."""
        task = self._make_room()
        if task is None:
            return False
        await asyncio.wait((task,), timeout=1.0)
        return len(self._open) < self._most

    def _make_room(self) -> asyncio.Task[None] | None:
        """End the connection that waits longest, of the address that has most of them: a flood ends its own first."""
        waiting = [(task, client) for task, client in self._open.items() if client.waiting]
        if not waiting:
            return None
        per_peer = Counter(client.peer for _, client in waiting)
        task, _ = max(waiting, key=lambda one: (per_peer[one[1].peer], -one[1].since))
        task.cancel()
        self._service.refused["too many connections"] += 1
        return task

    def _gone(self, task: asyncio.Task[None]) -> None:
        # A task that was ended before it began has closed nothing.
        self._open.pop(task).socket.close()
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a connection ended by a fault of the server's own", exc_info=error)

    async def _serve(self, client: _Client) -> None:
        """One connection from its handshake to its end."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=64 << 10)
        tls: dict[str, Any] = {}
        if self._certificates:
            seconds = self._limits.head_seconds
            tls = {"ssl": self._certificates.context, "ssl_handshake_timeout": seconds, "ssl_shutdown_timeout": 1.0}
        try:
            transport, protocol = await loop.connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader), client.socket, **tls
            )
        except (OSError, ssl.SSLError):
            self._service.refused["handshake"] += 1
            return
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            whom = subject(transport.get_extra_info("peercert"))
            client.connection = Connection(self._service, reader, writer, client.peer, whom)
            await client.connection.run()
            writer.close()
            async with asyncio.timeout(_PAUSE * 10):
                await writer.wait_closed()
        except (OSError, EOFError):
            # It left while it was shown out; TimeoutError, too, is an OSError.
            pass
        finally:
            transport.abort()

    async def _answer(self, request: Request) -> Reply:
        assert self._pool is not None
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._handler, request)
        except Exception:  # noqa: BLE001 - one request ends, not the server
            _LOG.exception("a request could not be answered by a fault of the server's own")
            return refusal(500, "fault", "the server is at fault; its log says more")

    def _unexpected(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What asyncio could not hand to anybody: broken connections above all."""
        error = context.get("exception")
        if isinstance(error, OSError):
            self._service.refused["broken off"] += 1
        else:
            _LOG.error("the server's loop: %s", context.get("message", ""), exc_info=error)


class _Client:
    """An open connection as the server sees it."""

    def __init__(self, accepted: socket.socket, peer: str) -> None:
        self.socket = accepted
        self.peer = peer
        self.connection: Connection | None = None
        self._came = time.monotonic()

    @property
    def waiting(self) -> bool:
        """True while nothing is owed to it; in its handshake, too."""
        return self.connection is None or self.connection.waiting

    @property
    def since(self) -> float:
        """Since when it waits, by the monotonic clock."""
        return self.connection.since if self.connection else self._came
