"""`vedette render`: the files are whole, and say nothing but what is needed."""

from __future__ import annotations

import re

import pytest
import yaml

from vedette.cli import main


def test_the_rights_of_the_kube_observer(capsys: pytest.CaptureFixture[str]) -> None:
    """An account, a role with two rules that only read, and their binding."""
    assert main(["render", "rights", "kube", "--name", "watcher", "--namespace", "security"]) == 0
    account, role, binding = yaml.safe_load_all(capsys.readouterr().out)
    assert account["metadata"] == {"name": "watcher", "namespace": "security"}
    assert account["automountServiceAccountToken"] is False
    assert role["rules"] == [
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["clusterroles", "clusterrolebindings", "rolebindings"],
            "verbs": ["list"],
        },
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"] == "watcher-observer"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "watcher", "namespace": "security"}]


def test_the_rights_of_the_vault_observer(capsys: pytest.CaptureFixture[str]) -> None:
    """Four paths; sudo only where Vault asks for it."""
    assert main(["render", "rights", "vault"]) == 0
    found = re.findall(r'^path "(.+)" \{\n  capabilities = \[(.+)\]\n\}$', capsys.readouterr().out, re.MULTILINE)
    assert found == [
        ("sys/config/state/sanitized", '"read"'),
        ("sys/audit", '"read", "sudo"'),
        ("sys/policies/acl", '"list"'),
        ("sys/policies/acl/*", '"read"'),
    ]


def test_the_rights_of_the_tracers(capsys: pytest.CaptureFixture[str]) -> None:
    """One ConfigMap, which is in the manifest, and one path of Vault."""
    assert main(["render", "rights", "kube-tracer", "--name", "watcher", "--namespace", "security"]) == 0
    account, read, role, binding = yaml.safe_load_all(capsys.readouterr().out)
    assert account["metadata"] == {"name": "watcher", "namespace": "security"}
    assert read["metadata"] == {"name": "vedette-tracer", "namespace": "security"}
    (rule,) = role["rules"]
    assert rule == {
        "apiGroups": [""],
        "resources": ["configmaps"],
        "resourceNames": ["vedette-tracer"],
        "verbs": ["get"],
    }
    assert binding["roleRef"]["name"] == role["metadata"]["name"] == "watcher-tracer"
    assert {one["metadata"]["namespace"] for one in (role, binding)} == {"security"}
    assert main(["render", "rights", "vault-tracer"]) == 0
    found = re.findall(r'^path "(.+)" \{\n  capabilities = \[(.+)\]\n\}$', capsys.readouterr().out, re.MULTILINE)
    assert found == [("sys/policies/acl/vedette-tracer-*", '"read"')]


@pytest.mark.parametrize("name", ["", "Vedette", "a b", "a\nrules: x", "-a", "a-", "x" * 64, "a{b}", "ä", "\x1b[2J"])
@pytest.mark.parametrize("option", ["--name", "--namespace"])
def test_a_name_that_kubernetes_refuses_is_refused(option: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is printed to be applied, and what was wrong is said without its escapes."""
    assert main(["render", "rights", "kube", f"{option}={name}"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("small letters, digits and dashes are needed, 63 at most\n")
    assert "\x1b" not in err


def test_something_must_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """What there is, is listed."""
    with pytest.raises(SystemExit, match="2"):
        main(["render", "rights"])
    assert "kube,vault,kube-tracer,vault-tracer" in capsys.readouterr().err
