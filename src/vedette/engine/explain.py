"""Explain: which part of a rule held for one event, and on which value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from vedette.engine.compare import Verdict
from vedette.engine.evaluate import Element, Scope, Whole, evaluator
from vedette.event import Event
from vedette.network import Networks
from vedette.rule import AllOf, AnyOf, Block, FieldPath, Node, Not, Op, Quantifier, Regex, Test, Text, Value, Wild

_SHOWN = 5
"""Values shown of a list."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of a rule's tree with its verdict."""

    verdict: Verdict
    text: str
    """The part as a person reads it."""
    found: str
    """What the event holds there, or nothing for a part that has parts."""
    line: int
    """In the rule's file; 0 unknown."""
    parts: tuple[Clause, ...] = ()


def explain(node: Node, event: Event) -> Clause:
    """`node` judged part by part for `event`."""
    return _clause(node, Whole(event))


def _clause(node: Node, scope: Scope) -> Clause:
    verdict = evaluator(node)(scope)
    match node:
        case AllOf():
            return _several(verdict, node.name, "all of", node.nodes, scope)
        case AnyOf():
            return _several(verdict, node.name, "any of", node.nodes, scope)
        case Not():
            return Clause(verdict, "not", "", 0, (_clause(node.node, scope),))
        case Block():
            return _block(verdict, node, scope)
        case Test():
            return Clause(verdict, describe(node), _found(node, scope), node.line)
        case _:
            assert_never(node)


def _several(verdict: Verdict, name: str, how: str, nodes: tuple[Node, ...], scope: Scope) -> Clause:
    parts = tuple(_clause(part, scope) for part in nodes)
    if len(parts) == 1 and not name:
        return parts[0]
    return Clause(verdict, f"{name}: {how}" if name else how, "", 0, parts)


def _block(verdict: Verdict, node: Block, scope: Scope) -> Clause:
    items, complete = scope.values(node.path.steps)
    parts = tuple(_clause(node.body, Element(item, scope.raw)) for item in items[:_SHOWN])
    rest = len(items) - len(parts)
    found = f"{len(items)} elements" + (f", {rest} not shown" if rest else "") + ("" if complete else ", perhaps more")
    text = {Quantifier.ALL_OR_EMPTY: "all, or none at all,"}.get(node.quantifier, node.quantifier.value)
    return Clause(verdict, f"{node.path.text}: {text} of its elements meets", found, node.line, parts)


def describe(test: Test) -> str:
    """A test as a rule would write it: `verb|cased: get, list`."""
    words = [test.path.text or "the whole record"]
    if test.op is not Op.EQUALS:
        words.append(test.op.value)
    if test.every:
        words.append("all")
    if test.cased and test.op is not Op.INNET:
        words.append("cased")
    values = ", ".join(shown_value(value) for value in test.values) or "(an empty list of the settings: never)"
    return f"{'|'.join(words)}: {values}"


def shown_value(value: Value) -> str:
    """A rule's value as a rule would write it; the name of a networks list."""
    if isinstance(value, Text):
        if not value.parts:
            return "''"
        return "".join(
            part.value if isinstance(part, Wild) else part.replace("*", r"\*").replace("?", r"\?")
            for part in value.parts
        )
    if isinstance(value, Regex):
        return value.pattern
    if isinstance(value, Networks):
        return value.name
    if isinstance(value, FieldPath):
        return value.text
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _found(test: Test, scope: Scope) -> str:
    if test.op is Op.KEYWORD:
        return ""
    items, complete = scope.values(test.path.steps)
    shown = ", ".join(repr(item) if isinstance(item, str) else str(item) for item in items[:_SHOWN])
    if len(items) > _SHOWN:
        shown += f", and {len(items) - _SHOWN} more"
    if not complete:
        return f"{shown}, perhaps more (not in the record)" if shown else "not in the record"
    return shown or "absent"
