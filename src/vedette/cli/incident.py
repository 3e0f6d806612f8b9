"""`vedette incident`: alerts that are one story, with what people note and do, on one timeline; exported at the end."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from vedette.escape import terminal

if TYPE_CHECKING:
    from vedette.cli.alert_desk import Desk
    from vedette.response.escalation import Step
    from vedette.store.actions import Acted

EXAMPLES = """\
examples:
  vedette incident open "ci's token is used from outside" 7d1b 03ec    begin one, with its alerts
  vedette incident add 1 c22d                     one more alert
  vedette incident note 1 "the pod was drained"
  vedette incident note 1 "how did the token get out?" --question
  vedette incident step 1 cordon done --action 3f9a    how far the escalation has come, and what did it
  vedette incident step 1 vault skip --reason "nothing of Vault's was touched"
  vedette incident show 1                         all of it, on one timeline
  vedette incident close 1 --reason "contained"
  vedette incident export 1                       the post-mortem as Markdown, the evidence as a tar
"""
_STATES = {"done": "done", "skip": "skipped", "todo": "todo"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    opened = _verb(verbs, "open", "begin an incident; without --severity it gets the one that its alerts suggest")
    opened.add_argument("title", metavar="TITLE", help="what it is about, in a sentence")
    opened.add_argument("alerts", nargs="*", metavar="ALERT", help="alerts, each by the beginning of its id")
    opened.add_argument("--severity", type=str.upper, choices=("SEV1", "SEV2", "SEV3"), help="SEV1 is the worst")
    _by(opened)
    add = _verb(verbs, "add", "add alerts to an incident, and with them the actions that answer them")
    _number(add)
    add.add_argument("alerts", nargs="*", metavar="ALERT", help="the beginning of its id")
    add.add_argument("--action", action="append", default=[], metavar="ID", help="an action that answers no alert")
    _by(add)
    note = _verb(verbs, "note", "note something, or a question that nobody can answer yet")
    _number(note)
    note.add_argument("text", metavar="TEXT")
    note.add_argument("--question", action="store_true", help="it is one of the post-mortem's open questions")
    _by(note)
    step = _verb(verbs, "step", "say that a step of the escalation was done, is skipped, or is to do after all")
    _number(step)
    step.add_argument("step", metavar="NAME", help="cordon, sessions, vault, restore or post-mortem")
    step.add_argument("becomes", choices=tuple(_STATES), help="what became of it")
    step.add_argument("--reason", default="", metavar="TEXT", help="why; a step is not skipped without")
    step.add_argument(
        "--action", action="append", default=[], metavar="ID", help="the action on record that did it; with done"
    )
    _by(step)
    severity = _verb(verbs, "severity", "give an incident another severity")
    _number(severity)
    severity.add_argument("severity", type=str.upper, choices=("SEV1", "SEV2", "SEV3"), help="SEV1 is the worst")
    severity.add_argument("--reason", default="", metavar="TEXT", help="why")
    _by(severity)
    close = _verb(verbs, "close", "close an incident; nothing can be added to it any more, but it can be exported")
    _number(close)
    close.add_argument("--reason", required=True, metavar="TEXT", help="why it is over")
    _by(close)
    listed = _verb(verbs, "list", "the open incidents, the latest first")
    listed.add_argument("--all", action="store_true", help="those that are closed as well")
    listed.add_argument("-o", "--output", choices=("table", "json"), default="table", help="how to print")
    show = _verb(verbs, "show", "all of one incident: steps, alerts, timeline")
    _number(show)
    show.add_argument("-o", "--output", choices=("table", "json"), default="table", help="how to print")
    export = _verb(verbs, "export", "write incident-N.md, the post-mortem, and incident-N.tar, its evidence")
    _number(export)
    export.add_argument("--into", default=".", metavar="DIR", help="where to; default: here")
    export.add_argument("--force", action="store_true", help="over what is there")
    export.add_argument("--segments", action="store_true", help="with the whole segments that the lines stand in")


def _verb(verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("--state", metavar="DIR", default="", help="the folder of the store, as with `vedette watch`")
    return parser


def _number(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="its number")


def _by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", default="", metavar="NAME", help="who says so; default: you")


def run(args: argparse.Namespace) -> int:
    """0 when done, 2 for a wrong call, an unknown incident or alert, no store, or what cannot be written."""
    from vedette import app
    from vedette.cli import incident_show
    from vedette.cli.alert_desk import Desk
    from vedette.store.database import StoreError

    verbs = {
        "open": _open,
        "add": _add,
        "note": _note,
        "step": _step,
        "severity": _severity,
        "close": _close,
        "list": incident_show.list_incidents,
        "show": incident_show.show,
        "export": incident_show.export,
    }
    try:
        desk = Desk.opened(args)
        try:
            return verbs[args.verb](desk, args)
        finally:
            desk.close()
    except (app.Wrong, StoreError) as error:
        print(error if isinstance(error, app.Wrong) else f"vedette: {terminal(str(error))}", file=sys.stderr)
        return 2


def _open(desk: Desk, args: argparse.Namespace) -> int:
    from vedette.cli.alert_desk import who
    from vedette.cli.incident_desk import said
    from vedette.response.grounds import suggested
    from vedette.store.incidents import Incidents

    title, by = said(args.title, "TITLE: say what it is about"), who(args)
    found = {kept.alert.id: kept.alert for kept in map(desk.named, args.alerts)}
    alerts = list(found.values())
    severity = int(args.severity[-1]) if args.severity else suggested(alerts)
    incidents, now = Incidents(desk.visit.database), desk.now()
    with desk.visit.database.transaction():
        number = incidents.open(title, severity, now, by)
        for alert in alerts:
            incidents.add(number, alert, now, by)
    print(f"incident {number} opened as SEV{severity} by {terminal(by)}, with {_alerts(len(alerts))}")
    return _suggest(desk, number)


def _add(desk: Desk, args: argparse.Namespace) -> int:
    from vedette import app
    from vedette.cli.alert_desk import who
    from vedette.cli.incident_desk import still_open
    from vedette.store.incidents import ACTION, ALERT, Incidents

    by = who(args)
    if not args.alerts and not args.action:
        raise app.Wrong(["name an alert by the beginning of its id, or an action: --action ID"])
    actions = {_action(desk, given).id for given in args.action}
    found = {kept.alert.id: kept.alert for kept in map(desk.named, args.alerts)}
    incidents = Incidents(desk.visit.database)
    with desk.visit.database.transaction():
        incident = still_open(desk, args.id)
        there = {one.name for one in incidents.entries(incident.id) if one.kind == ALERT}
        new = [alert for id_, alert in found.items() if id_ not in there]
        for alert in new:
            incidents.add(incident.id, alert, desk.now(), by)
        for name in sorted(actions - {one.name for one in incidents.entries(incident.id) if one.kind == ACTION}):
            incidents.note(incident.id, ACTION, desk.now(), by, name=name)
    old = len(found) - len(new)
    print(f"incident {incident.id}: {_alerts(len(new))} added{f', {_alerts(old)} had been there' if old else ''}")
    if actions:
        print(f"  actions: {terminal(', '.join(sorted(actions)))}")
    return _suggest(desk, incident.id)


def _action(desk: Desk, given: str) -> Acted:
    """The action whose id begins so. Raises app.Wrong."""
    from vedette import app
    from vedette.cli.alert_desk import LEAST, clean

    text = clean(given).strip()
    found = desk.visit.actions.find(text) if len(text) >= LEAST else []
    if len(found) > 1:
        raise app.Wrong([f"{given!r} is the beginning of several actions' ids; give more of it"])
    if not found:
        raise app.Wrong([f"no action has an id that begins with {given!r}; vedette action list shows what there is"])
    return found[0]


def _alerts(number: int) -> str:
    return "1 alert" if number == 1 else f"{number} alerts"


def _suggest(desk: Desk, number: int) -> int:
    """Say why it is a SEV1, where it is."""
    from vedette.cli.incident_desk import named
    from vedette.response.story import story

    told = story(desk.visit, named(desk, str(number)))
    for ground in told.grounds:
        print(f"  SEV1 is suggested: {terminal(ground)}")
    if told.grounds and told.incident.severity > 1:
        print(f"  it is a {told.incident.name}: vedette incident severity {number} SEV1")
    return 0


def _note(desk: Desk, args: argparse.Namespace) -> int:
    from vedette.cli.alert_desk import who
    from vedette.cli.incident_desk import said, still_open
    from vedette.store.incidents import NOTE, QUESTION, Incidents

    text, by = said(args.text, "TEXT: say what is to be noted"), who(args)
    with desk.visit.database.transaction():
        incident = still_open(desk, args.id)
        kind = QUESTION if args.question else NOTE
        Incidents(desk.visit.database).note(incident.id, kind, desk.now(), by, said=text)
    print(f"incident {incident.id}: {kind} by {terminal(by)}")
    return 0


def _step(desk: Desk, args: argparse.Namespace) -> int:
    from vedette import app
    from vedette.cli.alert_desk import clean, who
    from vedette.cli.incident_desk import LONGEST, said, still_open
    from vedette.response.escalation import NAMES, STEPS
    from vedette.store.incidents import ACTION, Incidents

    name, by, state = clean(args.step), who(args), _STATES[args.becomes]
    if name not in NAMES:
        raise app.Wrong([f"no step is called {name!r}; there are {', '.join(NAMES)}"])
    if args.action and state != "done":
        raise app.Wrong(["--action says what did a step; it goes with done"])
    actions = {_did(STEPS[NAMES.index(name)], _action(desk, given)) for given in args.action}
    reason = said(args.reason, "--reason: say why it is skipped") if state == "skipped" else clean(args.reason)
    with desk.visit.database.transaction():
        incident, incidents = still_open(desk, args.id), Incidents(desk.visit.database)
        for one in sorted(actions):
            incidents.note(incident.id, ACTION, desk.now(), by, name=one, said=name)
        incidents.note(incident.id, state, desk.now(), by, name=name, said=reason[:LONGEST])
    by_them = f" by {', '.join(sorted(actions))}" if actions else ""
    print(f"incident {incident.id}: {name} {state}{by_them}, says {terminal(by)}")
    return 0


def _did(step: Step, acted: Acted) -> str:
    """The id of an action that did a step. Raises app.Wrong where it cannot have."""
    from vedette import app
    from vedette.store.actions import APPLYING, PLANNED, STOPPED

    if step.actions and acted.action not in step.actions:
        raise app.Wrong(
            [f"{acted.id} is a {acted.action}, which does not do {step.name}; that does {' or '.join(step.actions)}"]
        )
    if acted.state in (PLANNED, APPLYING, STOPPED):
        raise app.Wrong([f"{acted.id} is {acted.state}, not applied: vedette action apply {acted.id}"])
    return acted.id


def _severity(desk: Desk, args: argparse.Namespace) -> int:
    from vedette.cli.alert_desk import clean, who
    from vedette.cli.incident_desk import LONGEST, still_open
    from vedette.store.incidents import SEVERITY, Incidents

    by, incidents = who(args), Incidents(desk.visit.database)
    with desk.visit.database.transaction():
        incident = still_open(desk, args.id)
        incidents.rate(incident.id, int(args.severity[-1]))
        text = f"was {incident.name}{': ' if args.reason else ''}{clean(args.reason)}"
        incidents.note(incident.id, SEVERITY, desk.now(), by, name=args.severity, said=text[:LONGEST])
    print(f"incident {incident.id} is a {args.severity}, was {incident.name}")
    return 0


def _close(desk: Desk, args: argparse.Namespace) -> int:
    from vedette.cli.alert_desk import who
    from vedette.cli.incident_desk import said, still_open
    from vedette.response.story import story
    from vedette.store.incidents import TODO, Incidents

    reason, by = said(args.reason, "--reason: say why it is over"), who(args)
    with desk.visit.database.transaction():
        incident = still_open(desk, args.id)
        Incidents(desk.visit.database).close(incident.id, desk.now(), by, reason)
    print(f"incident {incident.id} closed by {terminal(by)}")
    left = [one.step.name for one in story(desk.visit, incident).steps if one.state == TODO]
    if left:
        print(f"  neither done nor skipped: {', '.join(left)}; the post-mortem says so")
    return 0
