"""`vedette respond`: walk from an alert to its end: what happened, what surrounds it, real or not, act, close."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from vedette.escape import terminal

if TYPE_CHECKING:
    from vedette.alert import Alert
    from vedette.cli.alert_desk import Desk
    from vedette.response.briefing import Briefing

EXAMPLES = """\
examples:
  vedette respond 7d1b                            walk through it: each step shows first what it would do
  vedette respond 7d1b --print                    all of it as a Markdown page; nothing is asked, nothing is recorded
  vedette respond 7d1b --hours 6                  what its actor, address and token did six hours before and after
  vedette respond 7d1b --read-only                decide and note, but apply no action
  vedette respond 7d1b --context loki             what surrounds it, out of the Loki in sources
  vedette respond 90ab --from alertmanager        an alert of Loki's ruler
"""
_MOST_HOURS = 24 * 14


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The alert, and what to read around it."""
    parser.add_argument(
        "id", metavar="ALERT", help="its id, or the beginning of it, four characters at least: vedette alerts list"
    )
    parser.add_argument(
        "--print", action="store_true", dest="page", help="print all of it as Markdown, and ask nothing"
    )
    parser.add_argument(
        "--hours", type=float, default=1.0, metavar="N", help="how much before and after it is looked at (default: 1)"
    )
    parser.add_argument(
        "--context",
        choices=("evidence", "loki"),
        default="",
        help="where what surrounds it is read; default: the kept evidence, and where none is kept the Loki in sources",
    )
    parser.add_argument("--loki", default="", metavar="URL", help="the Loki to read, in place of the one in sources")
    parser.add_argument(
        "--from",
        dest="place",
        choices=("store", "alertmanager"),
        default="store",
        help="where the alert is: the store (default), or the Alertmanagers of the settings, for those of Loki's ruler",
    )
    parser.add_argument(
        "--alertmanager",
        action="append",
        default=[],
        metavar="URL",
        help="--from alertmanager, this one; again for each further member of its cluster",
    )
    parser.add_argument("--state", metavar="DIR", default="", help="the folder of the store, as with `vedette watch`")
    parser.add_argument("--read-only", action="store_true", help="no action is applied, as actions.mode does")
    parser.add_argument("--by", default="", metavar="NAME", help="who decides; default: you")
    parser.add_argument(
        "--rules", action="append", default=[], metavar="PATH", help="further Sigma rules, file or folder"
    )


def run(args: argparse.Namespace) -> int:
    """0: walked to its end, or printed; 1: left before that; 2: a wrong call, no such alert, no store."""
    from vedette import app
    from vedette.store.database import StoreError

    try:
        _check(args)
        desk, alert = _opened(args)
        try:
            return _respond(desk, args, alert)
        finally:
            desk.close()
    except (app.Wrong, StoreError) as error:
        print(error if isinstance(error, app.Wrong) else f"vedette: {terminal(str(error))}", file=sys.stderr)
        return 2


def _check(args: argparse.Namespace) -> None:
    """Raises app.Wrong."""
    from vedette import app

    if not 0 < args.hours <= _MOST_HOURS:
        raise app.Wrong([f"--hours {args.hours:g}: more than 0, at most {_MOST_HOURS}"])
    if not args.page and not sys.stdin.isatty():
        raise app.Wrong(["nobody is here to be asked: --print prints the page"])


def _opened(args: argparse.Namespace) -> tuple[Desk, Alert]:
    """Raises app.Wrong, StoreError."""
    if args.alertmanager or args.place == "alertmanager":
        from vedette.cli import respond_held

        return respond_held.opened(args)
    from vedette.cli.alert_desk import Desk

    desk = Desk.opened(args)
    try:
        return desk, desk.named(args.id).alert
    except BaseException:
        desk.close()
        raise


def _respond(desk: Desk, args: argparse.Namespace, alert: Alert) -> int:
    told = briefing(desk, args, alert)
    if args.page:
        from vedette.response.page import page

        print(page(told), end="")
        return 0
    from vedette.cli.respond_walk import Walk

    return Walk(desk, args, told).walk()


def briefing(desk: Desk, args: argparse.Namespace, alert: Alert) -> Briefing:
    """Put it together. Raises app.Wrong."""
    from vedette import responding

    responding.answerable(alert)
    context = responding.context_of(desk.settings, desk.visit.folder, alert, args.hours, args.context, args.loki)
    return responding.brief(desk.settings, desk.visit, alert, args.rules, context)
