"""Every clause of every rule of the pack is needed: take one away, and some case of the rule fails."""

from __future__ import annotations

import pytest

from tests.mutants import Mutant, mutants, survivors, without
from vedette import app
from vedette.rule import AllOf, AnyOf, Detection, FieldPath, Not, Op, Rule, Severity, Test, Text

PACK = [rule.name for rule in app.load_rules(app.load_settings(None)).rules]


@pytest.mark.parametrize("name", PACK)
def test_no_clause_is_lost_unnoticed(name: str) -> None:
    """Documents, selections, tests, list values, `not`s and whole branches, one at a time."""
    assert survivors(name) == []


def test_the_mutants_of_a_rule_are_its_clauses() -> None:
    """A small tree gives exactly the trees that lack one clause."""
    one = Test(FieldPath("a", ("a",)), Op.EQUALS, (Text(("x",)), Text(("y",))))
    two = Test(FieldPath("b", ("b",)), Op.EXISTS, (True,))
    tree = AllOf((one, Not(two)))
    rule = Rule("R", "t", Severity.INFO, "d", (Detection("R", "id", "t", Severity.INFO, "kube_audit", tree),), ())
    found = [without(tree, mutant) for mutant in mutants(rule)]
    fewer = [Test(one.path, one.op, (value,)) for value in reversed(one.values)]
    assert found == [
        AnyOf(()),
        AllOf((Not(two),)),
        AllOf((fewer[0], Not(two))),
        AllOf((fewer[1], Not(two))),
        AllOf((one,)),
        AllOf((one, two)),
    ]


def test_a_clause_that_a_tree_lacks_is_no_mutant_of_it() -> None:
    """Other settings may put other values into a list."""
    tree = Test(FieldPath("a", ("a",)), Op.EQUALS, (Text(("x",)), Text(("y",))))
    assert without(tree, Mutant("R", "", (0,), Text(("z",)))) is None
    assert without(tree, Mutant("R", "", (7,), Text(("x",)))) is None
