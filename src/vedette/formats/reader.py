"""Reader: chunks of a log in, batches of projected records out, and every record counted once.

The fast path decodes a whole chunk with one call, and is right for nearly every file: plain records of one format, a
line each. A chunk with anything else in it goes line by line (`lines.py`), where a record is recognised by its shape,
taken out of its wrappings, put together from several lines, or refused with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping

from vedette.formats.base import Batch, Format, Projector, Tally, TextProjector
from vedette.formats.ledger import Ledger, Quarantine
from vedette.formats.lines import BLANK, Lines, stands_alone
from vedette.formats.location import ChunkLines
from vedette.schema import Projection

_EVERY = 256
"""Of so many plain chunks the lines of one are counted."""
_SMALL = 1 << 16


class Reader:
    """Reads one file, or one range of it."""

    def __init__(
        self,
        formats: Mapping[str, Format],
        projections: Mapping[str, Projection],
        quarantine: Quarantine | None = None,
        projectors: Mapping[str, Projector] | None = None,
    ) -> None:
        """`projectors`: what `projectors_for` made of the same formats and projections; readers may share them."""
        self.projectors = dict(projectors or projectors_for(formats, projections))
        self._ledger = Ledger(quarantine)
        self._lines = Lines(formats, self.projectors, self._ledger)
        self._texts = {name: one for name, one in self.projectors.items() if isinstance(one, TextProjector)}
        self._careful = False
        """True: lines and records of this file are not one to one, so each chunk's lines are counted."""
        self._chunks = 0

    @property
    def tally(self) -> Tally:
        """Where every record went so far."""
        return self._ledger.tally

    @property
    def busy(self) -> bool:
        """True in the midst of a record that goes on over the next lines: no place to stop and go on from later."""
        return self._lines.busy

    @property
    def lines_read(self) -> int:
        """Lines so far; in a file of plain records most are counted by their records, see `_counted`."""
        return self._lines.read

    def feed(self, chunk: bytes) -> list[Batch]:
        """Read a chunk of whole lines; only the input's last may lack its end. Batches of earlier chunks stay valid."""
        if not chunk:
            return []
        self._chunks += 1
        if not self._lines.busy:
            batch = self._at_once(chunk)
            if batch is not None:
                return [batch] if batch.records else []
        self._lines.feed(chunk)
        return self._ledger.batches()

    def finish(self) -> list[Batch]:
        """The end of input: what is unfinished is quarantined as cut off."""
        self._lines.finish()
        return self._ledger.batches()

    def reject(self, name: str, line: int, reason: str, raw: bytes) -> None:
        """Move a record of format `name`, given in a batch, from the events to the quarantined."""
        self._ledger.withdraw(name, reason, raw, line)

    def _at_once(self, chunk: bytes) -> Batch | None:
        """The chunk as plain records of the format that the file has, or None when it must go line by line."""
        name = self._lines.format or self._lines.guess(chunk)
        if not name:
            return None
        text = self._texts.get(name)
        if text is not None and chunk[:1] != b"{":
            return self._scanned(name, chunk, text)
        records = self.projectors[name].lines(chunk)
        if records is None:
            return None
        base = self._lines.read
        lines = self._counted(chunk, len(records))
        if lines is None:
            return None
        self._lines.read += lines
        self._ledger.count(name, len(records))
        return Batch(name, records, ChunkLines(chunk, base, len(records), lambda found: self._recounted(found, lines)))

    def _counted(self, chunk: bytes, records: int) -> int | None:
        """How many lines a plain chunk has, or None when its records and lines are not one to one.

        Counting line ends would cost a third of the time that decoding takes, so it is done for the first chunk, for
        small ones, and now and then. Else a line is taken for a record; `ChunkLines` makes sure before it places one.
        """
        large = len(chunk) > _SMALL and chunk[-2:] != b"\n\n"
        if large and not self._careful and self._chunks > 1 and self._chunks % _EVERY:
            return records
        lines = chunk.count(b"\n") + (not chunk.endswith(b"\n"))
        if lines == records:
            return lines
        self._careful = True
        blank = sum(not line.strip(BLANK) for line in chunk.split(b"\n")) - chunk.endswith(b"\n")
        if lines - blank != records:
            return None
        self._ledger.ignore("blank line", blank)
        return lines

    def _recounted(self, lines: int, taken_for: int) -> None:
        """Correct the count when a chunk turns out to have other lines than it was taken for."""
        if lines != taken_for:
            self._lines.read += lines - taken_for
            self._careful = True

    def _scanned(self, name: str, chunk: bytes, projector: TextProjector) -> Batch | None:
        scanned = projector.scan(chunk)
        if scanned is None:
            return None
        base = self._lines.read
        self._lines.read += len(scanned.records) + scanned.ignored
        self._ledger.count(name, len(scanned.records))
        self._ledger.ignore("another program", scanned.ignored)
        return Batch(name, scanned.records, ChunkLines(chunk, base, lines=scanned.lines))


def projectors_for(formats: Mapping[str, Format], projections: Mapping[str, Projection]) -> dict[str, Projector]:
    """A projector for each format, of its projected fields; to make one takes a millisecond."""
    return {name: form.projector(projections.get(name) or Projection(name, ())) for name, form in formats.items()}


def splittable(head: bytes) -> bool:
    """True when a file that begins with `head` may be cut into ranges at any line end.

    That is: each line of it stands for itself. A record over several lines, a list, or a line that a container runtime
    has cut in pieces would not survive.
    """
    lines = head[: head.rfind(b"\n") + 1].split(b"\n")[:_SEEN]
    bare = [line for line in (line.strip(BLANK + b"\0").removeprefix(b"\xef\xbb\xbf") for line in lines) if line]
    return bool(bare) and all(stands_alone(line) for line in bare)


_SEEN = 50
"""Lines looked at."""
