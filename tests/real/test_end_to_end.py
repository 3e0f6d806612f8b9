"""From a line in a file to a person at the other end: `vedette watch` as a process, with a real Alertmanager."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.alertmanager import AlertmanagerServer, alertmanager
from lab.loopback import Reply, serving
from lab.process import until
from lab.watch import Daemon, daemon

from tests.scans import LOGS, SETTINGS
from vedette.clients.alertmanager import Alertmanager as Client

K8 = 899
"""The line of kube-audit.jsonl that binds `view` to system:anonymous."""
HOMELAB = SETTINGS.read_text("utf-8")
DRAIN = 10.0
"""Seconds in which an instance that is told to end has ended."""


def settings(log: Path, *sinks: str) -> str:
    """The homelab's, with `log` as the only source and `sinks`."""
    source = f"sources:\n  files:\n    - {{name: audit, paths: [{log}]}}\n"
    told = "sinks:\n" + "\n".join(f"  {sink}" for sink in sinks) if sinks else ""
    more = "cluster: home\nrunbook_url: https://wiki.test/{rule}\n"
    return HOMELAB.replace("sources:\n", source, 1) + more + told


def to(server: AlertmanagerServer) -> str:
    """The sink that posts to `server`."""
    return f"alertmanager: [{{name: am, urls: ['{server.url}'], resend: 1s, hold: 5m}}]"


def recorded(line: int, file: str = "kube-audit.jsonl") -> bytes:
    """One recorded line; the first is 1."""
    return (LOGS / file).read_bytes().splitlines(keepends=True)[line - 1]


def append(path: Path, *lines: bytes) -> None:
    """Write as a logger does."""
    with path.open("ab") as file:
        file.write(b"".join(lines))


def held(server: AlertmanagerServer) -> dict[str, Any]:
    """What Alertmanager holds now: alertname -> alert."""
    client = Client(server.url)
    found = {alert.labels["alertname"]: alert for alert in client.alerts()}
    client.close()
    return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AlertmanagerServer]:
    """One Alertmanager."""
    with alertmanager(tmp_path / "am") as one:
        yield one


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """An audit log that is there and empty."""
    path = tmp_path / "audit.log"
    path.touch()
    return path


@pytest.fixture
def watching(tmp_path: Path, server: AlertmanagerServer, log: Path) -> Iterator[Daemon]:
    """An instance that follows `log` and tells `server`."""
    with daemon(tmp_path / "vedette", settings(log, to(server))) as one:
        yield one


def test_a_line_becomes_a_notification(watching: Daemon, server: AlertmanagerServer, log: Path) -> None:
    """A line appended to a followed file reaches Alertmanager's own receiver, with what a person needs."""
    append(log, recorded(K8))
    until(lambda: bool(server.notified()), "the receiver is notified")
    (told,) = server.notified()
    assert told["status"] == "firing"
    labels = told["labels"]
    assert len(labels.pop("entity")) == 12
    assert labels == {
        "alertname": "VedetteK8",
        "severity": "critical",
        "rule_id": "K8",
        "source": "kube_audit",
        "cluster": "home",
    }
    said = told["annotations"]
    assert said["summary"].startswith("Rights bound to anonymous or unauthenticated users: system:serviceaccount:ci:")
    assert said["actor"] == "system:serviceaccount:ci:deployer"
    assert said["address"] == "10.10.3.7"
    assert said["object"] == "clusterrolebindings/status-page"
    assert said["where"] == f"{log}:1"
    assert said["runbook_url"] == "https://wiki.test/K8"
    assert said["description"]
    assert said["first_step"]
    assert said["query"]
    assert set(said) <= {
        *("summary", "description", "runbook_url", "query", "first_step"),
        *("actor", "address", "object", "via", "why", "outcome", "where"),
    }


def test_it_comes_back_after_a_restart_of_alertmanager(watching: Daemon, server: AlertmanagerServer, log: Path) -> None:
    """Alertmanager keeps alerts in memory only; what it forgot is there again after the next resend, and is one."""
    append(log, recorded(K8))
    until(lambda: "VedetteK8" in held(server), "the alert is there")
    server.stop()
    append(log, recorded(418))
    until(lambda: watching.total("vedette_records_total") >= 2, "the line that came meanwhile is read")
    server.start()
    until(lambda: {"VedetteK8", "VedetteK2"} <= set(held(server)), "both alerts are there")
    assert set(held(server)) == {"VedetteK8", "VedetteK2"}


def test_new_settings_are_taken_up_or_refused_whole(
    watching: Daemon, server: AlertmanagerServer, log: Path, tmp_path: Path
) -> None:
    """SIGHUP with wrong settings keeps the old and says so as a finding; with right ones it takes them up, and the
    finding ends."""
    right = settings(log, to(server)).replace(f"paths: [{log}]", f"paths: [{log}, {tmp_path / 'second.log'}]")
    append(tmp_path / "second.log", recorded(418))
    watching.write(settings(log, to(server)) + "\nno_such_key: 1\n")
    watching.reload()
    until(lambda: "VedetteSettingsRefused" in held(server), "the finding is told")
    assert "no_such_key" in held(server)["VedetteSettingsRefused"].annotations["summary"]
    append(log, recorded(K8))
    until(lambda: "VedetteK8" in held(server), "the old settings hold")
    assert "VedetteK2" not in held(server)
    watching.write(right)
    watching.reload()
    until(lambda: "VedetteK2" in held(server), "the new settings are in force")
    assert watching.status("/livez")[0] == 200
    client = Client(server.url)
    until(lambda: _closed(watching, "settings_refused"), "the finding ends")
    client.close()
    assert watching.total("vedette_records_total") == 2


@pytest.mark.parametrize("listen", ["203.0.113.1:9464", "127.0.0.1:{taken}"])
def test_settings_that_cannot_run_are_refused_as_well(
    watching: Daemon, server: AlertmanagerServer, log: Path, listen: str
) -> None:
    """Settings that are well written, with a status address that cannot be had, leave the old ones in force."""
    taken = server.url.rpartition(":")[2]
    text = watching.config.read_text("utf-8")
    watching.config.write_text(text.replace(watching.address, listen.format(taken=taken)), "utf-8")
    watching.reload()
    until(lambda: "VedetteSettingsRefused" in held(server), "the finding is told")
    assert listen.format(taken=taken) in held(server)["VedetteSettingsRefused"].annotations["summary"]
    append(log, recorded(K8))
    until(lambda: "VedetteK8" in held(server), "the old settings hold")
    assert watching.status("/readyz")[0] == 200
    watching.config.write_text(text, "utf-8")
    watching.reload()
    until(lambda: _closed(watching, "settings_refused"), "the finding ends")
    assert watching.total("vedette_records_total") == 1


def _closed(one: Daemon, rule: str) -> bool:
    alerts = one.metrics().get("vedette_alerts", [])
    return any(labels["rule_id"] == rule and labels["state"] == "closed" for labels, _ in alerts)


def test_it_ends_in_time_and_goes_on_where_it_was(watching: Daemon, server: AlertmanagerServer, log: Path) -> None:
    """SIGTERM ends it within ten seconds, well or killed before; what was written meanwhile is read by the next."""
    append(log, recorded(K8))
    until(lambda: "VedetteK8" in held(server), "the alert is there")
    assert watching.stop() < DRAIN
    append(log, recorded(418))
    watching.start()
    until(lambda: "VedetteK2" in held(server), "what came meanwhile is read")
    watching.stop(signal.SIGKILL)
    watching.start()
    until(lambda: watching.status("/readyz")[0] == 200, "it is ready")
    assert watching.total("vedette_records_total") == 2
    assert watching.total("vedette_alerts") == 2
    assert [one["labels"]["rule_id"] for one in server.notified()].count("K8") == 1


def test_a_sink_that_hangs_does_not_hold_up_the_end(tmp_path: Path, log: Path) -> None:
    """With a far end that never answers it still ends within ten seconds, and tells it at the next start."""
    answers = [Reply(hang=True)]
    with serving(lambda _: answers[-1]) as far:
        sink = f"webhook: [{{name: hook, url: '{far.url}/in'}}]"
        with daemon(tmp_path / "vedette", settings(log, sink)) as one:
            append(log, recorded(K8))
            assert far.wait_for(lambda asked: len(asked) >= 1, 20)
            assert one.stop() < DRAIN
            answers.append(Reply())
            one.start()
            asked = far.wait_for(lambda asked: len(asked) >= 2, 20)
            assert len(asked) >= 2
            assert json.loads(asked[-1].body)["repeat"] is True


def test_health_and_metrics(watching: Daemon, server: AlertmanagerServer, log: Path) -> None:
    """The probes have a line for each check; the metrics are Prometheus' and their sums agree."""
    lines = (LOGS / "auth.log").read_bytes()
    append(log, lines, b"{broken\n", recorded(K8))
    until(lambda: "VedetteK8" in held(server), "all is read")
    code, text = watching.status("/readyz")
    assert (code, text.splitlines()[-1]) == (200, "readyz check passed")
    assert {"[+]loop ok", "[+]store ok", "[+]evidence ok", "[+]source-audit ok", "[+]sink-am ok"} <= set(
        text.splitlines()
    )
    assert watching.status("/livez")[1].splitlines() == ["[+]loop ok", "livez check passed"]
    assert watching.status("/nothing")[0] == 404
    total = {
        name: watching.total(f"vedette_{name}_total")
        for name in ("records", "events", "quarantined", "ignored", "matched", "lines")
    }
    assert total["records"] == total["events"] + total["quarantined"] + total["ignored"]
    assert total["quarantined"] == 1
    assert total["lines"] == lines.count(b"\n") + 2
    assert total["matched"] >= 2
    assert watching.total("vedette_outbox_depth") == 0
    states = {labels["state"]: value for labels, value in watching.metrics()["vedette_sink_state"]}
    assert states == {"ok": 1, "failing": 0, "dead": 0}


def test_a_dead_sink_makes_it_unready_and_not_dead(tmp_path: Path, server: AlertmanagerServer, log: Path) -> None:
    """A sink that is gone for good turns /readyz red and is a finding at the other sink; a restart would not help, so
    /livez stays green."""
    with serving(Reply(404)) as far:
        sinks = f"webhook: [{{name: hook, url: '{far.url}/in'}}]", to(server)
        with daemon(tmp_path / "vedette", settings(log, *sinks)) as one:
            append(log, recorded(K8))
            until(lambda: one.status("/readyz")[0] == 503, "it is not ready")
            assert "[-]sink-hook: " in one.status("/readyz")[1]
            assert one.status("/livez")[0] == 200
            until(lambda: "VedetteSinkDead" in held(server), "the finding is told")
            far.answering = lambda _: Reply()
            until(lambda: one.status("/readyz")[0] == 200, "it is ready again")
            until(lambda: _closed(one, "sink_dead"), "the finding ends")
