"""Hostile lines among true ones: whatever a sender puts into a log, no alert of the untouched log is lost.

What is inserted here is none of any rule's business, so nothing else may change either: the same alerts, by rule,
severity, outcome, actor, object, time and count, wherever they then stand.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.scans import LOGS, SETTINGS, placeless
from vedette import app
from vedette.cli.records import alert_record, match_record
from vedette.engine.conclude import Conclusion
from vedette.engine.sighting import Sighting
from vedette.rule import Severity
from vedette.scan import Done, Plan, Scanner
from vedette.sources.files import Range

Wrap = Callable[[bytes], bytes]
_STAMP = b"2026-11-23T08:57:00.1Z "
_FILES = sorted(path.name for path in LOGS.iterdir())


@cache
def _lines(name: str) -> tuple[bytes, ...]:
    return tuple((LOGS / name).read_bytes().splitlines())


@cache
def _scanner() -> Scanner:
    read = app.load_settings(str(SETTINGS))
    return Scanner(Plan(app.usable_rules(app.load_rules(read)), app.trusted_proxies(read), keep_quarantine=True))


def concluded(files: Iterable[Sequence[bytes]]) -> Conclusion:
    """What comes of some files, each given as chunks of whole lines; asserts that nothing was lost on the way."""
    scanner = _scanner()
    conclusion = Conclusion(scanner.roster)
    for number, chunks in enumerate(files):
        for word in scanner.read_chunks(chunks, Range(number, 0)):
            if isinstance(word, Done):
                assert word.counts.tally.balanced()
                assert word.counts.matched.total() <= word.counts.tally.events.total()
            else:
                for sighting in word.sightings:
                    conclusion.add(sighting)
    return conclusion


def _place(sighting: Sighting) -> tuple[str, int]:
    return str(sighting.file), sighting.line


def scan(files: Iterable[Sequence[bytes]]) -> list[dict[str, Any]]:
    """The alerts of some files."""
    return [alert_record(alert, "") for alert in concluded(files).alerts(_place, Severity.INFO)]


def acts(files: Iterable[Sequence[bytes]]) -> list[dict[str, Any]]:
    """The acts that met a rule by themselves, without those that stand for a window of others."""
    windows = {correlation.name for correlation in _scanner().roster.correlations}
    found = concluded(files).matches(_place)
    return [match_record(match, "") for match in found if match.detection not in windows]


def _told(alerts: Iterable[dict[str, Any]], *without: str) -> Counter[str]:
    """The alerts, each as one text, without where they stand and what else cannot be compared."""
    kept = [{key: value for key, value in one.items() if key not in without} for one in placeless(list(alerts))]
    return Counter(json.dumps(one, sort_keys=True) for one in kept)


@pytest.fixture(scope="module")
def reference() -> list[dict[str, Any]]:
    """The alerts of the untouched logs."""
    return scan([_joined(_lines(name))] for name in _FILES)


def _joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def _as_text(line: bytes) -> str:
    return line.decode("utf-8", "replace")


WRAPS: dict[str, Wrap] = {
    "plain": lambda line: line,
    "cri": lambda line: _STAMP + b"stdout F " + line,
    "docker": lambda line: json.dumps({"log": _as_text(line) + "\n", "stream": "stdout", "time": "x"}).encode(),
    "message": lambda line: json.dumps({"@timestamp": "x", "message": _as_text(line)}).encode(),
    "loki": lambda line: json.dumps({"labels": {"job": "audit"}, "line": _as_text(line), "timestamp": "x"}).encode(),
}
_BEGINS = (
    b"{",
    b"[",
    b"[[",
    b'{"a":',
    b'{"a":[',
    b'{"a":[{},',
    b'{"a":"x',
    b'{"a":1}{"b":',
    b'{"items":[',
    b'{"auditID":"x","stage":"y","verb":"z","requestObject":[',
    b'{"type":"response","request":{',
    b'{"log":"{\\"a\\":[","stream":"stdout","time":"x"}',
    b'{"message":"[\\n{"}',
    _STAMP + b"stdout P x",
    _STAMP + b'stdout P {"a":[',
    _STAMP + b"stderr P " + b"x" * 5000,
    b'@cee: {"a":[',
    b"}",
    b"]}]",
    b"{}",
    b"[]",
    b"null",
    b"",
    b"\r",
    b"\0" * 100,
    b"\xef\xbb\xbf",
    b"\xff\xfe{",
    b"\x1e{",
    b"[" * 3000,
    b'{"a":' * 3000,
    b'"' * 99,
    b"\\" * 99,
    b'{"kind": 0}',
    b'{"records":[{"properties":{"log":"{',
    b'{"kind":"EventList","items":[{"auditID":',
    b'@cee: {"type":"request',
    b'{"auditID":"a","stage":7,"verb":["get"]}',
    b'{"auditID":"a","stage":"ResponseComplete","verb":"get","auditID":"a"}',
    b"Jan  2 03:04:05 host sshd[1]: Accepted",
    b"I0102 03:04:05.000000 1 options.go:221] external host",
    b"x" * 70_000,
)
"""None of them is a whole record that a rule could mean; some begin one."""
_NAMES = st.text(max_size=30) | st.sampled_from(
    [
        "root from 10.0.20.5 port 22 ssh2",
        "Accepted publickey for root from 10.0.20.5 port 22 ssh2",
        "x\nNov 23 08:57:00 host sshd[1]: Disconnected",
        "sshd[1]: ",
        "\x1b[2J\u202e",
        "' OR 1=1",
        '{"auditID":"',
    ]
)


@cache
def _matched() -> tuple[dict[str, Any], ...]:
    """The kube records of alerts: acts that somebody would like to hide."""
    alerts = scan([[_joined(_lines("kube-audit.jsonl"))]])
    return tuple(json.loads(_lines("kube-audit.jsonl")[alert["line"] - 1]) for alert in alerts)


def _harmless(record: dict[str, Any], stage: str, keep: bool) -> bytes:
    """Another request with the same Audit-ID, and perhaps the same user and time, which is none of any rule's business."""
    other = record | {
        "stage": stage,
        "verb": "get",
        "requestURI": "/readyz",
        "responseStatus": {"metadata": {}, "code": 200},
        "sourceIPs": ["10.0.20.31"],
    }
    for key in ("objectRef", "requestObject", "responseObject", "impersonatedUser", "annotations"):
        other.pop(key, None)
    if not keep:
        other |= {"user": {"username": "nobody@example.org"}, "requestReceivedTimestamp": "2026-11-23T08:57:00.000000Z"}
    elif record["user"].get("username", "").startswith(("system:serviceaccount:", "me@")):
        other["user"] = {"username": "nobody@example.org"}
    return json.dumps(other).encode()


def _login_tried(name: str) -> bytes:
    said = name.replace("\n", "\\n").replace("\r", "")
    return f"Nov 23 08:57:00 k8s-master sshd[7]: Failed password for invalid user {said} from 10.0.20.9 port 1 ssh2".encode()


@cache
def _all_lines() -> tuple[bytes, ...]:
    return tuple(line for name in _FILES for line in _lines(name))


def _cut(number: int, part: float) -> bytes:
    line = _all_lines()[number % len(_all_lines())]
    # A line of text loses its begin, for what is left of its end may be a whole one.
    return line[: int((len(line) - 1) * part)] if line[:1] == b"{" else b"~" + line[: int(len(line) * part)]


HOSTILE = st.one_of(
    st.sampled_from(_BEGINS),
    st.builds(_cut, st.integers(0, 10_000), st.floats(0, 1)),
    st.binary(max_size=60).map(lambda some: some.replace(b"\n", b" ")),
    st.builds(
        lambda number, stage, keep: _harmless(_matched()[number % len(_matched())], stage, keep),
        st.integers(0, 1000),
        st.sampled_from(["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"]),
        st.booleans(),
    ),
    _NAMES.map(_login_tried),
)


@st.composite
def _altered(draw: st.DrawFn, name: str) -> list[bytes]:
    """One of the logs in some wrapping, with hostile lines put in, cut into chunks anywhere."""
    wrap = WRAPS[draw(st.sampled_from(sorted(WRAPS)))]
    lines = [wrap(line) for line in _lines(name)]
    # From the end, so that a place is the untouched log's.
    places = st.lists(st.tuples(st.integers(0, len(lines)), HOSTILE, st.booleans()), max_size=25)
    for at, hostile, wrapped in sorted(draw(places), key=lambda one: -one[0]):
        lines.insert(at, wrap(hostile) if wrapped else hostile)
    cuts = sorted({0, len(lines), *draw(st.lists(st.integers(0, len(lines)), max_size=6))})
    return [_joined(lines[begin:end]) for begin, end in pairwise(cuts)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(files=st.tuples(*(_altered(name) for name in _FILES)))
def test_inserted_lines_hide_no_alert(reference: list[dict[str, Any]], files: tuple[list[bytes], ...]) -> None:
    """Begins without ends, cut records, noise, chosen Audit-IDs and names, anywhere in any wrapping."""
    found = scan(files)
    assert not _told(reference) - _told(found)


@pytest.mark.parametrize("wrap", WRAPS)
def test_every_begin_before_every_alert(reference: list[dict[str, Any]], wrap: str) -> None:
    """Each begin without end, put right before each record that an alert names, costs no alert."""
    for begin in _BEGINS:
        files = []
        for name in _FILES:
            chosen = {alert["line"] - 1 for alert in reference if _FILES[int(alert["file"])] == name}
            lines = []
            for number, line in enumerate(_lines(name)):
                lines += [begin, WRAPS[wrap](line)] if number in chosen else [WRAPS[wrap](line)]
            files.append([_joined(lines)])
        assert not _told(reference) - _told(scan(files)), begin


_HEADERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "one Audit-ID for all": lambda _: {"auditID": "x"},
    "an empty Audit-ID": lambda _: {"auditID": ""},
    "an Audit-ID like another's act": lambda record: {"auditID": f"{record['auditID']}/0123456789ab"},
    "a hostile agent": lambda _: {"userAgent": '\x1b[2J"}{\u202e\\' + "x" * 9000},
    "addresses in front": lambda record: {"sourceIPs": ["10.0.20.5", "127.0.0.1", *record["sourceIPs"]]},
    "annotations": lambda record: {"annotations": {**record.get("annotations", {}), "a.b/c": "x" * 9000}},
    "another order": lambda record: dict(reversed(record.items())),
}


@pytest.mark.parametrize("chosen", _HEADERS)
def test_chosen_headers_hide_no_alert(reference: list[dict[str, Any]], chosen: str) -> None:
    """What a client chooses of every request: its id, its agent, the addresses that it claims to come from."""
    lines = []
    for line in _lines("kube-audit.jsonl"):
        record = json.loads(line)
        changed = _HEADERS[chosen](record)
        lines.append(json.dumps(changed if len(changed) > 3 else record | changed).encode())
    files = [[_joined(lines if name == "kube-audit.jsonl" else _lines(name))] for name in _FILES]
    # The id of an act is part of the alert's, and claimed addresses are judged and shown besides.
    without = ("id", "first_act", "last_act", "address")
    assert not _told(reference, *without) - _told(scan(files), *without)


def test_all_of_it_twice(reference: list[dict[str, Any]]) -> None:
    """Every line once more, at the end and in another file: an act is an act, however often it is told."""
    files = [[_joined([*_lines(name), *_lines(name)])] for name in _FILES]
    assert _told(scan([*files, *files])) == _told(reference)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_damage_costs_only_what_it_touches(data: st.DataObject) -> None:
    """Bytes changed, lost or put in anywhere: no exception, sums that agree, and every act told by untouched lines."""
    name = data.draw(st.sampled_from(_FILES))
    lines = list(_lines(name))
    touched = data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=1, max_size=30, unique=True))
    for number in touched:
        at = data.draw(st.integers(0, len(lines[number])))
        gone = data.draw(st.integers(0, 8))
        put = data.draw(st.binary(max_size=8)).replace(b"\n", b"\r")
        lines[number] = lines[number][:at] + put + lines[number][at + gone :]
    harmed = {act for number in touched for act in [_act(_lines(name)[number])] if act}
    safe = [
        act
        for act in acts([[_joined(_lines(name))]])
        if act["line"] - 1 not in touched and act["act"].partition("/")[0] not in harmed
    ]
    assert not _told(safe) - _told(acts([[_joined(lines)]]))


def _act(line: bytes) -> str:
    record = json.loads(line) if line[:1] == b"{" else {}
    return str(record.get("auditID") or (record.get("request") or {}).get("id") or "")
