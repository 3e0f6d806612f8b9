"""A notification as one JSON record holds whatever an attacker wrote, and stays one line of JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sinks.notes import HOSTILE, SECOND, TOLD, hostile, note
from vedette.cli.records import alert_record
from vedette.notification import Occasion
from vedette.sinks.record import LONGEST_TEXT, encoded, link, record
from vedette.stamp import stamp


@pytest.mark.parametrize("name", HOSTILE)
def test_any_text_gives_one_line_of_json(name: str) -> None:
    """Escapes, halves of pairs and a megabyte in every field are one valid line, and what was cut is listed."""
    line = encoded(hostile(HOSTILE[name]))
    assert b"\n" not in line
    assert b"\r" not in line
    read = json.loads(line.decode("utf-8"))
    assert read["schema"] == "vedette.notification/1"
    assert len(read["actor"]) <= LONGEST_TEXT
    assert ("actor" in read["cut"]) == (len(HOSTILE[name]) > LONGEST_TEXT)
    if name not in ("surrogates", "megabyte"):
        assert read["actor"] == HOSTILE[name]
        assert read["annotations"]["description"] == HOSTILE[name]


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=80))
def test_no_text_breaks_the_record(text: str) -> None:
    """Whatever the text, the record is JSON that gives it back, lone surrogates aside."""
    read = json.loads(encoded(hostile(text)))
    assert read["object"] == text.encode("utf-8", "replace").decode()
    assert read["cut"] == []


def test_an_alerts_fields_are_named_as_in_json_output() -> None:
    """Every field of `-o json` stands in the record under its name, `id` and `schema` being the notification's."""
    one = note(count=4, last_seen=TOLD + 5 * SECOND)
    wanted = alert_record(one.alert, one.runbook_url)
    read = json.loads(encoded(one))
    assert read["alert"] == wanted.pop("id")
    assert wanted.pop("schema") == "vedette.alert/1"
    assert {name: read[name] for name in wanted} == json.loads(json.dumps(wanted))


def test_the_occasion_and_its_times_are_told() -> None:
    """An open alert has no end; a closed one has."""
    assert record(note())["ends_at"] is None
    over = record(note(Occasion.CLOSED, ends_at=TOLD + 60 * SECOND, repeat=True))
    assert (over["occasion"], over["ends_at"], over["repeat"]) == ("closed", "2026-11-25T18:01:00.000000Z", True)


def test_a_time_that_no_calendar_holds_is_given_in_seconds() -> None:
    """A stamp from a broken clock does not end the telling."""
    assert stamp(TOLD) == "2026-11-25T18:00:00.000000Z"
    assert stamp(10**30) == f"{1e21:.6f}"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://runbooks.example.org/K4", True),
        ("http://10.0.0.1:8080/a?b=c#d", True),
        ("javascript:alert(1)", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("https://[", False),
        ("https://a b", False),
        ("https://a/\x1b", False),
        ("https://b\u00fccher.example/", False),
        ("https://a/" + "x" * 3000, False),
        ("", False),
    ],
)
def test_only_a_plain_web_address_is_a_link(url: str, kept: bool) -> None:
    """Another scheme, a space or a control character makes it no link."""
    assert link(url, 2048) == (url if kept else "")
