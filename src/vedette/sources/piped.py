"""Standard input as a watched source: a pipe cannot be asked twice, so what comes is spooled before it is given."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

from vedette.sources.base import Piece, Position, Spool, Trouble
from vedette.sources.compressed import Broken
from vedette.sources.files import piped, whole_lines

STREAM = "stdin"

_RETRY = 1.0
"""Seconds until a write that failed is tried again."""
_SUBJECT = "standard input"


class Piped:
    """Reads a pipe, plain, gzip or zstd, to its end; then its stream ends."""

    keeps_evidence = True

    def __init__(self, name: str, spool: Spool, descriptor: int = 0) -> None:
        """`descriptor` stays open; it is read by a thread from the first poll on."""
        self.name = name
        self._spool = spool
        self._descriptor = descriptor
        self._position: Position | None = None
        self._path = name
        """The segment that was read last: lines are found again there, not in a pipe."""
        self._ended = False
        """The end of the stream was given."""
        self._thread: threading.Thread | None = None
        self._wake: tuple[int, int] | None = None
        self._closing = threading.Event()
        # Beneath here: written by the thread.
        self._full: Trouble | None = None
        self._fault: Trouble | None = None
        self._done = threading.Event()
        """All that came is in the spool."""

    def resume(self, positions: Mapping[str, Position]) -> None:
        """Go on behind what the last run dealt with; what it had only spooled comes first."""
        self._position = positions.get(STREAM)

    def poll(self, limit: int) -> Sequence[Piece]:
        """What has been spooled; after the last of it one piece that ends the stream."""
        if self._thread is None and not self._closing.is_set():
            self._start()
        # Before the spool is looked at: what came before the end is in it by then.
        done = self._done.is_set()
        pieces: list[Piece] = []
        try:
            read = self._spool.read(self._position, limit)
        except OSError as error:
            self._fault = Trouble(_SUBJECT, f"its spool cannot be read: {error.strerror}", "look at the state folder")
            return ()
        for data, position, path in read:
            self._position, self._path = position, path
            pieces.append(Piece(STREAM, path, data, position))
        if done and not pieces and not self._ended:
            self._ended = True
            pieces.append(Piece(STREAM, self._path, b"", self._position or {}, ends=True))
        return pieces

    def committed(self, positions: Mapping[str, Position]) -> Sequence[str]:  # noqa: ARG002 # there is but one stream
        """Nothing is let go of: without its position the spool would be read anew."""
        return ()

    def behind(self) -> int:
        """Bytes in the spool; what waits in the pipe is the writer's."""
        try:
            return self._spool.waiting(self._position)
        except OSError:
            return 0

    def troubles(self) -> Sequence[Trouble]:
        """A spool that takes no more, which stops the writer; a pipe that broke."""
        return [trouble for trouble in (self._full, self._fault) if trouble is not None]

    def close(self) -> None:
        """Stop reading; what was not spooled yet stays in the pipe, but for the line that is under way."""
        self._closing.set()
        if self._wake is not None:
            os.write(self._wake[1], b"x")
        if self._thread is not None:
            self._thread.join()
        if self._wake is not None:
            for end in self._wake:
                os.close(end)
            self._wake = None

    def _start(self) -> None:
        self._wake = os.pipe()
        self._thread = threading.Thread(target=self._follow, name="standard input", daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        """The thread: whole lines into the spool, at the pace at which it takes them."""
        try:
            for chunk in whole_lines(piped(self._read)):
                # What is held once it was told to stop is the begin of a line whose end may yet come.
                if self._closing.is_set() or not self._kept(chunk if chunk.endswith(b"\n") else chunk + b"\n"):
                    return
        except Broken as error:
            if not self._closing.is_set():
                self._fault = Trouble(_SUBJECT, str(error), "what stood before it was read; send the rest again")
        except OSError as error:
            self._fault = Trouble(_SUBJECT, f"cannot be read: {error.strerror}", "start vedette with a pipe or a file")
        if not self._closing.is_set():
            self._done.set()

    def _read(self, size: int) -> bytes:
        """Some bytes of the pipe; none at its end, and none once the source is closed."""
        assert self._wake is not None
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)
        waiting.register(self._wake[0], select.POLLIN)
        while True:
            if any(descriptor == self._wake[0] for descriptor, _ in waiting.poll()):
                return b""
            # Another reader of the same pipe may have been faster.
            with suppress(BlockingIOError):
                return os.read(self._descriptor, size)

    def _kept(self, data: bytes) -> bool:
        """Write to the spool, however long that takes; False where the source was closed before it went well."""
        while True:
            try:
                self._spool.append(data)
            except OSError as error:
                message = f"is not read further, for its spool takes no more: {error.strerror}"
                self._full = Trouble(_SUBJECT, message, "make room in the state folder; the writer waits meanwhile")
                if self._closing.wait(_RETRY):
                    return False
            else:
                self._full = None
                return True
