"""Observing: observers look on their schedules; what they saw becomes lines in the spool of observations."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from vedette.observers.base import CannotLook, Look, Observer
from vedette.sources.base import Piece, Position, Spool, Trouble
from vedette.stamp import stamp as now_stamp
from vedette.watch.pulse import Pulse

_log = logging.getLogger("vedette.observing")
COMPARED = frozenset({"seal_status", "audit_devices", "file_hash", "counter"})
"""Kinds whose rules ask what was seen the time before; of the others nothing need be remembered."""


class Observing:
    """Looks in a thread of its own for each observer, and is the source that gives what they saw."""

    keeps_evidence = True

    def __init__(self, name: str, spool: Spool, seen: Mapping[tuple[str, str], Any], pulse: Pulse) -> None:
        """`seen`: (kind, subject) -> the value of a compared kind seen last, as the store has it."""
        self.name = name
        self._spool = spool
        self._seen = dict(seen)
        self._pulse = pulse
        self._lock = threading.Lock()
        self._position: Position | None = None
        self._fault = ""

    def start(self, observers: Sequence[Observer]) -> None:
        """Begin to look. Called once everything in the spool was read, so that `seen` is what was seen last."""
        for observer in observers:
            name = f"observer-{observer.name}"
            threading.Thread(target=self._look_on, args=(observer,), name=name, daemon=True).start()

    def update(self, seen: Mapping[tuple[str, str], Any]) -> None:
        """Take what the store has as seen last."""
        with self._lock:
            self._seen.update(seen)

    def write(self, looks: Sequence[Look], stamp: str = "") -> None:
        """Write what was seen, now or at the time `stamp` (RFC 3339), each with what was seen the time before. Raises
        OSError."""
        stamp = stamp or now_stamp(time.time_ns())
        with self._lock:
            lines = []
            for look in looks:
                key = (look.kind, look.subject)
                record: dict[str, object] = {"observation": look.kind, "time": stamp, "subject": look.subject}
                if key in self._seen:
                    record["previous"] = self._seen[key]
                record["value"] = look.value
                lines.append(msgspec.json.encode(record) + b"\n")
            if lines:
                self._spool.append(b"".join(lines))
            for look in looks:
                if look.kind in COMPARED:
                    self._seen[look.kind, look.subject] = look.value

    def _look_on(self, observer: Observer) -> None:
        while not self._pulse.stopping:
            self.look(observer)
            self._pulse.wait(observer.every)
        observer.close()

    def look(self, observer: Observer) -> None:
        """Look once."""
        try:
            looks: Sequence[Look] = ()
            try:
                looks = observer.look()
            except CannotLook as error:
                self._pulse.observer(observer.name, str(error), error.mend)
                looks = error.looks
            else:
                self._pulse.observer(observer.name, "")
            self.write(looks)
        except OSError as error:
            again = getattr(observer, "again", None)
            if again is not None:
                # It gives what is new only, and what it gave just now was not kept.
                again()
            self._pulse.observer(observer.name, error.strerror or str(error), "make room in the state folder")
        except Exception as error:  # noqa: BLE001 - told, and tried again
            # An observer that ends silently would be a second source that nobody misses.
            _log.exception("the observer failed", extra={"observer": observer.name})
            self._pulse.observer(observer.name, f"a fault of vedette ({type(error).__name__})", "please report it")

    # The source.

    def resume(self, positions: Mapping[str, Position]) -> None:
        """Go on where the last run was committed."""
        self._position = positions.get("spool")

    def poll(self, limit: int) -> Sequence[Piece]:
        """What was observed since."""
        try:
            read = self._spool.read(self._position, limit)
        except OSError as error:
            self._fault = error.strerror or str(error)
            return ()
        self._fault = ""
        pieces = [Piece("spool", path, data, position) for data, position, path in read]
        if pieces:
            self._position = pieces[-1].position
        return pieces

    def committed(self, positions: Mapping[str, Position]) -> Sequence[str]:  # noqa: ARG002 - as Source says
        """Nothing to do; the spool keeps its segments as evidence."""
        return ()

    def behind(self) -> int:
        """Bytes of the spool that wait."""
        try:
            return self._spool.waiting(self._position)
        except OSError:
            return 0

    def troubles(self) -> Sequence[Trouble]:
        """A spool that cannot be read; what cannot be looked at is a finding of its own kind."""
        if not self._fault:
            return ()
        mend = "look at the state folder and its disk"
        return (Trouble(self.name, f"the spool cannot be read: {self._fault}", mend),)

    def close(self) -> None:
        """The threads end with the watcher."""
