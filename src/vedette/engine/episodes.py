"""Episodes: matches in time order become alerts, one a rule, severity, reaction and group until it falls quiet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from vedette.alert import Alert
from vedette.match import Match

_SECOND = 1_000_000_000
Key = tuple[str, int, str, tuple[str, ...]]
_FURTHEST = ("done", "refused", "failed", "unknown")


@dataclass(slots=True)
class _Open:
    first: Match
    first_seen: int
    last: Match
    count: int
    detections: set[str]
    outcomes: set[str]


class Episodes:
    """Open episodes. `feed` takes matches in time order and gives the alerts that closed before each."""

    def __init__(self) -> None:
        self._open: dict[Key, _Open] = {}
        self._looked = 0

    def feed(self, match: Match) -> Iterator[Alert]:
        """Count one match; gives alerts whose time of quiet has passed."""
        yield from self._close_quiet(match.time)
        # Not the outcome: a rule that fires on whatever became of an act (the use of a stolen token) tells one story of
        # what was done and what was refused.
        key = (match.rule, match.severity, match.reaction, match.group)
        episode = self._open.get(key)
        if episode is not None and match.first - episode.last.time > match.quiet_after * _SECOND:
            yield _alert(key, episode)
            episode = None
        if episode is None:
            self._open[key] = _Open(match, match.first, match, match.count, {match.detection}, {match.outcome})
            return
        if match.count > 1 or match.act != episode.last.act:
            # One act may meet two documents of a rule, one after the other; it is one act all the same.
            episode.count += match.count
        episode.last = match
        episode.detections.add(match.detection)
        episode.outcomes.add(match.outcome)

    def finish(self) -> Iterator[Alert]:
        """End of input: every open episode as an alert."""
        for key, episode in self._open.items():
            yield _alert(key, episode)
        self._open = {}

    def _close_quiet(self, now: int) -> Iterator[Alert]:
        # Looking through all open episodes at every match would cost their square; once a minute of log is enough,
        # since `feed` itself never counts a match into an episode that has been quiet too long.
        if now - self._looked < 60 * _SECOND:
            return
        self._looked = now
        quiet = [k for k, e in self._open.items() if now - e.last.time > (e.last.quiet_after + 3600) * _SECOND]
        for key in quiet:
            yield _alert(key, self._open.pop(key))


def _alert(key: Key, episode: _Open) -> Alert:
    rule, severity, reaction, group = key
    first, last = episode.first, episode.last
    named = "\0".join((rule, str(severity), reaction, *group, first.act))
    return Alert(
        id=hashlib.blake2b(named.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest(),
        rule=rule,
        title=first.title,
        severity=severity,
        outcome=min(episode.outcomes, key=_FURTHEST.index),
        first_seen=episode.first_seen,
        last_seen=last.time,
        count=episode.count,
        actor=first.actor,
        address=first.address,
        object=first.object,
        via=first.via,
        why=first.why,
        source=first.source,
        file=first.file,
        line=first.line,
        act=first.act,
        last_act=last.act,
        detections=tuple(sorted(episode.detections)),
        reaction=reaction,
    )
