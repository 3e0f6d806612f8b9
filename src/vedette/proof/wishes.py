"""Wishes: a rule's tree taken apart into the ways in which an event may meet it.

A way is what must hold at once. Two ways that an audit policy could tell apart are two, whatever else they share: each
alternative of an `or`, and each value of a list that names a verb, a resource or a user. Exemptions are kept whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import assert_never

from vedette.rule import AllOf, AnyOf, Block, FieldPath, Node, Not, Op, Quantifier, Test, Text, Value

MOST = 64
"""Combinations of alternatives that are all made; of more each alternative at least once."""
TOLD_APART = frozenset(
    {
        "verb",
        "level",
        "stage",
        "objectRef.apiGroup",
        "objectRef.resource",
        "objectRef.subresource",
        "objectRef.namespace",
        "objectRef.name",
        "user.username",
        "user.groups",
    }
)
"""Fields by which an audit policy may write one event and not another."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several alternatives."""

    where: str
    """What it is an alternative of, as a key."""
    said: str
    """The alternative itself: a value, or a selection's name."""
    field: str = ""
    """The field of the value; nothing for a branch of an `or`."""
    own: bool = True
    """False: the rule does not say it; an act must be one of these all the same."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One test that must hold, or must not."""

    test: Test
    holds: bool = True


@dataclass(frozen=True, slots=True)
class Member:
    """A list that must have a member that meets `wishes`; with `wishes` None it must have none."""

    block: Block
    wishes: tuple[Wish | Member, ...] | None


@dataclass(frozen=True, slots=True)
class Way:
    """What must hold at once."""

    wishes: tuple[Wish | Member, ...] = ()
    unmet: tuple[Node, ...] = ()
    """What must not hold: exemptions, kept whole."""
    choices: tuple[Choice, ...] = ()
    """Which alternatives it is made of."""
    partial: bool = False
    """True where there are too many combinations and not all were made: what none of these meets another might."""


def ways(node: Node) -> list[Way]:
    """The ways in which `node` holds; of none it never does."""
    match node:
        case Test():
            return list(_values(node))
        case Block():
            return list(_blocks(node))
        case Not(node=Not(node=inner)):
            return ways(inner)
        case Not(node=inner):
            return [Way(unmet=(inner,))]
        case AllOf(nodes=nodes):
            return _all([ways(one) for one in nodes])
        case AnyOf(nodes=nodes):
            return _any(nodes, [ways(one) for one in nodes])
        case _:
            assert_never(node)


def ways_not(node: Node) -> list[Way]:
    """The ways in which `node` does not hold."""
    match node:
        case Test():
            return [Way((Wish(node, holds=False),))]
        case Block():
            return list(_blocks_not(node))
        case Not(node=inner):
            return ways(inner)
        case AllOf(nodes=nodes):
            return [way for one in nodes for way in ways_not(one)]
        case AnyOf(nodes=nodes):
            return _all([ways_not(one) for one in nodes])
        case _:
            assert_never(node)


def _values(test: Test) -> Iterator[Way]:
    if test.every or len(test.values) < 2 or test.path.name not in TOLD_APART:
        yield from [Way((Wish(test),))] if test.values or test.op is Op.EXISTS else []
        return
    for value in test.values:
        # By its place in the file: the same list of two selections is two lists.
        choice = Choice(f"{test.path.name}:{test.line}", said(value), test.path.name)
        yield Way((Wish(replace(test, values=(value,))),), choices=(choice,))


def said(value: Value) -> str:
    """A value as a person writes it."""
    if isinstance(value, Text):
        return "".join(part if isinstance(part, str) else part.value for part in value.parts)
    return value.text if isinstance(value, FieldPath) else str(value)


def _blocks(block: Block) -> Iterator[Way]:
    if block.quantifier is Quantifier.NONE:
        yield Way((Member(block, None),))
        return
    for way in ways(block.body):
        # An exemption inside of a block is a wish on the member; the first way of not meeting it will do.
        inner = [ways_not(node) for node in way.unmet]
        if all(inner):
            more = tuple(wish for found in inner for wish in found[0].wishes)
            yield Way((Member(block, (*way.wishes, *more)),), choices=way.choices)


def _blocks_not(block: Block) -> Iterator[Way]:
    wanted = ways(block.body) if block.quantifier is Quantifier.NONE else ways_not(block.body)
    if block.quantifier is not Quantifier.ANY:
        for way in wanted:
            yield Way((Member(block, way.wishes),))
    if block.quantifier in (Quantifier.ANY, Quantifier.ALL):
        yield Way((Member(block, None),))


def _any(nodes: Sequence[Node], found: Sequence[list[Way]]) -> list[Way]:
    if len(nodes) < 2:
        return [way for each in found for way in each]
    names = [getattr(node, "name", "") for node in nodes]
    where = f"or:{'|'.join(names)}:{id(nodes)}"
    return [
        replace(way, choices=(Choice(where, name or f"alternative {number}"), *way.choices))
        for number, (name, each) in enumerate(zip(names, found, strict=True), 1)
        for way in each or [Way((Wish(NEVER),))]
    ]


def _all(found: Sequence[list[Way]]) -> list[Way]:
    if not all(found):
        return []
    return [
        Way(
            tuple(wish for way in held for wish in way.wishes),
            tuple(node for way in held for node in way.unmet),
            tuple(choice for way in held for choice in way.choices),
            prod(len(one) for one in found) > MOST or any(way.partial for way in held),
        )
        for held in _combined(found)
    ]


def _combined(found: Sequence[list[Way]]) -> Iterator[tuple[Way, ...]]:
    if prod(len(one) for one in found) <= MOST:
        yield from product(*found)
        return
    # Side by side first, then each alternative beside the first of the others: all are met, few are met together.
    longest = max(len(one) for one in found)
    yield from (tuple(one[number % len(one)] for one in found) for number in range(longest))
    for place, one in enumerate(found):
        for way in one[1:]:
            yield tuple(way if other == place else each[0] for other, each in enumerate(found))


def spread(way: Way, name: str, values: Sequence[str]) -> Iterator[Way]:
    """`way` once for each of `values` of a field of which it says nothing; itself where it says something."""
    if any(isinstance(one, Wish) and one.test.path.name == name for one in way.wishes):
        yield way
        return
    path = FieldPath(name, tuple(name.split(".")))
    for value in values:
        test = Test(path, Op.EQUALS, (Text((value,)),), cased=True) if value else Test(path, Op.EXISTS, (False,))
        choice = Choice(f"spread:{name}", value or "core", name, own=False)
        yield replace(way, wishes=(*way.wishes, Wish(test)), choices=(*way.choices, choice))


NEVER = Test(FieldPath("(an empty list of the settings)", ()), Op.EQUALS, ())
"""What nothing meets: a list of the settings that is empty."""
