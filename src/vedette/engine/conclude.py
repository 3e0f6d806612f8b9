"""Conclude: from all sightings of a scan to matches and alerts, whatever order they came in.

Two sorts on disk: by act, to judge each act once with all that is known of it; by time, for windows and episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vedette.alert import Alert
from vedette.engine.episodes import Episodes
from vedette.engine.roster import Roster
from vedette.engine.sighting import Sighting, by_act, by_time, resolve
from vedette.engine.sorter import Sorter
from vedette.engine.windows import Reached, Windows
from vedette.match import Match
from vedette.rule import Reaction, Severity

Place = Callable[[Sighting], tuple[str, int]]
"""A sighting's file, as given, and its line there, from 1."""


class Conclusion:
    """Collects sightings, then gives matches or alerts. Memory does not grow with their number."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._sightings = Sorter(Sighting, by_act)
        self._settled: set[tuple[str, str]] = set()

    def add(self, sighting: Sighting) -> None:
        """Take what one record said."""
        if sighting.settles:
            self._settled.add((self._roster.rules[sighting.detection], sighting.settles))
        self._sightings.add(sighting)

    def matches(self, place: Place) -> Iterator[Match]:
        """Every match, in time order."""
        acts = Sorter(Sighting, by_time)
        windows = Windows(self._roster.correlations, [d.name for d in self._roster.detections])
        try:
            for sighting in resolve(self._sightings, frozenset(self._settled), self._roster.rules):
                acts.add(sighting)
            self._sightings.close()
            for act in acts:
                if self._roster.detections[act.detection].alerts:
                    yield self._roster.match(act, place(act))
                if act.verdict == Reaction.FIRE.value:
                    for reached in windows.feed(act):
                        if self._roster.correlations[reached.correlation].alerts:
                            yield self._window_match(reached, place(reached.last))
        finally:
            self._sightings.close()
            acts.close()

    def alerts(self, place: Place, least: Severity) -> Iterator[Alert]:
        """Every alert of at least severity `least`, by the time it was first seen."""
        episodes = Episodes()
        alerts = Sorter(Alert, lambda alert: (alert.first_seen, alert.rule, alert.id), run=_ALERTS)
        try:
            for match in self.matches(place):
                if match.severity >= least:
                    for alert in episodes.feed(match):
                        alerts.add(alert)
            for alert in episodes.finish():
                alerts.add(alert)
            yield from alerts
        finally:
            alerts.close()

    def _window_match(self, reached: Reached, place: tuple[str, int]) -> Match:
        return self._roster.window_match(
            reached.correlation,
            reached.last,
            place,
            time=reached.last.time,
            first=reached.first,
            acts=reached.acts,
            why=reached.why,
            group=reached.group,
        )


_ALERTS = 5_000
"""Alerts held in memory before they go to disk."""
