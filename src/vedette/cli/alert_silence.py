"""`vedette alerts silence`: nothing is told of an episode's group for a while, here and in Alertmanager."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from vedette import app
from vedette.cli.alert_desk import Desk, clean, who
from vedette.cli.alert_members import first
from vedette.escape import terminal
from vedette.settings.key import Span, seconds
from vedette.stamp import to_second
from vedette.store.alerts import Kept
from vedette.watch.compose import identity

if TYPE_CHECKING:
    from vedette.clients.alertmanager import Alertmanager, Matcher

_LONGEST = 7 * 86_400
_SECOND = 1_000_000_000


def silence(desk: Desk, args: argparse.Namespace) -> int:
    """Silence, or list the silences in force; 0, also where an Alertmanager could not be told. Raises app.Wrong."""
    if args.list:
        return _list(desk, args.output)
    if not args.id:
        raise app.Wrong(["name an alert: vedette alerts silence ID --for 2h --reason TEXT; --list shows all silences"])
    kept, by, reason = desk.named(args.id), who(args), clean(args.reason)
    span = span_of(args.span)
    if not reason.strip():
        raise app.Wrong(["--reason: say why nobody is to be told; others will ask"])
    if not kept.acked:
        # A silence without anybody who has looked is how a real one is missed.
        short = desk.short(kept)
        raise app.Wrong([f"{short} was acknowledged by nobody; look at it first, then: vedette alerts ack {short}"])
    now = desk.now()
    until = now + span * _SECOND
    with desk.visit.database.transaction():
        desk.visit.alerts.silence(kept, until, by, reason, now)
        desk.visit.alerts.did(kept.alert.id, now, by, "silenced", f"until {to_second(until)}: {reason}")
    print(f"{desk.short(kept)} silenced until {to_second(until)} by {terminal(by)}")

    def make(member: Alertmanager, matchers: tuple[Matcher, ...]) -> None:
        member.create_silence(matchers, now, until, f"{reason} (vedette alert {kept.alert.id})", by)

    _everywhere(desk, kept, make, "silence it")
    return 0


def unsilence(desk: Desk, args: argparse.Namespace) -> int:
    """End the silences of an alert's group. Raises app.Wrong where there is none."""
    kept, by = desk.named(args.id), who(args)
    now = desk.now()
    with desk.visit.database.transaction():
        number = desk.visit.alerts.unsilence(kept.key, now)
        if number:
            desk.visit.alerts.did(kept.alert.id, now, by, "unsilenced")
            desk.visit.outbox.hasten(kept.key, now)
    if not number:
        raise app.Wrong([f"no silence of {desk.short(kept)} is in force; vedette alerts silence --list shows all"])
    print(f"{desk.short(kept)} is told again")

    def end(member: Alertmanager, matchers: tuple[Matcher, ...]) -> None:
        for one in member.silences():
            if one.status.state != "expired" and set(one.matchers) == set(matchers):
                member.delete_silence(one.id)

    _everywhere(desk, kept, end, "end its silence")
    return 0


def _everywhere(desk: Desk, kept: Kept, act: Callable[[Alertmanager, tuple[Matcher, ...]], None], what: str) -> None:
    """Do it in each Alertmanager of the settings: by the first member that answers, which tells the others."""
    from vedette.clients.alertmanager import Matcher

    matchers = tuple(Matcher(name, value) for name, value in identity(kept, desk.settings.cluster).items())
    for said in desk.settings.sinks.alertmanager:
        why = first(said, lambda member: act(member, matchers))
        if why:
            why = f"{terminal(said.name)} could not {what}: {terminal(why)}"
            print(f"vedette: {why}; vedette itself does", file=sys.stderr)


def span_of(text: str | None) -> int:
    """Seconds. Raises app.Wrong."""
    if not text:
        raise app.Wrong(["--for: say for how long: 30m, 2h, 3d; at most 7d"])
    span = seconds(Span(text))
    if not span:
        raise app.Wrong([f"--for {clean(text)!r} is no span such as 30m, 2h or 3d"])
    if span > _LONGEST:
        raise app.Wrong([f"--for {text}: at most 7d; what is known for longer belongs into the settings"])
    return span


def _list(desk: Desk, output: str) -> int:
    found = []
    for one in desk.visit.alerts.silences(desk.now()):
        kept = desk.visit.alerts.get(one.alert)
        found.append((one, kept))
    if output == "json":
        rows = [
            {
                "alert": one.alert,
                "rule": kept.alert.rule if kept else "",
                "until": to_second(one.until),
                "by": one.by,
                "reason": one.reason,
            }
            for one, kept in found
        ]
        print(json.dumps(rows, indent=1))
        return 0
    for one, kept in found:
        what = f"{terminal(kept.alert.rule)} {terminal(kept.alert.title)}" if kept else "(an alert that is gone)"
        name = desk.short(kept) if kept else one.alert
        print(f"{name:<8} until {to_second(one.until)} by {terminal(one.by)}: {terminal(one.reason)}")
        print(f"         {what}")
    if not found:
        print("vedette: no silence is in force", file=sys.stderr)
    return 0
