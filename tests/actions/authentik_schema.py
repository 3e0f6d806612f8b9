"""Writes authentik_schema.json: those paths of authentik's published schema that its actions use, and no others.

    pip install authentik-client==VERSION, into an environment of its own; then there
    python tests/actions/authentik_schema.py > tests/actions/authentik_schema.json

The schema is read back out of authentik-client, which the authentik team generates from it for each release: its
methods have every path, parameter and status, its models every field. authentik_schema.README.md says what that loses.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from typing import Any, get_type_hints

OPERATIONS = {
    "CoreApi": (
        "core_users_list",
        "core_users_retrieve",
        "core_users_partial_update",
        "core_users_me_retrieve",
        *(
            f"core_{kind}_{verb}"
            for kind in ("authenticated_sessions", "tokens")
            for verb in ("list", "retrieve", "destroy")
        ),
    ),
    "Oauth2Api": tuple(
        f"oauth2_{kind}_{verb}"
        for kind in ("refresh_tokens", "access_tokens", "authorization_codes")
        for verb in ("list", "retrieve", "destroy")
    ),
}
"""Class of authentik-client -> its methods."""
_REF = "#/components/schemas/{model}"
_WORDS = ("title", "description", "default")
"""What says nothing of what is valid."""


def written(client: Any, pydantic: Any) -> dict[str, Any]:
    """The schema, in the form of OpenAPI 3.1."""
    paths: dict[str, Any] = {}
    components: dict[str, Any] = {}
    for group, names in OPERATIONS.items():
        for name in names:
            path, method, operation = _operation(getattr(client, group), name, client, pydantic, components)
            paths.setdefault(path, {})[method] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "authentik", "version": client.__version__, "license": {"name": "MIT"}},
        "paths": paths,
        "components": {"schemas": dict(sorted(components.items()))},
    }


def _operation(
    group: Any, name: str, client: Any, pydantic: Any, components: dict[str, Any]
) -> tuple[str, str, dict[str, Any]]:
    """Path, method, and what is said of them."""
    text = inspect.getsource(getattr(group, f"_{name}_serialize"))
    method, path = re.findall(r"method='([A-Z]+)',\s+resource_path='([^']+)'", text)[0]
    bodies = set(re.findall(r"_body_params = (\w+)\n", text))
    function = inspect.unwrap(getattr(group, name))
    hints = get_type_hints(function, include_extras=True)
    parameters: list[dict[str, Any]] = []
    operation: dict[str, Any] = {"operationId": name, "parameters": parameters}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self" or parameter.name.startswith("_"):
            continue
        schema = _clean(pydantic.TypeAdapter(hints[parameter.name]).json_schema(ref_template=_REF), components)
        if parameter.name in bodies:
            operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
            continue
        where = "path" if f"{{{parameter.name}}}" in path else "query"
        parameters.append({"name": parameter.name, "in": where, "schema": schema})
    operation["responses"] = dict(_responses(inspect.getsource(function), client, components))
    return path, method.lower(), operation


def _responses(text: str, client: Any, components: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for status, model in re.findall(r"'(\d{3})': (?:None|\"(\w+)\")", text):
        if not model:
            yield status, {"description": ""}
            continue
        schema = _clean(getattr(client, model).model_json_schema(ref_template=_REF), components)
        components[model] = schema
        reference = {"$ref": _REF.format(model=model)}
        yield status, {"description": "", "content": {"application/json": {"schema": reference}}}


def _clean(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """Without words; the models that it refers to go to `components`."""
    for name, model in schema.pop("$defs", {}).items():
        components[name] = _bare(model)
    found: dict[str, Any] = _bare(schema)
    return found


def _bare(value: Any) -> Any:
    if isinstance(value, list):
        return [_bare(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: {name: _bare(one) for name, one in inner.items()} if key == "properties" else _bare(inner)
        for key, inner in value.items()
        if key not in _WORDS
    }


def main() -> None:
    """One path or model a line, so that a new version is a short difference."""
    found = written(importlib.import_module("authentik_client"), importlib.import_module("pydantic"))
    parts = {
        "paths": found.pop("paths"),
        "schemas": found.pop("components")["schemas"],
    }
    lines = {
        name: ",\n".join(f"{json.dumps(key)}: {json.dumps(one)}" for key, one in part.items())
        for name, part in parts.items()
    }
    head = json.dumps(found)[:-1]
    sys.stdout.write(
        f'{head},\n"paths": {{\n{lines["paths"]}\n}},\n"components": {{"schemas": {{\n{lines["schemas"]}\n}}}}}}\n'
    )


if __name__ == "__main__":
    main()
