"""Workers: the ranges of a scan read by several processes; the same reports, in whatever order."""

from __future__ import annotations

import contextlib
import queue
import signal
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from vedette.scan import Done, Plan, Report, Scanner
from vedette.sources.files import File, Range

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

_PATIENCE = 0.5
"""Seconds between two looks at whether the workers still live."""


class WorkerLost(Exception):
    """A worker died without a word, most likely for want of memory."""


def read_all(plan: Plan, files: Sequence[File], parts: Sequence[Range], jobs: int) -> Iterator[Report | Done]:
    """Read all `parts`, by `jobs` processes where that is more than one. Raises WorkerLost."""
    # A new process has no standard input, and /dev/stdin is another's there: what is piped is read here.
    shared = [part for part in parts if _is_file(files[part.file])]
    if jobs <= 1 or len(shared) <= 1:
        yield from _alone(plan, files, parts)
    else:
        yield from _together(plan, files, shared, min(jobs, len(shared)))
        yield from _alone(plan, files, [part for part in parts if not _is_file(files[part.file])])


def _alone(plan: Plan, files: Sequence[File], parts: Sequence[Range]) -> Iterator[Report | Done]:
    scanner = Scanner(plan)
    for part in parts:
        yield from scanner.read(files[part.file], part)


def _together(plan: Plan, files: Sequence[File], parts: Sequence[Range], jobs: int) -> Iterator[Report | Done]:
    import multiprocessing  # one process needs none of it

    # A forked worker starts in a few milliseconds; elsewhere than on Linux fork is not safe.
    context: Any = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    todo = context.SimpleQueue()
    said = context.Queue(maxsize=4 * jobs)
    workers = [context.Process(target=_work, args=(plan, files, todo, said), daemon=True) for _ in range(jobs)]
    try:
        for worker in workers:
            worker.start()
        # The largest first, so that no worker is left with a long one at the end.
        waiting = iter(sorted(parts, key=lambda one: -_size(files[one.file], one)))
        # A pipe holds some hundreds of parts; who fills it before anybody listens waits for ever.
        for part in islice(waiting, 2 * jobs):
            todo.put(part)
        left = len(parts)
        while left:
            word = _next(said, workers)
            if isinstance(word, Done):
                left -= 1
                for part in islice(waiting, 1):
                    todo.put(part)
            yield word
        for _ in workers:
            todo.put(None)
        for worker in workers:
            worker.join()
    finally:
        for worker in workers:
            if worker.is_alive():
                worker.terminate()
                worker.join()


def _is_file(file: File) -> bool:
    return file.size > 0 and not file.name.startswith(("/dev/", "/proc/"))


def _size(file: File, part: Range) -> int:
    return (file.size if part.end is None else part.end) - part.start


def _next(said: Any, workers: Sequence[BaseProcess]) -> Report | Done:
    while True:
        with contextlib.suppress(queue.Empty):
            word: Report | Done = said.get(timeout=_PATIENCE)
            return word
        dead = [worker.exitcode for worker in workers if worker.exitcode not in (None, 0)]
        if dead:
            raise WorkerLost(f"a worker ended with code {dead[0]}; try --jobs 1, or look for a lack of memory")


def _work(plan: Plan, files: Sequence[File], todo: Any, said: Any) -> None:
    # Ctrl-C is the parent's to answer; it ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    scanner = Scanner(plan)
    while (part := todo.get()) is not None:
        for word in scanner.read(files[part.file], part):
            said.put(word)
