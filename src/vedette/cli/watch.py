"""`vedette watch`: follow logs, keep alerts, tell people; until it is stopped."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import shlex
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

from vedette.cli.notify import Watchdog, tell_systemd

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


_NO_ADDRESS = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)
_LONGEST_TURN = 60_000_000_000
"""Nanoseconds after which a loop that has not turned is no longer vouched for."""


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
        self._next: Settings | None = None
        """What the last SIGHUP asked for."""
        self._before: Settings | None = None
        """What held before, until a watcher has turned under the new ones."""
        self._asked = self._ended = self._ready = False
        self._day = _today()
        """The day whose exceptions are in force."""
        self._watcher: Watcher | None = None

    def run(self) -> None:
        """Until it is stopped. Raises app.Wrong, StoreError."""
        began, before = time.monotonic(), Sums.of(self._store)
        watcher = self._made()
        if not self._args.quiet:
            _say_start(self._args, self._settings, watcher)
        with self._signals(), Watchdog(self._alive):
            while True:
                refused = self._run_one(watcher)
                if self._ended or self._args.until_read:
                    break
                watcher = self._made_anew(refused)
        if not self._args.quiet:
            if self._ended and sys.stderr.isatty():
                # Behind the ^C that the terminal shows.
                print(file=sys.stderr)
            _say_summary(self._args, self._store, before, time.monotonic() - began)

    def _run_one(self, watcher: Watcher) -> Exception | None:
        """Until it is to end, or to make room for another; gives why new settings cannot run. Raises app.Wrong,
        StoreError."""
        from vedette import app

        if self._ended:
            # The signal came while this watcher was made.
            watcher.pulse.leave()
        try:
            watcher.run(until_read=self._args.until_read)
        except OSError as error:
            if error.errno not in _NO_ADDRESS or self._ready:
                raise
            watcher.loop.close()
            mend = "another program has it, or it is not this machine's; set watch.listen to a free one"
            wrong = app.Wrong([f"watch.listen {self._settings.watch.listen}: {error.strerror}; {mend}"])
            if self._before is None:
                raise wrong from error
            return wrong
        return None

    def _made(self) -> Watcher:
        from vedette import wiring

        screen = [] if self._args.output == "none" else [Screen(self._args.output)]
        watcher = wiring.make_watcher(self._request, self._settings, self._store, screen)
        watcher.on_turn = self._turned
        self._watcher, self._ready = watcher, False
        return watcher

    def _made_anew(self, refused: Exception | None) -> Watcher:
        """A watcher for the new settings; for the old ones where the new cannot be had after all. `refused`: why the
        new ones could not run."""
        from vedette import app

        if refused is None:
            self._before, self._settings = self._settings, self._next or self._settings
            try:
                return self._made()
            except app.Wrong as error:
                refused = error
        if self._before is not None:
            self._settings, self._before = self._before, None
        watcher = self._made()
        self._keep_old(watcher, refused)
        return watcher

    def _keep_old(self, watcher: Watcher, error: Exception) -> None:
        """Say that the settings were not taken up, and why."""
        print(f"{error}\nvedette: the settings were not taken up; the old ones hold", file=sys.stderr)
        watcher.pulse.reload_failed = str(error).partition("\n")[0]

    def _turned(self) -> None:
        """After a turn: take up the settings anew where that was asked for, or keep the old ones and say why."""
        if not self._ready:
            self._ready, self._before = True, None
            tell_systemd("READY=1")
        if self._watcher is not None and not self._asked:
            self._mind_the_day(self._watcher)
        if not self._asked or self._watcher is None:
            return
        from vedette import app, wiring

        self._asked = False
        tell_systemd("RELOADING=1")
        try:
            settings = app.load_settings(self._args.config)
            wiring.rules_for(self._request, settings)
        except app.Wrong as error:
            self._keep_old(self._watcher, error)
            tell_systemd("READY=1")
            return
        self._next = settings
        self._watcher.pulse.leave()

    def _mind_the_day(self, watcher: Watcher) -> None:
        """Where an exception's last day is over, have the rules made anew, of the same settings: it excuses no longer,
        whatever the file says by now."""
        today = _today()
        if today != self._day:
            if self._settings.lapsed(today) != self._settings.lapsed(self._day):
                self._next = self._settings
                watcher.pulse.leave()
            self._day = today

    def _alive(self) -> bool:
        """The loop has turned lately, or waits for room on a full disk."""
        return self._watcher is not None and time.time_ns() - self._watcher.pulse.turned < _LONGEST_TURN

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C drain; a second one does not wait for what is still to be told: the outbox keeps it."""

        # A handler may come within another, so that neither may take a lock.
        def leave(_number: int, _frame: object) -> None:
            again, self._ended = self._ended, True
            if self._watcher is not None:
                self._watcher.hurry = again
                self._watcher.pulse.leave()
            if not again:
                tell_systemd("STOPPING=1")

        attended = os.isatty(0)

        def ask(number: int, frame: object) -> None:
            if attended and not os.isatty(0):
                # Not an operator's wish: the terminal was closed.
                leave(number, frame)
            self._asked = True

        before = {one: signal.signal(one, leave) for one in (signal.SIGTERM, signal.SIGINT)}
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, ask)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _today() -> date:
    return datetime.now(UTC).date()


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
        from vedette.cli.screen import alert_lines, coloured, finding_lines, terminal_width
        from vedette.sinks.base import NotDelivered
        from vedette.store.alerts import OWN

        for one in notifications:
            closed = one.occasion.value == "closed"
            try:
                if self._output == "jsonl":
                    record = {"occasion": one.occasion.value, **records.alert_record(one.alert, one.runbook_url)}
                    sys.stdout.buffer.write(records.encoded(record) + b"\n")
                elif not closed:
                    shown = finding_lines if one.alert.source == OWN else alert_lines
                    print(shown(one.alert, coloured(sys.stdout), terminal_width(sys.stdout)))
                sys.stdout.flush()
            except OSError as error:
                raise NotDelivered(error.strerror or "standard output is closed", dead=True) from error
        return ""

    def close(self) -> None:
        """Standard output stays open."""


class Sums(NamedTuple):
    """What the store has counted so far."""

    records: Counter[str]
    """records, events, quarantined, ignored, matched, …, of all sources together."""
    alerts: Counter[int]
    """By severity."""

    @classmethod
    def of(cls, store: Store) -> Sums:
        """As the store has them now."""
        found, alerts = cls(Counter(), Counter()), store.alerts.numbers()
        for sums in store.progress.counts().values():
            for name, value in sums.items():
                found.records[name.partition(".")[0]] += value
        for (_, severity, _), number in alerts.items():
            found.alerts[severity] += number
        return found


def _say_start(args: argparse.Namespace, settings: Settings, watcher: Watcher) -> None:
    """What is watched, who is told, and where to look."""
    from vedette import wiring
    from vedette.escape import terminal

    for note in settings.notes:
        print(f"vedette: {terminal(note)}", file=sys.stderr)
    named = [one.source.name for one in watcher.findings.watched if one.source.name != wiring.GIVEN]
    sources = [*named, *(one for one in args.paths if one != "-"), *(one.name for one in watcher.observers)]
    sinks = [one.sink.name for one in watcher.couriers if not isinstance(one.sink, Screen)]
    told = [*sinks, *(["this screen"] if args.output != "none" else [])]
    print(
        f"vedette: watching {terminal(', '.join(sources))}; telling {terminal(', '.join(told)) or 'nobody'}",
        file=sys.stderr,
    )
    listen = f"; status on {terminal(settings.watch.listen)}" if settings.watch.listen else ""
    end = "" if args.until_read else "; Ctrl-C ends it"
    print(f"vedette: alerts are kept in {terminal(str(watcher.findings.store.folder))}{listen}{end}", file=sys.stderr)


def _say_summary(args: argparse.Namespace, store: Store, before: Sums, seconds: float) -> None:
    """Where every record went since the start, and what was found."""
    from vedette.rule import Severity

    now = Sums.of(store)
    got = {name: value - before.records[name] for name, value in now.records.items()}
    records, events, refused, ignored = (got.get(one, 0) for one in ("records", "events", "quarantined", "ignored"))
    met, again, late = (got.get(one, 0) for one in ("matched", "duplicates", "late"))
    lines = [
        f"{records:,} records = {events:,} events + {refused:,} quarantined + {ignored:,} ignored, in {seconds:,.0f} s",
        f"{met:,} events met a rule; {again:,} records told nothing new of an act; {late:,} acts came late",
    ]
    opened = {one: now.alerts[int(one)] - before.alerts[int(one)] for one in reversed(Severity)}
    parts = ", ".join(f"{number:,} {one}" for one, number in opened.items() if number)
    show = "vedette alerts list" + (f" --state {shlex.quote(args.state)}" if args.state else "")
    total, held = sum(opened.values()), len(store.acts.due(sys.maxsize))
    lines.append(f"{total:,} alert{'s' * (total != 1)} opened{f' ({parts})' if parts else ''}; {show}")
    if held:
        lines.append(f"{held:,} act{'s' * (held != 1)} held for a later record, to be judged after the next start")
    if records != events + refused + ignored:
        lines.append("these sums do not agree, which is a fault of vedette: please report it")
    for line in lines:
        print(f"vedette: {line}", file=sys.stderr)
