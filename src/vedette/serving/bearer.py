"""Bearer tokens that are let in, from a file that is read anew when it changes."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Mapping
from pathlib import Path

from vedette.serving.tls import stamp


class Bearer:
    """The tokens of a file, one a line, so that the next can be let in before the last is gone. Safe to share."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: object = self
        self._tokens: tuple[bytes, ...] = ()
        self._trouble = ""

    def admits(self, headers: Mapping[str, str]) -> bool:
        """True when the request's headers (names in small letters) carry one of the tokens."""
        self._refresh()
        scheme, _, sent = headers.get("authorization", "").partition(" ")
        given = sent.strip().encode("latin-1", "replace")
        tokens = self._tokens
        # Every token is compared, so that the time tells nothing of which.
        fits = [hmac.compare_digest(token, given) for token in tokens]
        return scheme.lower() == "bearer" and any(fits)

    @property
    def trouble(self) -> str:
        """Why the file as it is now is not what is asked for; nothing while it is. The last good tokens stay."""
        self._refresh()
        return self._trouble

    def _refresh(self) -> None:
        with self._lock:
            now = stamp(self._path)
            if now == self._stamp and not self._trouble:
                return
            self._stamp = now
            try:
                tokens = tuple(Path(self._path).read_bytes().split())
            except OSError as error:
                self._trouble = f"{self._path}: {error.strerror}"
                return
            if tokens:
                self._tokens = tokens
            self._trouble = "" if tokens else f"{self._path}: empty"
