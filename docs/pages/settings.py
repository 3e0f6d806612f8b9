"""docs/reference/settings.md: every key of vedette.yaml, from the schema that editors get, and the built-in defaults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pages.markdown import code, header, table
from vedette.settings.json_schema import json_schema
from vedette.settings.loading import DEFAULTS

_INTRODUCTION = """
`vedette.yaml` says what is true of your site, once, for every rule: which networks are yours, who owns the cluster, what may do what on purpose. Without a file everything still works on cautious defaults.

It is taken from `--config FILE`, else `$VEDETTE_CONFIG`, else `vedette.yaml` in the working folder, `$XDG_CONFIG_HOME/vedette/` or `/etc/vedette/`. `vedette init LOGS` writes a first one from what logs show, `vedette config check` says what is wrong with it and where, `vedette config show --origin` what holds and who said so, and `vedette config schema` prints the JSON Schema for an editor. An unknown key is an error.

In the table `[]` stands for an entry of a list and `*` for a name of your own. A list of one text may be written without its brackets.
"""

Schema = dict[str, Any]


def page() -> str:
    """The whole page."""
    schema = json_schema()
    said = [header("Settings", "the settings' schema"), _INTRODUCTION]
    for name, key in schema["properties"].items():
        said.append(f"\n## {name}\n\n{key['description']}\n")
        rows = list(_rows(name, key))
        if rows:
            said.append("\n" + table(("key", "is", "means"), rows))
    said.append("\n## The built-in defaults\n\nWhat holds where vedette.yaml says nothing.\n")
    said.append(f"\n```yaml\n{DEFAULTS.read_text('utf-8').strip()}\n```\n")
    return "".join(said)


def _rows(name: str, schema: Schema) -> Iterator[tuple[str, str, str]]:
    """Key, type and meaning of all that may stand beneath `name`."""
    below = _map(schema)
    entry = f"{name}[]" if "items" in schema else name
    if below is None:
        if isinstance(schema.get("additionalProperties"), dict):
            yield code(f"{name}.*"), _type(schema["additionalProperties"]), ""
        return
    required = below.get("required", ())
    for key, inner in below["properties"].items():
        kind = f"{_type(inner)}, required" if key in required else _type(inner)
        yield code(f"{entry}.{key}"), kind, inner.get("description", "")
        yield from _rows(f"{entry}.{key}", inner)


def _map(schema: Schema) -> Schema | None:
    """The map that `schema`, or each of its items, or one of its choices is; None where it is none."""
    for choice in (schema, schema.get("items", {}), *schema.get("anyOf", ())):
        if "properties" in choice:
            found: Schema = choice
            return found
    return None


def _type(schema: Schema) -> str:
    """A word for what may be written."""
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(map(code, schema["enum"]))
    if "pattern" in schema:
        return "date"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if "array" in kinds:
        return "list of maps" if "properties" in schema["items"] else "list of texts"
    names = {"string": "text", "boolean": "true or false", "object": "map"}
    return " or ".join(names[kind] for kind in kinds if kind != "null")
