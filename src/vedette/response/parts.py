"""Parts: a briefing as titled lines, before anybody decided how they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vedette.alert import Alert, own_address
from vedette.response.briefing import Briefing
from vedette.response.context import Context, Row
from vedette.response.facts import OPEN, REAL, Fact
from vedette.response.said import Line, Said
from vedette.response.story import sentence
from vedette.stamp import to_second
from vedette.store.actions import Acted
from vedette.store.alerts import Deed, Kept

_ROWS = 12
"""Rows of one table."""
_HOUR = 3_600_000_000_000


class Part(NamedTuple):
    """One titled part."""

    title: str
    lines: Sequence[Line] = ()
    commands: Sequence[str] = ()
    """What can be typed, a line each, quoted for a shell."""
    runbook: str = ""
    """The heading of the runbook's section that belongs here."""


def parts(briefing: Briefing) -> list[Part]:
    """All of it, in the order in which a person asks."""
    alert = briefing.alert
    return [
        Part("What happened", list(_happened(briefing)), runbook="Meaning"),
        Part("Around it", list(_around(briefing.context, alert))),
        Part("Real or not", list(_decide(briefing)), runbook="Real or not"),
        Part("Act", list(_act(briefing)), runbook="Act"),
        Part("Afterwards", list(_afterwards(briefing)), afterwards(alert, briefing.leaning.word)),
        Part("Done so far", list(done(briefing.deeds, briefing.acted, briefing.kept)) or [("nothing",)]),
    ]


def afterwards(alert: Alert, word: str) -> list[str]:
    """What ends the answer: an incident, a narrower rule, the alert's own end."""
    short = alert.id[:8]
    real = [
        f'vedette incident open "say what happened" {short}',
        f'vedette alerts close {short} --as true --reason "say how it ended"',
    ]
    false = [
        f"vedette tune {alert.rule}",
        f'vedette alerts close {short} --as false --reason "say what it was"',
    ]
    if word == REAL:
        return real
    return [*real, *false] if word == OPEN else false


def _happened(briefing: Briefing) -> Iterator[Line]:
    alert = briefing.alert
    yield (Said(sentence(alert)),)
    span = to_second(alert.first_seen)
    if alert.last_seen != alert.first_seen:
        span += f" to {to_second(alert.last_seen)}"
    yield (f"{span};", "how it ended:", Said(alert.outcome))
    if alert.why:
        yield ("why:", Said(alert.why))
    if alert.via:
        yield ("through:", Said(alert.via))
    if alert.file:
        yield ("log:", Said(f"{alert.file}:{alert.line}"))


def _around(context: Context, alert: Alert) -> Iterator[Line]:
    hours = f"{to_second(context.since)} to {to_second(context.until)}"
    if alert.actor or alert.address:
        yield (f"{hours}, from {context.read_from}: {context.acts:,} acts by this actor, address or token",)
    else:
        yield (f"It names nobody whose acts could be looked for ({hours}).",)
    for title, rows in (
        ("this actor:", context.by_actor),
        ("others from the same address:", context.by_address),
        ("the same token elsewhere:", context.by_token),
    ):
        if rows:
            yield (title,)
            for row in rows[:_ROWS]:
                yield _row(row, alert)
            if len(rows) > _ROWS:
                yield (f"- {len(rows) - _ROWS} more kinds of acts",)
    if context.more:
        yield (f"{context.more:,} acts of further kinds are not listed",)
    for step in context.lineage:
        yield (f"token: {to_second(step.time)}", Said(step.says))
    for trouble in context.troubles:
        yield ("not all of it could be read:", Said(trouble))


def _row(row: Row, alert: Alert) -> Line:
    """What was done, and of who, where and with what only what is another than the alert's."""
    if row.kind and row.kind not in row.example:
        what = f"{row.verb} {row.kind} {row.example}"
    else:
        what = row.example if row.example.startswith(f"{row.verb} ") else f"{row.verb} {row.example}"
    others = []
    if row.actor != alert.actor:
        others.append(row.actor or "(nobody named)")
    if row.address != own_address(alert.address):
        others.append(f"from {row.address or '(no address)'}")
    if row.agent:
        others.append(f"with {row.agent}")
    times = "once" if row.count == 1 else f"{row.count:,} times"
    said = f"{what.strip()}{'; ' if others else ''}{', '.join(others)}"
    return (f"- {to_second(row.first)}", f"{times},", f"{row.outcome}:", Said(said))


def _decide(briefing: Briefing) -> Iterator[Line]:
    for fact in briefing.facts:
        yield _fact(fact)
    leaning = briefing.leaning
    on = "it rests on" if leaning.why else "nothing that is kept speaks for either"
    yield (f"Leaning: {leaning.word}; {on}",)
    for fact in leaning.why:
        yield _fact(fact)
    yield ("You decide; nothing was done.",)


def _fact(fact: Fact) -> Line:
    return (f"- {fact.question}", f"{fact.answer.value}:", *fact.says)


def _act(briefing: Briefing) -> Iterator[Line]:
    if not briefing.offers:
        yield ("Its runbook names no action.",)
        return
    yield ("Each action shows first all that it would do; nothing is changed before it is applied.",)
    missing = sorted({name.upper() for one in briefing.offers for name in one.missing})
    if missing:
        yield ("What only you can say stands in capitals:", ", ".join(missing))


def _afterwards(briefing: Briefing) -> Iterator[Line]:
    for ground in briefing.grounds:
        yield ("SEV1 is suggested:", Said(ground))
    for one in briefing.incidents:
        state = "closed" if one.closed else "open"
        yield (f"it belongs to incident {one.id} ({one.name}, {state}):", Said(one.title))


def done(deeds: Sequence[Deed], acted: Sequence[Acted], kept: Kept | None) -> Iterator[Line]:
    """Who did what about it, in the order of time."""
    lines: list[tuple[int, Line]] = [
        (one.time, (f"- {to_second(one.time)} {one.did}", "by", Said(one.by), *((Said(one.said),) if one.said else ())))
        for one in deeds
    ]
    for one in acted:
        head = f"- {to_second(one.made)} planned"
        lines.append((one.made, (head, "by", Said(one.by), Said(f"{one.id} {one.action} {one.target}: {one.state}"))))
    if kept is not None and kept.closed and not kept.closed_by:
        lines.append((kept.closed, (f"- {to_second(kept.closed)} fell quiet",)))
    return (line for _, line in sorted(lines, key=lambda one: one[0]))
