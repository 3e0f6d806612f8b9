"""Which detections may an event meet? Answered for millions of events by a few dictionary look-ups.

Every detection has a bit. For each value of a group of hot fields, a mask says which detections are not refuted by
those values alone: the rule's tree is judged with only these fields known, and "cannot tell" counts as perhaps. The
masks are remembered by value, so an event costs one look-up a group, whatever the number of rules; the AND of its
masks is nearly always zero. What remains is judged with all hot fields known at once (again remembered), and only
then is an event decoded whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from vedette.engine.compare import Verdict
from vedette.engine.evaluate import Evaluate, evaluator, quantified
from vedette.event import Step, Values, walk
from vedette.rule import AllOf, AnyOf, Block, Detection, FieldPath, Node, Not, Quantifier, Test
from vedette.schema import Field, Schema

_REMEMBERED = 1 << 15
"""Values remembered a group: an attacker can invent user names without end, memory must not follow."""


class Projector(Protocol):
    """What the loop needs to know of projected records; `formats.base.Projector` says what each part is."""

    @property
    def bindings(self) -> Mapping[str, str]:
        """Variable -> expression over the record `e`."""

    @property
    def expressions(self) -> Mapping[str, str]:
        """Field name -> expression over `e` and the variables."""

    @property
    def constants(self) -> Mapping[str, object]:
        """What the expressions name besides."""


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
        if value in ("", ()):
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


def split(steps: tuple[Step, ...]) -> tuple[str, tuple[Step, ...]]:
    """The dotted name of the leading keys, and the steps from the first index on."""
    keys: list[str] = []
    for at, step in enumerate(steps):
        if isinstance(step, int):
            return ".".join(keys), steps[at:]
        keys.append(step)
    return ".".join(keys), ()


def mentioned(node: Node) -> Iterable[FieldPath]:
    """Every field of the event that `node` names (what stands inside a block belongs to its elements)."""
    match node:
        case AllOf() | AnyOf():
            for part in node.nodes:
                yield from mentioned(part)
        case Not():
            yield from mentioned(node.node)
        case Block():
            yield node.path
        case Test():
            yield node.path
            yield from (value for value in node.values if isinstance(value, FieldPath))


def hot_fields(detections: Iterable[Detection], schema: Schema) -> tuple[Field, ...]:
    """The hot fields that `detections` name, or that a field they name lies within, in the schema's order.

    Not those that a record of an act may lack and a later one bring: what such a field refutes must still be seen, for
    it overrules the earlier record's "cannot tell" (see `sighting.resolve`).
    """
    names: set[str] = set()
    for detection in detections:
        for path in mentioned(detection.node):
            name = split(path.steps)[0]
            found = schema.find(name)
            if found is not None:
                names.update((name, found.within, *found.by))
    return tuple(one for one in schema.fields.values() if one.hot and not one.partial and one.name in names)


class _Memo(dict[Any, int]):
    """Values of a group of fields -> mask; computes what it has not seen."""

    def __init__(self, compute: Callable[[Any], int]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, key: Any) -> int:
        if len(self) >= _REMEMBERED:
            self.clear()
        mask = self[key] = self._compute(key)
        return mask


class Masks:
    """The masks of one format's detections."""

    def __init__(self, detections: Sequence[Detection], schema: Schema) -> None:
        self.schema = schema
        self.everything = (1 << len(detections)) - 1
        self.hot = hot_fields(detections, schema)
        self._evaluators = [evaluator(detection.node) for detection in detections]
        self._names = [
            {path_name for path in mentioned(d.node) for path_name in self._known_by(path)} for d in detections
        ]
        self.groups = self._grouped()
        self.memos = [_Memo(self._compute(group)) for group in self.groups]
        self.joint = _Memo(self._compute(tuple(one.name for one in self.hot)))

    def _known_by(self, path: FieldPath) -> Iterable[str]:
        name = split(path.steps)[0]
        found = self.schema.find(name)
        return () if found is None else (name, found.within, *found.by)

    def _grouped(self) -> tuple[tuple[str, ...], ...]:
        hot = {one.name for one in self.hot}
        wanted = self.schema.groups or tuple((name,) for name in hot)
        groups = [tuple(name for name in group if name in hot) for group in wanted]
        return tuple(group for group in groups if group)

    def _compute(self, group: tuple[str, ...]) -> Callable[[Any], int]:
        """The function from a group's values to its mask. Detections that name none of the group stay standing."""
        concerned = [
            (1 << bit, self._evaluators[bit]) for bit, names in enumerate(self._names) if not names.isdisjoint(group)
        ]
        untouched = self.everything & ~sum(bit for bit, _ in concerned)

        def compute(values: Any) -> int:
            known = Partial(self.schema, dict(zip(group, values if len(group) > 1 else (values,), strict=True)))
            mask = untouched
            for bit, evaluate in concerned:
                if evaluate(known) is not False:
                    mask |= bit
            return mask

        return compute

    def finder(self, projector: Projector) -> Callable[[Sequence[Any]], list[tuple[int, int]]]:
        """The compiled loop: projected records -> (index, mask) of those that some detection may meet.

        The source is assembled from names and constants of the schema alone; no text of a rule or a log enters it.
        """
        space: dict[str, Any] = dict(projector.constants)
        expressions = projector.expressions
        terms = []
        for number, group in enumerate(self.groups):
            space[f"memo{number}"] = self.memos[number]
            terms.append(f"memo{number}[{', '.join(expressions[name] for name in group)}]")
        space["joint"] = self.joint
        every = ", ".join(expressions[one.name] for one in self.hot)
        lines = [
            "def find(records):",
            "    found = []",
            "    for i, e in enumerate(records):",
            *(f"        {variable} = {value}" for variable, value in projector.bindings.items()),
            f"        mask = {' & '.join(terms) or self.everything}",
            "        if mask:",
            f"            mask &= joint[{every}]" if self.hot else "            pass",
            "            if mask:",
            "                found.append((i, mask))",
            "    return found",
        ]
        exec("\n".join(lines), space)
        find: Callable[[Sequence[Any]], list[tuple[int, int]]] = space["find"]
        return find
