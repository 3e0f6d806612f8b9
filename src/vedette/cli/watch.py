"""`vedette watch`: follow logs, keep alerts, tell people; until it is stopped."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vedette.cli.notify import tell_systemd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vedette.notification import Notification
    from vedette.settings import Settings
    from vedette.store.store import Store
    from vedette.watch.watcher import Watcher
    from vedette.wiring import WatchRequest

EXAMPLES = """\
examples:
  vedette watch                                   sources and sinks as vedette.yaml says
  vedette watch /var/log/kubernetes/audit.log     follow a log; alerts appear here and in the store
  tail -F audit.log | vedette watch -             standard input
  vedette watch --until-read logs/                what is there now, then end
  vedette alerts list                             what it found
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to follow besides the settings' sources, where to keep state, what to print."""
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="also follow these files, folders, globs; - is standard input"
    )
    parser.add_argument("--state", metavar="DIR", default="", help="the folder of the store and the evidence")
    parser.add_argument(
        "--rules", action="append", default=[], metavar="PATH", help="further Sigma rules, file or folder"
    )
    parser.add_argument("--unproven", action="store_true", help="take further rules that come without example events")
    parser.add_argument(
        "-o", "--output", choices=("table", "jsonl", "none"), default="table", help="how to print alerts"
    )
    parser.add_argument("--until-read", action="store_true", help="end once everything that is there was read")
    parser.add_argument("-q", "--quiet", action="store_true", help="no notes and no summary on standard error")


def run(args: argparse.Namespace) -> int:
    """Watch; 0 when it was stopped, 2 for an error before or during it."""
    from vedette import app, wiring
    from vedette.cli.journal import set_up
    from vedette.store.database import StoreError

    set_up(quiet=args.quiet)
    request = wiring.WatchRequest(
        args.config, tuple(args.paths), tuple(args.rules), unproven=args.unproven, state=args.state
    )
    try:
        settings = app.load_settings(args.config)
        store = wiring.open_store(settings, args.state)
    except app.Wrong as error:
        print(error, file=sys.stderr)
        return 2
    try:
        Watching(args, request, settings, store).run()
    except (app.Wrong, StoreError) as error:
        print(error if isinstance(error, app.Wrong) else f"vedette: {error}", file=sys.stderr)
        return 2
    finally:
        store.close()
    return 0


class Watching:
    """One call of `vedette watch`: a watcher, and after each SIGHUP another, over the same store."""

    def __init__(self, args: argparse.Namespace, request: WatchRequest, settings: Settings, store: Store) -> None:
        self._args = args
        self._request = request
        self._settings = settings
        self._store = store
        self._asked = self._ended = False
        self._watcher: Watcher | None = None

    def run(self) -> None:
        """Until it is stopped. Raises app.Wrong, StoreError."""
        began, before = time.monotonic(), self._store.progress.counts()
        watcher = self._made()
        if not self._args.quiet:
            _say_start(self._settings, self._store, watcher)
        with self._signals():
            while True:
                tell_systemd("READY=1")
                watcher.run(until_read=self._args.until_read)
                if self._ended or self._args.until_read:
                    break
                watcher = self._made()
        if not self._args.quiet:
            _say_summary(self._store, before, time.monotonic() - began)

    def _made(self) -> Watcher:
        from vedette import wiring

        screen = [] if self._args.output == "none" else [Screen(self._args.output)]
        watcher = wiring.make_watcher(self._request, self._settings, self._store, screen)
        watcher.on_turn = self._turned
        self._watcher = watcher
        return watcher

    def _turned(self) -> None:
        """After a turn: take up the settings anew where that was asked for, or keep the old ones and say why."""
        tell_systemd("WATCHDOG=1")
        if not self._asked or self._watcher is None:
            return
        from vedette import app, wiring

        self._asked = False
        tell_systemd("RELOADING=1")
        try:
            settings = app.load_settings(self._args.config)
            wiring.rules_for(self._request, settings)
        except app.Wrong as error:
            print(f"{error}\nvedette: the settings were not taken up; the old ones hold", file=sys.stderr)
            self._watcher.pulse.reload_failed = str(error).partition("\n")[0]
            tell_systemd("READY=1")
            return
        self._settings = settings
        self._watcher.pulse.leave()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C drain; a second one does not wait for what is still to be told: the outbox keeps it."""

        def leave(_number: int, _frame: object) -> None:
            if self._watcher is not None:
                if self._ended:
                    self._watcher.hurry = True
                self._watcher.pulse.leave()
            self._ended = True

        def ask(_number: int, _frame: object) -> None:
            self._asked = True

        before = {one: signal.signal(one, leave) for one in (signal.SIGTERM, signal.SIGINT)}
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, ask)
        try:
            yield
        finally:
            tell_systemd("STOPPING=1")
            for number, handler in before.items():
                signal.signal(number, handler)


class Screen:
    """A sink: alerts as lines on standard output, when they open and when they close."""

    name = "screen"
    batch = 1
    resend = 0.0
    hold = 0.0

    def __init__(self, output: str) -> None:
        self._output = output

    def send(self, notifications: Sequence[Notification]) -> str:
        """Print each. Raises NotDelivered where nobody reads any more."""
        from vedette.cli import records
        from vedette.cli.screen import alert_lines, coloured, terminal_width
        from vedette.sinks.base import NotDelivered

        for one in notifications:
            closed = one.occasion.value == "closed"
            try:
                if self._output == "jsonl":
                    record = {"occasion": one.occasion.value, **records.alert_record(one.alert, one.runbook_url)}
                    sys.stdout.buffer.write(records.encoded(record) + b"\n")
                elif not closed:
                    print(alert_lines(one.alert, coloured(sys.stdout), terminal_width(sys.stdout)))
                sys.stdout.flush()
            except OSError as error:
                raise NotDelivered(error.strerror or "standard output is closed", dead=True) from error
        return ""

    def close(self) -> None:
        """Standard output stays open."""


def _say_start(settings: Settings, store: Store, watcher: Watcher) -> None:
    from vedette.escape import terminal

    for note in settings.notes:
        print(f"vedette: {terminal(note)}", file=sys.stderr)
    sources = ", ".join(source.name for source in watcher.loop.sources)
    sinks = ", ".join(courier.sink.name for courier in watcher.couriers) or "nobody"
    print(f"vedette: watching {terminal(sources)}; telling {terminal(sinks)}; state in {store.folder}", file=sys.stderr)


def _say_summary(store: Store, before: dict[str, dict[str, int]], seconds: float) -> None:
    """Where every record went since the start, and what was found."""
    from vedette.escape import terminal

    total: dict[str, int] = {}
    for source, sums in store.progress.counts().items():
        for name, value in sums.items():
            added = value - before.get(source, {}).get(name, 0)
            group = name.partition(".")[0]
            total[group] = total.get(group, 0) + added
    got = {name: total.get(name, 0) for name in ("records", "events", "quarantined", "ignored", "matched")}
    print(
        f"vedette: {got['records']:,} records = {got['events']:,} events + {got['quarantined']:,} quarantined"
        f" + {got['ignored']:,} ignored, in {seconds:,.0f} s",
        file=sys.stderr,
    )
    again = f"{total.get('duplicates', 0):,} of acts already judged, {total.get('late', 0):,} late"
    print(f"vedette: {got['events']:,} events, {got['matched']:,} matched; {again}", file=sys.stderr)
    opened = store.alerts.numbers()
    number = sum(opened.values())
    print(f"vedette: {number:,} alerts in {terminal(str(store.folder))}; vedette alerts list", file=sys.stderr)
    if got["records"] != got["events"] + got["quarantined"] + got["ignored"]:
        print("vedette: these sums do not agree, which is a fault of vedette: please report it", file=sys.stderr)
