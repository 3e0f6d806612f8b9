"""Delivered: is somebody told? The settings' routes, then what each sink's far end would do with the rule's labels."""

from __future__ import annotations

from collections.abc import Mapping

from vedette.proof.links.base import Delivering
from vedette.proof.verdict import LinkResult, State, Variant, of_variants
from vedette.rule import Rule

NAME = "delivered"


class Delivered:
    """The ways and what is at their ends."""

    name = NAME

    def __init__(self, delivering: Delivering, *, ruler: bool = False) -> None:
        """`ruler`: the alerts are those of Loki's ruler."""
        self._ruler = ruler
        self._ways = delivering.ways
        self._deliveries = delivering.deliveries
        self._cluster = delivering.cluster
        self._dead = delivering.dead

    def check(self, rule: Rule) -> LinkResult:
        """BLIND where a sink that the rule's alerts go to would tell nobody; in part, where another would."""
        severity = str(rule.severity)
        way = next((one for one in self._ways if not one.severities or severity in one.severities), None)
        if way is None or not way.to:
            why = f"no route of the settings tells anybody of {severity} alerts"
            mend = "name a sink under sinks:, and in routes: where there are any"
            return LinkResult(NAME, State.BLIND, why, mend, told_by="" if self._deliveries else "settings")
        labels = self._labels(rule, severity)
        variants = [self._variant(name, labels) for name in way.to]
        found = of_variants(NAME, variants, "; ".join(f"{one.name}: {one.why}" for one in variants if one.why))
        if found.state is State.BLIND and not found.in_part and way.fallback:
            spare = [self._variant(name, labels) for name in way.fallback]
            if any(one.state is State.READY for one in spare):
                return of_variants(NAME, [*variants, *spare])
        return found

    def _labels(self, rule: Rule, severity: str) -> Mapping[str, str]:
        """Those of the rule's plain alert: as `watch.compose` and the rendered ruler groups write them.

        With some value for what each event decides, for a route or a silence may ask whether there is one.
        """
        labels = {
            "alertname": f"Vedette{rule.name}",
            "rule_id": rule.name,
            "severity": severity,
            "source": _source(rule),
            **({"document": rule.name, "actor": "x", "object": "x"} if self._ruler else {"entity": "0"}),
        }
        return {**labels, "cluster": self._cluster} if self._cluster else labels

    def _variant(self, name: str, labels: Mapping[str, str]) -> Variant:
        delivery = self._deliveries.get(name)
        if delivery is None:
            return Variant(name, State.UNKNOWN, f"{name} could not be asked")
        told = delivery.told(labels)
        told_by = "sink_dead" if told.state is State.BLIND and name in self._dead else ""
        return Variant(name, told.state, told.why, told.mend, told_by=told_by)


def _source(rule: Rule) -> str:
    """The format of the document that has the rule's name; a rule that the settings leave without work has none."""
    formats = [one.format for one in rule.detections if one.name == rule.name]
    return next(iter(formats or [one.format for one in rule.detections]), "")
