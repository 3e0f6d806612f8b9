"""Stamps become nanoseconds exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.formats.clock import nanoseconds, seconds

_WHOLE = 1_795_415_529_000_000_000


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-11-23T06:32:09Z", _WHOLE),
        ("2026-11-23T06:32:09.5Z", _WHOLE + 500_000_000),
        ("2026-11-23T06:32:09.631535Z", _WHOLE + 631_535_000),
        ("2026-11-23T06:32:09.560999447Z", _WHOLE + 560_999_447),
        ("2026-11-23T06:32:09.5609994478Z", _WHOLE + 560_999_447),
        ("2026-11-23T12:02:09+05:30", _WHOLE),
        ("2026-11-22T22:32:09-0800", _WHOLE),
        ("2026-11-23 06:32:09.00", _WHOLE),
        ("2026-11-23t06:32:09z", _WHOLE),
        ("1970-01-01T00:00:00Z", 0),
        ("2016-12-31T23:59:60Z", 1_483_228_799_000_000_000),
    ],
)
def test_a_stamp_is_read(stamp: str, expected: int) -> None:
    """RFC 3339 with none to nine digits of a second, any zone, a leap second; without a zone it is UTC."""
    assert nanoseconds(stamp) == expected


@pytest.mark.parametrize(
    "stamp",
    [None, 5, "", "yesterday", "2026-02-30T00:00:00Z", "2026-11-23", "2026-11-23T24:00:00Z", "2026-11-23T06:61:00Z"],
)
def test_what_is_no_stamp_is_none(stamp: object) -> None:
    """A day that does not exist is no stamp, and never a guess."""
    assert nanoseconds(stamp) is None


@given(st.datetimes(datetime(1970, 1, 2), datetime(2262, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_agrees_with_the_standard_library(moment: datetime, minutes: int) -> None:
    """Any time in any zone is the same moment that datetime says it is."""
    stamped = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    since = stamped - datetime(1970, 1, 1, tzinfo=UTC)
    assert nanoseconds(stamped.isoformat()) == (since // timedelta(microseconds=1)) * 1000


def test_no_such_time_is_none() -> None:
    """Hours and days beyond their range have no second."""
    assert (seconds(2026, 13, 1, 0, 0, 0), seconds(2026, 1, 1, 25, 0, 0)) == (None, None)


@given(st.datetimes(), st.sampled_from(["Z", "+99:59", "-99:59"]))
def test_any_time_fits_into_64_bits(moment: datetime, zone: str) -> None:
    """Times are written to disk while a scan sorts; one that is too far away is as good as none."""
    found = nanoseconds(moment.isoformat() + zone)
    assert found is None or -(1 << 63) <= found < 1 << 63
    assert found is not None or moment.year < 1679 or moment.year > 2260
