"""The JSON Schema of vedette.yaml, for editors: printed from the classes of `written`."""

from __future__ import annotations

import inspect
from dataclasses import is_dataclass
from datetime import date
from typing import Any

from vedette.settings.key import SIZE, SPAN, Key, Scope, Selection, Size, Span, Texts, keys
from vedette.settings.reading import element
from vedette.settings.written import Written

Schema = dict[str, Any]
"""A JSON Schema, or a part of one."""


def json_schema() -> Schema:
    """The schema of the whole file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "vedette.yaml", **_map(Written)}


def _map(cls: type, *, demand: bool = False) -> Schema:
    """A map; only its known keys. With `demand`, those that an entry must have."""
    found: Schema = {
        "description": inspect.getdoc(cls),
        # A key whose entries are all commented out is null.
        "type": ["object", "null"],
        "properties": {name: _value(key) for name, key in keys(cls).items()},
        "additionalProperties": False,
    }
    required = [name for name, key in keys(cls).items() if key.says.required]
    if demand and required:
        found["type"] = "object"
        found["required"] = [name for name in required if not (name == "reason" and "off" in keys(cls))]
    return found


def _value(key: Key) -> Schema:
    return {**_type(key), "description": key.says.doc}


def _type(key: Key) -> Schema:
    """The schema of a key's type."""
    text: Schema = {"type": "string"}
    inner = element(key.type)
    if inner is not None:
        return {"type": ["array", "null"], "items": _map(inner, demand=True)}
    if isinstance(key.type, type) and is_dataclass(key.type):
        return {"anyOf": [_map(key.type), text]} if key.says.shorthand else _map(key.type)
    if key.type == Texts:
        return _texts()
    if key.type == Scope:
        return {"anyOf": [{"enum": list(key.says.choices)}, {"type": "array", "items": text, "minItems": 1}]}
    if key.type == date | None:
        return {**text, "pattern": r"^\d{4}-\d{2}-\d{2}$"}
    if key.type == Selection:
        return {"type": "object", "minProperties": 1}
    if key.type is bool:
        return {"type": "boolean"}
    if key.type in (str, Span, Size):
        return _word(key)
    return {"type": ["object", "null"], "additionalProperties": _texts()}


def _word(key: Key) -> Schema:
    """A text: any, one of a few, or a measure."""
    if key.type is not str:
        pattern = (SPAN if key.type is Span else SIZE).pattern
        words = "|".join([*key.says.choices, pattern.removesuffix(chr(92) + "Z")])
        return {"type": ["string", "null"], "pattern": f"^({words})$" if key.says.choices else f"^{words}$"}
    return {"enum": [*key.says.choices, None]} if key.says.choices else {"type": ["string", "null"]}


def _texts() -> Schema:
    return {"type": ["array", "string", "null"], "items": {"type": "string"}}
