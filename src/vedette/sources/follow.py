"""Follow: log files that are read as they grow, through every kind of rotation.

What is promised: each whole line of a file that is renamed, compressed or removed after it was seen is given, in its
order, once; after a crash it is given again from the last position that was committed. A file is known by what is in it
(follow_identity.py), so that a rotated or compressed file is read on, and not read twice.

What copytruncate cannot promise: lines that are written between the rotator's copy and its truncation are in neither
file, and nobody can read them. Nor can those be read that were truncated before they were read where no copy was left
(`rotate 0`, `> file`), or where it lies in a folder that `paths` does not name; a trouble says how many bytes.
A file of which nothing but its first `HEAD` bytes and those before the offset are as before is taken for unchanged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from vedette.sources.base import Piece, Position, Trouble
from vedette.sources.files import STDIN
from vedette.sources.follow_identity import Place, parse
from vedette.sources.follow_lines import CUT, LONGEST_LINE
from vedette.sources.follow_look import look, unreadable
from vedette.sources.follow_roster import Roster
from vedette.sources.follow_track import LINGER, State, Step, Track

PIECE = 1 << 20
"""Bytes given at once of one file."""
_EVERY = 1.0
"""Seconds between two looks at what files there are."""
_UNPACKED = 2
"""Compressed files that are read at once."""
_TOLD = 3600.0
"""Seconds for which it is told what happened once, and a finished stream's position is kept after its file is gone."""


class Follow:
    """The files that `paths` (files, folders, globs) name; meets `base.Source`.

    `start="end"` passes over what is there before the first start, which is one without stored positions; all else is
    read from its begin. Beside the named files their rotated ones are read, but of those only what is known and not
    read to its end, or was written after what is known.

    A stream's first piece may be empty: its position says that the file is known.
    """

    keeps_evidence = False

    def __init__(
        self,
        name: str,
        paths: Sequence[str],
        *,
        start: str = "begin",
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._paths = tuple(paths)
        self._at_end = start == "end"
        self._clock, self._wall = clock, wall
        self._roster = Roster(self._paths, (), at_end=self._at_end)
        self._next_look = float("-inf")
        self._groups: list[list[Track]] = []
        self._unpacking: list[Track] = []
        self._turn = 0
        self._seen_troubles: list[Trouble] = []
        self._step_troubles: dict[str, Trouble] = {}
        self._told: dict[tuple[str, str], tuple[float, Trouble]] = {}
        self._missing: dict[str, float] = {}
        self._there: set[str] = set()

    def resume(self, positions: Mapping[str, Position]) -> None:
        """Go on from these positions; what is none of ours is told, and its file begun by the start rule."""
        places: list[Place] = []
        for stream, position in positions.items():
            place = parse(stream, position)
            if place is not None:
                places.append(place)
            else:
                mend = "nothing need be done: it is begun as a new one is (`start`)"
                self._tell(Trouble(str(stream), "its stored position was written by another version", mend))
        self._roster = Roster(self._paths, places, at_end=self._at_end)

    def poll(self, limit: int) -> Sequence[Piece]:
        """What has arrived: of each file a piece of up to 1 MB in turn, until `limit` bytes are given."""
        now = self._clock()
        if now >= self._next_look:
            self._look(now)
        left = max(1, limit)
        while left > 0 and (cost := self._roster.probe(left)):
            left -= cost
        pieces = self._announced()
        for track in [track for group in self._groups for track in group if track.lost is not None]:
            if now - (track.lost or 0.0) >= LINGER:
                pieces.append(self._give_up(track))
        self._turn += 1
        groups = self._groups[self._turn % max(1, len(self._groups)) :]
        groups += self._groups[: len(self._groups) - len(groups)]
        # What is left after whole lines is not worth a piece.
        least = min(limit, PIECE) // 64
        while groups and left > least:
            busy: list[list[Track]] = []
            for group in groups:
                cost, more = self._advance(group, min(PIECE, left), now, pieces)
                left -= cost
                if more:
                    busy.append(group)
                if left <= least:
                    break
            groups = busy
        if left <= 0 and not pieces:
            # A line's end was looked for and not found yet. An empty piece says that there is more.
            live = [track for group in self._groups for track in group if track.live]
            pieces += [track.piece(b"") for track in live[:1]]
        return pieces

    def committed(self, positions: Mapping[str, Position]) -> Sequence[str]:
        """Gives the streams that are finished and whose file is gone for an hour."""
        tracks = self._roster.tracks
        for stream, position in positions.items():
            if stream in tracks and position.get("done") is True:
                tracks[stream].kept = True
        before = self._wall() - _TOLD
        gone = [stream for stream, track in tracks.items() if track.kept and track.seen_at < before]
        for stream in gone:
            self._roster.forget(stream)
        return gone

    def behind(self) -> int:
        """Bytes of plain files that wait."""
        return sum(track.waiting for track in self._roster.tracks.values())

    def troubles(self) -> Sequence[Trouble]:
        """What cannot be read now, and for an hour what was lost."""
        now = self._clock()
        self._told = {key: (until, trouble) for key, (until, trouble) in self._told.items() if until > now}
        told = [trouble for _, trouble in self._told.values()]
        found = [*self._seen_troubles, *self._roster.troubles, *self._step_troubles.values(), *told]
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Let go of all descriptors."""
        self._roster.close()
        self._groups = []

    def _look(self, now: float) -> None:
        self._next_look = now + _EVERY
        wall = self._wall()
        view = look(self._paths, self._roster.known())
        for track in self._roster.tracks.values():
            track.seen_at = track.seen_at or wall
        self._roster.settle(view, now, wall)
        self._step_troubles = {}
        self._seen_troubles = [trouble for trouble in view.troubles if not self._passing(trouble, now)]
        if STDIN in self._paths:
            mend = "name files; vedette scan reads standard input"
            self._seen_troubles.append(Trouble(STDIN, "standard input cannot be followed", mend))
        self._there.update(path for path in self._paths if path in view.paths)
        self._missing = {trouble.subject: self._missing.get(trouble.subject, now) for trouble in view.troubles}
        self._arrange()

    def _passing(self, trouble: Trouble, now: float) -> bool:
        """Whether a file may be missing but for the moment in which it is rotated."""
        since = self._missing.get(trouble.subject, now)
        return trouble.subject in self._there and trouble.message.startswith("no ") and now - since < LINGER

    def _arrange(self) -> None:
        """Put the streams in groups, one for each log, first what rotation took away."""
        groups: dict[str, list[Track]] = {}
        for track in self._roster.tracks.values():
            if not track.place.done:
                groups.setdefault(track.group, []).append(track)
        for group in groups.values():
            group.sort(key=lambda track: not (track.away or track.place.packed or track.lost is not None))
        self._groups = list(groups.values())

    def _announced(self) -> list[Piece]:
        news, self._roster.news = self._roster.news, []
        if news:
            self._arrange()
        return [track.piece(b"") for track in news]

    def _advance(self, group: list[Track], limit: int, now: float, pieces: list[Piece]) -> tuple[int, bool]:
        """One step with the first stream of a log that has something; what it cost, and whether more may wait."""
        total = 0
        for track in group:
            if not track.live or track.refused or not self._may_unpack(track):
                continue
            try:
                closed = track.descriptor < 0
                step = track.step(limit, now)
                if closed and track.descriptor >= 0:
                    self._roster.descriptors.note(track)
            except OSError as error:
                track.let_go()
                track.refused = True
                if not isinstance(error, FileNotFoundError):
                    self._step_troubles[track.where] = unreadable(track.where, error)
                continue
            self._note(track, step)
            total += step.cost
            if step.piece is not None:
                pieces.append(step.piece)
            if step.state is State.OTHER:
                self._other(track, now, pieces)
                return total, False
            if step.state is State.MORE:
                return total, True
        return total, False

    def _may_unpack(self, track: Track) -> bool:
        """Whether another compressed file may be begun: each holds memory until it is read."""
        if not track.place.packed or track.unpacker is not None:
            return True
        self._unpacking = [other for other in self._unpacking if other.unpacker is not None]
        if len(self._unpacking) >= _UNPACKED:
            return False
        self._unpacking.append(track)
        return True

    def _note(self, track: Track, step: Step) -> None:
        path = track.place.path
        if step.cut:
            message = f"a line of more than {LONGEST_LINE >> 20} MB was cut to its first {CUT >> 10} KB"
            self._tell(Trouble(path, message, "see what writes it"))
        if step.fault:
            self._tell(Trouble(track.where, step.fault, "all before it was read; see whether the disk was full"))

    def _other(self, track: Track, now: float, pieces: list[Piece]) -> None:
        """The file is not what it was: look at once for where the rest may be."""
        if not track.place.head_len:
            pieces.append(track.end())  # It was empty, and is compressed.
            self._arrange()
        elif track.place.packed:
            self._roster.lose(track, now)
        else:
            self._roster.orphan(track, now)
        self._next_look = now

    def _give_up(self, track: Track) -> Piece:
        lost = track.place.size - track.place.offset
        if lost > 0 and not track.place.packed:
            message = f"{lost} bytes or more were gone before they were read"
            mend = "keep rotated files for a day, and rotate by renaming (logrotate's `create`)"
            self._tell(Trouble(track.place.path, message, mend))
        for group in self._groups:
            if track in group:
                group.remove(track)
        return track.end()

    def _tell(self, trouble: Trouble) -> None:
        self._told[trouble.subject, trouble.message] = (self._clock() + _TOLD, trouble)
