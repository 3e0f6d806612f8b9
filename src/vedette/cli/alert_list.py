"""`vedette alerts list`: alerts as lines, with why somebody was not told; once, or as they open."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from typing import TextIO

from vedette import app
from vedette.cli import records
from vedette.cli.alert_desk import Desk, undelivered
from vedette.cli.scan import moment
from vedette.cli.screen import alert_lines, coloured, finding_lines, terminal_width
from vedette.escape import terminal
from vedette.rule import Severity
from vedette.store.alerts import OWN, Kept

_EVERY = 0.5
"""Seconds between two looks with --follow."""
_LATEST = 1000
"""Alerts that are looked at each time; where all of them are new, all there are."""


def list_alerts(desk: Desk, args: argparse.Namespace) -> int:
    """Print what is asked for; 0, for a listing is no verdict. Raises app.Wrong, StoreError."""
    if args.n < 0:
        raise app.Wrong([f"-n {args.n}: a number of alerts"])
    if args.follow and args.output == "json":
        raise app.Wrong(["-f with -o json: an array has an end; use -o jsonl"])
    since = moment(args.since, "--since") or 0
    if args.follow:
        return _follow(desk, args, since)
    found = _asked(desk, args, since)
    if args.output == "json":
        items = [records.encoded(desk.record(kept)) for kept in found]
        sys.stdout.buffer.write(b"[\n" + b",\n".join(items) + b"\n]\n" if items else b"[]\n")
        return 0
    _print(desk, args, found)
    if not found and args.output == "table":
        which = "alert that somebody was not told of" if args.untold else f"{_status(args)} alert".removeprefix(" ")
        print(f"vedette: no {which} in {terminal(str(desk.visit.folder))}", file=sys.stderr)
    return 0


def _status(args: argparse.Namespace) -> str:
    said = args.status or ("all" if args.untold else "open")
    return "" if said == "all" else str(said)


def _asked(desk: Desk, args: argparse.Namespace, since: int) -> list[Kept]:
    return desk.visit.alerts.listed(
        state=_status(args),
        rule=args.rule,
        least=int(Severity[args.severity.upper()]),
        since=since,
        untold=desk.now() if args.untold else None,
        most=args.n or -1,
    )


def _follow(desk: Desk, args: argparse.Namespace, since: int) -> int:
    """The oldest first, so that what opens next stands beneath."""
    database = desk.visit.database
    version = database.data_version()
    first, args.n = args.n, 0
    found = _asked(desk, args, since)
    shown = {kept.alert.id for kept in found}
    new = found[: first or None]
    while True:
        _print(desk, args, reversed(new))
        sys.stdout.flush()
        while (now := database.data_version()) == version:
            time.sleep(_EVERY)
        version = now
        # Not by time: on a full disk an alert is committed long after it was opened.
        for args.n in (_LATEST, 0):
            new = [kept for kept in _asked(desk, args, since) if kept.alert.id not in shown]
            if len(new) < _LATEST:
                break
        shown.update(kept.alert.id for kept in new)


def _print(desk: Desk, args: argparse.Namespace, found: Iterable[Kept]) -> None:
    for kept in found:
        if args.output == "jsonl":
            sys.stdout.buffer.write(records.encoded(desk.record(kept)) + b"\n")
        else:
            print(lines(desk, kept, sys.stdout, untold=args.untold))


def lines(desk: Desk, kept: Kept, stream: TextIO, *, untold: bool) -> str:
    """An alert for a person; with `untold`, also who was not told, and why."""
    head = f"{desk.short(kept):<8} {desk.word(kept):<8} "
    width = max(60, terminal_width(stream) - len(head))
    shape = finding_lines if kept.alert.source == OWN else alert_lines
    shown = shape(kept.alert, coloured(stream), width).split("\n")
    if untold:
        shown += [f"              {reason}" for reason in why_untold(desk, kept)]
    return "\n".join((head if at == 0 else " " * len(head)) + line for at, line in enumerate(shown))


def why_untold(desk: Desk, kept: Kept) -> list[str]:
    """Who was not told, and why; a line each, escaped."""
    rows = desk.visit.outbox.of_alert(kept.alert.id)
    found = [f"nobody was told: {terminal(kept.untold)}"] if kept.untold else []
    if not rows and not kept.untold:
        found.append("nobody was told, and no reason was kept, which is a fault of vedette: please report it")
    now = desk.now()
    for row in rows:
        reason = undelivered(row, now)
        if reason:
            found.append(f"{terminal(row.sink)} ({row.occasion}) {reason}")
    return found
