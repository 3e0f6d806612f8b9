"""`vedette tune --review`: entries that end, that excused nothing, or that are broader than their use."""

from __future__ import annotations

import argparse
import textwrap

from vedette import app, wiring
from vedette.cli.scan import moment
from vedette.cli.tune_screen import say_read
from vedette.escape import terminal
from vedette.response.kept import Kept
from vedette.response.refusing import Reading
from vedette.response.review import Reviewed, places
from vedette.response.review import review as reviewed
from vedette.settings import Settings
from vedette.settings.key import Span, seconds
from vedette.settings.written import Automation
from vedette.stamp import to_second
from vedette.store.visit import Visit

_WIDTH = 100


def review(args: argparse.Namespace) -> int:
    """0: each entry is used and lasts; 1: some are to be looked at. Raises app.Wrong, StoreError."""
    from datetime import UTC, datetime, timedelta

    for name in ("actor", "match", "until", "owner", "reason", "write", "exception"):
        if getattr(args, name):
            raise app.Wrong([f"--{name} makes an entry; --review looks at those that stand"])
    horizon = seconds(Span(args.expiring))
    if not horizon:
        raise app.Wrong([f"--expiring {args.expiring!r} is no span such as 14d"])
    settings = app.load_settings(args.config)
    rules = app.usable_rules(app.load_rules(settings, args.rules), [args.rule] if args.rule else [])
    Visit(wiring.state_folder(settings, args.state)).close()
    kept = Kept(wiring.state_folder(settings, args.state), moment(args.since or "30d", "--since") or 0)

    def read(with_entry: Settings) -> Reading:
        found = app.load_rules(with_entry, args.rules)
        return Reading(tuple(found.rules), tuple(found.problems))

    if not places(settings):
        print("the settings have no automation entry and no exception of your own")
        return 0
    today = datetime.now(UTC).date()
    proxies = app.trusted_proxies(settings)
    found = list(reviewed(settings, rules, kept, read, proxies, today, timedelta(seconds=horizon)))
    if not found:
        print(f"no automation entry and no exception of your own names {', '.join(one.name for one in rules)}")
        return 0
    if kept.files:
        say_read(kept)
    for one in sorted(found, key=lambda one: (one.place.key, one.place.index, one.rule)):
        _show(one)
    return int(any(one.remarks for one in found))


def _show(one: Reviewed) -> None:
    entry = one.place.entry
    kind = "automation" if isinstance(entry, Automation) else "exception"
    whom = ", ".join(entry.actor) if isinstance(entry, Automation) else str(dict(entry.match))
    acts = "1 act" if one.acts == 1 else f"{one.acts:,} acts"
    used = f"excused {acts}, the last {to_second(one.last)}" if one.acts else "excused nothing"
    print(f"{terminal(one.place.where)}: {kind} for {terminal(one.rule)}: {used}")
    print(f"    {terminal(whom, _WIDTH - 4)}")
    for remark in one.remarks:
        print(textwrap.fill(f"  ! {terminal(remark)}", _WIDTH, subsequent_indent="    ", break_long_words=False))
