"""The record of drills in the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vedette.engine.memory import WindowAct
from vedette.store.database import Database
from vedette.store.drills import Drills
from vedette.store.store import Bounds, Store

THINGS = [("kube", "/api/v1/namespaces/a/configmaps/b"), ("vault", "sys/policies/acl/c")]
HOPS = [("act", 10, "done"), ("alert", 20, "alert é")]


@pytest.fixture
def drills(tmp_path: Path) -> Iterator[Drills]:
    """Of an empty store."""
    database = Database(tmp_path)
    yield Drills(database)
    database.close()


def test_a_drill_is_known_before_it_acts(drills: Drills, tmp_path: Path) -> None:
    """Another process sees what it may leave behind, until that was seen to be gone."""
    drills.begin("m", "K5", "real", "vedette", 1)
    assert drills.unclean() == []
    drills.things("m", THINGS)
    other = Database(tmp_path, create=False)
    (found,) = Drills(other).unclean()
    other.close()
    assert (found.mark, found.rule, list(found.things), found.ended) == ("m", "K5", THINGS, 0)
    drills.cleaned("m", 5)
    assert drills.unclean() == []


def test_what_is_noted_later_is_to_be_cleaned_as_well(drills: Drills) -> None:
    """A thing that the act itself names, after others were seen to be gone."""
    drills.begin("m", "V6", "real", "vedette", 1)
    drills.things("m", THINGS[:1])
    drills.cleaned("m", 2)
    drills.things("m", THINGS)
    assert [one.mark for one in drills.unclean()] == ["m"]


def test_the_last_of_each_rule_and_engine_counts(drills: Drills) -> None:
    """One that was killed has no end and is not it."""
    for mark, rule, engine, begun in (
        ("a", "K5", "vedette", 1),
        ("b", "K5", "vedette", 2),
        ("c", "K5", "loki", 1),
        ("d", "K4", "vedette", 1),
        ("killed", "K5", "vedette", 3),
    ):
        drills.begin(mark, rule, "real", engine, begun)
        if mark != "killed":
            drills.end(mark, begun + 10, "through", HOPS)
    assert [one.mark for one in drills.latest()] == ["d", "c", "b"]
    assert drills.latest()[0].hops == tuple(HOPS)


def test_how_it_went_is_kept(drills: Drills) -> None:
    """With the hop at which it got stuck."""
    drills.begin("m", "K5", "real", "vedette", 1)
    drills.end("m", 9, "failed", HOPS, "told slack", "channel_not_found")
    found = drills.get("m")
    assert found is not None
    assert (found.outcome, found.stuck, found.why, found.ended) == ("failed", "told slack", "channel_not_found", 9)
    assert drills.get("other") is None


def test_old_drills_go_and_what_the_proof_rests_on_stays(tmp_path: Path) -> None:
    """Of each rule and engine the last that ended and the last that came through; and what is still to be cleaned."""
    store = Store(tmp_path, WindowAct, Bounds(alerts_for=10.0))
    second = 1_000_000_000
    for mark, rule, engine, begun, outcome in (
        ("old", "K5", "vedette", 1, "through"),
        ("through", "K5", "vedette", 2, "through"),
        ("failed", "K5", "vedette", 3, "failed"),
        ("last", "K5", "vedette", 4, "failed"),
        ("other engine", "K5", "loki", 1, "attempt"),
        ("killed", "K4", "vedette", 5, ""),
        ("unclean", "K4", "vedette", 1, ""),
        ("young", "K4", "vedette", 95, ""),
        ("older than young", "K4", "vedette", 94, ""),
    ):
        store.drills.begin(mark, rule, "real", engine, begun * second)
        if outcome:
            store.drills.end(mark, begun * second + 1, outcome, HOPS)
    store.drills.things("unclean", THINGS)
    before = store.drills.latest()
    store.prune(100 * second)
    left = {mark for (mark,) in store.database.execute("SELECT mark FROM drills")}
    assert left == {"through", "last", "other engine", "unclean", "young", "older than young"}
    assert store.drills.latest() == before
    assert [one.mark for one in store.drills.unclean()] == ["unclean"]
    store.close()
