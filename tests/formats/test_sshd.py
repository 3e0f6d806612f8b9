"""sshd's log as a format: text and journal, quickly and exactly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.reading import CRON, NOW, SSHD, formats, log, projections, quick, read
from vedette.event import Event, Outcome
from vedette.formats.base import Ignored, Unreadable
from vedette.formats.sshd import Sshd, SshdProjector

_ACCEPTED = "Accepted password for alice from 192.0.2.7 port 22 ssh2"
_HOT = ("program", "event", "method", "address")


def projector() -> SshdProjector:
    """A projector of all hot fields."""
    return SshdProjector(projections(formats())["sshd"])


def entry(message: Any = _ACCEPTED, **more: Any) -> dict[str, Any]:
    """An entry of the journal as `journalctl -o json` prints it; None takes a field away."""
    fields = {
        "__CURSOR": "s=1;i=2",
        "__REALTIME_TIMESTAMP": "1795415529218814",
        "_COMM": "sshd",
        "_EXE": "/usr/sbin/sshd",
        "_SYSTEMD_UNIT": "ssh.service",
        "_UID": "0",
        "_PID": "1304",
        "_HOSTNAME": "bastion",
        "SYSLOG_IDENTIFIER": "sshd",
        "MESSAGE": message,
    }
    return {key: value for key, value in (fields | more).items() if value is not None}


def event_of(record: dict[str, Any] | bytes) -> Event:
    """One line or entry, read whole."""
    return Sshd(NOW).read(record if isinstance(record, bytes) else json.dumps(record).encode())


def test_an_accepted_login_is_an_event() -> None:
    """Time, act, outcome, who, where from, onto which host, with which key."""
    event = event_of(SSHD)
    assert (event.time, event.outcome, event.final) == (1_795_415_929_000_000_000, Outcome.DONE, True)
    assert dict(event.fields) == {
        "program": "sshd",
        "host": "bastion",
        "pid": 581,
        "event": "accepted",
        "method": "publickey",
        "user": "alice",
        "address": "192.0.2.7",
        "port": 56296,
        "key": "ED25519 SHA256:abc",
        "message": SSHD.decode().partition(": ")[2],
        "outcome": "done",
        "actor": "alice",
        "object": "bastion",
    }


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        (_ACCEPTED, Outcome.DONE),
        ("Failed password for alice from 192.0.2.7 port 22 ssh2", Outcome.REFUSED),
        ("Invalid user bob from 192.0.2.7", Outcome.REFUSED),
        ("Connection closed by 192.0.2.7 port 22", Outcome.UNKNOWN),
        ("Server listening on :: port 22.", Outcome.UNKNOWN),
    ],
)
def test_the_outcome_is_the_message(message: str, outcome: Outcome) -> None:
    """Accepted is done, failed and invalid are refused, all else says nothing."""
    event = event_of(b"bastion sshd[1]: " + message.encode())
    assert (event.outcome, event.text("outcome")) == (outcome, outcome.value)


def test_a_login_without_address_is_open() -> None:
    """Where the line names no address, where from is unknown; of other lines it is certain that they name none."""
    assert event_of(b"sshd[1]: Accepted google_authenticator for root").values(("address",)) == ((), False)
    assert event_of(b"sshd[1]: Server listening on :: port 22.").values(("address",)) == ((), True)


@pytest.mark.parametrize(
    ("more", "ours"),
    [
        ({}, True),
        ({"_SYSTEMD_UNIT": "sshd.service"}, True),
        ({"_SYSTEMD_UNIT": "sshd@3-192.0.2.1:22.service", "_COMM": "sshd-session"}, True),
        ({"_SYSTEMD_UNIT": "session-4.scope", "_COMM": "sshd-session"}, True),
        ({"_SYSTEMD_UNIT": "ssh.service", "SYSLOG_IDENTIFIER": None, "_COMM": None}, True),
        ({"_COMM": None, "_EXE": None, "_SYSTEMD_UNIT": None}, True),
        ({"_COMM": "logger", "_SYSTEMD_UNIT": "session-4.scope", "_UID": "1000"}, False),
        ({"_COMM": "logger", "_SYSTEMD_UNIT": "session-4.scope"}, False),
        ({"_COMM": "sshd", "_SYSTEMD_UNIT": "session-4.scope", "_UID": "1000"}, False),
        ({"_COMM": "python3", "_SYSTEMD_UNIT": "sshdlike.service"}, False),
        ({"_COMM": None, "_EXE": None, "_SYSTEMD_UNIT": None, "SYSLOG_IDENTIFIER": "app"}, False),
    ],
)
def test_the_journal_knows_who_wrote(more: dict[str, Any], ours: bool) -> None:
    """`logger -t sshd` sets the identifier, not the fields that the journal sets; those decide."""
    reading = read(log(entry(**more)))
    assert reading.events == ({"sshd": 1} if ours else {})
    assert dict(reading.tally.ignored) == ({} if ours else {"another program": 1})
    if not ours:
        with pytest.raises(Unreadable):
            event_of(entry(**more))


@pytest.mark.parametrize(
    ("more", "time"),
    [
        ({}, 1_795_415_529_218_814_000),
        ({"_SOURCE_REALTIME_TIMESTAMP": "1795415529218786"}, 1_795_415_529_218_786_000),
        ({"__REALTIME_TIMESTAMP": None}, 0),
        ({"__REALTIME_TIMESTAMP": "²"}, 0),
    ],
)
def test_an_entry_has_its_own_time(more: dict[str, Any], time: int) -> None:
    """Microseconds; the writer's own clock is preferred."""
    assert event_of(entry(**more)).time == time


def test_an_entry_is_told_by_its_cursor() -> None:
    """The same message twice in the journal is two acts, the same entry read twice is one."""
    acts = [event_of(entry(__CURSOR=cursor)).act for cursor in ("s=1", "s=1", "s=2")]
    assert acts[0] == acts[1] != acts[2]


@pytest.mark.parametrize(
    ("message", "user"),
    [
        (list(b"Invalid user \xff\xfe from 192.0.2.7"), "\ufffd\ufffd"),
        (list(_ACCEPTED.encode()), "alice"),
        ([*b"Invalid user ", 300, -1, *b" from 192.0.2.7"], ",\ufffd"),
    ],
)
def test_a_message_may_be_bytes(message: list[int], user: str) -> None:
    """journalctl prints what is no UTF-8 as a list of bytes."""
    event = event_of(entry(message))
    assert (event.text("user"), event.text("address")) == (user, "192.0.2.7")
    assert read(log(entry(message))).events == {"sshd": 1}


@pytest.mark.parametrize("message", [None, 5, {}, [{}], True])
def test_an_odd_message_is_an_event(message: object) -> None:
    """An entry whose message is no text is one that says nothing, and is not lost."""
    record = entry() | {"MESSAGE": message}
    assert event_of(record).text("event") == "other"
    assert read(log(record)).events == {"sshd": 1}


def test_a_chunk_of_entries_is_read_at_once() -> None:
    """A journal of sshd's own entries has no need of a closer look; another's entry among them has."""
    mine, other = (
        json.dumps(entry()).encode() + b"\n",
        json.dumps(entry(_COMM="cron", _SYSTEMD_UNIT="c")).encode() + b"\n",
    )
    records = projector().lines(mine * 3)
    assert records is not None
    assert [quick(projector(), "address", record) for record in records] == ["192.0.2.7"] * 3
    assert projector().lines(mine + other) is None
    assert projector().lines(b"text\n") is None


@pytest.mark.parametrize(
    "raw",
    [b"", b"text", b"two words: text", b"-- Boot 1 --", CRON, b"{}", b'{"MESSAGE":"x","_COMM":"cron"}', b'{"MESSAGE":'],
)
def test_other_lines_are_refused(raw: bytes) -> None:
    """What is none of sshd's lines cannot be read as one."""
    with pytest.raises(Unreadable):
        event_of(raw)


@pytest.mark.parametrize(
    "raw", [CRON, b"-- Journal begins at Mon 2026-11-23. --", b"Nov 23 06:38:49 h last message repeated 2 times"]
)
def test_other_programs_are_ignored(raw: bytes) -> None:
    """A line that is understood and not sshd's is nothing to worry about."""
    with pytest.raises(Ignored, match="another program"):
        projector().record(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b" " + _ACCEPTED.encode(),
        b"Invalid user bob from 192.0.2.7",
        b"Failed none for invalid user x from 192.0.2.7 port 22 ssh2",
    ],
)
def test_a_bare_message_is_read(raw: bytes) -> None:
    """A message without a head counts when it is one of a login's, from its first word."""
    assert event_of(raw).text("address") == "192.0.2.7"


_WORDS = st.sampled_from(
    "Accepted Failed password publickey for invalid user from port ssh2 22 192.0.2.7 2001:db8::1 alice root : [preauth] "
    "ssh2: RSA SHA256:abc Connection closed by Disconnected Received disconnect Invalid 11: message repeated 2 times: [ ] "
    "pam_unix(sshd:auth): sshd[1]: error: PAM: é {".split()
)
_MESSAGES = st.lists(_WORDS, max_size=14).map(" ".join)
_HEADS = st.sampled_from(
    [
        "Nov 23 06:38:49 bastion sshd[581]: ",
        "Nov  3 06:38:49 bastion sshd-session[581]:  ",
        "<38>Nov 23 06:38:49 bastion sshd: ",
        "2026-11-23T06:38:49.849585+05:30 kali sshd-auth[581]: ",
        "Nov 23 06:38:49 bastion CRON[600]: ",
        "Nov 23 06:38:49 bastion sshd",
        "Nov 23 06:38:49 sshd[581]: ",
        "bastion sshd[581]: ",
        "",
    ]
)


@given(st.lists(st.tuples(_HEADS, _MESSAGES).map("".join), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_both_ways_to_read_agree(lines: list[str], end: str) -> None:
    """What the quick look says of any line is what the patient one says, or it leaves the chunk to that."""
    one = projector()
    scanned = one.scan((end.join(lines) + end).encode())
    if scanned is None:
        return
    slow: dict[int, Any] = {}
    for number, line in enumerate(lines):
        try:
            slow[number] = one.record(line.strip(" ").encode())
        except Ignored:
            continue
    assert dict(zip(scanned.lines, scanned.records, strict=True)) == slow
    assert scanned.ignored == len(lines) - len(slow)
    for number, seen in slow.items():
        event = event_of(lines[number].strip(" ").encode())
        assert [quick(one, name, seen) for name in _HOT] == [event.fields.get(name) for name in _HOT]


def test_usual_lines_are_read_at_once() -> None:
    """The lines that make up nearly all of an auth.log need no closer look."""
    usual = [
        SSHD,
        CRON,
        b"Nov 23 06:38:49 bastion sshd[581]: Failed password for invalid user bob from 192.0.2.7 port 22 ssh2",
        b"Nov 23 06:38:49 bastion sshd[581]: pam_unix(sshd:session): session opened for user alice by (uid=0)",
        b"Nov 23 06:38:49 bastion sshd[581]: Received disconnect from 192.0.2.7 port 22:11: Bye Bye [preauth]",
        b"Nov 23 06:38:49 bastion sshd[581]: Connection closed by 192.0.2.7 port 22 [preauth]",
        b"Nov 23 06:38:49 bastion sshd[581]: Invalid user bob from 192.0.2.7 port 22",
    ]
    scanned = projector().scan(b"\n".join(usual) + b"\n")
    assert scanned is not None
    assert scanned.lines == [0, 2, 3, 4, 5, 6]
    assert [quick(projector(), "event", record) for record in scanned.records] == [
        "accepted",
        "failed",
        "other",
        "disconnected",
        "disconnected",
        "invalid_user",
    ]


@pytest.mark.parametrize("stamp", ["9" * 17, "9" * 5000, "-1", "x", ""])
def test_a_stamp_that_is_no_time_is_none(stamp: str) -> None:
    """An entry is read whatever its time; Python refuses to convert more than 4,300 digits."""
    event = event_of(entry(__REALTIME_TIMESTAMP=stamp))
    assert (event.time, event.outcome) == (0, Outcome.DONE)


@pytest.mark.parametrize("field", ["_COMM", "_EXE", "_SYSTEMD_UNIT", "_UID", "SYSLOG_IDENTIFIER", "MESSAGE"])
def test_bytes_that_are_no_text_end_no_scan(field: str) -> None:
    """A damaged entry is read, or refused, and the next one is read."""
    raw = json.dumps(entry(**{field: "?"})).encode().replace(b"?", b"\xff\xfe")
    reading = read(raw + b"\n" + json.dumps(entry()).encode() + b"\n")
    assert reading.tally.records == 2
    assert reading.events["sshd"] >= 1


def test_a_stamp_without_year_is_read_by_the_time_of_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is watched for months, over a new year: the line is from today, not from a year ago."""
    now = 1_795_000_000
    monkeypatch.setattr("vedette.formats.sshd.time.time", lambda: now)
    watched = Sshd()
    line = f"Jan  5 10:00:00 bastion sshd[77]: {_ACCEPTED}".encode()
    assert watched.read(line).time < now * 1_000_000_000
    now += 60 * 86_400
    assert now * 1_000_000_000 - watched.read(line).time < 60 * 86_400 * 1_000_000_000
