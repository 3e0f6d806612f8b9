"""The API server's flags and version, as a manifest or a command line has them."""

from __future__ import annotations

import pytest

from vedette.problem import Problem
from vedette.proof.apiserver import ApiServer, read_flags, read_version

MANIFEST = b"""\
apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver}
spec:
  containers:
  - command:
    - kube-apiserver
    - --audit-policy-file=/etc/kubernetes/audit.yaml
    - --audit-log-path=-
    - --audit-log-truncate-enabled
"""


def test_flags_of_a_static_manifest_and_of_a_command_line() -> None:
    """With `=`, with a space, or alone."""
    wanted = {
        "audit-policy-file": "/etc/kubernetes/audit.yaml",
        "audit-log-path": "-",
        "audit-log-truncate-enabled": "true",
    }
    assert read_flags(MANIFEST, "m.yaml") == wanted
    line = (
        b"kube-apiserver --audit-policy-file=/etc/kubernetes/audit.yaml --audit-log-path - --audit-log-truncate-enabled"
    )
    assert read_flags(line, "line")["audit-policy-file"] == "/etc/kubernetes/audit.yaml"  # type: ignore[call-overload]
    assert read_flags(b"kube-apiserver --etcd-servers=x", "line") == {}


@pytest.mark.parametrize("data", [b"", b"words", b"\x00", b"kind: Pod\n", b"--audit-log-path='x", b"{a: [--b"])
def test_what_is_no_manifest_is_said_to_be_none(data: bytes) -> None:
    """Never a traceback, and never taken for a server without audit."""
    found = read_flags(data, "file")
    assert isinstance(found, tuple)
    assert all(isinstance(one, Problem) for one in found)


@pytest.mark.parametrize(
    ("text", "version"),
    [("1.34", (1, 34)), ("v1.34.4", (1, 34)), ("v1.9.0-eks-1", (1, 9)), ("1", None), ("x1.2", None), ("", None)],
)
def test_a_version_is_read(text: str, version: tuple[int, int] | None) -> None:
    """As kubectl, or a cloud, writes it."""
    assert read_version(text) == version


def test_an_event_is_cut_only_where_every_way_cuts_it() -> None:
    """A log without a limit beside a webhook with one still has all."""
    base = {"audit-policy-file": "/p", "audit-log-path": "/a"}
    assert ApiServer(base).cut_at is None
    assert ApiServer({**base, "audit-log-truncate-enabled": "true"}).cut_at == 102_400
    cut = {**base, "audit-log-truncate-enabled": "true", "audit-log-truncate-max-event-size": "5000"}
    assert ApiServer(cut).cut_at == 5000
    assert ApiServer({**cut, "audit-webhook-config-file": "/w"}).cut_at is None


def test_a_webhook_that_does_not_cut_loses_whole_batches() -> None:
    """Before 1.37, in batches, and where no log file has them as well."""
    hook = {"audit-policy-file": "/p", "audit-webhook-config-file": "/w"}
    server = ApiServer(hook, file="m.yaml")
    assert server.loses_batches is not None
    why, mend = server.loses_batches
    assert why.startswith("by m.yaml the audit webhook does not cut events")
    assert mend == "--audit-webhook-truncate-enabled=true"
    for flags, version in (
        ({}, (1, 37)),
        ({"audit-webhook-truncate-enabled": "true"}, (1, 34)),
        ({"audit-webhook-mode": "blocking"}, (1, 34)),
        ({"audit-log-path": "/a"}, (1, 34)),
    ):
        assert ApiServer({**hook, **flags}, version).loses_batches is None
    assert ApiServer(None).loses_batches is None
