"""Second: a part of the work in a process of its own, and its answer."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Answer = TypeVar("Answer")


class Second(Generic[Answer]):
    """Begins the work when it is entered; ends the process when it is left. Elsewhere than on Linux there is none."""

    def __init__(self, work: Callable[[], Answer], *, wanted: bool = True) -> None:
        """`work` runs on what the process was when it was entered; no thread may run then. Its answer is pickled."""
        self._work = work
        # A forked process has all that it needs in a millisecond; elsewhere than on Linux fork is not safe.
        self._wanted = wanted and sys.platform == "linux"
        self._process: Any = None
        self._heard: Connection | None = None

    def __enter__(self) -> Second[Answer]:
        """Begin."""
        if self._wanted:
            import multiprocessing  # one process needs none of it

            context = multiprocessing.get_context("fork")
            self._heard, said = context.Pipe(duplex=False)
            self._process = context.Process(target=_run, args=(self._work, said), daemon=True)
            self._process.start()
            said.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, whatever it is at."""
        if self._process is not None:
            if self._process.is_alive():
                self._process.terminate()
            self._process.join()
        if self._heard is not None:
            self._heard.close()

    def answer(self) -> Answer | None:
        """Wait for it; None: there is no such process, or it ended without one."""
        if self._heard is None:
            return None
        try:
            found: Answer = self._heard.recv()
        except EOFError:
            return None
        return found


def _run(work: Callable[[], Answer], said: Connection) -> None:
    # Ctrl-C is the parent's to answer; it ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever broke here breaks in the parent too, who does the work then, and says what.
    with contextlib.suppress(Exception):
        said.send(work())
