"""The audit policy that is made for rules: enough for each of them, and nothing in it without a need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import pytest
from oracles import audit_policy as oracle

from tests.proof.asking import emitted, rules, rules_under
from vedette import app
from vedette import settings as settings_room
from vedette.cases import SETTINGS, pack_settings
from vedette.proof.audit_policy import AuditPolicy, Level, Request
from vedette.proof.naming import Naming
from vedette.proof.needs import BEGINNING
from vedette.proof.policy_reading import read_policy
from vedette.proof.policy_text import policy_text
from vedette.proof.synthesis import NotMade, Part, Synthesis, lesser, synthesise
from vedette.proof.verdict import State

READING = ("K2", "K3", "K4", "K5", "K6", "K7", "K8", "K9", "K10")
NO_NAMES = Naming({}, {})


def made(names: Sequence[str] = READING, rest: Level = Level.METADATA) -> Synthesis:
    """The policy for rules of the pack, under the settings of the cases."""
    pack = rules()
    return synthesise([pack[name] for name in names], list(pack.values()), rules_under(), NO_NAMES, rest)


def states(names: Sequence[str], policy: str) -> dict[str, State]:
    """What the link of the proof says of each rule."""
    return {name: emitted(name, policy).state for name in names}


@pytest.mark.parametrize("rest", [Level.METADATA, Level.NONE])
@pytest.mark.parametrize("names", [READING, *((name,) for name in READING), ("K3", "K10"), ("K4", "K5", "K7")])
def test_every_rule_that_it_is_made_for_is_ready_under_it(names: Sequence[str], rest: Level) -> None:
    """All variants, by the link that judges any policy."""
    text = policy_text(made(names, rest))
    assert states(names, text) == dict.fromkeys(names, State.READY)


def kept(policy: AuditPolicy) -> set[tuple[str, str]]:
    """(verb, resource) of the policy's rules that keep the beginning of writes."""
    return {
        (verb, resource)
        for rule in policy.rules
        if BEGINNING not in rule.omit_stages and rule.level is not Level.NONE
        for verb in rule.verbs
        for one in rule.resources
        for resource in one.resources
    }


def without(policy: AuditPolicy) -> Iterator[tuple[int, AuditPolicy]]:
    """The policy with one rule taken away, lowered, or with a stage less; what cuts noise stays."""
    for index, rule in enumerate(policy.rules):
        if rule.level is not Level.NONE:
            for other in lesser(rule):
                rest = () if other is None else (other,)
                yield index, replace(policy, rules=(*policy.rules[:index], *rest, *policy.rules[index + 1 :]))


def test_no_rule_of_it_can_be_taken_away_or_lowered() -> None:
    """Else some rule's variant goes blind, or the beginning of a write that a rule watches is lost."""
    policy = made().policy
    tried = list(without(policy))
    assert len(tried) > 20
    for index, other in tried:
        text = policy_text(replace(made(), policy=other, parts=tuple(_parts(other))))
        blind = [name for name in READING if emitted(name, text).state is State.BLIND]
        assert blind or kept(other) < kept(policy), f"rule {index} is not needed as it is: {policy.rules[index]}"


def _parts(policy: AuditPolicy) -> Iterator[Part]:
    return (Part(rule, ("K2",)) for rule in policy.rules)


def test_beginnings_of_watched_writes_are_kept_and_of_nothing_else() -> None:
    """K10 needs them; reads, and sessions that last, would be written twice for nothing."""
    policy = made().policy
    found = kept(policy)
    assert {
        ("patch", "clusterrolebindings"),
        ("create", "clusterroles"),
        ("delete", "pods"),
        ("patch", "secrets"),
    } <= found
    assert {verb for verb, _ in found} <= {"create", "update", "patch", "delete", "deletecollection"}
    exec_ = Request("eve", (), "create", True, "", "", "pods", "exec", "vault", "vault-0")
    assert BEGINNING in policy.written(exec_).omitted
    assert not kept(made(("K3", "K7")).policy)


def test_secrets_are_never_written() -> None:
    """Metadata tells K3 and K5 enough; a body would put every Secret into the log."""
    policy = made().policy
    for verb in ("create", "update", "patch", "get", "list", "watch", "delete"):
        for namespace in ("vault", "default", ""):
            request = Request("eve", (), verb, True, "", "", "secrets", "", namespace, "x")
            assert policy.written(request).level is Level.METADATA, verb
    assert not made().secrets


def test_what_nobody_asks_for_is_left_out_or_not_as_it_is_wished() -> None:
    """K3 alone needs nothing of nodes; K2 needs every request of a service account, leases too."""
    node = Request("eve", (), "get", True, "", "", "nodes", "", "", "k8s-node1")
    account = "system:serviceaccount:kube-system:coredns"
    lease = Request(
        account,
        ("system:serviceaccounts",),
        "update",
        True,
        "",
        "coordination.k8s.io",
        "leases",
        "",
        "kube-system",
        "x",
    )
    assert made(("K3",), Level.NONE).policy.written(node).level is Level.NONE
    assert made(("K3",)).policy.written(node).level is Level.METADATA
    assert made(("K3",)).policy.written(lease).level is Level.NONE
    for rest in (Level.NONE, Level.METADATA):
        assert made(("K2", "K3"), rest).policy.written(lease).level is Level.METADATA
        assert made(("K2", "K3"), rest).policy.written(node).level is Level.METADATA


def test_noise_that_a_rule_asks_for_is_not_cut() -> None:
    """Of heartbeats only those are cut that no service account and no person sent."""
    policy = made().policy
    node = Request(
        "system:node:a",
        ("system:nodes",),
        "update",
        True,
        "",
        "coordination.k8s.io",
        "leases",
        "",
        "kube-node-lease",
        "a",
    )
    assert policy.written(node).level is Level.NONE
    assert policy.written(replace(node, user="eve", groups=("system:authenticated",))).level is Level.METADATA
    secret = replace(node, group="", resource="secrets", verb="get")
    assert policy.written(secret).level is Level.METADATA


def test_names_come_from_the_settings() -> None:
    """What the settings call sensitive is in the policy, beside the names that are so by default."""
    piece = {"sensitive_namespaces": {"secrets": ["prod-vault", "sops"], "exec": ["prod-db"]}}
    site = settings_room.load_case(SETTINGS, piece, today=date(2026, 11, 25))
    pack = {rule.name: rule for rule in app.load_rules(site).rules}
    naming = Naming(pack_settings().site_texts(), site.site_texts())
    found = synthesise([pack["K3"], pack["K4"]], [], rules_under(), naming, Level.NONE)
    texts = site.site_texts()
    namespaces = [set(part.rule.namespaces) for part in found.parts]
    assert {"", *texts["secrets_namespaces"]} in namespaces
    assert namespaces.count(set(texts["exec_namespaces"])) >= 2
    assert {"prod-vault", "sops"} < {*texts["secrets_namespaces"]}


def test_rules_that_read_no_audit_log_are_named() -> None:
    """They are left out with the reason; of such alone no policy is made."""
    assert ("V4", "not from the Kubernetes audit log") in made(("K3", "V4")).left_out
    with pytest.raises(NotMade, match="none of these rules reads"):
        made(("V4", "S1"))


def test_kube_apiservers_own_evaluator_reads_it_as_it_is_meant() -> None:
    """Each witness and many another request, the same level and stages."""
    binary = oracle.program()
    if binary is None:
        pytest.skip(f"no {oracle.NAME} (make lab builds it)")
    text = policy_text(made())
    policy = read_policy(text, "policy.yaml")
    asked = [
        Request(user, groups, verb, True, "", group, resource, sub, namespace, name)
        for user, groups in (("eve", ()), ("system:node:a", ("system:nodes",)), ("system:apiserver", ()))
        for verb in ("get", "list", "create", "update", "patch", "delete", "deletecollection")
        for group, resource, sub in (
            ("", "secrets", ""),
            ("", "pods", ""),
            ("", "pods", "exec"),
            ("", "configmaps", ""),
            ("", "events", ""),
            ("rbac.authorization.k8s.io", "clusterroles", ""),
            ("rbac.authorization.k8s.io", "rolebindings", ""),
            ("coordination.k8s.io", "leases", ""),
        )
        for namespace in ("vault", "kube-system", "")
        for name in ("kubeadm-config", "")
    ]
    questions = [
        {
            "user": one.user,
            "groups": list(one.groups),
            "verb": one.verb,
            "namespace": one.namespace,
            "group": one.group,
            "resource": one.resource,
            "subresource": one.subresource,
            "name": one.name,
            "path": one.path,
            "resourceRequest": True,
            "nobody": False,
        }
        for one in asked
    ]
    (answer,) = oracle.answers(binary, [(text, questions)])
    theirs = [(one["level"], set(one["omitStages"])) for one in answer["verdicts"]]
    assert theirs == [(str(ours.level), set(ours.omitted)) for ours in map(policy.written, asked)]


def test_what_is_printed_is_what_was_judged() -> None:
    """A policy that would read back as another, or not at all, is not printed."""
    whole = made(("K3",), Level.NONE)
    text = policy_text(whole)
    assert read_policy(text, "policy.yaml").rules == whole.policy.rules
    with pytest.raises(NotMade, match="reads back as another"):
        policy_text(replace(whole, policy=made(("K4",), Level.NONE).policy))
