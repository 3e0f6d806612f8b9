"""Vault goes away half-way, refuses, or somebody else acts at once: what was done is known, and goes on or back."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.vault import VaultServer

from tests.actions.relay import Relay, broken
from tests.actions.vault.vault_site import VaultSite


@pytest.fixture
def relay(vault: VaultServer) -> Iterator[Relay]:
    """What stands before it."""
    with Relay(vault) as relay:
        yield relay


@pytest.fixture
def site(vault: VaultServer, relay: Relay, tmp_path: Path) -> VaultSite:
    """Settings and a store, by way of the relay."""
    return VaultSite(vault, tmp_path, via=relay.address)


def three(site: VaultSite) -> list[str]:
    """Tokens of one token role, planned to be revoked."""
    role = f"r{secrets.token_hex(3)}"
    site.asked("POST", f"auth/token/roles/{role}", {"allowed_policies": "default"})
    made = [site.asked("POST", f"auth/token/create/{role}", {})["auth"]["client_token"] for _ in range(3)]
    assert len(site.plan("vault.revoke-role", role)["calls"]) == 3
    return made


def test_an_answer_that_is_lost_is_looked_for(site: VaultSite, relay: Relay) -> None:
    """Done, but nobody heard of it: the next apply finds it done and goes on."""
    tokens = three(site)
    relay.after[2] = broken
    assert "nobody knows whether that was done" in site.do("apply", code=1)
    assert [one.state for one in site.steps()] == ["done", "unknown"]
    assert [site.lives(one) for one in tokens].count(True) == 1
    site.do("apply")
    assert [one.state for one in site.steps()] == ["done", "done", "done"]
    assert not any(map(site.lives, tokens))


def test_a_request_that_was_lost_is_sent_again(site: VaultSite, relay: Relay) -> None:
    """Not done: found so, done by the next apply."""
    tokens = three(site)
    relay.before[1] = broken
    site.do("apply", code=1)
    assert all(map(site.lives, tokens))
    site.do("apply")
    assert not any(map(site.lives, tokens))


def test_one_that_is_sealed_half_way_has_done_nothing_more(site: VaultSite, vault: VaultServer, relay: Relay) -> None:
    """That is known, and the next apply goes on once it is open."""
    tokens = three(site)
    relay.before[2] = vault.seal
    try:
        said = site.do("apply", code=1)
    finally:
        vault.unseal()
    assert ("unseal it" in said, "nobody knows" in said) == (True, False)
    assert [one.state for one in site.steps()] == ["done", "failed"]
    site.do("apply")
    assert not any(map(site.lives, tokens))


def test_the_answer_of_a_seal_may_be_lost(site: VaultSite, vault: VaultServer, relay: Relay) -> None:
    """The seal itself says whether it was done."""
    site.plan("vault.seal")
    relay.after[1] = broken
    try:
        assert "nobody knows whether that was done" in site.do("apply", code=1)
        site.do("apply")
        assert (site.steps()[0].said, site.holds()) == ("it was found done", [True])
    finally:
        vault.unseal()


def test_a_device_whose_answer_was_lost_is_not_enabled_twice(site: VaultSite, relay: Relay) -> None:
    """It is found as it was wanted; undo takes it away."""
    name = f"d{secrets.token_hex(3)}"
    site.plan("vault.enable-audit", name, "type=file", f"options=file_path={site.folder / name}")
    relay.after[1] = broken
    site.do("apply", code=1)
    site.do("apply")
    assert (site.steps()[0].said, site.holds()) == ("it was found done", [True])
    site.do("undo")
    assert f"{name}/" not in site.asked("GET", "sys/audit")["data"]


def test_somebody_else_revokes_in_between(site: VaultSite, relay: Relay) -> None:
    """What is gone already counts as done."""
    tokens = three(site)
    relay.before[1] = lambda: [site.asked("POST", "auth/token/revoke", {"token": one}) for one in tokens]
    site.do("apply")
    assert site.holds() == [True] * 4


def test_a_policy_that_is_refused_half_way(site: VaultSite, relay: Relay) -> None:
    """The right went between plan and call: what is missing is named, and nothing was done."""
    _, token = three(site), site.made(policies=["only-looks"])[0]
    site.asked(
        "PUT",
        "sys/policies/acl/only-looks",
        {
            "policy": 'path "auth/token/accessors" { capabilities = ["list", "sudo"] }\n'
            'path "auth/token/lookup-accessor" { capabilities = ["update"] }'
        },
    )
    site.token = token
    said = site.do("apply", code=1)
    assert "grant `update` on auth/token/revoke-accessor" in said
    assert [one.state for one in site.steps()] == ["failed"]


def test_vault_that_is_away_or_sealed(site: VaultSite, vault: VaultServer) -> None:
    """Nothing can be planned; the reason is told."""
    site.via = "http://127.0.0.1:1"
    assert "cannot look" in site.refused("vault.seal")
    site.via = vault.address
    vault.seal()
    try:
        assert "it is sealed or on standby" in site.refused("vault.revoke-role", "ci")
    finally:
        vault.unseal()


def test_a_token_that_is_none(site: VaultSite) -> None:
    """It is said what to write."""
    site.token = "hvs.nobody"
    assert "write a new one into token_file" in site.refused("vault.revoke-role", "ci")


def test_without_settings_it_says_what_to_write(site: VaultSite) -> None:
    """A Vault has to be named."""
    site.run("list")
    (site.folder / "empty.yaml").write_text("{}\n")
    code, _, err = site.run("plan", "vault.seal", "--config", str(site.folder / "empty.yaml"))
    assert (code, "write actions.vault into the settings" in " ".join(err.split())) == (2, True)
