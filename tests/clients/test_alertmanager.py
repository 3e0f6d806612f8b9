"""The client of Alertmanager reads what Alertmanager writes, and says in few words what it cannot read."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from lab.loopback import Reply, serving

from vedette.clients.alertmanager import Alertmanager, Matcher, rfc3339, words
from vedette.clients.base import NoAnswer


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (1_795_629_600_123_456_789, "2026-11-25T18:00:00.123456789Z"),
        (0, "1970-01-01T00:00:00.000000000Z"),
        (-5, "1970-01-01T00:00:00.000000000Z"),
        (10**30, "9999-12-31T23:59:59.000000000Z"),
    ],
)
def test_any_time_is_one_that_alertmanager_reads(time_ns: int, text: str) -> None:
    """Go's RFC 3339 knows the years to 9999; a broken clock must not cost a batch."""
    assert rfc3339(time_ns) == text
    assert datetime.fromisoformat(text).tzinfo is not None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'"start time must be before end time"\n', "start time must be before end time"),
        (b'{"code":601,"message":"0.generatorURL in body must be of type uri"}', "0.generatorURL in body must be of type uri"),
        (b'"\\u001b[2J"', r"\x1b[2J"),
        (json.dumps("x" * 999).encode(), "x" * 199 + "…"),
        (b"<html>", ""),
        (b"", ""),
        (b"\xff", ""),
        (b"[1]", ""),
        (b'{"message":7}', ""),
        (b"[" * 100_000, ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_passed_on_as_text(body: bytes, said: str) -> None:
    """Alertmanager's own words are shown, cleaned and cut; another's are not."""
    assert words(body) == said


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{}", b'[{"labels":{}}]', b'{"silenceID":7}', b"\xff\xfe", b"[" * 100_000, b'"\\ud800"'],
)
def test_what_alertmanager_would_not_write_is_no_answer(body: bytes) -> None:
    """A page, a wrong shape or broken text ends in one word, not in a traceback."""
    with serving(Reply(200, body)) as server:
        client = Alertmanager(server.url)
        for ask in (
            client.alerts,
            client.silences,
            client.status,
            lambda: client.create_silence([Matcher("a", "b")], 0, 1, "c", "d"),
        ):
            with pytest.raises(NoAnswer, match="200, and not what Alertmanager answers"):
                ask()
        client.close()


def test_what_is_asked_is_quoted(tmp_path: Path) -> None:
    """Filters and ids reach the server as what they are, with the proof of who asks."""
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    with serving(Reply(200, b"[]")) as server:
        client = Alertmanager(server.url + "/am/", token_file=str(token))
        assert client.alerts(['entity="a&b"', "x=~.+"]) == ()
        client.delete_silence("../alerts?x")
        client.close()
    get, delete = server.asked
    assert get.path == "/am/api/v2/alerts?filter=entity%3D%22a%26b%22&filter=x%3D~.%2B"
    assert get.headers["authorization"] == "Bearer t0ken"
    assert (delete.method, delete.path) == ("DELETE", "/am/api/v2/silence/..%2Falerts%3Fx")
