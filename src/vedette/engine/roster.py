"""Roster: the loaded rules with a number for each detection and correlation, as sightings name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from vedette.engine.matcher import Matcher
from vedette.engine.sighting import Sighting
from vedette.event import Outcome
from vedette.match import Match
from vedette.rule import Correlation, Detection, Reaction, Rule
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

    def match(self, act: Sighting, place: tuple[str, int]) -> Match:
        """The match of one act; `place` is the file and line of its record."""
        detection = self.detections[act.detection]
        file, line = place
        return Match(
            rule=self.rules[act.detection],
            detection=detection.name,
            title=detection.title,
            severity=act.severity,
            outcome=act.outcome,
            time=act.time,
            first=act.time,
            count=1,
            act=act.act,
            actor=act.actor,
            address=act.address,
            object=act.object,
            via=act.via,
            why=act.why,
            group=act.group,
            quiet_after=detection.quiet_after,
            source=act.source,
            file=file,
            line=line,
            reaction=act.verdict,
        )

    def window_match(
        self,
        number: int,
        act: Sighting,
        place: tuple[str, int],
        *,
        time: int,
        first: int,
        acts: int,
        why: str,
        group: tuple[str, ...],
    ) -> Match:
        """The match of correlation `number`, told by `act`: `acts` that are new, from `first` to `time`."""
        correlation = self.correlations[number]
        return msgspec.structs.replace(
            self.match(act, place),
            rule=self.correlation_rules[number],
            detection=correlation.name,
            title=correlation.title,
            severity=int(correlation.severity),
            # The threshold was reached, whatever became of each act.
            outcome=Outcome.DONE.value,
            time=time,
            first=first,
            count=acts,
            why=why,
            group=group,
            quiet_after=correlation.quiet_after,
            reaction=Reaction.FIRE.value,
        )
