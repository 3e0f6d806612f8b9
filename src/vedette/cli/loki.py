"""`vedette loki`: asks a Loki that runs the rules how it is with them."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vedette.cli.render_loki import add_rules

if TYPE_CHECKING:
    from vedette.clients.loki import LokiClient
    from vedette.loki_status.asking import Wanted
    from vedette.loki_status.base import Check
    from vedette.render.logql_rule import Rendered
    from vedette.rule import Rule
    from vedette.settings import Settings
    from vedette.sigma import Loaded

EXAMPLES = """\
examples:
  vedette loki status http://127.0.0.1:3100       what its ruler really runs, and what is wrong
  vedette loki status                             the same, of the one Loki in sources
  vedette loki status https://loki.example.org --tenant ops --ruler http://loki-ruler.example.org:3100
"""
SCHEMA = "vedette.loki_status/1"
_WIDTH = 100
_MARGIN = 23
"""Columns before what is said."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    status = verbs.add_parser("status", help="what the ruler of a Loki really runs, beside what the settings say")
    status.add_argument("url", nargs="?", metavar="URL", help="Loki's base URL (default: the one in sources.loki)")
    status.add_argument("--tenant", metavar="NAME", help="the X-Scope-OrgID")
    status.add_argument("--token-file", metavar="FILE", help="a file that holds a bearer token")
    status.add_argument("--ca-file", metavar="FILE", help="the certificates (PEM) that are trusted")
    status.add_argument(
        "--ruler", metavar="URL", help="where rules, metrics and settings are asked for, if URL is but a gateway"
    )
    status.add_argument("--rule", action="append", default=[], metavar="RULE", help="only this rule (may be repeated)")
    add_rules(status)
    status.add_argument("-o", "--output", choices=("table", "json"), default="table", help="how to print")


def run(args: argparse.Namespace) -> int:
    """0: all is well; 1: something is wrong, or could not be checked; 2: no Loki could be asked."""
    from vedette import app
    from vedette.cli.render_loki import jobs, rendered_rules
    from vedette.clients.base import BadSecret
    from vedette.escape import terminal
    from vedette.loki_status.asking import CannotAsk, status

    try:
        settings = app.load_settings(args.config)
        loaded = app.load_rules(settings, args.rules)
        rules = app.usable_rules(loaded, args.rule)
        named = jobs(args.job)
        ought = wanted(settings, rendered_rules(settings, rules, named), named, passed_over(loaded, rules))
        lines, ruler, url, tenant = clients(settings, args)
    except app.Wrong as error:
        print(error, file=sys.stderr)
        return 2
    try:
        checks = status(lines, ruler, ought, tenant)
    except (CannotAsk, BadSecret, OSError) as error:
        where = "" if isinstance(error, BadSecret) else f"{terminal(args.ruler or url)}: "
        print(f"vedette: {where}{terminal(str(error))}", file=sys.stderr)
        return 2
    finally:
        lines.close()
        ruler.close()
    if args.output == "json":
        _print_json(url, tenant, checks)
    else:
        _print_table(checks)
    return 0 if all(check.state == "ok" for check in checks) else 1


def wanted(
    settings: Settings,
    rendered: Sequence[tuple[Rule, Rendered]],
    named: Mapping[str, str],
    passed_over: frozenset[str],
) -> Wanted:
    """What ought to run there. `named`: as the rules were rendered with. Raises app.Wrong."""
    from vedette import app
    from vedette.cli.render_loki import groups_text
    from vedette.loki_status.asking import Wanted, expected_groups
    from vedette.render.logql import JOBS
    from vedette.settings.key import seconds

    groups = expected_groups(groups_text(settings, rendered))
    if not groups:
        raise app.Wrong(["Loki can carry none of these rules, so none is to be looked for"])
    return Wanted(groups, {**JOBS, **named}, float(seconds(settings.watch.evidence_for)), passed_over)


def passed_over(loaded: Loaded, rules: Sequence[Rule]) -> frozenset[str]:
    """The rules by name that are not asked about."""
    return frozenset(rule.name for rule in loaded.rules) - {rule.name for rule in rules}


def clients(settings: Settings, args: argparse.Namespace) -> tuple[LokiClient, LokiClient, str, str]:
    """For lines, for the ruler; and the URL and tenant that hold. Raises app.Wrong."""
    from vedette import app
    from vedette.clients.loki import LokiClient
    from vedette.clients.reading import base_url

    known = settings.sources.loki
    source = known[0] if len(known) == 1 and not args.url else None
    if not args.url and source is None:
        count = "no Loki is" if not known else "several are"
        raise app.Wrong([f"which Loki? {count} named in sources.loki: give the URL"])
    url = args.url or (source.url if source else "")
    tenant = args.tenant or (source.tenant if source else "")
    token_file = args.token_file or (source.token_file if source else "")
    ca_file = args.ca_file or (source.ca_file if source else "")
    made = []
    for address in (url, args.ruler or url):
        try:
            made.append(
                LokiClient(base_url(address), tenant=tenant, token_file=token_file, ca_file=ca_file, timeout=10)
            )
        except ValueError as error:
            raise app.Wrong([f"{address}: {error}"]) from error
    return made[0], made[1], url, tenant


def _print_table(checks: Sequence[Check]) -> None:
    for check in checks:
        first = f"{check.state.value:<8} {check.about:<13} "
        print(_wrapped(first, check.what))
        margin = " " * _MARGIN
        if check.why and check.state != "ok":
            print(_wrapped(margin, check.why))
        if check.mend and check.state != "ok":
            print(_wrapped(margin, f"mend: {check.mend}"))
    counted = Counter(check.state.value for check in checks)
    print(
        f"vedette: {len(checks)} checks: {counted['ok']} ok, {counted['wrong']} wrong, {counted['unknown']} unknown",
        file=sys.stderr,
    )


def _wrapped(first: str, text: str) -> str:
    import textwrap

    from vedette.escape import terminal

    return textwrap.fill(
        terminal(" ".join(text.split()), 800),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * _MARGIN,
        break_on_hyphens=False,
    )


def _print_json(url: str, tenant: str, checks: Sequence[Check]) -> None:
    from vedette.cli import records

    found = [
        {"about": one.about, "state": one.state.value, "what": one.what, "why": one.why, "mend": one.mend}
        for one in checks
    ]
    whole = {"schema": SCHEMA, "url": url, "tenant": tenant, "checks": found}
    sys.stdout.buffer.write(records.encoded(whole) + b"\n")
