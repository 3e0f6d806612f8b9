"""A projection decodes the fields it names, and nothing else decides whether a line is plain."""

from __future__ import annotations

from typing import Any

import pytest

from tests.formats.reading import formats, kube, line, log, projections, quick, vault
from vedette.event import walk
from vedette.formats.base import Unreadable
from vedette.formats.projection import StructProjector
from vedette.schema import Field, FieldType, Projection

_FIELDS = (
    Field("verb", FieldType.TEXT, "", hot=True),
    Field("user.username", FieldType.TEXT, "", hot=True),
    Field("objectRef.namespace", FieldType.TEXT, "", hot=True),
    Field("sourceIPs", FieldType.ADDRESSES, "", hot=True),
    Field("responseStatus.code", FieldType.NUMBER, "", hot=True),
    Field("flag", FieldType.BOOL, "", hot=True),
)
_PROJECTOR: Any = StructProjector(
    Projection("test", _FIELDS), {"verb": FieldType.TEXT, "user": FieldType.OBJECT}, frozenset({"objectRef"})
)


def test_the_named_fields_are_decoded() -> None:
    """Every projected field has its value, at any depth."""
    record = _PROJECTOR.record(
        b'{"other":[1],"verb":"get","user":{"username":"a","uid":5},"objectRef":{"namespace":"n"},"flag":true,'
        b'"sourceIPs":["192.0.2.1"],"responseStatus":{"code":200}}'
    )
    found = {field.name: quick(_PROJECTOR, field.name, record) for field in _FIELDS}
    assert found == {
        "verb": "get",
        "user.username": "a",
        "objectRef.namespace": "n",
        "sourceIPs": ("192.0.2.1",),
        "responseStatus.code": 200,
        "flag": True,
    }


@pytest.mark.parametrize(
    "rest", [b"", b',"objectRef":null,"flag":null,"sourceIPs":null', b',"objectRef":{"namespace":""}']
)
def test_absent_null_and_empty_are_none(rest: bytes) -> None:
    """What is absent, null or, in a sparse object, an empty text has no value."""
    record = _PROJECTOR.record(b'{"verb":"get","user":{}' + rest + b"}")
    assert [quick(_PROJECTOR, field.name, record) for field in _FIELDS[1:]] == [None] * 5


@pytest.mark.parametrize(
    "raw",
    [
        b'{"verb":5,"user":{}}',
        b'{"verb":"get","user":{"username":["a"]}}',
        b'{"verb":"get","user":{},"sourceIPs":"192.0.2.1"}',
        b'{"verb":"get","user":{},"sourceIPs":["192.0.2.1",5]}',
        b'{"verb":"get"}',
        b"[]",
    ],
)
def test_an_oddly_typed_record_is_none(raw: bytes) -> None:
    """A field of another type makes the record one that rules look at whole, and no chunk is decoded with it in."""
    assert _PROJECTOR.record(raw) is None
    assert _PROJECTOR.lines(b'{"verb":"get","user":{}}\n' + raw + b"\n") is None


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"text", b'{"verb":"get","user":{"username":"\xff"}}', b'{"verb":"\\ud800"}']
)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    """A record that the decoder cannot read is told from an oddly typed one."""
    with pytest.raises(Unreadable):
        _PROJECTOR.record(raw)
    assert _PROJECTOR.lines(b'{"verb":"get","user":{}}\n{' + raw) is None


def test_a_nesting_too_deep_is_refused() -> None:
    """100,000 open brackets are an answer, not a crash."""
    raw = b'{"verb":"get","user":{},"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(Unreadable, match="nested too deep"):
        _PROJECTOR.record(raw)
    assert _PROJECTOR.lines(raw) is None


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("kube_audit", kube()),
        ("kube_audit", kube(user={}, objectRef=None, sourceIPs=None)),
        ("kube_audit", kube(objectRef={"resource": "pods", "namespace": "", "subresource": ""})),
        ("kube_audit", kube(impersonatedUser={"username": "b"}, sourceIPs=[])),
        ("vault_audit", vault()),
        ("vault_audit", vault(auth=None)),
        ("vault_audit", vault(auth={"entity_id": "", "policies": None, "display_name": ""})),
        ("vault_audit", vault(request={"operation": "update", "path": "auth/token/create", "namespace": {"path": ""}})),
    ],
)
def test_both_ways_to_read_agree(name: str, record: dict[str, Any]) -> None:
    """A projected field has the value that the whole record has, so that no record is passed over by the quick look."""
    form = formats()[name]
    projector = form.projector(projections({name: form})[name])
    found = projector.lines(log(record))
    assert found is not None
    event = form.read(line(record))
    for field in projector.expressions:
        seen = quick(projector, field, found[0])
        whole = tuple(item for item in walk(event.fields, tuple(field.split("."))) if item is not None)
        # The engine concludes nothing from an empty text: a format may take it for an absent one.
        assert seen == "" or (seen if isinstance(seen, tuple) else () if seen is None else (seen,)) == whole
