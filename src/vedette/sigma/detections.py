"""Detection documents: header, log source and tree become a `Detection`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vedette.rule import Detection, FieldPath, Needs, Node
from vedette.schema import Schema
from vedette.sigma import fields
from vedette.sigma.fields import Scope
from vedette.sigma.header import Header
from vedette.sigma.refusal import Source, nearest
from vedette.sigma.selections import Selections
from vedette.sigma.site import Site
from vedette.yaml_text import YamlPath

LOGSOURCE = ("category", "product", "service", "definition")
_NEEDS = ("level", "stages", "fields")
_LEVELS = ("Metadata", "Request", "RequestResponse")
_STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")


@dataclass(frozen=True, slots=True)
class Read:
    """A detection document read."""

    detection: Detection
    schema: Schema
    needs: Needs | None


def read(header: Header, name: str, schemas: Mapping[str, Schema], site: Site) -> Read | None:
    """The detection of a document, or None when something in it was refused."""
    source = header.source
    value = source.document.value
    schema: Schema | None = None
    with source.catch():
        schema = find_schema(source, value, schemas)
    if schema is None or not isinstance(value, dict):
        return None
    scope = Scope(schema, header.version)
    node: Node | None = None
    needs: Needs | None = None
    group_by: tuple[FieldPath, ...] = ()
    with source.catch():
        if "detection" not in value:
            # The header's reader has said so already.
            return None
        body = source.mapping(("detection",), value["detection"])
        node = Selections(source, site).detection(("detection",), body, scope)
    with source.catch():
        group_by = _group_by(source, header, scope)
    with source.catch():
        needs = _needs(source, header, schema)
    if source.broken or node is None:
        return None
    detection = Detection(
        name=name,
        id=header.id,
        title=header.title,
        severity=header.severity,
        format=schema.format,
        node=node,
        alerts=header.alerts is not False,
        outcomes=header.outcomes,
        group_by=group_by,
        quiet_after=header.quiet_after,
        file=source.document.file,
        line=header.line,
    )
    return Read(detection, schema, needs)


def find_schema(source: Source, value: object, schemas: Mapping[str, Schema]) -> Schema:
    """The schema that serves the document's log source; refuses one that no schema serves."""
    logsource = read_logsource(source, value)
    wanted = {key: text for key, text in logsource.items() if key in ("product", "service")}
    known = {_shown(each.logsource): each for each in schemas.values()}
    found = known.get(_shown(wanted))
    if found is None:
        mend = nearest(_shown(wanted), known, "known are " + "; ".join(known))
        source.refuse(("logsource",), f"no format serves {_shown(wanted) or 'this log source'}", mend)
    return found


def _shown(logsource: Mapping[str, str]) -> str:
    return ", ".join(f"{key}: {logsource[key]}" for key in ("product", "service") if key in logsource)


def read_logsource(source: Source, value: object) -> Mapping[str, str]:
    """The texts of a document's `logsource`."""
    if not isinstance(value, dict) or "logsource" not in value:
        source.refuse((), "there is no logsource", "add logsource: {product: kubernetes, service: audit}", value=True)
    logsource = source.mapping(("logsource",), value["logsource"])
    source.only(("logsource",), logsource, LOGSOURCE)
    return {key: source.text(("logsource", key), text) for key, text in logsource.items() if key in LOGSOURCE}


def _group_by(source: Source, header: Header, scope: Scope) -> tuple[FieldPath, ...]:
    if "group_by" not in header.vedette:
        return ()
    path: YamlPath = ("vedette", "group_by")
    names = source.texts(path, header.vedette["group_by"])
    return tuple(fields.field_path(source, (*path, at), name, scope).path for at, name in enumerate(names))


def _needs(source: Source, header: Header, schema: Schema) -> Needs | None:
    path: YamlPath = ("vedette", "needs")
    if "needs" not in header.vedette:
        if header.vedette:
            source.warn(("vedette",), "the document does not say what it needs", "add needs: {fields: […]}")
        return None
    block = source.mapping(path, header.vedette["needs"])
    source.only(path, block, _NEEDS)
    kube = schema.format == "kube_audit"
    for key in ("level", "stages"):
        if key in block and not kube:
            source.refuse((*path, key), f"{schema.format} has no {key}", f"remove {key}")
    level = source.choice((*path, "level"), block["level"], _LEVELS) if "level" in block else ""
    stages = source.texts((*path, "stages"), block["stages"]) if "stages" in block else ()
    for at, stage in enumerate(stages):
        source.choice((*path, "stages", at), stage, _STAGES)
    names = source.texts((*path, "fields"), block["fields"]) if "fields" in block else ()
    scope = Scope(schema, fields.ARRAY_VERSION)
    for at, name in enumerate(names):
        fields.field_path(source, (*path, "fields", at), name, scope)
    return Needs(schema.format, level, stages, names)
