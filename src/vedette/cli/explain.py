"""`vedette explain`: clause by clause, which part of a rule held for an event, and on which value."""

from __future__ import annotations

import argparse
import errno
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vedette.app import Explanation
    from vedette.engine.explain import Clause

EXAMPLES = """\
examples:
  vedette explain K3 event.json                   one event, or several a line each
  sed -n 700p audit.log | vedette explain K3 -    the line that an alert names
"""
_MARK = {True: "yes", False: "no ", None: "?  "}
_MOST = 64 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The rule and the event."""
    parser.add_argument("rule", metavar="RULE", help="a rule's name, K3")
    parser.add_argument("event", metavar="EVENT-FILE", help="a file with events, or - for standard input")
    parser.add_argument("--rules", action="append", default=[], metavar="PATH", help="further Sigma rules")


def run(args: argparse.Namespace) -> int:
    """Explain; 0: the rule does not fire, 1: it does, 2: error."""
    from vedette import app
    from vedette.escape import terminal

    try:
        settings = app.load_settings(args.config)
        rule = app.usable_rules(app.load_rules(settings, args.rules, unproven=True), [args.rule])[0]
        explanations = app.explain_rule(rule, _data(args.event), settings)
    except app.Wrong as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"vedette: {terminal(args.event)}: {error.strerror}", file=sys.stderr)
        return 2
    for explanation in explanations:
        _print(explanation)
    for correlation in rule.correlations:
        needs = f"{correlation.op.value} {correlation.threshold} within {correlation.timespan} s"
        print(f"{correlation.name}: joins acts of {', '.join(correlation.detections)} ({needs}); one event cannot tell")
    fired = any(one.reaction is not None and one.reaction.value != "ignore" for one in explanations)
    return 1 if fired else 0


def _data(name: str) -> bytes:
    if name == "-" and sys.stdin is None:
        raise OSError(errno.EBADF, "standard input is closed")
    data = sys.stdin.buffer.read(_MOST) if name == "-" else Path(name).read_bytes()[:_MOST]
    return data if data.endswith(b"\n") else data + b"\n"


def _print(explanation: Explanation) -> None:
    from vedette.escape import terminal

    event, detection = explanation.event, explanation.detection
    verdict = {True: "matches", False: "does not match", None: "cannot tell"}[explanation.clause.verdict]
    print(f"{detection.name}: {terminal(detection.title)}")
    print(f"  event {terminal(event.act)} by {terminal(event.text('actor')) or '(nobody named)'}")
    print(f"  {verdict}; the event's outcome is {event.outcome.value}: {_meaning(explanation)}")
    for line in _lines(explanation.clause, 1):
        print(line)
    print()


def _meaning(explanation: Explanation) -> str:
    if explanation.reaction is None:
        return "nothing"
    said = {
        "fire": "the rule fires",
        "attempt": "an attempt, one severity down",
        "ignore": "nothing, the act failed",
        "cannot_tell": "an alert that says it cannot tell, one severity down",
    }[explanation.reaction.value]
    return said if explanation.event.final else f"{said}, unless a later record of the same act says otherwise"


def _lines(clause: Clause, depth: int) -> list[str]:
    from vedette.escape import terminal

    found = f"   [{terminal(clause.found, 120)}]" if clause.found else ""
    lines = [f"  {_MARK[clause.verdict]} {'  ' * depth}{terminal(clause.text, 160)}{found}"]
    for part in clause.parts:
        lines += _lines(part, depth + 1)
    return lines
