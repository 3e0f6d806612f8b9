"""One life of the watcher, as a process forked from one that has everything imported: it is killed and hurt at will."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from vedette import app, cli, wiring
from vedette.cli import journal
from vedette.clients import kube, vault  # noqa: F401 - imported once, before the forks
from vedette.observers import hashes  # noqa: F401
from vedette.observers import kube as _kube  # noqa: F401
from vedette.observers import vault as _vault  # noqa: F401
from vedette.sinks import alertmanager, lines, slack, webhook  # noqa: F401 - imported once, before the forks
from vedette.sources import (  # noqa: F401 - imported once, before the forks
    follow,
    follow_roster,
    follow_track,
    journald,
    loki,
    piped,
)
from vedette.store import segments as segments_module
from vedette.store import store as store_module
from vedette.store.database import StoreError
from vedette.watch import courier as courier_module
from vedette.watch import loop as loop_module
from vedette.watch import watcher as watcher_module
from vedette.watch.watcher import Watcher

_rules = wiring.rules_for
_TRIES = 200


class Life(msgspec.Struct):
    """What one life is to do."""

    config: str
    piece: int = 4 << 20
    """Bytes that a turn takes."""
    inline: bool = True
    """Everything in one thread, so that the calls of a life come in the same order each time; else as `vedette watch`
    runs."""
    until_read: bool = True
    trace: list[str] = []
    """What strace is told; nothing: it is not asked."""
    output: str = "/dev/null"
    """Where standard output and error go."""
    jumps: list[tuple[int, int]] = []
    """The clock jumps: (turn, nanoseconds); before turn -1: it has done so before this life."""
    turns: int = 0
    """Turns that an inline life takes at least, whether there is something or not."""
    last: int = 0
    """The turn after which an inline life stands still and ends; 0: when all is read."""
    ballast: int = 64 << 10
    """Bytes set aside."""
    segment: int = 64 << 20
    """Bytes after which a segment is finished."""
    hasty: bool = False
    """A sink is given up after a second, and what is wrong is looked for all the time."""
    linger: float = 0.3
    """Seconds for which a rotated file is kept open."""


def prepare(config: str) -> None:
    """Read rules once for all lives."""
    wiring.rules_for = _rules
    settings = app.load_settings(config)
    rules = wiring.rules_for(wiring.WatchRequest(config), settings)
    wiring.rules_for = lambda request, settings: rules  # noqa: ARG005


def live(life: Life) -> int:
    """Watch; the exit code."""
    loop_module._POLL = loop_module._TURN = life.piece
    store_module._BALLAST = life.ballast
    follow._EVERY, watcher_module._IDLE = 0.05, 0.01
    if life.hasty:
        courier_module._PATIENCE, courier_module._LONGEST_WAIT, watcher_module._LOOK = 10**9, 0.2, 0.2
        for sink in (alertmanager.Alertmanager, slack.Slack, webhook.Webhook):
            defaults: dict[str, Any] = vars(sink)["__init__"].__kwdefaults__
            defaults["timeout"] = 1.0
    for module in (follow, follow_roster, follow_track):
        vars(module)["LINGER"] = life.linger
    segments_module.Limits = functools.partial(segments_module.Limits, size=life.segment)  # type: ignore[misc,assignment]
    if not life.inline:
        arguments = ["watch", "--config", life.config, "-o", "none", *(["--until-read"] if life.until_read else [])]
        return cli.main(arguments)
    journal.set_up(quiet=False)
    loop_module._PRUNE = 1 << 62  # done here, in turn
    try:
        settings = app.load_settings(life.config)
        store = wiring.open_store(settings, "")
        clock = Clock(life.jumps)
        clock.turned(-1)
        request = wiring.WatchRequest(life.config)
        watcher = wiring.make_watcher(request, settings, store, now=clock, steady=time.monotonic_ns)
    except (app.Wrong, StoreError) as error:
        sys.stderr.write(f"{error}\n")
        return 2  # as the command does

    rest = watcher.pulse.rest
    watcher.pulse.rest = lambda seconds: rest(min(seconds, 0.01))  # type: ignore[method-assign]

    def before(turn: int) -> None:
        clock.turned(turn)
        if turn % 8 == 7:
            with contextlib.suppress(OSError, StoreError):
                store.prune(clock())

    turn_all(watcher, before, life)
    store.close()
    return 0


class Clock:
    """The time, with jumps before some turns."""

    def __init__(self, jumps: list[tuple[int, int]]) -> None:
        self._jumps = dict(jumps)
        self._ahead = 0

    def __call__(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns() + self._ahead

    def turned(self, turn: int) -> None:
        """That turn comes next."""
        self._ahead += self._jumps.get(turn, 0)


def turn_all(watcher: Watcher, before: Callable[[int], None], life: Life) -> None:
    """What `Watcher.run` does until all is read and told, in one thread."""
    for turn in itertools.count():
        before(turn)
        more = watcher.loop.turn()
        deliver(watcher)
        watcher._look_at_ourselves()
        if life.last and turn >= life.last:
            return
        if not more and turn >= life.turns:
            break
    watcher.loop.settle()
    deliver(watcher)
    watcher.loop.close()


def deliver(watcher: Watcher) -> None:
    """Tell what is due, some tries where that fails."""
    for courier in watcher.couriers:
        for _ in range(_TRIES):
            try:
                if not courier.deliver() and not courier._pause:
                    break
            except StoreError:
                continue
            courier._pause = 0.0


def begin(life: Life, go: int) -> None:
    """In the forked child: wait for strace where it was asked for, live, and end without a word to the parent."""
    code = 70
    try:
        descriptor = os.open(life.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for number in (1, 2):
            os.dup2(descriptor, number)
        os.read(go, 1)
        while life.trace and _tracer() == 0:
            time.sleep(0.001)
        code = live(life)
    except BaseException:  # noqa: BLE001 - it is written where the test reads it
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(code)


def _tracer() -> int:
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("TracerPid:")[1].split()[0])


def serve() -> None:
    """A line with a life in, a line with its process, and one with how it ended, out."""
    requests, answers = os.fdopen(0, "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    prepared = ""
    for line in requests:
        life = msgspec.json.decode(line, type=Life)
        if life.config != prepared:
            prepare(life.config)
            prepared = life.config
        hold, go = os.pipe()
        child = os.fork()
        if child == 0:
            requests.close()
            begin(life, hold)
        os.close(hold)
        tracer = _traced(child, life.trace) if life.trace else 0
        os.write(go, b".")
        os.close(go)
        answers.write(msgspec.json.encode({"pid": child}) + b"\n")
        _, status = os.waitpid(child, 0)
        if tracer:
            os.waitpid(tracer, 0)
        answers.write(msgspec.json.encode({"status": os.waitstatus_to_exitcode(status)}) + b"\n")


def _traced(child: int, trace: list[str]) -> int:
    arguments = ["strace", "-f", "-qq", "-p", str(child), *trace]
    return os.posix_spawnp("strace", arguments, os.environ, file_actions=_quiet())


def _quiet() -> list[Any]:
    return [(os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)]


if __name__ == "__main__":
    serve()
