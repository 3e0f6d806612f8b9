"""Facts: the questions that decide whether an alert is real, answered from what is kept; and where the answers lean.

Nothing here decides: a person does. Each answer says what it rests on, and one that nobody can give is said as such.
Texts are raw; each exit escapes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from vedette.alert import Alert
from vedette.response.context import Context, Habit, Seen
from vedette.response.said import Line, Said
from vedette.rule import Reaction
from vedette.stamp import to_second

OBSERVED = "observation"
"""The source of alerts of what vedette saw itself."""
_DAY = 86_400_000_000_000
_DAYS = 2
"""Days on which somebody must have been seen before anything of it is a habit."""
_ATTEMPT = {Reaction.ATTEMPT.value: " (attempt)", Reaction.CANNOT_TELL.value: " (cannot tell)"}
_NAMES = 5
"""Names that one answer lists."""


class Answer(Enum):
    """What can be said."""

    YES = "yes"
    NO = "no"
    CANNOT_TELL = "cannot tell"


class Speaks(Enum):
    """What a fact speaks for."""

    DRILL = "a drill"
    WORK = "work"
    ATTACK = "an attack"
    NEITHER = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One question, answered."""

    question: str
    answer: Answer
    says: Line
    """Why, with names and numbers."""
    speaks: Speaks = Speaks.NEITHER


@dataclass(frozen=True, slots=True)
class Known:
    """What the store and the settings know besides the logs."""

    drill: str = ""
    """The mark of a drill of this rule whose alert this is; nothing: it is none's."""
    network: str = ""
    """The trusted list that the address is in."""
    trusted: bool | None = None
    """Whether it is in one; None: it is no address."""
    outside: tuple[str, ...] = ()
    """Of the other addresses that showed the same token, those in no trusted list."""
    judged: tuple[tuple[str, str], ...] = ()
    """Id and verdict (true, false) of earlier alerts of the same story."""
    others: tuple[Alert, ...] = ()
    """Other alerts about the same actor or address, within the hours that were looked at."""


@dataclass(frozen=True, slots=True)
class Leaning:
    """Where all answers together point."""

    word: str
    """One of LEANINGS."""
    why: tuple[Fact, ...]
    """The facts that it rests on; none: nothing that is kept speaks for either."""


DRILL = "a drill of vedette's own"
FALSE = "likely a false positive"
REAL = "likely real"
OPEN = "cannot tell yet"
LEANINGS = (DRILL, FALSE, REAL, OPEN)


def facts(alert: Alert, context: Context, known: Known) -> list[Fact]:
    """The decision tree, in the order in which a person asks."""
    return [
        _drilled(known),
        _done(alert),
        *_activities(alert, context),
        *_history(alert, context.habit),
        *_place(alert, known),
        *_token(context, known),
        _company(known),
        *_judged(known),
    ]


def leaning(found: Sequence[Fact]) -> Leaning:
    """A drill is one; else what speaks only for work, or only for an attack, leans there; all else is for a person.

    What is refused is no less real: somebody tried.
    """
    by = {speaks: [one for one in found if one.speaks is speaks] for speaks in Speaks}
    if by[Speaks.DRILL]:
        return Leaning(DRILL, tuple(by[Speaks.DRILL]))
    work, attack = by[Speaks.WORK], by[Speaks.ATTACK]
    if attack and not work:
        return Leaning(REAL, tuple(attack))
    if work and not attack:
        return Leaning(FALSE, tuple(work))
    return Leaning(OPEN, tuple(work + attack))


def _drilled(known: Known) -> Fact:
    question = "Is it a drill of vedette's own?"
    if known.drill:
        return Fact(question, Answer.YES, ("drill", Said(known.drill), "made it"), Speaks.DRILL)
    return Fact(question, Answer.NO, ("no drill on record made it",))


def _done(alert: Alert) -> Fact:
    question = "Was it done?"
    if alert.reaction == Reaction.ATTEMPT.value:
        return Fact(question, Answer.NO, ("it was refused: nobody got anything, somebody tried",))
    if alert.reaction == Reaction.CANNOT_TELL.value or alert.outcome == "unknown":
        return Fact(
            question, Answer.CANNOT_TELL, (Said(alert.why) if alert.why else "the log does not say how it ended",)
        )
    if alert.outcome == "failed":
        return Fact(question, Answer.NO, ("it failed at the server",))
    who = "vedette saw it so" if alert.source == OBSERVED else "the server did it"
    return Fact(question, Answer.YES, (who,))


def _activities(alert: Alert, context: Context) -> Iterator[Fact]:
    """Terraform, Keel, a pipeline, a recovery: seen at that time, by whom?"""
    question = "Did work that the settings name go on at that time?"
    if not context.activities:
        what = "none of the activities of the settings was seen in the hours around it"
        yield Fact(question, Answer.NO if not context.troubles else Answer.CANNOT_TELL, (what,))
        return
    for seen in context.activities:
        text: Line = (
            Said(seen.activity),
            "by",
            Said(seen.actor or "(nobody named)"),
            "from",
            Said(seen.address or "(no address)"),
            f"{_times(seen.count)}, {_span(seen.first, seen.last)}, known by its {seen.by};",
        )
        if not seen.same_actor:
            yield Fact(question, Answer.YES, (*text, "it is not who did this"))
        elif seen.by == "user agent":
            yield Fact(question, Answer.YES, (*text, "it is who did this, but a user agent is the client's own word"))
        else:
            yield Fact(question, Answer.YES, (*text, "it is who did this"), _at_that_time(alert, seen))


def _at_that_time(alert: Alert, seen: Seen) -> Speaks:
    """Work explains an act only while it goes on."""
    minute = 60_000_000_000
    near = seen.first - 10 * minute <= alert.last_seen and alert.first_seen <= seen.last + 10 * minute
    return Speaks.WORK if near else Speaks.NEITHER


def _history(alert: Alert, habit: Habit | None) -> Iterator[Fact]:
    if not alert.actor or habit is None:
        return
    question = "Has this actor been here before?"
    if not habit.acts and not habit.kept_since:
        yield Fact(question, Answer.CANNOT_TELL, ("nothing from before these hours is kept",))
        return
    if not habit.acts:
        says = f"never before; what is kept begins {to_second(habit.kept_since)}"
        old = alert.first_seen - habit.kept_since > _DAY
        yield Fact(question, Answer.NO, (says,), Speaks.ATTACK if old else Speaks.NEITHER)
        return
    days = "1 day" if habit.days == 1 else f"{habit.days} days"
    since = f"{_times(habit.acts)} on {days} since {to_second(habit.first)}"
    yield Fact(question, Answer.YES, (since,))
    told = {"the same kind of act": habit.same_kind}
    if alert.address:
        told["from this address"] = habit.from_address
    if alert.source == "kube_audit":  # the only log that names a client
        told["with this client"] = habit.with_agent
    usual = all(told.values())
    new = alert.address and not habit.from_address
    if habit.days < _DAYS:
        speaks = Speaks.NEITHER
    elif usual:
        speaks = Speaks.WORK
    else:
        speaks = Speaks.ATTACK if new else Speaks.NEITHER
    says = ", ".join(f"{what} {_times(count)}" for what, count in told.items())
    yield Fact("Is it as this actor always does it?", Answer.YES if usual else Answer.NO, (says,), speaks)


def _place(alert: Alert, known: Known) -> Iterator[Fact]:
    if not alert.address:
        return
    question = "Did it come from a trusted network?"
    if known.trusted is None:
        yield Fact(question, Answer.CANNOT_TELL, (Said(alert.address), "is no address"))
    elif known.trusted:
        yield Fact(question, Answer.YES, (Said(alert.address), "is in", Said(known.network)))
    else:
        yield Fact(question, Answer.NO, (Said(alert.address), "is in no trusted list"), Speaks.ATTACK)


def _token(context: Context, known: Known) -> Iterator[Fact]:
    """Where the token came from, and who else shows it."""
    places = sorted({one.address for one in context.by_token if one.address})
    if context.by_token:
        says: Line = ("from", Said(", ".join(places[:_NAMES]))) if places else ("as somebody else",)
        # Keys and certificates travel with their owners; from inside that says little.
        if known.outside:
            says = (*says, "of which in no trusted list:", Said(", ".join(known.outside[:_NAMES])))
        speaks = Speaks.ATTACK if known.outside else Speaks.NEITHER
        yield Fact("Was the same token used elsewhere?", Answer.YES, says, speaks)
    for step in context.lineage[:_NAMES]:
        yield Fact("Where did the token come from?", Answer.YES, (to_second(step.time), Said(step.says)))


def _company(known: Known) -> Fact:
    question = "Are there other alerts about this actor or address?"
    if not known.others:
        return Fact(question, Answer.NO, ("none within the hours around it",))
    names = [f"{one.rule}{_ATTEMPT.get(one.reaction, '')} {one.id[:8]}" for one in known.others[:_NAMES]]
    more = f"and {len(known.others) - _NAMES} more" if len(known.others) > _NAMES else ""
    rules = {one.rule for one in known.others if one.reaction != Reaction.ATTEMPT.value}
    return Fact(
        question,
        Answer.YES,
        (Said(", ".join(names)), *filter(None, (more,))),
        Speaks.ATTACK if rules else Speaks.NEITHER,
    )


def _judged(known: Known) -> Iterator[Fact]:
    if not known.judged:
        return
    true = [id_ for id_, said in known.judged if said == "true"]
    false = [id_ for id_, said in known.judged if said == "false"]
    speaks = Speaks.ATTACK if true else Speaks.WORK
    says = f"{len(true)} called true, {len(false)} a false positive"
    yield Fact("Did people judge the same before?", Answer.YES, (says,), speaks)


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count) or f"{count:,} times"


def _span(first: int, last: int) -> str:
    if first == last:
        return to_second(first)
    begin, end = to_second(first), to_second(last)
    return f"{begin} to {end[11:] if begin[:10] == end[:10] else end}"
