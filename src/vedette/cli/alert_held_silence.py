"""`vedette alerts ack`, `silence` and `unsilence` for what Alertmanager holds: silences of one alert's labels."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from vedette import app
from vedette.cli.alert_desk import clean, who
from vedette.cli.alert_held import ACK, Held, HeldDesk, nanoseconds
from vedette.cli.alert_members import first
from vedette.cli.alert_silence import span_of
from vedette.escape import terminal
from vedette.stamp import to_second

if TYPE_CHECKING:
    from vedette.clients.alertmanager import Alertmanager, Matcher, Silence

_SECOND = 1_000_000_000
_ACKED = 900
"""Seconds that an acknowledgement lasts, as karma's; kthxbye prolongs it while the alert fires."""


def ack_held(desk: HeldDesk, args: argparse.Namespace) -> int:
    """Acknowledge: Alertmanager keeps that as a short silence alone. 2 where a cluster could not be told."""
    one, by, note = desk.named(args.id), who(args), clean(args.note).strip()
    comment = f"{ACK} {note}" if note else f"{ACK} seen, by vedette alerts ack"
    return _make(desk, one, _ACKED, comment, by, "acknowledged")


def silence_held(desk: HeldDesk, args: argparse.Namespace) -> int:
    """Silence, or list the silences in force. 2 where a cluster could not be told. Raises app.Wrong."""
    if args.list:
        return _list(desk, args.output)
    if not args.id:
        raise app.Wrong(["name an alert: vedette alerts silence ID --for 2h --reason TEXT; --list shows all silences"])
    one, by, reason = desk.named(args.id), who(args), clean(args.reason)
    span = span_of(args.span)
    if not reason.strip():
        raise app.Wrong(["--reason: say why nobody is to be told; others will ask"])
    return _make(desk, one, span, reason, by, "silenced")


def unsilence_held(desk: HeldDesk, args: argparse.Namespace) -> int:
    """End the silences that are of this alert alone. Raises app.Wrong where there is none."""
    one = desk.named(args.id)
    wanted = set(_matchers(one))
    ours = {silence.id for silence in one.silences if set(silence.matchers) == wanted}
    if not ours:
        others = ", ".join(f"{terminal(silence.id)} by {silence.created_by}" for silence in one.silences)
        why = (
            f"it is silenced by wider ones, which are not ended here: {others}" if others else "no silence is in force"
        )
        raise app.Wrong([f"{desk.short(one)}: {why}; vedette alerts silence --list --from alertmanager shows all"])

    def end(member: Alertmanager) -> None:
        for silence in member.silences():
            if silence.id in ours and silence.status.state != "expired":
                member.delete_silence(silence.id)

    told = _everywhere(one, end, "end its silence")
    if told:
        print(f"{desk.short(one)} is told again")
    return 0 if told and not desk.silent else 2


def close_held(desk: HeldDesk, args: argparse.Namespace) -> int:
    """Never: what found the alert would post it again. Raises app.Wrong."""
    one = desk.named(args.id)
    ways = {
        "ruler": "it ends by itself once the ruler finds it no more; vedette alerts silence keeps it quiet",
        "watch": "close it where its store is, by the id that vedette alerts list shows there",
    }[one.engine]
    raise app.Wrong([f"{desk.short(one)} cannot be closed in Alertmanager: {ways}"])


def _matchers(one: Held) -> tuple[Matcher, ...]:
    """All its labels: another act of the same kind is told."""
    from vedette.clients.alertmanager import Matcher

    return tuple(Matcher(name, value) for name, value in sorted(one.alert.labels.items()))


def _make(desk: HeldDesk, one: Held, span: int, comment: str, by: str, done: str) -> int:
    now = time.time_ns()
    until = now + span * _SECOND

    def make(member: Alertmanager) -> None:
        member.create_silence(_matchers(one), now, until, comment, by)

    told = _everywhere(one, make, "silence it")
    if told:
        quiet = "" if done == "silenced" else "; it is silent there until then, and anew unless that is prolonged"
        print(f"{desk.short(one)} {done} until {to_second(until)} by {terminal(by)}{quiet}")
    return 0 if told and not desk.silent else 2


def _everywhere(one: Held, act: Callable[[Alertmanager], None], what: str) -> bool:
    """In each cluster that holds it, by the first member that answers, which tells the others."""
    done = True
    for said in one.clusters:
        why = first(said, act)
        if why:
            done = False
            print(f"vedette: {terminal(said.name)} could not {what}: {terminal(why)}", file=sys.stderr)
    return done


def _list(desk: HeldDesk, output: str) -> int:
    """Silences in force that mention vedette's alerts, soonest over first."""
    found = sorted(filter(_ours, desk.silences), key=lambda silence: nanoseconds(silence.ends_at))
    if output == "json":
        rows = [
            {
                "id": one.id,
                "labels": {matcher.name: matcher.value for matcher in one.matchers},
                "until": one.ends_at,
                "by": one.created_by,
                "reason": one.comment,
            }
            for one in found
        ]
        print(json.dumps(rows, indent=1))
    else:
        for one in found:
            until = to_second(nanoseconds(one.ends_at))
            print(f"{terminal(one.id[:8])} until {until} by {terminal(one.created_by)}: {terminal(one.comment)}")
            print(f"         {terminal(', '.join(f'{matcher.name}={matcher.value}' for matcher in one.matchers))}")
        if not found and not desk.silent:
            print("vedette: no silence is in force", file=sys.stderr)
    return 2 if desk.silent else 0


def _ours(silence: Silence) -> bool:
    names = {matcher.name: matcher.value for matcher in silence.matchers}
    return "rule_id" in names or names.get("alertname", "").startswith("Vedette")
