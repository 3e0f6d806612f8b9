"""The rendered audit policy in a real kube-apiserver: it starts with it, and writes what it is meant to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.kube import RBAC, ApiServer

from vedette.cli import main
from vedette.observers.completion import Completion

BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: erased}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:anonymous"}]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One that was started with what `vedette render audit-policy` printed."""
    folder = tmp_path_factory.mktemp("kube")
    text = rendered()
    server = ApiServer(folder, text)
    yield server
    server.stop()


def rendered() -> str:
    """The policy for the whole pack under the settings of the cases."""
    import contextlib
    import io

    from vedette.cases import SETTINGS

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["render", "audit-policy", "--config", str(SETTINGS)]) == 0
    return out.getvalue()


def events(server: ApiServer, part: str) -> list[dict[str, Any]]:
    """The audit events whose path has `part`, with how they ended."""
    lines = Path(server.audit_log).read_text().splitlines()
    return [one for one in map(json.loads, lines) if part in one["requestURI"]]


def test_a_patched_role_and_a_bindings_body_are_written_and_a_secrets_is_not(server: ApiServer) -> None:
    """K7 and K8 need what the object became; of a Secret who and what is enough."""
    rules = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    path = f"/apis/{RBAC}/v1/clusterroles"
    assert server.call("POST", path, {"metadata": {"name": "all"}, "rules": []})[0] == 201
    merge = "application/merge-patch+json"
    assert server.call("PATCH", f"{path}/all", {"rules": rules}, content=merge)[0] == 200
    patched = [one for one in events(server, "/clusterroles/all") if one["stage"] == "ResponseComplete"]
    assert patched[0]["level"] == "RequestResponse"
    assert patched[0]["responseObject"]["rules"] == rules
    secrets = "/api/v1/namespaces/default/secrets"
    assert server.call("POST", secrets, {"metadata": {"name": "s"}, "stringData": {"k": "v"}})[0] == 201
    server.call("GET", f"{secrets}/s")
    assert {one["verb"] for one in events(server, secrets)} == {"create", "get"}
    assert {one["level"] for one in events(server, secrets)} == {"Metadata"}


def test_of_an_erased_apply_the_beginning_is_left(server: ApiServer) -> None:
    """K10: a server-side apply of YAML loses its end, and is told of by its beginning."""
    path = f"/apis/{RBAC}/v1/clusterrolebindings/erased?fieldManager=eve"
    assert server.call("PATCH", path, BINDING, content="application/apply-patch+yaml")[0] == 201
    assert server.call("DELETE", "/api/v1/namespaces/default/configmaps/none")[0] == 404
    found = events(server, "/clusterrolebindings/erased")
    assert [one["stage"] for one in found] == ["RequestReceived"]
    lines = Path(server.audit_log).read_bytes()
    completion = Completion(deadline=0.0)
    looks = completion.feed(lines, "kube")
    assert any("clusterrolebindings/erased" in str(look.value.get("requestURI")) for look in looks)


def test_reads_and_execs_are_written_once(server: ApiServer) -> None:
    """RequestReceived is kept for writes alone."""
    server.call("GET", "/api/v1/nodes")
    assert {one["stage"] for one in events(server, "/api/v1/nodes") if one["verb"] == "list"} == {"ResponseComplete"}
