"""`vedette config`: check, show and describe the settings."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from vedette.problem import Problem
from vedette.settings import Settings, SettingsError, load, load_text
from vedette.settings.checks_watch import SINKS, SOURCES

EXAMPLES = """\
examples:
  vedette config check                   is the vedette.yaml found here right? what is worth knowing?
  vedette config check --config FILE     the same for another file
  vedette config show                    the settings in force, the built-in ones included
  vedette config show --origin           with the file and line of each value
  vedette config schema > schema.json    the JSON Schema, for an editor

The file is --config FILE, else $VEDETTE_CONFIG, ./vedette.yaml, $XDG_CONFIG_HOME/vedette/vedette.yaml,
/etc/vedette/vedette.yaml. Notes do not make a check fail.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("deed", choices=("check", "show", "schema"), help="see the examples")
    parser.add_argument("--origin", action="store_true", help="show: with each value's file and line")
    parser.add_argument(
        "--rules", action="append", default=[], metavar="PATH", help="check: further Sigma rules that entries may name"
    )


def run(args: argparse.Namespace) -> int:
    """Check, show or describe; 0: fine, 2: wrong settings."""
    if args.deed == "schema":
        from vedette.settings.json_schema import json_schema

        print(json.dumps(json_schema(), indent=2))
        return 0
    from vedette.app import Wrong

    try:
        settings = load(args.config, rules=_known_rules(args.rules))
    except (SettingsError, Wrong) as error:
        print(error, file=sys.stderr)
        return 2
    if args.deed == "show":
        from vedette.settings.printing import shown

        for line in shown(settings, origin=args.origin):
            print(line)
        return 0
    wrong = _unusable(settings, args.rules)
    for problem in (*settings.problems, *wrong):
        print(problem, file=sys.stderr)
    if any(problem.error for problem in wrong):
        return 2
    for note in settings.notes if not settings.file else ():
        print(note, file=sys.stderr)
    print(f"ok: {_summary(settings)}")
    return 0


def _known_rules(extra: Sequence[str]) -> set[str]:
    """Whatever an entry may call a rule: its name, that of one of its documents, or an id."""
    from vedette.app import load_rules

    loaded = load_rules(load_text("", "", today=datetime.now(UTC).date()), extra, unproven=True)
    known = {*loaded.left_out}
    for rule in loaded.rules:
        known.add(rule.name)
        known.update(*((each.name, each.id) for each in rule.detections))
        known.update(*((each.name, each.id) for each in rule.correlations))
    return known


def _unusable(settings: Settings, extra: Sequence[str]) -> list[Problem]:
    """What the rules say of the entries that excuse something: fields that no log has, wildcards for everything."""
    from vedette.app import load_rules

    return [
        problem
        for problem in load_rules(settings, extra, unproven=True).problems
        if problem.file.endswith((" (automation)", " (exception)"))
    ]


def _summary(settings: Settings) -> str:
    """What the settings come to, in a line."""
    networks = sum(len(texts) for texts in settings.networks.values())
    parts = [
        settings.file or "built-in settings",
        f"{_count(networks, 'network')} in {_count(len(settings.networks), 'list')}",
        f"owner {settings.owner.name or 'nobody'}",
        f"{_count(len(settings.automation), 'automation entry', 'automation entries')}",
        f"{_count(len(settings.trusted_proxies), 'trusted proxy', 'trusted proxies')}",
        f"{_count(len(settings.exceptions), 'exception')}",
    ]
    sources = sum(len(getattr(settings.sources, kind)) for kind in SOURCES)
    sinks = sum(len(getattr(settings.sinks, kind)) for kind in SINKS)
    if sources or sinks:
        parts.append(f"{_count(sources, 'source')} and {_count(sinks, 'sink')} for watch")
    notes = sum(not problem.error for problem in settings.problems)
    return "; ".join(parts) + (f"; {_count(notes, 'note')}" if notes else "")


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
