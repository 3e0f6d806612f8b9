"""Rounds: on a schedule it is proven anew that each rule can fire here; what came of it stands in the pulse."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from vedette.watch.pulse import Proof, Pulse

_log = logging.getLogger("vedette.rounds")
FIRST = 60.0
"""Seconds after the start, when what waited to be read was read and sinks have been told."""
_PAUSE = 0.05
"""Seconds between two rules: the loop wants the processor as well."""
NAME = "the proof of the rules"


class Rounds(threading.Thread):
    """Proves in a thread of its own, with a connection to the store of its own; the loop never waits for it."""

    def __init__(
        self, every: float, prove: Callable[[Callable[[], bool]], Proof | None], pulse: Pulse, first: float = FIRST
    ) -> None:
        """`every`, `first`: seconds. `prove`: makes the proof; it calls what it is given between two rules, and gives
        None where that says that the watcher ends."""
        super().__init__(name="rounds", daemon=True)
        self._every = every
        self._first = min(first, every)
        self._prove = prove
        self._pulse = pulse

    def run(self) -> None:
        """Until the watcher ends."""
        self._pulse.wait(self._first)
        while not self._pulse.stopping:
            self.once()
            self._pulse.wait(self._every)

    def once(self) -> None:
        """Prove once. What fails is told, and tried again: silence would be taken for a proof."""
        try:
            proof = self._prove(self._rest)
        except Exception as error:  # noqa: BLE001 - told, and tried again
            _log.exception("the proof failed")
            self._pulse.observer(NAME, f"a fault of vedette ({type(error).__name__})", "please report it")
            return
        if proof is not None:
            self._pulse.proof = proof
            self._pulse.observer(NAME, "")

    def _rest(self) -> bool:
        self._pulse.wait(_PAUSE)
        return self._pulse.stopping
