"""The store as a whole: the database, the quarantine, and the room that is kept free for a full disk."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from vedette.store.acts import Acts
from vedette.store.alerts import Alerts
from vedette.store.database import Database, StoreError
from vedette.store.drills import Drills
from vedette.store.outbox import Outbox
from vedette.store.progress import Progress
from vedette.store.retention import Pruned, Shelf, remove, rewrite
from vedette.store.segments import Segments

_BALLAST = 32 << 20
"""Bytes that are set aside, and given up when the disk is full, so that alerts can still be written."""
_SECOND = 1_000_000_000
_SNAPSHOTS = frozenset({"policy", "audit_devices"})
"""Kinds of observations of which every state is kept."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is kept, and for how long."""

    evidence_for: float = 90 * 86400.0
    """Seconds that finished segments are kept."""
    evidence_size: int = 20 << 30
    """Bytes that all segments may take together."""
    alerts_for: float = 400 * 86400.0
    """Seconds that closed alerts, and drills, are kept."""


class Store:
    """One folder: vedette.db, evidence/, spool/, quarantine/, ballast."""

    def __init__(self, folder: Path, window_act: Any, bounds: Bounds | None = None) -> None:
        """Opens, or makes, the store and keeps others out. Raises StoreError."""
        self.folder = folder
        self.bounds = bounds or Bounds()
        self._pruning = threading.Lock()
        self._closing = False
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _locked(folder)
            self.quarantine = self.segments("quarantine")
        except OSError as error:
            raise StoreError(f"{error.filename or folder}: {error.strerror}") from error
        self.database = Database(folder)
        self.progress = Progress(self.database)
        self.acts = Acts(self.database, window_act)
        self.alerts = Alerts(self.database)
        self.outbox = Outbox(self.database)
        self.drills = Drills(self.database)
        self.set_aside()

    def segments(self, *name: str) -> Segments:
        """A folder of segments. Raises OSError."""
        return Segments(self.folder.joinpath(*name))

    def prune(self, now: int) -> Pruned | None:
        """Let go of what is kept for long enough or takes too much room, and rewrite finished segments to take less.

        May take minutes, and may be called from a thread of its own; None where another call is at it, or the store
        is being closed. `now`: nanoseconds since 1970. Raises OSError, StoreError.
        """
        if not self._pruning.acquire(blocking=False):
            return None
        try:
            with self.database.transaction():
                before_that = now - int(self.bounds.alerts_for * _SECOND)
                self.alerts.forget(before_that)
                self.drills.forget(before_that)
            shelves = list(self._shelves())
            before = now / _SECOND - self.bounds.evidence_for
            rewritten = rewrite(shelves, self._room)
            removed, size = remove(shelves, before, self.bounds.evidence_size)
            return Pruned(removed, rewritten, size, size > self.bounds.evidence_size)
        except StoreError:
            if self._closing:
                return None
            raise
        finally:
            self._pruning.release()

    def _room(self, size: int) -> bool:
        return not self._closing and self.free() >= size + 4 * _BALLAST

    def _shelves(self) -> Iterator[Shelf]:
        """Every folder of segments, those of sources that the settings no longer name included."""
        yield Shelf(self.quarantine.folder, _segment(self.progress.noted("segments:")))
        for folder in _folders(self.folder / "evidence"):
            yield Shelf(folder, _segment(self.progress.noted(f"segments:{folder.name}")))
        for folder in _folders(self.folder / "spool"):
            marks = self.progress.marks(folder.name).values()
            # What was never read has no position.
            yield Shelf(folder, min((_segment(mark.position) or "" for mark in marks), default=""))

    def observed(self, data: bytes, compared: Collection[str]) -> None:
        """Note what lines of observations say was seen, for the next look to be compared with, and every state of what
        can be restored from it."""
        for line in data.splitlines():
            try:
                seen = _decode(line)
            except msgspec.DecodeError:
                continue
            if seen.observation in compared or seen.observation in _SNAPSHOTS:
                self.progress.observe(
                    seen.observation, seen.subject, seen.time, seen.value, snapshot=seen.observation in _SNAPSHOTS
                )

    def set_aside(self) -> bool:
        """Have the ballast in place; False where there is no room for it."""
        path = self.folder / "ballast"
        try:
            if path.exists() and path.stat().st_size >= _BALLAST:
                return True
            if self.free() < 4 * _BALLAST:
                return False
            with path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, _BALLAST)
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return False
        return True

    def make_room(self) -> bool:
        """Give the ballast up; False where there is none left."""
        path = self.folder / "ballast"
        try:
            path.unlink()
        except OSError:
            return False
        return True

    def free(self) -> int:
        """Bytes free in the folder's file system for an ordinary user."""
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize

    def close(self) -> None:
        """Let go of everything; what was committed stands."""
        self._closing = True
        self.quarantine.close()
        # A round of pruning ends within a block.
        waited = self._pruning.acquire(timeout=5.0)
        self.database.close()
        if waited:
            self._pruning.release()
        os.close(self._lock)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _segment(position: object) -> str | None:
    """The segment that a position points into, None where there is no position."""
    return str(position.get("segment", "")) if isinstance(position, Mapping) else None


class _Seen(msgspec.Struct):
    observation: str
    subject: str
    time: str
    value: Any


_decode = msgspec.json.Decoder(_Seen).decode


def _locked(folder: Path) -> int:
    """Keep a second daemon out of the folder."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreError(f"{folder}: another `vedette watch` runs here; give each its own --state") from None
    return descriptor
