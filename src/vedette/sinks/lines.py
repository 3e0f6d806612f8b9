"""A file of JSON lines, or standard output: one line a notification, durable before it counts as told."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from vedette.notification import Notification
from vedette.sinks.base import NotDelivered
from vedette.sinks.record import encoded

_STDOUT = 1
_LASTING = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.ENOENT,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EPIPE,
        errno.EBADF,
    }
)
"""Errors that do not pass by themselves; a full disk (ENOSPC, EDQUOT) and a sick one (EIO) may."""


class Lines:
    """One file, made with mode 0600; opened anew when it was rotated away. `-` is standard output."""

    batch = 1
    resend = 0.0
    hold = 0.0

    def __init__(self, name: str, path: str) -> None:
        """As the settings' keys. The file is opened by the first `send`."""
        self.name = name
        self._path = path
        self._file = -1
        self._torn = False
        self._begun = False
        """Bytes of the last line were written, and perhaps all: it may be read there though it is not durable."""

    def send(self, notifications: Sequence[Notification]) -> str:
        """Append a line for each; gives no receipt. Raises NotDelivered."""
        try:
            for notification in notifications:
                self._append(encoded(notification) + b"\n")
        except OSError as error:
            raise NotDelivered(
                error.strerror or "cannot be written", dead=error.errno in _LASTING, perhaps=self._begun
            ) from None
        return ""

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self._file > _STDOUT:
            os.close(self._file)
        self._file = -1

    def _append(self, line: bytes) -> None:
        self._begun = False
        if self._path == "-":
            self._file = _STDOUT
        elif self._file < 0 or not self._is_there():
            self.close()
            self._open()
        # A line that a failed write left unfinished is ended first, so that it spoils no other.
        data = b"\n" + line if self._torn else line
        written = 0
        while written < len(data):  # once, unless the disk fills up within the line
            written += os.write(self._file, data[written:])
            self._torn = written < len(data)
            self._begun = True
        if self._file != _STDOUT:
            self._sync()

    def _sync(self) -> None:
        try:
            os.fsync(self._file)
        except OSError as error:
            if error.errno == errno.EINVAL:  # a pipe or a device: nothing to sync
                return
            # After a failed fsync the kernel takes the pages for clean; only what is written anew is synced.
            self.close()
            raise

    def _is_there(self) -> bool:
        """True while the path still names the open file."""
        try:
            named = Path(self._path).stat()
        except OSError:
            return False
        opened = os.fstat(self._file)
        return (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)

    def _open(self) -> None:
        # O_NONBLOCK: to open a named pipe that nobody reads must fail, not hang.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        self._file = os.open(self._path, flags, 0o600)
        status = os.fstat(self._file)
        self._torn = stat.S_ISREG(status.st_mode) and status.st_size > 0 and not self._ends_a_line(status.st_size)

    def _ends_a_line(self, size: int) -> bool:
        """True when the last of `size` bytes is a line end, or cannot be read."""
        try:
            reader = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return True
        try:
            return os.pread(reader, 1, size - 1) == b"\n"
        finally:
            os.close(reader)
