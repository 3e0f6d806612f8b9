"""`vedette drill`: make rules fire by harmless acts, and read the alerts back hop by hop."""

from __future__ import annotations

import argparse
import signal
import sys
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from vedette.drilling.conduct import Result
    from vedette.drilling.wire import Grounds, Session
    from vedette.drills.base import CannotDrill, Drill
    from vedette.rule import Rule

EXAMPLES = """\
examples:
  vedette drill --all --plan              what would be done, call by call; nothing is
  vedette drill K5                        six own ConfigMaps deleted; the alert followed to Slack
  vedette drill --all --yes -o json       every rule that the settings let be drilled, for a timer
  vedette drill K3 --on-loki              by the rules in Loki's ruler, not by vedette watch
  vedette drill --clean                   take away what a killed drill left behind
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which rules, and how."""
    parser.add_argument("names", nargs="*", metavar="RULE", help="these rules")
    parser.add_argument("--all", action="store_true", help="every rule, but for what the owner must do")
    parser.add_argument("--plan", action="store_true", help="say what would be done, and end")
    parser.add_argument("--yes", action="store_true", help="do not ask before anything is done")
    parser.add_argument("--clean", action="store_true", help="only take away what earlier drills left behind")
    parser.add_argument(
        "--for-real", action="store_true", help="V1, V2, V3, K6, K10 too: where drill.for_real is on, in a lab"
    )
    parser.add_argument("--on-loki", action="store_true", help="follow the alert of Loki's ruler, at Alertmanager")
    parser.add_argument("--state", default="", metavar="DIR", help="the folder of the store, as with `vedette watch`")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="how to print")


def run(args: argparse.Namespace) -> int:
    """0: all went through and left nothing behind; 1: one did not; 2: error, nothing was done."""
    from vedette import app
    from vedette.store.database import StoreError

    # A timer that is stopped leaves no more behind than Ctrl-C does.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(args)
    except (app.Wrong, StoreError) as error:
        print(error if isinstance(error, app.Wrong) else f"vedette: {error}", file=sys.stderr)
        return 2
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(args: argparse.Namespace) -> int:
    from vedette import app, wiring
    from vedette.drilling.wire import Grounds, session

    if bool(args.names) + args.all + args.clean != 1:
        raise app.Wrong(["name the rules to drill, or say --all; --clean stands alone"])
    settings = app.load_settings(args.config)
    if args.for_real and settings.drill.for_real != "on":
        raise app.Wrong(["--for-real makes a root token and seals Vault; say drill: {for_real: on} where that may be"])
    grounds = Grounds.of(settings)
    folder = wiring.state_folder(settings, args.state)
    if args.clean:
        with session(settings, folder, grounds, on_loki=args.on_loki) as opened:
            return _swept(opened)
    rules = app.usable_rules(app.load_rules(settings), args.names)
    ready, unready = _drills(rules, grounds, args)
    marks = {rule: str(uuid.uuid4()) for rule in ready}
    if args.plan or not args.yes:
        _print_plan(ready, unready, marks, sys.stdout if args.plan else sys.stderr)
    if args.plan:
        return 0
    if not ready:
        raise app.Wrong([f"{name}: {why}{_mend(why)}" for name, why in unready.items()])
    if not _agreed(args):
        return 2
    if args.yes:
        _print_plan({}, unready, marks, sys.stderr)
    with session(settings, folder, grounds, on_loki=args.on_loki) as opened:
        results = _done(opened, ready, marks, args.output)
    return _told(results, {} if args.all else unready, args.output)


def _drills(
    rules: Sequence[Rule], grounds: Grounds, args: argparse.Namespace
) -> tuple[dict[str, Drill], dict[str, CannotDrill]]:
    """By rule: what can be drilled here, and why the others cannot."""
    from vedette.drilling.wire import drill_for
    from vedette.drills.base import CannotDrill, How

    ready: dict[str, Drill] = {}
    unready: dict[str, CannotDrill] = {}
    for rule in rules:
        try:
            drill = drill_for(rule, grounds, for_real=args.for_real)
        except CannotDrill as error:
            unready[rule.name] = error
            continue
        if args.all and drill.how is How.OWNER:
            unready[rule.name] = CannotDrill(f"done by the owner: vedette drill {rule.name}")
        else:
            ready[rule.name] = drill
    return ready, unready


def _print_plan(ready: dict[str, Drill], unready: dict[str, CannotDrill], marks: dict[str, str], out: TextIO) -> None:
    import textwrap

    from vedette.escape import terminal

    def say(text: str, indent: str) -> None:
        wrapper = textwrap.TextWrapper(100, initial_indent=indent, break_on_hyphens=False)
        wrapper.subsequent_indent = indent.replace("-", " ") + "  "
        for line in wrapper.wrap(terminal(text)):
            print(line, file=out, flush=True)

    for name, drill in ready.items():
        say(f"{name}: {drill.how.value}", "")
        for line in drill.plan(marks[name]):
            say(line, "  - ")
    for name, why in unready.items():
        say(f"{name}: not drilled: {why}{_mend(why)}", "")


def _mend(error: CannotDrill) -> str:
    return f"; {error.mend}" if error.mend else ""


def _agreed(args: argparse.Namespace) -> bool:
    if args.yes:
        return True
    if not sys.stdin.isatty():
        print("vedette: nobody is here to ask; say --yes, or --plan to see what would be done", file=sys.stderr)
        return False
    print("Do this? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _swept(opened: Session) -> int:
    from vedette.escape import terminal

    left = opened.conductor.sweep()
    for what in left:
        print(f"vedette: still there: {terminal(what)}", file=sys.stderr)
    if not left:
        print("vedette: nothing is left of any drill", file=sys.stderr)
    return int(bool(left))


def _done(opened: Session, ready: dict[str, Drill], marks: dict[str, str], output: str) -> list[Result]:
    """One after the other, each told as it ends."""
    from vedette.drills.base import How
    from vedette.escape import terminal

    for what in opened.conductor.sweep():
        print(f"vedette: an earlier drill left behind: {terminal(what)}", file=sys.stderr)
    results = []
    for name, drill in ready.items():
        if drill.how is How.OWNER:
            # Whoever is asked has to know what for, whatever was shown before.
            _print_plan({name: drill}, {}, marks, sys.stderr)
        result = opened.conductor.run(drill, marks[name])
        results.append(result)
        if output == "table":
            _print_result(result)
    return results


def _print_result(result: Result) -> None:
    import textwrap

    from vedette.drilling.hops import since
    from vedette.escape import terminal

    word = {"through": "went through", "attempt": "drilled as an attempt: less than its firing"}.get(result.outcome)
    print(f"{result.rule:<4} {result.how:<9} {word or f'stuck at {terminal(result.stuck)}'}", flush=True)
    lines = [f"{since(hop, result.at):6.2f} s  {hop.name}: {hop.seen}" for hop in result.hops]
    if result.why:
        lines.append(f"{'':8}  {result.why}")
    if result.mend:
        lines.append(f"{'':8}  mend: {result.mend}")
    lines += [f"{'':8}  still there: {what}" for what in result.left]
    for line in lines:
        shown = terminal(line)
        print("\n".join(textwrap.wrap(shown, 100, initial_indent="     ", subsequent_indent=" " * 17)), flush=True)


def _told(results: Sequence[Result], unready: dict[str, CannotDrill], output: str) -> int:
    if output == "json":
        import json

        print(json.dumps([*map(_record, results), *_unready(unready)], indent=2, ensure_ascii=True))
    return int(bool(unready) or not all(result.well for result in results))


def _record(result: Result) -> dict[str, object]:
    """A drill as programs read it; the names are a promise."""
    from vedette.drilling.hops import since
    from vedette.stamp import stamp

    return {
        "rule": result.rule,
        "how": result.how,
        "outcome": result.outcome,
        "stuck": result.stuck,
        "why": result.why,
        "mend": result.mend,
        "mark": result.mark,
        "acted": stamp(result.at) if result.at else None,
        "hops": [
            {"hop": hop.name, "seconds": round(since(hop, result.at), 3), "seen": hop.seen} for hop in result.hops
        ],
        "left": list(result.left),
    }


def _unready(unready: dict[str, CannotDrill]) -> list[dict[str, object]]:
    return [
        {"rule": name, "how": "", "outcome": "failed", "stuck": "act", "why": str(why), "mend": why.mend,
         "mark": "", "acted": None, "hops": [], "left": []}
        for name, why in unready.items()
    ]  # fmt: skip
