"""Live: from sightings as they come to alerts as they grow; what a scan does with two sorts, done step by step.

A final word on an act counts at once. One that a later record may overrule is held for a while, then counts as it
stands. Windows and episodes take acts in the order of their coming and give what time order would have given, as long
as nothing comes later than the lateness. All that is remembered is in `Memory`, so a step is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import msgspec

from vedette.alert import Alert
from vedette.engine.live_episodes import LiveEpisodes
from vedette.engine.live_windows import LiveReached, LiveWindows
from vedette.engine.memory import Memory
from vedette.engine.roster import Roster
from vedette.engine.sighting import LOUDEST, Sighting, by_act, by_time
from vedette.match import Match
from vedette.rule import Reaction

_SECOND = 1_000_000_000
_FUTURE = 300 * _SECOND
"""A record that claims to be from later than this is taken to be from now."""
_SETTLED = -1
"""The rank noted for what settles other acts."""
_MEANS_NOTHING = LOUDEST[Reaction.IGNORE.value]
_WRAPPED = 300 * _SECOND
"""How long an answer that was wrapped waits to be unwrapped; Vault's usual time to live of a wrapping token."""


class Placed(msgspec.Struct, frozen=True, array_like=True):
    """A sighting, and where its record stands."""

    sighting: Sighting
    file: str
    line: int
    detection: str = ""
    """Names for the numbers in the sighting, where it is kept: they change with the rules."""
    correlations: tuple[str, ...] = ()


@dataclass(slots=True)
class Step:
    """What one step amounted to."""

    alerts: Mapping[str, Alert] = field(default_factory=dict)
    """Alerts opened or counted up, by id."""
    duplicates: int = 0
    """Records of acts on which the final word had been said."""
    late: int = 0
    """Acts that came later than the lateness allows; detections judged them, windows may have missed them."""
    future: int = 0
    """Acts whose record claims a time to come."""
    matches: int = 0


class Live:
    """The watching engine. Everything takes time in nanoseconds."""

    def __init__(self, roster: Roster, memory: Memory, *, hold: int, lateness: int, now: int) -> None:
        """`hold`: how long an unfinished act waits for its later records."""
        self._roster = roster
        self._memory = memory
        self._hold = hold
        self._lateness = lateness
        self._numbers = {one.name: at for at, one in enumerate(roster.detections)}
        self._joins = {one.name: at for at, one in enumerate(roster.correlations)}
        self._latest = now
        """The latest that the clock has said: set back by mistake, it would make every record one of the future."""
        self._high: dict[str, int] = {}
        """By format the latest time of an act."""
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Placed).decode
        self.reload(now)

    def reload(self, now: int) -> None:
        """Forget what was not committed, and begin from the memory."""
        names = [one.name for one in self._roster.detections]
        self._windows = LiveWindows(self._roster.correlations, names, self._memory, self._lateness, now)
        self._episodes = LiveEpisodes(self._memory)

    def step(self, batch: Sequence[Placed], now: int, *, idle: bool, ahead: int = 0) -> Step:
        """Take what records said since the last step.

        `idle`: nothing waits to be read, so that what is held and due is not overruled by what merely was not read yet.
        `ahead`: by how much it is due sooner.
        """
        step = Step()
        self._latest = max(self._latest, now)
        acts = self._resolve(batch, now, step)
        if idle:
            acts += self._expire(now, ahead)
        if acts:
            placed = sorted((self._in_time(one, now, step) for one in acts), key=lambda one: by_time(one.sighting))
            matches = self._matches(placed, now)
            step.matches = len(matches)
            for match in matches:
                self._episodes.feed(match)
        step.alerts = self._episodes.save(now)
        return step

    def _resolve(self, batch: Sequence[Placed], now: int, step: Step) -> list[Placed]:
        """What counts at once; the rest is held, or was known."""
        for one in batch:
            if one.sighting.settles:
                key = self._settling(one.sighting, one.sighting.settles)
                self._memory.remember(key, _SETTLED, now)
                self._memory.release_awaiting(key)
        counts: list[Placed] = []
        for one in sorted(batch, key=lambda one: by_act(one.sighting)):
            sighting = one.sighting
            key, rank = self._key(sighting), LOUDEST[sighting.verdict]
            known = self._memory.rank(key)
            if known is not None and (not sighting.final or known <= rank):
                step.duplicates += 1
            elif not sighting.final:
                if rank < _MEANS_NOTHING:
                    self._memory.hold(key, rank, now + self._hold, b"", self._kept(one))
            else:
                if known is None:
                    self._memory.release(key)
                self._memory.remember(key, rank, now)
                if rank < _MEANS_NOTHING and not self._waits(key, one, now):
                    counts.append(one)
        return counts

    def _waits(self, key: bytes, one: Placed, now: int) -> bool:
        """True for an act that another settles: judged by that one, or held until it comes."""
        if not one.sighting.awaits:
            return False
        awaits = self._settling(one.sighting, one.sighting.awaits)
        if self._memory.rank(awaits) is None:
            rank = LOUDEST[one.sighting.verdict]
            self._memory.hold(key, rank, now + max(self._hold, _WRAPPED), awaits, self._kept(one))
        return True

    def _expire(self, now: int, ahead: int) -> list[Placed]:
        """What has been held long enough counts as it stands."""
        found: list[Placed] = []
        for key, item in self._memory.due(now + ahead):
            self._memory.release(key)
            one = self._found(self._decode(item))
            if one is not None:
                self._memory.remember(key, LOUDEST[one.sighting.verdict], now)
                found.append(one)
        return found

    def _in_time(self, one: Placed, now: int, step: Step) -> Placed:
        """The act with a time that can be: not from the future; and a note of one that is late."""
        sighting = one.sighting
        if sighting.time > self._latest + _FUTURE:
            step.future += 1
            why = "; ".join(filter(None, [sighting.why, "its record claims a time to come"]))
            return msgspec.structs.replace(one, sighting=msgspec.structs.replace(sighting, time=now, why=why))
        high = self._high.get(sighting.source, 0)
        step.late += sighting.time < high - self._lateness
        self._high[sighting.source] = max(high, sighting.time)
        return one

    def _matches(self, acts: Sequence[Placed], now: int) -> list[Match]:
        """Every match of acts in time order, in the order in which a scan would give them."""
        found: list[tuple[tuple[object, ...], int, Match]] = []
        for one in acts:
            if self._roster.detections[one.sighting.detection].alerts:
                found.append((by_time(one.sighting), 0, self._match(one)))
        fired = [one for one in acts if one.sighting.verdict == Reaction.FIRE.value]
        for reached in _together(self._windows.feed([one.sighting for one in fired], now)):
            if self._roster.correlations[reached.correlation].alerts:
                one = fired[reached.by]
                at = (reached.time, one.sighting.act, one.sighting.detection)
                found.append((at, 1, self._window_match(reached, one)))
        found.sort(key=lambda entry: entry[:2])
        return [match for _, _, match in found]

    def _match(self, one: Placed) -> Match:
        return self._roster.match(one.sighting, (one.file, one.line))

    def _window_match(self, reached: LiveReached, one: Placed) -> Match:
        return self._roster.window_match(
            reached.correlation,
            one.sighting,
            (one.file, one.line),
            time=reached.time,
            first=reached.first,
            acts=reached.acts,
            why=reached.why,
            group=reached.group,
        )

    def _key(self, sighting: Sighting) -> bytes:
        return _digest(self._roster.detections[sighting.detection].name, sighting.act)

    def _settling(self, sighting: Sighting, word: str) -> bytes:
        return _digest("settles", self._roster.rules[sighting.detection], word)

    def _kept(self, one: Placed) -> bytes:
        """The sighting with names in place of numbers."""
        names = tuple(self._roster.correlations[at].name for at, _, _ in one.sighting.windows)
        detection = self._roster.detections[one.sighting.detection].name
        return self._encode(msgspec.structs.replace(one, detection=detection, correlations=names))

    def _found(self, one: Placed) -> Placed | None:
        """The sighting with the numbers of the rules in force; None where its rule is gone."""
        if one.detection not in self._numbers:
            return None
        windows = tuple(
            (self._joins[name], group, counted)
            for name, (_, group, counted) in zip(one.correlations, one.sighting.windows, strict=False)
            if name in self._joins
        )
        number = self._numbers[one.detection]
        return msgspec.structs.replace(
            one, sighting=msgspec.structs.replace(one.sighting, detection=number, windows=windows)
        )


def _together(found: Iterable[LiveReached]) -> Iterator[LiveReached]:
    """Windows met by the coming of one act, as one: an episode takes an act that comes twice for the same told twice.

    That happens where the act came late and completes several windows of acts that were there.
    """
    last: LiveReached | None = None
    for one in found:
        if last is not None and (one.correlation, one.group, one.by) == (last.correlation, last.group, last.by):
            last = replace(one, first=min(last.first, one.first), acts=last.acts + one.acts)
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last


def _digest(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
