"""`vedette rules`: list, show, test, lint and begin rules, of the pack and of one's own."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vedette.rule import Needs, Rule
    from vedette.sigma import Loaded

EXAMPLES = """\
examples:
  vedette rules list                              all rules, a line each
  vedette rules show K3                           what it catches, needs and cannot see
  vedette rules show K3 --runbook                 what to do when it fires
  vedette scan -o jsonl logs/ | vedette rules show K3 --runbook --alert -
  vedette rules test                              every case of every rule, by name
  vedette rules test K3 --rules my-rules/         with your own
  vedette rules test K3 --on loki                 by the LogQL of `render loki`, on a real Loki
  vedette rules lint my-rules/                    everything wrong in Sigma files and runbooks, with the mend
  vedette rules new my-rules/shadow_read          begin a rule with its example events
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb, and what it works on."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="all rules, a line each")
    listing.add_argument("-o", "--output", choices=("table", "json"), default="table", help="how to print")
    show = verbs.add_parser("show", help="one rule: what it catches, needs and cannot see")
    show.add_argument("rule", metavar="RULE", help="a rule's name, K3")
    show.add_argument("--runbook", action="store_true", help="print its runbook")
    show.add_argument("--alert", metavar="FILE", help="fill the runbook from this alert, a line of scan -o jsonl, or -")
    show.add_argument("--sigma", action="store_true", help="print its Sigma text")
    test = verbs.add_parser("test", help="run every case of the rules by name")
    test.add_argument("names", nargs="*", metavar="RULE", help="only these rules, or a folder of your own")
    test.add_argument("-q", "--quiet", action="store_true", help="print failures only")
    test.add_argument("--on", metavar="loki[=URL]", help="judge on a real Loki, started here or at URL")
    lint = verbs.add_parser("lint", help="everything wrong in Sigma files and the runbooks beside them")
    lint.add_argument("paths", nargs="*", metavar="PATH", help="files and folders; without: the pack")
    new = verbs.add_parser("new", help="begin a rule: Sigma text, example events, runbook")
    new.add_argument("folder", metavar="FOLDER", help="the folder to make")
    new.add_argument("--source", choices=("kubernetes", "vault", "sshd"), default="kubernetes", help="the log it reads")
    for verb in (listing, show, test):
        verb.add_argument("--rules", action="append", default=[], metavar="PATH", help="further Sigma rules")


def run(args: argparse.Namespace) -> int:
    """0: done, all cases pass, nothing to mend; 1: a case failed or something is to mend; 2: error."""
    from vedette import app

    try:
        return int(_VERBS[args.verb](args))
    except app.Wrong as error:
        print(error, file=sys.stderr)
        return 2


def _loaded(args: argparse.Namespace, extra: list[str]) -> Loaded:
    from vedette import app

    return app.load_rules(app.load_settings(args.config), extra, unproven=True)


def _list(args: argparse.Namespace) -> int:
    from vedette import app
    from vedette.escape import terminal

    rules = app.usable_rules(_loaded(args, args.rules))
    if args.output == "json":
        import msgspec

        print(msgspec.json.format(msgspec.json.encode([_record(rule) for rule in rules])).decode())
        return 0
    for rule in rules:
        note = f"   not configured: {rule.not_configured}" if rule.not_configured else ""
        sources = ", ".join(sorted({detection.format for detection in rule.detections}))
        print(f"{rule.name:<5} {rule.severity!s:<9} {sources:<24} {terminal(rule.title)}{note}")
    return 0


def _record(rule: Rule) -> dict[str, Any]:
    return {
        "rule": rule.name,
        "title": rule.title,
        "severity": str(rule.severity),
        "formats": sorted({detection.format for detection in rule.detections}),
        "tags": rule.tags,
        "not_configured": rule.not_configured,
        "documents": sorted([d.name for d in rule.detections] + [c.name for c in rule.correlations]),
    }


def _show(args: argparse.Namespace) -> int:
    from vedette import app
    from vedette.escape import terminal

    rule = app.usable_rules(_loaded(args, args.rules), [args.rule])[0]
    if args.runbook or args.sigma:
        name = "runbook.md" if args.runbook else "rule.yml"
        file = (rule.folder or Path()) / name
        if rule.folder is None or not file.is_file():
            raise app.Wrong([f"{rule.name} has no {name}"])
        text = file.read_text("utf-8")
        print(_filled(text, rule, args.alert) if args.runbook and args.alert else text, end="")
        return 0
    print(f"{rule.name}  {rule.severity}  {terminal(rule.title)}\n")
    print(_wrapped(rule.description))
    sections = {
        "Documents": [
            *(f"{d.name}: {d.title}{'' if d.alerts else ' (read by a correlation only)'}" for d in rule.detections),
            *(f"{c.name}: {c.title}" for c in rule.correlations),
        ],
        "Needs": _needs(rule.needs),
        "Cannot see": list(rule.blind_spots),
        "Other sources": list(rule.second_sources),
        "False positives": list(rule.falsepositives),
        "ATT&CK": [", ".join(rule.tags)] if rule.tags else [],
        "References": list(rule.references),
        "Not configured": [f"{document}: {why}" for document, why in rule.left_out.items()],
    }
    for heading, lines in sections.items():
        if lines:
            print(f"\n{heading}")
            for line in lines:
                print(_wrapped(line, "  - ", "    "))
    return 0


def _wrapped(text: str, first: str = "", further: str = "") -> str:
    """A text cleaned and broken to the terminal's width, a paragraph a line end."""
    import textwrap

    from vedette.cli.screen import terminal_width
    from vedette.escape import terminal

    width = min(terminal_width(sys.stdout), 100)
    return "\n".join(
        textwrap.fill(
            terminal(line),
            width,
            initial_indent=first,
            subsequent_indent=further,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.strip().splitlines()
    )


def _filled(text: str, rule: Rule, name: str) -> str:
    """The runbook with the words of the first alert of this rule in the file `name`. Raises app.Wrong."""
    from vedette import app
    from vedette.runbook import filled

    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        records = [json.loads(line) for line in data.splitlines() if line.strip()]
    except OSError as error:
        raise app.Wrong([f"{name}: {error.strerror}"]) from error
    except ValueError as error:
        raise app.Wrong([f"{name}: no alert as `vedette scan -o jsonl` prints it ({error})"]) from error
    for record in records:
        if isinstance(record, dict) and record.get("rule") == rule.name:
            return filled(text, record)
    raise app.Wrong([f"{name}: no alert of {rule.name} in it"])


def _needs(needs: Sequence[Needs]) -> list[str]:
    """A line for each log source: the highest level, any of the stages, all fields of the rule's documents."""
    lines = []
    for name in sorted({need.format for need in needs}):
        own = [need for need in needs if need.format == name]
        level = max((need.level for need in own), key=("", "Metadata", "Request", "RequestResponse").index)
        stages = dict.fromkeys(stage for need in own for stage in need.stages)
        fields = dict.fromkeys(field for need in own for field in need.fields)
        parts = [f"level {level}"] if level else []
        parts += [f"stage {' or '.join(stages)}"] if stages else []
        parts += [f"fields {', '.join(fields)}"] if fields else []
        lines.append(f"{name}: {', '.join(parts)}" if parts else name)
    return lines


def _test(args: argparse.Namespace) -> int:
    from vedette import app
    from vedette.escape import terminal

    folders = [name for name in args.names if Path(name).exists()]
    names = [name for name in args.names if name not in folders]
    extra = [*args.rules, *folders]
    loaded = _loaded(args, extra)
    errors = [problem for problem in loaded.problems if problem.error]
    for problem in errors:
        print(problem, file=sys.stderr)
    rules = app.named_rules(loaded, names)
    if folders and not names:
        own = {str(file) for file in app.rule_files(folders)}
        rules = tuple(rule for rule in rules if any(d.file in own for d in rule.detections))
    if args.on is not None:
        from vedette.cli.rules_loki import test_on

        return 2 if errors else test_on(args.on, rules, extra, quiet=args.quiet)
    ran = failed = 0
    for result in app.test_rules(rules, extra):
        ran, failed = ran + 1, failed + bool(result.fault)
        kind = "fires" if result.case.fires else "quiet"
        if result.fault:
            print(f"FAILED {result.rule} {kind} {terminal(result.case.name)}: {terminal(result.fault)}")
            print(f"       {terminal(str(result.case.file))}:{result.case.line}")
        elif not args.quiet:
            print(f"ok     {result.rule} {kind} {terminal(result.case.name)}")
    print(f"{ran - failed} passed, {failed} failed")
    if not ran:
        print("vedette: no case to run: a rule's cases stand in fires.jsonl and quiet.jsonl beside it", file=sys.stderr)
        return 2
    return 2 if errors else 1 if failed else 0


def _lint(args: argparse.Namespace) -> int:
    from vedette import app
    from vedette.cli.rules_runbooks import lint_runbooks
    from vedette.escape import terminal

    loaded = app.load_rules(app.load_settings(args.config), args.paths)
    wanted = {str(file) for file in app.rule_files(args.paths)} if args.paths else None
    problems = [problem for problem in loaded.problems if wanted is None or problem.file in wanted]
    mine = [one for one in loaded.rules if wanted is None or any(d.file in wanted for d in one.detections)]
    about_runbooks, notes = lint_runbooks(mine, args.paths)
    problems += about_runbooks
    for problem in problems:
        print(problem)
    for note in notes:
        print(terminal(note))
    errors = sum(problem.error for problem in problems)
    print(f"{errors} errors, {len(problems) - errors} warnings")
    return 1 if errors else 0


def _new(args: argparse.Namespace) -> int:
    from vedette import app
    from vedette.cli.rule_template import files

    folder = Path(args.folder)
    if folder.exists():
        raise app.Wrong([f"{folder} is there already; name a folder to be made"])
    folder.mkdir(parents=True)
    for name, text in files(folder.name, args.source).items():
        (folder / name).write_text(text, "utf-8")
    print(f"{folder}/rule.yml, fires.jsonl, quiet.jsonl and runbook.md made; now: vedette rules test {folder}")
    return 0


_VERBS = {"list": _list, "show": _show, "test": _test, "lint": _lint, "new": _new}
