"""A projector for JSON records: msgspec Structs made at load time from the fields that the rules need."""

from __future__ import annotations

from collections.abc import Mapping
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


class StructProjector:
    """Decodes the projected fields of a JSON record in C and skips the rest.

    `required` names top-level keys whose presence, as texts, makes a record one of this format.
    """

    def __init__(self, projection: Projection, required: tuple[str, ...]) -> None:
        tree: dict[str, Any] = {key: str for key in required}
        for field in projection.fields:
            _plant(tree, field)
        self.constants: dict[str, object] = {}
        self._struct = self._define("Record", tree, required)
        self.expressions: dict[str, str] = {field.name: self._expression(field.name) for field in projection.fields}
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

    def _define(self, name: str, tree: Mapping[str, Any], required: tuple[str, ...] = ()) -> Any:
        fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
        for key, kind in tree.items():
            if isinstance(kind, dict):
                struct = self._define(f"{name}_{key}", kind)
                self.constants[f"_{name}_{key}"] = struct()
                fields.append((key, struct | None, None))
            elif key in required:
                fields.append((key, kind))
            else:
                fields.append((key, kind, None))
        return msgspec.defstruct(name, fields, gc=False)

    def _expression(self, name: str) -> str:
        here, owner = "e", "Record"
        *parents, leaf = name.split(".")
        for key in parents:
            owner = f"{owner}_{key}"
            here = f"({here}.{key} or _{owner})"
        return f"{here}.{leaf}"


def _plant(tree: dict[str, Any], field: Field) -> None:
    *parents, leaf = field.name.split(".")
    for key in parents:
        tree = tree.setdefault(key, {})
    tree.setdefault(leaf, _TYPES[field.type])
