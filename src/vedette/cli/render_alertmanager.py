"""`vedette render alertmanager`: who is told, as Alertmanager's configuration, and whom somebody's own one tells."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vedette.render.logql_rule import Rendered
    from vedette.render.receiver import Heartbeat
    from vedette.render.receiver_check import Checked, Expected
    from vedette.rule import Rule
    from vedette.settings import Settings

_HOLD = 900.0
"""Seconds; what the settings have for a sink that says nothing of `hold`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The channel, and how it is reached."""
    parser.add_argument("--channel", default="#security", metavar="NAME", help="Slack's channel (#security)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--webhook-url-file", metavar="FILE", help="where Alertmanager finds the URL of the channel's incoming webhook"
    )
    how.add_argument("--token-file", metavar="FILE", help="where it finds a bot token (xoxb-…), in place of a webhook")
    how.add_argument("--check", metavar="FILE", help="say whom this alertmanager.yml tells; exit 1 when it misses any")
    beat = parser.add_mutually_exclusive_group()
    beat.add_argument("--heartbeat-url", metavar="URL", help="where VedetteHeartbeat is posted: a dead-man's switch")
    beat.add_argument(
        "--heartbeat-url-file", metavar="FILE", help="where Alertmanager, 0.26 or later, finds that URL if it is secret"
    )
    parser.add_argument("--fragment", action="store_true", help="only the route and receivers, for a file of your own")
    parser.add_argument("--receiver", default="", metavar="NAME", help="with --check: who is to be told")
    parser.add_argument("--rules", action="append", default=[], metavar="PATH", help="further Sigma rules")


def run(args: argparse.Namespace) -> int:
    """0: printed, or all reach somebody; 1: findings; 2: error."""
    from vedette import app

    try:
        settings = app.load_settings(args.config)
        if args.check is not None:
            return _check(args, settings)
        return _print(args, settings)
    except app.Wrong as error:
        print(error, file=sys.stderr)
        return 2


def _print(args: argparse.Namespace, settings: Settings) -> int:
    from vedette import app
    from vedette.render.receiver import Slack, alertmanager_file

    if not args.webhook_url_file and not args.token_file:
        raise app.Wrong(["render alertmanager: give --webhook-url-file or --token-file: without, nobody is told"])
    slack = Slack(args.channel, args.webhook_url_file or "", args.token_file or "")
    _, rendered = _rules(args.rules, settings)
    counts = [query.name for _, one in rendered for query in one.counts]
    print(alertmanager_file(slack, _heartbeat(args, settings), counts=counts, fragment=args.fragment), end="")
    return 0


def _heartbeat(args: argparse.Namespace, settings: Settings) -> Heartbeat | None:
    """None where none comes and none is asked for."""
    from vedette.render.receiver import Heartbeat

    comes = settings.watch.heartbeat.alertmanager == "on"
    given = args.heartbeat_url or args.heartbeat_url_file
    if given and not comes:
        print("vedette: watch.heartbeat.alertmanager is off: there will be no VedetteHeartbeat", file=sys.stderr)
    if comes and not given:
        print("vedette: VedetteHeartbeat is told nobody: give --heartbeat-url or --heartbeat-url-file", file=sys.stderr)
    if not comes and not given:
        return None
    return Heartbeat(args.heartbeat_url or "", args.heartbeat_url_file or "")


def _check(args: argparse.Namespace, settings: Settings) -> int:
    from vedette import app
    from vedette.clients.alertmanager_routes import read_routing
    from vedette.escape import terminal
    from vedette.problem import Problem
    from vedette.render.receiver_check import check_routing
    from vedette.yaml_text import YamlError, read_file

    try:
        documents = read_file(Path(args.check), args.check)
    except YamlError as error:
        raise app.Wrong([error.problem]) from None
    if len(documents) != 1:
        raise app.Wrong([Problem(args.check, 0, 0, "", "is not one document", "a configuration is one")])
    checked = check_routing(read_routing(documents[0]), _expected(args.rules, settings), receiver=args.receiver)
    for problem in checked.problems:
        print(problem)
    for line in _table(checked):
        print(terminal(line))
    return 1 if checked.problems else 0


def _rules(extra: Sequence[str], settings: Settings) -> tuple[Sequence[Rule], Sequence[tuple[Rule, Rendered]]]:
    """The rules, and those of them that Loki's ruler has."""
    from vedette import app
    from vedette.render.logql_rule import render_rule

    rules = app.usable_rules(app.load_rules(settings, extra))
    proxies = [(proxy.identities, proxy.networks) for proxy in settings.proxies()]
    return rules, [(rule, render_rule(rule, proxies)) for rule in rules if not rule.not_configured]


def _expected(extra: Sequence[str], settings: Settings) -> list[Expected]:
    """All that may come: from the watcher and its heartbeat, and from Loki's ruler."""
    from vedette.render.receiver_check import expected_heartbeat, expected_of_ruler, expected_of_watch
    from vedette.settings.key import seconds

    rules, rendered = _rules(extra, settings)
    hold = min((seconds(sink.hold) for sink in settings.sinks.alertmanager), default=_HOLD)
    found = expected_of_watch(rules, settings.cluster, hold)
    if settings.watch.heartbeat.alertmanager == "on":
        found.append(expected_heartbeat(settings.cluster))
    return found + expected_of_ruler(rendered, settings.cluster)


def _table(checked: Checked) -> list[str]:
    from vedette.render.receiver_check import some

    lines = []
    for receivers, alerts in checked.told.items():
        for severity in ("critical", "warning", "info"):
            names = [one.name for one in alerts if one.labels["severity"] == severity]
            if names:
                lines.append(f"{severity:<8} {some(sorted(names))} -> {', '.join(receivers)}")
    return lines
