"""The desk at which `vedette alerts` works: the store beside its daemon, alerts by the beginning of their id."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vedette import app, wiring
from vedette.cli import records
from vedette.escape import terminal
from vedette.runbook import link
from vedette.settings import Settings
from vedette.stamp import stamp, to_second
from vedette.store.actions import Acted
from vedette.store.alerts import Kept, Silence
from vedette.store.outbox import WAITING, Entry
from vedette.store.visit import Visit

SHORT = 8
"""Characters of an id that are shown."""
LEAST = 4
"""Characters of an id that name an alert."""
_NEAR = 10_000
"""The latest alerts, among which what was meant is looked for."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Settings and store."""

    settings: Settings
    visit: Visit

    @classmethod
    def opened(cls, args: argparse.Namespace) -> Desk:
        """Raises app.Wrong, StoreError."""
        settings = app.load_settings(args.config)
        return cls(settings, Visit(wiring.state_folder(settings, args.state)))

    def close(self) -> None:
        """Let go of the store."""
        self.visit.close()

    def now(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    def named(self, given: str) -> Kept:
        """The alert whose id begins so. Raises app.Wrong where none does, or several."""
        text = clean(given).strip().lower()
        kept = self.visit.alerts.get(text)
        if kept is not None:
            return kept
        if len(text) < LEAST:
            raise app.Wrong([f"{given!r}: name an alert by four characters of its id at least"])
        found = self.visit.alerts.find(text)
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(one.alert.id for one in found)
            raise app.Wrong([f"{given!r} is the beginning of several ids ({ids}); give more of it"])
        raise app.Wrong([f"no alert has an id that begins with {given!r}; {self._nearest(text)}"])

    def _nearest(self, text: str) -> str:
        import difflib

        ids = self.visit.alerts.ids(_NEAR)
        begins = {one[: len(text)]: one[: max(SHORT, len(text))] for one in reversed(ids)}
        near = difflib.get_close_matches(text, begins, n=1)
        if near:
            return f"did you mean {begins[near[0]]}?"
        ways = "; --from alertmanager looks there" if self.settings.sinks.alertmanager else ""
        return f"vedette alerts list --status all shows what there is{ways}"

    def short(self, kept: Kept) -> str:
        """Eight characters of the id, or all of it where they are another's as well."""
        name = kept.alert.id
        return name[:SHORT] if len(self.visit.alerts.find(name[:SHORT])) < 2 else name

    def silence(self, kept: Kept) -> Silence | None:
        """The silence in force for it."""
        return self.visit.alerts.silenced(kept.key, self.now())

    def word(self, kept: Kept) -> str:
        """How it is, in a word: open, acked, silenced, closed."""
        if kept.state != "open":
            return kept.state
        if self.silence(kept) is not None:
            return "silenced"
        return "acked" if kept.acked else "open"

    def runbook(self, rule: str) -> Path | None:
        """The runbook that came with a rule of the pack."""
        return runbook_of(rule)

    def runbook_url(self, rule: str) -> str:
        """By the settings' pattern, else the file that came with the rule."""
        return runbook_url(self.settings, rule)

    def record(self, kept: Kept) -> dict[str, Any]:
        """As `scan -o jsonl` prints an alert, with what became of it."""
        silence = self.silence(kept)
        return {
            **records.alert_record(kept.alert, self.runbook_url(kept.alert.rule)),
            "state": kept.state,
            "opened": stamp(kept.opened),
            "closed": when(kept.closed),
            "closed_by": kept.closed_by,
            "acked": when(kept.acked),
            "acked_by": kept.acked_by,
            "silenced_until": when(silence.until if silence else 0),
            "untold": kept.untold,
            "deliveries": [delivery(row) for row in self.visit.outbox.of_alert(kept.alert.id)],
        }


@cache
def runbook_of(rule: str) -> Path | None:
    """The runbook that came with a rule of the pack."""
    found = sorted(app.PACK.glob(f"*/{rule.lower()}_*/runbook.md")) if rule.isalnum() else []
    return found[0] if found else None


def runbook_url(settings: Settings, rule: str) -> str:
    """Of a rule of the pack, by the settings' pattern, else the file that came with it; nothing for others."""
    runbook = runbook_of(rule)
    if runbook is None:
        return ""
    pattern = settings.runbook_url
    return link(pattern, rule) if pattern else runbook.resolve().as_uri()


def delivery(row: Entry) -> dict[str, Any]:
    """What became of telling one sink of one occasion."""
    return {
        "sink": row.sink,
        "occasion": row.occasion,
        "state": row.state,
        "created": stamp(row.created),
        "due": stamp(row.due) if row.state == WAITING else None,
        "told": when(row.told),
        "tries": row.tries,
        "reason": row.reason,
        "receipt": bool(row.receipt),
    }


def action_record(one: Acted) -> dict[str, Any]:
    """An action as programs read it; the names are a promise."""
    return {
        "id": one.id,
        "action": one.action,
        "target": one.target,
        "state": one.state,
        "planned_by": one.by,
        "planned": when(one.made),
        "applied_by": one.applied_by,
        "applied": when(one.applied),
        "verified": when(one.verified),
        "undone_by": one.undone_by,
        "undone": when(one.undone),
    }


def when(time_ns: int) -> str | None:
    """A time for programs; None for never."""
    return stamp(time_ns) if time_ns else None


def clean(text: str) -> str:
    """An argument as it can be kept: bytes that are no text become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def who(args: argparse.Namespace) -> str:
    """Who asks: as they say, else by whom sudo was called, else the login name."""
    import getpass

    try:
        return clean(args.by or os.environ.get("SUDO_USER", "") or getpass.getuser())
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def undelivered(row: Entry, now: int) -> str:
    """Why one sink was not told of one occasion, escaped; nothing where it was, or where it is not yet time."""
    tries = f" ({row.tries} tries)" if row.tries > 1 else ""
    reason = terminal(row.reason)
    if row.state == "dropped":
        return f"never: {reason}{tries}"
    if row.state != WAITING or row.told:
        return ""
    if row.due > now and not row.tries:
        return f"waits until {to_second(row.due)}: {reason}" if reason else ""
    return f"waits since {to_second(row.created)}: {reason or 'nobody has taken it up yet'}{tries}"
