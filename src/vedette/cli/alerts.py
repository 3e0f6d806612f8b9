"""`vedette alerts`: what watch or Loki's ruler found: list and show it, acknowledge, silence and close it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from vedette.cli.scan import SEVERITIES
from vedette.escape import terminal

if TYPE_CHECKING:
    from vedette.cli.alert_desk import Desk

EXAMPLES = """\
examples:
  vedette alerts list                             open alerts, the latest first
  vedette alerts list --untold                    what somebody was not told of, and why
  vedette alerts list --status all --since 3d     those that closed as well
  vedette alerts list -f -o jsonl                 and every alert that opens from now on
  vedette alerts list --from alertmanager         what Alertmanager holds, of Loki's ruler too
  vedette alerts show 7d1b                        all of one; any beginning of its id that only it has
  vedette alerts show 7d1b --runbook              what to do, with its words filled in
  vedette alerts ack 7d1b --note "looking"        somebody has seen it
  vedette alerts silence 7d1b --for 2h --reason "known until the fix"
  vedette alerts close 7d1b --reason "drill"
  vedette alerts close 7d1b --as false --reason "the nightly clean-up"    a false positive; vedette tune knows then
"""
_ID = "its id, or the beginning of it, four characters at least"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listed = _verb(verbs, "list", "open alerts, findings included, or others: each is open, acked, silenced or closed")
    listed.add_argument("--status", choices=("open", "closed", "all"), help="default: open; with --untold: all")
    listed.add_argument("--rule", metavar="RULE", default="", help="only this rule, or kind of finding")
    listed.add_argument("--severity", choices=SEVERITIES, default="info", help="only alerts at least this loud")
    listed.add_argument("--since", metavar="TIME", help="only those opened from then on: 2h, 3d, 2026-11-23T06:00:00Z")
    listed.add_argument("--untold", action="store_true", help="only what somebody was not told of, with the reason")
    listed.add_argument("-n", type=int, default=0, metavar="N", help="the latest N only")
    listed.add_argument("-o", "--output", choices=("table", "json", "jsonl"), default="table", help="how to print")
    listed.add_argument("-f", "--follow", action="store_true", help="go on with each alert that opens, until Ctrl-C")
    show = _verb(verbs, "show", "all of one alert: what, who, where, what to do, who was told")
    show.add_argument("id", metavar="ID", help=_ID)
    show.add_argument("--runbook", action="store_true", help="its rule's runbook, with its words filled in")
    show.add_argument("-o", "--output", choices=("table", "json"), default="table", help="how to print")
    ack = _verb(verbs, "ack", "say that somebody has seen it")
    ack.add_argument("id", metavar="ID", help=_ID)
    ack.add_argument("--note", default="", metavar="TEXT", help="kept with it")
    _by(ack)
    silence = _verb(verbs, "silence", "tell nobody of it and of its next episodes for a while; only after ack")
    silence.add_argument("id", nargs="?", metavar="ID", help=_ID)
    silence.add_argument("--for", dest="span", metavar="TIME", help="30m, 2h, 3d; at most 7d")
    silence.add_argument("--reason", default="", metavar="TEXT", help="why; kept with it, and shown where it is missed")
    silence.add_argument("--list", action="store_true", help="the silences in force")
    silence.add_argument("-o", "--output", choices=("table", "json"), default="table", help="how to print --list")
    _by(silence)
    unsilence = _verb(verbs, "unsilence", "end its silences")
    unsilence.add_argument("id", metavar="ID", help=_ID)
    _by(unsilence)
    close = _verb(verbs, "close", "end it now, and have it told where it was told")
    close.add_argument("id", metavar="ID", help=_ID)
    close.add_argument("--reason", required=True, metavar="TEXT", help="why; kept with it")
    close.add_argument(
        "--as",
        dest="verdict",
        choices=("true", "false"),
        help="what it was: true, or a false positive; `vedette tune` goes by it, also for one that closed already",
    )
    _by(close)


def _verb(verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("--state", metavar="DIR", default="", help="the folder of the store, as with `vedette watch`")
    parser.add_argument(
        "--from",
        dest="place",
        choices=("store", "alertmanager"),
        help="the store (default), or the Alertmanagers of the settings, which hold what Loki's ruler found as well",
    )
    parser.add_argument(
        "--alertmanager",
        action="append",
        default=[],
        metavar="URL",
        help="--from alertmanager, this one; again for each further member of its cluster",
    )
    return parser


def _by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", default="", metavar="NAME", help="who says so; default: you")


def run(args: argparse.Namespace) -> int:
    """0 when done, 2 for a wrong call, an unknown alert or no store."""
    from vedette import app
    from vedette.cli.alert_desk import Desk
    from vedette.store.database import StoreError

    try:
        if _in_alertmanager(args):
            return _run_held(args)
        desk = Desk.opened(args)
        try:
            return _run(desk, args)
        finally:
            desk.close()
    except (app.Wrong, StoreError) as error:
        print(error if isinstance(error, app.Wrong) else f"vedette: {error}", file=sys.stderr)
        return 2


def _run(desk: Desk, args: argparse.Namespace) -> int:
    if args.verb == "list":
        from vedette.cli.alert_list import list_alerts

        return list_alerts(desk, args)
    if args.verb == "show":
        from vedette.cli.alert_show import show

        return show(desk, args)
    if args.verb in ("silence", "unsilence"):
        from vedette.cli import alert_silence

        return alert_silence.silence(desk, args) if args.verb == "silence" else alert_silence.unsilence(desk, args)
    return _ack(desk, args) if args.verb == "ack" else _close(desk, args)


def _in_alertmanager(args: argparse.Namespace) -> bool:
    """Whether it is asked; also where there is no store, and the settings name one. Raises app.Wrong."""
    from vedette import app, wiring

    if args.alertmanager and args.place == "store":
        raise app.Wrong(["--alertmanager goes with --from alertmanager"])
    if args.alertmanager or args.place or args.state:
        return bool(args.alertmanager) or args.place == "alertmanager"
    settings = app.load_settings(args.config)
    folder = wiring.state_folder(settings, "")
    if folder.exists() or not settings.sinks.alertmanager:
        return False
    print(f"vedette: no store in {terminal(str(folder))}; Alertmanager is asked", file=sys.stderr)
    return True


def _run_held(args: argparse.Namespace) -> int:
    from vedette import app
    from vedette.cli import alert_held_show, alert_held_silence
    from vedette.cli.alert_held import HeldDesk

    if args.state:
        raise app.Wrong(["--state names a store; Alertmanager is asked"])
    verbs = {
        "list": alert_held_show.list_held,
        "show": alert_held_show.show_held,
        "ack": alert_held_silence.ack_held,
        "silence": alert_held_silence.silence_held,
        "unsilence": alert_held_silence.unsilence_held,
        "close": alert_held_silence.close_held,
    }
    return verbs[args.verb](HeldDesk.opened(args), args)


def _ack(desk: Desk, args: argparse.Namespace) -> int:
    from vedette.cli.alert_desk import clean, who
    from vedette.stamp import to_second

    kept, by = desk.named(args.id), who(args)
    now = desk.now()
    with desk.visit.database.transaction():
        desk.visit.alerts.ack(kept.alert.id, now, by)
        desk.visit.alerts.did(kept.alert.id, now, by, "acked", clean(args.note))
    first = desk.named(kept.alert.id)
    if kept.acked:
        print(f"{desk.short(kept)} was acknowledged by {terminal(first.acked_by)} at {to_second(first.acked)}")
    else:
        print(f"{desk.short(kept)} acknowledged by {terminal(by)}")
    return 0


def _close(desk: Desk, args: argparse.Namespace) -> int:
    from vedette import app, wiring
    from vedette.cli.alert_desk import clean, who
    from vedette.stamp import to_second
    from vedette.store.alerts import OWN
    from vedette.watch.telling import Telling

    kept, by, reason = desk.named(args.id), who(args), clean(args.reason)
    if not reason.strip():
        raise app.Wrong(["--reason: say why it is over"])
    short = desk.short(kept)
    if kept.alert.source == OWN and kept.state == "open":
        # It would be found again within seconds.
        ways = f"it closes by itself once that no longer holds; vedette alerts silence {short} keeps it quiet"
        raise app.Wrong([f"{short} is a finding of vedette's own ({kept.alert.title}); {ways}"])
    now = desk.now()
    telling = Telling(desk.visit, (), wiring.manners(desk.settings))
    with desk.visit.database.transaction():
        kept = desk.named(kept.alert.id)
        if kept.state == "open":
            telling.close(kept, now, f"{by}: {reason}")
            desk.visit.alerts.did(kept.alert.id, now, by, "closed", reason)
        if args.verdict:
            # By itself, since most episodes fall quiet before anybody has judged them.
            desk.visit.alerts.did(kept.alert.id, now, by, "judged", f"{args.verdict}: {reason}")
    if args.verdict:
        said = "true" if args.verdict == "true" else "a false positive"
        print(f"{short} was {said}, says {terminal(by)}")
    if kept.state != "open":
        closer = terminal(kept.closed_by) or "nobody: it fell quiet"
        print(f"{short} was closed at {to_second(kept.closed)} by {closer}")
        return 0
    told = [row for row in desk.visit.outbox.of_alert(kept.alert.id) if row.occasion == "closed"]
    later = [f"{row.sink} at {to_second(row.due)[11:]}" if row.due > now else row.sink for row in told]
    whom = terminal(", ".join(later)) or "who was told of it"
    print(f"{short} closed by {terminal(by)}; the running `vedette watch` tells {whom}")
    return 0
