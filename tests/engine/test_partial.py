"""What a few known fields prove is what the evaluator says with all others unknown."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.trees import SCHEMA, events, nodes, path, text
from vedette.engine.evaluate import Whole, evaluator
from vedette.engine.partial import Partial, proof, split
from vedette.event import Event
from vedette.rule import AllOf, AnyOf, FieldPath, Node, Not, Op, Test

HOT = ("verb", "user.name", "ips")


def _partial(event: Event, known: tuple[str, ...]) -> Partial:
    values = {name: event.values(tuple(name.split("."))) for name in known}
    plain = {
        name: (tuple(items) if name == "ips" and event.fields.get("ips") is not None else items[0] if items else None)
        for name, (items, _) in values.items()
    }
    return Partial(SCHEMA, plain)


def _knowable(known: tuple[str, ...]) -> object:
    def knowable(path: FieldPath) -> bool:
        found = SCHEMA.find(split(path.steps)[0])
        return found is not None and (found.name in known or found.within in known or bool({*found.by} & {*known}))

    return knowable


@settings(max_examples=500, deadline=None)
@given(nodes, events(), st.sets(st.sampled_from(HOT)), st.booleans())
def test_a_proof_is_the_evaluator_with_the_rest_unknown(node: Node, event: Event, some: set[str], wanted: bool) -> None:
    """The shortened function and the whole tree agree; where there is no function, the tree proves nothing."""
    known = tuple(sorted(some))
    scope = _partial(event, known)
    shortened = proof(node, wanted, _knowable(known))  # type: ignore[arg-type]
    certain = evaluator(node)(scope) is wanted
    assert certain == (shortened is not None and shortened(scope))
    if certain:
        assert evaluator(node)(Whole(event)) is wanted


def test_parts_that_cannot_decide_are_left_out() -> None:
    """An unknown part of an AND is no obstacle to refuting it; of an OR it is, and nothing is asked."""
    verb = Test(path("verb"), Op.EQUALS, (text("get"),))
    note = Test(path("note"), Op.EQUALS, (text("x"),))
    knowable = _knowable(("verb",))
    assert proof(AllOf((note, verb)), False, knowable) is not None  # type: ignore[arg-type]
    assert proof(AnyOf((note, verb)), False, knowable) is None  # type: ignore[arg-type]
    assert proof(Not(AllOf((note, verb))), False, knowable) is None  # type: ignore[arg-type]
    assert proof(note, False, knowable) is None  # type: ignore[arg-type]
