"""Files whose content must not change unseen (K6): the audit policy, the static manifest of the API server."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Sequence
from hashlib import sha256

from vedette.observers.base import CannotLook, Look

LARGEST = 64 << 20
"""Bytes of a file that are read; what is watched here has some KB."""


class HashObserver:
    """Looks at files of this machine. The subject is `HOST:PATH`."""

    def __init__(self, name: str, paths: Sequence[str], *, every: float = 30.0, host: str = "") -> None:
        """`host`: what the machine is called; else what it calls itself."""
        self.name = name
        self.every = every
        self._paths = tuple(paths)
        self._host = host or socket.gethostname()
        self._seen: set[str] = set()
        """Files that were there at some time since the start."""

    def look(self) -> Sequence[Look]:
        """Hash and size of each file; `absent` for one that is not there. Raises CannotLook."""
        looks: list[Look] = []
        reasons: list[str] = []
        mends: dict[str, None] = {}
        for path in self._paths:
            try:
                value: dict[str, object] = _content(path)
                self._seen.add(path)
            except FileNotFoundError:
                value = {"sha256": None, "absent": True}
                if path not in self._seen:
                    # It may be gone, or never have been: a wrong path would otherwise be watched for ever.
                    reasons.append(f"{path}: there is no such file")
                    mends["correct paths"] = None
            except OSError as error:
                reasons.append(f"{path}: {error.strerror or error}")
                mends[_mend(error, path)] = None
                continue
            looks.append(Look("file_hash", f"{self._host}:{path}", value))
        if reasons:
            raise CannotLook("; ".join(reasons), "; ".join(mends), looks)
        return looks

    def close(self) -> None:
        """Nothing is held open."""


def _content(path: str) -> dict[str, object]:
    """Raises OSError."""
    # Not blocking: a pipe in the file's place must not hold the observer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "no regular file")
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError(0, f"more than {LARGEST >> 20} MB")
    return {"sha256": sha256(data).hexdigest(), "size": len(data)}


def _mend(error: OSError, path: str) -> str:
    if isinstance(error, PermissionError):
        return f"let vedette's user read it: setfacl -m u:vedette:r {path} (and x on the folders above)"
    return "name a regular, small file in paths"
