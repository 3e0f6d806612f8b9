"""Rule trees and events made at random, over a small schema of their own."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from vedette.event import Event, Outcome, Values
from vedette.network import Networks
from vedette.rule import (
    AllOf,
    AnyOf,
    Block,
    Detection,
    FieldPath,
    Node,
    Not,
    Op,
    Quantifier,
    Regex,
    Severity,
    Test,
    Text,
    Wild,
)
from vedette.schema import Field, FieldType, Schema

WORDS = ("get", "list", "GET", "secrets", "vault", "10.0.0.1", "203.0.113.9", "bad.999", "")
NETWORKS = Networks.of(["10.0.0.0/8"], "inside")


def _first_letter(verb: object) -> Values:
    return Values((verb[0],), complete=True) if isinstance(verb, str) and verb else Values((), complete=True)


def _made(verb: object) -> Values:
    return Values((), complete=verb != "get")


SCHEMA = Schema(
    format="toy",
    logsource={"product": "toy"},
    fields={
        field.name: field
        for field in (
            Field("verb", FieldType.TEXT, "A word.", hot=True),
            Field("user.name", FieldType.TEXT, "A word.", hot=True),
            Field("ips", FieldType.ADDRESSES, "Addresses.", hot=True),
            Field("inner", FieldType.ADDRESSES, "Some of ips.", derived=True, within="ips"),
            Field("letter", FieldType.TEXT, "Of verb.", derived=True, by=("verb",), glance=_first_letter),
            Field("made", FieldType.OBJECT, "Of get.", derived=True, partial=True, by=("verb",), glance=_made),
            Field("body", FieldType.OBJECT, "Anything.", partial=True),
            Field("note", FieldType.TEXT, "A word, not hot.", warm=True),
        )
    },
    groups=(("verb",), ("user.name", "ips")),
)


def path(text: str) -> FieldPath:
    """`a.b` as a path."""
    return FieldPath(text, tuple(text.split(".")) if text else ())


def text(value: str) -> Text:
    """A plain text as a rule's value."""
    return Text((value,) if value else ())


_values = st.sampled_from(WORDS)
_texts = st.one_of(
    _values.map(text),
    st.sampled_from(["g", "2", "se", "v"]).map(lambda head: Text((head, Wild.MANY))),
    st.sampled_from(["t", "s", "9"]).map(lambda tail: Text((Wild.MANY, tail))),
    st.just(Text((Wild.ONE, "et"))),
)
_fields = st.sampled_from(
    ["verb", "user.name", "ips", "inner", "letter", "made", "made.kind", "body.kind", "body.list", "note"]
)


@st.composite
def tests_(draw: Any, fields: st.SearchStrategy[str] = _fields) -> Test:
    """One test."""
    where = path(draw(fields))
    op = draw(
        st.sampled_from([Op.EQUALS, Op.EQUALS, Op.EQUALS, Op.REGEX, Op.INNET, Op.EXISTS, Op.SUBSETOF, Op.FIELDREF])
    )
    cased = draw(st.booleans())
    if op is Op.EXISTS:
        return Test(where, op, (draw(st.booleans()),))
    if op is Op.INNET:
        return Test(where, op, (NETWORKS,))
    if op is Op.REGEX:
        return Test(where, op, (Regex(draw(st.sampled_from(["^g", "e.$", "[0-9]+"]))),), cased=cased)
    if op in (Op.SUBSETOF, Op.FIELDREF):
        return Test(where, op, (path(draw(_fields)),), cased=cased)
    values = tuple(draw(st.lists(_texts, min_size=0, max_size=3)))
    return Test(where, op, values, every=draw(st.booleans()), cased=cased)


_element = st.one_of(tests_(st.just("")), tests_(st.sampled_from(["kind", "name"])))
_blocks = st.builds(
    Block,
    st.sampled_from(["ips", "inner", "made.list", "body.list"]).map(path),
    st.sampled_from(Quantifier),
    st.one_of(_element, _element.map(Not), st.lists(_element, max_size=2).map(lambda n: AllOf(tuple(n)))),
)


def _grown(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        children.map(Not),
        st.lists(children, max_size=3).map(lambda nodes: AllOf(tuple(nodes))),
        st.lists(children, max_size=3).map(lambda nodes: AnyOf(tuple(nodes))),
    )


nodes: st.SearchStrategy[Node] = st.recursive(st.one_of(tests_(), _blocks), _grown, max_leaves=8)


@st.composite
def events(draw: Any) -> Event:
    """One event; `inner` some of `ips`, `letter` of `verb`, perhaps an unknown body, perhaps something made by get."""
    fields: dict[str, Any] = {}
    if draw(st.booleans()):
        fields["verb"] = draw(st.one_of(st.none(), _values))
    if draw(st.booleans()):
        fields["user"] = {"name": draw(_values)} if draw(st.booleans()) else {}
    unknown: set[str] = set()
    ips = draw(st.one_of(st.none(), st.lists(_values, max_size=3)))
    if ips is not None:
        fields["ips"] = ips
    if ips:
        fields["inner"] = draw(st.lists(st.sampled_from(ips), min_size=1, max_size=2)) if len(ips) > 1 else list(ips)
    else:
        unknown.add("inner")
    if fields.get("verb"):
        fields["letter"] = fields["verb"][0]
    for name in ("body", "made") if fields.get("verb") == "get" else ("body",):
        if draw(st.booleans()):
            unknown.add(name)
        else:
            element = st.fixed_dictionaries({}, optional={"kind": _values, "name": _values})
            fields[name] = draw(
                st.fixed_dictionaries({}, optional={"kind": _values, "list": st.lists(element, max_size=3)})
            )
    if draw(st.booleans()):
        fields["note"] = draw(_values)
    return Event("toy", b"{}", 0, "act", True, Outcome.DONE, fields, unknown)


def detection(node: Node, name: str = "T1") -> Detection:
    """A detection that looks at `node`."""
    return Detection(name, "00000000-0000-4000-8000-000000000000", "A toy", Severity.CRITICAL, "toy", node)
