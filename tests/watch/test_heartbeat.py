"""A sign of life only while there is life."""

from __future__ import annotations

from collections.abc import Iterator

from vedette.watch.heartbeat import Heartbeat
from vedette.watch.pulse import Pulse


def test_it_is_sent_only_while_all_is_well() -> None:
    """A check that fails holds it back with the reason; so does a far end that does not take it."""
    wrong, refusal, beats = [""], [""], []

    def checks() -> Iterator[tuple[str, str]]:
        yield "loop", ""
        yield "store", wrong[0]

    def beat() -> str:
        beats.append(1)
        return refusal[0]

    heart = Heartbeat(60.0, checks, beat, Pulse(0))
    heart.once()
    assert (heart.sent, heart.reason) == (1, "")
    wrong[0] = "the disk is full"
    heart.once()
    assert (heart.sent, heart.reason, len(beats)) == (1, "store: the disk is full", 1)
    wrong[0], refusal[0] = "", "503"
    heart.once()
    assert (heart.sent, heart.reason, len(beats)) == (1, "503", 2)
    refusal[0] = ""
    heart.once()
    assert (heart.sent, heart.reason) == (2, "")


def test_it_ends_with_the_watcher() -> None:
    """No thread outlives it."""
    pulse = Pulse(0)
    heart = Heartbeat(60.0, lambda: iter(()), lambda: "", pulse)
    heart.start()
    pulse.stop()
    heart.join(5.0)
    assert not heart.is_alive()
