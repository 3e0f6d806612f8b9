"""Episodes: matches become alerts, one a rule, severity, reaction and group until it falls quiet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from vedette.alert import Alert
from vedette.match import Match

_SECOND = 1_000_000_000
Key = tuple[str, int, str, tuple[str, ...]]
_FURTHEST = ("done", "refused", "failed", "unknown")


class Episodes:
    """Open episodes. `feed` takes matches in time order and gives the alerts that closed before each."""

    def __init__(self) -> None:
        self._open: dict[Key, Alert] = {}
        self._looked = 0

    def feed(self, match: Match) -> Iterator[Alert]:
        """Count one match; gives alerts whose time of quiet has passed."""
        yield from self._close_quiet(match.time)
        key = key_of(match)
        alert = self._open.get(key)
        if alert is not None and not goes_on(alert, match):
            yield alert
            alert = None
        self._open[key] = opened(match) if alert is None else joined(alert, match)

    def finish(self) -> Iterator[Alert]:
        """End of input: every open episode as an alert."""
        yield from self._open.values()
        self._open = {}

    def _close_quiet(self, now: int) -> Iterator[Alert]:
        # Looking through all open episodes at every match would cost their square; once a minute of log is enough,
        # since `feed` itself never counts a match into an episode that has been quiet too long.
        if now - self._looked < 60 * _SECOND:
            return
        self._looked = now
        quiet = [k for k, alert in self._open.items() if now - alert.last_seen > (alert.quiet_after + 3600) * _SECOND]
        for key in quiet:
            yield self._open.pop(key)


def key_of(match: Match) -> Key:
    """What matches of one episode have in common.

    Not the outcome: a rule that fires on whatever became of an act (the use of a stolen token) tells one story of what
    was done and what was refused.
    """
    return (match.rule, match.severity, match.reaction, match.group)


def goes_on(alert: Alert, match: Match) -> bool:
    """True when `match`, of the same key, comes before the alert has fallen quiet; also when it came late."""
    quiet = match.quiet_after * _SECOND
    return match.first - alert.last_seen <= quiet and alert.first_seen - match.time <= quiet


def opened(match: Match) -> Alert:
    """The alert that `match` opens."""
    named = "\0".join((match.rule, str(match.severity), match.reaction, *match.group, match.act))
    return Alert(
        id=hashlib.blake2b(named.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest(),
        rule=match.rule,
        title=match.title,
        severity=match.severity,
        outcome=match.outcome,
        first_seen=match.first,
        last_seen=match.time,
        count=match.count,
        actor=match.actor,
        address=match.address,
        object=match.object,
        via=match.via,
        why=match.why,
        source=match.source,
        file=match.file,
        line=match.line,
        act=match.act,
        last_act=match.act,
        detections=(match.detection,),
        reaction=match.reaction,
        group=match.group,
        quiet_after=match.quiet_after,
    )


def joined(alert: Alert, match: Match) -> Alert:
    """`alert` with one more match counted in."""
    # One act may meet two documents of a rule, one after the other; it is one act all the same.
    counts = match.count > 1 or match.act != alert.last_act
    detections = alert.detections
    if match.detection not in detections:
        detections = tuple(sorted((*detections, match.detection)))
    return msgspec.structs.replace(
        alert,
        count=alert.count + (match.count if counts else 0),
        first_seen=min(alert.first_seen, match.first),
        last_seen=max(alert.last_seen, match.time),
        last_act=match.act,
        detections=detections,
        outcome=min(alert.outcome, match.outcome, key=_FURTHEST.index),
        quiet_after=match.quiet_after,
    )
