"""The followed streams, and which file each of them is in now: told anew at every look.

A file is first asked for by device and inode, and believed only where its head and the bytes before the offset agree.
What no stream owns by that is compared with the streams that begin alike: it is the copy of one (rotated, compressed),
or it is new.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from vedette.sources.base import Trouble
from vedette.sources.follow_identity import (
    HEAD,
    Place,
    digest,
    ends_alike,
    family,
    group,
    packing,
    printable,
    real,
    same,
    tail,
    unpacked,
)
from vedette.sources.follow_lines import Unpacker, last_line_end
from vedette.sources.follow_look import Seen, View, unreadable
from vedette.sources.follow_track import LINGER, Descriptors, Track, open_file

_SKIP = 4 << 20
"""Bytes unpacked at once to compare a compressed file."""
_ALL = 1 << 62


class _Verdict(NamedTuple):
    """What a file without a stream of its own is, as long as it stays the same."""

    signature: tuple[int, int, int, int]
    of: Track | None = None
    """It is a copy of this; None: nothing that is wanted."""
    held: bool = False
    """It is a copy of what is still being read: to be judged again after that."""


@dataclass(slots=True)
class _Probe:
    """A compressed file that begins like some streams: it is unpacked to where they were read, and compared."""

    seen: Seen
    unpacker: Unpacker
    twins: list[Track]
    begin: bytes


class Roster:
    """All streams of one source."""

    def __init__(self, paths: Sequence[str], places: Sequence[Place], *, at_end: bool) -> None:
        self.tracks: dict[str, Track] = {}
        """By stream. In the order in which they were first seen."""
        self.news: list[Track] = []
        """Streams whose position was not given yet."""
        self.troubles: list[Trouble] = []
        """What could not be read at the last look."""
        self.descriptors = Descriptors()
        self._named = frozenset(paths)
        self._first = not places
        self._at_end = at_end
        self._before: set[tuple[int, int]] = set()
        self._verdicts: dict[tuple[int, int], _Verdict] = {}
        self._changed: dict[tuple[int, int], tuple[tuple[int, int, int, int], float]] = {}
        self._old: set[tuple[int, str]] = set()
        self._refused: set[tuple[int, int]] = set()
        self._before_paths: dict[str, int] | None = None
        self._probe: _Probe | None = None
        self._waiting: set[str] = set()
        self._heads: dict[int, dict[str, list[Track]]] | None = None
        """Streams by the length of their head and by its hash; made at a look when first asked for."""
        self._marks: dict[str, int] = {}
        self._now = self._wall = 0.0
        for place in sorted(places, key=lambda place: place.mtime):
            track = Track(place, group(place), place.real or place.path, kept=place.done)
            self.tracks[place.stream] = track

    def known(self) -> Iterator[str]:
        """Paths beside which rotated files may lie."""
        for track in self.tracks.values():
            yield track.place.path
            if track.place.real:
                yield track.place.real

    def settle(self, view: View, now: float, wall: float) -> None:
        """Find the file of each stream, and the streams of the other files."""
        self._now, self._wall = now, wall
        self.troubles, self._waiting, self._heads = [], set(), None
        self._marks = {}
        for track in self.tracks.values():
            self._marks[track.group] = max(self._marks.get(track.group, 0), track.place.mark)
        if self._first and self._at_end:
            self._before = set(view.files)
        owned: set[tuple[int, int]] = set()
        for track in sorted(
            self.tracks.values(), key=lambda track: (track.place.done, not track.open, -track.place.offset)
        ):
            self._find(track, view, owned)
        for seen in sorted(view.files.values(), key=lambda seen: seen.status.st_mtime_ns):
            if seen.identity not in owned:
                self._judge(seen, view)
        self._first = False
        self._note_old(view)
        for track in self.tracks.values():
            track.refused = False
            track.holding = track.group in self._waiting
            if track.lost is None:
                track.advance_mark(wall)
            elif track.holding:
                track.lost = now
        self._before &= view.files.keys()
        for identity in [*(self._verdicts.keys() - view.files.keys()), *(self._changed.keys() - view.files.keys())]:
            self._verdicts.pop(identity, None)
            self._changed.pop(identity, None)

    def _note_old(self, view: View) -> None:
        """At the first look, note how old the rotated files are beside paths that lead to nothing yet."""
        if self._before_paths is None:
            self._before_paths = {family(path): 0 for path in self._named}
            for seen in view.files.values():
                before = family(seen.path)
                if before in self._before_paths and not seen.matched:
                    self._before_paths[before] = max(self._before_paths[before], seen.status.st_mtime_ns + 1)

    def orphan(self, track: Track, now: float) -> Track:
        """Its file was truncated: what is in it now is a new stream; its own lines may be in a copy."""
        old = track.place
        place = Place(self._name(old.ino, b""), old.path, old.dev, old.ino, real=old.real)
        fresh = Track(place, track.group, track.where, track.descriptor, away=track.away, grown=now)
        fresh.seen_at = track.seen_at
        self.descriptors.note(fresh)
        track.descriptor = -1
        self.lose(track, now)
        self._add(fresh)
        return fresh

    def lose(self, track: Track, now: float) -> None:
        """No file is known to be this stream."""
        track.let_go()
        track.scanned = 0
        track.lost = now

    def probe(self, budget: int) -> int:
        """Compare a compressed file with what it may be a copy of, if one waits; how many bytes that took."""
        probe = self._probe
        if probe is None:
            return 0
        before, twin = probe.unpacker.at, probe.twins[0]
        # Of what is being read a copy may be of any length, so that all of it is compared.
        to = _ALL if twin.live else twin.place.offset
        if not probe.unpacker.skip(to, min(budget, _SKIP)):
            self._conclude(probe, twin)
        return max(1, probe.unpacker.at - before)

    def forget(self, stream: str) -> None:
        """Its position is kept no longer."""
        track = self.tracks.pop(stream)
        self._heads = None
        self._verdicts = {key: verdict for key, verdict in self._verdicts.items() if verdict.of is not track}

    def close(self) -> None:
        """Let go of all files."""
        for track in self.tracks.values():
            track.let_go()
        self._drop_probe()

    # Known streams

    def _find(self, track: Track, view: View, owned: set[tuple[int, int]]) -> None:
        place = track.place
        identity = (place.dev, place.ino)
        seen = view.files.get(identity)
        if track.descriptor >= 0 and not track.intact():
            # Before anything is judged: its copy is no copy of what its file holds now.
            track = self.orphan(track, self._now)
        if not track.open:
            holds = seen is not None and identity not in owned and self._holds(track, seen)
            if holds is False:
                if not place.done and track.lost is None and os.path.dirname(track.where) not in view.hidden:
                    self.lose(track, self._now)
                return
            if holds is True:
                track.lost = None
        owned.add(identity)
        if seen is not None:
            track.where, track.seen_at, track.newest = seen.path, self._wall, seen.status.st_mtime_ns
            if place.path == printable(seen.path):
                place.path = seen.path
        if place.done:
            if seen is not None and not place.packed and place.size > place.offset:
                self._revive(track, seen)
        else:
            self._move(track, view)

    def _holds(self, track: Track, seen: Seen) -> bool | None:
        """Whether a file is the stream's own; None where it cannot be read."""
        place = track.place
        if not place.head_len and seen.status.st_size:
            return False  # By its inode alone: it may be the copy of another.
        if place.signature() == seen.signature and (place.done or place.packed or track.asleep):
            return True
        if place.packed:
            return False
        descriptor = self._open(seen)
        if descriptor is None:
            return None
        try:
            holds = seen.status.st_size >= place.offset and same(place, descriptor)
        except OSError as error:
            self.troubles.append(unreadable(seen.path, error))
            os.close(descriptor)
            return None
        if not holds or place.done or not self.descriptors.keep(track, descriptor):
            os.close(descriptor)
        if not holds:
            return False
        place.size, place.mtime = seen.status.st_size, seen.status.st_mtime_ns
        return True

    def _move(self, track: Track, view: View) -> None:
        """Tell whether its path still leads to it."""
        place = track.place
        before = family(place.path)
        if os.path.dirname(place.path) in view.hidden:
            return
        away = view.paths.get(place.path) != (place.dev, place.ino) or (before != place.path and before in view.paths)
        if away and not track.away:
            track.grown = self._now
        track.away = away

    def _revive(self, track: Track, seen: Seen) -> Track:
        """What was ended goes on: as a stream of its own, from where the other ended."""
        place = replace(track.place, stream=self._unused(track.place.stream.partition("~")[0]), done=False)
        if seen.matched:
            place.path, place.real = seen.path, real(seen.path)
        track.place.size = track.place.offset
        fresh = Track(place, group(place), seen.path, grown=self._now, seen_at=self._wall, away=not seen.matched)
        self._add(fresh)
        return fresh

    # Other files

    def _judge(self, seen: Seen, view: View) -> None:
        verdict = self._verdicts.get(seen.identity)
        if verdict is not None and verdict.signature == seen.signature:
            if verdict.of is None:
                return
            verdict.of.seen_at = self._wall
            if not verdict.held or verdict.of.live:
                return
        if not seen.status.st_size and not (seen.matched and seen.path == unpacked(seen.path)):
            return  # What is empty may yet become anything.
        descriptor = self._open(seen)
        if descriptor is None:
            if self._wanted(seen):
                self._refused.add(seen.identity)
            return
        try:
            kept = self._compare(seen, descriptor, view)
        except OSError as error:
            self.troubles.append(unreadable(seen.path, error))
            kept = False
        if not kept:
            os.close(descriptor)

    def _compare(self, seen: Seen, descriptor: int, view: View) -> bool:
        """Judge a file by its begin; whether its descriptor is kept."""
        begin = os.pread(descriptor, HEAD, 0)
        kind = packing(begin)
        if not kind:
            return self._judge_plain(seen, descriptor, begin, view)
        if kind != "other":
            return self._judge_packed(seen, descriptor, kind, view)
        if seen.path in self._named:
            mend = "compress with gzip or zstd, or take it out of `paths`"
            self.troubles.append(Trouble(seen.path, "is compressed in a way that is not read", mend))
        else:
            self._verdicts[seen.identity] = _Verdict(seen.signature)
        return False

    def _judge_plain(self, seen: Seen, descriptor: int, begin: bytes, view: View) -> bool:
        size = seen.status.st_size
        track: Track | None = None
        for twin in self._twins(begin):
            if twin.live:
                if self._copy_of_live(twin, size, tail(descriptor, size)):
                    self._verdicts[seen.identity] = _Verdict(seen.signature, twin, held=True)
                    break
            elif twin.place.passed:
                self._verdicts[seen.identity] = _Verdict(seen.signature, twin)
                break
            elif size >= twin.place.offset and ends_alike(twin.place, descriptor):
                track = self._is_copy(twin, seen, view, longer=size > twin.place.offset)
                break
        else:
            track = self._unknown(seen, begin, view, descriptor=descriptor)
        return track is not None and self.descriptors.keep(track, descriptor)

    def _judge_packed(self, seen: Seen, descriptor: int, kind: str, view: View) -> bool:
        if self._changing(seen) or self._probe is not None:
            self._waiting.add(family(seen.path))
            return False
        unpacker = Unpacker(descriptor, kind)
        begin = unpacker.head()
        twins = self._twins(begin) if begin else []
        if not twins:
            fault = unpacker.fault
            unpacker.close()
            if begin:
                self._unknown(seen, begin, view, packed=True)
            elif fault and seen.matched:
                self.troubles.append(Trouble(seen.path, fault, "see what writes it; it is tried again when it changes"))
            else:
                self._verdicts[seen.identity] = _Verdict(seen.signature)
        elif twins[0].place.passed or (twins[0].live and (twins[0].place.packed or twins[0].away)):
            unpacker.close()
            self._verdicts[seen.identity] = _Verdict(seen.signature, twins[0], held=not twins[0].place.passed)
        else:
            self._probe = _Probe(seen, unpacker, twins, begin)
            self._waiting.add(family(seen.path))
        return True

    def _conclude(self, probe: _Probe, twin: Track) -> None:
        unpacker, seen = probe.unpacker, probe.seen
        if twin.live:
            alike = not unpacker.more() and self._copy_of_live(twin, unpacker.at, unpacker.tail)
        elif unpacker.at > twin.place.offset:
            self._drop_probe()  # It was live a moment ago; judged anew at the next look.
            return
        else:
            alike = unpacker.at == twin.place.offset and digest(unpacker.tail) == twin.place.tail
        if alike and twin.live:
            self._verdicts[seen.identity] = _Verdict(seen.signature, twin, held=True)
        elif alike:
            twin.place.learn(probe.begin)
            self._is_copy(twin, seen, None, longer=unpacker.more(), packed=True)
        elif probe.twins[1:]:
            try:
                fresh = open_file(seen.path, seen.identity)
            except OSError:
                self._drop_probe()
                return
            kind = packing(os.pread(fresh, HEAD, 0))
            unpacker.close()
            probe.unpacker, probe.twins = Unpacker(fresh, kind), probe.twins[1:]
            return
        else:
            self._unknown(seen, probe.begin, None, packed=True)
        self._drop_probe()

    def _drop_probe(self) -> None:
        if self._probe is not None:
            self._probe.unpacker.close()
            self._probe = None

    def _is_copy(
        self, twin: Track, seen: Seen, view: View | None, *, longer: bool, packed: bool = False
    ) -> Track | None:
        """A file holds what was read of a stream that has no file, or has ended: what reads it on, if there is more."""
        if twin.place.done and not longer:
            self._verdicts[seen.identity] = _Verdict(seen.signature, twin)
            if twin.seen_at < self._wall:
                twin.bind(seen, packed=packed, now=self._now)
            twin.seen_at = self._wall
            return None
        track = self._revive(twin, seen) if twin.place.done else twin
        track.bind(seen, packed=packed, now=self._now)
        track.seen_at = self._wall
        track.away = True
        if view is not None:
            self._move(track, view)
        return track

    def _unknown(
        self, seen: Seen, begin: bytes, view: View | None, *, descriptor: int = -1, packed: bool = False
    ) -> Track | None:
        """A file that belongs to no stream: a new one, if it is wanted."""
        begins = (len(begin), digest(begin))
        if not seen.matched and (begins in self._old or not self._wanted(seen)):
            # Known by its head as well: some compress later, under a new time.
            self._old.add(begins)
            self._verdicts[seen.identity] = _Verdict(seen.signature)
            return None
        place = Place(self._name(seen.status.st_ino, begin), seen.path, real=real(seen.path))
        place.learn(begin)
        track = Track(place, group(place), seen.path, seen_at=self._wall)
        track.bind(seen, packed=packed, now=self._now)
        if seen.identity in self._before:
            self._before.discard(seen.identity)
            if packed:
                place.passed = place.done = True
            else:
                place.offset = last_line_end(descriptor, seen.status.st_size)
                place.tail = digest(tail(descriptor, place.offset))
        self._refused.discard(seen.identity)
        self._add(track)
        if view is not None:
            self._move(track, view)
        return track

    def _wanted(self, seen: Seen) -> bool:
        """Whether a rotated file that nothing names was written after what is known of its log: while nobody looked."""
        before = family(seen.path)
        mark = self._marks.get(before, (self._before_paths or {}).get(before))
        return seen.identity in self._refused or (mark is not None and seen.status.st_mtime_ns >= mark)

    def _changing(self, seen: Seen) -> bool:
        """Whether a compressed file may still be written: it changed in the last seconds."""
        if self._wall - seen.status.st_mtime > LINGER:
            return False
        signature, since = self._changed.get(seen.identity, (None, 0.0))
        if signature != seen.signature:
            self._changed[seen.identity] = (seen.signature, self._now)
            return True
        return self._now - since < LINGER

    def _copy_of_live(self, twin: Track, size: int, last: bytes) -> bool:
        """Whether a file of that size with those last bytes is a copy, or the begin of one, of what is being read.

        What a compressed file holds is not known before its end, so that a copy of one is judged after that.
        """
        if twin.place.packed:
            return True
        try:
            own = os.dup(twin.descriptor) if twin.descriptor >= 0 else open_file(twin.where, twin.identity)
        except OSError:
            return False
        try:
            if not same(twin.place, own):
                return True  # It was truncated just now, which the next look will see.
            return os.fstat(own).st_size >= size and tail(own, size) == last
        except OSError:
            return True
        finally:
            os.close(own)

    def _twins(self, begin: bytes) -> list[Track]:
        """The streams that begin like this: first those that look for their file, last those that have ended."""
        if self._heads is None:
            self._heads = {}
            for track in self.tracks.values():
                self._index(track)
        found = [
            track
            for length, heads in self._heads.items()
            if length <= len(begin)
            for track in heads.get(digest(begin[:length]), ())
        ]
        return sorted(found, key=lambda track: (track.place.done, track.lost is None, -track.place.offset))

    def _add(self, track: Track) -> None:
        self.tracks[track.place.stream] = track
        self.news.append(track)
        self._index(track)

    def _index(self, track: Track) -> None:
        if self._heads is not None and track.place.head_len:
            self._heads.setdefault(track.place.head_len, {}).setdefault(track.place.head, []).append(track)

    def _name(self, ino: int, begin: bytes) -> str:
        line = begin.partition(b"\n")[0]
        return self._unused(f"{ino:x}-{digest(line)[:12]}")

    def _unused(self, stream: str) -> str:
        name, number = stream, 1
        while name in self.tracks:
            number += 1
            name = f"{stream}~{number}"
        return name

    def _open(self, seen: Seen) -> int | None:
        try:
            return open_file(seen.path, seen.identity)
        except FileNotFoundError:
            return None
        except OSError as error:
            self.troubles.append(unreadable(seen.path, error))
            return None
