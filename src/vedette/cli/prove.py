"""`vedette prove`: can each rule fire here? Link by link, from what is given."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vedette.offline import Said
    from vedette.proof.apiserver import ApiServer
    from vedette.proof.audit_policy import AuditPolicy
    from vedette.proof.links.base import Given, Ruler, Unread
    from vedette.proof.verdict import RuleResult
    from vedette.rule import Rule
    from vedette.settings import Settings
    from vedette.sigma import Loaded

EXAMPLES = """\
examples:
  vedette prove                                   every link of every rule here: what came, what is told, and to whom
  vedette prove --on loki=http://127.0.0.1:3100   the same, where the ruler of a Loki is the engine
  vedette prove --policy audit-policy.yaml        which rules can fire under an audit policy, and what breaks the others
  vedette prove K3 K4 --policy -                  two rules, every variant by name; the policy from standard input
  vedette prove --here --policy policy.yaml --severity critical    both; exit 1 only for what is critical
  vedette prove --rules theirs/ --no-pack --policy policy.yaml     rules of other people, with or without firing cases
"""
SEVERITIES = ("info", "warning", "critical")
_WIDTH = 100
_NAMED = 4
"""Rules that are named on standard error; of more the number."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which rules, and what is given."""
    parser.add_argument("names", nargs="*", metavar="RULE", help="only these rules")
    parser.add_argument(
        "--policy", metavar="FILE", help="the Kubernetes audit policy, or a ConfigMap with it; - is stdin"
    )
    parser.add_argument(
        "--apiserver-flags", metavar="FILE", help="the API server's static manifest, or its command line"
    )
    parser.add_argument("--sshd-config", default="", metavar="FILE", help="sshd_config, or what `sshd -T` prints")
    parser.add_argument("--kube-version", metavar="VERSION", help="of the API server, 1.34 for instance")
    parser.add_argument(
        "--here", action="store_true", help="with --policy: judge this site too, and not the policy alone"
    )
    parser.add_argument(
        "--on",
        metavar="loki[=URL]",
        help="the engine in use: vedette's own, or the ruler of a Loki (default: the one in sources.loki)",
    )
    parser.add_argument("--state", default="", metavar="FOLDER", help="the folder of the store, as of `vedette watch`")
    parser.add_argument(
        "--severity", choices=SEVERITIES, default="info", help="exit 1 only for a rule at least this loud"
    )
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="how to print")
    parser.add_argument("--rules", action="append", default=[], metavar="PATH", help="further Sigma rules")
    parser.add_argument("--no-pack", action="store_true", help="only the rules of --rules")


def run(args: argparse.Namespace) -> int:
    """0: every rule that is concerned is READY; 1: one is not; 2: error, or something given could not be read."""
    from vedette import app

    try:
        return _run(args)
    except app.Wrong as error:
        print(error, file=sys.stderr)
        return 2


def _run(args: argparse.Namespace) -> int:
    from vedette import app, offline
    from vedette.proof.links.base import Unread
    from vedette.proof.prove import prove, refused

    settings = app.load_settings(args.config)
    if args.no_pack and not args.rules:
        raise app.Wrong(["--no-pack leaves nothing to prove: name rules with --rules"])
    loaded = app.load_rules(settings, args.rules, pack=not args.no_pack, unproven=True)
    rules, bad = app.usable_or_refused(loaded, args.rules, args.names, pack=not args.no_pack)
    policy = _policy(args.policy) if args.policy else None
    said = offline.Said(
        policy,
        _apiserver(args),
        tuple(args.rules),
        _ruler(settings, args, loaded, rules),
        pack=not args.no_pack,
        sshd_config=args.sshd_config,
    )
    with _given(settings, args, rules, said) as given:
        results = [*prove(rules, given), *map(refused, bad)]
    _say(results, given.policy, named=bool(args.names))
    shown = results if args.names or args.output == "json" else [one for one in results if one.concerned]
    _print(shown, args.output, whole=bool(args.names))
    if isinstance(given.policy, Unread):
        return 2
    return int(any(_fails(one, args.severity, named=bool(args.names)) for one in results))


def _given(
    settings: Settings, args: argparse.Namespace, rules: Sequence[Rule], said: Said
) -> AbstractContextManager[Given]:
    """The files that were named alone, or this site."""
    if (said.policy is not None or said.apiserver.flags is not None) and not (args.here or args.on):
        from vedette.offline import offline

        return nullcontext(offline(settings, said))
    import time

    from vedette import proving
    from vedette.wiring import state_folder

    return proving.here(settings, rules, state_folder(settings, args.state), time.time_ns(), said)


def _apiserver(args: argparse.Namespace) -> ApiServer:
    """What was said of the API server. Raises app.Wrong."""
    from vedette import app
    from vedette.proof.apiserver import ApiServer, read_flags, read_version
    from vedette.yaml_text import MAX_BYTES

    version = read_version(args.kube_version) if args.kube_version else None
    if args.kube_version and version is None:
        raise app.Wrong([f"--kube-version {args.kube_version}: write it as 1.34 or v1.34.4"])
    if not args.apiserver_flags:
        return ApiServer(version=version)
    try:
        with open(args.apiserver_flags, "rb") as file:  # noqa: PTH123 - the name as it was given, in messages too
            found = read_flags(file.read(MAX_BYTES + 1), args.apiserver_flags)
    except OSError as error:
        raise app.Wrong([f"{args.apiserver_flags}: {error.strerror}"]) from error
    if isinstance(found, tuple):
        raise app.Wrong(found)
    return ApiServer(found, version, args.apiserver_flags)


def _ruler(settings: Settings, args: argparse.Namespace, loaded: Loaded, rules: Sequence[Rule]) -> Ruler | None:
    """What the ruler of a Loki runs, where that is the engine in use. Raises app.Wrong."""
    if not args.on:
        # Before its clients are imported: a policy alone is to be judged at once.
        return None
    from vedette import app
    from vedette.cli.loki import clients, passed_over, wanted
    from vedette.cli.render_loki import rendered_rules
    from vedette.clients.base import BadSecret
    from vedette.loki_status.asking import CannotAsk, status
    from vedette.proof.links.base import Ruler

    engine, _, url = args.on.partition("=")
    if engine != "loki":
        raise app.Wrong([f"--on {args.on}: write loki or loki=URL"])
    if args.no_pack:
        # The ruler may well run the pack, too.
        loaded = app.load_rules(settings, args.rules, unproven=True)
    rendered = rendered_rules(settings, rules, {})
    ought = wanted(settings, rendered, {}, passed_over(loaded, rules))
    refused = {
        rule.name: "; ".join(one.refused.values()) for rule, one in rendered if not one.queries and not one.counts
    }
    where = argparse.Namespace(url=url, tenant="", token_file="", ca_file="", ruler="")
    lines, ruler, _, tenant = clients(settings, where)
    try:
        return Ruler(tuple(status(lines, ruler, ought, tenant)), refused)
    except (CannotAsk, BadSecret, OSError) as error:
        # What CannotAsk says ends with what to do.
        why, _, mend = str(error).rpartition("; ") if isinstance(error, CannotAsk) else (str(error), "", "")
        return Ruler(
            fault=f"no Loki could be asked: {why}", mend=mend or "name its address and token_file in sources: loki:"
        )
    finally:
        lines.close()
        ruler.close()


def _policy(name: str) -> AuditPolicy | Unread:
    from vedette.offline import policy_from
    from vedette.yaml_text import MAX_BYTES

    return policy_from("standard input", sys.stdin.buffer.read(MAX_BYTES + 1)) if name == "-" else policy_from(name)


def _say(results: Sequence[RuleResult], policy: AuditPolicy | Unread | None, *, named: bool) -> None:
    """What a person should know besides the matrix, on standard error."""
    from vedette.escape import terminal
    from vedette.proof.links.base import Unread

    if policy is not None:
        for problem in policy.problems if isinstance(policy, Unread) else policy.warnings:
            print(problem, file=sys.stderr)
    invented = [one.rule.name for one in results if any(link.invented for link in one.links)]
    if invented:
        said = ", ".join(map(terminal, invented)) if len(invented) <= _NAMED else f"{len(invented)} rules"
        print(f"vedette: judged by invented acts, for want of firing cases: {said}", file=sys.stderr)
    asked = list(dict.fromkeys(link.link for one in results for link in one.links))
    print(f"vedette: judged here: {', '.join(asked)}; no other link was asked for", file=sys.stderr)
    reasons: dict[str, list[str]] = {}
    for one in results:
        if not one.concerned and not named:
            reasons.setdefault(one.links[0].why, []).append(one.rule.name)
    for why, rules in reasons.items():
        print(f"vedette: not judged: {', '.join(map(terminal, rules))}: {terminal(why)}", file=sys.stderr)


def _fails(result: RuleResult, severity: str, *, named: bool) -> bool:
    from vedette.proof.verdict import State
    from vedette.rule import Severity

    if result.rule.severity < Severity[severity.upper()] or not (result.concerned or named):
        return False
    return result.state not in (State.READY, State.PROVEN)


def _print(results: Sequence[RuleResult], output: str, *, whole: bool) -> None:
    if output == "json":
        import json

        print(json.dumps([_record(one) for one in results], indent=2, ensure_ascii=True))
        return
    from vedette.cli.prove_screen import matrix

    for line in matrix(results, _WIDTH, whole=whole):
        print(line)


def _record(result: RuleResult) -> dict[str, Any]:
    """A rule as programs read it; the names are a promise."""
    return {
        "rule": result.rule.name,
        "severity": str(result.rule.severity),
        "state": result.state.value,
        "links": [
            {
                "link": link.link,
                "state": link.state.value,
                "in_part": link.in_part,
                "why": link.why,
                "mend": link.mend,
                "invented": link.invented,
                "unseen": list(link.unseen),
                "variants": [
                    {
                        "variant": one.name,
                        "state": one.state.value,
                        "why": one.why,
                        "mend": one.mend,
                        "fires": one.fires,
                        "witness": one.witness,
                    }
                    for one in link.variants
                ],
            }
            for link in result.links
        ],
    }
