"""docs/reference/cli.md: every command and option, from the argument parser itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from pages.markdown import code, header, table
from vedette.cli.parser import build

_INTRODUCTION = """
Data goes to stdout, talk to stderr. Exit codes: 0 nothing found, 1 findings (alerts, failed cases, problems), 2 error, 130 interrupted.
"""


def page() -> str:
    """The whole page. Written from the parser's actions, because argparse words its help differently in each Python."""
    parser = build()
    said = header("Commands", "the argument parser") + _INTRODUCTION
    said += "\n" + table(("command", "does"), ((code(f"vedette {name}"), text) for name, _, text in commands(parser)))
    return said + "".join(_command(f"vedette {name}", command, text) for name, command, text in commands(parser))


def commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Name, parser and help of each command beneath `parser`."""
    for action in parser._actions:  # noqa: SLF001 - argparse offers no other way to walk its tree
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}  # noqa: SLF001
            for name, command in action.choices.items():
                yield name, command, helps.get(name, "")


def _command(name: str, parser: argparse.ArgumentParser, text: str, level: int = 2) -> str:
    said = [f"\n{'#' * level} {name}\n\n", f"{text[:1].upper()}{text[1:]}.\n"]
    examples = (parser.description or "").partition("examples:\n")[2].partition("\n\n")[0]
    if examples:
        lines = [line.strip() for line in examples.splitlines()]
        said.append("\n```\n" + "\n".join(lines) + "\n```\n")
    rows = [_row(action) for action in parser._actions if _shown(action)]  # noqa: SLF001
    if rows:
        said.append("\n" + table(("argument", "means"), rows))
    said += [_command(f"{name} {sub}", inner, help_, level + 1) for sub, inner, help_ in commands(parser)]
    return "".join(said)


def _shown(action: argparse.Action) -> bool:
    hidden = (argparse._HelpAction, argparse._SubParsersAction)  # noqa: SLF001
    return not isinstance(action, hidden) and action.help != argparse.SUPPRESS


def _row(action: argparse.Action) -> tuple[str, str]:
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.choices is not None and action.metavar is None:
        value = "|".join(map(str, action.choices))
    if not action.option_strings:
        many = {"*": f"[{value} ...]", "+": f"{value} ...", "?": f"[{value}]"}
        return code(many.get(str(action.nargs), value)), action.help or ""
    options = ", ".join(action.option_strings)
    return code(options if action.nargs == 0 else f"{options} {value}"), (action.help or "") % vars(action)
