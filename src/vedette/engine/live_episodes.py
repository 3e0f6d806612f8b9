"""Live episodes: alerts that grow while matches come, and stay open until they fall quiet by the clock."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b

from vedette.alert import Alert
from vedette.engine.episodes import goes_on, joined, key_of, opened
from vedette.engine.memory import Memory
from vedette.match import Match

_MOST = 20_000
"""Episodes at hand; others are asked from the memory."""


class LiveEpisodes:
    """Counts matches into alerts. Which are open and when they close is the memory's to know."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._recent: OrderedDict[bytes, list[Alert]] = OrderedDict()
        """By key the latest alerts, the latest first."""
        self._changed: dict[str, tuple[Alert, bytes]] = {}

    def feed(self, match: Match) -> None:
        """Count one match."""
        key = digest(match)
        recent = self._at_hand(key)
        for at, alert in enumerate(recent):
            if goes_on(alert, match):
                recent[at] = joined(alert, match)
                self._changed[alert.id] = (recent[at], key)
                return
        alert = opened(match)
        recent.insert(0, alert)
        recent.sort(key=lambda one: -one.last_seen)
        del recent[4:]
        self._changed[alert.id] = (alert, key)

    def save(self, now: int) -> Mapping[str, Alert]:
        """Write the alerts that changed since the last time; gives them by id."""
        changed = {}
        for alert, key in self._changed.values():
            self._memory.save(alert, key, now)
            changed[alert.id] = alert
        self._changed = {}
        while len(self._recent) > _MOST:
            self._recent.popitem(last=False)
        return changed

    def _at_hand(self, key: bytes) -> list[Alert]:
        recent = self._recent.get(key)
        if recent is None:
            recent = self._recent[key] = list(self._memory.episodes(key))
        else:
            self._recent.move_to_end(key)
        return recent


def digest(match: Match) -> bytes:
    """What the matches of one episode have in common, as a key for the store."""
    rule, severity, reaction, group = key_of(match)
    text = "\0".join((rule, str(severity), reaction, *group))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
