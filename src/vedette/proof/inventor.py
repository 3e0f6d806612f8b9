"""Inventor: an audit event that meets one way of a rule, found by trying; vedette's own reader and engine judge it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec

from vedette.engine.evaluate import Element, Whole, evaluator
from vedette.engine.explain import describe
from vedette.event import Event
from vedette.formats.kube_audit import KubeAudit
from vedette.formats.schemas.kube_audit import SCHEMA
from vedette.proof.invented_event import Impossible, Record, Steps, fault, made, put
from vedette.proof.invented_request import KNOWN, unfit
from vedette.proof.invented_text import OTHERS, OUTSIDE, joined, values_for
from vedette.proof.wishes import Member, Way, Wish, ways_not
from vedette.rule import FieldPath, Node, Op, Regex, Test, Text
from vedette.schema import FieldType

MOST_TRIES = 2_000
"""Events that are tried for one rule, of all its ways together."""
_DEPTH = 8
"""Exemptions that are avoided one after the other."""
_CLOSED = frozenset({"verb", "level", "stage"})
"""Fields of which all values are known."""
_VALUE = FieldPath("", ("value",))
_REFERENCES = frozenset({Op.FIELDREF, Op.FIELDREF_STARTSWITH, Op.FIELDREF_ENDSWITH, Op.FIELDREF_CONTAINS, Op.SUBSETOF})
_ALWAYS = frozenset({"verb", "level", "stage", "user.username", "requestURI", "sourceIPs", "userAgent", "auditID"})
"""Fields that no event of a known user lacks."""
_OBJECTS: dict[str, object] = {
    "hostPath": {"path": "/"},
    "capabilities": {"add": ["SYS_ADMIN"]},
    "securityContext": {"privileged": True},
    "privileged": True,
    "hostPort": 8080,
}
"""What stands under a key of a body whose presence alone is asked for."""
_BY_TYPE: dict[FieldType, tuple[object, ...]] = {
    FieldType.BOOL: (True, False),
    FieldType.NUMBER: (200, 201, 403, 404, 500),
    FieldType.ADDRESSES: OUTSIDE,
    FieldType.TEXTS: ("system:authenticated", *OTHERS),
}
_LISTS = (FieldType.TEXTS, FieldType.ADDRESSES)
_encode = msgspec.json.Encoder().encode


class _Absent:
    """In place of a value: the field is not there."""


_ABSENT = _Absent()


class Inventor:
    """Invents for the detections of one rule."""

    def __init__(self) -> None:
        self._format = KubeAudit()
        self._left = MOST_TRIES

    def event(self, node: Node, way: Way) -> Record:
        """An event that meets `node` by `way`. Raises Impossible, with the reason."""
        return self._solved(node, way.wishes, way.unmet, _DEPTH)

    def _solved(self, root: Node, wishes: Sequence[Wish | Member], unmet: Sequence[Node], depth: int) -> Record:
        if self._left <= 0:
            raise Impossible("none was found within the bounds of the search", sure=False)
        self._left -= 1
        record = self._built(wishes)
        if fault(record).why:
            # What must not have some value is left out first; here it may have to be there, with another.
            record = self._built(wishes, present=True)
        whole = Whole(self._read(record))
        held = next((node for node in unmet if evaluator(node)(whole) is not False), None)
        if held is not None:
            return self._avoided(root, wishes, unmet, held, depth)
        odd = fault(record)
        if odd.why:
            raise Impossible(odd.why, sure=all(_forced(name, wishes) for name in odd.rests_on))
        if evaluator(root)(whole) is not True:
            missed = next((one for one in wishes if isinstance(one, Wish) and not _met(one, whole)), None)
            said = f"no event was found for {describe(missed.test)}" if missed else "no event was found"
            raise Impossible(said, sure=False)
        return record

    def _avoided(
        self, root: Node, wishes: Sequence[Wish | Member], unmet: Sequence[Node], held: Node, depth: int
    ) -> Record:
        """The event in which the exemption `held` does not hold either."""
        whys: list[Impossible] = []
        tried = ways_not(held) if depth else []
        for way in tried:
            try:
                return self._solved(root, [*wishes, *way.wishes], [*unmet, *way.unmet], depth - 1)
            except Impossible as error:
                whys.append(error)
        if len(whys) == 1:
            raise whys[0]
        said = f": {whys[-1]}" if whys else ""
        raise Impossible(
            f"an exemption holds beside the rest{said}", sure=bool(depth) and all(one.sure for one in whys)
        )

    def _read(self, record: Record) -> Event:
        return self._format.read(_encode(record))

    def _built(self, wishes: Sequence[Wish | Member], *, present: bool = False) -> Record:
        wanted: dict[Steps, object] = {}
        absent: set[Steps] = set()
        members: dict[Steps, list[Member]] = {}
        fields: dict[Steps, list[Wish]] = {}
        references: list[Wish] = []
        for one in wishes:
            if isinstance(one, Member):
                members.setdefault(one.block.path.steps, []).append(one)
            elif one.test.op in _REFERENCES:
                references.append(one)
            else:
                fields.setdefault(one.test.path.steps, []).append(one)
        for steps, held in members.items():
            self._place(wanted, absent, steps, _list_of(steps, held))
        late = ("requestURI",)
        failing = any(_name(steps).startswith(("responseStatus", "outcome")) for steps in fields)
        for steps in sorted(fields, key=lambda steps: steps == late):
            base = str(made(wanted, absent)["requestURI"]) if steps == late else ""
            where = steps or ("userAgent",)  # A word anywhere in the record: the client's name for itself takes any.
            self._place(
                wanted, absent, where, _value(_name(steps), fields[steps], base, failing=failing, present=present)
            )
        for one in references:
            self._refer(wanted, absent, one)
        return made(wanted, absent)

    @staticmethod
    def _place(wanted: dict[Steps, object], absent: set[Steps], steps: Steps, value: object) -> None:
        if isinstance(value, _Absent):
            absent.add(("sourceIPs",) if steps == ("clientIPs",) else steps)
        else:
            wanted[steps] = value

    def _refer(self, wanted: dict[Steps, object], absent: set[Steps], wish: Wish) -> None:
        """Give a field what another has, or something else."""
        other = next(value for value in wish.test.values if isinstance(value, FieldPath))
        steps = wish.test.path.steps
        listed = _type(_name(steps)) in _LISTS
        value: object = "vedette-other"
        if wish.holds:
            items = self._read(made(wanted, absent)).values(other.steps).items
            value = items[0] if items else "vedette-1"
            if not items:
                wanted[other.steps] = [value] if _type(_name(other.steps)) in _LISTS else value
        wanted[steps] = [value] if listed else value


def _met(wish: Wish, scope: Whole) -> bool:
    return evaluator(wish.test)(scope) is wish.holds


def _name(steps: Steps) -> str:
    return ".".join(step for step in steps if isinstance(step, str))


def _type(name: str) -> FieldType | None:
    field = SCHEMA.find(name)
    return field.type if field is not None else None


def _list_of(steps: Steps, members: Sequence[Member]) -> object:
    """The list in which all `members` are: one element for them all, or else one for each."""
    wanted = [one.wishes for one in members if one.wishes is not None]
    if not wanted:
        return _ABSENT
    if len(wanted) < len(members):
        raise Impossible(f"{members[0].block.path.text} would have to have a member and none at once", sure=True)
    try:
        return [_element(_name(steps), [wish for each in wanted for wish in each])]
    except Impossible:
        if len(wanted) == 1:
            raise
        return [_element(_name(steps), each) for each in wanted]


def _element(name: str, wishes: Sequence[Wish | Member]) -> object:
    plain = [one for one in wishes if isinstance(one, Wish)]
    itself = [one for one in plain if not one.test.path.steps]
    if itself:
        return _value(name, itself, element=True)
    found: Record = {}
    inner: dict[Steps, list[Member]] = {}
    for one in wishes:
        if isinstance(one, Member):
            inner.setdefault(one.block.path.steps, []).append(one)
    fields: dict[Steps, list[Wish]] = {}
    for wish in plain:
        fields.setdefault(wish.test.path.steps, []).append(wish)
    placed = [(steps, _list_of(steps, held)) for steps, held in inner.items()]
    placed += [(steps, _value(f"{name}.{_name(steps)}", held)) for steps, held in fields.items()]
    for steps, value in placed:
        if not isinstance(value, _Absent):
            put(found, steps, value)
    return found


def _value(
    name: str,
    wishes: Sequence[Wish],
    base: str = "",
    *,
    element: bool = False,
    present: bool = False,
    failing: bool = False,
) -> object:
    """A value for one field that meets every wish, or _ABSENT. Raises Impossible.

    `element`: of a list, and never absent; `present`: absent at last only; `failing`: of a request that may fail.
    """
    judges = [(evaluator(replace(one.test, path=_judged(one.test))), one.holds) for one in wishes]
    listed = _type(name) in _LISTS and not element
    reason = ""
    tried = list(_candidates(name, wishes, base))
    if present:
        tried.sort(key=lambda one: isinstance(one, _Absent))
    for found in tried:
        if element and isinstance(found, _Absent):
            continue
        if isinstance(found, list) and _type(name) not in (*_LISTS, FieldType.OBJECT, None):
            continue
        value = [found] if listed and not isinstance(found, list | _Absent) else found
        scope = Element({} if isinstance(value, _Absent) else {"value": value}, _encode(str(value)))
        if any(judge(scope) is not holds for judge, holds in judges):
            continue
        if isinstance(value, _Absent) or not (odd := unfit(name, value, failing=failing)):
            return value
        reason = reason or f"{name} is never {value}: {odd}"
    raise Impossible(reason or _why(name, wishes), sure=_exhausted(name, wishes, listed=listed))


def _forced(name: str, wishes: Sequence[Wish | Member]) -> bool:
    """True where the field can have one value only: another choice would not help."""
    about = [one for one in wishes if isinstance(one, Wish) and one.test.path.name == name]
    return bool(about) and all(
        one.holds
        and (
            (one.test.op is Op.EQUALS and len(one.test.values) == 1 and _plain(one.test.values[0]))
            or (one.test.op is Op.EXISTS and one.test.values[0] is False)
        )
        for one in about
    )


def _exhausted(name: str, wishes: Sequence[Wish], *, listed: bool) -> bool:
    """True where every value was tried that could meet the wishes."""
    asked = [one.test for one in wishes if one.holds]
    gone = any(test.op is Op.EXISTS and test.values[0] is False for test in asked)
    finite = any(test.op is Op.EQUALS and not test.every and all(map(_plain, test.values)) for test in asked)
    return name in _CLOSED or (gone and len(wishes) > 1) or (finite and not (listed and len(asked) > 1))


def _plain(value: object) -> bool:
    return not isinstance(value, Text) or value.plain is not None


def _judged(test: Test) -> FieldPath:
    return test.path if test.op is Op.KEYWORD else _VALUE


def _why(name: str, wishes: Sequence[Wish]) -> str:
    if any(not one.test.values for one in wishes):
        return "a list of the settings that it compares with is empty"
    if len(wishes) == 1 and any(isinstance(value, Regex) for value in wishes[0].test.values):
        return f"{name}: a pattern for which no text could be made"
    said = [("" if one.holds else "not ") + describe(one.test) for one in wishes]
    return f"{name} cannot meet all of this at once: {'; '.join(said)}"


def _candidates(name: str, wishes: Sequence[Wish], base: str) -> Iterator[object]:
    asked = [one.test for one in wishes if one.holds and one.test.op is not Op.EXISTS]
    if base:
        yield base
    texts = [value for test in asked for value in values_for(test)]
    several = list(joined(asked))
    if len(asked) > 1:
        texts = [*several, *texts]
        texts.insert(0, [next(values_for(test), "") for test in asked])
    for value in texts:
        yield from _spelt(name, value, base)
    if not asked:
        yield from () if name in _ALWAYS else (_ABSENT,)
        if any(one.test.op is Op.INNET for one in wishes):
            yield from OUTSIDE
        yield from KNOWN.get(name, ())
        yield from _BY_TYPE.get(_type(name) or FieldType.TEXT, ())
        yield from (_OBJECTS[key] for key in (name.rpartition(".")[2],) if key in _OBJECTS)
        yield from OTHERS
    else:
        yield _ABSENT
        yield from KNOWN.get(name, ())


def _spelt(name: str, value: object, base: str) -> Iterator[object]:
    """A value as the field would have it, and as the rule writes it."""
    if not isinstance(value, str):
        yield value
        return
    known = next((one for one in KNOWN.get(name, ()) if one.casefold() == value.casefold()), None)
    if known is not None:
        yield known
    if base:
        yield f"{base}{'&' if '?' in base else '?'}command={value}"
        yield value.replace(" ", "%20")
        yield f"/{value}"
    elif name.startswith("objectRef."):
        yield value.lower()
    yield value
