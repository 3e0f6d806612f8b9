"""Lines that somebody slips into a log hide nothing that stands beside them."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scans import LOGS, SETTINGS
from vedette import app
from vedette.engine.conclude import Conclusion
from vedette.rule import Severity
from vedette.scan import Done, Plan, Scanner
from vedette.sources.files import Range

HOSTILE = (
    b'{"kind":"Event","auditID":"x","stage":"ResponseComplete","verb":"get","user":{"username":"eve',
    b"{",
    b"[",
    b'"',
    b"}",
    b"]}",
    b"\x00" * 300,
    b"\xff\xfe{",
    b"\xef\xbb\xbf",
    b"null",
    b'{"kind": 0}',
    b"[" * 5000,
    b'{"a":' * 3000,
    b'{"records":[{"properties":{"log":"{',
    b'{"kind":"EventList","items":[{"auditID":',
    b"2026-01-02T03:04:05.678901234Z stdout P {",
    b'{"log":"{\\"kind\\":","stream":"stdout","time":"2026-01-02T03:04:05Z"}',
    b'@cee: {"type":"request',
    b'{"auditID":"a","stage":7,"verb":["get"]}',
    b'{"auditID":"a","stage":"ResponseComplete","verb":"get","auditID":"a"}',
    b"Jan  2 03:04:05 host sshd[1]: Accepted",
    b"I0102 03:04:05.000000 1 options.go:221] external host",
    b"x" * 70_000,
    b"\r",
)
"""None of them is a whole record of a format; some begin one."""


@cache
def _scanner() -> Scanner:
    loaded = app.load_settings(str(SETTINGS))
    return Scanner(Plan(app.usable_rules(app.load_rules(loaded)), app.trusted_proxies(loaded)))


def _told(chunks: list[bytes]) -> set[tuple[str, str, int, str, str]]:
    """Rule, actor, severity, first act and outcome of every alert that the chunks give."""
    scanner = _scanner()
    conclusion = Conclusion(scanner.roster)
    for word in scanner.read_chunks(chunks, Range(0, 0)):
        if isinstance(word, Done):
            assert word.counts.tally.balanced()
        else:
            for sighting in word.sightings:
                conclusion.add(sighting)
    alerts = conclusion.alerts(lambda sighting: ("log", sighting.line), Severity.INFO)
    return {(alert.rule, alert.actor, alert.severity, alert.act, alert.outcome) for alert in alerts}


@cache
def _log(name: str) -> tuple[bytes, ...]:
    return tuple((LOGS / name).read_bytes().splitlines(keepends=True))


def _chunked(lines: list[bytes], size: int) -> list[bytes]:
    return [b"".join(lines[at : at + size]) for at in range(0, len(lines), size)]


@pytest.mark.parametrize("name", ["kube-audit.jsonl", "vault-audit.jsonl", "auth.log"])
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_slipped_in_lines_hide_no_alert(name: str, data: st.DataObject) -> None:
    """Wherever they stand and however the log is read, every alert of the log alone is still given."""
    lines = list(_log(name))
    places = st.tuples(st.integers(0, len(lines)), st.sampled_from(HOSTILE))
    for at, hostile in sorted(data.draw(st.lists(places, min_size=1, max_size=6)), reverse=True):
        lines.insert(at, hostile + b"\n")
    size = data.draw(st.sampled_from([1, 7, 100, 5000]))
    assert _told([b"".join(_log(name))]) <= _told(_chunked(lines, size))


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_each_of_them_between_all_lines_hides_no_alert(hostile: bytes) -> None:
    """The same line before every tenth record."""
    lines = [
        hostile + b"\n" + line if number % 10 == 0 else line for number, line in enumerate(_log("kube-audit.jsonl"))
    ]
    assert _told([b"".join(_log("kube-audit.jsonl"))]) <= _told(_chunked(lines, 50))
