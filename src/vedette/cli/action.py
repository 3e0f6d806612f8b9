"""`vedette action`: single answers to an attack: planned, applied, verified, undone; each step on record."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from vedette.acting import Answers
    from vedette.actions.base import CallFailed
    from vedette.store.actions import Acted

EXAMPLES = """\
examples:
  vedette action list                             the actions there are, and those on record
  vedette action plan kube.suspend-actor system:serviceaccount:web:ci --alert 7d1b
  vedette action apply 3f9a                       shows the plan, asks, and does it call by call
  vedette action verify 3f9a                      whether it is so now, point by point
  vedette action undo 3f9a                        shows what takes it back, asks, and does it
  vedette action show 3f9a                        its plan, and what was done of it when and by whom
  vedette action plan kube.rotate-token web/ci pod=ci-7f9c
  vedette action plan kube.secrets-read dev@example.org        from the evidence; nothing to apply
  vedette action rights kube.suspend-actor | kubectl apply -f -
  vedette action plan host.remove-key SHA256:… user=dev host=node-1
"""
_HELD = re.compile(r"[0-9a-f]{16}")
_ID = "its id, or the beginning of it, four characters at least"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listed = _verb(verbs, "list", "the actions there are, and the latest on record")
    listed.add_argument("--alert", default="", metavar="ID", help="only those on record that answer this alert")
    listed.add_argument("-n", type=int, default=20, metavar="N", help="the latest N (default: 20)")
    _output(listed)
    plan = _verb(verbs, "plan", "show all that an action would do, and keep that; nothing is changed")
    plan.add_argument("action", metavar="ACTION", help="its name, as list shows it")
    plan.add_argument(
        "words", nargs="*", default=[], metavar="NAME=VALUE", help="its arguments; the first without its name"
    )
    plan.add_argument("--alert", default="", metavar="ID", help="the alert that it answers")
    _server(plan)
    _by(plan)
    _output(plan)
    for name, text in (
        ("apply", "do what a plan says, or what is left of it after it was broken off"),
        ("undo", "take back what was done"),
    ):
        verb = _verb(verbs, name, text)
        verb.add_argument("id", metavar="ID", help=_ID)
        verb.add_argument("--yes", action="store_true", help="do not ask")
        _server(verb)
        _by(verb)
    verify = _verb(verbs, "verify", "look whether what an action is to bring about is so")
    verify.add_argument("id", metavar="ID", help=_ID)
    _server(verify)
    _output(verify)
    show = _verb(verbs, "show", "all of an action on record: plan, calls, who did what when")
    show.add_argument("id", metavar="ID", help=_ID)
    _output(show)
    rights = verbs.add_parser(
        "rights", help="the least rights that actions of one family need, as a file for its system"
    )
    rights.add_argument("names", nargs="+", metavar="ACTION", help="their names, or a family: kube")


def _verb(verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("--state", metavar="DIR", default="", help="the folder of the store, as with `vedette watch`")
    parser.add_argument("--read-only", action="store_true", help="refuse to apply and undo, as actions.mode does")
    return parser


def _output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="how to print")


def _by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", default="", metavar="NAME", help="who does it; default: you")


def _server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--server",
        default="",
        metavar="URL",
        help="the system, in place of the settings' and without their credentials: `kubectl proxy` at "
        "http://127.0.0.1:8001 lends your own; of a host what ssh takes",
    )


def run(args: argparse.Namespace) -> int:
    """0: done, or all is as it should be; 1: stopped half-way, left or not so; 2: refused, not begun, or an error."""
    from vedette import acting, app
    from vedette.actions.base import CannotLook, Refused
    from vedette.escape import terminal
    from vedette.store.database import StoreError

    try:
        return _VERBS[args.verb](args)
    except (app.Wrong, StoreError) as error:
        print(error if isinstance(error, app.Wrong) else f"vedette: {error}", file=sys.stderr)
    except (Refused, CannotLook) as error:
        word = "refused" if isinstance(error, Refused) else "cannot look"
        print(f"vedette: {word}: {terminal(str(error))}", file=sys.stderr)
        _mend(error.mend)
    except acting.Stale as error:
        print(f"vedette: the plan is stale: {terminal(str(error))}; nothing was done", file=sys.stderr)
        _mend(error.mend)
    return 2


def _mend(text: str) -> None:
    """What to do about it, beneath what is wrong; never wrapped, since it may be a command to be copied."""
    from vedette.escape import terminal

    if text:
        print(f"  {terminal(text)}", file=sys.stderr)


def _list(args: argparse.Namespace) -> int:
    from vedette.cli import action_screen

    with _opened(args) as answers:
        alert = _alert(answers, args.alert)
        acted = answers.visit.actions.listed(alert=alert, most=args.n) if answers.visit is not None else []
        action_screen.show_list(answers, acted, args.output, kinds=not args.alert)
    return 0


def _plan(args: argparse.Namespace) -> int:
    from vedette import acting
    from vedette.cli import action_screen
    from vedette.cli.alert_desk import clean, who
    from vedette.escape import terminal
    from vedette.store.visit import Visit

    kind = acting.kind_of(args.action)
    with _opened(args) as answers:
        alert = _alert(answers, args.alert)
        plan = answers.plan(kind, [clean(word) for word in args.words])
        if answers.visit is None and not kind.reads:
            answers.visit = Visit(answers.folder, create=True)
            print(f"vedette: made a store in {terminal(str(answers.folder))}, to keep what is done", file=sys.stderr)
        acted = answers.keep(plan, alert, who(args)) if answers.visit is not None else None
        for note in answers.notes:
            print(f"vedette: not all of the evidence was read: {note}", file=sys.stderr)
        action_screen.show_plan(plan, acted, args.output)
    return 0


def _apply(args: argparse.Namespace) -> int:
    from vedette.cli import action_screen
    from vedette.cli.alert_desk import who

    with _opened(args) as answers:
        acted = _named(answers, args.id)
        plan = answers.ready(acted)
        action_screen.show_plan(plan, acted, "table", again=False)
        if not _sure(args, f"apply {acted.id}?"):
            return 2
        error = answers.apply(acted, who(args))
        return _ended(answers, acted, error, turn=0)


def _undo(args: argparse.Namespace) -> int:
    from vedette.cli import action_screen
    from vedette.cli.alert_desk import who

    with _opened(args) as answers:
        acted = _named(answers, args.id)
        plan = answers.plan_undo(acted)
        action_screen.show_plan(plan, acted, "table", again=False)
        if plan.calls and not _sure(args, f"undo {acted.id}?"):
            return 2
        error = answers.undo(acted, plan, who(args))
        turn = max((one.turn for one in answers.steps(acted)), default=0)
        return _ended(answers, acted, error, turn=turn) or int(bool(plan.remains))


def _ended(answers: Answers, acted: Acted, error: CallFailed | None, *, turn: int) -> int:
    from vedette.cli import action_screen

    print()
    action_screen.show_steps([one for one in answers.steps(acted) if one.turn == turn])
    after = _named(answers, acted.id)
    action_screen.show_end(after, error)
    return int(error is not None)


def _verify(args: argparse.Namespace) -> int:
    from vedette.cli import action_screen
    from vedette.store.actions import PLANNED

    with _opened(args) as answers:
        acted = _named(answers, args.id)
        checks = answers.verify(acted)
        action_screen.show_checks(checks, args.output)
        if acted.state == PLANNED and not all(one.holds for one in checks):
            print(f"vedette: {acted.id} was not applied yet", file=sys.stderr)
    return int(not all(one.holds for one in checks))


def _show(args: argparse.Namespace) -> int:
    from vedette.cli import action_screen

    with _opened(args) as answers:
        acted = _named(answers, args.id)
        action_screen.show_acted(answers, acted, args.output)
    return 0


def _rights(args: argparse.Namespace) -> int:
    from vedette import acting, app
    from vedette.actions import ACTIONS, RIGHTS

    names: list[str] = []
    for word in args.names:
        names += (
            [one for one in ACTIONS if one.startswith(f"{word}.")] if word in RIGHTS else [acting.kind_of(word).name]
        )
    families = {ACTIONS[name].family for name in names}
    if len(families) > 1:
        raise app.Wrong([f"{' and '.join(sorted(families))} are two systems: print the rights of each by itself"])
    (family,) = families
    print(RIGHTS[family](list(dict.fromkeys(names))), end="")
    return 0


def _opened(args: argparse.Namespace) -> AbstractContextManager[Answers]:
    """Settings and store. Raises app.Wrong, StoreError."""
    import contextlib

    from vedette import app, wiring
    from vedette.acting import Answers
    from vedette.store.visit import Visit

    @contextlib.contextmanager
    def opened() -> Iterator[Answers]:
        settings = app.load_settings(args.config)
        folder = wiring.state_folder(settings, args.state)
        visit = Visit(folder) if (folder / "vedette.db").exists() else None
        server = getattr(args, "server", "")
        answers = Answers(settings, visit, folder, read_only=args.read_only, server=server)
        try:
            yield answers
        finally:
            if answers.visit is not None:
                answers.visit.close()

    return opened()


def _named(answers: Answers, given: str) -> Acted:
    """The action whose id begins so. Raises app.Wrong."""
    from vedette import app
    from vedette.cli.alert_desk import LEAST, clean

    text = clean(given).strip().lower()
    if answers.visit is None:
        raise app.Wrong([f"{answers.folder}: no store here, so that nothing is on record; --state names its folder"])
    found = answers.visit.actions.find(text) if len(text) >= LEAST else []
    if len(found) == 1:
        return found[0]
    if found:
        raise app.Wrong([f"{given!r} is the beginning of several ids; give more of it"])
    raise app.Wrong([f"no action on record has an id that begins with {given!r}; see vedette action list"])


def _alert(answers: Answers, given: str) -> str:
    """The whole id of an alert that is named by its beginning, or a whole one of Alertmanager's. Raises app.Wrong."""
    from vedette import app
    from vedette.cli.alert_desk import Desk

    if not given:
        return ""
    if answers.visit is None:
        raise app.Wrong([f"{answers.folder}: no store here, so that no alert can be named; --state names its folder"])
    if _HELD.fullmatch(given) and answers.visit.alerts.get(given) is None:
        # A fingerprint of Alertmanager's: an alert of Loki's ruler is in no store.
        print(f"vedette: {given} is no alert of this store; taken for one that Alertmanager holds", file=sys.stderr)
        return given
    return Desk(answers.settings, answers.visit).named(given).alert.id


def _sure(args: argparse.Namespace, question: str) -> bool:
    """Raises app.Wrong where nobody can be asked."""
    from vedette import app

    if args.yes:
        return True
    if not sys.stdin.isatty():
        raise app.Wrong(
            [f"{question} nobody is at a terminal to say so; nothing was done; --yes does it without asking"]
        )
    print(f"\n{question} [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    print("nothing was done")
    return False


_VERBS = {
    "list": _list,
    "plan": _plan,
    "apply": _apply,
    "undo": _undo,
    "verify": _verify,
    "show": _show,
    "rights": _rights,
}
