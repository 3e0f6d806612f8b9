"""An HTTP answer says: told, later, never, or not this one."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from vedette.clients.base import Answer, BadSecret, NoAnswer
from vedette.sinks.verdict import LONGEST_WAIT, retry_after, unanswered, verdict

NOW = 1_795_629_600.0


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_2xx_is_told(status: int) -> None:
    """Whatever the far end calls its success, it is one."""
    assert verdict(Answer(status, {}, b""), NOW) is None


@pytest.mark.parametrize(
    ("status", "dead", "refused"),
    [
        (400, False, True),
        (413, False, True),
        (422, False, True),
        (401, True, False),
        (403, True, False),
        (404, True, False),
        (405, True, False),
        (410, True, False),
        (301, True, False),
        (302, True, False),
        (307, True, False),
        (408, False, False),
        (409, False, False),
        (425, False, False),
        (429, False, False),
        (500, False, False),
        (502, False, False),
        (503, False, False),
        (504, False, False),
        (599, False, False),
    ],
)
def test_a_status_is_dead_refused_or_temporary(status: int, dead: bool, refused: bool) -> None:
    """Every other status is one of three, and the reason holds nothing that the far end wrote."""
    said = verdict(Answer(status, {"location": "https://canary.example/"}, b"canary"), NOW)
    assert said is not None
    assert (said.dead, said.refused) == (dead, refused)
    assert str(said).startswith(str(status))
    assert "canary" not in str(said)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("0", 0.0),
        ("86400000", LONGEST_WAIT),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        (formatdate(NOW + 10**7, usegmt=True), LONGEST_WAIT),
        ("", 0.0),
        ("-5", 0.0),
        ("soon", 0.0),
        ("nan", 0.0),
        ("1e9", 0.0),
        ("٣", 0.0),
        ("9" * 400, 0.0),
        ("Wed, 99 Nov 2026 99:99:99 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float) -> None:
    """Both forms are read, and neither mutes a sink for longer than an hour."""
    assert retry_after(value, NOW) == pytest.approx(seconds, abs=1)
    said = verdict(Answer(429, {"retry-after": value}, b""), NOW)
    assert said is not None
    assert said.retry_after == pytest.approx(seconds, abs=1)


def test_no_answer_is_temporary_unless_it_cannot_mend_itself() -> None:
    """A refused connection may pass; a missing secret or an unknown CA does not."""
    assert not unanswered(NoAnswer("connection refused or no route")).dead
    assert not unanswered(NoAnswer("TLS: handshake failed")).dead
    assert unanswered(NoAnswer("TLS: the certificate cannot be verified")).dead
    assert unanswered(BadSecret("/run/token: No such file or directory")).dead


def test_what_may_have_arrived_is_said() -> None:
    """A lost answer, or a far end's own error, is no proof that nothing was told; a refused connection is."""
    for reason in ("no answer in time", "the connection broke off", "an answer of more than 1 MB"):
        assert unanswered(NoAnswer(reason)).perhaps
    for reason in ("connection refused or no route", "no connection in time", "the name cannot be resolved", "TLS: x"):
        assert not unanswered(NoAnswer(reason)).perhaps
    assert not unanswered(BadSecret("x")).perhaps
    said = {status: verdict(Answer(status, {}, b""), NOW) for status in (400, 404, 429, 500, 502, 503, 504)}
    assert [status for status, one in said.items() if one is not None and one.perhaps] == [500, 502, 504]
