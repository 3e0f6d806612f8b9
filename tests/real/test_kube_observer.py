"""What is seen of a real API server, by a service account that has the rendered rights and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab.kube import ApiServer
from lab.process import until

from tests.observers.lines import Lines, seen
from vedette.clients.kube import Kube, KubeRefused
from vedette.observers.base import Look
from vedette.observers.completion import Completion
from vedette.observers.kube import KubeObserver
from vedette.observers.server_log import ServerLogObserver
from vedette.render.rights import kube_rights

RBAC = "/apis/rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"
BOTH_STAGES = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "rules": [
        {"level": "Request", "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
        {"level": "Metadata"},
    ],
}
OPEN = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: eraser}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: ops}]
roleRef: {kind: ClusterRole, apiGroup: rbac.authorization.k8s.io, name: view}
"""
_PLURAL = {
    "ServiceAccount": "/api/v1/namespaces/vedette/serviceaccounts",
    "ClusterRole": f"{RBAC}/clusterroles",
    "ClusterRoleBinding": f"{RBAC}/clusterrolebindings",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One server for all tests of this file."""
    server = ApiServer(tmp_path_factory.mktemp("kube"), BOTH_STAGES)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def token(server: ApiServer) -> str:
    """Of a service account with the rendered rights."""
    made(server, "/api/v1/namespaces", {"metadata": {"name": "vedette"}})
    for document in yaml.safe_load_all(kube_rights()):
        made(server, _PLURAL[document["kind"]], document)
    account = "/api/v1/namespaces/vedette/serviceaccounts/vedette/token"
    return str(made(server, account, {"spec": {}})["status"]["token"])


@pytest.fixture
def token_file(token: str, tmp_path: Path) -> Path:
    """Where the observer finds it."""
    path = tmp_path / "token"
    path.write_text(token)
    return path


def made(server: ApiServer, path: str, body: object) -> Any:
    """Create an object."""
    status, answer = server.call("POST", path, body)
    assert status == 201, answer
    return answer


def observer(server: ApiServer, token_file: Path) -> KubeObserver:
    """Of the running server."""
    return KubeObserver("api-0", Kube(server.address, token_file=str(token_file), ca_file=str(server.ca)))


def counters(looks: list[Look]) -> dict[object, Any]:
    """By name."""
    return {look.value["name"]: look.value for look in looks if look.kind == "counter"}


def names(looks: list[Look]) -> set[str]:
    """The subjects of the objects."""
    return {look.subject for look in looks if look.kind == "rbac_object"}


def test_a_fresh_cluster_is_quiet(server: ApiServer, token_file: Path, tmp_path: Path) -> None:
    """All that Kubernetes ships is seen, in the form that the rules read, and none of it is an alert."""
    watching = observer(server, token_file)
    looks, blind = seen(watching)
    assert blind is None
    shipped = {"ClusterRole/cluster-admin", "ClusterRoleBinding//cluster-admin"}
    signer = "RoleBinding/kube-system/system:controller:bootstrap-signer"
    assert shipped | {signer, "ClusterRoleBinding//system:public-info-viewer"} <= names(looks)
    for plural in ("clusterroles", "clusterrolebindings", "rolebindings"):
        live = server.call("GET", f"{RBAC}/{plural}")[1]["items"]
        assert sum(look.subject.lower().startswith(f"{plural[:-1]}/") for look in looks) == len(live) > 5
    admin = next(look.value for look in looks if look.subject == "ClusterRole/cluster-admin")
    assert (admin["kind"], admin["name"]) == ("ClusterRole", "cluster-admin")
    role: Any = admin["object"]
    assert (role["kind"], role["apiVersion"]) == ("ClusterRole", f"{GROUP}/v1")
    assert "managedFields" not in role["metadata"]
    assert counters(looks)["apiserver_audit_error_total"]["value"] == 0
    assert counters(looks)["apiserver_audit_requests_rejected_total"]["value"] == 0
    lines = Lines(tmp_path)
    assert lines.add(looks) == []
    assert lines.add(watching.look()) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v1/secrets", None),
        ("GET", "/api/v1/namespaces/vedette/secrets", None),
        ("GET", "/api/v1/pods", None),
        ("GET", f"{RBAC}/roles", None),
        ("GET", f"{RBAC}/clusterroles/cluster-admin", None),
        ("GET", f"{RBAC}/clusterroles?watch=1", None),
        ("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "mine"}, "rules": []}),
        ("DELETE", f"{RBAC}/clusterrolebindings/cluster-admin", None),
        ("POST", "/api/v1/namespaces/vedette/serviceaccounts/vedette/token", {"spec": {}}),
        ("GET", "/logs", None),
        ("GET", "/configz", None),
    ],
)
def test_the_rendered_rights_let_nothing_else_in(
    server: ApiServer, token: str, method: str, path: str, body: object
) -> None:
    """Secrets, single objects, watches and every change are refused."""
    assert server.call(method, path, body, token=token)[0] == 403


def test_a_missing_right_is_named_and_the_rest_is_seen(server: ApiServer, tmp_path: Path) -> None:
    """Without rights on bindings and metrics the roles are seen, and the finding says what to grant."""
    made(server, "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "lacking"}})
    rules = [{"apiGroups": [GROUP], "resources": ["clusterroles"], "verbs": ["list"]}]
    made(server, f"{RBAC}/clusterroles", {"metadata": {"name": "lacking"}, "rules": rules})
    reference = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "lacking"}
    subjects = [{"kind": "ServiceAccount", "name": "lacking", "namespace": "default"}]
    binding = {"metadata": {"name": "lacking"}, "roleRef": reference, "subjects": subjects}
    made(server, f"{RBAC}/clusterrolebindings", binding)
    account = "/api/v1/namespaces/default/serviceaccounts/lacking/token"
    (tmp_path / "token").write_text(made(server, account, {"spec": {}})["status"]["token"])
    looks, blind = seen(observer(server, tmp_path / "token"))
    assert "ClusterRole/cluster-admin" in names(looks)
    assert {subject.split("/")[0] for subject in names(looks)} == {"ClusterRole"}
    assert counters(looks) == {}
    assert blind is not None
    assert "clusterrolebindings: HTTP 403" in str(blind)
    assert "`list` on rolebindings.rbac.authorization.k8s.io" in blind.mend
    assert "`get` on the nonResourceURL /metrics" in blind.mend
    assert "on clusterroles" not in blind.mend


def test_a_token_that_is_not_accepted_is_told_from_a_missing_right(server: ApiServer, tmp_path: Path) -> None:
    """The mend is a new token; the token stands in neither text."""
    (tmp_path / "token").write_text("CANARYCANARY")
    looks, blind = seen(observer(server, tmp_path / "token"))
    assert looks == []
    assert blind is not None
    assert "write a new one" in blind.mend
    assert "grant" not in blind.mend
    assert "CANARY" not in str(blind) + blind.mend


def test_what_is_made_is_seen_once_and_judged(server: ApiServer, token_file: Path, tmp_path: Path) -> None:
    """A wildcard role fires K7.live, a binding to the nameless K8.live; an object that stays is not given again before
    a day is nearly over, one that changes is."""
    now = [0.0]
    kube = Kube(server.address, token_file=str(token_file), ca_file=str(server.ca))
    watching, lines = KubeObserver("api-0", kube, clock=lambda: now[0]), Lines(tmp_path)
    assert lines.add(watching.look()) == []
    wild = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    made(server, f"{RBAC}/clusterroles", {"metadata": {"name": "ops"}, "rules": wild})
    looks = watching.look()
    assert names(list(looks)) == {"ClusterRole/ops"}
    assert lines.add(looks) == ["K7.live"]
    nobody = {"kind": "User", "apiGroup": GROUP, "name": "system:anonymous"}
    reference = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "view"}
    binding = {"metadata": {"name": "open"}, "roleRef": reference, "subjects": [nobody]}
    made(server, f"{RBAC}/clusterrolebindings", binding)
    made(server, f"{RBAC}/namespaces/default/rolebindings", binding)
    looks = watching.look()
    assert names(list(looks)) == {"ClusterRoleBinding//open", "RoleBinding/default/open"}
    assert lines.add(looks) == ["K7.live", "K8.live", "K8.live"]
    assert names(list(watching.look())) == set()
    changed = binding | {"subjects": [nobody, {"kind": "Group", "apiGroup": GROUP, "name": "ops"}]}
    assert server.call("PUT", f"{RBAC}/clusterrolebindings/open", changed)[0] == 200
    assert names(list(watching.look())) == {"ClusterRoleBinding//open"}
    for path in ("clusterroles/ops", "clusterrolebindings/open", "namespaces/default/rolebindings/open"):
        assert server.call("DELETE", f"{RBAC}/{path}")[0] == 200
    assert names(list(watching.look())) == set()
    now[0] = 20 * 3600.0
    again = names(list(watching.look()))
    assert "ClusterRole/cluster-admin" in again
    assert "ClusterRole/ops" not in again


def test_a_list_comes_whole_in_pages(server: ApiServer, token_file: Path) -> None:
    """However small the pages are, each object comes once; a path that is no list is an error."""
    kube = Kube(server.address, token_file=str(token_file), ca_file=str(server.ca))
    pages = list(kube.pages(f"{RBAC}/clusterroles", size=7))
    assert {len(page) for page in pages[:-1]} == {7}
    found = [json.loads(bytes(raw))["metadata"]["name"] for page in pages for raw in page]
    live = [item["metadata"]["name"] for item in server.call("GET", f"{RBAC}/clusterroles")[1]["items"]]
    assert sorted(found) == sorted(live)
    with pytest.raises(KubeRefused, match="HTTP 403"):
        list(kube.pages("/api/v1/secrets"))


def test_another_certificate_is_not_trusted(server: ApiServer, token_file: Path) -> None:
    """Without its CA the server is not asked, and the mend is the CA; the token was not sent."""
    blind = seen(KubeObserver("api-0", Kube(server.address, token_file=str(token_file))))[1]
    assert blind is not None
    assert "TLS: the certificate cannot be verified" in str(blind)
    assert "ca_file" in blind.mend


def test_ordinary_traffic_misses_no_end(server: ApiServer, token: str) -> None:
    """Writes of every verb, done, refused and failed, have both their stages in a real log."""
    ordinary(server, token)
    machine = Completion()
    assert machine.feed(settled(server), "audit.log") + machine.feed(later(server), "audit.log") == []
    assert machine.pending == machine.unread == 0


def test_an_erased_write_is_seen_by_the_counter_and_by_its_missing_end(
    server: ApiServer, token: str, token_file: Path, tmp_path: Path
) -> None:
    """A server-side apply of YAML is done and its event lost: K10 by the counter, K10.erased by the missing end; a
    patch that fails on its YAML is K10.lost until the counter is known to have risen meanwhile."""
    watching, lines = observer(server, token_file), Lines(tmp_path)
    lines.add(watching.look())
    ordinary(server, token)
    applied = f"{RBAC}/clusterrolebindings/eraser?fieldManager=x"
    assert server.call("PATCH", applied, OPEN, content="application/apply-patch+yaml")[0] == 201
    merged = f"{RBAC}/clusterrolebindings/eraser"
    assert server.call("PATCH", merged, OPEN, content="application/merge-patch+json")[0] == 400
    machine = Completion()
    looks = machine.feed(settled(server), "audit.log")
    assert looks == []
    assert machine.pending == 2
    restored = Completion()
    restored.restore(json.loads(json.dumps(machine.state())))
    missing = machine.feed(later(server), "audit.log")
    assert [(look.value["requestURI"], look.value["erased"]) for look in missing] == [(applied, True), (merged, False)]
    assert {look.value["user"] for look in missing} == {"root-admin"}
    counted = counters(list(watching.look()))["apiserver_audit_error_total"]
    assert (counted["value"], counted["plugins"]) == (2, {"log": 2})
    assert {"K10.erased", "K10.lost"} <= set(lines.add(missing))
    restored.counted(0, time.time() - 60)
    restored.counted(2, time.time())
    assert [look.value["erased"] for look in restored.feed(later(server), "audit.log")] == [True, True]
    fresh = Lines(tmp_path)
    assert fresh.add(observer(server, token_file).look()) == ["K10"]
    assert server.call("DELETE", f"{RBAC}/clusterrolebindings/eraser")[0] == 200


def ordinary(server: ApiServer, token: str) -> None:
    """What people and controllers do to ConfigMaps, by every verb, some of it refused."""
    path = "/api/v1/namespaces/default/configmaps"
    for number in range(5):
        name = f"ordinary-{number}"
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}}
        assert server.call("POST", path, body)[0] == 201
        assert server.call("POST", path, body)[0] == 409
        assert server.call("POST", path, body, token=token)[0] == 403
        assert server.call("POST", path, "{", token=None)[0] == 400
        assert server.call("POST", f"{path}?dryRun=All", body | {"metadata": {"name": "dry"}})[0] == 201
        assert server.call("PUT", f"{path}/{name}", body)[0] == 200
        patch = [{"op": "add", "path": "/data/c", "value": "d"}]
        assert server.call("PATCH", f"{path}/{name}", patch, content="application/json-patch+json")[0] == 200
        applied = json.dumps(body)
        where = f"{path}/{name}?fieldManager=x&force=true"
        assert server.call("PATCH", where, applied, content="application/apply-patch+yaml")[0] == 200
        assert server.call("DELETE", f"{path}/{name}")[0] == 200
    assert server.call("DELETE", f"{path}?labelSelector=a%3Db")[0] == 200


def settled(server: ApiServer) -> bytes:
    """The whole audit log, once the last request of a known agent is in it."""
    marker = f"settled/{time.monotonic_ns()}"
    assert server.call("GET", "/version", headers={"User-Agent": marker})[0] == 200
    end = time.monotonic() + 20
    while time.monotonic() < end:
        lines = server.audit_log.read_bytes()
        if lines.endswith(b"\n") and lines.count(marker.encode()) == 2:
            return lines
        time.sleep(0.05)
    raise AssertionError("the audit log did not take in a request")


def later(server: ApiServer) -> bytes:
    """The end of the log once more, as if three minutes later."""
    lines = [json.loads(line) for line in server.audit_log.read_bytes().splitlines()[-2:]]
    for line in lines:
        for key in ("requestReceivedTimestamp", "stageTimestamp"):
            line[key] = (datetime.fromisoformat(line[key]) + timedelta(minutes=3)).isoformat()
        line["verb"] = "get"
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def test_the_server_s_own_log_says_that_an_event_was_lost(server: ApiServer, tmp_path: Path) -> None:
    """An apply in YAML, whose end is erased from the audit log, is an alert of K10.server_log."""
    log = ServerLogObserver("log", str(server.server.log), "kube-apiserver", host="k8s-node1")
    try:
        assert seen(log) == ([], None)
        applied = f"{RBAC}/clusterrolebindings/told?fieldManager=e"
        text = OPEN.replace("eraser", "told")
        assert server.call("PATCH", applied, text, content="application/apply-patch+yaml")[0] == 201
        looks: list[Look] = []

        def told() -> bool:
            looks.extend(seen(log)[0])
            return bool(looks)

        until(told, "the line is written", 30.0)
    finally:
        log.close()
    assert {look.kind for look in looks} == {"server_log"}
    assert "K10.server_log" in Lines(tmp_path).add(looks)
