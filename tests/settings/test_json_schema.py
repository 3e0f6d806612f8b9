"""The schema for editors takes what the reader takes, and refuses what it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from vedette.settings.json_schema import json_schema
from vedette.yaml_text import read_documents, read_file

TYPES: dict[str, type] = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def faults(schema: dict[str, Any], value: object, where: str = "") -> list[str]:
    """What a JSON Schema validator would say, for the keywords that the schema uses."""
    assert set(schema) <= {
        *("$schema", "title", "description", "type", "properties", "additionalProperties", "required", "items"),
        *("anyOf", "enum", "pattern", "minItems", "minProperties"),
    }
    if "anyOf" in schema:
        tried = [faults(choice, value, where) for choice in schema["anyOf"]]
        return [] if [] in tried else min(tried, key=len)
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{where}: not one of {schema['enum']}"]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if type(value) not in [TYPES[kind] for kind in kinds]:
        return [f"{where}: not {kinds}"]
    if isinstance(value, str):
        return [] if re.search(schema.get("pattern", ""), value) else [f"{where}: not like {schema['pattern']}"]
    found = []
    if isinstance(value, list):
        found += [f"{where}: too few"] if len(value) < schema.get("minItems", 0) else []
        for index, item in enumerate(value):
            found += faults(schema["items"], item, f"{where}[{index}]")
    if isinstance(value, dict):
        found += [f"{where}: too few"] if len(value) < schema.get("minProperties", 0) else []
        found += [f"{where}: no {key}" for key in schema.get("required", ()) if key not in value]
        rest = schema.get("additionalProperties", True)
        for key, item in value.items():
            inner = schema.get("properties", {}).get(key, rest)
            if inner is False:
                found.append(f"{where}.{key}: unknown")
            elif inner is not True:
                found += faults(inner, item, f"{where}.{key}")
    return found


@pytest.mark.parametrize(
    "name",
    [
        "vedette.example.yaml",
        "examples/homelab.yaml",
        "src/vedette/rules/cases.yaml",
        "src/vedette/settings/defaults.yaml",
    ],
)
def test_every_settings_file_here_fits_the_schema(root: Path, name: str) -> None:
    """The examples, the cases' settings and the defaults are right by the schema."""
    (document,) = read_file(root / name)
    assert faults(json_schema(), document.value) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("ownr: me", ".ownr: unknown"),
        ("vault: {terrafrom: {}}", ".vault.terrafrom: unknown"),
        ("automation: [{actor: a, rule: K3, resaon: r}]", ".automation[0].resaon: unknown"),
        ("automation: [{rule: K3, reason: r}]", ".automation[0]: no actor"),
        ("exceptions: [{rule: K3, match: {a: b}, reason: r, owner: o}]", ".exceptions[0]: no expires"),
        ("networks: {lan: [7]}", ".networks.lan[0]: not ['string']"),
        ("automation: [{actor: a, rule: K3, scope: clustr}]", ".automation[0].scope: not one of"),
    ],
)
def test_what_the_reader_refuses_the_schema_refuses(text: str, fault: str) -> None:
    """Unknown and missing keys and wrong types are faults for an editor as well."""
    (document,) = read_documents(text, "x")
    assert any(said.startswith(fault) for said in faults(json_schema(), document.value))


def test_every_key_is_explained() -> None:
    """An editor has a sentence for each key."""

    def silent(schema: dict[str, Any], where: str) -> list[str]:
        found = []
        for key, inner in schema.get("properties", {}).items():
            found += [] if inner.get("description") else [f"{where}.{key}"]
            for choice in (inner, inner.get("items", {}), *inner.get("anyOf", ())):
                found += silent(choice, f"{where}.{key}")
        return found

    assert silent(json_schema(), "") == []
