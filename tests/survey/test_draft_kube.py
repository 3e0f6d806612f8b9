"""The owner, namespaces, automation, proxies and flags of a draft."""

from __future__ import annotations

from typing import Any

import pytest

from vedette.settings.written import Automation

from .records import accepted, checked, kube, loaded, vault

TRAEFIK = "system:serviceaccount:traefik:traefik"
KUBECTL: dict[str, Any] = {"userAgent": "kubectl/v1.34.1 (linux/amd64)"}


def automation(text: str) -> list[Automation]:
    """What a draft's proposals would excuse besides the built-in."""
    return [entry for entry in loaded(accepted(text)).automation if "vedette init" in entry.reason]


def test_an_informer_is_proposed_for_all_secrets_and_two_verbs_only() -> None:
    """Who lists all Secrets is proposed for cluster-wide list and watch, whatever else it did."""
    events = [kube(TRAEFIK, verb, "/secrets") for verb in ("list", "watch", "watch", "deletecollection")]
    text = checked(events)
    assert f"#   {TRAEFIK}: 4 times everywhere (watch, deletecollection, list)" in text
    (entry,) = (entry for entry in automation(text) if entry.rule == ("K3",))
    assert (entry.actor, entry.verbs, entry.scope) == ((TRAEFIK,), ("list", "watch"), "cluster")
    assert entry.reason == "seen 4 times by vedette init; say why"


def test_a_reader_of_one_sensitive_namespace_is_proposed_for_that_one() -> None:
    """A service account that reads in vault is proposed for vault and the verbs seen."""
    (entry,) = automation(checked([kube(TRAEFIK, "get", "vault/secrets/tls") for _ in range(3)]))
    assert (entry.verbs, entry.scope) == (("get",), ("vault",))


@pytest.mark.parametrize(
    ("user", "verb", "where"),
    [
        ("system:node:n1", "get", "vault/secrets/tls"),
        ("system:kube-controller-manager", "list", "/secrets"),
        ("system:serviceaccount:kube-system:namespace-controller", "deletecollection", "vault/secrets"),
        ("system:serviceaccount:external-secrets:external-secrets", "list", "/secrets"),
        (TRAEFIK, "get", "traefik/secrets/tls"),
        (TRAEFIK, "create", "vault/secrets"),
        (TRAEFIK, "get", "vault/configmaps/x"),
    ],
)
def test_what_k3_passes_over_anyway_is_not_proposed(user: str, verb: str, where: str) -> None:
    """Built-in automation, the sensitive namespaces' own accounts, other namespaces and other verbs need no entry."""
    text = checked([kube(user, verb, where)])
    assert "K3:" not in text
    assert automation(text) == []


def test_people_are_shown_but_never_proposed() -> None:
    """A person who reads Secrets, deletes and opens shells is evidence for a person to judge."""
    events = [
        kube("dev@example.org", "get", "vault/secrets/tls"),
        kube("dev@example.org", "get", "vault/pods/v-0/exec", code=101),
        kube("dev@example.org", "delete", "/namespaces/web"),
    ]
    text = checked(events)
    assert "#   dev@example.org: 1 time in vault (get)" in text
    assert "#   dev@example.org: 1 time in vault (exec)" in text
    assert "#   dev@example.org: 1 delete (namespaces); 1 collection or namespace" in text
    assert automation(text) == []


def test_a_failed_read_is_no_read() -> None:
    """A 404 and a 403 disclosed nothing."""
    events = [kube(TRAEFIK, "get", "vault/secrets/x", code=code) for code in (403, 404)]
    assert "K3:" not in checked(events)


def test_shells_are_proposed_by_namespace() -> None:
    """An operator that execs into the database is proposed for that namespace, under K4 alone."""
    operator = "system:serviceaccount:cnpg-system:cnpg-manager"
    (entry,) = automation(checked([kube(operator, "create", "dbaas/pods/pg-0/exec", code=101) for _ in range(3)]))
    assert (entry.actor, entry.rule, entry.verbs, entry.scope) == ((operator,), ("K4",), (), ("dbaas",))


def test_many_deletes_within_a_minute_are_found_at_any_second() -> None:
    """Six different things in sixty seconds are found across a minute's end; the same thing six times is one."""
    events = [kube(TRAEFIK, "delete", f"web/pods/p-{n}", second=35 + 10 * n) for n in range(6)]
    text = checked(events)
    assert f"#   {TRAEFIK}: 6 deletes (pods), up to 6 in a minute" in text
    same = [kube(TRAEFIK, "delete", "web/pods/p", second=n) for n in range(9)]
    slow = [kube(TRAEFIK, "delete", f"web/pods/p-{n}", second=13 * n) for n in range(9)]
    assert "K5:" not in checked(same)
    assert "K5:" not in checked(slow)


def test_who_deletes_much_in_several_hours_is_proposed_with_verbs_and_places() -> None:
    """One storm of deletes may be the attack; three hours with one are somebody's work, in these namespaces."""
    storm = [kube(TRAEFIK, "delete", f"web/pods/p-{n}") for n in range(20)]
    text = checked(storm)
    assert f"#   {TRAEFIK}: 20 deletes (pods), up to 20 in a minute, in web" in text
    assert automation(text) == []
    hours = [kube(TRAEFIK, "delete", f"web/pods/p-{n}", second=3600 * hour) for hour in (0, 1, 2) for n in range(6)]
    (entry,) = automation(checked([*hours, kube(TRAEFIK, "deletecollection", "tmp/configmaps")]))
    assert (entry.actor, entry.rule) == ((TRAEFIK,), ("K5",))
    assert (entry.verbs, entry.scope) == (("delete", "deletecollection"), ("tmp", "web"))


def test_an_hour_of_single_deletes_is_no_work_of_deleting() -> None:
    """Only hours in which K5 would have fired count."""
    hours = [kube(TRAEFIK, "delete", f"web/pods/p-{n}", second=3600 * hour) for hour in (0, 1) for n in range(6)]
    text = checked([*hours, kube(TRAEFIK, "delete", "web/pods/last", second=7200)])
    assert "K5:" in text
    assert automation(text) == []


def test_a_storm_of_deletes_is_counted_up_to_a_limit() -> None:
    """Beyond two hundred in a minute the count is no longer exact, and says so."""
    events = [kube(TRAEFIK, "delete", f"web/pods/p-{n}") for n in range(300)]
    assert "300 deletes (pods), up to 200 or more in a minute" in checked(events)


def test_evictions_count_and_dry_runs_do_not() -> None:
    """An eviction deletes its pod; a dry run deletes nothing."""
    evicted = [kube(TRAEFIK, "create", f"web/pods/p-{n}/eviction") for n in range(6)]
    assert "up to 6 in a minute" in checked(evicted)
    more: dict[str, Any] = {"level": "Request", "requestObject": {"kind": "DeleteOptions", "dryRun": ["All"]}}
    tried = [kube(TRAEFIK, "delete", f"web/pods/p-{n}", **more) for n in range(6)]
    assert "K5:" not in checked(tried)


def test_the_owner_is_the_person_with_most_requests_by_hand() -> None:
    """A person's client tells a person from a program that asks more often; the login of the same name goes with it."""
    events = [
        *(kube("ci-bot", "get", "a/pods/b") for _ in range(9)),
        *(kube("me@example.org", "get", "a/pods/b", **KUBECTL) for _ in range(2)),
        vault("userpass-dev", "read", "secret/data/x", entity_id="e-dev"),
        vault("oidc-me@example.org", "read", "secret/data/x", entity_id="e-me"),
    ]
    text = checked(events)
    assert "\n#owner: {name: me@example.org, vault_entities: [e-me], vault_aliases: [oidc-me@example.org]}\n" in text
    assert "#   ci-bot: 9 requests, 0 by a person's client, 0 for Secrets or shells of sensitive namespaces" in text
    assert "#   Vault userpass-dev: 1 request, entity e-dev, from 10.0.20.50" in text


def test_the_owner_is_at_home_where_it_is_delicate() -> None:
    """Of people, who opens shells and reads Secrets in sensitive namespaces comes before who merely asks more."""
    events = [
        *(kube("dev", "get", "a/pods/b", **KUBECTL) for _ in range(9)),
        *(kube("me", "get", "vault/pods/v-0/exec", code=101, **KUBECTL) for _ in range(2)),
        *(kube("ci-bot", "get", "vault/secrets/x") for _ in range(5)),
    ]
    text = checked(events)
    assert "\n#owner: {name: me}\n" in text
    assert "None of them used a person's client" not in text


def test_without_a_person_s_client_the_guess_says_so() -> None:
    """Programs with names of their own may be all there is."""
    text = checked([kube("ci-bot", "get", "a/pods/b")])
    assert "# None of them used a person's client; they may all be programs. If this one is you:\n#owner: {" in text


def test_what_was_seen_once_is_no_daily_work() -> None:
    """One read, one shell, one deletion of a namespace are shown and not proposed: they may be the attack."""
    events = [
        kube(TRAEFIK, "list", "/secrets"),
        kube(TRAEFIK, "create", "vault/pods/v-0/exec", code=101),
        kube(TRAEFIK, "delete", "/namespaces/web"),
    ]
    text = checked(events)
    assert text.count(f"#   {TRAEFIK}: 1 ") == 3
    assert automation(text) == []


def test_a_login_of_another_name_is_not_taken_for_the_owner_s() -> None:
    """Without a Vault login of that name, the owner has none."""
    events = [kube("me@example.org", "get", "a/pods/b"), vault("userpass-home", "read", "x", entity_id="e")]
    assert "\n#owner: {name: me@example.org}\n" in checked(events)


def test_without_people_an_example_is_given() -> None:
    """Logs of programs alone propose no owner."""
    text = checked([kube(TRAEFIK, "get", "a/pods/b")])
    assert "#owner" not in text
    assert 'For example: owner: {name: "me@example.org"}' in text


def test_namespaces_whose_secrets_are_read_are_listed_by_count() -> None:
    """The busiest first, those watched anyway left out."""
    events = [kube(TRAEFIK, "get", f"{ns}/secrets/x") for ns in ("web", "web", "pay", "vault")]
    text = checked(events)
    assert "# Where Secrets were read besides: web (2), pay (1)\n  #secrets: [web, pay]\n" in text


def test_a_proxy_acts_for_others_with_addresses_in_front() -> None:
    """An identity that impersonates and lists addresses is proposed with where it came from."""
    proxy = "system:serviceaccount:pinniped-concierge:impersonation-proxy"
    more: dict[str, Any] = {"impersonatedUser": {"username": "me"}, "sourceIPs": ["192.168.1.5", "10.10.0.7"]}
    text = checked([kube(proxy, "get", "a/pods/b", **more)])
    assert f"#   {proxy} for me: 1 request, in front: 192.168.1.5" in text
    (entry,) = loaded(accepted(text)).trusted_proxies
    assert (entry.identity, entry.addresses) == ((proxy,), ("10.10.0.7/32",))


def test_forwarded_addresses_alone_make_no_proxy() -> None:
    """Whoever lists addresses without acting for anybody is pointed out."""
    text = checked([kube("me", "get", "a/pods/b", sourceIPs=["10.0.20.5", "203.0.113.9"])])
    assert "LOOK: these put addresses in front of their own" in text
    assert "#   me: 1 request, in front: 10.0.20.5" in text
    assert loaded(accepted(text)).trusted_proxies == ()


def test_impersonation_alone_makes_no_proxy() -> None:
    """kubectl --as from one address is no proxy."""
    text = checked([kube("me", "get", "a/pods/b", impersonatedUser={"username": "you"})])
    assert "trusted_proxies" not in text


def test_audit_flags_are_read_from_the_api_server_s_mirror_pod() -> None:
    """What kube-apiserver was started with is proposed as what it is meant to run with."""
    command = ["kube-apiserver", "--audit-log-maxage=30", "--tls-cert-file=x"]
    pod = {"kind": "Pod", "spec": {"containers": [{"name": "kube-apiserver", "command": command}]}}
    where = "kube-system/pods/kube-apiserver-master"
    text = checked([kube("system:node:master", "create", where, level="Request", requestObject=pod)])
    assert loaded(accepted(text)).sources.kube_audit.audit_flags == ("--audit-log-maxage=30",)
    assert "# K6:" not in text


def test_flags_that_were_not_seen_are_asked_for() -> None:
    """Without them K6 cannot see them dropped; logs without Kubernetes are not asked."""
    assert "# K6: kube-apiserver's audit flags are not in these logs" in checked([kube("me", "get", "a/pods/b")])
    assert "# K6:" not in checked([vault("userpass-me", "read", "secret/data/x")])
