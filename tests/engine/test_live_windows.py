"""Windows of a watched log: whatever the order of coming and wherever a restart falls, what time order would give."""

from __future__ import annotations

import random
from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.in_memory import InMemory
from tests.engine.test_windows import SECOND, _act, _correlation, _fed
from vedette.engine import live_windows
from vedette.engine.live_windows import LiveReached, LiveWindows
from vedette.engine.sighting import Sighting, by_time
from vedette.rule import Correlation, CorrelationType

LATENESS = 600 * SECOND
KINDS = (CorrelationType.EVENT_COUNT, CorrelationType.VALUE_COUNT)

histories = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from("abcdefgh"), st.sampled_from(["me", "you"])), max_size=60
)


def _live(
    correlation: Correlation,
    batches: list[list[Sighting]],
    restarts: Collection[int] = (),
    names: tuple[str, ...] = ("A",),
) -> list[LiveReached]:
    memory = InMemory()
    windows = LiveWindows([correlation], names, memory, LATENESS, 0)
    found: list[LiveReached] = []
    for number, batch in enumerate(batches):
        if number in restarts:
            windows = LiveWindows([correlation], names, memory, LATENESS, 0)
        found += windows.feed(sorted(batch, key=by_time), number)
    return found


def _cut(acts: list[Sighting], seed: int) -> list[list[Sighting]]:
    """The acts in batches of random size."""
    dice, batches = random.Random(seed), []
    while acts:
        size = dice.randint(1, 8)
        batches.append(acts[:size])
        acts = acts[size:]
    return batches


@pytest.mark.parametrize("kind", KINDS)
@given(history=histories, seed=st.integers(0, 2**16))
def test_batches_in_order_tell_what_a_scan_tells(
    kind: CorrelationType, history: list[tuple[int, str, str]], seed: int
) -> None:
    """Each window met, its span, its count and its words are those of the sorted run, wherever the batches are cut."""
    acts = sorted((_act(t, v, group=g) for t, v, g in set(history)), key=by_time)
    expected = {(r.group, r.last.time, r.first, r.acts, r.why) for r in _fed(_correlation(kind), acts)}
    batches = _cut(acts, seed)
    found = _live(_correlation(kind), batches, restarts=set(range(0, len(batches), 3)))
    assert {(r.group, r.time, r.first, r.acts, r.why) for r in found} == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize("kind", KINDS)
@given(history=histories, seed=st.integers(0, 2**16))
def test_any_order_counts_the_same_acts(kind: CorrelationType, history: list[tuple[int, str, str]], seed: int) -> None:
    """Late by less than the lateness: by group as many acts are counted, first and last the same, none twice."""
    acts = sorted((_act(t, v, group=g) for t, v, g in set(history)), key=by_time)
    expected: dict[tuple[str, ...], tuple[int, int, int]] = {}
    for one in _fed(_correlation(kind), acts):
        count, first, last = expected.get(one.group, (0, one.first, 0))
        expected[one.group] = (count + one.acts, min(first, one.first), max(last, one.last.time))
    random.Random(seed).shuffle(acts)
    batches = _cut(acts, seed)
    found: dict[tuple[str, ...], tuple[int, int, int]] = {}
    for met in _live(_correlation(kind), batches, restarts={len(batches) // 2}):
        count, first, last = found.get(met.group, (0, met.first, 0))
        found[met.group] = (count + met.acts, min(first, met.first), max(last, met.time))
    assert found == expected


@pytest.mark.parametrize("kind", [CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED])
@given(
    history=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 1)), max_size=25, unique=True),
    seed=st.integers(0, 2**16),
)
def test_chains_in_batches_are_those_of_a_scan(
    kind: CorrelationType, history: list[tuple[int, int]], seed: int
) -> None:
    """One after the other within the timespan: each chain once, wherever the batches are cut and restarts fall."""
    correlation = _correlation(kind, ("A", "B"))
    acts = sorted((_act(t, "", detection=d) for t, d in history), key=by_time)
    expected = [(one.last.time, one.first, one.acts) for one in _fed(correlation, acts, ("A", "B"))]
    batches = _cut(acts, seed)
    found = _live(correlation, batches, restarts=set(range(0, len(batches), 2)), names=("A", "B"))
    assert [(met.time, met.first, met.acts) for met in found] == expected


def test_acts_outside_of_every_window_are_forgotten() -> None:
    """Memory holds timespan and lateness, not the whole log."""
    memory = InMemory()
    windows = LiveWindows([_correlation(CorrelationType.EVENT_COUNT)], ("A",), memory, LATENESS, 0)
    for second in range(0, 5000, 10):
        list(windows.feed([_act(second, "x")], second * SECOND))
    assert len(memory.acts) <= (600 + 60) // 10 + 1


def test_a_group_that_fell_silent_is_let_go() -> None:
    """Groups are the attacker's to choose; one that nobody adds to takes no room for ever."""
    memory = InMemory()
    windows = LiveWindows([_correlation(CorrelationType.EVENT_COUNT)], ("A",), memory, LATENESS, 0)
    for number in range(100):
        list(windows.feed([_act(number, "x", group=f"g{number}")], number * SECOND))
    list(windows.feed([_act(10_000, "x", group="last")], 10_000 * SECOND))
    assert {group for _, group, _, _ in memory.window_acts()} == {("last",)}


def test_a_flood_of_one_value_does_not_push_the_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five targets deleted, then one deleted again and again past what is held, then a sixth: it still meets."""
    monkeypatch.setattr(live_windows, "_MOST", 100)
    memory = InMemory()
    windows = LiveWindows([_correlation(CorrelationType.VALUE_COUNT)], ("A",), memory, LATENESS, 0)
    acts = [_act(n / 1000, v) for n, v in enumerate([*"abcde", *("a" * 400), "f"])]
    found = [met for at in range(0, len(acts), 20) for met in windows.feed(acts[at : at + 20], 0)]
    assert [met.why for met in found] == ["6 distinct target within 60 s"]
    assert len(memory.acts) <= 200


def test_a_storm_counts_every_act() -> None:
    """Far more acts than the threshold, in one second: all are counted, once."""
    acts = [_act(n / 5000, str(n)) for n in range(5000)]
    found = _live(_correlation(CorrelationType.VALUE_COUNT), [acts[at : at + 700] for at in range(0, 5000, 700)])
    assert sum(met.acts for met in found) == 5000
