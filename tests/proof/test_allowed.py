"""Allowed: an entry that excuses everybody is named, one that excuses its own is not."""

from __future__ import annotations

from datetime import date

import pytest

from vedette import app
from vedette.proof.links.allowed import Allowed
from vedette.proof.verdict import LinkResult, State
from vedette.settings.effective import Settings
from vedette.settings.loading import load_text

TODAY = date(2026, 11, 25)
OWNER = "owner: {name: me@example.org, vault_entities: [7f2c0c5e-3a51-4a0e-9a6b-0d1f4b7a9c11]}\n"
LAN = "networks: {lan: [10.0.0.0/8], loopback: [127.0.0.0/8]}\n"


def checked(text: str, name: str) -> LinkResult:
    """The link for one rule of the pack, under the settings that `text` says."""
    settings: Settings = load_text(OWNER + text, "vedette.yaml", today=TODAY)
    rule = next(one for one in app.load_rules(settings, unproven=True).rules if one.name == name)
    return Allowed(settings, app.rules_under(), TODAY).check(rule)


def automation(actor: str, rule: str, more: str = "") -> str:
    """One automation entry, on the third line of the settings."""
    return f"automation:\n  - actor: {actor}\n    rule: {rule}\n    reason: it is a test\n{more}"


def exception(rule: str, match: str, expires: str) -> str:
    """One exception."""
    return f"exceptions:\n  - rule: {rule}\n    match: {match}\n    reason: a move\n    owner: me\n    expires: {expires}\n"


@pytest.mark.parametrize("name", ["K2", "K3", "K4", "K5", "K9", "V1", "V4", "V5", "V7", "S1"])
def test_a_site_with_entries_for_its_own_is_ready(name: str) -> None:
    """Networks of one's own, an operator, and an exception for one person blind no rule."""
    text = LAN + automation("system:serviceaccount:cert-manager:cert-manager", "[K3, K4, K5]")
    text += exception("[K3, K4]", "{actor: ann@example.org, namespace: vault}", "2027-01-31")
    found = checked(text, name)
    assert (found.state, found.why, found.blind) == (State.READY, "", ())


def test_an_entry_for_every_service_account_blinds_the_rule_of_service_accounts() -> None:
    """K2 speaks of service accounts only: a wildcard over all of them leaves nobody."""
    found = checked(LAN + automation("'system:serviceaccount:*'", "K2"), "K2")
    assert found.state is State.BLIND
    assert "vedette.yaml:4" in found.why
    assert "automation entry excuses every actor of K2" in found.why
    assert "vedette.yaml:4" in found.mend


def test_an_entry_for_people_blinds_a_rule_in_part() -> None:
    """People by wildcard: whoever is no service account walks past, in the variants that people do."""
    found = checked(automation("'*@example.*'", "K3"), "K3")
    assert found.state is State.BLIND
    assert found.in_part or len(found.blind) == len(found.variants)


def test_an_exception_of_a_namespace_excuses_every_actor_there() -> None:
    """What names no actor is for all: the variants in that namespace are blind, the others are not."""
    found = checked(exception("K3", "{namespace: vault}", "2027-01-31"), "K3")
    assert found.in_part
    assert all("excuses every actor of K3 here until 2027-01-31" in one.why for one in found.blind)
    assert any("everywhere" in one.name or "cluster" in one.name for one in found.variants if one not in found.blind)


def test_a_namespace_of_the_site_is_tried_as_well() -> None:
    """An exception in a namespace that only this site watches is found there."""
    text = "sensitive_namespaces: {secrets: [payments]}\n" + exception("K3", "{namespace: payments}", "2027-01-31")
    found = checked(text, "K3")
    assert found.in_part
    assert {one.name.rpartition(" in ")[2] for one in found.blind} == {"payments"}


def test_an_expired_exception_is_said_and_blinds_nothing() -> None:
    """Somebody believes that it still excuses."""
    found = checked(exception("K3", "{namespace: vault}", "2026-01-31"), "K3")
    assert found.state is State.READY
    assert "expired on 2026-01-31" in found.why


def test_an_exception_of_an_address_is_narrow_and_one_of_all_addresses_is_not() -> None:
    """The recorded address may be the excused one; a stranger comes from another."""
    narrow = exception("S1", "{address: 203.0.113.99}", "2027-01-31")
    assert checked(narrow, "S1").state is State.READY
    found = checked(exception("S1", "{address|re: '.'}", "2027-01-31"), "S1")
    assert {one.name for one in found.variants if one not in found.blind} == {"accepted_without_an_address"}


def test_a_rule_without_what_it_guards_is_blind() -> None:
    """K9 without an owner has no work, and says what is missing."""
    settings = load_text(LAN, "vedette.yaml", today=TODAY)
    rule = next(one for one in app.load_rules(settings, unproven=True).rules if one.name == "K9")
    found = Allowed(settings, app.rules_under(), TODAY).check(rule)
    assert (found.state, found.why) == (State.BLIND, f"not configured: {rule.not_configured}")


def test_entries_that_together_excuse_everybody_are_found() -> None:
    """Reads by one exception and writes by another: neither alone is all, and each is named where it is."""
    text = exception("K3", "{verb: [get, list, watch]}", "2027-01-31")
    text += text.partition("\n")[2].replace("get, list, watch", "patch, update, deletecollection")
    found = checked(text, "K3")
    assert found.state is State.BLIND
    assert len(found.blind) == len(found.variants)
    assert {one.why.split(":")[1] for one in found.blind} == {"3", "8"}
