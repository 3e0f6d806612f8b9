"""What a sink is: it tells once, and says plainly whether that went well, may go well later, or never will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from vedette.notification import Notification


class NotDelivered(Exception):
    """The sink could not tell; `str()` is the reason, short and countable, without secrets: "404 no_service"."""

    def __init__(
        self,
        reason: str,
        *,
        dead: bool = False,
        retry_after: float = 0.0,
        refused: bool = False,
        perhaps: bool = False,
    ) -> None:
        """`dead`: it will not go well until somebody mends the settings or the far end (404, channel_not_found).
        `retry_after`: seconds that the far end asked to wait. `refused`: this notification is at fault, not the sink
        (400): others may go well. `perhaps`: the far end may have it all the same, for its answer was lost or is an
        error of its own; what is sent again is a `repeat`."""
        super().__init__(reason)
        self.dead = dead
        self.retry_after = retry_after
        self.refused = refused
        self.perhaps = perhaps


class Sink(Protocol):
    """One far end. Its calls come from one thread, and may take as long as their timeouts."""

    name: str
    """As in the settings."""
    batch: int
    """How many notifications `send` takes at once."""
    resend: float
    """Seconds after which an alert that is still open must be told again, because the far end forgets; 0: never."""
    hold: float
    """Seconds that a closed alert is still told as open, so that a short one is seen at all."""

    def send(self, notifications: Sequence[Notification]) -> str:
        """Tell; gives a receipt (a message's id), or nothing. Raises NotDelivered."""

    def close(self) -> None:
        """Let go of connections and files."""


@runtime_checkable
class Partly(Protocol):
    """What a sink has besides when its `send` may go well in part; both are of the last `send`, whether it raised or
    not. Where `send` takes one at once and has one far end, NotDelivered says it all."""

    rejected: Mapping[str, str]
    """Notifications by id, with the reason, that the far end takes for wrong; the others of the batch were told. Where
    `send` raised NotDelivered with `refused`, all of the batch."""
    partial: Mapping[str, str]
    """Far ends by address, with the reason, that were not told; at least one other was, where `send` did not raise."""
