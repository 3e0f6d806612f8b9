"""Details: what a record says in so many words, and nothing that it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vedette import app
from vedette.cases import pack_settings
from vedette.event import Event
from vedette.response.details import details, details_of
from vedette.runbook import DETAILS
from vedette.scan import Plan, Scanner

WEB = "system:serviceaccount:web:ci"
_HASH = "hmac-sha256:5796b920f61cef9453a612c8e2e9dcfb2ac3d7a3d1b1bb0ed7cdd65af5c5d0aa"


def events(*records: Any) -> list[Event]:
    """The events of some records, texts as lines, others as JSON."""
    data = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in records).encode()
    return list(Scanner(Plan((), app.trusted_proxies(pack_settings()))).events_in([data]))


def kube(**more: Any) -> dict[str, Any]:
    """A read of a Secret."""
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "6d7b1c8e-0f0a-4c62-9d5e-0d8f6c1b2a31",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/vault/secrets/keys",
        "verb": "get",
        "user": {"username": WEB},
        "sourceIPs": ["10.0.20.7"],
        "objectRef": {"resource": "secrets", "namespace": "vault", "name": "keys", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": "2026-01-02T03:04:05.000000Z",
        "stageTimestamp": "2026-01-02T03:04:05.004000Z",
        **more,
    }


def vault(path: str, operation: str = "update", **more: Any) -> dict[str, Any]:
    """A response entry."""
    request = {"id": "b1d2c3e4-1111-2222-3333-444455556666", "operation": operation, "path": path}
    return {
        "time": "2026-01-02T03:04:05.678Z",
        "type": "response",
        "auth": {"display_name": "eve", "accessor": "hmac-sha256:aa", "entity_id": "e-1"},
        "request": {**request, "remote_address": "10.0.20.7"},
        **more,
    }


def reason(text: str) -> dict[str, Any]:
    """An event that this allowed."""
    return kube(annotations={"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": text})


@pytest.mark.parametrize(
    ("text", "binding", "role"),
    [
        ('ClusterRoleBinding "a:b" of ClusterRole "c" to User "eve"', "a:b", "c"),
        ('RoleBinding "a/vault" of ClusterRole "c" to ServiceAccount "ci/web"', "vault:a", "c"),
        ('RoleBinding "a/vault" of Role "c:d" to Group "system:authenticated"', "vault:a", "c:d"),
        (r'ClusterRoleBinding "a" of ClusterRole "c" to User "e\"v e"', "a", "c"),
        ("ClusterRoleBinding a of ClusterRole c to User eve", None, None),
        ('RoleBinding "a" of Role "c" to User "eve"', None, None),
        ('ClusterRoleBinding "a/b" of ClusterRole "c" to User "eve"', None, None),
        ('ClusterRoleBinding "a" of ClusterRole "c" to User "eve" and more', None, None),
        ('ClusterRoleBinding "a" of ClusterRole "c"', None, None),
        ("", None, None),
    ],
)
def test_the_binding_is_read_strictly(text: str, binding: str | None, role: str | None) -> None:
    """Both forms as the authorizer writes them; what is written another way is no answer."""
    said = details(events(reason(f"RBAC: allowed by {text}"))[0])
    narrow = f"{said['namespace']}:{said['role_binding']}" if "role_binding" in said else None
    assert (said.get("binding") or narrow, said.get("role")) == (binding, role)
    assert ("role_binding" in said) == bool(narrow)


def test_kubernetes_says_object_account_and_token() -> None:
    """The token's pod and node from user.extra, where each has one value."""
    extra = "authentication.kubernetes.io/"
    token = {"pod-name": ["ci-7f9c"], "pod-uid": ["u-1"], "node-name": ["node-1"], "credential-id": ["JTI=x"]}
    [event] = events(kube(user={"username": WEB, "extra": {f"{extra}{key}": said for key, said in token.items()}}))
    assert details(event) == {
        "namespace": "vault",
        "name": "keys",
        "account": "web/ci",
        "pod": "ci-7f9c",
        "pod_uid": "u-1",
        "node": "node-1",
        "credential": "JTI=x",
    }
    odd = {f"{extra}pod-name": ["a", "b"], f"{extra}node-name": "node-1", f"{extra}credential-id": [7]}
    [event] = events(kube(user={"username": "eve", "extra": odd}, objectRef={"resource": "nodes", "name": "n"}))
    assert details(event) == {"name": "n"}


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (vault("sys/policies/acl/app"), {"policy": "app"}),
        (vault("sys/policy/app", "delete"), {"policy": "app"}),
        (vault("sys/audit/file/two/"), {"device": "file/two"}),
        (vault("auth/team/k8s/role/web"), {"mount": "team/k8s", "role": "web"}),
        (vault("auth/userpass/users/eve"), {"mount": "userpass"}),
        (vault("auth/token/roles/ci"), {"mount": "token", "role": "ci"}),
        (vault("auth/token/create/ci"), {"mount": "token", "role": "ci"}),
        (
            vault("auth/token/create", response={"auth": {"accessor": _HASH, "policies": ["root"]}}),
            {"made_accessor": _HASH, "mount": "token"},
        ),
        (
            vault("auth/token/create", response={"wrap_info": {"accessor": "hmac-sha256:cc", "wrapped_accessor": _HASH}}),
            {"made_accessor": _HASH, "mount": "token"},
        ),
        (vault("secret/data/a", "read", auth={"accessor": "hmac-sha256:aa", "entity_id": "e-1",
            "metadata": {"role": "web"}}), {"role": "web"}),
        (vault("secret/data/a", "read", auth={"accessor": "hmac-sha256:aa", "entity_id": "e-1",
            "metadata": {"role_name": "hmac-sha256:ff"}}), {}),
    ],
)  # fmt: skip
def test_vault_says_tokens_mounts_and_roles(record: dict[str, Any], said: dict[str, str]) -> None:
    """Accessors as the log has them; of a path the part that an action takes; an HMAC is no role's name."""
    if record["request"]["path"].startswith("auth/token/"):
        record["request"]["mount_point"] = "auth/token/"
    if record["request"]["path"].startswith("auth/userpass/"):
        record["request"]["mount_point"] = "auth/userpass/"
    [event] = events(record)
    assert details(event) == {"accessor": "hmac-sha256:aa", "entity": "e-1", **said}


def test_a_login_has_the_entity_that_it_became() -> None:
    """Before it nobody is the caller."""
    made = {"accessor": _HASH, "entity_id": "e-2", "metadata": {"role": "web"}}
    record = vault("auth/kubernetes/login", auth={}, response={"auth": made})
    [event] = events(record)
    assert details(event) == {"made_accessor": _HASH, "entity": "e-2", "role": "web", "mount": "kubernetes"}


def test_sshd_says_user_host_and_fingerprint() -> None:
    """Of a certificate the fingerprint too; a password has none."""
    head = "2026-01-02T03:04:05.678901+00:00 shop sshd[4242]: Accepted"
    key = "SHA256:bWxz3F8b0cJxk1vQm2l6p9d7s5a4f3g2h1j0k9l8z7y"
    by_key, by_password, by_certificate = events(
        f"{head} publickey for alice from 203.0.113.9 port 50022 ssh2: ED25519 {key}",
        f"{head} password for bob from 203.0.113.9 port 50022 ssh2",
        f"{head} publickey for root from 203.0.113.9 port 50022 ssh2: ED25519-CERT {key} ID me (serial 0) CA ED25519 {key}",
    )
    assert details(by_key) == {"user": "alice", "host": "shop", "key": key}
    assert details(by_password) == {"user": "bob", "host": "shop"}
    assert details(by_certificate) == {"user": "root", "host": "shop", "key": key}


def test_what_vedette_saw_itself_names_object_or_host() -> None:
    """An object of RBAC, with its namespace; the host of a file. Of other looks nothing is claimed."""
    time = "2026-11-23T06:38:49.629535Z"
    binding = {"kind": "RoleBinding", "metadata": {"name": "open", "namespace": "demo"}}
    seen = {"kind": "RoleBinding", "name": "open", "object": binding}
    [rbac, file, seal] = events(
        {"observation": "rbac_object", "time": time, "subject": "RoleBinding/demo/open", "value": seen},
        {"observation": "file_hash", "time": time, "subject": "node-1:/etc/audit.yaml", "value": {"sha256": "1b"}},
        {"observation": "seal_status", "time": time, "subject": "vault-0", "value": {"sealed": True}},
    )
    assert details(rbac) == {"name": "open", "namespace": "demo"}
    assert details(file) == {"host": "node-1"}
    assert details(seal) == {}


def test_the_final_record_of_an_act_has_the_last_word() -> None:
    """A request and its response together say what each of them says."""
    early = kube(stage="RequestReceived", objectRef={"resource": "secrets", "namespace": "vault"})
    del early["responseStatus"]
    assert details_of(events(kube(), early))["name"] == "keys"
    assert details_of([]) == {}


def test_other_peoples_logs_have_no_other_names(shared: Path) -> None:
    """Whatever a log holds, details have the names that a runbook may ask for; RBAC's reasons are understood."""
    names: set[str] = set()
    unread = 0
    scanner = Scanner(Plan(()))
    for file in sorted((shared / "data").glob("*/*")):
        if not file.is_file() or file.stat().st_size > 4 << 20 or file.suffix in (".gz", ".zst"):
            continue
        for event in scanner.events_in([file.read_bytes()]):
            said = details(event)
            assert all(said.values())
            names |= said.keys()
            annotations = event.fields.get("annotations")
            text = annotations.get("authorization.k8s.io/reason", "") if isinstance(annotations, dict) else ""
            unread += str(text).startswith("RBAC: allowed by") and '"' in str(text) and "role" not in said
    assert names <= set(DETAILS)
    assert {"binding", "role_binding", "account", "pod", "accessor", "made_accessor", "user", "host"} <= names
    assert unread == 0
