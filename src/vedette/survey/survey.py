"""Survey: events in, a draft of vedette.yaml out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from vedette.event import Event
from vedette.survey import draft_kube, draft_networks, draft_vault
from vedette.survey.draft import Draft, Known, number, times
from vedette.survey.kube import KubeSurvey
from vedette.survey.sshd import SshdSurvey
from vedette.survey.tables import ROWS
from vedette.survey.vault import VaultSurvey

__all__ = ["Known", "Survey"]


class Survey:
    """`add` every event, then `render` once. Its memory does not grow with the log."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        """By format."""
        self.kube = KubeSurvey()
        self.vault = VaultSurvey()
        self.sshd = SshdSurvey()
        self._first = self._last = 0

    def add(self, event: Event) -> None:
        """Count one event in."""
        self.events[event.format] += 1
        if event.time:
            self._first = min(self._first or event.time, event.time)
            self._last = max(self._last, event.time)
        if event.format == "kube_audit":
            self.kube.add(event)
        elif event.format == "vault_audit":
            self.vault.add(event)
        elif event.format == "sshd":
            self.sshd.add(event)

    def render(self, known: Known, files: Sequence[str]) -> str:
        """The text of a settings file: it loads as it stands, and with every proposal made."""
        draft = Draft()
        self._begin(draft, files)
        draft_networks.write(draft, self.kube, self.vault, self.sshd)
        draft_kube.owner(draft, self.kube, self.vault, known)
        draft_kube.namespaces(draft, self.kube, known)
        draft_kube.automation(draft, self.kube, known)
        draft_kube.proxies(draft, self.kube)
        draft_vault.write(draft, self.vault)
        draft_kube.sources(draft, self.kube)
        return draft.text()

    def _begin(self, draft: Draft, files: Sequence[str]) -> None:
        """What was read, and how to use this."""
        counts = ", ".join(f"{number(count)} {name}" for name, count in sorted(self.events.items()))
        draft.prose(f"vedette.yaml, begun by `vedette init` from {number(self.events.total())} events ({counts})")
        if self._first:
            draft.prose(
                f"of {_day(self._first)} to {_day(self._last)}, in: {', '.join(files[:5])}", more=len(files) - 5
            )
        draft.blank()
        draft.prose(
            "Nothing here is trusted yet but loopback. A line that begins with # and no blank is a proposal: take"
        )
        draft.prose("the # away where you know it to be right. The counts are what the logs show, and whoever attacked")
        draft.prose("while they were written is in them too. Then: vedette config check")
        full = sum(table.beyond for survey in (self.kube, self.vault, self.sshd) for table in survey.tables())
        if full:
            draft.prose(f"Each table keeps {number(ROWS)} names; {number(full)} events of further names are not in it.")
        if self.kube.malformed or self.kube.nameless:
            draft.prose(
                f"{times(self.kube.malformed, 'request')} had no readable address, "
                f"{number(self.kube.nameless)} a name too long to be one."
            )


def _day(time: int) -> str:
    """Nanoseconds as a day."""
    try:
        return datetime.fromtimestamp(time // 1_000_000_000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "an impossible day"
