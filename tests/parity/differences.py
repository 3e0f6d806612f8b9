"""Where a rendered query cannot say what the engine says: how each kind of difference is recognised.

A kind is as narrow as can be: not "something odd is in the line" but "of the line as Go reads it the engine says just
that", or "LogQL is silent, and this stands in the line".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from tests.parity.verdicts import Answer, Engine, Said
from vedette.cases_loki import _is_bare_patch
from vedette.formats import SCHEMAS
from vedette.formats.document import Document, decoded
from vedette.rule import AllOf, AnyOf, Block, Detection, FieldPath, Node, Not, Test
from vedette.schema import FieldType


@dataclass(frozen=True, slots=True)
class Case:
    """A line of which the two say different things."""

    detection: Detection
    engine: Engine
    line: bytes
    answer: Answer
    loki: frozenset[Said]


def explained(case: Case) -> str:
    """The name of the first kind that the difference is of, or nothing."""
    return next((name for name, seen in KINDS.items() if seen(case)), "")


def _wrapped(case: Case) -> bool:
    return not case.answer.bare and not case.loki


def _again(case: Case, change: Callable[[dict[str, object]], dict[str, object]]) -> bool:
    """True where the engine says what Loki says, once the record is changed so."""
    document = _document(case.line)
    if document is None:
        return False
    changed = change(document)
    if json.dumps(changed) == json.dumps(document):
        return False
    line = json.dumps(changed).encode()
    return case.engine.answer(line).said == case.loki


def _document(line: bytes) -> dict[str, object] | None:
    try:
        document: Document = decoded(line.strip(_AROUND), lambda found: found)
    except Exception:  # noqa: BLE001 # whatever is no JSON object
        return None
    return dict(document.fields)


_AROUND = b" \t\r\n\v\f\x1e\0\xef\xbb\xbf"


def _oddly_typed(case: Case) -> bool:
    name = case.detection.format
    return any(_again(case, partial(_typed, name, instead)) for instead in _INSTEAD)


_INSTEAD: tuple[object, ...] = (None, {})
"""What is not of its type is to Loki not there, or there and equal to nothing."""


def _typed(name: str, instead: object, record: dict[str, object]) -> dict[str, object]:
    """The record with `instead` for each of the server's own fields that is not of its type."""
    made: dict[str, object] = json.loads(json.dumps(record))
    if name == "sshd":
        return {key: _of_journal(key, value) for key, value in made.items()}
    for field in SCHEMAS[name].fields.values():
        if field.derived:
            continue
        *parents, last = field.name.split(".")
        holder: object = made
        for key in parents:
            if not isinstance(holder, dict) or key not in holder:
                break
            if not isinstance(holder[key], dict):
                holder[key] = instead
            holder = holder[key]
        if isinstance(holder, dict) and last in holder:
            holder[last] = _of_type(field.type, holder[last], instead)
    return made


def _of_type(kind: FieldType, value: object, instead: object) -> object:
    if kind in (FieldType.TEXT, FieldType.ADDRESS):
        return value if isinstance(value, str) else instead
    if kind is FieldType.NUMBER:
        return value if isinstance(value, int | float | str) and not isinstance(value, bool) else instead
    if kind in (FieldType.TEXTS, FieldType.ADDRESSES):
        if isinstance(value, list):
            elements = [one if isinstance(one, str) else instead for one in value]
            return [one for one in elements if one is not None]
        return value if isinstance(value, str) else instead
    return value


def _of_journal(key: str, value: object) -> object:
    if key in ("MESSAGE", "_HOSTNAME") and isinstance(value, list):
        return [int(one) for one in value if isinstance(one, int | float) and not isinstance(one, bool)]
    return value


def _numbers(case: Case) -> bool:
    def change(record: dict[str, object]) -> dict[str, object]:
        found = _as_float(record)
        assert isinstance(found, dict)
        return found

    return _again(case, change)


def _as_float(value: object) -> object:
    """Numbers as Go has them: floats all, those without a fraction below 10^21 written without a point."""
    if isinstance(value, dict):
        return {key: _as_float(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_float(one) for one in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        return int(number) if number.is_integer() and abs(number) < 1e21 else number
    return value


def _mended(case: Case) -> bool:
    def run(told: frozenset[Said]) -> set[tuple[str, ...]]:
        return {tuple(re.sub(r"\?+", "?", text) for text in one) for one in told}

    return "?" in str(case.answer.said) and run(case.answer.said) == run(case.loki)


def _patched(case: Case) -> bool:
    event = case.engine.event(case.line.strip(_AROUND)) if case.detection.format == "kube_audit" else None
    if event is None or "objectAfter" not in names(case.detection.node) or not _is_bare_patch(event):
        return False
    return {reaction for reaction, *_ in case.loki} <= {"cannot_tell"}


def _too_deep_for_go(case: Case) -> bool:
    return not case.loki and _depth(case.line) > 10_000


def _deeper_than_vedette_looks(case: Case) -> bool:
    return 100 < _depth(case.line) <= 10_000 and {one[0] for one in case.answer.said} <= {"cannot_tell"}


def _depth(line: bytes) -> int:
    deepest = level = 0
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*+"|[\[{\]}]', line):
        if token[0] in (b"[", b"{"):
            level += 1
            deepest = max(deepest, level)
        elif token[0] in (b"]", b"}"):
            level -= 1
    return deepest


def _named_with_escapes(case: Case) -> bool:
    """An event without one of its three keys, which names its kind or version with an escape."""
    document = _document(case.line)
    if case.detection.format != "kube_audit" or document is None or case.answer.said:
        return False
    lacks = not {"auditID", "stage", "verb"} <= document.keys()
    return lacks and not (re.search(rb':\s*"Event"', case.line) and re.search(rb':\s*"audit\.k8s\.io/', case.line))


def names(node: Node) -> set[str]:
    """The first key of each field that a tree names."""
    match node:
        case AllOf() | AnyOf():
            return {name for part in node.nodes for name in names(part)}
        case Not():
            return names(node.node)
        case Block():
            return {str(node.path.steps[0])}
        case Test():
            paths = [node.path, *(value for value in node.values if isinstance(value, FieldPath))]
            return {str(path.steps[0]) for path in paths if path.steps}


def _typed_and_numbers(case: Case) -> bool:
    def change(instead: object, record: dict[str, object]) -> dict[str, object]:
        found = _as_float(_typed(case.detection.format, instead, record))
        assert isinstance(found, dict)
        return found

    return any(_again(case, partial(change, instead)) for instead in _INSTEAD)


KINDS: Mapping[str, Callable[[Case], bool]] = {
    "wrapped": _wrapped,
    "type": _oddly_typed,
    "number": _numbers,
    "type and number": _typed_and_numbers,
    "bytes": _mended,
    "patch": _patched,
    "depth in Go": _too_deep_for_go,
    "depth in vedette": _deeper_than_vedette_looks,
    "escaped kind": _named_with_escapes,
}
"""By the names of `render.differences`, which has the reasons. The first that fits counts."""
