"""`vedette alerts list` and `show` for what Alertmanager holds."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from vedette import app
from vedette.cli import records
from vedette.cli.alert_desk import runbook_of, runbook_url, when
from vedette.cli.alert_held import Held, HeldDesk
from vedette.cli.alert_show import wrapped
from vedette.cli.scan import moment as time_of
from vedette.cli.screen import coloured, severity_word, terminal_width
from vedette.escape import terminal
from vedette.rule import Severity
from vedette.runbook import filled
from vedette.stamp import to_second

HELD = "vedette.heldalert/1"
_SHOWN = ("description", "first_step", "query", "runbook_url")
_WHO = ("actor", "address", "object", "via", "why", "outcome", "where", "count")


def list_held(desk: HeldDesk, args: argparse.Namespace) -> int:
    """Print what is asked for. 0; 2 where a cluster could not be asked. Raises app.Wrong."""
    wrong = {"--follow": args.follow, "--untold": args.untold, "--status closed": args.status == "closed"}
    for option in (option for option, given in wrong.items() if given):
        raise app.Wrong([f"{option} asks the store, which knows what was told and what ended; Alertmanager forgets"])
    if args.n < 0:
        raise app.Wrong([f"-n {args.n}: a number of alerts"])
    least, since = int(Severity[args.severity.upper()]), time_of(args.since, "--since") or 0
    found = [
        one
        for one in desk.alerts
        if one.severity >= least and one.began >= since and args.rule.lower() in ("", one.rule.lower())
    ][: args.n or None]
    encoded = [records.encoded(record(one)) for one in found]
    if args.output == "json":
        sys.stdout.buffer.write(b"[\n" + b",\n".join(encoded) + b"\n]\n" if encoded else b"[]\n")
    elif args.output == "jsonl":
        sys.stdout.buffer.write(b"".join(one + b"\n" for one in encoded))
    else:
        for one in found:
            print(_two_lines(desk, one))
        if not found and not desk.silent:
            print("vedette: no such alert in Alertmanager", file=sys.stderr)
    return 2 if desk.silent else 0


def show_held(desk: HeldDesk, args: argparse.Namespace) -> int:
    """Print one alert, or its runbook; 2 where a cluster could not be asked. Raises app.Wrong."""
    one = desk.named(args.id)
    if args.runbook:
        runbook = runbook_of(one.rule)
        if runbook is None:
            raise app.Wrong([f"the pack has no rule {one.rule}: vedette rules show --rules FILE --runbook"])
        known = {name: one.said(name) for name in ("actor", "address", "object")}
        print(filled(runbook.read_text("utf-8"), {**known, "first_seen": to_second(one.began)}), end="")
    elif args.output == "json":
        sys.stdout.buffer.write(records.encoded(record(one)) + b"\n")
    else:
        width = terminal_width(sys.stdout)
        for name, text in _lines(desk, one):
            print(wrapped(name, text, width))
    return 2 if desk.silent else 0


def record(one: Held) -> dict[str, Any]:
    """For programs: the field names are a promise, those of an alert where they mean the same."""
    return {
        "schema": HELD,
        "id": one.id,
        "engine": one.engine,
        "rule": one.rule,
        "severity": str(Severity(one.severity)),
        "summary": one.said("summary"),
        "state": one.word,
        "opened": when(one.began),
        **{name: one.said(name) for name in (*_WHO, *_SHOWN)},
        "cluster": one.alert.labels.get("cluster", ""),
        "document": one.alert.labels.get("document", ""),
        "source": one.alert.labels.get("source", ""),
        "labels": one.alert.labels,
        "silences": [
            {"id": silence.id, "until": silence.ends_at, "by": silence.created_by, "reason": silence.comment}
            for silence in one.silences
        ],
        "inhibited_by": list(one.alert.status.inhibited_by),
        "alertmanagers": [said.name for said in one.clusters],
        "generator_url": one.alert.generator_url,
    }


def _two_lines(desk: HeldDesk, one: Held) -> str:
    head = f"{desk.short(one):<8} {one.word:<8} "
    width = max(60, terminal_width(sys.stdout) - len(head))
    word = severity_word(Severity(one.severity), coloured(sys.stdout))
    what = terminal(one.said("summary") or one.alert.labels.get("alertname", ""), max(20, width - 14))
    where = f"{one.engine}, {', '.join(said.name for said in one.clusters)}, since {to_second(one.began)}"
    return f"{head}{word} {terminal(one.rule):<4} {what}\n{' ' * len(head)}              {terminal(where)}"


def _lines(desk: HeldDesk, one: Held) -> Iterator[tuple[str, str]]:
    """Name and text of each line, escaped."""
    labels = one.alert.labels
    yield str(Severity(one.severity)), f"{terminal(one.rule)}  {terminal(one.said('summary'))}"
    yield "id", f"{terminal(one.id)} in {terminal(', '.join(said.name for said in one.clusters))}"
    found = {"ruler": "Loki's ruler", "watch": "vedette watch"}[one.engine]
    yield "state", f"{one.word}, found by {found}, there since {to_second(one.began)}"
    for name in _WHO:
        if one.said(name):
            yield name, terminal(one.said(name))
    for name, text in (("meaning", "description"), ("first step", "first_step"), ("query", "query")):
        if one.said(text):
            yield name, terminal(one.said(text))
    yield "runbook", terminal(_runbook_url(desk, one)) or "none in the pack"
    yield "", f"vedette alerts show {desk.short(one)} --from alertmanager --runbook"
    if one.engine == "ruler":
        yield "answer it", f"vedette respond {desk.short(one)} --from alertmanager"
    yield "labels", terminal(", ".join(f"{name}={text}" for name, text in sorted(labels.items())))
    for silence in one.silences:
        until = f"until {terminal(silence.ends_at[:19])}Z by {terminal(silence.created_by)}"
        yield "silenced", f"{until}: {terminal(silence.comment)}"
    for other in one.alert.status.inhibited_by:
        yield "inhibited", f"by {terminal(other)}"


def _runbook_url(desk: HeldDesk, one: Held) -> str:
    return one.said("runbook_url") or runbook_url(desk.settings, one.rule)
