"""Writing: a settings file replaced as a whole, or left as it was."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from vedette.store.segments import sync_folder


class Changed(OSError):
    """Somebody else wrote the file in between."""


def read_text(path: Path) -> str:
    """The text of a file, line ends and byte order mark as they are. Raises OSError, UnicodeDecodeError."""
    return path.read_bytes().decode("utf-8")


def replace_text(path: Path, before: str, after: str) -> None:
    """Put `after` in place of `before`, by a file of its own that is renamed; mode and owner are kept.

    Raises Changed where the file holds something else by now, and OSError; the file is as it was then.
    """
    # A link leads to the file that somebody keeps, in a repository perhaps; the link is not the file.
    target = path.resolve(strict=True)
    status = target.stat()
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(after.encode("utf-8"))
            file.flush()
            if (os.fstat(descriptor).st_uid, os.fstat(descriptor).st_gid) != (status.st_uid, status.st_gid):
                os.fchown(descriptor, status.st_uid, status.st_gid)
            os.fchmod(descriptor, status.st_mode & 0o7777)
            os.fsync(descriptor)
        _same(target, before)
        fresh.replace(target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def _same(target: Path, before: str) -> None:
    if read_text(target) != before:
        raise Changed(0, "it was changed by somebody else meanwhile", str(target))
