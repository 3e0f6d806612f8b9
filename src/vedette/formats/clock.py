"""Time stamps of records as nanoseconds since 1970 UTC."""

from __future__ import annotations

import re
from datetime import date

_SECOND = 1_000_000_000
_STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?(?:([Zz])|([+-])(\d\d):?(\d\d))?"
)
_EPOCH = date(1970, 1, 1).toordinal()
_MOST_DAYS = 106_700
"""Days around 1970 whose nanoseconds 64 bits hold, in any zone."""


def nanoseconds(stamp: object) -> int | None:
    """An RFC 3339 stamp with up to nine digits of a second, or None for anything else; without a zone it is UTC."""
    if not isinstance(stamp, str):
        return None
    found = _STAMP.fullmatch(stamp.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, _, sign, zone_hours, zone_minutes = found.groups()
    whole = seconds(int(year), int(month), int(day), int(hour), int(minute), int(second))
    if whole is None:
        return None
    if sign:
        offset = int(zone_hours) * 3600 + int(zone_minutes) * 60
        whole -= offset if sign == "+" else -offset
    return whole * _SECOND + int((fraction or "0").ljust(9, "0"))


def seconds(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int | None:
    """Seconds since 1970 of a time in UTC, or None when there is no such time; a leap second is the one before.

    None before 1677 and after 2262 as well: Go's zero time, 0001-01-01, means that there is none.
    """
    if hour > 23 or minute > 59 or second > 60:
        return None
    try:
        days = date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return None
    if abs(days) > _MOST_DAYS:
        return None
    return days * 86400 + hour * 3600 + minute * 60 + min(second, 59)
