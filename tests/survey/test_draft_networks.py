"""Networks: who comes from where, and what is proposed for it."""

from __future__ import annotations

from typing import Any

from .records import checked, kube, login, vault

ACCOUNT = "system:serviceaccount:web:app"


def proposals(text: str) -> list[str]:
    """The proposed lists."""
    section = text.partition("networks:\n")[2].partition("\n\n")[0]
    return [line.strip() for line in section.splitlines() if line.startswith("  #") and line[3] != " "]


def test_each_kind_of_identity_has_a_list() -> None:
    """Kubelets, service accounts, people, a tailnet and public addresses are told apart."""
    events = [
        kube("system:node:n1", "get", "a/pods/b", sourceIPs=["10.0.40.11"]),
        kube("system:kube-scheduler", "watch", "/pods", sourceIPs=["10.0.40.10"]),
        kube(ACCOUNT, "get", "a/pods/b", sourceIPs=["10.10.3.4"]),
        kube(ACCOUNT, "get", "a/pods/b", sourceIPs=["10.10.3.9"]),
        kube("me", "get", "a/pods/b", sourceIPs=["192.168.1.5"]),
        kube("me", "get", "a/pods/b", sourceIPs=["100.64.1.2"]),
        kube("me", "get", "a/pods/b", sourceIPs=["203.0.113.7"]),
        kube("me", "get", "a/pods/b", sourceIPs=["2001:db8::7"]),
    ]
    assert proposals(checked(events)) == [
        "#nodes: [10.0.40.10/32, 10.0.40.11/32]",
        "#pods: [10.10.3.0/24]",
        "#tailnet: [100.64.1.2/32]",
        "#lan: [192.168.1.0/24]",
        '#remote: [203.0.113.7/32, "2001:db8::7/128"]',
    ]


def test_evidence_stands_above_a_proposal() -> None:
    """Each address is named with the number of requests and the names that came from it."""
    events = [kube("system:node:n1", "get", "a/pods/b", sourceIPs=["10.0.40.11"]) for _ in range(3)]
    lines = checked(events).splitlines()
    at = lines.index("  #nodes: [10.0.40.11/32]")
    assert lines[at - 2 : at] == [
        "  # Kubelets and the control plane; a node that comes later is outside until it is named: 1 address.",
        "  #   10.0.40.11: 3 requests: system:node:n1",
    ]


def test_a_service_account_from_outside_is_pointed_out_not_proposed() -> None:
    """A public address that a service account used may be a stolen token's; nobody's use of it makes it one's own."""
    stranger: dict[str, Any] = {"sourceIPs": ["203.0.113.66"]}
    text = checked([kube(ACCOUNT, "get", "a/pods/b", **stranger), kube("dev", "get", "a/pods/b", **stranger)])
    assert proposals(text) == []
    assert "# LOOK at these: service accounts (K2), and whoever else came from there, from public addresses." in text
    assert f"#   203.0.113.66: 2 requests: {ACCOUNT}, dev" in text


def test_the_peer_counts_not_what_the_client_claims() -> None:
    """X-Forwarded-For in front of the peer's address is no evidence of where somebody is."""
    text = checked([kube("me", "get", "a/pods/b", sourceIPs=["10.9.9.9", "10.0.20.10"])])
    assert proposals(text) == ["#lan: [10.0.20.0/24]"]


def test_refused_requests_are_no_evidence() -> None:
    """Who was refused knocked; it does not belong here for that."""
    text = checked([kube("eve", "get", "a/pods/b", code=403, sourceIPs=["192.168.7.7"])])
    assert proposals(text) == []


def test_nameless_requests_are_counted_only() -> None:
    """Health checks without a name are mentioned, never proposed."""
    events = [
        kube("system:anonymous", "get", sourceIPs=["10.0.40.12"]),
        kube("", "get", code=401, sourceIPs=["10.1.1.1"]),
    ]
    text = checked(events)
    assert proposals(text) == []
    assert "# Without a name: 2 requests from 10.0.40.12, 10.1.1.1" in text


def test_logins_over_ssh_and_to_vault_are_people() -> None:
    """An accepted key and a userpass login are evidence of people; failed logins and Vault's programs are not."""
    events = [
        login("me", "192.168.1.5"),
        login("eve", "203.0.113.9", event="failed"),
        vault("userpass-me", "read", "secret/data/x", address="192.168.2.5"),
        vault("approle", "read", "secret/data/x", address="192.168.3.5"),
    ]
    assert proposals(checked(events)) == ["#lan: [192.168.1.0/24, 192.168.2.0/24]"]


def test_a_login_by_kubernetes_shows_a_pod() -> None:
    """Vault's kubernetes logins come from pods."""
    assert proposals(checked([vault("kubernetes-web-app", "read", "secret/data/x", address="10.10.5.5")])) == [
        "#pods: [10.10.5.0/24]"
    ]


def test_pods_that_were_not_seen_are_asked_for() -> None:
    """A log without a pod's address asks for their network; one with, or without Kubernetes, does not."""
    asked = "# Pods: none was seen at an address of its own."
    assert asked in checked([kube("system:node:n1", "get", "a/pods/b", sourceIPs=["10.0.40.11"])])
    assert asked not in checked([kube(ACCOUNT, "get", "a/pods/b", sourceIPs=["10.10.3.4"])])
    assert asked not in checked([login("me", "192.168.1.5")])


def test_a_login_by_password_says_so() -> None:
    """A key is what one expects; any other method stands beside the user."""
    text = checked([login("me", "203.0.113.7"), login("root", "203.0.113.7", method="password")])
    assert "#   203.0.113.7: 2 requests: ssh me, ssh root by password" in text


def test_a_cloud_s_own_programs_are_no_people() -> None:
    """What EKS and AKS call their own parts comes with the control plane, and never as the owner."""
    events = [
        kube("eks:addon-manager", "get", "a/pods/b", sourceIPs=["198.51.100.4"]),
        kube("aksService", "get", "a/pods/b", sourceIPs=["172.31.9.219"]),
    ]
    text = checked(events)
    assert proposals(text) == ["#nodes: [172.31.9.219/32]"]
    assert "LOOK at these: kubelets or the control plane from public addresses. Not proposed." in text
    assert "#owner" not in text


def test_an_address_that_is_none_is_counted() -> None:
    """A malformed address is no evidence, and the head says how many there were."""
    text = checked([kube("me", "get", "a/pods/b", sourceIPs=["12.000.22.33"])])
    assert proposals(text) == []
    assert "# 1 request had no readable address" in text


def test_too_many_networks_are_not_proposed_one_by_one() -> None:
    """People from hundreds of networks give no list, but a word."""
    events = [kube("me", "get", "a/pods/b", sourceIPs=[f"10.{n}.0.1"]) for n in range(100)]
    text = checked(events)
    assert proposals(text) == []
    assert "# 100 networks are too many to propose one by one." in text


def test_one_address_for_everybody_at_vault_is_pointed_out() -> None:
    """Behind a proxy V7 is blind, and the draft says so."""
    events = [vault(f"userpass-{name}", "read", "secret/data/x", address="172.18.0.1") for name in ("me", "you")]
    assert "LOOK: Vault saw every caller at 172.18.0.1." in checked(events)
    events.append(vault("userpass-me", "read", "secret/data/x", address="10.0.20.10"))
    assert "LOOK: Vault" not in checked(events)
