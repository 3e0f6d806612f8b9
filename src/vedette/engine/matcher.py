"""Matcher: one format's detections over its records; from projected records to sightings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from vedette.engine.compare import Verdict, shown
from vedette.engine.evaluate import Whole, evaluator
from vedette.engine.masks import Masks, Projector
from vedette.engine.sighting import Sighting
from vedette.event import Event, Outcome
from vedette.rule import Correlation, Detection, FieldPath, Reaction, Severity
from vedette.schema import Projection, Schema

_LONGEST = 1024
"""Characters kept of an actor, address, object or group value: log text must not fill memory."""


class Matcher:
    """Judges the records of one format.

    `detections` are those of that format, each with its index in the engine's whole list; `correlations` are all of
    the engine's, in its order.
    """

    def __init__(
        self,
        detections: Sequence[tuple[int, Detection]],
        correlations: Sequence[Correlation],
        schema: Schema,
    ) -> None:
        self.schema = schema
        self.detections = tuple(detections)
        only = [detection for _, detection in detections]
        self.masks = Masks(only, schema)
        self.projection = Projection(schema.format, self.masks.projected)
        self._evaluators = [evaluator(detection.node) for detection in only]
        self._windows = [_windows(detection, correlations) for detection in only]
        self._find: Callable[[Sequence[Any]], list[tuple[int, int]]] | None = None

    def bind(self, projector: Projector) -> None:
        """Compile the search loop for a projector's records."""
        self._find = self.masks.finder(projector)

    def candidates(self, records: Sequence[Any]) -> list[tuple[int, int]]:
        """(index, mask of detections) for each record that may meet some; a None record may meet all."""
        if self._find is None:
            raise RuntimeError("bind() comes first")
        try:
            return self._find(records)
        except AttributeError:
            # A None stands for a record with an oddly typed field: all detections look at it whole.
            found: list[tuple[int, int]] = []
            for index, record in enumerate(records):
                if record is None:
                    found.append((index, self.masks.everything))
                else:
                    found.extend((index, mask) for _, mask in self._find((record,)))
            return found

    def judge(self, event: Event, mask: int, place: tuple[int, int, int] = (0, 0, 0)) -> list[Sighting]:
        """What the detections of `mask` say of one whole event that stands at `place`: file, part, line."""
        scope = Whole(event)
        sightings = []
        while mask:
            bit = mask & -mask
            mask ^= bit
            number = bit.bit_length() - 1
            sightings.append(self._sighting(number, event, self._evaluators[number](scope), place))
        return sightings

    def verdicts(self, event: Event) -> list[tuple[Detection, Verdict]]:
        """Every detection's verdict on one event, outcome aside: what `explain` begins with."""
        scope = Whole(event)
        return [(d, evaluate(scope)) for (_, d), evaluate in zip(self.detections, self._evaluators, strict=True)]

    def _sighting(self, number: int, event: Event, verdict: Verdict, place: tuple[int, int, int]) -> Sighting:
        index, detection = self.detections[number]
        reaction = reaction_to(detection, event, verdict)
        if reaction is None:
            return Sighting(index, event.act, event.final, "no", settles=event.settles)
        lowered = reaction in (Reaction.ATTEMPT, Reaction.CANNOT_TELL)
        unknown = reaction is Reaction.CANNOT_TELL
        actor = event.text("actor")[:_LONGEST]
        return Sighting(
            index,
            event.act,
            event.final,
            reaction.value,
            event.time,
            Outcome.UNKNOWN.value if unknown else event.outcome.value,
            int(detection.severity.lower if lowered else detection.severity),
            actor,
            event.text("address")[:_LONGEST],
            event.text("object")[:_LONGEST],
            event.via[:_LONGEST],
            _missing(event, verdict) if unknown else "",
            # What a record does not hold cannot name its group: at level Metadata each role of a first start would be
            # an alert of its own, all saying that nobody can tell.
            (actor,) if unknown else _group(event, detection.group_by),
            tuple((at, _group(event, group), _group(event, counted)) for at, group, counted in self._windows[number]),
            event.settles,
            event.awaits,
            event.format,
            *place,
        )


def reaction_to(detection: Detection, event: Event, verdict: Verdict) -> Reaction | None:
    """What a verdict amounts to given the event's outcome; None when the event does not concern the detection."""
    if verdict is False:
        return None
    reaction = detection.outcomes[event.outcome]
    if verdict is None and reaction is not Reaction.IGNORE:
        return Reaction.CANNOT_TELL
    return reaction


def _missing(event: Event, verdict: Verdict) -> str:
    if not event.final:
        return "no later record tells how it ended"
    if verdict is None and event.unknown:
        return "not in the record: " + ", ".join(sorted(event.unknown))
    if verdict is None:
        return "an address in it is malformed"
    return "the record does not tell how it ended"


def _group(event: Event, paths: Sequence[FieldPath]) -> tuple[str, ...]:
    return tuple(
        ",".join((shown(item) or "")[:_LONGEST] for item in event.values(path.steps).items[:8]) for path in paths
    )


def _windows(
    detection: Detection, correlations: Sequence[Correlation]
) -> tuple[tuple[int, tuple[FieldPath, ...], tuple[FieldPath, ...]], ...]:
    return tuple(
        (at, tuple(paths[detection.name] for _, paths in one.group_by), one.fields)
        for at, one in enumerate(correlations)
        if detection.name in one.detections
    )


def severity_name(number: int) -> str:
    """A stored severity as people read it."""
    return str(Severity(number))
