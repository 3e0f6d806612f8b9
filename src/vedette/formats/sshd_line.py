"""The head of a log line: when, which host, which program."""

from __future__ import annotations

import re
from typing import NamedTuple

from vedette.formats.clock import nanoseconds, seconds

PROGRAMS = ("sshd", "sshd-session", "sshd-auth")
"""One until OpenSSH 9.7, two from 9.8, three from 10.0."""

TRADITIONAL = r"(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} {1,2}\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})?"
ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*"
_FULL = r"[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})? [A-Z]\S*"
_UNIX = r"\d{9,10}\.\d{3,9}"
HOST = r"\S*[^\s:\]]"
"""No program: `sshd[1]:` stands in the host's place where there is none."""
_NAME = r"\[?([^\s:\[\]]+)(?:\[(\d+)\])?\]?"
_LINE = re.compile(
    rf"(?:<\d{{1,3}}>)?(?:({TRADITIONAL}|{ISO}|{_FULL}|{_UNIX}) )?(?:({HOST}) )?{_NAME}(?:: ?|(?<=\]) )(.*)", re.DOTALL
)
_FURTHER = re.compile(
    rf"(?:<\d{{1,3}}>)?({TRADITIONAL}|{ISO}|{_FULL}|{_UNIX}) (?:\S+ ){{0,3}}?({HOST}) (?:[a-z0-9]+\.[a-z]+ )?"
    r"(sshd(?:-session|-auth)?)(?:\[(\d+)\])?: ?(.*)",
    re.DOTALL,
)
"""With a year, a zone or a relay before the host, or a facility and level behind it (BusyBox: `auth.info`)."""
_STAMPED = re.compile(rf"(?:<\d{{1,3}}>)?(?:{TRADITIONAL}|{ISO}|{_FULL}|{_UNIX}) \S", re.DOTALL)
_RFC5424 = re.compile(
    r"<\d{1,3}>1 (\S+) (\S+) (\S+) (\S+) \S+ (?:-|(?:\[(?:[^\]\"]|\"(?:[^\"\\]|\\.)*\")*\])+)(?: \ufeff?(.*))?",
    re.DOTALL,
)
_PARTS = re.compile(
    r"(?:[A-Z][a-z]{2} )?([A-Z][a-z]{2}) {1,2}(\d{1,2}) (?:(\d{4}) )?(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?"
)
_MONTHS = {
    name: number + 1
    for number, name in enumerate(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"))
}
_SECOND = 1_000_000_000
_SLACK = 86_400
"""Seconds by which a stamp without year may lie ahead: it is local time, read as UTC."""


class Line(NamedTuple):
    """A line whose head is understood."""

    stamp: str
    host: str
    program: str
    pid: int | None
    message: str


def split(text: str) -> Line | None:
    """The head and message of a line of syslog or of the journal's short forms, or None."""
    found = _RFC5424.fullmatch(text)
    if found:
        stamp, host, program, pid, message = found.groups()
        host = "" if host == "-" else host
        return Line(stamp, host, program, int(pid[:9]) if pid.isdigit() else None, message or "")
    found = _LINE.fullmatch(text)
    if found:
        stamp, host, program, pid, message = found.groups()
        if stamp or pid or program in PROGRAMS:
            return Line(stamp or "", host or "", program, int(pid[:9]) if pid else None, message)
    found = _FURTHER.fullmatch(text)
    if found:
        stamp, host, program, pid, message = found.groups()
        return Line(stamp, host, program, int(pid[:9]) if pid else None, message)
    if _STAMPED.match(text):
        # A line of syslog without a program's name: `… host last message repeated 3 times`.
        return Line("", "", "", None, text)
    return None


def time_of(stamp: str, now: int) -> int | None:
    """Nanoseconds since 1970 of a line's stamp; without a year it has the last that does not put it after `now`.

    `now` is in seconds. RFC 3164 knows neither year nor zone: the zone is taken for UTC.
    """
    found = _PARTS.fullmatch(stamp)
    if found is None:
        return _unix(stamp) or nanoseconds(stamp) or nanoseconds(stamp[4:23])
    month, day, year, hour, minute, second, fraction = found.groups()
    if month not in _MONTHS:
        return None
    newest = 1970 + now // 31_556_952 + 1
    for candidate in [int(year)] if year else range(newest, newest - 9, -1):
        # Nine years back there is a 29th of February for certain.
        whole = seconds(candidate, _MONTHS[month], int(day), int(hour), int(minute), int(second))
        if whole is not None and (year or whole <= now + _SLACK):
            return whole * _SECOND + int((fraction or "0").ljust(9, "0"))
    return None


def _unix(stamp: str) -> int | None:
    whole, point, fraction = stamp.partition(".")
    return (
        int(whole) * _SECOND + int(fraction.ljust(9, "0")) if point and whole.isdigit() and fraction.isdigit() else None
    )
