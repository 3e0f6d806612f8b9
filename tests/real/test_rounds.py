"""`vedette watch` proves all the time: the audit policy's file and Alertmanager's routes are broken beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.alertmanager import AlertmanagerServer
from lab.kube import ApiServer
from lab.process import until
from lab.watch import Daemon

from vedette.clients.base import Http

WELL = """
route: {receiver: security}
receivers:
  - name: security
    webhook_configs: [{url: "http://127.0.0.1:9/"}]
  - name: nobody
"""
WHOLE = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: RequestResponse
    verbs: [create, update, patch]
    resources: [{group: rbac.authorization.k8s.io, resources: [clusterroles, clusterrolebindings, rolebindings]}]
  - level: Request
    verbs: [create, update, patch]
    resources: [{group: "", resources: [configmaps, pods, pods/ephemeralcontainers]}]
    namespaces: [kube-system]
  - level: Request
    verbs: [deletecollection]
    resources: [{group: "", resources: [secrets, configmaps, pods]}]
  - level: Metadata
    verbs: [create, update, patch, delete, deletecollection]
    resources: [{group: "", resources: [secrets, configmaps, pods, pods/eviction, namespaces, serviceaccounts/token]}]
  - level: Metadata
    omitStages: [RequestReceived]
"""
WITHOUT_READS = WHOLE.replace("rules:", "rules:\n  - {level: None, verbs: [get, list, watch]}", 1)
DEADLINE = 60.0
"""Seconds: the first round runs every case of every rule, on a machine that does other things as well."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The audit log of a real API server that serves somebody all the time."""
    server = ApiServer(tmp_path_factory.mktemp("kube"), WHOLE)
    try:
        for name in ("a", "b", "c"):
            assert server.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})[0] == 201
            assert server.call("GET", f"/api/v1/namespaces/{name}/secrets")[0] == 200
        yield server.audit_log
    finally:
        server.stop()


class Scene:
    """A watcher over the log, an Alertmanager and the policy's file."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.policy = folder / "policy.yaml"
        self.policy.write_text(WHOLE)
        self.alertmanager = AlertmanagerServer(folder / "am", config=WELL)
        settings = f"""
sources:
  kube_audit: {{audit_policy: {self.policy}, audit_flags: [--audit-policy-file=/p]}}
  files: [{{name: kube, paths: [{log}]}}]
sinks:
  alertmanager: [{{name: alertmanager, urls: ["{self.alertmanager.url}"]}}]
owner: me@example.org
"""
        self.daemon = Daemon(folder / "watch", settings, watch="  hold: 1s\n  prove: 1s\n")

    def close(self) -> None:
        """End both."""
        self.daemon.close()
        self.alertmanager.stop()

    def blind(self) -> dict[str, dict[str, Any]]:
        """Rule -> its open finding."""
        words = ("alerts", "list", "--state", str(self.daemon.state), "-o", "json")
        done = self.daemon.command(*words)
        assert done.returncode == 0, done.stderr
        return {one["object"]: one for one in json.loads(done.stdout) if one["rule"] == "rule_blind"}

    def proven_at(self) -> float:
        """When the last proof was made, or 0."""
        return self.daemon.total("vedette_proof_timestamp_seconds")

    def wait(self) -> None:
        """Until what holds now is proven and looked at: findings are looked for every five seconds. A proof that was
        made just now may have been begun before."""
        self._wait_for_another()
        self._wait_for_another()
        time.sleep(6)

    def _wait_for_another(self) -> None:
        moment = max(time.time(), self.proven_at())
        until(lambda: self.proven_at() > moment, "another proof", DEADLINE)

    def states(self, link: str) -> dict[str, str]:
        """Rule -> the state of a link, by the metrics."""
        found = self.daemon.metrics()["vedette_rule_state"]
        return {labels["rule"]: labels["state"] for labels, value in found if labels["link"] == link and value == 1}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, log: Path) -> Iterator[Scene]:
    """Started, and proven once; each test leaves it well."""
    one = Scene(tmp_path_factory.mktemp("scene"), log)
    try:
        one.daemon.start()
        one.wait()
        yield one
    finally:
        one.close()


def test_a_rule_that_turns_blind_is_told_until_it_is_mended(scene: Scene) -> None:
    """By the policy's file: just the rules that `vedette prove --policy` names, through a reload, and until it is put
    back; nothing before that, though there is no Vault and no sshd."""
    assert scene.blind() == {}
    assert {scene.states("shipped")[name] for name in ("V1", "S1")} == {"BLIND"}
    assert set(scene.states("emitted").values()) <= {"READY", "UNKNOWN"}

    scene.policy.write_text(WITHOUT_READS)
    offline = json.loads(scene.daemon.command("prove", "--policy", str(scene.policy), "-o", "json").stdout)
    # K10 looks at counters that nobody has set up here.
    expected = {one["rule"] for one in offline if one["state"] == "BLIND"} - {"K10"}
    assert "K3" in expected
    assert "K8" not in expected
    scene.wait()
    found = scene.blind()
    assert found.keys() == expected
    assert "K3 can fire in part only: emitted: " in found["K3"]["title"]
    assert f"{scene.policy}:" in found["K3"]["title"]
    assert found["K3"]["severity"] == "critical"
    assert {rule for rule, state in scene.states("emitted").items() if state == "BLIND"} == expected
    told = {one["labels"]["alertname"] for one in held(scene)}
    assert "VedetteRuleBlind" in told

    scene.daemon.reload()
    scene.wait()
    assert {rule: one["id"] for rule, one in scene.blind().items()} == {rule: one["id"] for rule, one in found.items()}

    scene.policy.write_text(WHOLE)
    scene.wait()
    assert scene.blind() == {}
    ended = [one for one in scene.daemon.alerts() if one["rule"] == "rule_blind"]
    assert len(ended) == len(expected)


def test_a_route_to_nobody_blinds_every_rule_in_use(scene: Scene) -> None:
    """Those on the log that is there; what nobody has set up is missed by nobody."""
    scene.alertmanager.restart(WELL.replace("route: {receiver: security}", "route: {receiver: nobody}"))
    scene.wait()
    found = scene.blind()
    assert found.keys() == {"K2", "K3", "K4", "K5", "K6", "K7", "K8", "K9"}
    assert all("delivered: " in one["title"] and "nobody" in one["title"] for one in found.values())
    assert set(scene.states("delivered").values()) == {"BLIND"}
    scene.alertmanager.restart(WELL)
    scene.wait()
    assert scene.blind() == {}


def test_a_policy_that_cannot_be_read_is_unknown_and_no_finding_yet(scene: Scene) -> None:
    """It may be written a moment later; the metrics say it at once."""
    scene.policy.write_text("rules: [")
    scene.wait()
    assert scene.states("emitted")["K3"] == "UNKNOWN"
    assert scene.states("all")["K3"] == "UNKNOWN"
    assert scene.blind() == {}
    assert "rule_unknown" not in {one["rule"] for one in scene.daemon.alerts()}
    scene.policy.write_text(WHOLE)


def held(scene: Scene) -> list[dict[str, Any]]:
    """The alerts that Alertmanager has."""
    answer = Http().request("GET", f"{scene.alertmanager.url}/api/v2/alerts")
    found: list[dict[str, Any]] = json.loads(answer.body)
    return found
