"""The store as a whole: the database, the quarantine, and the room that is kept free for a full disk."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Any

import msgspec

from vedette.store.acts import Acts
from vedette.store.alerts import Alerts
from vedette.store.database import Database, StoreError
from vedette.store.outbox import Outbox
from vedette.store.progress import Progress
from vedette.store.segments import Limits, Segments

_BALLAST = 32 << 20
"""Bytes that are set aside, and given up when the disk is full, so that alerts can still be written."""
_SNAPSHOTS = frozenset({"policy"})
"""Kinds of observations of which every state is kept."""


class Store:
    """One folder: vedette.db, evidence/, spool/, quarantine/, ballast."""

    def __init__(self, folder: Path, window_act: Any, *, keep: float = 90 * 86400.0) -> None:
        """Opens, or makes, the store and keeps others out. `keep`: seconds that full segments are kept. Raises
        StoreError."""
        self.folder = folder
        self.keep = keep
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
        self.set_aside()

    def segments(self, *name: str) -> Segments:
        """A folder of segments. Raises OSError."""
        return Segments(self.folder.joinpath(*name), Limits(keep=self.keep))

    def observed(self, data: bytes) -> None:
        """Note what lines of observations say was seen, for the next look to be compared with."""
        for line in data.splitlines():
            try:
                seen = _decode(line)
            except msgspec.DecodeError:
                continue
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
        self.quarantine.close()
        self.database.close()
        os.close(self._lock)


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
