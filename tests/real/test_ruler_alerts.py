"""What Loki's ruler tells a real Alertmanager, beside what `vedette watch` tells one of the same lines."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from lab.alertmanager import AlertmanagerServer, alertmanager
from lab.built import part
from lab.process import until

from tests.cli.test_scan import vedette
from vedette import app, cases_loki, wiring
from vedette.cases import Case, cases_of, settings_for
from vedette.clients.alertmanager import Alertmanager, HeldAlert
from vedette.clients.base import Http
from vedette.clients.loki import LokiClient
from vedette.loki_process import LokiProcess
from vedette.render.logql_rule import render_rule
from vedette.render.ruler import groups_file
from vedette.rule import Rule
from vedette.settings import Settings

JOBS = {"K3": "kube-audit", "K5": "kube-audit", "V4": "vault-audit", "V5": "vault-audit", "S1": "sshd-pve"}
"""A rule of single events for each log, and the two that count; the job of its lines."""
COUNTS = ("K5", "V5")
ODD = "{{ $value }}'\"\\ $(touch x)\x1b[2J\u202eö"
"""A user who would be a template, a shell's command, a query and a terminal's escape."""
ODD_RUNBOOK = """\
## Meaning
By {{actor}}.

## First look

```sh
grep -F {{actor}} LOG
```

```logql
{job="kube-audit"} |= "{{actor}}"
```
"""
WATCH_ONLY = {"why", "via", "where", "outcome"}
"""Annotations that the ruler cannot know: docs/loki.md."""
Lines = Sequence[tuple[int, str]]


@dataclass
class Told:
    """The alerts of both, by rule; for the ruler those of the cluster `odd` by that name."""

    watch: Mapping[str, HeldAlert]
    ruler: Mapping[str, HeldAlert]
    silent: Sequence[HeldAlert]
    """The ruler's alerts of what stayed below a threshold."""
    listed: Mapping[str, Mapping[str, Any]]
    """What `vedette alerts list` says of the ruler's alerts, by id."""


def fired(rule: Rule) -> tuple[Case, Lines]:
    """A case that the rule itself fires on, and its lines as if they came now."""
    for number, case in enumerate(cases_of(rule)):
        run = cases_loki._prepared(case, rule, settings_for(case), str(number))
        if not case.settings and run.expected == {(rule.name, "fire")}:
            return case, cases_loki._stamped(run.lines)
    pytest.fail(f"no case of {rule.name}")


def renamed(lines: Lines, old: str, new: str, *, number: int) -> Lines:
    """The first `number` lines, with another text in them."""
    return [(when, line.replace(old, new)) for when, line in lines[:number]]


def configured(folder: Path, url: str) -> Path:
    """Settings under which the cases hold, with an Alertmanager to tell."""
    config = folder / "vedette.yaml"
    text = (app.PACK / "cases.yaml").read_text("utf-8")
    text += "\ncluster: lab\nrunbook_url: https://runbooks.example.org/{rule}.md\n"
    text += f"sinks:\n  alertmanager:\n    - {{name: am, urls: [{url}]}}\n"
    config.write_text(text, "utf-8")
    return config


def watched(
    config: Path, settings: Settings, cases: Sequence[Case], server: AlertmanagerServer
) -> dict[str, HeldAlert]:
    """What the watcher tells of the cases."""
    paths = []
    for case in cases:
        path = config.parent / f"{case.name}.log"
        path.write_bytes(case.lines)
        paths.append(str(path))
    store = wiring.open_store(settings, str(config.parent / "state"))
    try:
        request = wiring.WatchRequest(str(config), tuple(paths))
        wiring.make_watcher(request, settings, store).run(until_read=True)
    finally:
        store.close()
    return by_rule(server)


def by_rule(server: AlertmanagerServer, cluster: str = "lab") -> dict[str, HeldAlert]:
    """The alerts that are there of the rules under test."""
    client = Alertmanager(server.url)
    found = client.alerts([f'cluster="{cluster}"'])
    client.close()
    return {one.labels["rule_id"]: one for one in found if one.labels["alertname"] == f"Vedette{one.labels['rule_id']}"}


def files(config: Path, settings: Settings) -> tuple[dict[str, bytes], dict[str, Rule]]:
    """The ruler's files: the pack's groups, and K3 with a runbook that fills in odd names in each way."""
    rules = app.usable_rules(app.load_rules(settings), list(JOBS))
    rendered = [(rule, render_rule(rule, ())) for rule in rules]
    said = groups_file(
        rendered,
        cluster=settings.cluster,
        runbook=lambda rule: settings.runbook_url.replace("{rule}", rule),
        texts=wiring.runbooks(rules),
    )
    odd = groups_file(rendered[:1], cluster="odd", texts={"K3": ODD_RUNBOOK})
    return {"vedette.yaml": said.encode(), "odd.yaml": odd.encode()}, {rule.name: rule for rule in rules}


def evaluated(loki: LokiProcess) -> float:
    """When each of the counts was last looked at, the earlier of them; seconds since 1970."""
    http = Http(timeout=10)
    groups = json.loads(http.request("GET", f"{loki.url}/prometheus/api/v1/rules").body)["data"]["groups"]
    http.close()
    return min(
        datetime.fromisoformat(group["lastEvaluation"]).timestamp()
        for group in groups
        if group["name"].endswith("-counts")
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Both over the same cases, once."""
    folder = tmp_path_factory.mktemp("told")
    with (
        pytest.MonkeyPatch.context() as patch,
        alertmanager(folder / "first") as first,
        alertmanager(folder / "second") as second,
    ):
        patch.setenv("VEDETTE_PARTS", str(part("loki").parent))
        config = configured(folder, first.url)
        settings = app.load_settings(str(config))
        groups, rules = files(config, settings)
        cases = {name: fired(rule) for name, rule in rules.items()}
        watch = watched(config, settings, [case for case, _ in cases.values()], first)
        with LokiProcess(groups, alertmanager=second.url) as loki:
            client = LokiClient(loki.url)
            for name, (_, lines) in {name: fired(rule) for name, rule in rules.items()}.items():
                client.push([({"job": JOBS[name], "case": name}, lines)])
            odd = renamed(fired(rules["K3"])[1], "eve@example.org", json.dumps(ODD)[1:-1], number=1)
            few = renamed(fired(rules["K5"])[1], "eve@example.org", "few@example.org", number=5)
            ten = renamed(fired(rules["V5"])[1], "auth/userpass/", "auth/few/", number=10)
            client.push([({"job": "kube-audit", "case": "odd"}, odd), ({"job": "kube-audit", "case": "few"}, few)])
            client.push([({"job": "vault-audit", "case": "ten"}, ten)])
            client.close()
            pushed = time.time()
            until(lambda: evaluated(loki) > pushed + 6, "the counts were looked at twice")
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not (by_rule(second).keys() >= JOBS.keys() and ODD in actors(second)):
                time.sleep(0.2)
            asked = Alertmanager(second.url)
            every = asked.alerts()
            asked.close()
        ruler = by_rule(second)
        (ruler["odd"],) = (one for one in every if one.labels["cluster"] == "odd" and one.labels["actor"] == ODD)
        silent = [one for one in every if "few" in one.labels.get("actor", "") or "few" in one.labels.get("mount", "")]
        done = vedette("alerts", "list", "--alertmanager", second.url, "-o", "jsonl", "--config", config)
        assert done.returncode == 0, done.stderr
        listed = {row["id"]: row for row in map(json.loads, done.stdout.splitlines())}
        yield Told(watch, ruler, silent, listed)


def actors(server: AlertmanagerServer) -> set[str]:
    """Of the alerts of the cluster `odd`."""
    client = Alertmanager(server.url)
    found = client.alerts(['cluster="odd"'])
    client.close()
    return {one.labels.get("actor", "") for one in found}


@pytest.mark.parametrize("name", JOBS)
def test_the_labels_are_the_watchers(told: Told, name: str) -> None:
    """Same names and values; the watcher's digest of the episode against the labels of the ruler's series."""
    watch, ruler = told.watch[name].labels, told.ruler[name].labels
    series = {"K5": {"actor"}, "V5": {"mount"}}.get(name, {"actor", "address", "object"})
    series = {label for label in series if label in ruler}
    assert watch.keys() - ruler.keys() == {"entity"}
    assert ruler.keys() - watch.keys() == {"document", *series}
    assert {label: ruler[label] for label in watch if label != "entity"} == {
        label: text for label, text in watch.items() if label != "entity"
    }


@pytest.mark.parametrize("name", JOBS)
def test_the_annotations_are_the_watchers(told: Told, name: str) -> None:
    """Same names and texts, but for what only a reader of the line knows, and for the count."""
    watch = told.watch[name].annotations
    ruler = {label: text for label, text in told.ruler[name].annotations.items() if text}
    counted = {"K5": {"address", "object"}, "V5": {"actor", "address", "object"}}.get(name, set())
    assert watch.keys() - ruler.keys() <= WATCH_ONLY | counted
    assert ruler.keys() - watch.keys() == {"count"} | ({"mount"} if name == "V5" else set())
    # A first step of the watcher names the log file and the time; the ruler's is the next one that does not.
    differ = {"count", "first_step", *(("summary",) if name in COUNTS else ())}
    same = (ruler.keys() & watch.keys()) - differ
    assert {label: ruler[label] for label in same} == {label: watch[label] for label in same}
    assert same >= {"description", "query", "runbook_url"} | ({"actor", "address"} if name not in COUNTS else set())
    assert ruler["runbook_url"] == f"https://runbooks.example.org/{name}.md"
    assert ruler["first_step"]
    assert int(ruler["count"]) >= {"K5": 6, "V5": 11}.get(name, 1)


@pytest.mark.parametrize("name", JOBS)
def test_vedette_alerts_reads_them_back(told: Told, name: str) -> None:
    """By their fingerprint, marked as the ruler's, with what the alert says."""
    held = told.ruler[name]
    row = told.listed[held.fingerprint]
    assert (row["engine"], row["rule"], row["state"], row["cluster"]) == ("ruler", name, "open", "lab")
    assert {field: row[field] for field in ("summary", "first_step", "query", "runbook_url", "count")} == {
        field: held.annotations[field] for field in ("summary", "first_step", "query", "runbook_url", "count")
    }
    assert row["labels"] == held.labels


def test_below_a_threshold_nothing_is_told(told: Told) -> None:
    """Five deletes by one, ten failed logins to one mount: both counts were looked at twice since."""
    assert told.silent == []
    assert told.ruler["K5"].labels["actor"] == "eve@example.org"
    assert told.ruler["V5"].labels["mount"] == "auth/userpass/"


def test_a_hostile_name_is_text_in_each_place(told: Told) -> None:
    """No template of it is expanded; a shell gets one word, a query one text, and nobody a terminal's escape."""
    said = told.ruler["odd"].annotations
    assert said["actor"] == ODD
    assert ODD in said["summary"]
    seen = ODD.replace("\x1b", "?").replace("\u202e", "?")
    assert said["description"] == f"By {seen}."
    assert said["first_step"] == "grep -F '" + seen.replace("'", "'\\''") + "' LOG"
    escaped = seen.replace("\\", "\\\\").replace('"', '\\"')
    assert said["query"] == '{job="kube-audit"} |= "' + escaped + '"'
