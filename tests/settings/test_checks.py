"""What types cannot say: entries that excuse everybody or nobody, and names of what is not there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vedette.problem import Problem

Against = Callable[[str], list[Problem]]


@pytest.mark.parametrize(
    ("text", "message", "mend"),
    [
        ("owner: 'me*'", "the owner is one name, 'me*' may be many", "write the name in full"),
        ("owner: {name: me, vault_entities: ['?']}", "the owner is one name, '?' may be many", "write the name"),
        ("owner: {name: me, vault_aliases: ['']}", "an empty name is nobody's", "remove it"),
        ("sensitive_namespaces: {secrets: ['va*']}", "'va*' is no name of a namespace", "names in full"),
        ("sensitive_namespaces: {exec: [Vault]}", "'Vault' is no name of a namespace", "names in full"),
        ("sensitive_namespaces: {without: [dbas]}", "'dbas' is no built-in sensitive namespace", "did you mean dbaas?"),
        ("runbook_url: 'javascript:{rule}'", "'javascript:{rule}' is no https address", "for example"),
        ("runbook_url: https://wiki.example.org/", "the address has no {rule}", "put {rule} where"),
        (
            "sources: {kube_audit: {audit_flags: [--tls-cert]}}",
            "'--tls-cert' is no --audit- argument",
            "as kube-apiserver's manifest has it",
        ),
        (
            "vault: {terraform: {roles: [tf]}}",
            "vault.terraform has no addresses: it needs an identity AND an address",
            "add addresses",
        ),
        (
            "vault: {terraform: {addresses: [10.0.0.1/32]}}",
            "vault.terraform has no entities, roles or policies",
            "add entities, roles or policies",
        ),
        (
            "vault: {terraform: {policies: [default], addresses: [10.0.0.1/32]}}",
            "every token has the policy 'default'",
            "name Terraform's own",
        ),
    ],
)
def test_settings_that_would_mean_too_much_or_nothing_are_refused(
    errors: Against, text: str, message: str, mend: str
) -> None:
    """Each such value is an error that says what it would do and what to write."""
    (problem,) = errors(text)
    assert problem.message.startswith(message)
    assert problem.mend.startswith(mend)


@pytest.mark.parametrize(
    ("entry", "message", "mend"),
    [
        ("actor: '*', rule: K3", "'*' excuses everybody", "write user names"),
        ("actor: '**', rule: K3", "'**' excuses everybody", "write user names"),
        ("actor: [x, ' '], rule: K3", "an empty name is nobody's", "remove it"),
        ("actor: x, rule: K33", "there is no rule 'K33'", "did you mean K3?"),
        ("actor: x, rule: k3", "there is no rule 'k3'", "did you mean K3?"),
        ("actor: x, rule: any", "there is no rule 'any'", "vedette rules list shows them"),
        ("actor: x, rule: [K3, K5.deletes.x]", "there is no rule 'K5.deletes.x'", "vedette rules list"),
        ("actor: x, rule: K3, verbs: [lst]", "the audit log has no verb 'lst'", "did you mean list?"),
        ("actor: x, rule: K3, verbs: [List]", "the audit log has no verb 'List'", "did you mean list?"),
        ("actor: x, rule: K3, verbs: [exec]", "the audit log has no verb 'exec'", "known: get, list"),
        ("actor: x, rule: K3, scope: []", "an empty scope excuses nothing", "leave it out"),
        ("actor: x, rule: K3, scope: ['kube-*']", "'kube-*' is no name of a namespace", "names in full"),
        ("actor: nobody, rule: K3, off: true", "no built-in automation for K3 names 'nobody'", "vedette config show"),
        (
            "actor: system:apiservr, rule: K3, off: true",
            "no built-in automation for K3 names 'system:apiservr'",
            "did you mean system:apiserver?",
        ),
        (
            "actor: system:apiserver, rule: K3, off: true, verbs: [get]",
            "an entry with off: true takes verbs away as well",
            "remove verbs",
        ),
    ],
)
def test_automation_that_means_everybody_or_nobody_is_refused(
    errors: Against, entry: str, message: str, mend: str
) -> None:
    """An entry must fit somebody, not everybody, and name rules and verbs that exist."""
    (problem,) = errors(f"automation:\n  - {{{entry}, reason: r}}\n")
    assert problem.line == 2
    assert problem.message.startswith(message)
    assert problem.mend.startswith(mend)


@pytest.mark.parametrize("name", ["{rule}", "{slug}"])
def test_either_name_of_the_rule_tells_runbooks_apart(errors: Against, name: str) -> None:
    """The id, or the id in small letters."""
    assert not errors(f"runbook_url: https://wiki.example.org/{name}.md")


def test_every_service_account_is_worth_a_note(notes: Against) -> None:
    """A wildcard over all namespaces is taken, with a word."""
    (problem,) = notes("automation: [{actor: 'system:serviceaccount:*', rule: K5, reason: r}]")
    assert problem.message == "'system:serviceaccount:*' fits every service account of every namespace"
    assert notes("automation: [{actor: 'system:serviceaccount:velero:*', rule: K5, reason: r}]") == []


def test_root_as_terraform_is_worth_a_note(notes: Against) -> None:
    """Terraform known by the root policy excuses every root token there."""
    (problem,) = notes("vault: {terraform: {policies: [root], addresses: [10.0.0.1/32]}}")
    assert problem.message.startswith("every root token has the policy 'root'")


@pytest.mark.parametrize("day", ["2026-02-30", "23.11.2026", "2026-11", "20261123", "2026-W01-1", "tomorrow", "7"])
def test_a_bad_day_is_refused(errors: Against, day: str) -> None:
    """Only a day of the calendar, written YYYY-MM-DD, ends an exception."""
    (problem,) = errors(f"exceptions:\n- {{rule: K3, match: {{verb: get}}, reason: r, owner: o, expires: {day}}}\n")
    assert problem.message.endswith("is not a day of the calendar")
    assert problem.line == 2


@pytest.mark.parametrize("field", ["impersonatedUser.username", "impersonatedUser.groups|contains"])
def test_no_exception_comes_from_an_impersonated_name(errors: Against, field: str) -> None:
    """A selection that rests on the impersonated name alone is refused; beside the actor it may stand."""
    entry = f"rule: K3, reason: r, owner: o, expires: 2027-01-01, match: {{{field}: me"
    (problem,) = errors(f"exceptions: [{{{entry}}}}}]")
    assert problem.message.startswith("an impersonated name excuses nothing")
    assert errors(f"exceptions: [{{{entry}, actor|cased: proxy}}}}]") == []


def test_an_expired_exception_is_reported(notes: Against) -> None:
    """The day after its last day an exception is named with its rule and owner."""
    entry = "rule: [K3, K5], match: {verb: get}, reason: r, owner: Ann"
    (problem,) = notes(f"exceptions: [{{{entry}, expires: 2026-11-22}}]")
    assert problem.message == "expired on 2026-11-22: excuses no longer (K3, K5; Ann)"
    assert notes(f"exceptions: [{{{entry}, expires: 2026-11-23}}]") == []


@pytest.mark.parametrize("identity", ["'*'", "''"])
def test_a_proxy_is_somebody(errors: Against, identity: str) -> None:
    """A proxy that anybody could be is refused."""
    found = errors(f"trusted_proxies: [{{identity: [{identity}], addresses: [10.0.0.1/32], reason: r}}]")
    assert len(found) == 1
