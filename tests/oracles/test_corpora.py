"""Input that other programs broke on: odd JSON, naughty strings, patterns that explode.

Short lists of our own run everywhere. Where VEDETTE_CORPORA names a folder with checkouts of nst/JSONTestSuite,
minimaxir/big-list-of-naughty-strings and yetingli/ReDoS-Benchmarks, those run too.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.scans import alerts, scan

from vedette import sigma
from vedette.alert import Alert
from vedette.cli.screen import alert_lines
from vedette.engine.evaluate import Whole, evaluator
from vedette.event import Event, Outcome
from vedette.formats import SCHEMAS

WELL = [b"{}", b"[]", b"1e9999", b"-0", b'"\\ud800"', b'{"a":1,"a":2}', b'"\\u0000"', b"123456789012345678901234567890", b"[[[[[]]]]]", b'{"":""}', b'"\xf0\x9f\x92\xa9"', b"  null  ", b'{"a":{"b":[1,{"c":null}]}}', b"0.1E+22", b"true"]  # fmt: skip
BROKEN = [b"{", b"[", b"]", b"}", b'"', b"{]", b"[1,]", b"{,}", b'{"a"}', b'{"a":}', b'{"a":1', b"NaN", b"Infinity", b"-", b"01", b"1.", b"tru", b"'a'", b'"\\x00"', b'"\x00"', b'"\xff"', b"\xef\xbb\xbf{}", b"\xef\xbb", b"[" * 5_000, b'{"a":' * 5_000, b"[1] [2]", b"/* a */ 1", b'{"a":1}}', b'["a\tb"]', b"\x00" * 300, b"<html>", b"\\", b'{"auditID":"a","stage":"b","verb":', b'{"auditID":[{"stage":{']  # fmt: skip
STRINGS = ["", " ", "null", "undefined", "NaN", "0x0", "1/0", "-1", "../../etc/passwd", "%s%n", "$(id)", "`id`", "'; DROP TABLE", "<script>alert(1)</script>", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\u202eevil", "\u200bzero", "\u0000nul", "a\rb", "a\nb", "\t", "ﷺ", "Ω≈ç√", "👩‍👩‍👧", "i̇İıI", "ß", "*", "?", "\\", "\\*", "%owner%", "system:*", "Accepted password for root from 10.0.20.10 port 1 ssh2", "𝕳𝖊𝖑𝖑𝖔", "\ufeffbom", "\ud7ff", "x" * 5_000, "{{7*7}}", "__proto__", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]  # fmt: skip  # noqa: RUF001
EXPLODING = ["(a+)+$", "(a|aa)+$", "(a|a?)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(x+x+)+y", "([a-zA-Z]+)*$", "(?:(?:a*)*)*b", "^(\\d+)*[^\\d]$", "(a*)*(b*)*(c*)*$", "(\\w+\\s?)*$", "(?=a)b", "(a)\\1", "a{1000}{1000}", "(?<=x)y", "[", "(", "(?P<n>a)(?P=n)", "(((((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9}){9}))"]  # fmt: skip
ATTACKS = ["a" * 30_000 + "!", "x" * 30_000, "1" * 30_000 + "!", "aA" * 15_000, " " * 30_000 + "."]
SLOWEST = 2.0
"""Seconds for one pattern on one text of 30 kB; a backtracking engine needs longer than anybody lives."""


def corpus(*names: str) -> Path:
    """A file or folder of VEDETTE_CORPORA."""
    folder = os.environ.get("VEDETTE_CORPORA")
    path = Path(folder or ".", *names)
    if not folder or not path.exists():
        pytest.skip(f"VEDETTE_CORPORA does not name a folder with {'/'.join(names)}")
    return path


def read_of_secret(number: int, actor: str = "thief@example.org", **more: Any) -> dict[str, Any]:
    """An event that K3 fires on."""
    return {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": f"audit-{number}", "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/vault/secrets/x", "verb": "get", "user": {"username": actor}, "sourceIPs": ["10.0.20.7"],
        "objectRef": {"resource": "secrets", "namespace": "vault", "name": "x", "apiVersion": "v1"}, "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-11-23T06:00:00.000000Z", "stageTimestamp": "2026-11-23T06:00:00.000000Z", **more,
    }  # fmt: skip


def line(number: int, actor: str = "thief@example.org") -> bytes:
    """The event as a line of a log."""
    return json.dumps(read_of_secret(number, actor)).encode() + b"\n"


def whole(fields: dict[str, Any]) -> Whole:
    """An event as the evaluator sees it."""
    return Whole(Event("kube_audit", b"", 0, "act", final=True, outcome=Outcome.DONE, fields=fields))


def check_json(cases: Sequence[tuple[str, bytes]], folder: Path) -> None:
    """Whatever stands between two good lines, both are read, and the sums agree."""
    lost = []
    for number, (name, data) in enumerate(cases):
        file = folder / f"{number}.log"
        file.write_bytes(line(1, "before@example.org") + data + b"\n" + line(2, "after@example.org"))
        found = {alert["actor"] for alert in alerts([file])}
        if found < {"before@example.org", "after@example.org"}:
            lost.append((name, sorted(found)))
    assert lost == []


def check_bodies(cases: Sequence[tuple[str, bytes]], folder: Path) -> None:
    """An event whose requestObject is any valid JSON is judged like another."""
    missed = []
    for number, (name, data) in enumerate(cases):
        file = folder / f"{number}.log"
        start, end = json.dumps(read_of_secret(number, requestObject="BODY")).encode().split(b'"BODY"')
        file.write_bytes(start + re.sub(rb"[\r\n]", b" ", data) + end + b"\n")
        if [alert["actor"] for alert in alerts([file])] != ["thief@example.org"]:
            missed.append(name)
    assert missed == []


def check_strings(strings: Sequence[str], folder: Path) -> None:
    """A name of any kind is found by its rule, comes out of JSON as it went in, and cannot speak to a terminal."""
    file = folder / "naughty.log"
    usable = [text for text in strings if text and not text.startswith("system:")]
    file.write_bytes(b"".join(line(number, text) for number, text in enumerate(usable)))
    run = scan([file])
    found: list[Alert] = list(run.alerts())
    assert {alert.actor[:1000] for alert in found} == {text[:1000] for text in usable}
    shown = "".join(alert_lines(alert, colour=False, width=100) for alert in found)
    assert re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", shown) is None


def check_values(strings: Sequence[str], folder: Path) -> None:
    """A rule that names a text exactly meets that text and no other of them."""
    texts = sorted({text for text in strings if text.strip() and len(text) < 500 and text.isprintable()})
    files = []
    for number, text in enumerate(texts):
        escaped = re.sub(r"([\\*?])", r"\\\1", text)
        rule = {
            "title": f"Text {number}", "id": f"00000000-0000-4000-8000-{number:012d}", "logsource": {"product": "kubernetes", "service": "audit"},
            "detection": {"a": {"user.username|cased": escaped}, "condition": "a"}, "level": "low",
        }  # fmt: skip
        files.append(folder / f"{number:04d}.yml")
        files[-1].write_text(json.dumps(rule, ensure_ascii=False), "utf-8")
    loaded = sigma.load(files, SCHEMAS, sigma.Site(), [], unproven=True)
    judges = {rule.detections[0].id: evaluator(rule.detections[0].node) for rule in loaded.rules}
    assert len(judges) == len(texts), [str(problem) for problem in loaded.problems[:3]]
    for number, text in enumerate(texts):
        event = whole({"user": {"username": text}})
        met = [identity for identity, judge in judges.items() if judge(event) is True]
        assert met == [f"00000000-0000-4000-8000-{number:012d}"], text


def check_patterns(patterns: Sequence[str], folder: Path) -> int:
    """A pattern is refused with a reason, or answers in linear time; returns how many were taken."""
    files = []
    for number, pattern in enumerate(patterns):
        rule = {
            "title": f"Pattern {number}", "id": f"00000000-0000-4000-8000-{number:012d}", "logsource": {"product": "kubernetes", "service": "audit"},
            "detection": {"a": {"userAgent|re": pattern}, "condition": "a"}, "level": "low",
        }  # fmt: skip
        files.append(folder / f"{number:05d}.yml")
        files[-1].write_text(json.dumps(rule, ensure_ascii=False), "utf-8")
    loaded = sigma.load(files, SCHEMAS, sigma.Site(), [], unproven=True)
    refused = {problem.file for problem in loaded.problems if problem.error}
    assert len(loaded.rules) + len(refused) == len(patterns)
    slow = []
    for taken in loaded.rules:
        judge = evaluator(taken.detections[0].node)
        for text in ATTACKS:
            began = time.process_time()
            judge(whole({"userAgent": text}))
            if time.process_time() - began > SLOWEST:
                slow.append(taken.title)
    assert slow == []
    return len(loaded.rules)


def test_odd_json_between_good_lines_costs_nothing_else(tmp_path: Path) -> None:
    """Broken and odd JSON of our own list leaves its neighbours readable."""
    cases = [(repr(data[:40]), data) for data in (*WELL, *BROKEN)]
    assert len(cases) > 40
    check_json(cases, tmp_path)


def test_odd_bodies_are_bodies(tmp_path: Path) -> None:
    """Valid but odd JSON of our own list is a body like any other."""
    assert WELL
    check_bodies([(repr(data[:40]), data) for data in WELL], tmp_path)


def test_naughty_names_are_names(tmp_path: Path) -> None:
    """Our own list of naughty strings, as user names."""
    assert STRINGS
    check_strings(STRINGS, tmp_path)
    check_values(STRINGS, tmp_path)


def test_exploding_patterns_are_refused_or_linear(tmp_path: Path) -> None:
    """Our own list of patterns that bring backtracking engines down."""
    assert check_patterns(EXPLODING, tmp_path) >= 6


@pytest.mark.oracle
def test_json_test_suite_between_good_lines(tmp_path: Path) -> None:
    """Every file of JSONTestSuite's test_parsing leaves its neighbours readable."""
    cases = [(file.name, file.read_bytes()) for file in sorted(corpus("JSONTestSuite", "test_parsing").glob("*.json"))]
    assert len(cases) > 300
    check_json(cases, tmp_path)


@pytest.mark.oracle
def test_json_test_suite_as_bodies(tmp_path: Path) -> None:
    """Every file that JSONTestSuite says must be accepted is a body like any other."""
    cases = [
        (file.name, file.read_bytes()) for file in sorted(corpus("JSONTestSuite", "test_parsing").glob("y_*.json"))
    ]
    assert len(cases) > 90
    check_bodies(cases, tmp_path)


@pytest.mark.oracle
def test_big_list_of_naughty_strings(tmp_path: Path) -> None:
    """Every string of the list is a name like another."""
    strings = json.loads(corpus("big-list-of-naughty-strings", "blns.json").read_text("utf-8"))
    assert len(strings) > 400
    check_strings(strings, tmp_path)
    check_values(strings, tmp_path)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["regexlib", "regex101"])
def test_redos_benchmarks(name: str, tmp_path: Path) -> None:
    """One pattern in twenty of the collection is refused, or answers in linear time."""
    lines = corpus("ReDoS-Benchmarks", name, "data", f"{name}.txt").read_text("utf-8", "replace").splitlines()
    patterns = [text for text in lines[::20] if text.strip() and text.isprintable()]
    assert check_patterns(patterns, tmp_path) > len(patterns) / 3
