"""Finding: vedette's word on its own blindness, nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from vedette.rule import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that makes alerts late, few or unheard. It is an alert of its own as long as it holds."""

    kind: str
    """source_silent, unparsed, lag, late, sink_dead, disk_nearly_full, cannot_look, …; one word, the alert's rule."""
    subject: str
    """The source, sink or folder."""
    severity: Severity
    summary: str
    """What is wrong, in one sentence."""
    mend: str
    """What to do about it."""
