"""From files to the store: the alerts of a scan, sums that agree, evidence to the byte, and nothing twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.scans import alerts, placeless
from tests.watch.watching import EXAMPLES, read_all, watching
from vedette.cli.records import alert_record
from vedette.store.store import Store


def _kept(store: Store) -> list[dict[str, Any]]:
    found = [alert_record(kept.alert, "") for kept in store.alerts.listed()]
    return sorted(found, key=lambda one: (one["first_seen"], one["rule"], one["id"]))


def _lines(folder: Path) -> list[bytes]:
    from vedette.store.segments import Segments

    return b"".join(block for block, _, _ in Segments(folder).read(None, 1 << 30)).splitlines()


def test_watching_finds_what_a_scan_finds(tmp_path: Path) -> None:
    """Every alert of the examples, with its id, count, span, words and place."""
    expected = sorted(alerts([EXAMPLES]), key=lambda one: (one["first_seen"], one["rule"], one["id"]))
    with watching(tmp_path, EXAMPLES) as (watcher, store):
        watcher.run(until_read=True)
        assert _kept(store) == expected


def test_the_sums_agree_and_the_evidence_is_the_log(tmp_path: Path) -> None:
    """Every line that was read stands in the evidence once; every record is an event, ignored or quarantined."""
    log = tmp_path / "mixed.log"
    lines = [*(EXAMPLES / "kube-audit.jsonl").read_bytes().splitlines()[:50], b"", b"{broken", b"\xff\xfe", b"[1, 2"]
    log.write_bytes(b"\n".join(lines) + b"\n")
    counts = read_all(tmp_path / "state", log)["given"]
    events = sum(value for name, value in counts.items() if name.startswith("events."))
    quarantined = sum(value for name, value in counts.items() if name.startswith("quarantined."))
    ignored = sum(value for name, value in counts.items() if name.startswith("ignored."))
    assert counts["records"] == events + quarantined + ignored
    assert (events, quarantined, ignored) == (50, 3, 1)
    assert _lines(tmp_path / "state" / "evidence" / "given") == lines
    kept = [json.loads(line) for line in _lines(tmp_path / "state" / "quarantine")]
    assert [(one["line"], one["reason"]) for one in kept] == [
        (52, "not JSON"),
        (53, "UTF-16 text (not supported)"),
        (54, "not JSON"),
    ]
    assert {one["file"] for one in kept} == {str(log)}


def test_evidence_can_be_scanned(tmp_path: Path) -> None:
    """What was kept gives the alerts of what was read."""
    read_all(tmp_path, EXAMPLES)
    assert placeless(alerts([tmp_path / "evidence"])) == placeless(alerts([EXAMPLES]))


def test_starting_again_changes_nothing(tmp_path: Path) -> None:
    """The same logs, watched a second time: nothing is read twice, counted twice or kept twice."""
    first = read_all(tmp_path, EXAMPLES)
    with watching(tmp_path, EXAMPLES) as (watcher, store):
        before = _kept(store)
        watcher.run(until_read=True)
        assert store.progress.counts() == first
        assert _kept(store) == before


def test_a_record_over_several_lines_waits_for_its_end(tmp_path: Path) -> None:
    """A restart in its midst reads it from its begin; evidence and sums have it once."""
    event = json.loads((EXAMPLES / "kube-audit.jsonl").read_bytes().splitlines()[898])
    pretty = json.dumps(event, indent=2).encode().splitlines(keepends=True)
    log = tmp_path / "pretty.log"
    log.write_bytes(b"".join(pretty[:10]))
    assert read_all(tmp_path / "state", log).get("given", {}).get("records", 0) == 0
    with log.open("ab") as out:
        out.write(b"".join(pretty[10:]) + b"\n")
    counts = read_all(tmp_path / "state", log)
    assert counts["given"]["records"] == 1
    assert b"\n".join(_lines(tmp_path / "state" / "evidence" / "given")) == b"".join(pretty)
    with watching(tmp_path / "state", log) as (_, store):
        assert [kept.alert.rule for kept in store.alerts.listed()] == ["K8"]
        assert [kept.alert.line for kept in store.alerts.listed()] == [1]


def test_a_write_without_an_end_is_observed_and_alerts(tmp_path: Path) -> None:
    """The recording holds one: an apply whose end was erased; found from the log alone, told once over a restart."""
    extra = "\nwatch: {completion: on}\n"
    log = tmp_path / "audit.log"
    data = (EXAMPLES / "kube-audit.jsonl").read_bytes()
    later = json.loads(data.splitlines()[-1])
    for second in (1, 2):
        later |= dict.fromkeys(("requestReceivedTimestamp", "stageTimestamp"), f"2026-11-23T09:10:0{second}.000000Z")
        data += json.dumps(later).encode() + b"\n"
    log.write_bytes(data)
    read_all(tmp_path / "state", log, extra=extra)
    read_all(tmp_path / "state", log, extra=extra)
    with watching(tmp_path / "state", log, extra=extra) as (_, store):
        found = [kept.alert for kept in store.alerts.listed(rule="K10")]
        assert [(alert.detections, alert.count) for alert in found] == [(("K10.erased",), 1)]


def test_a_source_without_evidence_keeps_none(tmp_path: Path) -> None:
    """`evidence: off` is obeyed, and alerts all the same."""
    extra = f"""
sources:
  files:
    - {{name: quiet, paths: [{EXAMPLES / "auth.log"}], evidence: off}}
"""
    text = (EXAMPLES.parent / "homelab.yaml").read_text("utf-8")
    state = tmp_path / "state"
    state.mkdir()
    config = state / "vedette.yaml"
    config.write_text(text[: text.index("\nsources:")] + extra)
    from vedette import app, wiring

    settings = app.load_settings(str(config))
    store = wiring.open_store(settings, str(state))
    try:
        wiring.make_watcher(wiring.WatchRequest(str(config)), settings, store).run(until_read=True)
        assert {kept.alert.rule for kept in store.alerts.listed()} == {"S1"}
        assert not (state / "evidence" / "quiet").exists()
    finally:
        store.close()
