"""What blocks make of null, which Go's JSON encoder writes for an empty list."""

from __future__ import annotations

import pytest

from vedette.engine.evaluate import Element, evaluator
from vedette.rule import Block, FieldPath, Op, Quantifier, Test, Text

BODY = Test(FieldPath("name", ("name",)), Op.EQUALS, (Text(("a",)),))


@pytest.mark.parametrize("items", [None, []], ids=["null", "empty"])
@pytest.mark.parametrize(
    ("quantifier", "expected"),
    [(Quantifier.ANY, False), (Quantifier.ALL, False), (Quantifier.ALL_OR_EMPTY, True), (Quantifier.NONE, True)],
)
def test_null_is_an_empty_list(items: object, quantifier: Quantifier, expected: bool) -> None:
    """A block over null says what it says over a list without elements."""
    block = evaluator(Block(FieldPath("items", ("items",)), quantifier, BODY))
    assert block(Element({"items": items}, b"")) is expected
