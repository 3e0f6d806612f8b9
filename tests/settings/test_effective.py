"""What each room is given of the settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from vedette.settings import Settings
from vedette.sigma.texts import parse

TODAY = date(2026, 11, 23)
Load = Callable[[str], Settings]


def selections(settings: Settings, rule: str, day: date = TODAY) -> list[dict[str, Any]]:
    """The selections of the filters that name the rule, the built-in ones left out."""
    found: list[Any] = [document["filter"] for document in settings.filters(day) if "built-in" not in str(document)]
    return [body["selection"] for body in found if rule in body["rules"]]


def test_texts_are_offered_by_the_names_that_rules_use(load: Load) -> None:
    """Each placeholder of the rules has its list, empty where nothing was said."""
    texts = load(
        """
owner: {name: me@example.org, vault_entities: [e1], vault_aliases: [oidc-me]}
sensitive_namespaces: {exec: [db], without: [vault, kube-system, dbaas, cnpg-system]}
vault: {terraform: {entities: [t1], roles: [tf], policies: [tfp], addresses: [10.0.0.1/32]}, token_roles: [ci]}
sources: {kube_audit: {audit_flags: [--audit-log-maxage=3]}}
"""
    ).site_texts()
    assert texts == {
        "owner": ("me@example.org",),
        "owner_entities": ("e1",),
        "owner_aliases": ("oidc-me",),
        "secrets_namespaces": ("sealed-secrets", "external-secrets"),
        "exec_namespaces": ("db",),
        "terraform_entities": ("t1",),
        "terraform_roles": ("tf",),
        "terraform_policies": ("tfp",),
        "token_roles": ("ci",),
        "audit_flags": ("--audit-log-maxage=3",),
    }
    assert set(load("").site_texts()) == set(texts)


def test_texts_are_no_patterns(load: Load) -> None:
    """A star or backslash in a name stands for itself where a rule expands the list."""
    texts = load(r"vault: {token_roles: ['a*b?c\d']}").site_texts()["token_roles"]
    assert [parse(text) for text in texts] == [[r"a*b?c\d"]]


def test_automation_becomes_a_negated_filter_for_its_rules_only(load: Load) -> None:
    """The filter names the rules, the actor is compared case-sensitively, and only what the entry says is left out."""
    settings = load("automation: [{actor: [velero, 'ci-*'], rule: [K3, K5], verbs: [list, watch], reason: why}]")
    last = settings.filters(TODAY)[-1]
    assert last == {
        "title": "vedette.yaml:1 (automation)",
        "description": "why",
        "filter": {
            "rules": ["K3", "K5"],
            "selection": {"actor|cased": ["velero", "ci-*"], "verb|cased": ["list", "watch"]},
            "condition": "not selection",
        },
    }
    assert selections(settings, "K4") == []


def test_scope_becomes_a_test_on_the_namespace(load: Load) -> None:
    """cluster: no namespace; named: some namespace; a list: one of these; any: no test."""
    entries = ("any", "cluster", "named", "[a, b]")
    text = "".join(f"- {{actor: x{n}, rule: K3, scope: {scope}, reason: r}}\n" for n, scope in enumerate(entries))
    scopes = [
        {key: value for key, value in found.items() if key.startswith("namespace")}
        for found in selections(load(f"automation:\n{text}"), "K3")
    ]
    assert scopes == [{}, {"namespace|exists": False}, {"namespace|exists": True}, {"namespace|cased": ["a", "b"]}]


def test_only_the_star_is_a_wildcard_in_an_actor(load: Load) -> None:
    """A question mark or backslash in a user name stands for itself."""
    settings = load(r"automation: [{actor: 'CORP\a?*', rule: K3, reason: r}]")
    (selection,) = selections(settings, "K3")
    assert parse(selection["actor|cased"][0])[0] == r"CORP\a?"
    assert len(parse(selection["actor|cased"][0])) == 2


def test_no_filter_reads_an_impersonated_name(load: Load) -> None:
    """Automation excuses by the actor alone, built in or not."""
    documents = load("automation: [{actor: x, rule: K3, reason: r}]").filters(TODAY)
    assert len(documents) == 4
    assert "impersonated" not in str(documents)
    assert all("actor|cased" in document["filter"]["selection"] for document in documents)  # type: ignore[index]


def test_an_exception_excuses_until_its_last_day(load: Load) -> None:
    """On its last day it is a filter, the day after it is none."""
    settings = load(
        "exceptions: [{rule: K3, match: {actor: x, verb|cased: [get]}, reason: r, owner: o, expires: 2026-11-23}]"
    )
    assert selections(settings, "K3") == [{"actor": "x", "verb|cased": ["get"]}]
    assert selections(settings, "K3", date(2026, 11, 24)) == []
    assert settings.filters(TODAY)[-1]["title"] == "vedette.yaml:1 (exception)"


def test_proxies_have_their_networks_looked_up(load: Load) -> None:
    """A proxy's addresses may be a list's name or a network."""
    (proxy,) = load(
        "networks: {pods: [10.1.0.0/16]}\n"
        "trusted_proxies: [{identity: system:pinniped, addresses: [pods, 10.9.9.9], reason: r}]"
    ).proxies()
    assert proxy.identities == ("system:pinniped",)
    assert [proxy.networks.contains(a) for a in ("10.1.2.3", "10.9.9.9", "10.9.9.8")] == [True, True, False]


def test_terraform_s_addresses_are_a_network(load: Load) -> None:
    """`innet: terraform` holds exactly where Terraform was said to be."""
    settings = load("vault: {terraform: {roles: [tf], addresses: [10.0.20.50/32]}}")
    terraform = settings.site_networks()["terraform"]
    assert terraform.contains("10.0.20.50")
    assert not terraform.contains("10.0.20.51")


def test_who_is_excused_can_be_asked(load: Load) -> None:
    """Rule, actor, verb and scope must all fit an entry; a star stands for any characters."""
    settings = load(
        "automation:\n"
        "- {actor: 'a*c*e', rule: K3, verbs: [list], scope: cluster, reason: r}\n"
        "- {actor: b, rule: K4, scope: [x], reason: r}\n"
        "- {actor: c, rule: K4, scope: named, reason: r}\n"
        "- {actor: 'system:kube-scheduler', rule: K5, off: true}\n"
    )
    assert settings.excuses("K3", "abcde", "list", "")
    assert settings.excuses("K3", "ace", "list", "")
    assert not settings.excuses("K3", "acb", "list", "")
    assert not settings.excuses("K3", "ae", "list", "")
    assert not settings.excuses("K3", "ACE", "list", "")
    assert not settings.excuses("K3", "ace", "get", "")
    assert not settings.excuses("K3", "ace", "list", "x")
    assert not settings.excuses("K5", "ace", "list", "")
    assert settings.excuses("K4", "b", "get", "x")
    assert not settings.excuses("K4", "b", "get", "y")
    assert not settings.excuses("K4", "b", "get", "")
    assert settings.excuses("K4", "c", "get", "y")
    assert not settings.excuses("K4", "c", "get", "")
    assert settings.excuses("K5", "system:node:n1", "delete", "x")
    assert not settings.excuses("K5", "system:kube-scheduler", "delete", "x")


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("a", "a", True),
        ("a", "ab", False),
        ("a*", "a", True),
        ("*a", "ba", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*b*", "abc", True),
        ("a*b*b", "ab", False),
        ("a*b*b", "abb", True),
        ("a?", "a?", True),
        ("a?", "ab", False),
    ],
)
def test_only_a_star_is_any_characters(load: Load, pattern: str, text: str, fits: bool) -> None:
    """A pattern fits the whole name, piece by piece, none twice."""
    settings = load(f"automation: [{{actor: '{pattern}', rule: K4, reason: r}}]")
    assert settings.excuses("K4", text, "get", "") is fits
