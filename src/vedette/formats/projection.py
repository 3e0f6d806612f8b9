"""A projector for JSON records: msgspec Structs made at load time from the fields that the rules need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from vedette.formats.base import Unreadable
from vedette.schema import Field, FieldType, Projection

_TYPES: Mapping[FieldType, Any] = {
    FieldType.TEXT: str | None,
    FieldType.ADDRESS: str | None,
    FieldType.NUMBER: int | float | None,
    FieldType.BOOL: bool | None,
    FieldType.TEXTS: tuple[str, ...] | None,
    FieldType.ADDRESSES: tuple[str, ...] | None,
}
_EMPTY_IS_ABSENT = frozenset({FieldType.TEXT, FieldType.ADDRESS})


class StructProjector:
    """Decodes the projected fields of a JSON record in C and skips the rest.

    `required` names top-level keys whose presence makes a record one of this format, with the type each must have:
    TEXT or OBJECT. `sparse` names the objects in which an empty text means the same as none: older servers wrote
    `""` where newer ones write nothing.
    """

    def __init__(
        self, projection: Projection, required: Mapping[str, FieldType], sparse: frozenset[str] = frozenset()
    ) -> None:
        tree: dict[str, Any] = {key: str if kind is FieldType.TEXT else {} for key, kind in required.items()}
        for field in projection.fields:
            _plant(tree, field)
        self.constants: dict[str, object] = {}
        self._struct = self._define("Record", tree, frozenset(required))
        self.bindings: dict[str, str] = {}
        for field in projection.fields:
            self._bind(field.name.split(".")[:-1])
        self.expressions: dict[str, str] = {field.name: _expression(field, sparse) for field in projection.fields}
        self._decoder = msgspec.json.Decoder(self._struct)

    def lines(self, chunk: bytes) -> list[Any] | None:
        """All records of `chunk`, or None when some line is no plain, well-typed record."""
        try:
            return self._decoder.decode_lines(chunk)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def record(self, raw: bytes) -> Any | None:
        """One record; None when oddly typed. Raises Unreadable for what is not JSON."""
        try:
            return self._decoder.decode(raw)
        except msgspec.ValidationError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unreadable("not JSON") from error
        except RecursionError as error:
            raise Unreadable("nested too deep") from error

    def _bind(self, parents: Sequence[str]) -> None:
        for depth in range(1, len(parents) + 1):
            owner, key = parents[: depth - 1], parents[depth - 1]
            empty = "_".join(("_Record", *owner, key))
            self.bindings[_variable(parents[:depth])] = f"{_variable(owner)}.{key} or {empty}"

    def _define(self, name: str, tree: Mapping[str, Any], required: frozenset[str] = frozenset()) -> Any:
        needed: list[tuple[str, Any]] = []
        optional: list[tuple[str, Any, Any]] = []
        for key, kind in tree.items():
            struct = kind
            if isinstance(kind, dict):
                struct = self._define(f"{name}_{key}", kind)
                self.constants[f"_{name}_{key}"] = struct()
            if key in required:
                needed.append((key, struct))
            else:
                optional.append((key, struct | None, None))
        return msgspec.defstruct(name, [*needed, *optional], gc=False)


def _expression(field: Field, sparse: frozenset[str]) -> str:
    *parents, leaf = field.name.split(".")
    found = f"{_variable(parents)}.{leaf}"
    if field.type in _EMPTY_IS_ABSENT and ".".join(parents) in sparse:
        return f"({found} or None)"
    return found


def _variable(parents: Sequence[str]) -> str:
    return "_".join(("e", *parents))


def _plant(tree: dict[str, Any], field: Field) -> None:
    *parents, leaf = field.name.split(".")
    for key in parents:
        tree = tree.setdefault(key, {})
    tree.setdefault(leaf, _TYPES[field.type])
