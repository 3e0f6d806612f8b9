"""`vedette blindspots`: what each source can never show, and what sees it instead."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vedette.proof.blindspots import BlindSpot

EXAMPLES = """\
examples:
  vedette blindspots                              all that is known
  vedette blindspots kubernetes --version 1.34.4  what that version of it does not show
  vedette blindspots --rule K7 --rule K8          what these rules cannot see by their own source
  vedette blindspots --uncovered                  what no rule of vedette sees by another way either
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which."""
    parser.add_argument("product", nargs="?", metavar="PRODUCT", help="kubernetes, vault, openbao, openssh or loki")
    parser.add_argument("--version", dest="of", default="", metavar="VERSION", help="the product's version, 1.34.4")
    parser.add_argument("--rule", action="append", default=[], metavar="RULE", help="only what this rule cannot see")
    parser.add_argument("--uncovered", action="store_true", help="only what no rule reads a second source for")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="what to print")


def run(args: argparse.Namespace) -> int:
    """0: printed, 2: error."""
    from vedette.proof.blindspots import blind_spots, chosen

    spots = blind_spots()
    wrong = _wrong(args, spots)
    if wrong:
        print(f"vedette: {wrong}", file=sys.stderr)
        return 2
    products = [args.product] if args.product else []
    found = [
        spot
        for spot in chosen(spots, products=products, rules=args.rule, version=args.of)
        if not (args.uncovered and spot.covered_by)
    ]
    if args.output == "json":
        import msgspec

        print(json.dumps(msgspec.to_builtins(found), indent=2))
    else:
        _print(found)
    return 0


def _wrong(args: argparse.Namespace, spots: tuple[BlindSpot, ...]) -> str:
    from vedette.escape import terminal

    products = dict.fromkeys(spot.product for spot in spots)
    if args.product and args.product not in products:
        return f"no product is called {terminal(args.product, 40)!r}; there are {', '.join(products)}"
    if args.of and not args.product:
        return f"--version needs the product that it is of: {', '.join(products)}"
    rules = {rule for spot in spots for rule in spot.rules}
    unknown = next((rule for rule in args.rule if rule not in rules), None)
    return f"nothing is known of a rule {terminal(unknown, 40)!r} here" if unknown else ""


def _print(found: list[BlindSpot]) -> None:
    import textwrap

    from vedette.cli.screen import terminal_width

    width = min(terminal_width(sys.stdout), 100)

    def said(text: str, first: str) -> str:
        return textwrap.fill(text, width, initial_indent=first, subsequent_indent="      ", break_on_hyphens=False)

    product = ""
    for spot in found:
        if spot.product != product:
            print(f"{'' if not product else chr(10)}{spot.product}")
            product = spot.product
        versions = f" ({spot.versions})" if spot.versions else ""
        print(said(f"{spot.id}{versions}: {spot.cannot}", "  "))
        covered = f"; read by {', '.join(spot.covered_by)}" if spot.covered_by else ""
        print(said(f"instead: {spot.instead}{covered}", "      "))
        print(said(f"concerns {', '.join(spot.rules)}; {spot.evidence}", "      "))
