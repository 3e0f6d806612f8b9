"""Where a token came from and where it was shown: service accounts' tokens, Vault's, keys of sshd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.response.stories import kube, sshd, vault
from tests.response.test_context import DAY, HERE, alert_on, around, event_of, keep
from vedette.response.context import Context
from vedette.response.evidence import of_evidence

CI = "system:serviceaccount:web:ci"
JTI = "JTI=4f57ae5a-2d12-42c7-b501-e2bdd024491c"
KEY = "ED25519 SHA256:Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE"


def extra(token: str, pod: str = "", node: str = "") -> dict[str, list[str]]:
    """What the API server says of a token that was shown."""
    said = {"credential-id": token, "pod-name": pod, "node-name": node}
    return {f"authentication.kubernetes.io/{key}": [value] for key, value in said.items() if value}


def shows(actor: str, what: str, at: float, token: str = JTI, **more: Any) -> bytes:
    """A get with a token."""
    pod, node = more.pop("pod", ""), more.pop("node", "")
    return kube(actor, "get", what, at, user={"username": actor, "extra": extra(token, pod, node)}, **more)


def issued(at: float, token: str = JTI, **more: Any) -> bytes:
    """A kubelet asks for a token of the account."""
    notes = {"authentication.kubernetes.io/issued-credential-id": token}
    body = {"spec": {"boundObjectRef": {"kind": "Pod", "name": "ci-7d4"}}}
    asked = {"subresource": "token", "address": "10.0.40.12", "annotations": notes, "requestObject": body}
    return kube("system:node:worker-2", "create", "web/serviceaccounts/ci", at, **{**asked, **more})


def vault_entry(path: str, at: float, accessor: str, **more: Any) -> bytes:
    """A Vault response entry by the token with this accessor; `made`: the accessor of the one that it makes."""
    record = json.loads(vault(path, at, entity=more.get("entity", ""), name=more.get("name", "token"), address=HERE))
    record["request"]["id"] = f"0f0f0f0f-0000-4000-8000-{int(at) + 10**9:012d}"
    record["auth"]["accessor"] = accessor
    if not accessor:
        del record["auth"]
    if made := more.get("made"):
        record["response"]["auth"] = {"accessor": made, "policies": ["x"], "metadata": more.get("labels", {})}
    if wrapped := more.get("wrapped"):
        record["response"] = {"wrap_info": {"wrapped_accessor": wrapped, "accessor": "hmac-sha256:wrapper"}}
    if "remote" in more:
        record["request"]["remote_address"] = more["remote"]
    record["request"]["data"] = more.get("data", {})
    return json.dumps(record).encode() + b"\n"


def said(context: Context) -> list[str]:
    """What each step says."""
    return [step.says for step in context.lineage]


def test_a_tokens_request_is_found_however_long_ago(tmp_path: Path) -> None:
    """Who asked for it, for which account and pod, from where; one act is one step."""
    act = shows(CI, "vault/secrets/db", 0)
    keep(
        tmp_path,
        [issued(-20 * DAY, stage="RequestReceived"), issued(-20 * DAY), issued(-20 * DAY, "JTI=other")],
        at=-20 * DAY,
    )
    keep(tmp_path, [act])
    steps = around(tmp_path, act).lineage
    assert [(one.actor, one.address) for one in steps] == [("system:node:worker-2", "10.0.40.12"), (CI, HERE)]
    assert steps[0].says == (
        f"token {JTI} was made for web/ci, bound to Pod ci-7d4; by system:node:worker-2 from 10.0.40.12"
    )


def test_a_token_that_was_refused_was_not_made(tmp_path: Path) -> None:
    """A refused TokenRequest makes nothing."""
    act = shows(CI, "vault/secrets/db", 0)
    keep(tmp_path, [issued(-9, responseStatus={"code": 403}), act])
    assert not any("was made" in says for says in said(around(tmp_path, act)))


def test_the_same_token_from_elsewhere_is_told_apart(tmp_path: Path) -> None:
    """In the window as rows of their own, and each first place, whenever it was, as a step."""
    act = shows(CI, "vault/secrets/db", 0)
    keep(tmp_path, [shows(CI, "web/pods/a", -2 * DAY, address="198.51.100.7") for _ in range(3)], at=-2 * DAY)
    keep(tmp_path, [act, shows(CI, "web/pods/b", 9, address="203.0.113.9"), shows(CI, "web/pods/c", 10)])
    context = around(tmp_path, act)
    assert [(row.address, row.count) for row in context.by_token] == [("203.0.113.9", 1)]
    assert [row.count for row in context.by_actor] == [1, 1]
    assert [step.address for step in context.lineage] == ["198.51.100.7", HERE, "203.0.113.9"]


def test_the_pod_that_a_token_is_bound_to(tmp_path: Path) -> None:
    """Pod and node by the record itself; by whom the pod was created and put on a node, where its name is in the log."""
    act = shows(CI, "vault/secrets/db", 0, pod="ci-7d4", node="worker-2")
    keep(
        tmp_path,
        [
            kube("dev", "create", "web/pods/ci-7d4", -3 * DAY),
            kube("dev", "create", "other/pods/ci-7d4", -3 * DAY),
            kube("dev", "get", "web/pods/ci-7d4", -3 * DAY),
            kube("system:kube-scheduler", "create", "web/pods/ci-7d4", -3 * DAY + 1, subresource="binding"),
        ],
        at=-3 * DAY,
    )
    keep(tmp_path, [act])
    assert said(around(tmp_path, act)) == [
        "the token is bound to pod web/ci-7d4 on node worker-2",
        f"pod web/ci-7d4 was created by dev; by dev from {HERE}",
        f"pod web/ci-7d4 was put on a node; by system:kube-scheduler from {HERE}",
        f"token {JTI} was shown by {CI} from {HERE}, first of what is kept",
    ]


def test_a_vault_token_is_followed_to_the_login_that_began_it(tmp_path: Path) -> None:
    """The token was made by another, that one by a login; each of them is found, weeks ago too."""
    act = vault_entry("sys/policies/acl/x", 0, "hmac-sha256:ccc")
    login = vault_entry(
        "auth/kubernetes/login", -9 * DAY, "", made="hmac-sha256:aaa", labels={"role": "ci"}, entity="", name="ci"
    )
    keep(tmp_path, [login], at=-9 * DAY)
    keep(tmp_path, [vault_entry("auth/token/create", -8 * DAY, "hmac-sha256:aaa", made="hmac-sha256:bbb")], at=-8 * DAY)
    keep(tmp_path, [vault_entry("auth/token/create/wide", -60, "hmac-sha256:bbb", made="hmac-sha256:ccc"), act])
    found = [says for says in said(around(tmp_path, act)) if "was made" in says]
    assert [says.partition(",")[0] for says in found] == [
        "token hmac-sha256:aaa was made by update auth/kubernetes/login",
        "token hmac-sha256:bbb was made by update auth/token/create",
        "token hmac-sha256:ccc was made by update auth/token/create/wide",
    ]
    assert "role ci" in found[0]
    assert "with token hmac-sha256:aaa" in found[1]


def test_a_wrapped_token_is_made_and_unwrapped(tmp_path: Path) -> None:
    """Both are steps, and so is what was done to it by its accessor."""
    act = vault_entry("sys/policies/acl/x", 0, "hmac-sha256:ccc")
    revoked = vault_entry("auth/token/revoke-accessor", 60, "hmac-sha256:root", data={"accessor": "hmac-sha256:ccc"})
    keep(
        tmp_path,
        [
            vault_entry("auth/token/create", -90, "hmac-sha256:aaa", wrapped="hmac-sha256:ccc"),
            vault_entry("sys/wrapping/unwrap", -60, "hmac-sha256:w", made="hmac-sha256:ccc", remote="10.9.9.9"),
            act,
            revoked,
        ],
    )
    found = said(around(tmp_path, act))
    assert any("was made by update auth/token/create, its answer wrapped" in says for says in found)
    assert any("was unwrapped by update sys/wrapping/unwrap" in says and "10.9.9.9" in says for says in found)
    assert any("was named to update auth/token/revoke-accessor" in says for says in found)


def test_the_token_that_an_act_made_is_the_alerts_as_well(tmp_path: Path) -> None:
    """Of an alert on a token that came to exist, what is done with that token is its token's doing."""
    act = vault_entry("auth/token/create-orphan", 0, "hmac-sha256:aaa", made="hmac-sha256:bbb", name="bob")
    later = vault_entry("secret/data/x", 30, "hmac-sha256:bbb", name="token", remote="203.0.113.9")
    keep(tmp_path, [act, later])
    context = around(tmp_path, act)
    assert [(row.actor, row.address) for row in context.by_token] == [("token", "203.0.113.9")]


def test_a_key_of_sshd_is_followed(tmp_path: Path) -> None:
    """Its earlier logins, as whom and from where."""

    def by(user: str, address: str, at: float) -> bytes:
        return sshd(user, address, at).rstrip(b"\n") + f": {KEY}\n".encode()

    act = by("me", "203.0.113.9", 0)
    keep(tmp_path, [by("me", "10.0.20.5", -6 * DAY), by("root", "10.0.20.5", -5 * DAY)], source="ssh", at=-5 * DAY)
    keep(tmp_path, [act], source="ssh")
    steps = around(tmp_path, act).lineage
    assert [(one.actor, one.address) for one in steps] == [
        ("me", "10.0.20.5"),
        ("root", "10.0.20.5"),
        ("me", "203.0.113.9"),
    ]
    assert "at bastion" in steps[0].says


def test_a_busy_token_is_not_read_again_and_again(tmp_path: Path) -> None:
    """Places are few however often it was shown; the earliest of them stays."""
    act = shows(CI, "vault/secrets/db", 0)
    keep(tmp_path, [shows(CI, f"web/pods/p{number}", -2 * DAY + number) for number in range(500)], at=-2 * DAY)
    keep(tmp_path, [act])
    context = of_evidence(tmp_path, alert_on(act))
    assert len(context.lineage) == 1
    assert context.lineage[0].time == event_of(shows(CI, "a", -2 * DAY)).time
    assert context.habit is not None
    assert context.habit.acts == 500
