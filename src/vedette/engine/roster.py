"""Roster: the loaded rules with a number for each detection and correlation, as sightings name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vedette.engine.matcher import Matcher
from vedette.rule import Correlation, Detection, Rule
from vedette.schema import Schema


@dataclass(frozen=True, slots=True)
class Roster:
    """Detections and correlations of all rules, in an order that depends on the rules alone."""

    detections: tuple[Detection, ...]
    correlations: tuple[Correlation, ...]
    rules: tuple[str, ...]
    """The rule of each detection."""
    correlation_rules: tuple[str, ...]
    """The rule of each correlation."""

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> Roster:
        """Number the documents of `rules`, sorted by name."""
        detections = sorted(((d, rule.name) for rule in rules for d in rule.detections), key=lambda pair: pair[0].name)
        joins = sorted(((c, rule.name) for rule in rules for c in rule.correlations), key=lambda pair: pair[0].name)
        return cls(
            tuple(detection for detection, _ in detections),
            tuple(correlation for correlation, _ in joins),
            tuple(rule for _, rule in detections),
            tuple(rule for _, rule in joins),
        )

    def matchers(self, schemas: Mapping[str, Schema]) -> dict[str, Matcher]:
        """A matcher for each format that some detection reads."""
        numbered = list(enumerate(self.detections))
        return {
            name: Matcher([(i, d) for i, d in numbered if d.format == name], self.correlations, schema)
            for name, schema in schemas.items()
            if any(detection.format == name for detection in self.detections)
        }
