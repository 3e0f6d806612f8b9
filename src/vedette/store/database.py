"""The one SQLite file: opened, brought to its newest form, and guarded so that one thread at a time is in it."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw

from vedette.store.tables import MIGRATIONS

FILE = "vedette.db"
_SAFE = (3, 51, 3)
"""SQLite 3.7.0 to 3.51.2 may corrupt a database in WAL mode when a checkpoint meets a writer (sqlite.org/wal.html)."""
_PATIENCE_MS = 10_000


class StoreError(Exception):
    """The store cannot be used; `str()` says what to do."""


class Busy(StoreError):
    """Another process holds the store; what was asked was not done."""


class Full(StoreError):
    """The store could not be written: no space, or the disk failed. Nothing of the transaction is kept."""


class Database:
    """A connection that threads share, one at a time."""

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        """Opens, or makes, the store in `folder`. Raises StoreError."""
        version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
        if version < _SAFE:
            found = apsw.sqlite_lib_version()
            raise StoreError(
                f"SQLite {found} may lose data in WAL mode; install the package apsw, which brings its own"
            )
        self.path = folder / FILE
        self._lock = threading.RLock()
        if create:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite's own files take the mode of the database.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        else:
            _look(self.path)
        try:
            self._connection = apsw.Connection(str(self.path))
            self._connection.set_busy_timeout(_PATIENCE_MS)
            self._write_ahead()
            self._connection.pragma("synchronous", "full")
            # A reader that sleeps in a transaction must not let the log grow for ever.
            self._connection.pragma("journal_size_limit", 64 << 20)
            self._migrate()
        except apsw.Error as error:
            raise StoreError(f"{self.path}: {error}") from error

    def _write_ahead(self) -> None:
        """Turn to the write-ahead log. For that alone SQLite does not wait for others, whatever its busy timeout."""
        end = time.monotonic() + _PATIENCE_MS / 1000
        while True:
            try:
                self._connection.pragma("journal_mode", "wal")
            except apsw.BusyError:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.01)
            else:
                return

    def execute(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement; gives all its rows. Raises Busy, Full or StoreError."""
        with self._lock, _told(self.path):
            return list(self._connection.execute(sql, values))

    def last_row(self) -> int:
        """The id of the row that was inserted last."""
        return self._connection.last_insert_rowid()

    def changes(self) -> int:
        """How many rows the last statement changed."""
        return self._connection.changes()

    def data_version(self) -> int:
        """A number that is another one after somebody else, another process, has written."""
        return int(self.execute("PRAGMA data_version")[0][0])

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable behind it; other threads wait. Raises Busy, Full or StoreError."""
        with self._lock, _told(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # A full disk may have rolled back already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Let go of the file; what was committed stands."""
        with self._lock:
            self._connection.close()

    def _migrate(self) -> None:
        while (version := self._version()) < len(MIGRATIONS):
            with self.transaction():
                # Another process may have been at it as well, and first.
                if self._version() == version:
                    self._connection.execute(MIGRATIONS[version])
                    self._connection.execute(f"PRAGMA user_version = {version + 1}")
        if version > len(MIGRATIONS):
            raise StoreError(f"{self.path}: written by a newer vedette (form {version}); use that one")

    def _version(self) -> int:
        return int(next(iter(self._connection.execute("PRAGMA user_version")))[0])


def _look(path: Path) -> None:
    """Raises StoreError where there is no store that may be used."""
    try:
        owner = path.stat().st_uid
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError(f"{path}: no store here; `vedette watch` makes one, and --state says where it is") from None
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; run this as the user who runs `vedette watch`") from error
    if not os.access(path, os.R_OK | os.W_OK):
        if owner == os.geteuid():
            raise StoreError(f"{path}: it cannot be written; is the file system read-only?")
        raise StoreError(f"{path}: it belongs to {_user(owner)}: sudo -u {_user(owner)} vedette …")


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"#{number}"


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (apsw.FullError, apsw.IOError) as error:
        raise Full(f"{path}: {error}") from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise Busy(f"{path}: another process holds it") from error
    except apsw.Error as error:
        raise StoreError(f"{path}: {error}") from error
