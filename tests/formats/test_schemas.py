"""The schemas keep what the planner and the rule reader rely on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.formats.reading import formats
from vedette.formats import FORMATS, SCHEMAS
from vedette.schema import Field, FieldType, Schema

FIELDS = [(schema, field) for schema in SCHEMAS.values() for field in schema.fields.values()]


@pytest.mark.parametrize(("schema", "field"), FIELDS, ids=lambda one: getattr(one, "name", getattr(one, "format", "")))
def test_a_field_is_described_and_plannable(schema: Schema, field: Field) -> None:
    """A field stands under its own name, says in a sentence what it holds, and is hot only where it can be projected."""
    assert schema.fields[field.name] is field
    assert field.doc.endswith((".", "…"))
    assert "\n" not in field.doc
    assert not (field.hot and field.derived)
    assert not (field.hot and field.type is FieldType.OBJECT)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=lambda schema: schema.format)
def test_aliases_name_fields(schema: Schema) -> None:
    """Every alias means a field of the same schema and hides none."""
    assert all(target in schema.fields for target in schema.aliases.values())
    assert not schema.aliases.keys() & schema.fields.keys()


def test_every_schema_has_its_format() -> None:
    """Schemas and formats are registered under the same names."""
    assert list(FORMATS) == list(SCHEMAS)
    assert {name: form.schema for name, form in formats().items()} == dict(SCHEMAS)
    assert [schema.format for schema in SCHEMAS.values()] == list(SCHEMAS)


def test_an_object_opens_what_lies_beneath() -> None:
    """Any path beneath an OBJECT field may be named; beneath another field none may."""
    kube = SCHEMAS["kube_audit"]
    assert kube.find("requestObject.spec.containers.image") is kube.fields["requestObject"]
    assert kube.find("annotations.audit.k8s.io/truncated") is kube.fields["annotations"]
    assert kube.find("actor") is kube.fields["user.username"]
    assert kube.find("verb.more") is None


def test_schemas_load_no_decoder(root: Path) -> None:
    """Asking what fields there are imports neither a decoder nor any format."""
    code = (
        "import sys; from vedette.formats import SCHEMAS; "
        "print([name for name in sys.modules if name == 'msgspec' or name == 'vedette.formats.kube_audit'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(root / "src")}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
