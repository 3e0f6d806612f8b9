"""Heartbeat: a sign of life for a dead-man's switch, sent only while the whole way from log to sink is well."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

from vedette.watch.pulse import Pulse

_log = logging.getLogger("vedette.heartbeat")


class Heartbeat(threading.Thread):
    """Calls `beat` every so often as long as nothing is wrong."""

    def __init__(
        self, every: float, checks: Callable[[], Iterator[tuple[str, str]]], beat: Callable[[], str], pulse: Pulse
    ) -> None:
        """`every`: seconds. `checks`: check -> what is wrong. `beat`: sends it; gives why it could not, or nothing."""
        super().__init__(name="heartbeat", daemon=True)
        self._every = every
        self._checks = checks
        self._beat = beat
        self._pulse = pulse
        self.sent = 0
        self.reason = ""
        """Why the last one was not sent, or nothing."""

    def run(self) -> None:
        """Until the watcher ends."""
        while not self._pulse.stopping:
            self.once()
            self._pulse.wait(self._every)

    def once(self) -> None:
        """Send one, or note why not."""
        wrong = "; ".join(f"{name}: {why}" for name, why in self._checks() if why)
        reason = wrong or self._beat()
        if reason and reason != self.reason:
            _log.warning("no heartbeat", extra={"reason": reason})
        self.reason = reason
        self.sent += not reason
