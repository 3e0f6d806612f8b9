"""Selections: maps, lists of maps, keywords and blocks into nodes.

A map is all of its items, a list any of its elements; `field[any]: {…}` asks that one element of a list meets all of
the body, which may be a detection of its own with selections and a condition (SEP #212).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vedette.event import Step
from vedette.rule import AllOf, AnyOf, Block, Node, Quantifier
from vedette.sigma import condition, fields, modifiers
from vedette.sigma.fields import Key, Scope
from vedette.sigma.items import Items
from vedette.sigma.modifiers import Modifiers
from vedette.sigma.refusal import Source, kind
from vedette.sigma.site import Site
from vedette.yaml_text import YamlPath

MAX_BLOCKS = 6
"""How deep blocks may nest; every reader of a tree recurses into it."""


class Selections:
    """Reads the detection, or the filter, of one document."""

    def __init__(self, source: Source, site: Site) -> None:
        self.source = source
        self.items = Items(source, site)

    def detection(self, path: YamlPath, value: Mapping[str, object], scope: Scope, *, other: str = "") -> Node:
        """The tree of a map of selections and their condition; the key `other` beside them is somebody else's."""
        names = [name for name in value if name not in ("condition", other)]
        if "condition" not in value:
            self.source.refuse(path, "there is no condition", f"add condition: {' and '.join(names) or 'selection'}")
        selections: dict[str, Node | None] = {}
        for name in names:
            with self.source.catch():
                self._check_name(path, name)
                selections[name] = None
                node = self._body((*path, name), value[name], scope)
                selections[name] = replace(node, name=name)
        return self._conditions((*path, "condition"), value["condition"], selections)

    def _conditions(self, path: YamlPath, value: object, selections: Mapping[str, Node | None]) -> Node:
        if isinstance(value, list):
            texts = [((*path, at), text) for at, text in enumerate(self.source.texts(path, value))]
        else:
            texts = [(path, self.source.text(path, value))]
        parsed = [condition.parse(self.source, at, text, selections) for at, text in texts]
        used = {name for each in parsed for name in each.used}
        for name in selections:
            if name not in used:
                with self.source.catch():
                    mend = f"add it to the condition (and not {name}?), or remove it"
                    self.source.refuse((*path[:-1], name), f"the selection {name} is not used", mend)
        return parsed[0].node if len(parsed) == 1 else AnyOf(tuple(each.node for each in parsed))

    def _check_name(self, path: YamlPath, name: str) -> None:
        if name == "timeframe":
            mend = "write a correlation document with a timespan"
            self.source.refuse((*path, name), "timeframe is no longer Sigma", mend)
        if name in condition.RESERVED:
            message = f"a selection cannot be called {name}, a word of the condition"
            self.source.refuse((*path, name), message, f"call it {name}_selection")
        if not condition.SELECTION.match(name):
            message = "a selection's name is made of letters, digits, _, - and dots"
            self.source.refuse((*path, name), message, "rename it")

    def _body(self, path: YamlPath, value: object, scope: Scope) -> AllOf | AnyOf:
        """One selection: a map, or a list of maps and keywords."""
        if isinstance(value, dict):
            return self._map(path, value, scope)
        if not isinstance(value, list):
            mend = "write a map of fields, or a list of keywords"
            self.source.refuse(path, f"a selection is a map or a list, not {kind(value)}", mend, value=True)
        if not value:
            self.source.refuse(path, "the list is empty, so nothing can match", "list maps or keywords", value=True)
        if not any(isinstance(one, dict) for one in value):
            return AllOf((self._keywords(path, modifiers.NONE, value, scope),))
        nodes: list[Node] = []
        for at, one in enumerate(value):
            if isinstance(one, dict):
                nodes.append(self._map((*path, at), one, scope))
            else:
                nodes.append(self._keywords((*path, at), modifiers.NONE, one, scope))
        return AnyOf(tuple(nodes))

    def _map(self, path: YamlPath, value: Mapping[str, object], scope: Scope) -> AllOf:
        if not value:
            self.source.refuse(path, "the map is empty, so everything matches", "name a field")
        nodes: list[Node] = []
        for key, one in value.items():
            with self.source.catch():
                nodes.append(self._item((*path, key), key, one, scope))
        return AllOf(tuple(nodes))

    def _item(self, path: YamlPath, text: str, value: object, scope: Scope) -> Node:
        key = fields.parse_key(self.source, path, text)
        fields.check_version(self.source, path, key, scope)
        found = modifiers.read(self.source, path, key)
        if not key.text:
            return self._keywords(path, found, value, scope)
        return self._field(path, key, 0, found, value, scope)

    def _keywords(self, path: YamlPath, found: Modifiers, value: object, scope: Scope) -> Node:
        if scope.element is not None:
            self.source.refuse(path, "keywords are not possible inside a block", "name a field, or . for the element")
        return self.items.keywords(path, found, value)

    def _field(self, path: YamlPath, key: Key, at: int, found: Modifiers, value: object, scope: Scope) -> Node:
        """The rest of a key from segment `at` on: a block at each quantifier, in the end a test."""
        steps: list[Step] = []
        for index, segment in enumerate(key.segments[at:], at):
            if isinstance(segment, Quantifier):
                target = fields.find(self.source, path, key.text, steps, scope)
                if scope.blocks == MAX_BLOCKS:
                    self.source.refuse(path, f"blocks nest deeper than {MAX_BLOCKS}", "name the fields in one path")
                inner = replace(scope, element=fields.element_type(self.source, path, target), blocks=scope.blocks + 1)
                last = index == len(key.segments) - 1
                if last and not key.modifiers and _is_body(value):
                    body = self._block(path, value, inner)
                else:
                    body = self._field(path, key, index + 1, found, value, inner)
                return Block(target.path, segment, body, self.source.line(path))
            steps.append(segment)
        target = fields.find(self.source, path, key.text, steps, scope)
        return self.items.test(path, found, target, value, scope)

    def _block(self, path: YamlPath, value: object, scope: Scope) -> Node:
        if isinstance(value, dict) and "condition" in value:
            return self.detection(path, value, scope)
        return self._body(path, value, scope)


def _is_body(value: object) -> bool:
    """A map, or a list that holds one, is what an element must meet; anything else is the element's own value."""
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(one, dict) for one in value))
