"""The heads of lines, and what a stamp without a year means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vedette.formats.sshd_line import Line, split, time_of

_MESSAGE = "Accepted password for alice from 192.0.2.7 port 22 ssh2"


def nanos(*moment: int) -> int:
    """A time in UTC."""
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000_000  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("head", "stamp", "host", "program", "pid"),
    [
        ("Nov 23 06:38:49 bastion sshd[581]: ", "Nov 23 06:38:49", "bastion", "sshd", 581),
        ("Nov  3 06:38:49 bastion sshd-session[581]: ", "Nov  3 06:38:49", "bastion", "sshd-session", 581),
        ("Nov 3 06:38:49 bastion sshd-auth[581]: ", "Nov 3 06:38:49", "bastion", "sshd-auth", 581),
        ("<38>Nov 23 06:38:49 bastion sshd[581]: ", "Nov 23 06:38:49", "bastion", "sshd", 581),
        ("Nov 23 06:38:49 bastion sshd: ", "Nov 23 06:38:49", "bastion", "sshd", None),
        ("Nov 23 06:38:49 sshd[581]: ", "Nov 23 06:38:49", "", "sshd", 581),
        ("Nov 23 06:38:49 [sshd]: ", "Nov 23 06:38:49", "", "sshd", None),
        ("Nov 23 06:38:49 2001:db8::9 sshd[581]: ", "Nov 23 06:38:49", "2001:db8::9", "sshd", 581),
        ("Thu Feb 20 2026 19:29:19 mail sshd[581]: ", "Thu Feb 20 2026 19:29:19", "mail", "sshd", 581),
        ("Nov 23 06:38:49.123456 bastion sshd[581]: ", "Nov 23 06:38:49.123456", "bastion", "sshd", 581),
        ("2026-11-23T06:38:49.849585+05:30 kali sshd[581]: ", "2026-11-23T06:38:49.849585+05:30", "kali", "sshd", 581),
        ("2026-11-23T06:38:49+0530 kali sshd[581]: ", "2026-11-23T06:38:49+0530", "kali", "sshd", 581),
        ("Mon 2026-11-23 06:38:49 UTC kali sshd[581]: ", "Mon 2026-11-23 06:38:49 UTC", "kali", "sshd", 581),
        ("1570338064.732555 kali sshd[581]: ", "1570338064.732555", "kali", "sshd", 581),
        ("bastion sshd[581]: ", "", "bastion", "sshd", 581),
        # BusyBox says facility and level; some say a year or a zone behind the time, or which relay it came by.
        ("Nov 23 06:38:49 alpine auth.info sshd[581]: ", "Nov 23 06:38:49", "alpine", "sshd", 581),
        ("<38>Nov 23 06:38:49 alpine authpriv.info sshd-session[5]: ", "Nov 23 06:38:49", "alpine", "sshd-session", 5),
        ("Nov 23 06:38:49 UTC bastion sshd[581]: ", "Nov 23 06:38:49", "bastion", "sshd", 581),
        ("Nov 23 06:38:49 2026 bastion sshd[581]: ", "Nov 23 06:38:49", "bastion", "sshd", 581),
        ("Nov 23 06:38:49 relay bastion sshd: ", "Nov 23 06:38:49", "bastion", "sshd", None),
        ("sshd[581]: ", "", "", "sshd", 581),
        ("sshd: ", "", "", "sshd", None),
        ("<38>1 2026-11-23T06:38:49Z bastion sshd 581 - - ", "2026-11-23T06:38:49Z", "bastion", "sshd", 581),
        ("<38>1 2026-11-23T06:38:49Z - sshd - - - \ufeff", "2026-11-23T06:38:49Z", "", "sshd", None),
        ('<38>1 2026-11-23T06:38:49Z h sshd 5 - [meta s="1\\"]"][o] ', "2026-11-23T06:38:49Z", "h", "sshd", 5),
    ],
)
def test_a_head_is_taken_apart(head: str, stamp: str, host: str, program: str, pid: int | None) -> None:
    """RFC 3164, RFC 5424, ISO stamps, the journal's short forms, and heads that lack a part."""
    assert split(head + _MESSAGE) == Line(stamp, host, program, pid, _MESSAGE)


@pytest.mark.parametrize(
    "text",
    [
        "Nov 23 06:38:49 bastion CRON[600]: pam_unix(cron:session): session opened",
        "Nov 23 06:38:49 bastion app[1]: sshd[581]: " + _MESSAGE,
        "Nov 23 06:38:49 bastion last message repeated 3 times",
        "Nov 23 06:38:49 bastion Accepted password for alice from 192.0.2.7 port 22 ssh2",
        "<38>1 2026-11-23T06:38:49Z bastion app 581 - - sshd[581]: " + _MESSAGE,
        "bastion app[1]: sshd: " + _MESSAGE,
        "Nov 23 06:38:49 bastion sshdx[1]: " + _MESSAGE,
    ],
)
def test_another_programs_line_is_understood(text: str) -> None:
    """A line of another program is a line of syslog, and sshd's words in it are that program's."""
    line = split(text)
    assert line is not None
    assert not line.program.startswith("sshd") or line.program == "sshdx"


@pytest.mark.parametrize("text", ["", "text", "two words: text", '{"a": 1}', "Nov 32", _MESSAGE])
def test_what_is_no_line_of_syslog(text: str) -> None:
    """Without a stamp, a process id or sshd's name it is some text."""
    assert split(text) is None


_NOW = nanos(2026, 11, 23, 12) // 1_000_000_000


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("Nov 23 06:38:49", nanos(2026, 11, 23, 6, 38, 49)),
        ("Nov 24 11:00:00", nanos(2026, 11, 24, 11)),
        ("Nov 25 06:38:49", nanos(2025, 11, 25, 6, 38, 49)),
        ("Dec 31 23:59:59", nanos(2025, 12, 31, 23, 59, 59)),
        ("Jan  1 00:00:00", nanos(2026, 1, 1)),
        ("Feb 29 00:00:00", nanos(2024, 2, 29)),
        ("Thu Feb 20 2020 19:29:19", nanos(2020, 2, 20, 19, 29, 19)),
        ("Nov 23 06:38:49.5", nanos(2026, 11, 23, 6, 38, 49) + 500_000_000),
        ("2026-11-23T06:38:49+05:30", nanos(2026, 11, 23, 1, 8, 49)),
        ("Mon 2026-11-23 06:38:49 UTC", nanos(2026, 11, 23, 6, 38, 49)),
        ("1570338064.732555", 1_570_338_064_732_555_000),
        ("Foo 23 06:38:49", None),
        ("Feb 30 06:38:49", None),
        ("Nov 23 25:38:49", None),
        ("", None),
    ],
)
def test_a_stamp_without_year_is_the_last_one(stamp: str, expected: int | None) -> None:
    """The year is the newest that puts the stamp no later than a day after now: its zone is unknown."""
    assert time_of(stamp, _NOW) == expected


@pytest.mark.parametrize("day", [(2027, 1, 1), (2028, 2, 29), (2024, 12, 31), (2026, 6, 15)])
def test_now_itself_is_this_year(day: tuple[int, int, int]) -> None:
    """On any day of any year a stamp of that day is of that day."""
    now = nanos(*day)
    stamp = datetime(*day, tzinfo=UTC).strftime("%b %d %H:%M:%S")
    assert time_of(stamp, now // 1_000_000_000) == now
