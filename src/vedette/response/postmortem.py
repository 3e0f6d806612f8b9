"""Post-mortem: an incident as a Markdown page. Every text that is not our own is a code span or in a block of code."""

from __future__ import annotations

from collections.abc import Iterator

from vedette.escape import markdown, markdown_block
from vedette.event import Outcome
from vedette.response.escalation import before
from vedette.response.exhibits import Exhibits, Line
from vedette.response.grounds import OWN
from vedette.response.story import Answer, Member, Moment, Story, named, sentence, short, standing
from vedette.rule import Reaction
from vedette.stamp import stamp, to_second
from vedette.store import incidents as kinds
from vedette.store.actions import APPLIED, APPLYING, HALF_UNDONE, PLANNED, STOPPED, UNDOING

_WIDTH = 400
"""Characters of one text in the page; the whole stands in the manifest and in the lines."""
_LINES = 50
"""Lines of one alert that are listed; the manifest has all."""
_OBJECTS = 200
"""Actors, addresses or objects that are listed."""


def postmortem(story: Story, exhibits: Exhibits) -> str:
    """The page; the same for the same state of the store. Log lines are named in it by their SHA-256, not shown: they
    may hold secrets, and the page is to be passed on."""
    parts = [
        *_head(story),
        "## Timeline\n",
        "Times of acts are those of the log, all others those of this machine; UTC.\n",
        *[_moment(one) for one in story.moments],
        "\n## Impact\n",
        *_impact(story, exhibits),
        "\n## Steps\n",
        *_steps(story),
        "\n## Actions\n",
        *_actions(story),
        "\n## Evidence\n",
        *_evidence(story, exhibits),
        "\n## Open questions\n",
        *[f"- {one}" for one in questions(story, exhibits)],
    ]
    return "\n".join(parts) + "\n"


def _head(story: Story) -> Iterator[str]:
    incident = story.incident
    yield f"# Incident {incident.id}: {incident.name}\n"
    yield f"- title: {_text(incident.title)}"
    yield f"- opened {to_second(incident.opened)} by {_text(incident.opened_by)}"
    if incident.closed:
        why = _text(incident.reason)
        yield f"- closed {to_second(incident.closed)} by {_text(incident.closed_by)}: {why}"
    else:
        yield "- still open"
    for ground in story.grounds:
        yield f"- a SEV1, because {_text(ground)}"
    first = story.first
    if first is None:
        yield "- no alert was added\n"
        return
    yield f"- first evidence {stamp(first.first_seen)}, alert {short(first)}; last {to_second(_last(story))}\n"


def _last(story: Story) -> int:
    return max(one.last_seen for one in story.alerts)


def _text(text: str) -> str:
    return markdown(text, _WIDTH)


def _moment(one: Moment) -> str:
    parts = [f"- {to_second(one.time)} **{one.what}**"]
    if one.about:
        parts.append(_text(one.about))
    if one.by:
        parts.append(f"by {_text(one.by)}")
    if one.text:
        parts.append(_text(one.text))
    return " ".join(parts)


def _impact(story: Story, exhibits: Exhibits) -> Iterator[str]:
    """Who and what the lines name; of an alert without lines, its first act."""
    alerts = [one for one in story.alerts if one.source != OWN]
    if not alerts:
        yield "No alert was added."
        return
    touched: list[tuple[tuple[str, str, str], str]] = []
    for alert in alerts:
        lines = exhibits.lines.get(alert.id) or []
        touched += [(line.who, f"{alert.rule} {line.outcome}") for line in lines]
        if not lines:
            touched.append(((alert.actor, alert.address, alert.object), f"{alert.rule} {alert.outcome}"))
    for number, name in enumerate(("Actors", "Addresses", "Objects")):
        found: dict[str, set[str]] = {}
        for who, what in touched:
            found.setdefault(who[number] or "(not named)", set()).add(what)
        yield f"{name}:\n"
        for text in sorted(found)[:_OBJECTS]:
            yield f"- {_text(text)}: {_text(', '.join(sorted(found[text])))}"
        if len(found) > _OBJECTS:
            yield f"- {len(found) - _OBJECTS} more"
        yield ""


def _steps(story: Story) -> Iterator[str]:
    if not story.steps:
        yield "None were called for."
    for one in story.steps:
        said = f": {_text(one.said)}" if one.said else ""
        who = f" {to_second(one.time)} by {_text(one.by)}" if one.time else ""
        what = f" ({before(story.first_time)})" if one.step.name == "restore" else ""
        yield f"- {one.step.title}{what}: **{one.state}**{who}{said}"
        for acted in story.did(one):
            yield f"  - by action {_text(named(acted))}: {standing(acted)}"


def _actions(story: Story) -> Iterator[str]:
    done = [
        (one.time, one.by, f"{one.did} alert {short(member.alert)}{': ' if one.said else ''}{one.said}")
        for member in story.members
        for one in member.deeds
    ]
    for time, by, what in sorted(done):
        yield f"- {to_second(time)} by {_text(by)}: {_text(what)}"
    for answer in story.answers:
        acted = answer.acted
        what = _text(f"{acted.action} {acted.target}".rstrip())
        yield f"- {to_second(acted.made)} planned by {_text(acted.by)}: {what}"
        yield f"  - {acted.state}{f', verified {to_second(acted.verified)}' if acted.verified else ', never verified'}"
        for call in answer.calls:
            word = "undo: " if call.turn else ""
            said = f" {_text(call.said)}" if call.said else ""
            at = to_second(call.ended or call.begun)
            yield f"  - {at} by {_text(call.by)}: {word}{_text(call.does)}, {call.state}{said}"
    if not done and not story.answers:
        yield "None are recorded."


def _evidence(story: Story, exhibits: Exhibits) -> Iterator[str]:
    if exhibits.segments:
        yield "Segments of the store that hold the lines below. A segment gets another SHA-256 when it is rewritten to"
        yield "take less room; that of its plain lines stays.\n"
    for segment in exhibits.segments:
        yield f"- {_text(segment.name)}, {segment.size} bytes"
        yield f"  - sha256 `{segment.sha256}`"
        yield f"  - of its plain lines `{segment.plain_sha256}`"
    for member in story.members:
        alert, lines = member.alert, exhibits.lines.get(member.alert.id, [])
        if alert.source == OWN:
            continue
        yield f"\n### Alert {short(alert)}\n"
        yield f"{_text(sentence(alert))}\n"
        yield f"{len(lines)} lines kept of {exhibits.acts(alert)} acts; the alert counts {alert.count}.\n"
        if lines:
            yield markdown_block(_line(one) for one in lines[:_LINES])
        if len(lines) > _LINES:
            yield f"\n{len(lines) - _LINES} more are in manifest.json."


def _line(one: Line) -> str:
    return f"{stamp(one.time)} {one.sha256} {one.segment}{f':{one.number}' if one.number else ''}"


def questions(story: Story, exhibits: Exhibits) -> list[str]:
    """What nobody can tell yet, as lines of Markdown: computed ones, and those that people noted."""
    found = [f"{_text(one.said)} (asked by {_text(one.by)})" for one in story.entries if one.kind == kinds.QUESTION]
    for member in story.members:
        found += _of_member(member, exhibits)
    for one in story.steps:
        if one.state == kinds.TODO:
            found.append(f"{one.step.title}: nobody has said that it was done, or why not.")
    for answer in story.answers:
        found += _of_answer(answer)
    found += [f"Evidence could not be read: {_text(one)}." for one in exhibits.troubles]
    return found or ["None are known."]


def _of_answer(answer: Answer) -> Iterator[str]:
    acted = answer.acted
    name = f"Action {_text(acted.id)} ({_text(acted.action)})"
    if acted.state == PLANNED:
        yield f"{name} was planned and not applied."
    elif acted.state in (APPLYING, STOPPED, UNDOING, HALF_UNDONE):
        yield f"{name} is {acted.state}: how much of it was done?"
    elif acted.state == APPLIED and not acted.verified:
        yield f"{name} was applied and never verified."


def _of_member(member: Member, exhibits: Exhibits) -> Iterator[str]:
    alert = member.alert
    name = f"Alert {short(alert)} ({_text(alert.rule)})"
    if alert.source == OWN:
        yield f"{name} says that vedette was blind here: {_text(alert.object)}. What was missed meanwhile?"
        return
    if alert.reaction == Reaction.CANNOT_TELL.value:
        yield f"{name}: the log cannot tell whether it was done: {_text(alert.why)}."
    elif alert.outcome == Outcome.UNKNOWN.value:
        yield f"{name}: outcome unknown; no record tells how it ended."
    if not alert.actor:
        yield f"{name} names nobody. Who was it?"
    if alert.source == "observation":
        yield f"{name} tells when it was seen; it was done at some time after the look before that."
    acts = exhibits.acts(alert)
    if not acts:
        yield f"{name}: none of its lines are in what the store keeps."
    elif acts < alert.count:
        yield f"{name}: of {alert.count} acts only {acts} are in what the store keeps."
    if member.kept is None:
        yield f"{name} is no longer in the store; what was told and done about it is not known."
