"""Story: an incident with its alerts, as one timeline. Texts are raw; each exit escapes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vedette.alert import Alert
from vedette.response.escalation import Standing, standings
from vedette.response.grounds import OWN, first_evidence, grounds
from vedette.rule import Reaction, Severity
from vedette.stamp import to_second
from vedette.store import incidents as kinds
from vedette.store.actions import Acted
from vedette.store.actions import Step as Call
from vedette.store.alerts import Deed, Kept
from vedette.store.incidents import Entry, Incident, Incidents
from vedette.store.outbox import Entry as Told
from vedette.store.visit import Visit


@dataclass(frozen=True, slots=True)
class Member:
    """An alert of an incident, and what became of it."""

    alert: Alert
    """As it is, or as it was when it was added where the store has let go of it."""
    kept: Kept | None
    deeds: tuple[Deed, ...]
    told: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An action that answers one of the alerts, or was added, and its calls."""

    acted: Acted
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline."""

    time: int
    """Nanoseconds since 1970 UTC; for an alert's acts event time, else by the clock."""
    what: str
    """A word or two of our own: alert, told, acked, note, done."""
    about: str
    """An alert's short id, a step, an action; nothing where it is the incident itself."""
    by: str
    """Who did it; nothing: nobody, or vedette."""
    text: str


@dataclass(frozen=True, slots=True)
class Story:
    """All there is to tell of an incident."""

    incident: Incident
    entries: tuple[Entry, ...]
    members: tuple[Member, ...]
    """By their first act."""
    answers: tuple[Answer, ...]
    """In the order in which they were planned."""
    steps: tuple[Standing, ...]
    moments: tuple[Moment, ...]
    """In the order of time."""

    def did(self, step: Standing) -> list[Acted]:
        """The actions on record that did a step."""
        return [one.acted for one in self.answers if one.acted.id in step.actions]

    @property
    def alerts(self) -> list[Alert]:
        """Of the members."""
        return [one.alert for one in self.members]

    @property
    def grounds(self) -> list[str]:
        """Why it is a SEV1."""
        return grounds(self.alerts)

    @property
    def first(self) -> Alert | None:
        """The alert with the first evidence."""
        return first_evidence(self.alerts)

    @property
    def first_time(self) -> int:
        """When the first evidence was made; 0 where there is none."""
        return self.first.first_seen if self.first else 0


def story(visit: Visit, incident: Incident) -> Story:
    """Put an incident together. Raises StoreError."""
    entries = tuple(Incidents(visit.database).entries(incident.id))
    members = tuple(
        sorted(
            (_member(visit, one) for one in entries if one.alert), key=lambda one: (one.alert.first_seen, one.alert.id)
        )
    )
    moments = [*_of_incident(incident, entries)]
    for member in members:
        moments += _of_member(member)
    answers = _answers(visit, entries)
    for answer in answers:
        moments += _of_answer(answer)
    moments.sort(key=lambda one: one.time)
    return Story(incident, entries, members, answers, tuple(standings(incident.severity, entries)), tuple(moments))


def short(alert: Alert) -> str:
    """An alert's id as people say it."""
    return alert.id[:8]


def named(acted: Acted) -> str:
    """An action as people say it: short id, name, arguments; raw."""
    return f"{acted.id[:8]} {acted.action} {acted.target}".rstrip()


def standing(acted: Acted) -> str:
    """How far an action is, and when it was last looked at."""
    return f"{acted.state}, {f'verified {to_second(acted.verified)}' if acted.verified else 'never verified'}"


def sentence(alert: Alert) -> str:
    """What an alert says, on one line; raw."""
    kind = {Reaction.ATTEMPT.value: "attempt: ", Reaction.CANNOT_TELL.value: "cannot tell: "}.get(alert.reaction, "")
    head = f"{Severity(alert.severity)} {alert.rule} {'' if alert.source == OWN else kind}{alert.title}"
    if alert.source == OWN:
        return f"{head}: {alert.object}"
    times = "" if alert.count == 1 else f", {alert.count} acts"
    return f"{head}{times}: {alert.actor or '(nobody named)'} from {alert.address or '(no address)'} -> {alert.object}"


def _member(visit: Visit, entry: Entry) -> Member:
    kept = visit.alerts.get(entry.name)
    assert entry.alert is not None
    return Member(
        kept.alert if kept else entry.alert,
        kept,
        tuple(visit.alerts.deeds(entry.name)),
        tuple(visit.outbox.of_alert(entry.name)),
    )


def _of_member(member: Member) -> Iterator[Moment]:
    alert, name = member.alert, short(member.alert)
    yield Moment(alert.first_seen, "alert", name, "", sentence(alert))
    if alert.last_seen != alert.first_seen:
        yield Moment(alert.last_seen, "last act", name, "", f"{alert.rule} {alert.title}")
    for deed in member.deeds:
        yield Moment(deed.time, deed.did, name, deed.by, deed.said)
    for row in member.told:
        if row.told:
            yield Moment(row.told, "told", name, "", f"{row.sink}, {row.occasion}")
    kept = member.kept
    if kept and kept.closed and not kept.closed_by:
        yield Moment(kept.closed, "fell quiet", name, "", "")


def _answers(visit: Visit, entries: Sequence[Entry]) -> tuple[Answer, ...]:
    found: dict[str, Acted] = {}
    for one in entries:
        if one.kind == kinds.ALERT:
            found.update({acted.id: acted for acted in visit.actions.listed(alert=one.name)})
        elif one.kind == kinds.ACTION and (acted := visit.actions.get(one.name)) is not None:
            found[acted.id] = acted
    ordered = sorted(found.values(), key=lambda acted: (acted.made, acted.id))
    return tuple(Answer(acted, tuple(visit.actions.steps(acted.id))) for acted in ordered)


def _of_answer(answer: Answer) -> Iterator[Moment]:
    acted = answer.acted
    what = f"{acted.action} {acted.target}".rstrip()
    yield Moment(acted.made, "planned", acted.id[:8], acted.by, what)
    for call in answer.calls:
        how = f"{call.state}{': ' if call.said else ''}{call.said}"
        word = "undo" if call.turn else "action"
        yield Moment(call.ended or call.begun, word, acted.id[:8], call.by, f"{acted.action}: {call.does} ({how})")
    if acted.verified:
        yield Moment(acted.verified, "verified", acted.id[:8], "", what)


_WORDS = {
    kinds.ALERT: "added",
    kinds.NOTE: "note",
    kinds.QUESTION: "question",
    kinds.ACTION: "added",
    kinds.SEVERITY: "severity",
    kinds.TODO: "step to do",
    kinds.DONE: "step done",
    kinds.SKIPPED: "step skipped",
}


def _of_incident(incident: Incident, entries: Sequence[Entry]) -> Iterator[Moment]:
    yield Moment(incident.opened, "opened", "", incident.opened_by, incident.title)
    for one in entries:
        about = one.name[:8] if one.kind in (kinds.ALERT, kinds.ACTION) else one.name
        said = f"it did the step {one.said}" if one.kind == kinds.ACTION and one.said else one.said
        yield Moment(one.time, _WORDS.get(one.kind, one.kind), about, one.by, said)
    if incident.closed:
        yield Moment(incident.closed, "closed", "", incident.closed_by, incident.reason)
