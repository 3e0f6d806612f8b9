"""Which detections may an event meet? Answered for millions of events by a few dictionary look-ups.

Every detection has a bit. For each value of a group of hot fields, a mask says which detections are not refuted by
those values alone: the rule's tree is judged with only these fields known, and "cannot tell" counts as perhaps. The
masks are remembered by value, so an event costs one look-up a group, whatever the number of rules; the AND of its
masks is nearly always zero. What remains is judged with all hot fields known at once (again remembered), and only
then is an event decoded whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from vedette.engine.partial import Partial, Proof, proof, split
from vedette.rule import AllOf, AnyOf, Block, Detection, FieldPath, Node, Not, Test
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
        self._detections = tuple(detections)
        warm = self._warm_fields()
        self.projected = (*self.hot, *warm)
        """What must be decoded for every event."""
        self.groups = (*self._grouped(), *((one.name,) for one in warm))
        self.memos = [_Memo(self._group_mask(group)) for group in self.groups]
        self.joint = _Memo(self._joint_mask())

    def _grouped(self) -> tuple[tuple[str, ...], ...]:
        hot = {one.name for one in self.hot}
        wanted = self.schema.groups or tuple((name,) for name in hot)
        groups = [tuple(name for name in group if name in hot) for group in wanted]
        return tuple(group for group in groups if group)

    def _warm_fields(self) -> tuple[Field, ...]:
        """The warm fields of the detections that no hot field can refute: without them every event were a candidate."""
        refuted = {bit for bit, _ in self._refutations(tuple(one.name for one in self.hot))}
        names = {
            split(path.steps)[0]
            for bit, one in enumerate(self._detections)
            if 1 << bit not in refuted
            for path in mentioned(one.node)
        }
        return tuple(one for one in self.schema.fields.values() if one.warm and one.name in names)

    def _refutations(self, group: tuple[str, ...]) -> list[tuple[int, Proof]]:
        """(bit, what refutes the detection) for those that the fields of `group` can refute at all."""

        def knowable(path: FieldPath) -> bool:
            name = split(path.steps)[0]
            found = self.schema.find(name)
            if found is None:
                return False
            return name in group or found.within in group or (bool(found.by) and set(found.by) <= set(group))

        proofs = [(1 << bit, proof(one.node, False, knowable)) for bit, one in enumerate(self._detections)]
        return [(bit, refuted) for bit, refuted in proofs if refuted is not None]

    def _group_mask(self, group: tuple[str, ...]) -> Callable[[Any], int]:
        """The function from a group's values to its mask."""
        refutations = self._refutations(group)

        def compute(values: Any) -> int:
            known = Partial(self.schema, dict(zip(group, values if len(group) > 1 else (values,), strict=True)))
            mask = self.everything
            for bit, refuted in refutations:
                if refuted(known):
                    mask ^= bit
            return mask

        return compute

    def _joint_mask(self) -> Callable[[Any], int]:
        """The function from (mask so far, values of all hot fields) to the mask that is left."""
        group = tuple(one.name for one in self.hot)
        refutations = self._refutations(group)

        def compute(key: Any) -> int:
            mask: int = key[0]
            known = Partial(self.schema, dict(zip(group, key[1:], strict=True)))
            for bit, refuted in refutations:
                if mask & bit and refuted(known):
                    mask ^= bit
            return mask

        return compute

    def finder(self, projector: Projector) -> Callable[[Sequence[Any]], list[tuple[int, int]]]:
        """The compiled loop: projected records -> (index, mask) of those that some detection may meet.

        The groups are asked in the schema's order and the first whose mask leaves nothing ends the matter: hashing a
        text costs more than anything else here. The source is assembled from names and constants of the schema alone;
        no text of a rule or a log enters it.
        """
        space: dict[str, Any] = {**projector.constants, "joint": self.joint, "everything": self.everything}
        space["numbered"] = _numbered
        expressions, bindings = projector.expressions, projector.bindings
        body: list[str] = []
        bound: set[str] = set()
        asked: list[str] = []

        def ask(memo: str, names: Sequence[str], first: str = "") -> None:
            wanted = [variable for variable in bindings if any(_uses(expressions[name], variable) for name in names)]
            for variable in [one for one in bindings if any(_uses(bindings[w], one) for w in wanted) or one in wanted]:
                if variable not in bound:
                    bound.add(variable)
                    body.append(f"{variable} = {bindings[variable]}")
            key = ", ".join([*([first] if first else []), *(expressions[name] for name in names)])
            body.append(f"mask {'&=' if asked and not first else '='} {memo}[{key}]")
            asked.append(memo)
            body.append("if not mask: continue")

        for number, group in enumerate(self.groups):
            space[f"memo{number}"] = self.memos[number]
            ask(f"memo{number}", group)
        if self.hot:
            ask("joint", [one.name for one in self.hot], "mask" if self.groups else "everything")
        if not body:
            body.append("mask = everything")
        indented = "".join(f"        {line}\n" for line in body)
        # Numbering every record would cost more than looking for the few found once more.
        source = (
            "def find(records):\n"
            "    found = []\n"
            "    for e in records:\n"
            f"{indented}"
            "        found.append((e, mask))\n"
            "    return numbered(records, found) if found else found\n"
        )
        exec(source, space)
        find: Callable[[Sequence[Any]], list[tuple[int, int]]] = space["find"]
        return find


def _numbered(records: Sequence[Any], found: Sequence[tuple[Any, int]]) -> list[tuple[int, int]]:
    """(index in `records`, mask) for (record, mask), both in order; a record may stand in a list more than once."""
    numbered: list[tuple[int, int]] = []
    at = 0
    for record, mask in found:
        while records[at] is not record:
            at += 1
        numbered.append((at, mask))
        at += 1
    return numbered


def _uses(expression: str, variable: str) -> bool:
    return variable in _NAMES.findall(expression)


_NAMES = re.compile(r"[A-Za-z_]\w*")
