"""The watcher: loop, couriers, observers and status together, from start to drained end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from vedette.observers.base import Observer
from vedette.serving.server import Server
from vedette.store.database import StoreError
from vedette.watch.courier import Courier
from vedette.watch.findings import Findings
from vedette.watch.heartbeat import Heartbeat
from vedette.watch.loop import Loop
from vedette.watch.observing import Observing
from vedette.watch.pulse import Pulse
from vedette.watch.rounds import Rounds

_log = logging.getLogger("vedette.watch")
_IDLE = 0.1
"""Seconds between two looks at sources that had nothing."""
_GATHER = 0.03
"""Seconds in which lines that come singly gather, so that one commit serves several."""
_LOOK = 5.0
"""Seconds between two looks for findings."""
_DRAIN = 5.0
"""Seconds for what waits to be told before the end."""


@dataclass(slots=True)
class Watcher:
    """Everything that runs. `run` belongs to the main thread."""

    loop: Loop
    couriers: Sequence[Courier]
    findings: Findings
    pulse: Pulse
    observing: Observing | None = None
    observers: Sequence[Observer] = ()
    servers: Sequence[Server] = ()
    heartbeat: Heartbeat | None = None
    rounds: Rounds | None = None
    on_turn: Callable[[], None] = lambda: None
    """Called after each turn in the loop's thread."""
    hurry: bool = False
    """True: do not wait at the end for what is still to be told."""
    _threads: list[threading.Thread] = field(default_factory=list)
    _looked: float = 0.0

    def run(self, *, until_read: bool = False) -> None:
        """Watch until `pulse.leave()`; with `until_read`, until the sources have nothing more. Raises StoreError."""
        for server in self.servers:
            server.start()
        self._begin(self.couriers)
        looking = False
        try:
            while not self.pulse.leaving:
                more = self.loop.turn()
                self.on_turn()
                if not looking and (self.observing is None or not self.observing.behind()):
                    # What was observed before is known now, so the next look is compared with the last.
                    looking = True
                    self._look_on()
                if time.monotonic() - self._looked >= _LOOK:
                    self._look_at_ourselves()
                if until_read and not self.loop.read:
                    self.loop.settle()
                    return
                if not more:
                    self.pulse.rest(_GATHER if self.loop.read else _IDLE)
        finally:
            self._end()

    def _look_at_ourselves(self) -> None:
        self._looked = time.monotonic()
        try:
            self.findings.look()
        except StoreError as error:
            # The loop says so too, and waits for better.
            _log.warning("findings cannot be kept", extra={"reason": str(error)})

    def _look_on(self) -> None:
        if self.observing is not None:
            self.observing.update(self.findings.store.progress.observed())
            self.observing.start(self.observers)
        if self.heartbeat is not None:
            self._begin([self.heartbeat])
        if self.rounds is not None:
            self._begin([self.rounds])

    def _begin(self, threads: Sequence[threading.Thread]) -> None:
        for thread in threads:
            thread.start()
            self._threads.append(thread)

    def _end(self) -> None:
        """Stop receiving, and tell what waits for as long as that may take. What was not read stands where it stood."""
        self.loop.close()
        end = time.monotonic() + _DRAIN
        names = {courier.sink.name for courier in self.couriers}
        while time.monotonic() < end and not self.hurry and self._waits(names):
            time.sleep(0.05)
        self.pulse.stop()
        self.findings.telling.wake()
        for server in self.servers:
            server.close(grace=1.0)
        for thread in self._threads:
            thread.join(0.1)
            while thread.is_alive() and time.monotonic() < end and not self.hurry:
                thread.join(0.1)
        for courier in self.couriers:
            courier.sink.close()

    def _waits(self, names: set[str]) -> bool:
        """Something waits for a sink that takes things."""
        outbox, now = self.findings.store.outbox, self.findings.now()
        well = [name for name in names if outbox.state(name).state == "ok"]
        return any(not entry.told for name in well for entry in outbox.due(name, now, 50))
