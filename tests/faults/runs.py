"""One short run, over and over: undisturbed, and disturbed at the Nth call of a kind."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.faults.forking import Forker
from tests.faults.inputs import LOG_NAMES, settings, short, write_all
from tests.faults.lives import Life
from tests.faults.outcome import outcome

_PIECE = 16 << 10
_SEGMENT = 12 << 10
CALLS = (
    "write", "pwrite64", "fdatasync", "fsync", "ftruncate", "rename", "unlink", "openat", "fallocate", "mkdir", "chmod",
)  # fmt: skip
"""System calls by which a life changes files."""


class Run:
    """A folder with a short log, and how its undisturbed run ended."""

    def __init__(self, folder: Path, forker: Forker) -> None:
        self.folder = folder
        self.forker = forker
        write_all(folder / "logs", {name: short(name) for name in LOG_NAMES})
        self.config = str(settings(folder))
        self.calls = self._counted()
        self.expected = outcome(folder)

    def life(self, *trace: str) -> int:
        """One life; how it ended."""
        return self.forker.run(
            Life(self.config, _PIECE, trace=list(trace), output=str(self.folder / "output"), segment=_SEGMENT)
        )

    def said(self) -> str:
        """What the lives since `fresh` have said on standard output and error."""
        return (self.folder / "output").read_text("utf-8", "replace")

    def fresh(self) -> None:
        """As before the first life."""
        (self.folder / "output").unlink(missing_ok=True)
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        (self.folder / "told.jsonl").unlink(missing_ok=True)

    def _counted(self) -> Counter[str]:
        """An undisturbed life, and how often it makes each call."""
        trace = self.folder / "trace"
        assert self.life() == 0  # Python compiles what it loads late.
        self.fresh()
        assert self.life("-o", str(trace), "-e", f"trace={','.join(CALLS)}") == 0
        return Counter(re.findall(r"^\d+ +(\w+)\(", trace.read_text("utf-8", "replace"), re.MULTILINE))


def moments(total: int, number: int) -> Iterator[int]:
    """Some of 1…total, spread evenly, and the last."""
    yield from sorted({max(1, round(total * (n + 1) / number)) for n in range(min(number, total))})
