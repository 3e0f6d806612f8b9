"""Which files there are: those that the paths name, and beside them what rotation made of such files."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vedette.sources.base import Trouble
from vedette.sources.files import STDIN, discover
from vedette.sources.follow_identity import family

_CANNOT_READ = "let the user that vedette runs as read it (its group, or `setfacl -m u:USER:r`)"


class Seen(NamedTuple):
    """A regular file."""

    path: str
    status: os.stat_result
    matched: bool
    """The paths name it; else it only lies beside one that they name."""

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        return (self.status.st_dev, self.status.st_ino)

    @property
    def signature(self) -> tuple[int, int, int, int]:
        """What changes when the file does."""
        return (*self.identity, self.status.st_size, self.status.st_mtime_ns)


class View(NamedTuple):
    """What there was at one moment."""

    files: dict[tuple[int, int], Seen]
    """By device and inode: a file of several names stands there once, by the first."""
    paths: dict[str, tuple[int, int]]
    """Each regular file's path."""
    troubles: list[Trouble]
    hidden: set[str]
    """Folders that are there and could not be listed: nothing can be said of their files."""


def look(paths: Sequence[str], known: Iterable[str]) -> View:
    """Look at what `paths` name and at the rotated files beside them and beside the `known` paths."""
    troubles: list[Trouble] = []
    try:
        found, problems = discover([path for path in paths if path != STDIN])
    except (OSError, ValueError) as error:
        found, problems = [], [f"{', '.join(paths)}: {error}"]
    for problem in problems:
        subject, _, message = problem.rpartition(": ")
        troubles.append(Trouble(subject, message, _mend(message)))
    view = View({}, {}, troubles, set())
    for path in found:
        _see(view, path, matched=True)
    folders: dict[str, set[str]] = {}
    plain = (path for path in paths if path != STDIN and not glob.has_magic(path) and not os.path.isdir(path))
    for path in {*found, *known, *plain}:
        folder, base = os.path.split(family(path))
        folders.setdefault(folder, set()).add(base)
    for folder, bases in folders.items():
        _beside(view, folder, bases)
    return view


def _see(view: View, path: str, *, matched: bool) -> None:
    if path in view.paths:
        return
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        view.hidden.add(os.path.dirname(path))
        if matched:
            view.troubles.append(unreadable(path, error))
        return
    if not stat.S_ISREG(status.st_mode):
        if matched:
            message = "is no regular file"
            mend = "name a file: what a pipe or a device gave cannot be read again"
            view.troubles.append(Trouble(path, message, mend))
        return
    seen = Seen(path, status, matched)
    view.paths[path] = seen.identity
    view.files.setdefault(seen.identity, seen)


def _beside(view: View, folder: str, bases: set[str]) -> None:
    """See the rotated files in a folder."""
    try:
        names = os.listdir(folder or ".")
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError):
        view.hidden.add(folder)
        return
    for name in sorted(names):
        if name not in bases and os.path.basename(family(name)) in bases:
            _see(view, os.path.join(folder, name), matched=False)


def unreadable(path: str, error: Exception) -> Trouble:
    """A file or folder that the system refuses."""
    message = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return Trouble(path, message, _mend(message))


def _mend(message: str) -> str:
    if message == "Permission denied":
        return _CANNOT_READ
    if message.startswith("no "):
        return "create it, or correct the source's `paths`; it is looked for again every second"
    return "see why the system refuses it; it is tried again every second"
