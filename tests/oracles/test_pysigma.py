"""pySigma reads a standard rule as the same tree as vedette does, and what it refuses vedette refuses.

Its own reading is more lenient, so vedette may refuse what pySigma takes. Both trees are brought into one form:
nested ands and ors flattened, values one by one, wildcards side by side taken for one.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st

from vedette.network import Networks, parse_network
from vedette.rule import AllOf, AnyOf, FieldPath, Node, Not, Op, Regex, Test, Text, Wild
from vedette.schema import Field, FieldType, Schema
from vedette.sigma import Site, load
from vedette.yaml_text import read_file

pytest.importorskip("sigma.collection", reason="pySigma is not installed (pip install pysigma)")

from sigma.collection import SigmaCollection
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.exceptions import SigmaError
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SpecialChars,
)

TYPES = {
    "text": FieldType.TEXT,
    "other": FieldType.TEXT,
    "number": FieldType.NUMBER,
    "flag": FieldType.BOOL,
    "address": FieldType.ADDRESS,
    "object": FieldType.OBJECT,
}
SCHEMA = Schema(
    "toy",
    {"product": "toy", "service": "toy"},
    {name: Field(name, kind, "A field of the test.") for name, kind in TYPES.items()},
)
_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}

Form = tuple[Any, ...]


def joined(kind: str, parts: list[Form]) -> Form:
    """An and or an or: flat, sorted, each part once, none around a single part."""
    flat: dict[str, Form] = {}
    networks: dict[str, set[str]] = {}
    for part in parts:
        for one in part[1:] if part[0] == kind else (part,):
            if kind == "or" and one[0] == "is" and one[2] == "cidr":
                networks.setdefault(one[1], set()).update(one[3:])
            else:
                flat[repr(one)] = one
    for field, cidrs in networks.items():
        flat[field] = ("is", field, "cidr", *sorted(cidrs))
    if len(flat) == 1:
        return next(iter(flat.values()))
    return (kind, *(flat[key] for key in sorted(flat)))


def pieces(parts: Iterator[str]) -> tuple[str, ...]:
    """A text's parts, stars side by side taken for one."""
    found: list[str] = []
    for part in parts:
        if part != "*many*" or found[-1:] != ["*many*"]:
            found.append(part)
    return tuple(found)


def theirs(node: Any) -> Form:
    """The common form of a pySigma tree."""
    match node:
        case ConditionAND():
            return joined("and", [theirs(each) for each in node.args])
        case ConditionOR():
            return joined("or", [theirs(each) for each in node.args])
        case ConditionNOT():
            return ("not", theirs(node.args[0]))
        case ConditionFieldEqualsValueExpression():
            return ("is", node.field, *their_value(node.value))
        case ConditionValueExpression(value=SigmaNumber()):
            # A record is searched for the number's digits.
            return ("keyword", "text", False, (str(node.value.number),))
        case ConditionValueExpression():
            return ("keyword", *their_value(node.value))
    raise AssertionError(type(node))


def their_value(value: Any) -> Form:
    """One of pySigma's values."""
    match value:
        case SigmaString():
            names = {SpecialChars.WILDCARD_MULTI: "*many*", SpecialChars.WILDCARD_SINGLE: "?one?"}
            return (
                "text",
                isinstance(value, SigmaCasedString),
                pieces(part if isinstance(part, str) else names[part] for part in value.s),
            )
        case SigmaBool():
            return ("bool", value.boolean)
        case SigmaNumber():
            return ("number", float(value.number))
        case SigmaNull():
            return ("null",)
        case SigmaExists():
            return ("exists", value.exists)
        case SigmaRegularExpression():
            flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
            return ("re", str(value.regexp.original), flags)
        case SigmaCIDRExpression():
            return ("cidr", str(value.network))
        case SigmaFieldReference():
            return ("fieldref", value.field, value.starts_with, value.ends_with)
        case SigmaCompareExpression():
            return (value.op.name.lower(), float(value.number.number))
    raise AssertionError(type(value))


def ours(node: Node) -> Form:
    """Our tree in the common form."""
    match node:
        case AllOf():
            return joined("and", [ours(each) for each in node.nodes])
        case AnyOf():
            return joined("or", [ours(each) for each in node.nodes])
        case Not():
            return ("not", ours(node.node))
        case Test():
            leaves = [our_leaf(node, value) for value in node.values]
            return joined("and" if node.every else "or", leaves)
    raise AssertionError(type(node))


def our_leaf(test: Test, value: Any) -> Form:
    """A test of one value."""
    head: Form = ("keyword",) if test.op is Op.KEYWORD else ("is", test.path.text)
    match value:
        case Text():
            names = {Wild.MANY: "*many*", Wild.ONE: "?one?"}
            parts = pieces(part if isinstance(part, str) else names[part] for part in value.parts)
            return (*head, "text", test.cased, parts)
        case bool():
            return (*head, "exists" if test.op is Op.EXISTS else "bool", value)
        case None:
            return (*head, "null")
        case Regex():
            return (*head, "re", value.pattern, "".join(sorted(value.flags)))
        case Networks():
            return (*head, "cidr", *sorted(str(parse_network(each)) for each in value.name.split(", ")))
        case FieldPath():
            starts = test.op in (Op.FIELDREF_STARTSWITH, Op.FIELDREF_CONTAINS)
            ends = test.op in (Op.FIELDREF_ENDSWITH, Op.FIELDREF_CONTAINS)
            return (*head, "fieldref", value.text, starts, ends)
        case int() | float():
            return (*head, "number" if test.op is Op.EQUALS else test.op.value, float(value))
    raise AssertionError(type(value))


def their_form(rule: Any) -> Form:
    """The common form of a pySigma rule; several conditions are an or."""
    return joined("or", [theirs(each.parsed) for each in rule.detection.parsed_condition])


texts = st.text("ab*?\\%. :é\U0001f600", max_size=8)
wholes = st.integers(-5, 500)


def items() -> st.SearchStrategy[tuple[str, object]]:
    """Keys with modifiers and their values, most of them sensible."""
    some = st.one_of(texts, st.lists(texts, min_size=1, max_size=3))
    several = st.lists(texts, min_size=2, max_size=3)
    plain = st.sampled_from(["text", "other", "object.a"])
    place = st.sampled_from(["", "|contains", "|startswith", "|endswith"])
    cased = st.sampled_from(["", "|cased", "|neq"])
    return st.one_of(
        st.tuples(st.builds("{}{}{}".format, plain, place, cased), some),
        st.tuples(st.builds("{}{}|all".format, plain, place), several),
        st.tuples(
            st.builds("{}|re{}".format, plain, st.sampled_from(["", "|i", "|m", "|s", "|i|m"])),
            st.sampled_from(["a+b", "^a.*$", "[ab]x|c\\.d", "a{2}", "\\d"]),
        ),
        st.tuples(
            st.builds(
                "{}|{}".format, st.sampled_from(["number", "object.n"]), st.sampled_from(["gt", "gte", "lt", "lte"])
            ),
            wholes,
        ),
        st.tuples(st.sampled_from(["number", "object.n"]), st.one_of(wholes, st.lists(wholes, min_size=1, max_size=3))),
        st.tuples(st.sampled_from(["flag", "object.b"]), st.booleans()),
        st.tuples(st.sampled_from(["text|exists", "number|exists"]), st.booleans()),
        st.tuples(st.sampled_from(["text", "flag", "number"]), st.none()),
        st.tuples(
            st.sampled_from(["address|cidr", "address|cidr|neq"]),
            st.sampled_from(["10.0.20.0/22", "fd00::/8", "10.0.20.1/22", "192.168.1.1", "::1/128"]),
        ),
        st.tuples(
            st.builds("text|fieldref{}".format, st.sampled_from(["", "|startswith", "|endswith", "|contains", "|neq"])),
            st.just("other"),
        ),
    )


maps = st.lists(items(), min_size=1, max_size=3, unique_by=lambda pair: pair[0]).map(dict)
keywords = st.lists(texts.filter(bool), min_size=1, max_size=3)
selections = st.one_of(maps, st.lists(maps, min_size=1, max_size=3), keywords)
NAMES = ("sel", "sel_a", "sel_b", "notable", "and_more", "order", "android", "of_it", "all_of", "_hidden", "x-1")


@st.composite
def conditions(draw: st.DrawFn, names: list[str]) -> str:
    """A condition that names every selection at least once, in any nesting, white space and quantifiers."""

    def tree(depth: int) -> str:
        kinds = ["name"] if depth == 0 else ["name", "not", "and", "or", "bracket", "several"]
        kind = draw(st.sampled_from(kinds))
        if kind == "not":
            return f"not {tree(depth - 1)}"
        if kind in ("and", "or"):
            return f" {kind}  ".join(tree(depth - 1) for _ in range(draw(st.integers(2, 3))))
        if kind == "bracket":
            return f"({tree(depth - 1)})" if draw(st.booleans()) else f"( {tree(depth - 1)} )"
        if kind == "several":
            quantifier = draw(st.sampled_from(["1", "any", "all"]))
            return f"{quantifier} of {draw(st.sampled_from(['them', 'sel*', 'sel_*', '*o*', '*']))}"
        return draw(st.sampled_from(names))

    return (
        " or ".join([tree(draw(st.integers(0, 3))), *names])
        if draw(st.booleans())
        else " and ".join([f"({tree(draw(st.integers(0, 3)))})", *(f"not {name}" for name in names)])
    )


@st.composite
def rules(draw: st.DrawFn) -> str:
    """A rule document."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    detection: dict[str, object] = {name: draw(selections) for name in names}
    detection["condition"] = draw(st.one_of(conditions(names), st.lists(conditions(names), min_size=1, max_size=2)))
    rule = {"title": "A rule", "logsource": dict(SCHEMA.logsource), "level": "low", "detection": detection}
    return json.dumps(rule, ensure_ascii=False)


@given(rules())
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_generated_rules_mean_the_same(tmp_path: Path, text: str) -> None:
    """A generated rule that vedette takes is the same tree to pySigma."""
    note(text)
    file = tmp_path / "rule.yml"
    file.write_text(text, "utf-8")
    loaded = load([file], {"toy": SCHEMA}, Site(), unproven=True)
    wanted: Form | None = None
    with contextlib.suppress(SigmaError):
        wanted = their_form(SigmaCollection.from_yaml(text).rules[0])
    event("taken" if loaded.rules else "refused")
    if loaded.rules:
        assert wanted is not None, "pySigma refuses it"
        assert ours(loaded.rules[0].detections[0].node) == wanted
    else:
        assert any(problem.error for problem in loaded.problems)


@given(rules())
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_most_generated_rules_are_taken(tmp_path: Path, text: str) -> None:
    """What vedette refuses of the generated rules it refuses for a reason of its own list, not for the grammar."""
    file = tmp_path / "rule.yml"
    file.write_text(text, "utf-8")
    loaded = load([file], {"toy": SCHEMA}, Site(), unproven=True)
    known = ("matches every text", "no selection is called", "host bits", "is empty", "cannot equal all")
    for problem in loaded.problems:
        assert any(reason in problem.message for reason in known), str(problem)


@pytest.fixture(scope="module")
def sigmahq() -> list[Path]:
    """SigmaHQ's rules, which their licence keeps out of this repository."""
    folder = os.environ.get("VEDETTE_SIGMAHQ")
    if not folder or not Path(folder, "rules").is_dir():
        pytest.skip("VEDETTE_SIGMAHQ does not name a checkout of SigmaHQ/sigma")
    return sorted(Path(folder, "rules").rglob("*.yml"))


def test_sigmahq_rules_mean_the_same(sigmahq: list[Path]) -> None:
    """Nearly all of SigmaHQ's rules are taken, whatever their fields, and each is the same tree to pySigma."""
    taken = 0
    for file in sigmahq:
        (document, *_) = read_file(file)
        value: Any = document.value
        names = set(field_names(value["detection"]))
        logsource = {key: text for key, text in value["logsource"].items() if key in ("product", "service")}
        schema = Schema("any", logsource, {name: Field(name, FieldType.OBJECT, "Any.") for name in names})
        loaded = load([file], {"any": schema}, Site(), unproven=True)
        for each in loaded.rules:
            rule = SigmaCollection.from_yaml(file.read_text("utf-8")).rules[0]
            assert ours(each.detections[0].node) == their_form(rule), file.name
            taken += 1
    assert taken > 0.94 * len(sigmahq)


def field_names(value: object) -> Iterator[str]:
    """Every key beneath a detection, without modifiers."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key.partition("|")[0]
            yield from field_names(each)
    elif isinstance(value, list):
        for each in value:
            yield from field_names(each)
