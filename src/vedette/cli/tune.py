"""`vedette tune`: who sets a rule off, and the narrowest entry that makes it silent on them and on nobody else."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from vedette.response.entry import Entry
    from vedette.response.kept import Kept
    from vedette.response.past import Group
    from vedette.response.proposing import Words
    from vedette.response.tuning import Site, Survey, Tried
    from vedette.settings import Settings

EXAMPLES = """\
examples:
  vedette tune K5                                 who sets it off, and what would excuse the one that looks like work
  vedette tune K5 --actor system:serviceaccount:ops:janitor --reason "it clears finished jobs" --write
  vedette tune K3 --actor ann@example.org --exception --until 2027-01-31 --owner me --reason "the move"
  vedette tune S1 --match '{actor: ci, address: 203.0.113.9}' --until 2027-01-31 --owner me --reason "new runner"
  vedette tune --review                           entries that expire, never matched, or are broader than their use
"""
_DAYS = 30
"""How long an exception lasts that is only looked at."""
_MOST_MATCH = 4_000
"""Characters of a selection on the command line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The rule, for whom, and what is said of the entry."""
    parser.add_argument("rule", nargs="?", metavar="RULE", default="", help="the rule to tune; with --review: only it")
    parser.add_argument("--actor", default="", metavar="NAME", help="for this actor, as the log has it")
    parser.add_argument("--exception", action="store_true", help="an exception that ends, not an automation entry")
    parser.add_argument(
        "--match", default="", metavar="SELECTION", help="the exception's own selection, as YAML: {actor: a, verb: get}"
    )
    parser.add_argument("--until", default="", metavar="DATE", help="the exception's last day, YYYY-MM-DD")
    parser.add_argument("--owner", default="", metavar="NAME", help="who answers for the exception")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; it stands in the settings")
    parser.add_argument("--write", action="store_true", help="put the entry into the settings; else it is only shown")
    parser.add_argument("--since", metavar="TIME", help="what is kept from then on (default: 7d; --review: 30d)")
    parser.add_argument("--review", action="store_true", help="look at the entries that stand in the settings")
    parser.add_argument(
        "--expiring", default="14d", metavar="TIME", help="--review: tell of exceptions that end within it"
    )
    parser.add_argument("--state", metavar="DIR", default="", help="the folder of the store, as with `vedette watch`")
    parser.add_argument(
        "--rules", action="append", default=[], metavar="PATH", help="further Sigma rules, file or folder"
    )


def run(args: argparse.Namespace) -> int:
    """0: an entry that stands, or nothing to tell; 1: it was refused, or the review found something; 2: error."""
    from vedette import app
    from vedette.cli import tune_review
    from vedette.store.database import StoreError

    try:
        if args.review:
            return tune_review.review(args)
        return _tune(args)
    except (app.Wrong, StoreError) as error:
        print(error if isinstance(error, app.Wrong) else f"vedette: {error}", file=sys.stderr)
        return 2


def _tune(args: argparse.Namespace) -> int:
    from vedette import app
    from vedette.cli import tune_screen
    from vedette.response import tuning

    if not args.rule:
        raise app.Wrong(["which rule? vedette tune RULE, or vedette tune --review"])
    words, match = _words(args), _match(args)
    site, kept = opened(args, args.rule, args.since or "7d")
    looked = tuning.survey(site, kept)
    tune_screen.show_survey(site, kept, looked)
    entries, why = _wanted(args, site, looked, words, match)
    if not entries:
        print(why)
        if args.write:
            raise app.Wrong(["nothing was written"])
        return 0
    if why:
        print(why)
    tried = tuning.try_all(site, kept, looked, entries)
    tune_screen.show_tried(tried)
    last = tried[-1]
    if last.refusals:
        print("\nno entry is proposed: none that was tried is for this actor alone")
        return 1
    chosen = tried[0] is last
    asked = bool(args.match or args.actor)
    if args.write and not chosen and asked:
        print("\nnothing was written: what you asked for was refused. The narrower one above is only a proposal.")
        return 1
    return _put(args, last) or (0 if chosen or not asked else 1)


def _words(args: argparse.Namespace) -> Words:
    """What is said of the entry; for one that is only shown, what has to be said yet. Raises app.Wrong."""
    from datetime import UTC, datetime, timedelta

    from vedette import app
    from vedette.cli.alert_desk import clean
    from vedette.response.proposing import Words

    today = datetime.now(UTC).date()
    until = _day(args.until) if args.until else today + timedelta(days=_DAYS)
    if until < today:
        raise app.Wrong([f"--until {until}: that day is over; the exception would excuse nothing"])
    if args.until and not (args.exception or args.match):
        raise app.Wrong(["--until goes with --exception or --match: an automation entry has no end"])
    if args.write and (args.exception or args.match):
        _demand(args, ("until", "owner"), "an exception ends, and somebody answers for it")
    if args.write:
        _demand(args, ("reason",), "it stands in the settings, and others will ask")
    reason, owner = clean(args.reason).strip(), clean(args.owner).strip()
    return Words(reason or "(say why: --reason)", owner or "(say who: --owner)", until)


def _demand(args: argparse.Namespace, names: tuple[str, ...], why: str) -> None:
    from vedette import app

    missing = [f"--{name}" for name in names if not getattr(args, name).strip()]
    if missing:
        raise app.Wrong([f"--write needs {' and '.join(missing)}: {why}"])


def _day(text: str) -> date:
    from datetime import date

    from vedette import app

    try:
        if len(text) == len("2027-01-31"):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise app.Wrong([f"--until {text!r} is not a day of the calendar; write it as YYYY-MM-DD, for example 2027-01-31"])


def _match(args: argparse.Namespace) -> dict[str, Any]:
    """The selection that was written on the command line. Raises app.Wrong."""
    from vedette import app
    from vedette.cli.alert_desk import clean
    from vedette.yaml_text import YamlError, read_documents

    if not args.match:
        return {}
    if args.actor:
        raise app.Wrong(["--match says all of the selection; put the actor into it"])
    try:
        found = read_documents(clean(args.match), "--match", most=_MOST_MATCH)
    except YamlError as error:
        raise app.Wrong([error.problem]) from error
    if len(found) != 1 or not isinstance(found[0].value, dict) or not found[0].value:
        raise app.Wrong(["--match: write a map as YAML, such as '{actor: ann@example.org, namespace: web}'"])
    return found[0].value


def opened(args: argparse.Namespace, name: str, since: str) -> tuple[Site, Kept]:
    """What a rule is tuned by. Raises app.Wrong, StoreError."""
    from datetime import UTC, datetime

    from vedette import app, wiring
    from vedette.cli.scan import moment
    from vedette.response.kept import Kept
    from vedette.response.refusing import Reading
    from vedette.response.tuning import Site
    from vedette.store.visit import Visit

    settings = app.load_settings(args.config)
    loaded = app.load_rules(settings, args.rules)
    rules = app.usable_rules(loaded)
    (rule,) = app.named_rules(loaded, [name])
    if rule.not_configured:
        raise app.Wrong([f"{rule.name} is not configured: {rule.not_configured}; there is nothing to tune"])
    visit = Visit(wiring.state_folder(settings, args.state))
    try:
        stored = tuple(one.alert for one in visit.alerts.listed(rule=rule.name))
        verdicts = visit.alerts.verdicts(rule.name)
    finally:
        visit.close()

    def read(with_entry: Settings) -> Reading:
        found = app.load_rules(with_entry, args.rules)
        return Reading(tuple(found.rules), tuple(found.problems))

    site = Site(
        settings,
        rule,
        frozenset(one.name for one in rules),
        stored,
        verdicts,
        app.trusted_proxies(settings),
        read,
        app.rules_under(args.rules),
        datetime.now(UTC).date(),
    )
    return site, Kept(visit.folder, moment(since, "--since") or 0)


def _wanted(
    args: argparse.Namespace, site: Site, looked: Survey, words: Words, match: dict[str, Any]
) -> tuple[list[Entry], str]:
    """The entries to try, and what to say before. Raises app.Wrong for an actor who set nothing off."""
    from vedette import app
    from vedette.cli.alert_desk import clean
    from vedette.escape import terminal
    from vedette.response import tuning

    actor = clean(args.actor)
    group: Group | None
    if actor:
        group, why = tuning.actor_group(looked, actor), ""
        if group is None:
            near = _near(actor, looked)
            raise app.Wrong([f"{actor!r} set off no alert of {site.rule.name} in that time{near}"])
    else:
        found = tuning.benign_group(site.rule, looked)
        group, why = found or (None, "")
        if group is not None and not match:
            why = f"\nproposed for {terminal(group.actor or '(nobody named)')}: {why}"
    if match:
        wanted = [tuning.entry_of_match(site, match, words)]
        group = group or (looked.groups[0] if looked.groups else None)
        narrower = tuning.entries_for(site, looked, group, words, exempt=True, whole=False) if group is not None else []
        return [*wanted, *narrower], ""
    if group is None:
        nobody = "nobody set it off" if not looked.groups else "none of them looks like a program at its work"
        hint = f"; vedette tune {site.rule.name} --actor NAME proposes an entry all the same" if looked.groups else ""
        return [], f"\n{nobody}{hint}"
    if not any(one.acts for one in group.alerts):
        why = "no act of it is in the evidence that was read, or the settings excuse them already"
        return [], f"\nno entry is proposed: {why}"
    entries = tuning.entries_for(site, looked, group, words, exempt=args.exception, whole=bool(actor))
    return entries, why if entries else "\nno entry can name this: it has no actor that the settings could excuse"


def _near(actor: str, looked: Survey) -> str:
    import difflib

    actors = {one.actor for one in looked.groups if one.actor}
    near = difflib.get_close_matches(actor, actors, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; those who did: {', '.join(sorted(actors)[:5])}" if actors else ""


def _put(args: argparse.Namespace, one: Tried) -> int:
    """Show what would be written, or write it; 0 where that went well. Raises app.Wrong."""
    from vedette import app
    from vedette.cli import tune_screen
    from vedette.response.entry import EXCEPTIONS
    from vedette.response.writing import read_text, replace_text
    from vedette.response.yaml_edit import CannotPut

    path = settings_path(args)
    if path is None:
        if args.write:
            raise app.Wrong(["there is no vedette.yaml to write into; `vedette init LOGS > vedette.yaml` makes one"])
        print("\nno vedette.yaml was found to put it into; `vedette init LOGS > vedette.yaml` makes one")
        return 0
    try:
        before = read_text(path)
        after = one.entry.put_into(before)
    except CannotPut as error:
        raise app.Wrong([f"{path}:{error.line}: {error}; paste this by hand:", *one.entry.lines()]) from error
    except UnicodeDecodeError as error:
        raise app.Wrong([f"{path}: is not UTF-8"]) from error
    tune_screen.show_diff(str(path), before, after)
    if not args.write:
        return 0
    if one.entry.path == EXCEPTIONS:
        _demand(args, ("until", "owner"), "an exception ends, and somebody answers for it")
    if not one.excuses:
        raise app.Wrong(["nothing was written: it could not be rehearsed, for nothing that is kept would be excused"])
    try:
        replace_text(path, before, after)
    except OSError as error:
        raise app.Wrong([f"{path}: {error.strerror}; nothing was written, the entry is above"]) from error
    print(f"written to {path}; a running `vedette watch` takes it up at SIGHUP (systemctl reload vedette)")
    return 0


def settings_path(args: argparse.Namespace) -> Path | None:
    """The settings file in force, if there is one."""
    import os
    from pathlib import Path

    from vedette.settings import find

    return Path(args.config) if args.config else find(os.environ, Path())
