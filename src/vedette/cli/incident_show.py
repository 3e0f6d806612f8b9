"""`vedette incident list`, `show` and `export`: an incident for a person, a program, and those who were not there."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vedette import app
from vedette.cli import records
from vedette.cli.alert_desk import Desk, clean, when
from vedette.cli.incident_desk import named
from vedette.cli.screen import terminal_width
from vedette.escape import terminal
from vedette.response import story
from vedette.response.bundle import SCHEMA
from vedette.response.escalation import Standing, before
from vedette.response.story import Moment, Story, sentence, short
from vedette.stamp import stamp, to_second
from vedette.store.incidents import ALERT, TODO, Incident, Incidents

_UNDER = " " * 24


def list_incidents(desk: Desk, args: argparse.Namespace) -> int:
    """Print the incidents. Raises StoreError."""
    incidents = Incidents(desk.visit.database)
    found = [(one, incidents.numbers(one.id).get(ALERT, 0)) for one in incidents.listed(closed=args.all)]
    if args.output == "json":
        items = [records.encoded(_head(one) | {"alerts": number}) for one, number in found]
        sys.stdout.buffer.write(b"[\n" + b",\n".join(items) + b"\n]\n" if items else b"[]\n")
        return 0
    width = terminal_width(sys.stdout)
    for one, number in found:
        state = f"closed {to_second(one.closed)}" if one.closed else "open"
        head = f"{one.id:>4} {one.name} {state}, {number} alert{'' if number == 1 else 's'}, "
        print(f"{head}{to_second(one.opened)} by {terminal(one.opened_by)}")
        print(f"     {terminal(one.title, max(20, width - 5))}")
    if not found:
        which = "" if args.all else "open "
        print(f"vedette: no {which}incident in {terminal(str(desk.visit.folder))}", file=sys.stderr)
    return 0


def show(desk: Desk, args: argparse.Namespace) -> int:
    """Print one incident. Raises app.Wrong, StoreError."""
    told = story.story(desk.visit, named(desk, args.id))
    if args.output == "json":
        sys.stdout.buffer.write(records.encoded(_record(told)) + b"\n")
        return 0
    for line in _lines(told):
        print(line)
    return 0


def _lines(told: Story) -> Iterator[str]:
    incident = told.incident
    yield f"incident {incident.id}  {incident.name}  {terminal(incident.title)}"
    yield f"  opened {to_second(incident.opened)} by {terminal(incident.opened_by)}"
    if incident.closed:
        yield f"  closed {to_second(incident.closed)} by {terminal(incident.closed_by)}: {terminal(incident.reason)}"
    for ground in told.grounds:
        yield f"  SEV1 is suggested: {terminal(ground)}"
    if told.first is not None:
        yield f"  first evidence {stamp(told.first_time)}, alert {short(told.first)}"
    if told.steps:
        yield "\nsteps"
        for one in told.steps:
            yield from _step(told, one)
        if any(one.state == TODO for one in told.steps):
            yield f"  once one was done: vedette incident step {incident.id} NAME done --action ID"
    if told.members:
        yield "\nalerts"
        for member in told.members:
            yield f"  {short(member.alert)}  {terminal(sentence(member.alert))}"
    yield "\ntimeline"
    for at in told.moments:
        yield _moment(at)


def _step(told: Story, one: Standing) -> Iterator[str]:
    who = f" {to_second(one.time)} by {terminal(one.by)}" if one.time else ""
    why = f": {terminal(one.said)}" if one.said else ""
    yield f"  {one.step.name:<12} {one.state:<8} {one.step.title}{who}{why}"
    for acted in told.did(one):
        yield f"{_UNDER}by action {terminal(story.named(acted))}: {story.standing(acted)}"
    if one.state != TODO:
        return
    if one.step.warning:
        yield from _under(f"warning: {one.step.warning}")
    if one.step.name == "restore":
        yield f"{_UNDER}{before(told.first_time)}"
    for command in one.step.commands:
        yield f"{_UNDER}$ {command}"
    yield from _under(one.step.how)


def _under(text: str) -> Iterator[str]:
    """Our own words, folded beneath a step."""
    for line in textwrap.wrap(text, 100 - len(_UNDER), break_on_hyphens=False):
        yield f"{_UNDER}{line}"


def _moment(one: Moment) -> str:
    parts = [to_second(one.time), f"{one.what:<12}", f"{terminal(one.about):<8}"]
    if one.by:
        parts.append(f"by {terminal(one.by)}:" if one.text else f"by {terminal(one.by)}")
    return f"  {' '.join([*parts, terminal(one.text)])}".rstrip()


def _head(one: Incident) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "id": one.id,
        "severity": one.name,
        "title": one.title,
        "opened": stamp(one.opened),
        "opened_by": one.opened_by,
        "closed": when(one.closed),
        "closed_by": one.closed_by,
        "reason": one.reason,
    }


def _record(told: Story) -> dict[str, Any]:
    return {
        **_head(told.incident),
        "grounds": told.grounds,
        "first_evidence": when(told.first_time),
        "steps": [
            {
                "name": one.step.name,
                "title": one.step.title,
                "state": one.state,
                "time": when(one.time),
                "by": one.by,
                "said": one.said,
                "actions": list(one.actions),
                "commands": list(one.step.commands),
            }
            for one in told.steps
        ],
        "alerts": [records.alert_record(one, "") for one in told.alerts],
        "timeline": [
            {"time": stamp(one.time), "what": one.what, "about": one.about, "by": one.by, "text": one.text}
            for one in told.moments
        ],
    }


def export(desk: Desk, args: argparse.Namespace) -> int:
    """Write the post-mortem and the tar. Raises app.Wrong, StoreError."""
    from vedette.response import bundle
    from vedette.response.exhibits import gather

    told = story.story(desk.visit, named(desk, args.id))
    rules = app.load_rules(desk.settings).rules
    into = Path(args.into)
    where = f"--into {clean(args.into)}"
    if not into.is_dir():
        raise app.Wrong([f"{where}: no such folder"])
    try:
        exhibits = gather(desk.visit.folder, told.alerts, rules, app.trusted_proxies(desk.settings))
        page, archive = bundle.export(told, exhibits, into, force=args.force, segments=args.segments)
    except bundle.Exists as error:
        raise app.Wrong([f"{error} is there already; --force writes over it"]) from error
    except bundle.Changed as error:
        raise app.Wrong([f"{error} was rewritten or removed meanwhile; nothing was written, call it again"]) from error
    except OSError as error:
        name = clean(str(error.filename)) if error.filename else where
        raise app.Wrong([f"{name}: {error.strerror or error}; nothing was written"]) from error
    lines = sum(map(len, exhibits.lines.values()))
    print(terminal(str(page)))
    print(terminal(str(archive)))
    sys.stdout.flush()
    kept = "1 line" if lines == 1 else f"{lines:,} lines"
    print(f"vedette: {kept} of evidence in {terminal(archive.name)}; they may hold secrets", file=sys.stderr)
    for trouble in exhibits.troubles:
        print(f"vedette: {terminal(trouble)}", file=sys.stderr)
    return 0
