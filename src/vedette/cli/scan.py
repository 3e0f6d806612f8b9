"""`vedette scan`: every alert in log files."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter

    from vedette.app import ScanRun

EXAMPLES = """\
examples:
  vedette scan audit.log                          one file; plain, gzip or zstd
  vedette scan /var/log/vault logs/*.gz           folders and globs, merged by time
  kubectl logs kube-apiserver-a | vedette scan -  standard input
  vedette scan logs/ --rule K3 --since 2h         one rule, the last two hours
  vedette scan logs/ --matches -o jsonl           each act instead of episodes
  vedette scan logs/ --rules my-rules/            the pack and your own Sigma rules
"""
SEVERITIES = ("info", "warning", "critical")
_AGO = re.compile(r"(\d+)(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Paths, what to look for, and how to show it."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="files, folders, globs, or - for standard input")
    parser.add_argument("--rule", action="append", default=[], metavar="RULE", help="only this rule (may be repeated)")
    parser.add_argument(
        "--rules", action="append", default=[], metavar="PATH", help="further Sigma rules, file or folder"
    )
    parser.add_argument("--unproven", action="store_true", help="take further rules that come without example events")
    parser.add_argument("--severity", choices=SEVERITIES, default="info", help="only alerts at least this loud")
    parser.add_argument("--since", metavar="TIME", help="only acts from then on: 2h, 3d, or 2026-11-23T06:00:00Z")
    parser.add_argument("--until", metavar="TIME", help="only acts before then")
    parser.add_argument("-o", "--output", choices=("table", "json", "jsonl"), default="table", help="how to print")
    parser.add_argument("--matches", action="store_true", help="print each act that met a rule, not episodes")
    parser.add_argument("--jobs", type=int, default=0, metavar="N", help="processes (default: one a core)")
    parser.add_argument("--quarantine", metavar="FILE", help="write what could not be read there, as JSON lines")
    parser.add_argument("--fail-on", choices=SEVERITIES, default="info", help="exit 1 only from this severity on")
    parser.add_argument("-q", "--quiet", action="store_true", help="no summary on standard error")


def run(args: argparse.Namespace) -> int:
    """Scan; 0: no alert, 1: alerts, 2: something could not be read, or a wrong call."""
    from vedette import app
    from vedette.cli.screen import Progress
    from vedette.rule import Severity

    try:
        request = app.ScanRequest(
            paths=tuple(args.paths),
            config=args.config,
            rules=tuple(args.rules),
            only=tuple(args.rule),
            severity=Severity[args.severity.upper()],
            since=moment(args.since, "--since"),
            until=moment(args.until, "--until"),
            jobs=args.jobs if args.jobs > 0 else _cores(),
            quarantine=args.quarantine,
            unproven=args.unproven,
        )
        scan = app.prepare_scan(request)
        if not args.quiet:
            _say_notes(scan)
        progress = Progress(scan.total)
        began = time.monotonic()
        try:
            scan.read(progress.add)
        finally:
            progress.clear()
    except app.Wrong as error:
        print(error, file=sys.stderr)
        return 2
    loudest = _print(scan, args)
    if not args.quiet:
        _say_summary(scan, time.monotonic() - began)
    for trouble in scan.troubles:
        print(f"vedette: {_safe(trouble)}", file=sys.stderr)
    if scan.troubles:
        return 2
    return 1 if loudest >= Severity[args.fail_on.upper()] else 0


def _print(scan: ScanRun, args: argparse.Namespace) -> int:
    """Print alerts or matches; gives the loudest severity printed, 0 for none."""
    from vedette.alert import Alert
    from vedette.cli import records
    from vedette.cli.screen import alert_lines, coloured, match_lines, terminal_width

    out, colour, width = sys.stdout, coloured(sys.stdout), terminal_width(sys.stdout)
    loudest, number = 0, 0
    for one in scan.matches() if args.matches else scan.alerts():
        loudest, number = max(loudest, one.severity), number + 1
        if args.output == "table":
            shown = alert_lines(one, colour, width) if isinstance(one, Alert) else match_lines(one, colour, width)
            print(shown, file=out)
            continue
        url = scan.runbook_url(one.rule)
        record = records.alert_record(one, url) if isinstance(one, Alert) else records.match_record(one, url)
        if args.output == "json":
            opening = b"[\n" if number == 1 else b",\n"
            out.buffer.write(opening + records.encoded(record))
        else:
            out.buffer.write(records.encoded(record) + b"\n")
    if args.output == "json":
        out.buffer.write(b"\n]\n" if number else b"[]\n")
    out.flush()
    return loudest


def _say_notes(scan: ScanRun) -> None:
    for note in (*scan.settings.notes, *scan.notes):
        print(f"vedette: {_safe(note)}", file=sys.stderr)


def _say_summary(scan: ScanRun, seconds: float) -> None:
    """Where every record went; the sums must agree, and a scan whose sums do not says so."""
    counts, tally = scan.counts, scan.counts.tally
    matched, events = counts.matched.total(), tally.events.total()
    speed = f"{counts.bytes / 1e6:,.1f} MB in {seconds:.1f} s"
    print(f"vedette: {len(scan.files)} files, {counts.lines:,} lines, {speed}", file=sys.stderr)
    parts = [f"{tally.records:,} records = {events:,} events{_detail(tally.events)}"]
    parts.append(f"{tally.quarantined.total():,} quarantined{_detail(tally.quarantined)}")
    parts.append(f"{tally.ignored.total():,} ignored{_detail(tally.ignored)}")
    print("vedette: " + " + ".join(parts), file=sys.stderr)
    print(f"vedette: {events:,} events = {matched:,} matched + {events - matched:,} unmatched", file=sys.stderr)
    if tally.oddly_typed or tally.duplicate_keys:
        odd = f"{tally.oddly_typed:,} events with a field of another type"
        odd += f", {tally.duplicate_keys:,} records with repeated keys"
        print(f"vedette: odd, but read: {odd}", file=sys.stderr)
    if not tally.balanced() or matched > events:
        print("vedette: these sums do not agree, which is a fault of vedette: please report it", file=sys.stderr)
        scan.troubles.append("the sums of records do not agree")


def _detail(counts: Counter[str]) -> str:
    shown = ", ".join(f"{_safe(name)} {number:,}" for name, number in counts.most_common())
    return f" ({shown})" if shown else ""


def moment(text: str | None, option: str) -> int | None:
    """A time as `--since` takes it, in nanoseconds since 1970 UTC. Raises app.Wrong."""
    from datetime import UTC, datetime

    from vedette import app

    if text is None:
        return None
    if ago := _AGO.fullmatch(text):
        return time.time_ns() - int(ago[1]) * _UNITS[ago[2]] * 1_000_000_000
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        message = f"{option} {text!r} is neither a span such as 2h or 3d nor a time such as 2026-11-23T06:00:00Z"
        raise app.Wrong([message]) from None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=UTC)
    return int(parsed.timestamp()) * 1_000_000_000 + parsed.microsecond * 1000


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _safe(text: str) -> str:
    from vedette.escape import terminal

    return terminal(text)
