"""Plans, records and checks as people and programs read them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from vedette.acting import Answers
from vedette.actions import ACTIONS
from vedette.actions.base import CallFailed, Check, Plan, from_json, usage
from vedette.cli.alert_desk import SHORT, action_record, when
from vedette.escape import terminal
from vedette.stamp import to_second
from vedette.store.actions import Acted, Step

_WIDTH = 100
_WORDS = {True: "yes", False: "no", None: "cannot tell"}


def show_list(answers: Answers, acted: Sequence[Acted], output: str, *, kinds: bool) -> None:
    """The kinds of actions, and what is on record."""
    if output == "json":
        shown = [{"name": one.name, "says": one.says, "undo": one.undo} for one in ACTIONS.values()]
        _print_json({"actions": shown if kinds else [], "record": [_record(answers, one) for one in acted]})
        return
    if kinds:
        for kind in ACTIONS.values():
            print(usage(kind))
            _wrapped(f"    {kind.says}", 4)
        print()
    if not acted:
        print("nothing is on record" + ("" if answers.visit else f": no store in {terminal(str(answers.folder))}"))
    for one in acted:
        state = "broken off" if answers.broken_off(one) else one.state
        text = f"{one.id[:SHORT]}  {to_second(one.made)}  {state:<11} {one.action} {one.target}"
        print(terminal(text, _WIDTH))


def show_plan(plan: Plan, acted: Acted | None, output: str, *, again: bool = True) -> None:
    """All of a plan. `again`: say how it is applied."""
    if output == "json":
        _print_json({"id": acted.id if acted else None, **msgspec.to_builtins(plan)})
        return
    _wrapped(f"{plan.does}" + (f"  ({plan.where})" if plan.where else ""), 2)
    _show_found(plan.found)
    if plan.calls and ACTIONS[plan.action].reads:
        print("\nwhat a person does, in this order; vedette does none of it:")
    elif plan.calls:
        print("\ncalls, in this order; below each the same by hand, without the guard against a change in between:")
    for number, call in enumerate(plan.calls, 1):
        body = f" {json.dumps(call.body, ensure_ascii=True)}" if call.body is not None else ""
        _wrapped(f"{number:>3}. {call.does}", 5)
        if not ACTIONS[plan.action].reads:
            _wrapped(f"     {call.method} {call.path}{body}", 7)
        # Never wrapped: it is to be copied.
        print(f"     $ {terminal(call.command)}")
    # What is not done breaks nothing.
    for title, lines in (("breaks", plan.breaks if plan.calls else ()), ("does not reach", plan.remains)):
        if lines:
            print(f"\n{title}:")
        for line in lines:
            _wrapped(f"  {line}", 4)
    if plan.undo and plan.calls:
        print()
        _wrapped(f"undo: {plan.undo}", 2)
    if not again or ACTIONS[plan.action].reads:
        return
    print()
    if acted is None:
        print("nothing was kept of this plan")
    elif plan.calls:
        print(f"kept as {acted.id}; nothing was done yet: vedette action apply {acted.id}")
        print(f"the rights that it needs: vedette action rights {plan.action}")
    else:
        print(f"kept as {acted.id}; there is nothing to do")


def show_steps(steps: Iterable[Step]) -> None:
    """What became of each call."""
    for one in steps:
        state = one.state if one.ended else "begun, and its end was not noted"
        _wrapped(f"{one.number + 1:>3}. {state:<8} {one.does}: {one.said}", 5)


def show_end(acted: Acted, error: CallFailed | None) -> None:
    """How it ended, and what can be done now."""
    if error is None:
        print(
            f"{acted.id} is {acted.state}" + (f"; vedette action verify {acted.id}" if acted.state == "applied" else "")
        )
        return
    _wrapped(f"{acted.id} stopped: {error}" + ("" if error.known else "; nobody knows whether that was done"), 2)
    if error.mend:
        _wrapped(f"  {error.mend}", 2)
    verb = "apply" if acted.state == "stopped" else "undo"
    back = f"; vedette action undo {acted.id} takes it back" if ACTIONS[acted.action].undo else ""
    print(f"vedette action {verb} {acted.id} goes on where it stopped{back}")


def show_checks(checks: Sequence[Check], output: str) -> None:
    """What was seen."""
    if output == "json":
        _print_json(msgspec.to_builtins(checks))
        return
    for one in checks:
        _wrapped(f"{_WORDS[one.holds]:<11} {one.says}" + (f" ({one.why})" if one.why else ""), 12)
    if not checks:
        print("there is nothing to look at")


def show_acted(answers: Answers, acted: Acted, output: str) -> None:
    """All that is on record."""
    if output == "json":
        _print_json(_record(answers, acted))
        return
    show_plan(from_json(acted.plan), acted, "table", again=False)
    print()
    state = f"broken off while {acted.state}" if answers.broken_off(acted) else acted.state
    print(f"{acted.id}: {state}")
    for word, by, at in (
        ("planned", acted.by, acted.made),
        ("applied", acted.applied_by, acted.applied),
        ("verified", "", acted.verified),
        ("undone", acted.undone_by, acted.undone),
    ):
        if at:
            print(f"  {word} {to_second(at)}{f' by {terminal(by)}' if by else ''}")
    if acted.alert:
        print(f"  answers alert {acted.alert[:SHORT]}")
    steps = answers.steps(acted)
    for turn in sorted({one.turn for one in steps}):
        print("applying:" if turn == 0 else f"undoing ({turn}):")
        show_steps([one for one in steps if one.turn == turn])
    if acted.verified:
        print(f"seen {to_second(acted.verified)}:")
        show_checks(msgspec.json.decode(acted.checks, type=list[Check]), "table")


def _record(answers: Answers, acted: Acted) -> dict[str, Any]:
    """All of an action, for programs."""
    return {
        **action_record(acted),
        "broken_off": answers.broken_off(acted),
        "alert": acted.alert,
        "checks": json.loads(acted.checks),
        "steps": [
            {
                "turn": one.turn,
                "number": one.number,
                "does": one.does,
                "begun": when(one.begun),
                "ended": when(one.ended),
                "by": one.by,
                "state": one.state,
                "said": one.said,
            }
            for one in answers.steps(acted)
        ],
        "plan": json.loads(acted.plan),
    }


def _show_found(rows: Sequence[dict[str, str]]) -> None:
    for row in rows:
        first, *others = row.items()
        print(f"  {terminal(first[1])}")
        for name, value in others:
            _wrapped(f"    {name}: {value}", 6)


def _wrapped(text: str, indent: int) -> None:
    """One text on as many lines as it needs; what was written by others is shown escaped."""
    lines = textwrap.wrap(
        terminal(text),
        _WIDTH,
        subsequent_indent=" " * indent,
        drop_whitespace=True,
        replace_whitespace=False,
        break_on_hyphens=False,
    )
    print("\n".join(lines))


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=True))
