"""Conditions: `secrets and (sensitive or everywhere) and not 1 of own*`.

Precedence, most binding first: brackets, `x of y`, not, and, or. Words are compared whole, so that a selection may be
called `notable` or `order`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from vedette.rule import AllOf, AnyOf, Node, Not
from vedette.sigma.refusal import Source, nearest
from vedette.yaml_text import YamlPath

MAX_DEPTH = 30
"""How deep brackets and nots may nest."""
MAX_LENGTH = 20_000
RESERVED = frozenset({"and", "or", "not", "of", "all", "any", "them", "1"})
"""Words of the grammar, which no selection may be called."""
SELECTION = re.compile(r"[A-Za-z0-9_.-]+\Z")
_TOKEN = re.compile(r"[A-Za-z0-9_.*-]+|[^\s]")
_WORD = re.compile(r"[A-Za-z0-9_.*-]+\Z")


@dataclass(slots=True)
class Parsed:
    """A condition read."""

    node: Node
    used: set[str] = field(default_factory=set)
    """Selections that it names."""


def parse(source: Source, path: YamlPath, text: str, selections: Mapping[str, Node | None]) -> Parsed:
    """The tree of the condition that stands at `path`; a selection that is None was refused already."""
    return _Parser(source, path, text, selections).parse()


def negated(node: Node) -> bool:
    """True when `node` holds only where something else does not: what a filter must be."""
    if isinstance(node, Not):
        return not negated(node.node)
    return isinstance(node, AllOf | AnyOf) and not node.name and all(negated(child) for child in node.nodes)


class _Parser:
    def __init__(self, source: Source, path: YamlPath, text: str, selections: Mapping[str, Node | None]) -> None:
        self.source = source
        self.path = path
        self.text = text
        self.selections = selections
        self.used: set[str] = set()
        if len(text) > MAX_LENGTH:
            self._refuse(f"longer than {MAX_LENGTH} characters", "write lists, or several rules", 0)
        self.tokens = self._tokens()
        self.at = 0
        self.depth = 0

    def parse(self) -> Parsed:
        node = self._or()
        word, offset = self._peek()
        if word:
            mend = "write and or or between them" if word != ")" else "remove it, or open a bracket before"
            if word.lower() in ("and", "or", "not"):
                mend = f"write {word.lower()}"
            self._refuse(f"{word!r} is not expected here", mend, offset)
        return Parsed(node, self.used)

    def _tokens(self) -> list[tuple[str, int]]:
        tokens: list[tuple[str, int]] = []
        for found in _TOKEN.finditer(self.text):
            token, offset = found.group(), found.start()
            if token == "|":
                message = "counting in the condition (| count() ...) is no longer Sigma"
                self._refuse(message, "write a correlation document", offset)
            if not _WORD.match(token) and token not in "()":
                mend = "use names of selections, and, or, not, brackets, 1 of x*"
                self._refuse(f"{token!r} is not expected", mend, offset)
            tokens.append((token, offset))
        return tokens

    def _or(self) -> Node:
        return self._joined("or")

    def _joined(self, word: str) -> Node:
        """Operands joined by `word`; `and` binds closer than `or`."""
        operand = self._and if word == "or" else self._not
        nodes = [operand()]
        while self._peek()[0] == word:
            self.at += 1
            nodes.append(operand())
        if len(nodes) == 1:
            return nodes[0]
        return AnyOf(tuple(nodes)) if word == "or" else AllOf(tuple(nodes))

    def _and(self) -> Node:
        return self._joined("and")

    def _not(self) -> Node:
        word, offset = self._peek()
        if word != "not":
            return self._primary()
        self._descend(offset)
        node = Not(self._not())
        self.depth -= 1
        return node

    def _descend(self, offset: int) -> None:
        self.at += 1
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._refuse(f"brackets and nots nest deeper than {MAX_DEPTH}", "write selections instead", offset)

    def _primary(self) -> Node:
        word, offset = self._peek()
        if word == "(":
            self._descend(offset)
            node = self._or()
            if self._peek()[0] != ")":
                self._refuse("this bracket is not closed", "add )", offset)
            self.depth -= 1
            self.at += 1
            return node
        if not word:
            last = max(0, len(self.text.rstrip()) - 1)
            message = "it ends where a selection is expected" if self.tokens else "it is empty"
            self._refuse(message, "name a selection", last)
        following = self.tokens[self.at + 1][0] if self.at + 1 < len(self.tokens) else ""
        if following == "of":
            return self._several(word, offset)
        self.at += 1
        return self._named(word, offset)

    def _named(self, word: str, offset: int) -> Node:
        if word in RESERVED or word == ")":
            mend = "write 1 of x* or all of x*" if word in ("all", "any", "1", "of") else "name a selection"
            self._refuse(f"a selection is expected, not {word!r}", mend, offset)
        if "*" in word:
            self._refuse(f"{word!r} is a pattern", f"write 1 of {word} or all of {word}", offset)
        if word not in self.selections:
            mend = nearest(word, self.selections, "the selections are " + ", ".join(self.selections))
            if word.lower() in ("and", "or", "not"):
                mend = f"write {word.lower()}"
            self._refuse(f"there is no selection {word!r}", mend, offset)
        self.used.add(word)
        # A selection that was refused stands as one that never holds; its document is not loaded anyway.
        return self.selections[word] or AnyOf((), word)

    def _several(self, quantifier: str, offset: int) -> Node:
        """`1 of x*`, `any of them`, `all of x*`; the names that begin with an underscore are left out of them."""
        if quantifier not in ("1", "any", "all"):
            self._refuse(f"{quantifier!r} of is not Sigma", "write 1 of or all of", offset)
        if self.at + 2 >= len(self.tokens):
            self._refuse("it ends where a pattern is expected", "write them, or a pattern such as x*", offset)
        pattern, at = self.tokens[self.at + 2]
        self.at += 3
        if pattern == "them":
            names = [name for name in self.selections if not name.startswith("_")]
        elif pattern in "()" or pattern in RESERVED:
            self._refuse(f"a pattern is expected, not {pattern!r}", "write them, or a pattern such as x*", at)
        else:
            hidden = pattern.startswith("_")
            names = [name for name in self.selections if hidden or not name.startswith("_")]
            names = [name for name in names if _matches(pattern, name)]
        if not names:
            mend = "the selections are " + ", ".join(self.selections)
            self._refuse(f"no selection is called {pattern}", mend, at)
        self.used.update(names)
        nodes = tuple(self.selections[name] or AnyOf((), name) for name in names)
        if len(nodes) == 1:
            return nodes[0]
        return AllOf(nodes) if quantifier == "all" else AnyOf(nodes)

    def _peek(self) -> tuple[str, int]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", len(self.text))

    def _refuse(self, message: str, mend: str, offset: int) -> NoReturn:
        self.source.refuse(self.path, f"condition: {message}", mend, value=True, offset=offset)


def _matches(pattern: str, name: str) -> bool:
    """Whether `name` is what `pattern` means, `*` being any characters; in linear time, whatever the pattern."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, last = rest
    if not (name.startswith(first) and name.endswith(last) and len(name) >= len(first) + len(last)):
        return False
    at = len(first)
    for piece in middle:
        at = name.find(piece, at, len(name) - len(last))
        if at < 0:
            return False
        at += len(piece)
    return True
