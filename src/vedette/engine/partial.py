"""What a few known fields of an event prove about a rule, whatever the others are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import assert_never

from vedette.engine.compare import Verdict
from vedette.engine.evaluate import Evaluate, Scope, evaluator, quantified
from vedette.event import Step, Values, walk
from vedette.rule import AllOf, AnyOf, Block, FieldPath, Node, Not, Quantifier, Test
from vedette.schema import Schema


@dataclass(slots=True)
class Partial:
    """An event of which only some hot fields are known."""

    schema: Schema
    known: dict[str, object] = field(default_factory=dict)
    raw: bytes | None = None

    def values(self, steps: tuple[Step, ...]) -> Values:
        """The items of a known field; of any other field: nothing, and not complete."""
        name, rest = split(steps)
        if name in self.known:
            return self._items(self.known[name], rest)
        derived = self.schema.find(name)
        if derived is not None and derived.glance is not None and all(one in self.known for one in derived.by):
            found = derived.glance(*(self.known[one] for one in derived.by))
            if name == derived.name and not rest:
                return found
            # Where the field is certainly absent, so is all that lies beneath it.
            return Values((), complete=found.complete and not found.items)
        if derived is not None and derived.within in self.known:
            items, complete = self._items(self.known[derived.within], rest)
            # A list within a list of one, and never empty where that is not, is that list.
            if complete and len(items) == 1:
                return Values(items, complete=True)
        return Values((), complete=False)

    def _items(self, value: object, rest: tuple[Step, ...]) -> Values:
        if value is None:
            return Values((), complete=True)
        if not value and value in ("", ()):
            # A format may take an empty text for an absent one.
            return Values((), complete=False)
        return Values(walk(value, rest), complete=True)

    def block(self, steps: tuple[Step, ...], quantifier: Quantifier, body: Evaluate) -> Verdict:
        """As for a whole event; a list known to lie within another may be judged by that one."""
        items, complete = self.values(steps)
        if complete or items:
            return quantified(items, complete, quantifier, body, None)
        name, rest = split(steps)
        derived = self.schema.fields.get(name)
        if derived is None or derived.within not in self.known or rest:
            return None
        items, complete = self._items(self.known[derived.within], rest)
        verdict = quantified(items, complete, quantifier, body, None) if items else None
        # All of the larger list: so all of the smaller. None of the larger: none of the smaller.
        certain = quantifier is not Quantifier.ANY
        return verdict if verdict is certain else None


@lru_cache(maxsize=1 << 14)
def split(steps: tuple[Step, ...]) -> tuple[str, tuple[Step, ...]]:
    """The dotted name of the leading keys, and the steps from the first index on."""
    keys: list[str] = []
    for at, step in enumerate(steps):
        if isinstance(step, int):
            return ".".join(keys), steps[at:]
        keys.append(step)
    return ".".join(keys), ()


Proof = Callable[[Scope], bool]
"""True: the verdict is certain."""


def proof(node: Node, wanted: bool, knowable: Callable[[FieldPath], bool]) -> Proof | None:
    """A function that says whether `node` is certainly `wanted`, looking only at fields that are `knowable`.

    None where these fields can never prove it: then nothing need be asked. The function says what `evaluator` would
    (its verdict is `wanted`) with every other field unknown, and leaves out every part of the tree that those keep
    from deciding anything.
    """
    match node:
        case Not():
            return proof(node.node, not wanted, knowable)
        case AllOf() | AnyOf():
            proofs = [proof(part, wanted, knowable) for part in node.nodes]
            found = [one for one in proofs if one is not None]
            # One false part refutes an AND and one true part proves an OR; for the opposite, all parts must agree.
            if isinstance(node, AnyOf) is wanted:
                return _some(found) if found else None
            return _every(found) if len(found) == len(proofs) else None
        case Block():
            return _certain(evaluator(node), wanted) if knowable(node.path) else None
        case Test() if not node.values:
            # A list of the settings that is empty: the same for every event.
            return _certain(evaluator(node), wanted)
        case Test():
            paths = [node.path, *(value for value in node.values if isinstance(value, FieldPath))]
            return _certain(evaluator(node), wanted) if any(knowable(path) for path in paths) else None
        case _:
            assert_never(node)


def _some(proofs: list[Proof]) -> Proof:
    return proofs[0] if len(proofs) == 1 else lambda scope: any(one(scope) for one in proofs)


def _every(proofs: list[Proof]) -> Proof:
    return proofs[0] if len(proofs) == 1 else lambda scope: all(one(scope) for one in proofs)


def _certain(evaluate: Evaluate, wanted: bool) -> Proof:
    return lambda scope: evaluate(scope) is wanted
