"""The rows of the two ends: nothing at all for a minute, and 100,000 matches in one second of event time."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import corpus
import measure
from watch_daemon import Daemon, Row, Watching, free_port, processor, resident, settings, until

ALERTS_TOLD = 30
"""Of one rule within ten minutes; besides, findings speak of the storm and of what it does to the watcher."""
FINDINGS_TOLD = 10


def idle_rows(bench: Watching) -> Iterator[Row]:
    """Three sources that have nothing: a file and two webhooks, or a file, a webhook and the journal."""
    yield from _idle(bench, "idle, a file and two webhooks", journal=False)
    if shutil.which("journalctl") and any(any(Path(folder).glob("*/*.journal")) for folder in _JOURNALS):
        yield from _idle(bench, "idle, a file, a webhook and the journal", journal=True)
    else:
        yield Row("idle, a file, a webhook and the journal", None, note="no journal on this machine")


_JOURNALS = ("/var/log/journal", "/run/log/journal")


def _idle(bench: Watching, what: str, *, journal: bool) -> Iterator[Row]:
    with bench.folder() as place:
        log = place / "audit.log"
        shutil.copy(corpus.LOGS / "kube-audit.jsonl", log)
        ports = [free_port() for _ in range(1 if journal else 2)]
        sources: dict[str, Any] = {
            "files": [{"name": "audit", "paths": [str(log)]}],
            "webhook": [{"name": f"hook-{port}", "listen": f"127.0.0.1:{port}"} for port in ports],
        }
        if journal:
            # No unit of this name: a journal that says nothing.
            sources["journald"] = [{"name": "journal", "units": ["nothing-of-this-name.service"]}]
        sink = {"file": [{"name": "lines", "path": str(place / "told.jsonl")}]}
        with Daemon(bench.vedette, place, settings(place, sources=sources, sinks=sink)) as daemon:
            lines = log.read_bytes().count(b"\n")
            until("it has read the recording", lambda: daemon.records() >= lines)
            time.sleep(min(5.0, bench.seconds / 4))
            before, began = processor(daemon.pid), time.perf_counter()
            time.sleep(bench.seconds)
            daemon.alive()
            share = (processor(daemon.pid) - before) / (time.perf_counter() - began)
            memory, most = resident(daemon.pid) / 1e6, resident(daemon.pid, "VmHWM") / 1e6
    must = not journal
    note = f"over {bench.seconds:.0f} s, user and system"
    yield Row(f"{what}: of a core", share * 100, 1.0 if must else None, "%", note, less_is_better=True)
    yield Row("its memory", memory, 120 if must else None, "MB", f"{most:.0f} MB at most", less_is_better=True)


def storm_rows(bench: Watching) -> Iterator[Row]:
    """All by one actor, which is one alert; and, for information, each by an actor of its own."""
    for groups, what in ((1, "one group"), (bench.matches, f"{bench.matches:,} groups")):
        yield _storm(bench, groups, f"{bench.matches:,} matches in one second, {what}")


def storm(file: Path, matches: int, groups: int) -> None:
    """A file in which so many secrets are read within one second, by `groups` people in turn."""
    cast = corpus.Cast(5)
    line = next(
        text
        for text in (corpus.LOGS / "kube-audit.jsonl").read_text().splitlines()
        if '"secrets"' in text and '"get"' in text and "dev@example.org" in text and '"web"' in text
    )
    read = corpus.template(
        f"{line}\n".replace('"web"', '"vault"').replace("/web/", "/vault/"),
        [*corpus.kube_slots(json.loads(line), fresh_only=True), ("dev@example.org", "person")],
    )
    with file.open("w") as out:
        for number in range(matches):
            time_of = f"2026-03-02T12:00:00.{number * 1_000_000 // matches:06d}Z"
            out.write(read.dressed({**cast.draw(time_of), "person": f"person-{number % groups}@example.org"}))


def _storm(bench: Watching, groups: int, what: str) -> Row:
    with bench.folder() as place:
        log, told = place / "audit.log", place / "told.jsonl"
        storm(log, bench.matches, groups)
        sink = {"file": [{"name": "lines", "path": str(told)}]}
        said = settings(place, sources={"files": [{"name": "audit", "paths": [str(log)]}]}, sinks=sink)
        began = time.perf_counter()
        with Daemon(bench.vedette, place, said, "--until-read") as daemon:
            most = daemon.wait()
            took = time.perf_counter() - began
            number, acts = daemon.asked("SELECT count(*), coalesce(sum(count), 0) FROM alerts WHERE rule = 'K3'")[0]
        rules = Counter(json.loads(line)["rule"] for line in told.read_text().splitlines())
        peer = measure.run([*bench.vedette, "scan", str(log), "--config", str(said), "-q", "--jobs", "1"])
    wrong = []
    if acts != bench.matches or number != groups:
        wrong.append(f"counted {acts:,} acts in {number:,} alerts")
    findings = rules.total() - rules["K3"]
    if not 0 < rules["K3"] <= ALERTS_TOLD or findings > FINDINGS_TOLD:
        wrong.append(f"{rules.total():,} notifications")
    note = f"{acts:,} acts in {number:,} alerts, told {rules['K3']} and {findings} findings"
    note += f"; {took:.1f} s, a scan {peer.seconds:.1f} s"
    return Row(what, most / 1e6, 300 if groups == 1 else None, "MB", note, less_is_better=True, broken="; ".join(wrong))
