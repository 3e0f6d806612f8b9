"""The questions that decide whether an alert is real: what each answer rests on, and where all of them lean."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from vedette.alert import Alert
from vedette.response.context import Context, Habit, Row, Seen, Step
from vedette.response.facts import DRILL, FALSE, OPEN, REAL, Answer, Fact, Known, Speaks, facts, leaning

_HOUR = 3_600_000_000_000
NOW = 1_800_000_000_000_000_000
ALERT = Alert(
    id="7d1b7d1b7d1b7d1b",
    rule="K3",
    title="Secret of a sensitive namespace disclosed",
    severity=3,
    outcome="done",
    first_seen=NOW,
    last_seen=NOW,
    count=1,
    actor="system:serviceaccount:web:ci",
    address="10.0.40.7",
    object="vault/secrets/db",
    via="",
    why="",
    source="kube_audit",
    file="audit.log",
    line=1,
    act="a1",
    last_act="a1",
    detections=("K3",),
)
HABIT = Habit(
    acts=40,
    first=NOW - 30 * 24 * _HOUR,
    last=NOW - _HOUR,
    days=9,
    from_address=40,
    with_agent=40,
    same_kind=12,
    kept_since=NOW - 60 * 24 * _HOUR,
)
SEEN = Seen("Terraform apply", ALERT.actor, ALERT.address, "Terraform/1.9", 9, NOW - 1, NOW + 1, "identity", True)
INSIDE = Known(network="nodes", trusted=True)


def context(**more: object) -> Context:
    """What surrounds the alert, where nothing does."""
    empty = Context(
        since=NOW - _HOUR,
        until=NOW + _HOUR,
        events=[],
        by_actor=[],
        by_address=[],
        by_token=[],
        lineage=[],
        habit=None,
        activities=[],
        acts=0,
        more=0,
        events_read=0,
        bytes_read=0,
        troubles=[],
        read_from="evidence",
    )
    return replace(empty, **more)  # type: ignore[arg-type]


def told(question: str, found: list[Fact]) -> Fact:
    """The fact that answers a question."""
    (fact,) = [one for one in found if question in one.question]
    return fact


def word(known: Known, alert: Alert = ALERT, **more: object) -> str:
    """Where all of it leans."""
    return leaning(facts(alert, context(**more), known)).word


def test_what_was_seen_and_not_logged() -> None:
    """An observation names no server that did it, and nobody."""
    seen = msgspec.structs.replace(ALERT, source="observation", actor="", address="")
    found = facts(seen, context(), Known())
    assert told("Was it done", found).says == ("vedette saw it so",)
    assert not [one for one in found if "trusted network" in one.question or "here before" in one.question]


def test_with_nothing_known_a_person_decides() -> None:
    """No fact leans where none is there."""
    assert word(INSIDE) == OPEN
    assert told("Did work", facts(ALERT, context(), INSIDE)).answer is Answer.NO


def test_a_drill_is_one_whatever_else_speaks() -> None:
    """Its mark is on record."""
    assert word(Known(drill="a-mark", trusted=False)) == DRILL


def test_work_that_the_settings_name_by_the_same_identity() -> None:
    """A Terraform apply by the alert's own actor, at that time."""
    assert word(INSIDE, activities=[SEEN]) == FALSE


@pytest.mark.parametrize(
    "seen",
    [
        replace(SEEN, by="user agent"),
        replace(SEEN, same_actor=False),
        replace(SEEN, first=NOW - _HOUR, last=NOW - _HOUR // 2),
    ],
    ids=["a user agent is the client's own word", "somebody else's work", "work that was over"],
)
def test_work_that_excuses_nobody(seen: Seen) -> None:
    """It is told, and leans nowhere."""
    assert word(INSIDE, activities=[seen]) == OPEN
    assert told("Did work", facts(ALERT, context(activities=[seen]), INSIDE)).answer is Answer.YES


def test_as_it_always_does() -> None:
    """The same kind of act, from the same address with the same client, on several days."""
    assert word(INSIDE, habit=HABIT) == FALSE
    assert word(INSIDE, habit=replace(HABIT, days=1)) == OPEN


@pytest.mark.parametrize(
    ("habit", "leans"),
    [
        (replace(HABIT, from_address=0), REAL),
        (replace(HABIT, with_agent=0), OPEN),
        (replace(HABIT, same_kind=0), OPEN),
        (replace(HABIT, acts=0, days=0), REAL),
        (replace(HABIT, acts=0, days=0, kept_since=NOW - _HOUR), OPEN),
    ],
    ids=["another address", "another client", "another kind of act", "never seen", "nothing older is kept"],
)
def test_what_is_new(habit: Habit, leans: str) -> None:
    """A known actor at a new address speaks for theft; `never` says something only where there is a past."""
    assert word(INSIDE, habit=habit) == leans


def test_logs_without_a_client_or_an_address() -> None:
    """Vault names no user agent, an event inside of the server no address: what is not logged is not new."""
    vault = msgspec.structs.replace(ALERT, source="vault_audit", address="")
    assert word(INSIDE, vault, habit=replace(HABIT, with_agent=0, from_address=0)) == FALSE


def test_never_says_nothing_where_nothing_older_is_kept() -> None:
    """It is then unknown, and speaks for nothing."""
    none = replace(HABIT, acts=0, days=0, kept_since=0)
    assert told("been here before", facts(ALERT, context(habit=none), INSIDE)).answer is Answer.CANNOT_TELL
    assert word(INSIDE, habit=none) == OPEN


def test_outside_speaks_for_an_attack_and_against_work() -> None:
    """Both at once are for a person."""
    outside = Known(trusted=False)
    assert word(outside) == REAL
    assert word(outside, activities=[SEEN]) == OPEN
    assert told("trusted network", facts(ALERT, context(), Known())).answer is Answer.CANNOT_TELL


def test_the_same_token_elsewhere() -> None:
    """Somebody has a copy of it."""
    row = Row(ALERT.actor, "203.0.113.9", "curl", "get", "secrets", "vault", "done", 1, NOW, NOW, "vault/secrets/db")
    assert word(replace(INSIDE, outside=("203.0.113.9",)), by_token=[row]) == REAL
    assert word(INSIDE, by_token=[row]) == OPEN
    assert told("token used elsewhere", facts(ALERT, context(by_token=[row]), INSIDE)).answer is Answer.YES


def test_the_way_of_a_token_is_told_and_leans_nowhere() -> None:
    """Who asked for it, when."""
    step = Step(NOW - 1, "made for pod web/ci-1 by the kubelet of node-2", "system:node:node-2", "10.0.40.2", "a0")
    found = told("token come from", facts(ALERT, context(lineage=[step]), INSIDE))
    assert (found.speaks, "web/ci-1" in " ".join(found.says)) == (Speaks.NEITHER, True)


def test_other_alerts_and_earlier_verdicts() -> None:
    """Attempts are no second crime; one that people called true outweighs those called false."""
    other = msgspec.structs.replace(ALERT, id="03ec" * 4, rule="K4")
    assert word(replace(INSIDE, others=(other,))) == REAL
    assert word(replace(INSIDE, others=(msgspec.structs.replace(other, reaction="attempt"),))) == OPEN
    assert word(replace(INSIDE, judged=(("x", "false"), ("y", "false")))) == FALSE
    assert word(replace(INSIDE, judged=(("x", "false"), ("y", "true")))) == REAL


@pytest.mark.parametrize(
    ("reaction", "outcome", "answer"),
    [
        ("fire", "done", Answer.YES),
        ("attempt", "refused", Answer.NO),
        ("cannot_tell", "done", Answer.CANNOT_TELL),
        ("fire", "unknown", Answer.CANNOT_TELL),
        ("fire", "failed", Answer.NO),
    ],
)
def test_whether_it_was_done(reaction: str, outcome: str, answer: Answer) -> None:
    """By the alert's own word."""
    alert = msgspec.structs.replace(ALERT, reaction=reaction, outcome=outcome)
    assert told("Was it done", facts(alert, context(), INSIDE)).answer is answer
