"""Field names: `objectRef.namespace`, `sourceIPs[-1]`, `rules[any].verbs`, `annotations["a.b/c"]`, `.`.

First the grammar, then the check against a schema. A field that the schema lacks is refused, because a test on it
would never hold (or, negated, always), and nobody would see.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from vedette.event import Step
from vedette.rule import FieldPath, Quantifier
from vedette.schema import FieldType, Schema
from vedette.sigma.refusal import Source, UnknownField, nearest
from vedette.yaml_text import YamlPath

_NAME = re.compile(r"(?:[^.\[\]|\"'\\\s]|\\[\[\]])+")
_INDEX = re.compile(r"-?[0-9]{1,6}\Z")
_QUANTIFIERS = {quantifier.value: quantifier for quantifier in Quantifier}
_LISTS = {FieldType.TEXTS: FieldType.TEXT, FieldType.ADDRESSES: FieldType.ADDRESS}
ARRAY_VERSION = 3
"""The `sigma-version` from which brackets are selectors (SEP #213)."""


@dataclass(frozen=True, slots=True)
class Key:
    """A detection item's key, taken apart."""

    text: str
    """The field as written, without modifiers; nothing for keywords."""
    segments: tuple[Step | Quantifier, ...]
    modifiers: tuple[tuple[str, int], ...]
    """Name, and offset in the key."""
    brackets: int = -1
    """Offset of the first index or quantifier, which need `sigma-version: 3`."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where field names are looked up: an event, or inside a block an element of a list."""

    schema: Schema
    version: int = 2
    element: FieldType | None = None
    """Inside a block: what the elements are; OBJECT elements have fields of their own. None: the event itself."""
    blocks: int = 0
    """How many blocks stand around it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A field found."""

    path: FieldPath
    type: FieldType | None
    """None: beneath an OBJECT, where the schema says nothing of types."""


class _Malformed(ValueError):
    def __init__(self, offset: int, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message
        self.mend = mend


def parse_key(source: Source, path: YamlPath, text: str, *, offset_value: bool = False) -> Key:
    """Take a key apart; refuses what does not follow the grammar.

    With `offset_value` the text is the value at `path` (an item of a `group-by`), not its key.
    """
    try:
        return _parse(text)
    except _Malformed as error:
        source.refuse(path, f"field name: {error.message}", error.mend, value=offset_value, offset=error.offset)


def _parse(text: str) -> Key:
    segments: list[Step | Quantifier] = []
    at, brackets = 0, -1
    if text.startswith(".") and text[1:2] in ("", "|"):
        at = 1
    elif text[:1] not in ("", "|"):
        while True:
            named = _NAME.match(text, at)
            if named:
                segments.append(re.sub(r"\\([\[\]])", r"\1", named.group()))
                at = named.end()
            elif text[at : at + 1] != "[" or not segments:
                raise _unexpected(text, at)
            while text[at : at + 1] == "[":
                segment, end = _selector(text, at)
                if not isinstance(segment, str) and brackets < 0:
                    brackets = at
                segments.append(segment)
                at = end
            if text[at : at + 1] != ".":
                break
            at += 1
            if not _NAME.match(text, at):
                raise _unexpected(text, at)
    field = text[:at]
    if text[at : at + 1] not in ("", "|"):
        raise _unexpected(text, at)
    modifiers: list[tuple[str, int]] = []
    for name in text[at + 1 :].split("|") if at < len(text) else ():
        modifiers.append((name, at + 1))
        at += len(name) + 1
    return Key(field, tuple(segments), tuple(modifiers), brackets)


def _unexpected(text: str, at: int) -> _Malformed:
    if at >= len(text):
        return _Malformed(max(0, at - 1), "it ends in a dot", "remove the dot")
    char = text[at]
    if char in " \t":
        return _Malformed(at, "a blank in it", 'remove the blank; a key that has one is written parent["the key"]')
    mend = 'a key with strange characters is written parent["the key"]'
    return _Malformed(at, f"{char!r} is not expected here", mend)


def _selector(text: str, at: int) -> tuple[Step | Quantifier, int]:
    quote = text[at + 1 : at + 2]
    if quote in ('"', "'"):
        end = text.find(quote + "]", at + 2)
        if end < 0:
            raise _Malformed(at, "the bracket is not closed", f"write [{quote}key{quote}]")
        if end == at + 2:
            raise _Malformed(at, "an empty key")
        return text[at + 2 : end], end + 2
    end = text.find("]", at)
    if end < 0:
        raise _Malformed(at, "the bracket is not closed", 'write [any], [0] or ["key"]')
    inner = text[at + 1 : end]
    if inner in _QUANTIFIERS:
        return _QUANTIFIERS[inner], end + 1
    if _INDEX.match(inner):
        return int(inner), end + 1
    if inner in ("", "*"):
        raise _Malformed(at, f"[{inner}] is no selector", "write [any], [all], [all_or_empty] or [none]")
    mend = nearest(inner, _QUANTIFIERS, f'write [any], [0], or ["{inner}"] for a key')
    raise _Malformed(at, f"[{inner}] is no selector", mend)


def check_version(source: Source, path: YamlPath, key: Key, scope: Scope) -> None:
    """Refuse array selectors in a document that does not say `sigma-version: 3`."""
    if key.brackets >= 0 and scope.version < ARRAY_VERSION:
        message = "indexes and quantifiers in brackets need sigma-version: 3"
        source.refuse(path, message, "add the line sigma-version: 3 to this document", offset=key.brackets)


def find(
    source: Source, path: YamlPath, text: str, steps: Sequence[Step], scope: Scope, *, value: bool = False
) -> Target:
    """The field at `steps` in `scope`; refuses one that is not there, and an index into what is no list."""
    if scope.element is not None:
        return _find_in_element(source, path, text, steps, scope.element)
    if not steps:
        source.refuse(path, "'.' is the element itself, inside a block only", "write a field's name", value=value)
    schema = scope.schema
    names = list(itertools.takewhile(lambda step: isinstance(step, str), steps))
    alias = schema.aliases.get(".".join(map(str, names)))
    found: tuple[Step, ...] = (*(alias.split(".") if alias else names), *steps[len(names) :])
    flat = ".".join(step for step in found if isinstance(step, str))
    field = schema.find(flat)
    if field is None or list(found[: field.name.count(".") + 1]) != field.name.split("."):
        mend = _similar(flat, schema)
        raise UnknownField(source.document.problem(path, f"{schema.format} has no field {text!r}", mend, value=value))
    if field.type is FieldType.OBJECT:
        return Target(FieldPath(text, found), None)
    indexes = [step for step in found if isinstance(step, int)]
    if indexes and (field.type not in _LISTS or len(indexes) > 1):
        source.refuse(path, f"{field.name} has no elements to number", f"write {field.name}", value=value)
    return Target(FieldPath(text, found), _LISTS[field.type] if indexes else field.type)


def _similar(name: str, schema: Schema) -> str:
    """A hint at the field that was meant: one that ends so, lies in a body, or is spelt alike."""
    tail = [known for known in schema.fields if known.casefold().endswith("." + name.casefold())]
    if len(tail) == 1:
        return f"did you mean {tail[0]}?"
    first, dot, rest = name.partition(".")
    if first in schema.bodies:
        return f"did you mean {schema.bodies[first]}{dot}{rest}?"
    parent = name
    while "." in parent:
        parent = parent.rpartition(".")[0]
        if parent in schema.fields:
            return f"write {parent}; nothing lies beneath it"
    close = schema.nearest(name)
    return f"did you mean {close}?" if close else f"write a field that {schema.format} has"


def _find_in_element(source: Source, path: YamlPath, text: str, steps: Sequence[Step], element: FieldType) -> Target:
    if not steps:
        return Target(FieldPath(text, ()), None if element is FieldType.OBJECT else element)
    if element is not FieldType.OBJECT:
        source.refuse(path, "the elements of this list are plain values, without fields", "write . for the element")
    return Target(FieldPath(text, tuple(steps)), None)


def element_type(source: Source, path: YamlPath, target: Target) -> FieldType:
    """What the elements of the list at `target` are; refuses a block on what is no list."""
    if target.type is None:
        return FieldType.OBJECT
    if target.type not in _LISTS:
        message = f"{target.path.name} is one value, not a list"
        source.refuse(path, message, f"write {target.path.name} without the quantifier")
    return _LISTS[target.type]


def member_type(kind: FieldType | None) -> FieldType | None:
    """The type a test compares with: of a list, its members'."""
    return None if kind is None else _LISTS.get(kind, kind)


def field_path(source: Source, path: YamlPath, text: str, scope: Scope) -> Target:
    """A field named by a value (`fieldref`, `group-by`): no quantifiers, no modifiers."""
    key = parse_key(source, path, text, offset_value=True)
    if key.modifiers or not key.text:
        source.refuse(path, "a field's name alone is expected here", "remove what follows |", value=True)
    steps: list[Step] = []
    for segment in key.segments:
        if isinstance(segment, Quantifier):
            source.refuse(path, f"[{segment.value}] is not possible here", "name the field alone", value=True)
        steps.append(segment)
    return find(source, path, key.text, steps, scope, value=True)
