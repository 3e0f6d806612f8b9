"""A rule's tree as statements of a template: every test becomes a number, 0 no, 1 cannot tell, 2 yes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import assert_never

from vedette.network import Networks
from vedette.render.logql_record import NEVER, Found, Steps
from vedette.render.logql_template import (
    CannotRender,
    Code,
    assign,
    inside,
    is_kind,
    quoted,
    text_condition,
    walk,
    when,
)
from vedette.rule import AllOf, AnyOf, Block, FieldPath, Node, Not, Op, Quantifier, Regex, Test, Text, Value

_STRING, _BOOL, _NUMBER, _NIL = '"string"', '"bool"', '"float64"', '"<nil>"'
_ORDER = {Op.GT: "gt", Op.GTE: "ge", Op.LT: "lt", Op.LTE: "le"}
Loop = Callable[[Callable[[str], str]], str]
"""Gives statements that run a body for every value of a field."""


class Judge:
    """Turns nodes into verdicts."""

    def __init__(self, code: Code, field: Callable[[Steps], Found]) -> None:
        """`field` finds a field of the whole record."""
        self._code = code
        self._field = field
        self._merged, self._loose = "", False

    def node(self, node: Node) -> str:
        """A variable at the top level with the verdict of `node`. Raises CannotRender."""
        match node:
            case Test():
                return self._top(lambda out: self._test(node, out, self._found))
            case Block():
                return self._top(lambda out: self._block(node, out, self._found))
            case Not():
                inner = self.node(node.node)
                return self._code.let("t", f"sub 2 {inner}")
            case AllOf() | AnyOf():
                least = "2" if isinstance(node, AllOf) else "0"
                parts = [self.node(part) for part in node.nodes]
                word = "min" if isinstance(node, AllOf) else "max"
                return self._code.let("t", f"{word} {' '.join([least, *parts])}")
            case _:
                assert_never(node)

    def joined(self, steps: Steps) -> str:
        """A top-level variable with the field's texts joined by commas, as the engine names a group."""
        loop, _ = self._found(steps)
        out, number = self._code.let("g", '""'), self._code.let("n", "0")

        def add(item: str) -> str:
            text = when(is_kind(item, _STRING), assign(out, f"print {out} {item}"))
            comma = when(f"gt {number} 0", assign(out, f'print {out} ","'))
            return when(f"lt {number} 8", comma + text) + assign(number, f"add {number} 1")

        self._code.emit(loop(add))
        return out

    def _top(self, make: Callable[[str], str]) -> str:
        out = self._code.name("t")
        statements = make(out)
        self._code.emit(statements)
        return out

    def _found(self, steps: Steps) -> tuple[Loop, str]:
        """How to run through the values of a field of the record, and the number that says it may lack some."""
        found = self._field(steps)
        self._merged, self._loose = found.merged, found.listed
        return (lambda body: self._run(found, body)), found.unknown

    def _run(self, found: Found, body: Callable[[str], str]) -> str:
        if found.listed or found.rest:
            return walk(self._code, found.expression, found.rest, body, found.merged)
        return when(f'ne (printf "%T" {found.expression}) {_NIL}', body(found.expression))

    def _element(self, item: str, merged: str) -> Callable[[Steps], tuple[Loop, str]]:
        """As `_found`, within an element of a list: nothing of it is missing."""

        def found(steps: Steps) -> tuple[Loop, str]:
            return (lambda body: walk(self._code, item, steps, body, merged)), NEVER

        return found

    def _test(self, test: Test, out: str, find: Callable[[Steps], tuple[Loop, str]]) -> str:
        """Statements that declare `out` and give it the verdict."""
        if test.op is Op.KEYWORD:
            raise CannotRender("a keyword is looked for in the raw line, whose escapes and spaces a shipper may change")
        if not test.values:
            return f"{{{{ {out} := 0 }}}}"
        loop, unknown = find(test.path.steps)
        if test.op is Op.EXISTS:
            some = f"{{{{ {out} := {unknown} }}}}"
            some += loop(lambda i: when(f'ne (printf "%T" {i}) {_NIL}', assign(out, "2")))
            return some if test.values[0] is True else some + assign(out, f"sub 2 {out}")
        if test.op is Op.SUBSETOF:
            return self._subset(test, out, loop, unknown, find)
        if test.op in (Op.FIELDREF, Op.FIELDREF_STARTSWITH, Op.FIELDREF_ENDSWITH, Op.FIELDREF_CONTAINS):
            return self._reference(test, out, loop, unknown, find)
        if not test.every:
            return f"{{{{ {out} := {unknown} }}}}" + self._any(test, test.values, out, loop)
        text = f"{{{{ {out} := 2 }}}}"
        for value in test.values:
            one = self._code.name("t")
            text += f"{{{{ {one} := {unknown} }}}}" + self._any(test, (value,), one, loop)
            text += assign(out, f"min {out} {one}")
        return text

    def _any(self, test: Test, values: tuple[Value, ...], out: str, loop: Loop) -> str:
        """Statements that raise `out` to 2 where a value of the field meets one of `values`."""
        yes = assign(out, "2")
        texts = tuple(value for value in values if isinstance(value, Text | Regex))
        if texts and test.op in (Op.EQUALS, Op.REGEX):
            if len(texts) != len(values):
                raise CannotRender("texts and other values in one list")
            loose = self._loose
            return loop(lambda item: _texts(self._code, texts, item, yes, cased=test.cased, loose=loose))
        if test.op is Op.INNET:
            return "".join(loop(partial(self._inside, one, out)) for one in _networks(values))
        return "".join(self._scalar(test.op, value, out, loop) for value in values)

    def _scalar(self, op: Op, value: Value, out: str, loop: Loop) -> str:
        yes = assign(out, "2")
        if op in _ORDER:
            return loop(lambda i: when(is_kind(i, _NUMBER), when(f"{_ORDER[op]} {i} {_float(value)}", yes)))
        if isinstance(value, bool):
            word = "true" if value else "false"
            return loop(lambda i: when(is_kind(i, _BOOL), when(f"eq {i} {word}", yes)))
        if isinstance(value, int | float):
            number = str(value)
            return loop(
                lambda i: (
                    when(is_kind(i, _NUMBER), when(f"eq {i} {_float(value)}", yes))
                    + when(is_kind(i, _STRING), when(f"eq {i} {quoted(number)}", yes))
                )
            )
        raise CannotRender("a test for null: a template does not tell null from absent")

    def _inside(self, networks: Networks, out: str, item: str) -> str:
        verdict = self._code.name("k")
        judged = f"{{{{ {verdict} := 0 }}}}" + inside(self._code, networks, item, verdict)
        judged += assign(out, f"max {out} {verdict}")
        other = when(f'ne (printf "%T" {item}) {_NIL}', assign(out, f"max {out} 1"))
        return when(is_kind(item, _STRING), judged, other)

    def _subset(self, test: Test, out: str, loop: Loop, unknown: str, find: Callable[[Steps], tuple[Loop, str]]) -> str:
        other = test.values[0]
        assert isinstance(other, FieldPath)
        allowed, allowed_unknown = find(other.steps)
        shown = "(print {})" if test.cased else "(lower (print {}))"

        def check(item: str) -> str:
            hit = self._code.name("x")
            same = allowed(
                lambda one: when(
                    f'ne (printf "%T" {one}) {_NIL}',
                    when(f"eq {shown.format(one)} {shown.format(item)}", assign(hit, "true")),
                )
            )
            no = when(f"not {hit}", assign(out, f"min {out} {allowed_unknown}"))
            return when(f'ne (printf "%T" {item}) {_NIL}', f"{{{{ {hit} := false }}}}{same}{no}")

        # Until an element is found that is not among them, all are; what is not in the record may be another.
        start = f"{{{{ {out} := 2 }}}}"
        return start + loop(check) + when(f"eq {out} 2", assign(out, f"sub 2 {unknown}"))

    def _reference(
        self, test: Test, out: str, loop: Loop, unknown: str, find: Callable[[Steps], tuple[Loop, str]]
    ) -> str:
        if test.every or not test.cased:
            raise CannotRender("a comparison of two fields whatever their case, or with all of several fields")
        text = f"{{{{ {out} := {unknown} }}}}"
        condition = {
            Op.FIELDREF: "eq {0} {1}",
            Op.FIELDREF_STARTSWITH: "hasPrefix {1} {0}",
            Op.FIELDREF_ENDSWITH: "hasSuffix {1} {0}",
            Op.FIELDREF_CONTAINS: "contains {1} {0}",
        }[test.op]
        for value in test.values:
            assert isinstance(value, FieldPath)
            other, other_unknown = find(value.steps)

            def both(item: str, inner: Loop = other) -> str:
                hit = inner(
                    lambda one: when(is_kind(one, _STRING), when(condition.format(item, one), assign(out, "2")))
                )
                return when(is_kind(item, _STRING), hit)

            text += assign(out, f"max {out} {other_unknown}") + loop(both)
        return text

    def _block(self, block: Block, out: str, find: Callable[[Steps], tuple[Loop, str]]) -> str:
        loop, unknown = find(block.path.steps)
        some = block.quantifier in (Quantifier.ANY, Quantifier.NONE)
        number = self._code.name("n")
        text = f"{{{{ {number} := {unknown} }}}}{{{{ {out} := {unknown if some else f'sub 2 {unknown}'} }}}}"

        def body(item: str) -> str:
            inner, statements = self._inner(block.body, self._element(item, self._merged))
            combined = statements + assign(out, f"{'max' if some else 'min'} {out} {inner}")
            return when(f'ne (printf "%T" {item}) {_NIL}', assign(number, "1") + combined)

        text += loop(body)
        if block.quantifier is Quantifier.NONE:
            text += assign(out, f"sub 2 {out}")
        if block.quantifier is Quantifier.ALL:
            text += when(f"eq {number} 0", assign(out, "0"))
        return text

    def _inner(self, node: Node, find: Callable[[Steps], tuple[Loop, str]]) -> tuple[str, str]:
        """A variable with the verdict, and the statements that make it, within a loop."""
        out = self._code.name("t")
        match node:
            case Test():
                return out, self._test(node, out, find)
            case Block():
                return out, self._block(node, out, find)
            case Not():
                inner, statements = self._inner(node.node, find)
                return out, f"{statements}{{{{ {out} := sub 2 {inner} }}}}"
            case AllOf() | AnyOf():
                least, word = ("2", "min") if isinstance(node, AllOf) else ("0", "max")
                parts = [self._inner(part, find) for part in node.nodes]
                made = "".join(statements for _, statements in parts)
                return out, made + f"{{{{ {out} := {word} {' '.join([least, *(name for name, _ in parts)])} }}}}"
            case _:
                assert_never(node)


def _texts(code: Code, values: tuple[Text | Regex, ...], item: str, yes: str, *, cased: bool, loose: bool) -> str:
    """Statements `yes` where `item` is one of some texts; `loose`: it may be a number or bool, which are texts too."""
    text = when(is_kind(item, _STRING), when(text_condition(values, item, cased=cased), yes))
    said = [value.plain for value in values if isinstance(value, Text)]
    if not loose:
        return text
    if len(said) < len(values) or any(one is None or _like_number(one) for one in said):
        shown = code.name("w")
        inner = f"{{{{ {shown} := print {item} }}}}" + when(text_condition(values, shown, cased=cased), yes)
        return text + when(f"or ({is_kind(item, _NUMBER)}) ({is_kind(item, _BOOL)})", inner)
    words = [word for word in ("true", "false") if word in said]
    return text + "".join(when(is_kind(item, _BOOL), when(f"eq {item} {word}", yes)) for word in words)


def _like_number(text: str) -> bool:
    return bool(text) and set(text) <= set("0123456789+-.eE")


def _networks(values: tuple[Value, ...]) -> list[Networks]:
    return [value for value in values if isinstance(value, Networks)]


def _float(value: Value) -> str:
    assert isinstance(value, int | float)
    number = repr(float(value))
    if number in ("inf", "-inf", "nan"):
        raise CannotRender("a number beyond any")
    return number
