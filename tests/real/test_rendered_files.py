"""The rendered files around Loki, each by the program that reads it; and all of them together, from a line to an alert."""

from __future__ import annotations

import json
import random
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
import yaml
from lab.alertmanager import alertmanager
from lab.built import part
from lab.process import Process, free_ports, until

from tests.cli.test_scan import vedette
from tests.scans import LOGS, SETTINGS
from vedette import app, cases_loki
from vedette.clients.base import Http
from vedette.clients.loki import Entry, LokiClient, LokiRefused
from vedette.engine.conclude import Conclusion
from vedette.formats.base import TrustedProxy
from vedette.render.logql import JOBS
from vedette.render.logql_rule import render_rule
from vedette.rule import Rule
from vedette.scan import Done, Plan, Scanner
from vedette.sources.files import Range

_SECOND = 1_000_000_000
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(?=Z|\+00:00)")
LABELS = {"job", "cluster", "host", "filename", "service_name", "detected_level", "__stream_shard__"}
"""Ours, Promtail's one, and Loki's own; how many values each has does not depend on what is in the lines."""
NOBODY = "http://127.0.0.1:9"
"""An Alertmanager that is not there; nothing here asks for one."""


def render(*words: str | Path, code: int = 0) -> str:
    """What `vedette render` prints."""
    done = vedette("render", *words, "--config", SETTINGS)
    assert done.returncode == code, done.stderr
    return done.stdout.decode()


def ran(program: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """A program that ends by itself."""
    return subprocess.run([str(program), *words], capture_output=True, timeout=60, check=False)


@dataclass
class Stack:
    """A Loki on its rendered file, and a Promtail that is not started yet."""

    folder: Path
    url: str
    metrics: str
    loki: Process
    promtail: Process
    client: LokiClient
    http: Http

    def get(self, url: str) -> str:
        """The text of a page."""
        answer = self.http.request("GET", url)
        assert answer.status == 200, answer.body
        return answer.body.decode()

    def start_loki(self) -> None:
        """Start it, and wait until it serves."""
        self.loki.start()
        self.loki.wait(lambda: self.http.request("GET", f"{self.url}/ready").status == 200, "Loki", 90)

    def entries(self, job: str) -> list[Entry]:
        """All that Loki has of a log."""
        now = time.time_ns()
        return self.client.query_range(f'{{job="{job}"}}', now - 7200 * _SECOND, now + 600 * _SECOND, 5000)

    def metric(self, name: str, labels: str, url: str = "") -> float:
        """The sum of a metric's series that have `labels` among theirs."""
        found = re.findall(rf"(?m)^{name}\{{[^}}]*{re.escape(labels)}[^}}]*\}} (\S+)$", self.get(url or self.metrics))
        return sum(map(float, found))


def quiet_port() -> int:
    """A port of 127.0.0.1 that nobody has, and that no connection out is given while Loki starts."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@contextmanager
def stack(folder: Path, rules: str, *more: str | Path, tenant: str = "", told: str = NOBODY) -> Iterator[Stack]:
    """Loki on `vedette render loki-config`, Promtail on `vedette render promtail` (with `more` options)."""
    loki, promtail = part("loki"), part("promtail")
    http_port, grpc_port = free_ports(2)
    own_port = quiet_port()
    if rules:
        (folder / "rules" / "fake").mkdir(parents=True)
        (folder / "rules" / "fake" / "vedette.yaml").write_text(rules, "utf-8")
    listen = f"127.0.0.1:{http_port}"
    where = ("--data", folder / "data", "--rules", folder / "rules", "--listen", listen, "--grpc-port", str(grpc_port))
    whose = ("--tenant", tenant) if tenant else ()
    (folder / "loki.yaml").write_text(render("loki-config", "--alertmanager", told, *where, *whose), "utf-8")
    own = ("--positions", folder / "positions.yaml", "--listen", f"127.0.0.1:{own_port}", "--url", f"http://{listen}")
    (folder / "promtail.yaml").write_text(render("promtail", *own, *more, *whose), "utf-8")
    running = Stack(
        folder,
        f"http://{listen}",
        f"http://127.0.0.1:{own_port}/metrics",
        Process([loki, f"-config.file={folder / 'loki.yaml'}"], folder),
        Process([promtail, f"-config.file={folder / 'promtail.yaml'}"], folder, env={"TZ": "Asia/Kolkata"}),
        LokiClient(f"http://{listen}", tenant=tenant, timeout=120),
        Http(timeout=60),
    )
    try:
        running.start_loki()
        yield running
    finally:
        running.promtail.stop()
        running.loki.kill()
        running.client.close()
        running.http.close()


PROMTAILS = {
    "defaults": (),
    "journal": ("--sshd", "journal"),
    "globs": ("--kube", "/var/log/kubernetes/audit/", "--vault", "/srv/*/audit.log", "--sshd", "/var/log/auth.log"),
    "odd_texts": ("--kube", '/var/log/"x" {{ y }}/a: #.log', "--cluster", "a'b", "--job", "kube=a\\b", "--host", "h"),
    "secrets": ("--token-file", "/etc/loki.token", "--ca-file", "/etc/ca.pem", "--tenant", "home"),
}


@pytest.mark.parametrize("words", PROMTAILS.values(), ids=PROMTAILS)
def test_promtail_reads_what_is_rendered(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Its own check takes each form of the file, and refuses one with a key that it has not."""
    binary = part("promtail")
    text = render("promtail", *words)
    for name, said, code in (("right", text, 0), ("wrong", text.replace("max_line_size:", "max_lines:"), 1)):
        (tmp_path / name).write_text(said, "utf-8")
        assert ran(binary, "-check-syntax", f"-config.file={tmp_path / name}").returncode == code


@pytest.mark.parametrize("words", [(), ("--tenant", "home", "--retention", "24h"), ("--data", '/srv/"x": #')])
def test_loki_reads_what_is_rendered(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Its own check takes each form of the file, and refuses one with a key that it has not."""
    binary = part("loki")
    text = render("loki-config", "--alertmanager", NOBODY, *words)
    for name, said, code in (("right", text, 0), ("wrong", text.replace("max_line_size:", "max_lines:"), 1)):
        (tmp_path / name).write_text(said, "utf-8")
        assert ran(binary, "-verify-config", f"-config.file={tmp_path / name}").returncode == code


def chart_config(values: Mapping[str, object], base: str) -> str:
    """What the chart makes of values under `loki`, as far as they are ours: laid over a base that is not."""
    made = yaml.safe_load(base)
    loki = values["loki"]
    assert isinstance(loki, dict)
    # templates/_helpers.tpl (loki.rulerConfig) and loki.config in values.yaml of the chart.
    sections = {"limits_config": "limits_config", "compactor": "compactor", "rulerConfig": "ruler"}
    assert set(loki) == set(sections)
    for key, section in sections.items():
        made[section] = loki[key]
    return yaml.safe_dump(made)


def test_loki_takes_what_the_chart_makes_of_the_values(tmp_path: Path) -> None:
    """The sections beneath the keys that the chart reads are Loki's own."""
    binary = part("loki")
    base = render("loki-config", "--alertmanager", NOBODY)
    values = yaml.safe_load(render("helm", "--alertmanager", NOBODY, "--store", "filesystem"))
    (tmp_path / "loki.yaml").write_text(chart_config(values, base), "utf-8")
    done = ran(binary, "-verify-config", f"-config.file={tmp_path / 'loki.yaml'}")
    assert done.returncode == 0, done.stderr
    assert (
        values["sidecar"]["rules"]["folder"] == values["loki"]["rulerConfig"]["storage"]["local"]["directory"] + "/fake"
    )


REFUSED = {
    "retention_without_store": ("  delete_request_store: filesystem\n", "", "delete-request-store"),
    "camel_case": ("alertmanager_url:", "alertmanagerUrl:", "alertmanagerUrl"),
    "rules_in_the_settings": ("  enable_api: true\n", "  enable_api: true\n  groups: []\n", "groups"),
    "short_retention": ("period: 90d", "period: 12h", "24h"),
}


@pytest.mark.parametrize(("old", "new", "said"), REFUSED.values(), ids=REFUSED)
def test_loki_refuses_what_the_check_of_values_says_it_does(tmp_path: Path, old: str, new: str, said: str) -> None:
    """`render helm --check` says of these that Loki does not start."""
    text = render("loki-config", "--alertmanager", NOBODY)
    assert old in text
    (tmp_path / "loki.yaml").write_text(text.replace(old, new, 1), "utf-8")
    done = ran(part("loki"), "-verify-config", f"-config.file={tmp_path / 'loki.yaml'}")
    assert done.returncode != 0
    assert said.encode() in done.stdout + done.stderr


def moved(line: str, by: timedelta) -> str:
    """A recorded line with all its times that much later, fractions as they are."""

    def later(found: re.Match[str]) -> str:
        return (datetime.fromisoformat(found[1]) + by).isoformat() + (found[2] or "")

    return _STAMP.sub(later, line)


def recorded(folder: Path) -> dict[str, Path]:
    """The recorded logs as if the last of them were written now, by source."""
    names = {"kube": "kube-audit.jsonl", "vault": "vault-audit.jsonl", "sshd": "auth.log"}
    last = max(
        datetime.fromisoformat(found[1])
        for name in names.values()
        for line in (LOGS / name).read_text("utf-8").splitlines()
        for found in [_STAMP.search(line[-200:] if name.startswith("kube") else line[:400])]
        if found
    )
    by = timedelta(seconds=int((datetime.now(UTC).replace(tzinfo=None) - last).total_seconds()) - 20)
    files = {}
    for source, name in names.items():
        files[source] = folder / name
        lines = (LOGS / name).read_text("utf-8").splitlines()
        files[source].write_text("".join(moved(line, by) + "\n" for line in lines), "utf-8")
    return files


def event_time(source: str, line: str) -> int:
    """When the event of a line was, in nanoseconds since 1970."""
    said = (
        line.split(" ", 1)[0]
        if source == "sshd"
        else json.loads(line)["stageTimestamp" if source == "kube" else "time"]
    )
    found = _STAMP.match(str(said))
    assert found, line
    whole = int(datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp())
    return whole * _SECOND + int((found[2] or ".0")[1:].ljust(9, "0")[:9])


def padded(line: str, size: int) -> str:
    """A record of the API server with a user agent that makes it `size` bytes long."""
    record = json.loads(line)
    record["userAgent"] = ""
    record["auditID"] = f"padded-{size}"
    bare = len(json.dumps(record))
    record["userAgent"] = "x" * (size - bare)
    made = json.dumps(record)
    assert len(made) == size
    return made


NOTHING = "no record at all"


def test_from_a_line_to_an_alert(tmp_path: Path) -> None:
    """Promtail brings recorded lines to Loki, at their own times and with the labels that the rules ask for; the rules
    find there what vedette finds in the files, in a line of 900 KB too, and Alertmanager is told; a longer line is
    counted, not cut."""
    files = recorded(tmp_path)
    secret = next(line for line in files["kube"].read_text("utf-8").splitlines() if "unseal-keys" in line)
    longer = padded(secret, (1 << 20) + 1)
    with files["kube"].open("a", encoding="utf-8") as log:
        log.write(f"{padded(secret, 900_000)}\n{longer}\n{NOTHING}\n")
    # RFC 3164 knows no zone; Promtail runs in India.
    half_past = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=30)
    stamp = f"{half_past + timedelta(hours=5, minutes=30):%b %e %H:%M:%S}"
    old = f"{stamp} k8s-master sshd[7]: Accepted publickey for me from 203.0.113.9 port 22 ssh2"
    with files["sshd"].open("a", encoding="utf-8") as log:
        log.write(f"{old}\n")
    words = [word for source, path in files.items() for word in (f"--{source}", path)]
    words += ["--host", "node-1", "--cluster", "lab"]
    with (
        alertmanager(tmp_path / "alertmanager") as told,
        stack(tmp_path, render("loki"), *words, told=told.url) as running,
    ):
        running.promtail.start()
        _at_their_times(running, files, longer, {old: int(half_past.timestamp()) * _SECOND})
        _same_alerts(running, files, longer)
        wanted = {"VedetteK3", "VedetteV1", "VedetteS1"}
        until(lambda: wanted <= {one["labels"]["alertname"] for one in told.notified()}, "alerts told", 120)
        assert all(one["labels"]["rule_id"] in one["labels"]["alertname"] for one in told.notified())
        _rules_loaded(running)
        _limits_hold(running, told.url)


def _at_their_times(running: Stack, files: Mapping[str, Path], longer: str, times: Mapping[str, int]) -> None:
    """Every line but `longer` comes, once, with bounded labels, at the time that it says or that `times` has."""
    jobs = {"kube": "kube-audit", "vault": "vault-audit", "sshd": "sshd-pve"}
    written = {source: path.read_text("utf-8").splitlines() for source, path in files.items()}
    known = {(source, line) for source, lines in written.items() for line in lines if line != longer}

    def there() -> list[tuple[str, Entry]]:
        return [(source, one) for source, job in jobs.items() for one in running.entries(job)]

    until(lambda: len(there()) >= len(known), "all lines in Loki", 120, [running.promtail])
    entries = there()
    assert {(source, one.line) for source, one in entries} == known
    for source, one in entries:
        labels = json.loads(one.labels)
        assert labels["job"] == jobs[source]
        assert (labels["cluster"], labels["host"]) == ("lab", "node-1")
        assert set(labels) <= LABELS
        if one.line == NOTHING:
            assert abs(one.time - time.time_ns()) < 180 * _SECOND
        else:
            assert one.time == (times.get(one.line) or event_time(source, one.line))
    assert running.metric("promtail_dropped_entries_total", 'reason="line_too_long"') == 1
    assert running.metric("promtail_mutated_entries_total", "") == 0
    assert running.metric("promtail_sent_entries_total", "") == sum(map(len, written.values())) - 1


def _same_alerts(running: Stack, files: Mapping[str, Path], left_out: str) -> None:
    """The rules find in Loki what the engine finds in the files, without the line that was left out."""
    settings = app.load_settings(str(SETTINGS))
    proxies = [(one.identities, one.networks) for one in settings.proxies()]
    rules = app.usable_rules(app.load_rules(settings, []))
    expected, across = _expected(rules, app.trusted_proxies(settings), files, left_out)
    now = time.time_ns()
    told, refused = set(), set()
    for rendered in (render_rule(rule, proxies) for rule in rules):
        refused |= set(rendered.refused)
        for query in rendered.queries:
            if running.client.query_range(query.logs, now - 600 * _SECOND, now + 60 * _SECOND, 5000):
                told.add((query.name, query.reaction.value))
        for count in rendered.counts:
            said = urlencode({"query": count.metric, "start": now - 600 * _SECOND, "end": now, "step": "5s"})
            answer = json.loads(running.get(f"{running.url}/loki/api/v1/query_range?{said}"))
            if answer["data"]["result"]:
                told.add((count.name, "fire"))
    assert {item for item in expected if item[0] not in refused} - across - told == set()
    assert told - expected == set()
    assert len(told) >= 15


def _expected(
    rules: Sequence[Rule], proxies: Sequence[TrustedProxy], files: Mapping[str, Path], left_out: str
) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """What the engine says of the files, by document and reaction; and what only several lines together tell."""
    lines = "".join(path.read_text("utf-8") for path in files.values()).replace(f"{left_out}\n", "")
    scanner = Scanner(Plan(tuple(rules), tuple(proxies)))
    words = [word for word in scanner.read_chunks([lines.encode()], Range(0, 0)) if not isinstance(word, Done)]
    sightings = [sighting for word in words for sighting in word.sightings]
    conclusion = Conclusion(scanner.roster)
    for sighting in sightings:
        conclusion.add(sighting)
    matches = conclusion.matches(lambda one: ("files", one.line))
    return {(match.detection, match.reaction) for match in matches}, cases_loki._across(scanner, sightings)


def _rules_loaded(running: Stack) -> None:
    """Every group of the rendered file is there."""
    text = (running.folder / "rules" / "fake" / "vedette.yaml").read_text("utf-8")
    groups = json.loads(running.get(f"{running.url}/prometheus/api/v1/rules"))["data"]["groups"]
    assert len(groups) == text.count("- name: vedette-")
    assert "vedette-K3" in running.get(f"{running.url}/loki/api/v1/rules")


def _limits_hold(running: Stack, alertmanager: str) -> None:
    """Loki says that it has the limits, and refuses a line that is above them, and counts it."""
    config = yaml.safe_load(running.get(f"{running.url}/config"))
    limits, compactor = config["limits_config"], config["compactor"]
    assert str(limits["max_line_size"]) in ("1MB", "1048576")
    assert limits["max_line_size_truncate"] is False
    assert [(one["selector"], one["period"]) for one in limits["retention_stream"]] == [
        (f'{{job="{job}"}}', "90d") for job in JOBS.values()
    ]
    assert compactor["retention_enabled"] is True
    assert config["ruler"]["alertmanager_url"] == alertmanager
    now = time.time_ns()
    running.client.push([({"job": "edge"}, [(now, "x" * (1 << 20))])])
    with pytest.raises(LokiRefused, match="400"):
        running.client.push([({"job": "edge"}, [(now + 1, "x" * ((1 << 20) + 1))])])
    assert [len(one.line) for one in running.entries("edge")] == [1 << 20]
    assert running.metric("loki_discarded_samples_total", 'reason="line_too_long"', f"{running.url}/metrics") == 1


@pytest.mark.parametrize("tenant", ["", "home"])
def test_what_is_written_while_loki_is_away_arrives_once(tmp_path: Path, tenant: str) -> None:
    """Promtail waits for Loki, goes on where it was when it is started again, reads a rotated log to its end and the
    new one from its beginning, and nothing comes twice."""
    log = tmp_path / "audit.log"
    written: list[str] = []

    def write(name: str) -> None:
        written.append(name)
        stamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        with log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"kind": "Event", "stageTimestamp": stamp, "auditID": name}) + "\n")

    def arrived() -> bool:
        found = [json.loads(one.line)["auditID"] for one in running.entries("kube-audit")]
        assert found == written[: len(found)]
        return found == written

    write("first")
    with stack(tmp_path, "", "--kube", log, tenant=tenant) as running:
        running.promtail.start()
        until(arrived, "the first line", 60, [running.promtail])
        running.loki.stop()
        write("away")
        until(lambda: running.metric("promtail_batch_retries_total", "") >= 2, "a retry", 60, [running.promtail])
        running.start_loki()
        until(arrived, "the line of the time away", 90, [running.promtail])
        running.promtail.stop()
        write("stopped")
        running.promtail.start()
        until(arrived, "the line of the time stopped", 60, [running.promtail])
        write("last of the old")
        log.rename(tmp_path / "audit-2026-11-25T00-00-00.000.log")
        write("first of the new")
        until(arrived, "the lines around a rotation", 60, [running.promtail])
        assert running.metric("promtail_dropped_entries_total", "") == 0
