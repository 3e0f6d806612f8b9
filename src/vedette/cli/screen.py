"""What a person sees: alerts and matches as lines of text, and progress. All log text passes `escape.terminal`."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TextIO

from vedette.alert import Alert
from vedette.escape import terminal
from vedette.match import Match
from vedette.rule import Reaction, Severity
from vedette.stamp import stamp

_COLOUR = {Severity.CRITICAL: "\x1b[1;31m", Severity.WARNING: "\x1b[33m", Severity.INFO: "\x1b[36m"}
_PLAIN = "\x1b[0m"
_KIND = {Reaction.ATTEMPT.value: "attempt: ", Reaction.CANNOT_TELL.value: "cannot tell: "}


def coloured(stream: TextIO) -> bool:
    """True when colours are wanted there: a terminal, and neither NO_COLOR nor TERM=dumb."""
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def alert_lines(alert: Alert, colour: bool, width: int) -> str:
    """Two lines of an alert: what, when and how often; who, from where, to what, and where it stands."""
    times = f"{alert.count} acts" if alert.count != 1 else "1 act"
    first, last = stamp(alert.first_seen)[:19], stamp(alert.last_seen)[:19]
    when = first if first == last else f"{first} to {last[11:] if first[:10] == last[:10] else last}"
    return _two_lines(alert, Severity(alert.severity), f"{times}, {when}", colour, width)


def match_lines(match: Match, colour: bool, width: int) -> str:
    """Two lines of a match."""
    return _two_lines(match, Severity(match.severity), stamp(match.time), colour, width)


def finding_lines(alert: Alert, colour: bool, width: int) -> str:
    """Two lines of an alert that is a finding: what vedette is blind to, and what to do about it."""
    word = severity_word(Severity(alert.severity), colour)
    title = f"{alert.rule}: {alert.object}: {alert.title}" if alert.object not in alert.title else alert.title
    when = stamp(alert.first_seen)[:19]
    lines = [f"{word} {terminal(title, max(20, width - 11 - len(when)))}  {when}"]
    if alert.why:
        lines.append(f"              {terminal(alert.why, width - 14)}")
    return "\n".join(lines)


def severity_word(severity: Severity, colour: bool) -> str:
    """Eight columns of it, in its colour."""
    word = f"{severity!s:<8}"
    return f"{_COLOUR[severity]}{word}{_PLAIN}" if colour else word


def _two_lines(one: Alert | Match, severity: Severity, when: str, colour: bool, width: int) -> str:
    word = severity_word(severity, colour)
    kind = "" if one.rule == one.title else _KIND.get(one.reaction, "")
    title = terminal(kind + one.title, max(20, width - 16 - len(when)))
    who = terminal(one.actor) or "(nobody named)"
    if one.address:
        who += f" from {terminal(one.address)}"
    if one.via:
        who += f" via {terminal(one.via)}"
    what = f"{who} -> {terminal(one.object)}" if one.object else who
    where = f"{terminal(one.file)}:{one.line}"
    lines = [f"{word} {one.rule:<4} {title}  {when}"]
    room = width - 14 - len(where) - 2
    if len(what) > max(30, room):
        # Who did what to what is worth a line; on a narrow screen the place takes another.
        lines += [f"              {terminal(what, max(30, width - 14))}", f"              {where}"]
    else:
        lines.append(f"              {what}  {where}")
    if one.why:
        lines.append(f"              {terminal(one.why, width - 14)}")
    return "\n".join(lines)


def terminal_width(stream: TextIO) -> int:
    """Columns of the terminal; generous where there is none, so that nothing is cut in a file."""
    return shutil.get_terminal_size((100, 24)).columns if stream.isatty() else 160


class Progress:
    """One line on a terminal's stderr, from half a second on; elsewhere nothing."""

    def __init__(self, total: int) -> None:
        """`total` bytes are expected; 0 when nobody knows."""
        self._total = total
        self._began = self._shown = time.monotonic()
        self._bytes = self._events = 0
        self._on = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._drawn = False

    def add(self, read: int, events: int) -> None:
        """Count bytes and events; draw at most five times a second."""
        self._bytes += read
        self._events += events
        now = time.monotonic()
        if not self._on or now - self._began < 0.5 or now - self._shown < 0.2:
            return
        self._shown, self._drawn = now, True
        print(f"\r\x1b[K{self._line(now - self._began)}", end="", file=sys.stderr, flush=True)

    def _line(self, seconds: float) -> str:
        speed = self._bytes / seconds
        line = f"{speed / 1e6:,.0f} MB/s  {self._events / seconds:,.0f} events/s"
        if not self._total or not speed:
            return f"{self._bytes / 1e6:,.0f} MB  {line}"
        done = min(1.0, self._bytes / self._total)
        return f"{done:4.0%}  {line}  {max(0, self._total - self._bytes) / speed:,.0f} s left"

    def clear(self) -> None:
        """Wipe the line."""
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
