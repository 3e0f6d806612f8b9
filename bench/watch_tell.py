"""The row of a line on its way: from the write to a log to the alert that a real Alertmanager hands on.

A writer appends 2,000 ordinary lines a second. Every half second one comes that alerts, by an actor of its own, so that
each is an alert of its own; four rules take turns, since of one rule only 30 alerts are told within ten minutes.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import corpus
import measure
from watch_daemon import Daemon, Row, Watching, free_port, processor, quantile, settings, until

RATE = 2_000
"""Lines a second."""
EVERY = 0.5
"""Seconds between two that alert."""
RULES = {
    "K2": "system:serviceaccount:monitoring:prometheus",
    "K3": "dev@example.org",
    "K4": "dev@example.org",
    "K6": "system:serviceaccount:ci:deployer",
}
"""Recorded attacks by rule and actor; their alerts are grouped by actor."""
_TICK = 0.005
_NAMES = ("alertmanager", "prometheus-alertmanager")
_CONFIG = """\
route: {receiver: here, group_by: ['...'], group_wait: 0s, group_interval: 1h, repeat_interval: 24h}
receivers: [{name: here, webhook_configs: [{url: "http://127.0.0.1:%d/", send_resolved: false}]}]
"""


class Arrivals:
    """A receiver of Alertmanager's notifications: when each actor's alert came."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        arrivals = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                now = time.perf_counter()
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in said["alerts"]:
                    arrivals.at.setdefault(alert["annotations"].get("actor", ""), now)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def alertmanager(binary: str, folder: Path, receiver: int) -> Iterator[str]:
    """A real one, which tells of every alert at once; gives its URL."""
    port = free_port()
    (folder / "alertmanager.yml").write_text(_CONFIG % receiver)
    call = [binary, f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}"]
    call += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with (folder / "alertmanager.log").open("wb") as out:
        process = subprocess.Popen(call, stdout=out, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        until("Alertmanager answers", lambda: _answers(f"{url}/-/ready"))
        yield url
    finally:
        process.kill()
        process.wait(10)


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def tell_rows(bench: Watching) -> Iterator[Row]:
    """From line to alert; and from a post to Alertmanager to its notification, which is no work of vedette's."""
    what = f"line to alert at Alertmanager, {RATE:,}/s"
    binary = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if binary is None:
        yield Row(f"{what}, p99", None, 1.0, note="no prometheus-alertmanager in PATH")
        return
    number = max(4, int(bench.seconds / EVERY))
    with bench.folder() as place, Arrivals() as arrivals, alertmanager(binary, place, arrivals.port) as url:
        ordinary, alerting = prepared(number)
        log = place / "audit.log"
        log.write_text("".join(ordinary[:100]))
        sink = {"name": "am", "urls": [url]}
        said = settings(place, sinks={"alertmanager": [sink]}, sources={"files": [_source(log)]})
        with Daemon(bench.vedette, place, said) as daemon:
            until("it reads", lambda: daemon.records() >= 100)
            before, began = processor(daemon.pid), time.perf_counter()
            written = _write(log, ordinary, alerting)
            cores = (processor(daemon.pid) - before) / (time.perf_counter() - began)
            with contextlib.suppress(measure.Failed):
                until("all alerts came", lambda: written.keys() <= arrivals.at.keys(), 30)
        floor = _floor(url, arrivals, 20)
    took = [arrivals.at[actor] - at for actor, at in written.items() if actor in arrivals.at]
    missing = f"{len(written) - len(took)} of {len(written)} alerts never came" if len(took) < len(written) else ""
    if not took:
        yield Row(f"{what}, p99", None, 1.0, broken=missing, note=missing)
        return
    note = f"p50 {quantile(took, 0.5):.3f} s, worst {max(took):.3f} s, {len(took)} alerts; {cores:.2f} cores"
    note += f"; Alertmanager alone {quantile(floor, 0.5):.3f} s"
    yield Row(f"{what}, p99", quantile(took, 0.99), 1.0, "s", note, less_is_better=True, broken=missing)


def _source(log: Path) -> dict[str, Any]:
    return {"name": "audit", "paths": [str(log)]}


def prepared(number: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Ordinary lines, and (actor, lines) of attacks, each by an actor of its own."""
    cast = corpus.Cast(7)
    clock = corpus.Clock(corpus.SPAN / 100_000_000)
    acts = corpus.kube_mix(cast).acts(1 << 60)
    ordinary: list[str] = []
    while len(ordinary) < (number + 4) * EVERY * RATE:
        ordinary += next(acts).dressed(cast.draw(clock.tick())).splitlines(keepends=True)
    attacks = recorded()
    rules = sorted(RULES)
    alerting = []
    for at in range(number):
        rule = rules[at % len(rules)]
        actor = f"{RULES[rule]}-{at}"
        drawn = cast.draw(clock.tick())
        alerting.append((actor, attacks[rule].dressed({**drawn, "actor": actor})))
    return ordinary, alerting


def recorded() -> dict[str, corpus.Template]:
    """The first recorded act of each of `RULES`, to be dressed with an id, a time and an actor."""
    acts: dict[str, list[str]] = {}
    for line in (corpus.LOGS / "kube-audit.jsonl").read_text().splitlines():
        acts.setdefault(json.loads(line)["auditID"], []).append(line)
    found: dict[str, corpus.Template] = {}
    for lines in acts.values():
        events = [json.loads(line) for line in lines]
        rule, actor = (
            next((rule for one in events if (rule := corpus.is_attack(one))), ""),
            events[-1]["user"]["username"],
        )
        if RULES.get(rule) == actor and rule not in found:
            slots = [slot for one in events for slot in corpus.kube_slots(one, fresh_only=True)]
            found[rule] = corpus.template("".join(f"{line}\n" for line in lines), [*slots, (actor, "actor")])
    return found


def _write(log: Path, ordinary: Sequence[str], alerting: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Append at the rate; gives when each actor's last line was written."""
    step = int(EVERY * RATE)
    written: dict[str, float] = {}
    start, at = time.perf_counter(), 0
    with log.open("ab", buffering=0) as file:
        while at < len(ordinary):
            due = min(len(ordinary), int((time.perf_counter() - start) * RATE))
            if due > at:
                file.write("".join(ordinary[at:due]).encode())
            # The first two seconds only warm it up.
            turn = due // step - 4
            if at // step < due // step and 0 <= turn < len(alerting):
                actor, text = alerting[turn]
                written[actor] = time.perf_counter()
                file.write(text.encode())
            at = max(at, due)
            time.sleep(_TICK)
    return written


def _floor(url: str, arrivals: Arrivals, number: int) -> list[float]:
    """Seconds from an alert's post to Alertmanager to its notification."""
    posted: dict[str, float] = {}
    for at in range(number):
        actor = f"nobody-{at}"
        alert = {"labels": {"alertname": "Floor", "entity": actor}, "annotations": {"actor": actor}}
        said = json.dumps([{**alert, "startsAt": datetime.now(UTC).isoformat()}]).encode()
        posted[actor] = time.perf_counter()
        asked = urllib.request.Request(f"{url}/api/v2/alerts", said, {"Content-Type": "application/json"})
        urllib.request.urlopen(asked, timeout=5).close()
        until("it is notified", lambda name=actor: name in arrivals.at, 20, 0.005)  # type: ignore[misc]
    return [arrivals.at[actor] - at for actor, at in posted.items()]
