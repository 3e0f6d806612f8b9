"""The command line: a module a command, imported only when its command is called.

In: arguments. Out: exit code; data on stdout, talk on stderr.
Never does: decide anything; it calls `app` and prints.
Add one by: a module here with `HELP`, `add_arguments(parser)` and `run(args) -> int`, one line in `COMMANDS`.
Read first: scan.py.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing itself would cost as much as all else here
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "scan": "find every alert in log files",
    "watch": "follow logs, keep alerts, tell people",
    "alerts": "list, show, acknowledge, silence and close what watch found",
    "respond": "walk from an alert to its end: context, real or not, act, tune or close",
    "incident": "keep alerts, notes and steps of one story together; export the post-mortem",
    "tune": "say who sets a rule off, and the narrowest entry that excuses them",
    "rules": "list, show, test, lint and begin rules",
    "prove": "say which rules can fire here, and what breaks the others",
    "action": "plan, apply, verify and undo single answers to an attack",
    "drill": "make rules fire by harmless acts, and read the alerts back",
    "explain": "say clause by clause why a rule met an event, or did not",
    "init": "write a commented vedette.yaml from observed logs",
    "config": "check and show the settings",
    "render": "print files for other programs: Loki rules, Alertmanager, shippers, rights",
    "loki": "ask a Loki that runs the rules what its ruler really runs",
    "blindspots": "what each source can never show, and what sees it instead",
    "completion": "print the shell completion for bash or zsh",
}
"""Command -> what it does, in the order of `--help`; the module has the same name."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 nothing found, 1 findings, 2 error, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        # Before argparse is even imported: an editor or a prompt may ask often.
        from vedette import __version__

        print(f"vedette {__version__}")
        return 0
    from vedette.cli.parser import run

    return run(arguments)
