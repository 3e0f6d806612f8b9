"""`vedette render audit-policy`: a small audit policy under which the rules can fire, judged before it is printed."""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which rules, and what becomes of the rest."""
    parser.add_argument("names", nargs="*", metavar="RULE", help="only for these rules")
    parser.add_argument(
        "--rest",
        choices=("Metadata", "None"),
        default="Metadata",
        help="the level of requests that no rule asks for (Metadata); K2 and K9 ask for all of them at Metadata",
    )
    parser.add_argument("--rules", action="append", default=[], metavar="PATH", help="further Sigma rules")
    parser.epilog = "would a policy that there is do? vedette prove --policy FILE"


def run(args: argparse.Namespace) -> int:
    """0: printed; 2: error, or no policy would do."""
    from vedette import app
    from vedette.cases import BadCase
    from vedette.escape import terminal
    from vedette.proof.policy_reading import PolicyError
    from vedette.proof.synthesis import NotMade

    try:
        print(_text(args), end="")
    except app.Wrong as error:
        print(error, file=sys.stderr)
        return 2
    except (NotMade, BadCase, PolicyError) as error:
        print(f"vedette: {terminal(str(error))}", file=sys.stderr)
        return 2
    return 0


def _text(args: argparse.Namespace) -> str:
    from vedette import app
    from vedette.cases import pack_settings
    from vedette.proof.audit_policy import LEVELS, Level
    from vedette.proof.naming import Naming
    from vedette.proof.policy_text import policy_text
    from vedette.proof.synthesis import synthesise

    settings = app.load_settings(args.config)
    loaded = app.load_rules(settings, args.rules)
    rules = app.usable_rules(loaded, args.names)
    naming = Naming(pack_settings().site_texts(), settings.site_texts())
    rest = Level(LEVELS.index(args.rest))
    return policy_text(synthesise(rules, app.usable_rules(loaded), app.rules_under(args.rules), naming, rest))
