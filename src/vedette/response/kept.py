"""Kept: the evidence of a store from a time on, and how much of it was read. A daemon may be writing to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vedette.store.segments import frames, names

_SECOND = 1_000_000_000
LEEWAY = 3600
"""Seconds that the clock of who wrote a record may be ahead of the one that stamps the segment. Even on one machine a
file's time is that of the last tick, some milliseconds behind the record's."""


def reaches(written: float, since: int) -> bool:
    """Whether a segment that was last written then (seconds since 1970) may hold acts from `since` on (ns)."""
    return (written + LEEWAY) * _SECOND >= since


@dataclass(slots=True)
class Kept:
    """The segments that may hold acts from `since` on. Raises OSError where a folder cannot be listed."""

    folder: Path
    """Of the store."""
    since: int
    """Nanoseconds since 1970 UTC."""
    size: int = 0
    """Bytes of lines, read so far."""
    files: int = 0
    events: int = 0
    troubles: list[str] = field(default_factory=list)
    """What could not be read, a clause each."""

    def sources(self) -> list[tuple[str, Path]]:
        """Name and folder of each source that keeps something: evidence, or a spool that stands for it."""
        found = []
        for shelf in ("evidence", "spool"):
            place = self.folder / shelf
            if place.is_dir():
                found += [(one.name, one) for one in sorted(place.iterdir()) if one.is_dir()]
        return found

    def blocks(self, place: Path) -> Iterator[bytes]:
        """The lines of one source, oldest first, in whole blocks."""
        for name in names(place):
            path = place / name
            status = path.stat()
            # What was written last before then holds nothing later, but for a clock that was set.
            if not reaches(status.st_mtime, self.since):
                continue
            self.files += 1
            end = 0
            for block, behind in frames(path, 0):
                self.size += len(block)
                end = behind
                yield block
            if end < status.st_size:
                self.troubles.append(f"{path}: cannot be read behind byte {end:,}")
