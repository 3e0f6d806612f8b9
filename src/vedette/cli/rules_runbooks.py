"""`vedette rules lint`, of runbooks: held against the command line, the actions, a shell and the rule's cases."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence

from vedette import app
from vedette.actions import ACTIONS
from vedette.cases import BadCase
from vedette.cli.parser import build
from vedette.problem import Problem
from vedette.response.linting import Tools, look, words_of_cases
from vedette.rule import Rule

_SECONDS = 10
_FAULT = re.compile(r"(?:line )?(\d+): (?:Syntax error: |syntax error:? )?(.+)")


def lint_runbooks(rules: Sequence[Rule], extra: Sequence[str]) -> tuple[list[Problem], list[str]]:
    """What is wrong in the runbooks of these rules, and what is good to know, a line each. Raises app.Wrong."""
    held = tools()
    under = app.rules_under(extra)
    problems: list[Problem] = []
    notes: list[str] = []
    for rule in rules:
        file = rule.folder / "runbook.md" if rule.folder is not None else None
        if file is None or not file.is_file():
            continue
        name = str(file)
        try:
            text = file.read_text("utf-8")
            found = look(name, text, words_of_cases(rule, under), held)
        except BadCase as error:
            raise app.Wrong([error]) from error
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            problems.append(Problem(name, line, 1, "", "no UTF-8 here", "save it as UTF-8"))
            continue
        except OSError as error:
            raise app.Wrong([f"{name}: {error.strerror or error}"]) from error
        problems += found.problems
        notes += [f"{name}: note: {note}" for note in found.notes]
    return problems, notes


def tools() -> Tools:
    """The command line and the actions as they are, and the shell of this machine."""
    return Tools(parses=_parses(), kinds=ACTIONS, syntax=_syntax())


def _parses() -> Callable[[Sequence[str]], argparse.Namespace | str]:
    parser = build()

    def parses(words: Sequence[str]) -> argparse.Namespace | str:
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                args = parser.parse_args(list(words))
        except SystemExit as end:
            if not end.code:
                return argparse.Namespace(command="help")
            return said.getvalue().strip().rpartition("error: ")[2].partition(" (choose from")[0]
        return args if args.command else "it names no command"

    return parses


def _syntax() -> Callable[[str], tuple[int, str] | None] | None:
    """bash where it is there, for it reads `$'…'` as it is meant; nothing is executed (`-n`)."""
    shell = shutil.which("bash") or shutil.which("sh")
    if shell is None:
        return None

    def syntax(text: str) -> tuple[int, str] | None:
        done = subprocess.run(  # noqa: S603 - a shell's path, and no text in the words
            [shell, "-n"],
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            env={"LC_ALL": "C.UTF-8"},
        )
        said = done.stderr.decode("utf-8", "replace")
        if not done.returncode and not said:
            return None
        found = _FAULT.search(said)
        return (int(found[1]) - 1, found[2]) if found else (0, said.strip() or "it cannot be read")

    return syntax
