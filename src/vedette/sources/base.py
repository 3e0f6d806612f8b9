"""What a watched source is: bytes that arrive, in pieces, each with the position to go on from after a crash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

Position = Mapping[str, object]
"""JSON values; only the source that made them knows what they mean."""


class Piece(NamedTuple):
    """Some whole lines of one stream."""

    stream: str
    """Names what is read in one go, the same after a restart: a file's identity, a journal, a spool."""
    name: str
    """What a person calls it: a path, `journal`, `webhook`."""
    data: bytes
    """Whole lines; only the last piece of a stream (`ends`) may lack its line end.

    Empty where a stream only `ends`, or where its position alone is news: a file was seen of which nothing is read yet.
    """
    position: Position
    """Where to go on once `data` has been dealt with."""
    ends: bool = False
    """True: nothing more comes in this stream; a record that is unfinished by then is cut off."""


class Trouble(NamedTuple):
    """Something a source could not do; it holds until the source no longer says it."""

    subject: str
    """A path, an address."""
    message: str
    mend: str


class Source(Protocol):
    """One watched source. All calls come from one thread."""

    name: str
    """As in the settings."""
    keeps_evidence: bool
    """True: what it gives stands in evidence segments already (it is read from a spool)."""

    def resume(self, positions: Mapping[str, Position]) -> None:
        """Go on from where the last run was committed: stream -> position. Called once, before the first poll."""

    def poll(self, limit: int) -> Sequence[Piece]:
        """What has arrived, some `limit` bytes at most, without waiting; nothing where nothing has.

        What was given once is not given again until a restart. Never raises: what cannot be read is a trouble.
        """

    def committed(self, positions: Mapping[str, Position]) -> Sequence[str]:
        """The positions of these streams are durable now. Gives the streams whose positions need not be kept longer."""

    def behind(self) -> int:
        """Bytes known to wait; 0 where nobody knows."""

    def troubles(self) -> Sequence[Trouble]:
        """What is wrong now."""

    def close(self) -> None:
        """Stop receiving, let go of descriptors and processes; positions stay with who committed them."""


@runtime_checkable
class Receiver(Protocol):
    """A source that is sent to; what it has besides. Copies, since the start."""

    name: str

    @property
    def received(self) -> Counter[str]:
        """What was taken, by unit: batches, events."""

    @property
    def refused(self) -> Counter[str]:
        """Requests that were not taken, by reason."""


class Spool(Protocol):
    """Where a source that cannot be asked twice writes before it answers. Safe to append from several threads."""

    def append(self, data: bytes) -> None:
        """Write whole lines; they are durable when this returns. Raises OSError, and then nothing of it is kept."""

    def read(self, position: Position | None, limit: int) -> Sequence[tuple[bytes, Position, str]]:
        """What was appended after `position` (None: from the oldest), some `limit` bytes at most.

        Blocks of whole lines, the position behind each, and the segment's path.
        """

    def waiting(self, position: Position | None) -> int:
        """Bytes appended after `position`, as stored."""
