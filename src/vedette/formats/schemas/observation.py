"""What vedette itself observes and writes down as a typed record, so that second sources are rules like any other."""

from __future__ import annotations

from vedette.schema import Field, FieldType, Schema

_T, _O = FieldType.TEXT, FieldType.OBJECT

_FIELDS = (
    Field(
        "observation",
        _T,
        "seal_status, audit_devices, policy, file_hash, rbac_object, counter, server_log, completion_missing, tracer.",
        hot=True,
    ),
    Field("time", _T, "When it was observed, RFC 3339."),
    Field("subject", _T, "What was looked at: a node's address, a file, an object's name.", hot=True),
    Field("value", _O, "What was seen, by the kind's own keys."),
    Field("previous", _O, "What was seen the time before; absent the first time."),
    Field("changed", FieldType.BOOL, "True when previous is present and value differs from it.", derived=True),
    Field(
        "rulesDigest",
        _T,
        "Of an rbac_object: a digest of value.object.rules, the same for the same rules.",
        derived=True,
    ),
    Field("outcome", _T, "Always done.", derived=True),
    Field(
        "actor",
        _T,
        "Of a completion_missing who asked for the write; else empty: an observation sees a state, not who made it.",
        derived=True,
    ),
    Field("address", _T, "Always empty.", derived=True),
    Field("object", _T, "As subject; of a completion_missing verb and requestURI.", derived=True),
)

SCHEMA = Schema(
    format="observation",
    logsource={"product": "vedette", "service": "observation"},
    fields={field.name: field for field in _FIELDS},
)
"""The schema of `observation`."""
