"""`vedette alerts show`: everything about one alert."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from vedette import app, wiring
from vedette.alert import Alert
from vedette.cli import records
from vedette.cli.alert_desk import SHORT, Desk, action_record, undelivered, when
from vedette.cli.screen import terminal_width
from vedette.escape import terminal
from vedette.rule import Reaction, Severity
from vedette.runbook import filled
from vedette.stamp import to_second
from vedette.store.actions import APPLIED, APPLYING, PLANNED, STOPPED, Acted
from vedette.store.alerts import OWN, Kept
from vedette.store.incidents import Incidents
from vedette.store.outbox import Entry
from vedette.watch.compose import Words

_INDENT = 14
_WHOLE = frozenset({"answer it", "first step", "query", "runbook", "where"})
"""What is copied into a shell or a browser stays on one line."""
_KIND = {Reaction.ATTEMPT.value: "attempt: ", Reaction.CANNOT_TELL.value: "cannot tell: "}


def show(desk: Desk, args: argparse.Namespace) -> int:
    """Print one alert, or its runbook. Raises app.Wrong, StoreError."""
    kept = desk.named(args.id)
    if args.runbook:
        print(_runbook(desk, kept.alert), end="")
        return 0
    words = _words(desk, kept.alert)
    if args.output == "json":
        sys.stdout.buffer.write(records.encoded(_record(desk, kept, words)) + b"\n")
        return 0
    width = terminal_width(sys.stdout)
    for name, text in _lines(desk, kept, words):
        print(wrapped(name, text, width))
    return 0


def _runbook(desk: Desk, alert: Alert) -> str:
    if alert.source == OWN:
        raise app.Wrong([f"{alert.rule} is a finding of vedette's own and has no runbook; what to do: {alert.why}"])
    runbook = desk.runbook(alert.rule)
    if runbook is None:
        raise app.Wrong([f"the pack has no rule {alert.rule}: vedette rules show --rules FILE --runbook"])
    from vedette import responding  # which knows the actions

    details = responding.details_for(desk.settings, desk.visit.folder, alert)
    return filled(runbook.read_text("utf-8"), records.alert_record(alert, ""), details)


def _words(desk: Desk, alert: Alert) -> Words:
    """What its runbook says of it."""
    from vedette.rule import Rule

    rules: tuple[Rule, ...] = ()
    if alert.source != OWN and desk.runbook(alert.rule) is not None:
        # What is wrong with another rule is no matter here.
        rules = tuple(one for one in app.load_rules(desk.settings).rules if one.name == alert.rule)
    return wiring.describer(desk.settings, rules)(alert)


def _record(desk: Desk, kept: Kept, words: Words) -> dict[str, Any]:
    own = kept.alert.source == OWN
    now = desk.now()
    in_force = [one for one in desk.visit.alerts.silences(now) if one.key == kept.key]
    return {
        **desk.record(kept),
        "description": kept.alert.title if own else words.description,
        "first_step": words.first_step,
        "query": words.query,
        "silences": [{"until": to_second(one.until), "by": one.by, "reason": one.reason} for one in in_force],
        "deeds": [
            {"time": to_second(one.time), "by": one.by, "did": one.did, "said": one.said}
            for one in desk.visit.alerts.deeds(kept.alert.id)
        ],
        "actions": [action_record(one) for one in desk.visit.actions.listed(alert=kept.alert.id)],
        "incidents": [
            {"id": one.id, "severity": one.name, "title": one.title, "closed": when(one.closed)}
            for one in Incidents(desk.visit.database).of_alert(kept.alert.id)
        ],
    }


def _lines(desk: Desk, kept: Kept, words: Words) -> Iterator[tuple[str, str]]:
    """Name and text of each line, escaped."""
    alert = kept.alert
    own = alert.source == OWN
    kind = "" if own else _KIND.get(alert.reaction, "")
    yield str(Severity(alert.severity)), f"{terminal(alert.rule)}  {terminal(kind + alert.title)}"
    yield "id", alert.id
    yield "state", _state(desk, kept)
    times = "1 act" if alert.count == 1 else f"{alert.count:,} acts"
    if own:
        yield "about", terminal(alert.object)
        yield "to do", terminal(alert.why)
    else:
        yield "acts", f"{times}, {to_second(alert.first_seen)} to {to_second(alert.last_seen)}; {alert.outcome}"
        for name, text in (
            ("actor", alert.actor or "(nobody named)"),
            ("address", alert.address),
            ("via", alert.via),
            ("object", alert.object),
            ("why", alert.why),
            ("where", f"{alert.file}:{alert.line}" if alert.file else ""),
            ("first act", alert.act),
            ("last act", alert.last_act if alert.last_act != alert.act else ""),
            ("met", ", ".join(alert.detections)),
        ):
            if text:
                yield name, terminal(text)
        # The runbook's words were escaped when they were filled in.
        for name, text in (("meaning", words.description), ("first step", words.first_step), ("query", words.query)):
            if text and text != alert.why:
                yield name, terminal(text)
        yield "runbook", terminal(desk.runbook_url(alert.rule)) or "none in the pack"
        yield "", f"vedette alerts show {desk.short(kept)} --runbook"
        yield "answer it", f"vedette respond {desk.short(kept)}"
    if kept.untold:
        yield "told", f"nobody: {terminal(kept.untold)}"
    now = desk.now()
    for row in desk.visit.outbox.of_alert(alert.id):
        yield "told", _delivery(row, now)
    for one in desk.visit.alerts.silences(now):
        if one.key == kept.key:
            yield "silenced", f"until {to_second(one.until)} by {terminal(one.by)}: {terminal(one.reason)}"
    for deed in desk.visit.alerts.deeds(alert.id):
        said = f": {terminal(deed.said)}" if deed.said else ""
        yield deed.did, f"{to_second(deed.time)} by {terminal(deed.by)}{said}"
    for acted in desk.visit.actions.listed(alert=alert.id):
        yield "action", _action(acted)
    for incident in Incidents(desk.visit.database).of_alert(alert.id):
        over = f", closed {to_second(incident.closed)}" if incident.closed else ""
        yield "incident", f"{incident.id} {incident.name} {terminal(incident.title)}{over}"


def _action(one: Acted) -> str:
    """What answers the alert, how far that has come, and by whom."""
    text = f"{one.id[:SHORT]} {terminal(one.action)} {terminal(one.target)}: {one.state}"
    by, at = one.by, one.made
    if one.state in (APPLIED, APPLYING, STOPPED):
        by, at = one.applied_by, one.applied
    elif one.state != PLANNED:
        by, at = one.undone_by, one.undone
    text += f" by {terminal(by)}" + (f" {to_second(at)}" if at else "")
    return text + (f", verified {to_second(one.verified)}" if one.verified else "")


def _state(desk: Desk, kept: Kept) -> str:
    text = f"{desk.word(kept)}, opened {to_second(kept.opened)}"
    if kept.acked:
        text += f", acknowledged {to_second(kept.acked)} by {terminal(kept.acked_by)}"
    if kept.closed:
        text += f", closed {to_second(kept.closed)} ({terminal(kept.closed_by) or 'it fell quiet'})"
    return text


def _delivery(row: Entry, now: int) -> str:
    """What became of telling one sink of one occasion."""
    what = f"{terminal(row.sink)}, {row.occasion}: "
    missed = undelivered(row, now)
    if missed:
        return what + missed
    if not row.told:
        return f"{what}due {to_second(row.due)}"
    told = f"{what}{to_second(row.told)}, {'with a receipt' if row.receipt else 'no receipt'}"
    if row.state == "waiting":
        told += f"; again {to_second(row.due)}" if row.due > now else f"; again since {to_second(row.due)}"
        told += f": {terminal(row.reason)}" if row.reason else ""
    return told


def wrapped(name: str, text: str, width: int) -> str:
    """A named line, folded to a width unless it is to be copied."""
    if name in _WHOLE:
        return f"{name:<{_INDENT}}{text}"
    return "\n".join(
        textwrap.wrap(
            text,
            width,
            initial_indent=f"{name:<{_INDENT}}",
            subsequent_indent=" " * _INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )
