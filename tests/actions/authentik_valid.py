"""Whether a value is one that a schema allows: those words of JSON Schema that authentik_schema.json has, no others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_KNOWN = frozenset(
    "$ref anyOf type enum properties required additionalProperties items minLength maxLength format".split()
)
_REF = "#/components/schemas/"


def faults(value: Any, schema: Mapping[str, Any], components: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """What of `value` the schema does not allow, with the place. An object has no keys that its schema does not name.

    Raises AssertionError for a word of JSON Schema that is not looked at here.
    """
    assert _KNOWN.issuperset(schema), sorted(set(schema) - _KNOWN)
    if "$ref" in schema:
        yield from faults(value, components[schema["$ref"].removeprefix(_REF)], components, at)
        return
    if "anyOf" in schema:
        tried = [list(faults(value, one, components, at)) for one in schema["anyOf"]]
        if all(tried):
            yield from min(tried, key=len)
        return
    kind = schema.get("type")
    if kind is not None and not _is(value, kind):
        yield f"{at or 'it'} is no {kind}: {value!r}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is none of {schema['enum']}: {value!r}"
    if isinstance(value, str):
        yield from _text_faults(value, schema, at)
    if isinstance(value, list) and "items" in schema:
        for index, one in enumerate(value):
            yield from faults(one, schema["items"], components, f"{at}[{index}]")
    if isinstance(value, dict):
        yield from _object_faults(value, schema, components, at)


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def _text_faults(value: str, schema: Mapping[str, Any], at: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{at} has {len(value)} characters"
    form = schema.get("format")
    assert form in (None, "uuid", "date-time"), form
    try:
        if form == "uuid":
            UUID(value)
        elif form == "date-time":
            datetime.fromisoformat(value)
    except ValueError:
        yield f"{at} is no {form}: {value!r}"


def _object_faults(
    value: Mapping[str, Any], schema: Mapping[str, Any], components: Mapping[str, Any], at: str
) -> Iterator[str]:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{at}.{name} is missing"
    for name, one in value.items():
        if name in properties:
            yield from faults(one, properties[name], components, f"{at}.{name}")
        elif not schema.get("additionalProperties"):
            yield f"{at}.{name} is not known"


def of_text(text: str, schema: Mapping[str, Any]) -> Any:
    """A word of a path or query as the type that its schema has; the text itself where it is none of that."""
    kinds = [one.get("type") for one in schema.get("anyOf", [schema])]
    if "integer" in kinds and re.fullmatch(r"-?\d+", text):
        return int(text)
    if "boolean" in kinds and text in ("true", "false"):
        return text == "true"
    return text
