"""Sighting: what one record says about one act and one detection; and how an act's sightings become one word.

Several records tell of one act (Kubernetes stages, Vault's request and response, a line read twice), in any order and
perhaps in different files. So workers report sightings, and only once all of an act are together is it judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from vedette.rule import Reaction


class Sighting(msgspec.Struct, frozen=True, array_like=True):
    """One record, one detection. Sorted by `detection, act` when acts are resolved, by `time, act` afterwards."""

    detection: int
    """Index in the engine's list of detections."""
    act: str
    final: bool
    """False: a record that a later one of the same act overrules."""
    verdict: str
    """`no`, or the value of a `rule.Reaction`."""
    time: int = 0
    outcome: str = ""
    severity: int = 0
    actor: str = ""
    address: str = ""
    object: str = ""
    via: str = ""
    why: str = ""
    group: tuple[str, ...] = ()
    windows: tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...] = ()
    """For each correlation that reads the detection: its index, the values of its group, the values it counts."""
    settles: str = ""
    awaits: str = ""
    source: str = ""
    file: int = 0
    """Index of the file in the scan's list."""
    part: int = 0
    """Which range of the file `line` is counted from."""
    line: int = 0


LOUDEST = {
    Reaction.FIRE.value: 0,
    Reaction.ATTEMPT.value: 1,
    Reaction.CANNOT_TELL.value: 2,
    Reaction.IGNORE.value: 3,
    "no": 4,
}
"""Verdict -> its place when several records speak of one act; the loudest comes first."""


def by_act(sighting: Sighting) -> tuple[object, ...]:
    """Sort key that brings an act's sightings together, the deciding one first.

    A final record overrules one that is not; among final ones the loudest counts (an exec that started was done,
    whatever its completion says); then the earliest, so that the choice does not depend on the order of reading.
    """
    return (
        sighting.detection,
        sighting.act,
        not sighting.final,
        LOUDEST[sighting.verdict],
        sighting.time,
        sighting.file,
        sighting.part,
        sighting.line,
    )


def by_time(sighting: Sighting) -> tuple[object, ...]:
    """Sort key of resolved acts."""
    return (sighting.time, sighting.act, sighting.detection)


def resolve(
    sightings: Iterable[Sighting], settled: frozenset[tuple[str, str]], rules: Sequence[str]
) -> Iterable[Sighting]:
    """One sighting an act and detection, from sightings in `by_act` order; those that mean nothing are left out.

    `settled` holds (rule, key) of acts that a later act settled: Vault's wrapped token, once unwrapped, is judged by
    what came out. `rules` names each detection's rule.
    """
    last: tuple[int, str] | None = None
    for sighting in sightings:
        key = (sighting.detection, sighting.act)
        if key == last:
            continue
        last = key
        if sighting.verdict in ("no", Reaction.IGNORE.value):
            continue
        if sighting.awaits and (rules[sighting.detection], sighting.awaits) in settled:
            continue
        yield sighting
