"""Audit flags are found wherever a body can set them."""

from __future__ import annotations

from typing import Any

import pytest

from vedette.formats.kube_flags import audit_flags

_LIST = "apiServer:\n  extraArgs:\n  - name: audit-log-path\n    value: /var/log/a.log\n  - name: v\n    value: '2'\n"
_MAP = 'apiServer:\n  extraArgs:\n    audit-log-path: "/var/log/a.log"\n    v: "2"\n'
_HIDDEN = "apiServer:\n  extraArgs:\n  - value: /a\n    name: {}\n"
_FLAG = ["--audit-log-path=/var/log/a.log"]


def pod(*containers: dict[str, Any]) -> dict[str, Any]:
    """A pod with these containers."""
    return {"kind": "Pod", "spec": {"containers": list(containers)}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (pod({"command": ["kube-apiserver", "--audit-log-path=/a", "--v=2"]}), ["--audit-log-path=/a"]),
        (pod({"args": ["--audit-log-path", "/a"]}), ["--audit-log-path=/a"]),
        (pod({"args": ["--audit-log-path", "--v=2"]}), ["--audit-log-path"]),
        (pod({"command": ["sh", "-c", "exec kube-apiserver --audit-log-path=/a --v=2"]}), ["--audit-log-path=/a"]),
        (pod({"args": ["--v=2"]}), []),
        (pod(), []),
        (
            [{"op": "add", "path": "/spec/containers/0/command/-", "value": "--audit-log-path=-"}],
            ["--audit-log-path=-"],
        ),
        (
            [{"op": "replace", "path": "/spec/containers/0/command", "value": ["--audit-log-path=-"]}],
            ["--audit-log-path=-"],
        ),
        ({"data": {"ClusterConfiguration": _LIST}}, ["--audit-log-path=/var/log/a.log"]),
        ({"data": {"ClusterConfiguration": _MAP}}, ["--audit-log-path=/var/log/a.log"]),
        ([{"op": "replace", "path": "/data/ClusterConfiguration", "value": _MAP}], ["--audit-log-path=/var/log/a.log"]),
        (
            [{"op": "add", "path": "/data", "value": {"ClusterConfiguration": _MAP}}],
            ["--audit-log-path=/var/log/a.log"],
        ),
        (
            {"data": {"ClusterConfiguration": 'apiServer: {extraArgs: {"\\x61udit-log-path": /a}}'}},
            ["--audit-log-path=/a"],
        ),
        (
            {"data": {"ClusterConfiguration": "apiServer: {extraArgs: [{name: audit-log-path, value: /a}]}"}},
            ["--audit-log-path=/a"],
        ),
        ({"data": {"ClusterConfiguration": "# audit-log-path: /a\napiServer: {}"}}, []),
        ({"data": {"ClusterConfiguration": "audit: [unclosed"}}, []),
        ({"data": {"ClusterConfiguration": "audit: " + "[" * 5000}}, []),
        ({"data": {"ClusterConfiguration": "[audit]"}}, []),
        ({"data": {"ClusterConfiguration": "apiServer: {extraArgs: audit}"}}, []),
        ({"data": {"ClusterConfiguration": _HIDDEN.format('"\\x61udit-log-path"')}}, ["--audit-log-path=/a"]),
        ({"data": {"ClusterConfiguration": _HIDDEN.format('"aud\\\n    it-log-path"')}}, ["--audit-log-path=/a"]),
        ({"data": {"ClusterConfiguration": _HIDDEN.format("!!binary YXVkaXQtbG9nLXBhdGg=")}}, ["--audit-log-path=/a"]),
        ({"data": {"ClusterConfiguration": _HIDDEN.format("!!binary x")}}, []),
        ({"data": {"ClusterConfiguration": _HIDDEN.format("audit-log-path") + "--- [\n"}}, ["--audit-log-path=/a"]),
        (
            {"data": {"ClusterConfiguration": _MAP.replace("apiServer:", "x: &x") + "apiServer:\n  <<: [*x]\n"}},
            ["--audit-log-path=/var/log/a.log"],
        ),
        (
            {"data": {"ClusterConfiguration": "apiServer: {extraArgs: &x {<<: *x, audit-log-path: /a}}"}},
            [],
        ),
        ({"data": {"ClusterConfiguration": "apiServer: {}" + " " * 70_000}}, ["--audit-unread"]),
        # A field that the server drops does not speak for the one that it takes.
        ({"data": {"ClusterConfiguration": "apiServer: {}"}, "other": ["--audit-log-path=/a"]}, []),
        ({"data": {"ClusterConfiguration": "apiServer: {}"}, "other": {"ClusterConfiguration": _MAP}}, []),
        (
            [
                {"op": "test", "path": "/data/ClusterConfiguration", "value": _MAP},
                {"op": "replace", "path": "/data/Cluster~0Configuration", "value": _MAP},
                {"op": "replace", "path": "/data/ClusterConfiguration", "value": "apiServer: {}"},
                "no operation",
            ],
            [],
        ),
        ([{"op": "replace", "path": "", "value": {"data": {"ClusterConfiguration": _LIST}}}], _FLAG),
        ("text --audit-log-path=/a", []),
        (None, []),
        ([["--audit-log-maxage=1"]], ["--audit-log-maxage=1"]),
    ],
)
def test_flags_are_found(body: object, expected: list[str]) -> None:
    """In commands and arguments, joined or split, through a shell, by patch, and in both forms of kubeadm's own file."""
    assert audit_flags(body) == expected
