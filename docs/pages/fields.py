"""docs/reference/fields.md: what each log source can say."""

from __future__ import annotations

from pages.markdown import code, header, table
from vedette.formats import SCHEMAS
from vedette.schema import Field, Schema

_INTRODUCTION = """
The fields that a rule may name, by log source. A plain field on a list means any member; a path enters lists on its way. `actor`, `address`,
`object` and `outcome` are there in every source.

- **hot**: decoded for every event and remembered by value; a rule that tests some is fast.
- **derived**: computed by vedette from the record, not in it.
- **partial**: in some events its absence does not mean no; a test on it there cannot tell.
- **object**: any path beneath it may be named too; a key with dots is written `annotations["audit.k8s.io/truncated"]`.
"""


def page() -> str:
    """The whole page."""
    return header("Fields", "the formats' schemas") + _INTRODUCTION + "".join(map(_source, SCHEMAS.values()))


def _source(schema: Schema) -> str:
    logsource = ", ".join(f"{key}: {value}" for key, value in schema.logsource.items())
    lines = [f"\n## {schema.format}\n", f"\n`logsource: {{{logsource}}}`\n\n"]
    lines.append(table(("field", "type", "", "holds"), map(_row, schema.fields.values())))
    if schema.aliases:
        lines.append("\nAlso known as: " + ", ".join(f"`{a}` for `{f}`" for a, f in schema.aliases.items()) + ".\n")
    return "".join(lines)


def _row(field: Field) -> tuple[str, str, str, str]:
    marks = [name for name in ("hot", "derived", "partial") if getattr(field, name)]
    return code(field.name), field.type.value, ", ".join(marks), field.doc
