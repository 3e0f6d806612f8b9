"""`vedette render loki`: the rules as LogQL, a file of groups for Loki's ruler or the bare queries."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vedette.render.logql_rule import Rendered
    from vedette.rule import Rule
    from vedette.settings import Settings

_SOURCES = {"kube": "kube_audit", "vault": "vault_audit", "sshd": "sshd"}
_SHOWN = 40
"""Lines of drift that are printed."""


def add_arguments(loki: argparse.ArgumentParser) -> None:
    """Which rules, and how."""
    loki.add_argument("names", nargs="*", metavar="RULE", help="only these rules")
    add_rules(loki)
    loki.add_argument("--explain", action="store_true", help="print a sentence for each stage of each query")
    loki.add_argument("--check", metavar="FILE", help="compare with a file rendered before; exit 1 when it differs")
    loki.add_argument(
        "--into",
        metavar="FOLDER",
        help="write FOLDER/vedette.yaml where the ruler reads it, unless one of its files would stop it",
    )
    judge = loki.add_mutually_exclusive_group()
    judge.add_argument(
        "--loki", default="", metavar="URL", help="with --into: this Loki judges the queries; else the program loki"
    )
    judge.add_argument("--unchecked", action="store_true", help="with --into: do without a Loki to judge the queries")
    loki.add_argument(
        "-o", "--output", choices=("rules", "queries"), default="rules", help="what to print (rules: for the ruler)"
    )


def add_rules(parser: argparse.ArgumentParser) -> None:
    """What else decides about the rule file."""
    parser.add_argument("--rules", action="append", default=[], metavar="PATH", help="further Sigma rules")
    parser.add_argument(
        "--job",
        action="append",
        default=[],
        metavar="SOURCE=NAME",
        help="the job label of a log: kube=kube-audit, vault=vault-audit, sshd=sshd-pve",
    )


def run(args: argparse.Namespace) -> int:
    """0: printed, or no drift; 1: drift; 2: error, or no rule that Loki can carry."""
    from vedette import app
    from vedette.escape import terminal

    try:
        return _run(args)
    except app.Wrong as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"vedette: {terminal(str(args.check))}: {error.strerror}", file=sys.stderr)
        return 2


def rendered_rules(settings: Settings, rules: Sequence[Rule], named: Mapping[str, str]) -> list[tuple[Rule, Rendered]]:
    """Each rule that is configured, with its queries. `named`: format -> job label, beside the usual ones."""
    from vedette.render.logql_rule import render_rule

    proxies = [(proxy.identities, proxy.networks) for proxy in settings.proxies()]
    return [(rule, render_rule(rule, proxies, jobs=named)) for rule in rules if not rule.not_configured]


def groups_text(settings: Settings, rendered: Sequence[tuple[Rule, Rendered]]) -> str:
    """The rule file for the ruler. Raises app.Wrong."""
    from vedette import wiring
    from vedette.render.ruler import groups_file
    from vedette.runbook import link

    return groups_file(
        rendered,
        cluster=settings.cluster,
        runbook=lambda rule: link(settings.runbook_url, rule),
        texts=wiring.runbooks([rule for rule, _ in rendered]),
    )


def _run(args: argparse.Namespace) -> int:
    from vedette import app
    from vedette.escape import terminal
    from vedette.render.ruler import queries_text

    if args.into is None and (args.loki or args.unchecked):
        raise app.Wrong(["--loki and --unchecked go with --into"])
    if args.into is not None and (args.check is not None or args.explain or args.output != "rules"):
        raise app.Wrong(["--into writes the rule file; it goes with none of --check, --explain and -o"])
    settings = app.load_settings(args.config)
    rules = app.usable_rules(app.load_rules(settings, args.rules), args.names)
    rendered = rendered_rules(settings, rules, jobs(args.job))
    for rule in rules:
        if rule.not_configured:
            print(f"vedette: {rule.name} is not configured: {terminal(rule.not_configured)}", file=sys.stderr)
    for _, one in rendered:
        for name, why in one.refused.items():
            print(f"vedette: {terminal(name)} is not for Loki: {terminal(why)}", file=sys.stderr)
    if not any(one.queries or one.counts for _, one in rendered):
        print("vedette: Loki can carry none of these rules", file=sys.stderr)
        return 2
    if args.output == "queries" or args.explain:
        text = queries_text(rendered, explain=args.explain)
    else:
        text = groups_text(settings, rendered)
    if args.into is not None:
        from vedette.cli.render_loki_into import write_into

        return write_into(Path(args.into), text, loki=args.loki, unchecked=args.unchecked, settings=settings)
    if args.check is None:
        print(text, end="")
        return 0
    held = Path(args.check).read_bytes().decode("utf-8", "replace")
    difference = list(
        difflib.unified_diff(held.splitlines(), text.splitlines(), args.check, "the settings", "", "", 0, "")
    )
    for line in difference[:_SHOWN]:
        print(terminal(line, 160))
    if not difference:
        print(f"{terminal(args.check)} is what the settings and rules say")
    return 1 if difference else 0


def jobs(given: list[str]) -> dict[str, str]:
    """Format -> job label, of `--job SOURCE=NAME`. Raises app.Wrong."""
    from vedette import app

    found = {}
    for text in given:
        source, _, name = text.partition("=")
        if source not in _SOURCES or not name:
            raise app.Wrong([f"--job {text}: write kube=NAME, vault=NAME or sshd=NAME"])
        found[_SOURCES[source]] = name
    return found
