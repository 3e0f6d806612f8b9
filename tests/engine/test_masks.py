"""The masks: they may let through too much, never too little."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.trees import SCHEMA, detection, events, nodes, path, text
from vedette.engine.evaluate import Whole, evaluator
from vedette.engine.masks import Masks
from vedette.event import Event
from vedette.rule import AllOf, Block, Node, Not, Op, Quantifier, Test

PROJECTOR = SimpleNamespace(
    bindings={}, expressions={"verb": "e.verb", "user.name": "e.user", "ips": "e.ips", "note": "e.note"}, constants={}
)


def _projected(event: Event) -> Any:
    fields: Any = event.fields
    ips = fields.get("ips")
    return SimpleNamespace(
        verb=fields.get("verb"),
        note=fields.get("note"),
        user=(fields.get("user") or {}).get("name"),
        ips=None if ips is None else tuple(ips),
    )


@settings(max_examples=400, deadline=None)
@given(st.lists(nodes, min_size=1, max_size=5), st.lists(events(), min_size=1, max_size=5))
def test_no_event_is_missed(trees: list[Node], some: list[Event]) -> None:
    """Whatever a whole event does not refute, the masks let through."""
    masks = Masks([detection(tree, f"T{number}") for number, tree in enumerate(trees)], SCHEMA)
    found = dict(masks.finder(PROJECTOR)([_projected(event) for event in some]))
    for index, event in enumerate(some):
        scope = Whole(event)
        for bit, tree in enumerate(trees):
            if evaluator(tree)(scope) is not False:
                assert found.get(index, 0) >> bit & 1


def test_values_that_refute_are_passed_over() -> None:
    """A rule on a verb, an address list within another, and a glance at a derived field spare the whole event."""
    inside = Block(path("inner"), Quantifier.ALL, Test(path(""), Op.INNET, (_network(),)))
    trees: list[Node] = [
        Test(path("verb"), Op.EQUALS, (text("get"),)),
        AllOf((Test(path("user.name"), Op.EQUALS, (text("sa"),)), Not(inside))),
        Test(path("letter"), Op.EQUALS, (text("x"),)),
        Block(path("made.list"), Quantifier.ANY, Test(path("kind"), Op.EQUALS, (text("x"),))),
    ]
    masks = Masks([detection(tree, f"T{number}") for number, tree in enumerate(trees)], SCHEMA)
    find = masks.finder(PROJECTOR)
    assert find([SimpleNamespace(verb="list", user="sa", ips=("10.0.0.1", "10.0.0.2"))]) == []
    assert find([SimpleNamespace(verb="get", user="sa", ips=("10.0.0.1",))]) == [(0, 0b1001)]
    assert find([SimpleNamespace(verb="x", user="sa", ips=("10.0.0.1", "203.0.113.9"))]) == [(0, 0b0110)]


def test_memory_is_bounded_whatever_an_attacker_invents() -> None:
    """A hundred thousand user names do not stay in memory."""
    masks = Masks([detection(Test(path("user.name"), Op.EQUALS, (text("root"),)))], SCHEMA)
    find = masks.finder(PROJECTOR)
    for number in range(100_000):
        find([SimpleNamespace(verb=None, user=f"u{number}", ips=None)])
    assert max(len(memo) for memo in masks.memos) <= 1 << 15


def _network() -> Any:
    from tests.engine.trees import NETWORKS

    return NETWORKS


def test_a_rule_on_a_warm_field_alone_spares_the_whole_event() -> None:
    """A user agent has too many values to be hot, but a rule on nothing else must not make every event a candidate."""
    only = Masks([detection(Test(path("note"), Op.EQUALS, (text("curl"),)))], SCHEMA)
    assert [one.name for one in only.projected] == ["note"]
    find = only.finder(PROJECTOR)
    assert find([SimpleNamespace(note="kubectl"), SimpleNamespace(note="curl")]) == [(1, 1)]
    both = AllOf((Test(path("note"), Op.EQUALS, (text("curl"),)), Test(path("verb"), Op.EQUALS, (text("get"),))))
    assert [one.name for one in Masks([detection(both)], SCHEMA).projected] == ["verb"]
