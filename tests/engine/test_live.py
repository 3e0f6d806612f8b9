"""The watching engine: stages, records read twice, what is held, what is late, and a restart between any two steps."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.in_memory import InMemory
from tests.engine.trees import detection, path, text
from vedette.alert import Alert
from vedette.engine.live import Live, Placed
from vedette.engine.roster import Roster
from vedette.engine.sighting import Sighting, by_act, resolve
from vedette.rule import Op, Test

SECOND = 1_000_000_000
HOLD = 120 * SECOND
START = 1_000_000 * SECOND


def _roster(name: str = "T1") -> Roster:
    toy = replace(detection(Test(path("note"), Op.EQUALS, (text("x"),))), name=name, quiet_after=60)
    return Roster((toy,), (), (name,), ())


class Watch:
    """An engine over a memory that outlives it."""

    def __init__(self) -> None:
        self.memory = InMemory()
        self.now = START
        self.begin()

    def begin(self) -> None:
        """Start, or start again."""
        self.live = Live(_roster(), self.memory, hold=HOLD, lateness=600 * SECOND, now=self.now)

    def step(self, *seen: Sighting, idle: bool = True) -> list[Alert]:
        """One step; gives the alerts that changed."""
        step = self.live.step([Placed(one, "log", one.line) for one in seen], self.now, idle=idle)
        self.last = step
        return list(step.alerts.values())

    @property
    def alerts(self) -> list[Alert]:
        """All that there are."""
        return sorted((alert for alert, _ in self.memory.alerts.values()), key=lambda one: one.first_seen)


def _seen(
    verdict: str, act: str = "a", *, final: bool = True, at: float = 0.0, settles: str = "", awaits: str = ""
) -> Sighting:
    return Sighting(
        0,
        act,
        final,
        verdict,
        START + int(at * SECOND),
        "done",
        3,
        actor="eve",
        group=("eve",),
        settles=settles,
        awaits=awaits,
        source="toy",
        line=7,
    )


def test_a_final_record_counts_at_once() -> None:
    """No hold: the alert is there with the step that read it."""
    watch = Watch()
    (alert,) = watch.step(_seen("fire"))
    assert (alert.rule, alert.count, alert.file, alert.line) == ("T1", 1, "log", 7)


def test_a_record_read_twice_changes_nothing() -> None:
    """In the same step, in a later one, and after a restart; each time it is counted as a duplicate."""
    watch = Watch()
    watch.step(_seen("fire"), _seen("fire"))
    assert watch.last.duplicates == 1
    watch.begin()
    assert watch.step(_seen("fire"), _seen("fire")) == []
    assert watch.last.duplicates == 2
    assert [alert.count for alert in watch.alerts] == [1]


@pytest.mark.parametrize("verdict", ["no", "ignore"])
def test_what_is_overruled_never_counts(verdict: str) -> None:
    """The request alone cannot tell; its answer says no, after a restart, or came before it in another batch."""
    early = _seen("cannot_tell", final=False)
    watch = Watch()
    assert watch.step(early) == []
    watch.begin()
    watch.step(_seen(verdict))
    watch.now += 2 * HOLD
    assert watch.step() == []
    turned = Watch()
    turned.step(_seen(verdict))
    turned.step(early)
    turned.now += 2 * HOLD
    assert turned.step() == []


def test_what_is_not_overruled_counts_when_the_hold_ends() -> None:
    """By the clock, since nothing more may ever be written; not while more waits to be read; once."""
    watch = Watch()
    watch.step(_seen("cannot_tell", final=False))
    watch.now += HOLD - 1
    assert watch.step() == []
    watch.now += 1
    assert watch.step(idle=False) == []
    watch.begin()
    (alert,) = watch.step()
    assert alert.reaction == "cannot_tell"
    watch.now += HOLD
    assert watch.step(_seen("cannot_tell", final=False)) == []


def test_a_louder_word_after_all_is_told_as_well() -> None:
    """An exec whose completion was read first, then its start: it was done."""
    watch = Watch()
    assert watch.step(_seen("ignore")) == []
    (alert,) = watch.step(_seen("fire"))
    assert alert.reaction == "fire"


def test_a_wrapped_answer_waits_for_its_unwrapping() -> None:
    """Settled within five minutes, before or after: left to the act that settled it. Else it cannot be told."""
    wrapped = _seen("cannot_tell", "wrap", awaits="accessor")
    opened = _seen("no", "unwrap", settles="accessor")
    watch = Watch()
    assert watch.step(wrapped) == []
    watch.step(opened)
    watch.now += 600 * SECOND
    assert watch.step() == []
    turned = Watch()
    turned.step(opened, wrapped)
    turned.now += 600 * SECOND
    assert turned.step() == []
    alone = Watch()
    alone.step(wrapped)
    alone.now += 600 * SECOND
    assert [alert.reaction for alert in alone.step()] == ["cannot_tell"]


def test_what_is_held_outlives_its_rule() -> None:
    """Rules may change between two starts; what is held of a rule that is gone is let go, without a fault."""
    watch = Watch()
    watch.step(_seen("cannot_tell", final=False))
    watch.live = Live(_roster("T2"), watch.memory, hold=HOLD, lateness=0, now=watch.now)
    watch.now += HOLD
    assert watch.step() == []
    assert watch.memory.held == {}


def test_an_episode_goes_on_and_ends_by_what_records_say() -> None:
    """Within quiet_after one alert, counted up; beyond it another; a late act joins the one it belongs to."""
    watch = Watch()
    watch.now += 1000 * SECOND
    watch.step(_seen("fire", "a", at=0))
    watch.step(_seen("fire", "b", at=50))
    watch.step(_seen("fire", "c", at=500))
    watch.begin()
    watch.step(_seen("fire", "d", at=30), _seen("fire", "e", at=460))
    assert [(alert.count, (alert.last_seen - alert.first_seen) // SECOND) for alert in watch.alerts] == [
        (3, 50),
        (2, 40),
    ]


def test_a_record_from_the_future_is_from_now() -> None:
    """It alerts, says so, and does not carry the engine's idea of time away."""
    watch = Watch()
    (alert,) = watch.step(_seen("fire", at=10 * 86400))
    assert alert.first_seen == START
    assert "claims a time to come" in alert.why
    assert watch.last.future == 1
    watch.step(_seen("fire", "b", at=1))
    assert watch.last.late == 0


def test_what_is_later_than_the_lateness_is_counted_and_judged() -> None:
    """A single act needs no window: it alerts all the same."""
    watch = Watch()
    watch.step(_seen("fire", "new", at=0))
    (alert,) = watch.step(_seen("fire", "old", at=-5000))
    assert alert.count == 1
    assert watch.last.late == 1


words = st.sampled_from(["fire", "attempt", "cannot_tell", "ignore", "no"])


@given(st.lists(st.tuples(st.sampled_from("abc"), words, st.booleans()), max_size=12), st.integers(0, 2**16))
def test_each_act_comes_to_what_a_scan_makes_of_it(records: list[tuple[str, str, bool]], seed: int) -> None:
    """Records of three acts in any order and batches, restarts between: the loudest word of each act is told, and it is
    the one that a scan resolves; softer ones may have been told before it."""
    sightings = [_seen(word, act, final=final) for act, word, final in records]
    expected = {one.act: one.verdict for one in resolve(sorted(sightings, key=by_act), frozenset(), ["T1"])}
    watch, dice = Watch(), random.Random(seed)
    while sightings:
        size = dice.randint(1, 3)
        watch.step(*sightings[:size], idle=False)
        sightings = sightings[size:]
        watch.begin()
    watch.now += HOLD
    watch.step()
    told: dict[str, set[str]] = {}
    for alert in watch.alerts:
        for act in {alert.act, alert.last_act}:
            told.setdefault(act, set()).add(alert.reaction)
    for act, verdict in expected.items():
        assert any(alert.reaction == verdict for alert in watch.alerts), (act, verdict)
    assert {alert.reaction for alert in watch.alerts} <= {"fire", "attempt", "cannot_tell"}
    assert set(told) <= set(expected)
