"""The tracer on a real API server and a real Vault, through a log that a shipper brings to a running `vedette watch`."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from lab.kube import RBAC, ApiServer
from lab.process import until
from lab.vault import VaultServer
from lab.watch import Daemon

from tests.observers.lines import Lines
from tests.observers.test_tracer import read
from vedette.clients.kube import Kube
from vedette.clients.vault import Vault
from vedette.observers.base import CannotLook
from vedette.observers.tracer import NAME, Echoes, KubeWay, Promise, TracerObserver, VaultWay, Way
from vedette.render.rights import kube_tracer_rights, vault_policy, vault_tracer_policy

TRACED = {"resources": [{"group": "", "resources": ["configmaps"], "resourceNames": [NAME]}], "namespaces": ["vedette"]}
REST = {"level": "Metadata", "omitStages": ["RequestReceived"]}


def policy(level: str = "RequestResponse") -> dict[str, object]:
    """An audit policy by which the tracer's read is logged at `level`."""
    rules = [{"level": level, **TRACED}, REST]
    return {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One server for all tests of this file, with the namespace that the manifest expects."""
    server = ApiServer(tmp_path_factory.mktemp("kube"), policy())
    try:
        assert server.call("POST", "/api/v1/namespaces", {"metadata": {"name": "vedette"}})[0] == 201
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    """One node, with a file audit device."""
    node = VaultServer(tmp_path_factory.mktemp("vault"))
    try:
        node.device("file", node.audit_log)
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def token_file(server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an account with the rendered rights and nothing else."""
    plural = {"ServiceAccount": "serviceaccounts", "ConfigMap": "configmaps", "Role": "roles"}
    for one in yaml.safe_load_all(kube_tracer_rights()):
        base = "/api/v1" if one["apiVersion"] == "v1" else f"/apis/{RBAC}/v1"
        where = f"{base}/namespaces/vedette/{plural.get(one['kind'], 'rolebindings')}"
        assert server.call("POST", where, one)[0] == 201
    path = tmp_path_factory.mktemp("token") / "token"
    path.write_text(server.account("vedette", "vedette"))
    return path


def kube_way(server: ApiServer, token_file: Path) -> KubeWay:
    """To the running server."""
    return KubeWay(Kube(server.address, token_file=str(token_file), ca_file=str(server.ca)), "vedette")


def vault_way(node: VaultServer, folder: Path, policy: str) -> VaultWay:
    """With a token of a policy of its own."""
    (folder / "token").write_text(node.token(f"tracer-{time.monotonic_ns()}", policy))
    return VaultWay(Vault(node.address, token_file=str(folder / "token")))


def seen(way: Way, log: Path, level: str) -> dict[str, object]:
    """What a look says where all that is in the log comes through."""
    echoes = Echoes()
    ended = threading.Event()
    begin = log.stat().st_size

    def turn() -> None:
        at = begin
        while not ended.wait(0.02):
            data = log.read_bytes()[at:]
            whole = data[: data.rfind(b"\n") + 1]
            at += len(whole)
            if whole:
                echoes.take("log", whole)
            echoes.turned()

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        (look,) = TracerObserver("t", way, echoes, read, Promise(level, "", 10.0)).look()
    finally:
        ended.set()
        thread.join()
        way.close()
    return dict(look.value)


def test_the_rendered_rights_of_kube_suffice(server: ApiServer, token_file: Path, tmp_path: Path) -> None:
    """The read comes back with its body; K6 does not fire, and neither does any rule on the record itself."""
    begin = server.audit_log.stat().st_size
    value = seen(kube_way(server, token_file), server.audit_log, "RequestResponse")
    assert value["level"] == "RequestResponse"
    lines = Lines(tmp_path)
    with lines.path.open("ab") as file:
        records = server.audit_log.read_bytes()[begin:]
        assert str(value["auditID"]).encode() in records
        file.write(records)
    assert lines.add([]) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/namespaces/vedette/configmaps"),
        ("GET", "/api/v1/namespaces/vedette/configmaps/kube-root-ca.crt"),
        ("GET", f"/api/v1/namespaces/default/configmaps/{NAME}"),
        ("DELETE", f"/api/v1/namespaces/vedette/configmaps/{NAME}"),
        ("GET", f"/api/v1/namespaces/vedette/secrets/{NAME}"),
    ],
)
def test_the_rendered_rights_of_kube_let_nothing_else_in(
    server: ApiServer, token_file: Path, method: str, path: str
) -> None:
    """One ConfigMap is read, and that is all."""
    assert server.call(method, path, token=token_file.read_text())[0] == 403


def test_without_the_right_the_finding_says_what_to_grant(server: ApiServer, tmp_path: Path) -> None:
    """Nothing is said of the log; a token that is none has another mend."""
    (tmp_path / "token").write_text(server.account("vedette", "lacking"))
    with pytest.raises(CannotLook, match="HTTP 403") as lacking:
        kube_way(server, tmp_path / "token").send("0f0e")
    assert "grant `get` on the ConfigMap vedette-tracer" in lacking.value.mend
    (tmp_path / "token").write_text("CANARY")
    with pytest.raises(CannotLook, match="HTTP 401") as unknown:
        kube_way(server, tmp_path / "token").send("0f0e")
    assert "CANARY" not in str(unknown.value) + unknown.value.mend
    assert "write a token" in unknown.value.mend


def test_the_rendered_policy_of_vault_suffices_and_no_less(vault: VaultServer, tmp_path: Path) -> None:
    """Both entries come back in the clear, nothing fires on them; nothing else is let in, and without it nothing is;
    the observer's own token does as well."""
    begin = vault.audit_log.stat().st_size
    way = vault_way(vault, tmp_path, vault_tracer_policy())
    value = seen(way, vault.audit_log, "RequestResponse")
    assert value["level"] == "RequestResponse"
    token = (tmp_path / "token").read_text()
    for path in ("sys/policies/acl/default", "sys/audit", "auth/token/lookup-self", "sys/mounts"):
        assert vault.call("GET", path, token=token)[0] == 403
    assert vault.call("PUT", f"sys/policies/acl/{NAME}-x", {"policy": ""}, token=token)[0] == 403
    lines = Lines(tmp_path)
    entries = [line for line in vault.audit_log.read_bytes()[begin:].splitlines(True) if NAME.encode() in line]
    ours = [line for line in entries if str(value["auditID"]).encode() in line]
    lines.path.write_bytes(b"".join(ours))
    assert len(ours) == 2
    assert lines.add([]) == []
    vault_way(vault, tmp_path, vault_policy()).send("0f0e")
    lacking = vault_way(vault, tmp_path, 'path "sys/audit" { capabilities = ["read"] }')
    with pytest.raises(CannotLook, match="HTTP 403") as error:
        lacking.send("0f0e")
    assert "vedette-tracer-*" in error.value.mend


class Shipper(threading.Thread):
    """Brings what is appended to one file to another, until it is stopped; what came meanwhile it brings later."""

    def __init__(self, begin: Path, end: Path) -> None:
        super().__init__(daemon=True)
        self._begin = begin
        self._end = end
        self._at = begin.stat().st_size
        self.stopped = threading.Event()
        self.ended = threading.Event()
        end.touch()

    def run(self) -> None:
        """Until it has ended."""
        while not self.ended.wait(0.03):
            if self.stopped.is_set():
                continue
            with self._begin.open("rb") as file:
                file.seek(self._at)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._at += len(whole)
            with self._end.open("ab") as out:
                out.write(whole)


def test_a_tracer_sees_that_the_log_is_no_longer_what_was_promised(
    server: ApiServer, vault: VaultServer, token_file: Path, tmp_path: Path
) -> None:
    """It comes back, is missed when the policy drops it or the shipper stands still, and is silent once all is well;
    a reload changes nothing of that."""
    shipped = tmp_path / "shipped.log"
    shipper = Shipper(server.audit_log, shipped)
    shipper.start()
    (tmp_path / "vault").mkdir()
    vault_way(vault, tmp_path / "vault", vault_tracer_policy())
    times = "every: 1s, within: 2s"
    settings = f"""
sources:
  files:
    - {{name: kube, paths: [{shipped}]}}
    - {{name: vault, paths: [{vault.audit_log}], start: end}}
  tracer:
    - {{name: kube-tracer, server: "{server.address}", token_file: {token_file}, ca_file: {server.ca},
       source: kube, expect: RequestResponse, {times}}}
    - {{name: vault-tracer, address: "{vault.address}", token_file: {tmp_path / "vault" / "token"}, {times}}}
sinks:
  file:
    - {{name: told, path: {tmp_path / "told.jsonl"}}}
"""
    daemon = Daemon(tmp_path / "watch", settings)
    try:
        daemon.start()
        until(lambda: back(daemon) == {"kube-tracer", "vault-tracer"}, "both come back", 30)
        began = time.time()
        daemon.reload()
        until(lambda: came(daemon) > began + 1 and len(back(daemon)) == 2, "both come back after a reload", 30)
        assert fired(daemon) == 0

        server.restart(policy("Metadata"))
        until(lambda: fired(daemon) > 0, "less than promised is told", 30)
        server.restart(policy())
        well(daemon)

        server.restart(policy("None"))
        missed = fired(daemon)
        until(lambda: fired(daemon) > missed, "a policy that drops it is told", 30)
        server.restart(policy())
        well(daemon)

        shipper.stopped.set()
        missed = fired(daemon)
        until(lambda: fired(daemon) > missed, "a shipper that stands still is told", 30)
        shipper.stopped.clear()
        well(daemon)

        k6 = [one for one in daemon.alerts() if one["rule"] == "K6"]
        assert [one["object"] for one in k6] == [f"{server.address} through kube"]
        until(lambda: "K6" in told(tmp_path / "told.jsonl"), "somebody is told", 30)
        assert {one["rule"] for one in daemon.alerts()} <= {"K6", "cannot_look"}
    finally:
        daemon.close()
        shipper.ended.set()
        shipper.join()


def back(daemon: Daemon) -> set[str]:
    """The tracers whose request has come back since the start."""
    return {labels["name"] for labels, _ in daemon.metrics().get("vedette_tracer_seconds", [])}


def came(daemon: Daemon) -> float:
    """When the API server's last came back."""
    found = daemon.metrics().get("vedette_tracer_timestamp_seconds", [])
    return next((value for labels, value in found if labels["name"] == "kube-tracer"), 0.0)


def fired(daemon: Daemon) -> int:
    """How often K6 has fired."""
    return sum(one["count"] for one in daemon.alerts() if one["rule"] == "K6")


def told(path: Path) -> set[str]:
    """The rules that the sink was told of."""
    return {json.loads(line)["labels"]["rule_id"] for line in path.read_text().splitlines()}


def well(daemon: Daemon) -> None:
    """It comes back four times in a row, and K6 does not fire any more."""
    until(lambda: came(daemon) > time.time() - 3, "it comes back again", 30)
    time.sleep(2.5)
    before, count = came(daemon), fired(daemon)
    until(lambda: came(daemon) > before + 2, "it comes back again", 30)
    assert fired(daemon) == count
