"""The bench of watching: a small run of it measures every row, and its sums are right."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.scans import ROOT, SETTINGS, matches

sys.path.insert(0, str(ROOT / "bench"))

import watch_daemon
import watch_quiet
import watch_tell
import watch_webhook
from watch_daemon import Row

SMALL = ["--size", "3e6", "--repeats", "1", "--seconds", "1", "--matches", "200"]


def table(tmp_path: Path, *groups: str) -> dict[str, str]:
    """The rows of a small run by their names."""
    call = [sys.executable, str(ROOT / "bench" / "watch.py"), *SMALL, "--cache", str(tmp_path)]
    only = [word for group in groups for word in ("--only", group)]
    done = subprocess.run([*call, *only], capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["figure", "must", "measured"]
    return {row[:47].strip(): row[47:] for row in rows}


def test_a_followed_file_is_measured_against_a_scan(tmp_path: Path) -> None:
    """With evidence and without, by the clock and by processor time."""
    rows = table(tmp_path, "follow")
    assert list(rows) == ["followed to checkpoint / scan, one core", "the same without evidence"]
    assert all("by processor time" in row for row in rows.values())


def test_the_webhook_is_measured(tmp_path: Path) -> None:
    """Every batch is acknowledged, judged, and timed; over TLS with a token, too."""
    rows = table(tmp_path, "webhook")
    assert "ev/s" in rows["webhook, 400-event batches, synced"]
    assert "batches" in rows["its ack p99 at half of that rate"]
    secured = rows["the same over TLS, with a token"]
    assert ("ev/s" if shutil.which("openssl") else "skipped") in secured


@pytest.mark.skipif(
    not any(shutil.which(name) for name in ("alertmanager", "prometheus-alertmanager")),
    reason="no prometheus-alertmanager in PATH",
)
def test_lines_that_alert_are_timed_to_alertmanager(tmp_path: Path) -> None:
    """Each of the lines put in comes out as an alert of its own."""
    rows = table(tmp_path, "tell")
    assert "4 alerts;" in rows["line to alert at Alertmanager, 2,000/s, p99"]


def test_idleness_and_storms_are_measured(tmp_path: Path) -> None:
    """Processor time and memory of three idle sources; a storm is counted to the act and told within bounds."""
    rows = table(tmp_path, "idle", "storm")
    assert "MB" in rows["its memory"]
    assert "200 acts in 1 alerts, told 1 and" in rows["200 matches in one second, one group"]
    assert "200 acts in 200 alerts, told 30 and" in rows["200 matches in one second, 200 groups"]


def test_the_prepared_attacks_alert_by_an_actor_each(tmp_path: Path) -> None:
    """What is written to be timed is an alert of its rule and its actor; the ordinary lines are none."""
    ordinary, alerting = watch_tell.prepared(4)
    log = tmp_path / "audit.log"
    log.write_text("".join(ordinary + [text for _, text in alerting]))
    found = [match for match in matches([log], config=SETTINGS) if match["actor"] in dict(alerting)]
    assert {(match["rule"], match["actor"]) for match in found} >= set(
        zip(sorted(watch_tell.RULES), dict(alerting), strict=True)
    )
    assert len(ordinary) >= 4 * watch_tell.EVERY * watch_tell.RATE


def test_a_storm_stands_in_one_second(tmp_path: Path) -> None:
    """Every line is another act, by as many people as asked for."""
    file = tmp_path / "storm.log"
    watch_quiet.storm(file, 60, 3)
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert Counter(event["user"]["username"] for event in events) == {
        f"person-{number}@example.org": 20 for number in range(3)
    }
    assert {event["requestReceivedTimestamp"][:19] for event in events} == {"2026-03-02T12:00:00"}
    assert len({event["auditID"] for event in events}) == 60


def test_batches_hold_the_lines_of_the_log(tmp_path: Path) -> None:
    """400 events each, in order, as an EventList; what is too few for one is filled up."""
    lines = [json.dumps({"auditID": str(number)}) for number in range(900)]
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "00.log").write_text("".join(f"{line}\n" for line in lines))
    made = watch_webhook.made(tmp_path / "logs", tmp_path / "bodies")
    assert len(made.sizes) == 2
    second = json.loads(made.file.read_bytes()[made.sizes[0] :])
    assert [one["auditID"] for one in second["items"]] == [str(number) for number in range(400, 800)]


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("x", 0.6, 0.5), "ok"),
        (Row("x", 0.4, 0.5), "FALLS SHORT"),
        (Row("x", 0.4, 0.5, less_is_better=True), "ok"),
        (Row("x", 0.6), "information"),
        (Row("x", None, 0.5), "skipped"),
        (Row("x", 0.6, 0.5, broken="one is missing"), "FALLS SHORT"),
    ],
)
def test_a_row_says_whether_it_holds(row: Row, verdict: str) -> None:
    """At least must, or at most; what is broken besides falls short whatever the figure."""
    assert row.verdict == verdict


def test_a_quantile_is_one_of_the_values() -> None:
    """The smallest that so great a part does not pass."""
    values = [float(number) for number in range(1, 101)]
    assert [watch_daemon.quantile(values, part) for part in (0.5, 0.99, 1.0)] == [50.0, 99.0, 100.0]
    assert watch_daemon.quantile([7.0], 0.99) == 7.0
