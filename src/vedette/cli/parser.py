"""The argument parser: only the module of the command that was called is imported."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from vedette.cli import COMMANDS
from vedette.escape import terminal

_EXAMPLES = """\
examples:
  vedette scan /var/log/kubernetes/audit.log      every alert in one log
  vedette scan logs/ -o jsonl | jq .rule          a folder, gz and zst included
  vedette watch /var/log/kubernetes/audit.log     follow it; alerts as things happen
  vedette alerts list                             what was found while watching
  vedette init logs/ > vedette.yaml               settings from what the logs show
  vedette rules show K3                           what a rule catches, and what it cannot see
  vedette explain K3 event.json                   clause by clause, why it fired or not
"""


def build(command: str | None = None) -> argparse.ArgumentParser:
    """The whole parser, with the arguments of `command` only (None: of all)."""
    parser = argparse.ArgumentParser(
        prog="vedette",
        usage="vedette COMMAND [options]",
        description=_EXAMPLES
        + "\nSecurity alerting for Kubernetes, Vault and SSH whose every rule is proven able to fire.",
        formatter_class=_Formatter,
        epilog="exit codes: 0 nothing found, 1 findings, 2 error, 130 interrupted",
    )
    parser.add_argument("--version", action="store_true", help="print the version and end")
    parser.set_defaults(config=None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", prog="vedette")
    for name, help_text in COMMANDS.items():
        added = commands.add_parser(name, help=help_text, formatter_class=_Formatter, description="")
        if command in (None, name):
            module = importlib.import_module(f"vedette.cli.{name}")
            added.description = f"{module.EXAMPLES}\n{help_text[0].upper()}{help_text[1:]}."
            module.add_arguments(added)
            add_config(added)
    return parser


def add_config(parser: argparse.ArgumentParser) -> None:
    """`--config`, for a command and for each of its verbs; a verb leaves alone what stood before it."""
    verbs = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for verb in {id(one): one for action in verbs for one in action.choices.values()}.values():
        add_config(verb)
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="settings; else $VEDETTE_CONFIG, ./vedette.yaml, $XDG_CONFIG_HOME/vedette, /etc/vedette",
    )


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Examples as they are written, and room for long options."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)


def run(arguments: Sequence[str]) -> int:
    """Parse and run; returns the exit code."""
    command = next((word for word in arguments if word in COMMANDS), None)
    if command is None and arguments and not arguments[0].startswith("-"):
        import difflib

        near = difflib.get_close_matches(arguments[0], COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(COMMANDS)}"
        print(f"vedette: no command is called {terminal(arguments[0], 40)!r}; {hint}", file=sys.stderr)
        return 2
    parser = build(command or "")
    args = parser.parse_args(list(arguments))
    if args.version:
        from vedette import __version__

        print(f"vedette {__version__}")
        return 0
    if args.command is None:
        parser.print_help(sys.stderr)
        return 2
    module: Any = importlib.import_module(f"vedette.cli.{args.command}")
    _ready_streams()
    try:
        code: int = module.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output (head, less) has had enough.
        _drop_output()
        return 0
    except OSError as error:
        # A full disk beneath the output or the temporary files.
        _drop_output()
        where = f"{terminal(str(error.filename))}: " if error.filename else ""
        print(f"vedette: {where}{error.strerror or error}; the output is not whole", file=sys.stderr)
        return 2
    return code


def _ready_streams() -> None:
    """A character that the locale lacks is shown escaped; a stream that is closed takes all and shows nothing."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """What is still held for standard output goes nowhere: Python would try once more at exit, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
