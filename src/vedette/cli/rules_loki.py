"""`vedette rules test --on loki[=URL]`: the cases judged by a real Loki."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vedette.rule import Rule


def test_on(where: str, rules: Sequence[Rule], extra: Sequence[str], *, quiet: bool) -> int:
    """Print how each case went on Loki. 0: all right; 1: a case went wrong; 2: none could be judged.

    `where`: `loki`, or `loki=URL`. Raises app.Wrong.
    """
    from vedette import app
    from vedette.cases import BadCase
    from vedette.cases_loki import run_on_loki
    from vedette.clients.base import NoAnswer
    from vedette.clients.loki import LokiClient, LokiRefused
    from vedette.loki_process import LokiProcess, NoLoki

    kind, _, url = where.partition("=")
    if kind != "loki" or (url and not url.startswith(("http://", "https://"))):
        raise app.Wrong([f"--on {where}: write loki, or loki=URL with the base URL of a Loki to test on"])
    right = wrong = refused = 0
    try:
        with contextlib.ExitStack() as stack:
            client = LokiClient(url or stack.enter_context(LokiProcess()).url)
            stack.callback(client.close)
            for result in run_on_loki(rules, app.rules_under(extra), client):
                wrong, refused = wrong + bool(result.fault), refused + bool(result.refused)
                right += not (result.fault or result.refused)
                if result.fault or not quiet:
                    _say(result.rule, result.case.name, result.case.fires, result.fault, result.refused)
    except (NoLoki, LokiRefused, NoAnswer, BadCase) as error:
        raise app.Wrong([error]) from error
    print(f"{right} passed, {wrong} failed, {refused} not for Loki")
    if not right and not wrong:
        print("vedette: no case that Loki can judge", file=sys.stderr)
        return 2
    return 1 if wrong else 0


def _say(rule: str, name: str, fires: bool, fault: str, refused: str) -> None:
    from vedette.escape import terminal

    word = "FAILED" if fault else "not for Loki" if refused else "ok    "
    why = f": {terminal(fault or refused)}" if fault or refused else ""
    print(f"{word} {rule} {'fires' if fires else 'quiet'} {terminal(name)}{why}")
