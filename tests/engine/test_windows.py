"""Windows of event time, against a plain count of every window."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.engine.trees import path
from vedette.engine.sighting import Sighting
from vedette.engine.windows import Reached, Windows
from vedette.rule import Correlation, CorrelationType, Op, Severity

SECOND = 1_000_000_000


def _correlation(kind: CorrelationType, names: tuple[str, ...] = ("A",), threshold: int = 5) -> Correlation:
    return Correlation(
        "C",
        "00000000-0000-4000-8000-000000000000",
        "A toy",
        Severity.CRITICAL,
        kind,
        names,
        (("actor", {name: path("actor") for name in names}),),
        60,
        Op.GT,
        threshold,
        (path("target"),) if kind is CorrelationType.VALUE_COUNT else (),
    )


def _act(time: float, value: str = "", detection: int = 0, group: str = "me") -> Sighting:
    windows = ((0, (group,), (value,)),)
    return Sighting(detection, f"{time}-{value}-{detection}", True, "fire", int(time * SECOND), windows=windows)


def _fed(correlation: Correlation, acts: list[Sighting], names: tuple[str, ...] = ("A",)) -> list[Reached]:
    windows = Windows([correlation], names)
    return [reached for act in acts for reached in windows.feed(act)]


times = st.lists(st.integers(0, 200), max_size=40).map(sorted)


@given(times, st.lists(st.sampled_from("abcdefgh"), min_size=40, max_size=40))
def test_distinct_values_against_a_plain_count(seconds: list[int], values: list[str]) -> None:
    """An act meets the correlation exactly when the 60 s that end with it hold more than 5 distinct values."""
    pairs = list(zip(seconds, values, strict=False))
    acts = [
        Sighting(0, str(n), True, "fire", t * SECOND, windows=((0, ("me",), (v,)),)) for n, (t, v) in enumerate(pairs)
    ]
    reached = {one.last.act for one in _fed(_correlation(CorrelationType.VALUE_COUNT), acts)}
    for number, (time, _) in enumerate(pairs):
        within = {v for t, v in pairs[: number + 1] if time - t < 60}
        assert (str(number) in reached) == (len(within) > 5)


@given(times)
def test_every_act_of_a_burst_is_counted_once(seconds: list[int]) -> None:
    """The new acts that all `Reached` report together are those that stood in some window that was met."""
    reached = _fed(_correlation(CorrelationType.EVENT_COUNT), [_act(t, str(n)) for n, t in enumerate(seconds)])
    met: set[int] = set()
    for number, time in enumerate(seconds):
        window = [n for n, t in enumerate(seconds[: number + 1]) if time - t < 60]
        if len(window) > 5:
            met.update(window)
    assert sum(one.acts for one in reached) == len(met)


def test_the_window_slides_and_is_half_open() -> None:
    """Six acts over a minute's border count; a sixth exactly 60 s after the first does not."""
    assert len(_fed(_correlation(CorrelationType.EVENT_COUNT), [_act(55 + n) for n in range(6)])) == 1
    assert _fed(_correlation(CorrelationType.EVENT_COUNT), [_act(n * 12) for n in range(6)]) == []


def test_groups_do_not_add_up() -> None:
    """Three acts each of two actors are no six acts."""
    acts = [_act(n, group=group) for n in range(3) for group in ("a", "b")]
    assert _fed(_correlation(CorrelationType.EVENT_COUNT), acts) == []


def test_temporal_wants_all_in_any_order_and_ordered_in_theirs() -> None:
    """B then A meets `temporal`, not `temporal_ordered`; too far apart meets neither."""
    names = ("A", "B")
    near, far = [_act(0, detection=1), _act(10)], [_act(0, detection=1), _act(70)]
    assert len(_fed(_correlation(CorrelationType.TEMPORAL, names), near, names)) == 1
    assert _fed(_correlation(CorrelationType.TEMPORAL, names), far, names) == []
    assert _fed(_correlation(CorrelationType.TEMPORAL_ORDERED, names), near, names) == []
    ordered = _fed(
        _correlation(CorrelationType.TEMPORAL_ORDERED, names), [_act(0), _act(5), _act(9, detection=1)], names
    )
    assert [(one.first, one.acts) for one in ordered] == [(5 * SECOND, 2)]


def test_quiet_groups_are_let_go() -> None:
    """Memory holds the actors of the last minute or two, not of the whole log."""
    windows = Windows([_correlation(CorrelationType.EVENT_COUNT)], ("A",))
    for number in range(5000):
        assert list(windows.feed(_act(number, group=f"actor{number}"))) == []
    assert len(windows._spans[0]) <= 121
