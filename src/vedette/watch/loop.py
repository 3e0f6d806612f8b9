"""The loop: what sources have, through the engine, into the store; one transaction a turn.

A turn reads a bounded amount, judges it, and commits positions, acts, windows, alerts and what is to be told together.
What was not committed never happened: after a crash the sources give it again. Evidence and quarantine are written and
synced before the commit, which notes where they ended, so that what a crash left behind the note is cut off.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from vedette.engine.live import Live, Placed, Step
from vedette.observers.tracer import Echoes
from vedette.scan import Scanner
from vedette.sources.base import Piece, Position, Source
from vedette.store.clock import catch_up, shift
from vedette.store.database import Busy, Full, StoreError
from vedette.store.progress import Mark
from vedette.store.segments import Segments
from vedette.store.store import Store
from vedette.watch.clock import Jumps
from vedette.watch.completing import Completing
from vedette.watch.observing import COMPARED
from vedette.watch.pulse import Pulse
from vedette.watch.streams import Refused, Stream
from vedette.watch.telling import Telling

_TURN = 128 << 20
"""Bytes read before a commit. Nothing of them is held, and each commit waits for the disk three times."""
_POLL = 1 << 19
"""Bytes asked of a source at once: what was read a moment ago is still in the processor's cache when it is judged."""
_LONGEST_TURN = 0.25
"""Seconds after which a turn commits what it has."""
_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
_FORGET = 60 * _SECOND
_PRUNE = 3600 * _SECOND
_log = logging.getLogger("vedette.loop")


@dataclass(slots=True)
class _Turn:
    """What one turn has read."""

    placed: list[Placed] = field(default_factory=list)
    marks: dict[str, dict[str, Mark]] = field(default_factory=dict)
    """Source -> stream -> where it goes on."""
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    evidence: set[str] = field(default_factory=set)
    """Sources of which lines were written and not synced yet."""
    refused: list[Refused] = field(default_factory=list)
    read: dict[str, dict[str, Stream]] = field(default_factory=dict)
    """Source -> stream -> what was read."""
    unsynced: Counter[str] = field(default_factory=Counter)
    """Source -> bytes of lines written and not synced yet."""
    observations: list[bytes] = field(default_factory=list)
    bytes: int = 0
    given: bool = False
    """Some source gave a piece, be it empty."""


class Loop:
    """Owns the sources, the engine and the writing side of the store. Its calls come from one thread."""

    def __init__(  # noqa: PLR0913, PLR0917 - where all of them meet
        self,
        scanner: Scanner,
        sources: Sequence[Source],
        store: Store,
        live: Live,
        telling: Telling,
        pulse: Pulse,
        evidence: Mapping[str, Segments],
        completing: Completing | None = None,
        echoes: Echoes | None = None,
        now: Callable[[], int] = time.time_ns,
        steady: Callable[[], int] | None = None,
    ) -> None:
        """`evidence`: by source, for those whose lines are kept and do not stand in a spool already. `steady`: see
        `clock.Jumps`."""
        self._scanner = scanner
        self.sources = tuple(sources)
        self._store = store
        self._live = live
        self._telling = telling
        self._pulse = pulse
        self._evidence = evidence
        self._completing = completing
        self._echoes = echoes
        self._now = now
        self._jumps = Jumps(now(), steady)
        self._jump = 0
        """Nanoseconds by which the clock was set since the last commit."""
        self._streams: dict[tuple[str, str], Stream] = {}
        self._marks: dict[str, dict[str, Mark]] = {}
        self._upkeep = 0
        self._forgot = self._now()
        self._gone: list[tuple[str, str]] = []
        """Source and stream of positions that need not be kept."""
        self.read = False
        """The last turn was given something."""
        self._pruned = 0
        self._resume()

    def _resume(self) -> None:
        """Take up every source where it was committed; cut off what was written behind it."""
        store = self._store
        for source in self.sources:
            marks = self._marks[source.name] = store.progress.marks(source.name)
            source.resume({stream: mark.position for stream, mark in marks.items()})
            self._pulse.restore(source.name, store.progress.noted(f"arrived:{source.name}") or 0)
        begun: dict[str, Position] = {}
        for name, segments in (*self._evidence.items(), ("", store.quarantine)):
            position = store.progress.noted(f"segments:{name}")
            try:
                if isinstance(position, dict):
                    segments.cut(position)
                else:
                    # So that what is written before the first commit can be cut off as well.
                    begun[f"segments:{name}"] = segments.position
            except OSError as error:
                raise StoreError(f"{segments.folder}: {error.strerror or error}") from error
        now = self._now()
        with store.database.transaction():
            for name, position in begun.items():
                store.progress.note(name, position)
            catch_up(store.database, now)
            # What would overrule it may stand in what was not read yet.
            store.acts.postpone(now + 30 * _SECOND)

    def turn(self) -> bool:
        """Read, judge and commit once; True where there is more to read."""
        turn = _Turn()
        more = self._read(turn)
        now = self._now()
        self._set(now)
        self._pulse.alive(now)
        if turn.bytes or turn.marks or self._due(now):
            self._commit(turn, now, idle=not more)
        self.read = turn.given
        if self._echoes is not None and not more:
            self._echoes.turned()
        return more

    def _set(self, now: int) -> None:
        """See whether the clock was set."""
        jump = self._jumps.look(now)
        if jump:
            _log.warning("the clock was set", extra={"seconds": jump // _SECOND})
            self._jump += jump
            self._upkeep += jump
            self._forgot += jump
            self._pruned += jump
            self._pulse.set_clock(jump)
            # Windows know by the clock when they were touched.
            self._live.reload(now)

    def _read(self, turn: _Turn) -> bool:
        """Poll every source until all have nothing or the turn is full; True where it is full."""
        end = time.monotonic() + _LONGEST_TURN
        while True:
            given = False
            for source in self.sources:
                for piece in source.poll(_POLL):
                    self._take(source, piece, turn)
                    turn.bytes += len(piece.data)
                    given = True
            turn.given |= given
            if not given:
                return False
            if turn.bytes >= _TURN or time.monotonic() >= end:
                return True

    def _take(self, source: Source, piece: Piece, turn: _Turn) -> None:
        key = (source.name, piece.stream)
        stream = self._streams.get(key)
        if stream is None:
            mark = self._marks[source.name].get(piece.stream)
            stream = self._streams[key] = Stream(
                self._scanner, mark.name if mark else "", mark.line if mark else 0, segmented=source.keeps_evidence
            )
        turn.placed += stream.take(piece)
        if self._completing is not None and source.name != OBSERVATIONS:
            self._completing.take(source.name, piece)
        if self._echoes is not None and source.name != OBSERVATIONS:
            self._echoes.take(source.name, piece.data)
        if not stream.safe:
            return
        turn.marks.setdefault(source.name, {})[piece.stream] = stream.mark(piece)
        turn.counts.setdefault(source.name, Counter()).update(stream.counts())
        kept, stream.evidence = stream.evidence, []
        if source.name in self._evidence:
            self._keep(source.name, kept, turn)
        if source.name == OBSERVATIONS:
            turn.observations += kept
        turn.refused += stream.refused
        stream.refused = []
        turn.read.setdefault(source.name, {})[piece.stream] = stream
        if piece.ends:
            del self._streams[key]

    def _due(self, now: int) -> bool:
        """True where the clock alone asks for a commit."""
        return now - self._upkeep >= _SECOND

    def _commit(self, turn: _Turn, now: int, *, idle: bool, ahead: int = 0) -> None:
        """Until it is done: what was read and not committed would have to be read again. `ahead`: nanoseconds by which
        what is held is due sooner."""
        positions = self._write(turn)
        if self._completing is not None:
            try:
                self._completing.tell()
            except OSError as error:
                self._pulse.evidence(OBSERVATIONS, error.strerror or str(error))
        while True:
            try:
                with self._store.database.transaction():
                    if self._jump:
                        shift(self._store.database, self._jump)
                    step = self._live.step(turn.placed, now, idle=idle, ahead=ahead)
                    self._note(turn, step, positions, now)
                    self._telling.changed(step.alerts, now)
                    if idle:
                        self._telling.close_quiet(now)
                    if now - self._forgot >= _FORGET:
                        self._forget(now)
                break
            except (Full, Busy) as error:
                # What is at hand may hold half of the step.
                self._live.reload(now)
                self._telling.reload()
                self._pulse.stuck(str(error))
                # It waits for room, or for whoever holds the store; nobody would gain by a restart.
                self._pulse.alive(self._now())
                if isinstance(error, Busy) or not self._store.make_room():
                    self._pulse.rest(1.0)
                    if self._pulse.leaving:
                        raise
            except StoreError:
                self._live.reload(now)
                self._telling.reload()
                raise
        self._pulse.stuck("")
        self._pulse.calm()
        self._jump = 0
        self._upkeep = now
        self._after(turn, step, now)

    def _keep(self, name: str, blocks: Sequence[bytes], turn: _Turn) -> None:
        """Write lines to the evidence while they are in the cache; a full disk costs them this, not their alerts."""
        for block in blocks:
            try:
                self._evidence[name].write(block if block.endswith(b"\n") else block + b"\n")
            except OSError as error:
                self._unkept(name, error, turn, len(block))
            else:
                turn.evidence.add(name)
                turn.unsynced[name] += len(block)

    def _unkept(self, name: str, error: OSError, turn: _Turn, size: int) -> None:
        """Lines that could not be kept, and with them all since the last sync."""
        lost = size + turn.unsynced.pop(name, 0)
        turn.counts.setdefault(name, Counter())["evidence_lost"] += lost
        self._pulse.evidence(name, error.strerror or str(error))

    def _write(self, turn: _Turn) -> dict[str, Position]:
        """Evidence and quarantine, synced."""
        positions: dict[str, Position] = {}
        for name in turn.evidence:
            try:
                positions[f"segments:{name}"] = self._evidence[name].sync()
            except OSError as error:
                self._unkept(name, error, turn, 0)
            else:
                if turn.unsynced[name]:
                    self._pulse.evidence(name, "")
        if turn.refused:
            lines = b"".join(_encoded(one) for one in turn.refused)
            try:
                self._store.quarantine.write(lines)
                positions["segments:"] = self._store.quarantine.sync()
                self._pulse.evidence("quarantine", "")
            except OSError as error:
                self._pulse.evidence("quarantine", error.strerror or str(error))
        return positions

    def _note(self, turn: _Turn, step: Step, positions: Mapping[str, Position], now: int) -> None:
        progress = self._store.progress
        for source, marks in turn.marks.items():
            for stream, mark in marks.items():
                progress.mark(source, stream, mark)
        for source, stream in self._gone:
            progress.unmark(source, stream)
        for source, counts in turn.counts.items():
            progress.count(source, counts)
            if counts["records"]:
                progress.note(f"arrived:{source}", now)
        progress.count("", {"duplicates": step.duplicates, "late": step.late, "future": step.future})
        for name, position in positions.items():
            progress.note(name, position)
        for data in turn.observations:
            self._store.observed(data, COMPARED)
            if self._completing is not None:
                self._completing.observed(data)
        if self._completing is not None and self._completing.fed:
            progress.note(COMPLETING, self._completing.state())

    def _after(self, turn: _Turn, step: Step, now: int) -> None:
        """What follows from a commit."""
        self._gone = []
        for source in self.sources:
            marks = turn.marks.get(source.name, {})
            self._marks[source.name].update(marks)
            for stream in source.committed({stream: mark.position for stream, mark in marks.items()}):
                self._gone.append((source.name, stream))
                self._marks[source.name].pop(stream, None)
        latest = {name: max(one.latest() for one in streams.values()) for name, streams in turn.read.items()}
        self._pulse.record(latest, {name: counts["records"] for name, counts in turn.counts.items()}, now)
        self._pulse.committed(turn.bytes, step, now)
        self._telling.wake()

    def _forget(self, now: int) -> None:
        """Let go of what can matter no more. An act is known for a day, a webhook repeats a batch for two minutes."""
        self._forgot = now
        self._store.acts.forget(now - _DAY)
        self._store.set_aside()
        if now - self._pruned >= _PRUNE:
            self._pruned = now
            # Set ahead by mistake, the clock would make all evidence too old.
            at = now - max(0, self._jumps.ahead)
            threading.Thread(target=_prune, args=(self._store, at), name="prune", daemon=True).start()

    def settle(self) -> None:
        """Nothing more will come: what is held counts as it stands."""
        self._commit(_Turn(), self._now(), idle=True, ahead=_DAY)

    def close(self) -> None:
        """Stop all sources; tracers wait for nothing more."""
        if self._echoes is not None:
            self._echoes.close()
        for source in self.sources:
            source.close()


COMPLETING = "completing"
"""Under this name the state of `Completing` is kept."""
OBSERVATIONS = "observations"
"""The source of vedette's own observations."""


def _prune(store: Store, now: int) -> None:
    """A round of pruning; it waits behind everything else that wants the processor."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
    try:
        done = store.prune(now)
    except (OSError, StoreError) as error:
        _log.warning("the evidence could not be pruned", extra={"reason": str(error)})
        return
    if done is not None and done.over:
        _log.warning("more is kept than watch.evidence_size allows: it was not read yet", extra={"bytes": done.size})


def _encoded(one: Refused) -> bytes:
    kept: dict[str, object] = {"file": one.file, "line": one.line, "reason": one.reason}
    try:
        kept["raw"] = one.raw.decode()
    except UnicodeDecodeError:
        kept["raw_base64"] = one.raw
    return msgspec.json.encode(kept) + b"\n"
