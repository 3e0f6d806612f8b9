"""Filters: exceptions written beside the rules, and ANDed into their detections.

A filter must say what to leave out (`condition: not selection`): one that is not negated would make a rule fire for
the excepted alone. It is read anew for each log source, so that `actor` means each one's own field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vedette.problem import Problem
from vedette.rule import AllOf, Detection, Node
from vedette.schema import Schema
from vedette.sigma import condition
from vedette.sigma.detections import read_logsource
from vedette.sigma.fields import Scope
from vedette.sigma.header import Header
from vedette.sigma.refusal import Source, nearest
from vedette.sigma.selections import Selections
from vedette.sigma.site import Site

NO_RULE = "there is no rule"
"""How the problem of a filter begins that is for a rule which was not loaded."""


@dataclass(slots=True)
class Filter:
    """A filter document, not yet read against a schema."""

    header: Header
    body: Mapping[str, object]
    rules: tuple[str, ...]
    """Names or ids; empty: any rule."""
    logsource: Mapping[str, str] = field(default_factory=dict)
    trees: dict[str, Node | None] = field(default_factory=dict)
    """By format; None where the schema lacks a field of it."""
    lacking: list[Problem] = field(default_factory=list)
    """The fields that schemas lacked."""


def read(header: Header, *, from_file: bool) -> Filter | None:
    """A filter's frame; one from the settings may do without a logsource."""
    source = header.source
    value = source.document.value
    found: Filter | None = None
    with source.catch():
        body = source.mapping(("filter",), value.get("filter") if isinstance(value, dict) else None)
        if "rules" not in body:
            source.refuse(("filter",), "the filter names no rules", "add rules: [K5], or rules: any")
        named = body["rules"]
        rules = () if named == "any" else source.texts(("filter", "rules"), named)
        if isinstance(named, list) and "any" in named:
            source.refuse(("filter", "rules"), "any stands in a list", "write rules: any", value=True)
        found = Filter(header, body, rules)
    with source.catch():
        if found and (from_file or (isinstance(value, dict) and "logsource" in value)):
            logsource = read_logsource(source, value)
            found.logsource = {key: text for key, text in logsource.items() if key != "definition"}
    return None if source.broken else found


class Applied:
    """Detections with the filters put in."""

    def __init__(self, schemas: Mapping[str, Schema], site: Site, *, unread: bool) -> None:
        self.schemas = schemas
        self.site = site
        self.unread = unread
        """Some file could not be read, so that an unknown rule may be its."""

    def apply(
        self,
        filters: Iterable[Filter],
        detections: dict[str, Detection],
        named: Mapping[str, Sequence[str]],
    ) -> None:
        """Put each filter into the detections that it names; problems are noted in its source.

        `named` says which documents a rule's name, a document's name or an id means; one that is not among the
        detections was refused, for which the filter is not to blame.
        """
        for each in filters:
            source = each.header.source
            if not each.rules:
                self._apply_to(each, list(detections), detections, "any rule")
            for at, rule in enumerate(each.rules):
                with source.whole(), source.catch():
                    wanted = named.get(rule) or named.get(rule.lower())
                    if wanted is None and not self.unread:
                        mend = nearest(rule, named, "known are the rules' names and ids")
                        source.refuse(("filter", "rules", at), f"{NO_RULE} {rule!r}", mend, value=True)
                    self._apply_to(each, [name for name in wanted or () if name in detections], detections, rule)

    def _apply_to(self, each: Filter, names: Sequence[str], detections: dict[str, Detection], rule: str) -> None:
        source = each.header.source
        done = 0
        for name in names:
            detection = detections[name]
            tree = self._tree(each, detection.format)
            if source.broken:
                return
            if tree is not None:
                # Innermost and flat: a detection may meet hundreds of filters, and depth costs every reader.
                node = detection.node
                before = node.nodes if isinstance(node, AllOf) and not node.name else (node,)
                detections[name] = replace(detection, node=AllOf((*before, AllOf((tree,), each.header.title))))
                done += 1
        if names and not done:
            if each.lacking:
                source.problems.append(each.lacking[0])
            else:
                message = f"the filter's logsource is that of no document of {rule}"
                source.problems.append(source.document.problem(("logsource",), message, "name the rule's own"))

    def _tree(self, each: Filter, format_name: str) -> Node | None:
        """The filter's tree for one format, None where it does not concern it."""
        if format_name in each.trees:
            return each.trees[format_name]
        schema = self.schemas[format_name]
        tree: Node | None = None
        if all(schema.logsource.get(key, text) == text for key, text in each.logsource.items()):
            reading = Source(each.header.source.document)
            with reading.whole(), reading.catch():
                selections = Selections(reading, self.site)
                tree = selections.detection(("filter",), each.body, Scope(schema, each.header.version), other="rules")
                if not condition.negated(tree):
                    message = "the filter's condition is not negated, so the rule would fire for these alone"
                    reading.refuse(("filter", "condition"), message, "write not selection", value=True)
            if reading.broken:
                tree = None
                if reading.unknown_fields == sum(problem.error for problem in reading.problems):
                    each.lacking += reading.problems
                else:
                    each.header.source.problems += reading.problems
        each.trees[format_name] = tree
        return tree
