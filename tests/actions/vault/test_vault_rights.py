"""The rendered policy suffices for each action on a real Vault, and with one path less it does not."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from tests.actions.vault.vault_site import VaultSite
from vedette.actions import ACTIONS, RIGHTS
from vedette.actions.vault_rights import RIGHTS as VAULT
from vedette.actions.vault_rights import Right, policy


def fresh() -> str:
    """A name."""
    return f"r{secrets.token_hex(4)}"


def token(site: VaultSite) -> list[list[str]]:
    """By accessor, by its hash, by a file."""
    (_, one), (_, two), (three, _) = site.made(), site.made(), site.made(no_default_policy=True, policies=["none"])
    (site.folder / "found").write_text(three)
    hashed = site.asked("POST", "sys/audit-hash/file", {"input": two})["hash"]
    words = (one, hashed, f"token_file={site.folder / 'found'}")
    return [["vault.revoke-token", word] for word in words]


def role(site: VaultSite) -> list[list[str]]:
    """A token role with a token."""
    name = fresh()
    site.asked("POST", f"auth/token/roles/{name}", {"allowed_policies": "default"})
    site.asked("POST", f"auth/token/create/{name}", {})
    return [["vault.revoke-role", name]]


def entity(site: VaultSite) -> list[list[str]]:
    """By id and by name."""
    mount = fresh()
    site.asked("POST", f"sys/auth/{mount}", {"type": "userpass"})
    made = []
    for name in ("ann", "bob"):
        site.asked("POST", f"auth/{mount}/users/{name}", {"password": "only-here", "token_policies": "default"})
        auth = site.asked("POST", f"auth/{mount}/login/{name}", {"password": "only-here"}, token="")["auth"]
        made.append(site.asked("GET", f"identity/entity/id/{auth['entity_id']}")["data"])
    return [["vault.revoke-entity", made[0]["id"]], ["vault.revoke-entity", made[1]["name"]]]


def device(site: VaultSite) -> list[list[str]]:
    """One that is new."""
    name = fresh()
    return [["vault.enable-audit", name, "type=file", f"options=file_path={site.folder / name}"]]


def restore(site: VaultSite) -> list[list[str]]:
    """One to write, one to delete."""
    changed, new = fresh(), fresh()
    base = f"{site.vault.address}/v1/sys/policies/acl"
    site.observed("policy", f"{base}/{changed}", "2026-11-25T10:00:00Z", {"name": changed, "policy": "# good"})
    site.observed("policy", f"{base}/{new}", "2026-11-25T12:00:00Z", {"name": new, "policy": "# new"})
    for name in (changed, new):
        site.asked("PUT", f"sys/policies/acl/{name}", {"policy": "# evil"})
    return [
        ["vault.restore-policy", changed],
        ["vault.restore-policy", new, "at=2026-11-25T11:00:00Z"],
    ]


def cancel(site: VaultSite) -> list[list[str]]:
    """An attempt under way."""
    site.asked("DELETE", "sys/generate-root/attempt")
    site.asked("PUT", "sys/generate-root/attempt", {})
    return [["vault.cancel-root-generation"]]


def seal(_site: VaultSite) -> list[list[str]]:
    """What is open."""
    return [["vault.seal"]]


MADE: dict[str, Callable[[VaultSite], list[list[str]]]] = {
    "vault.revoke-token": token,
    "vault.revoke-role": role,
    "vault.revoke-entity": entity,
    "vault.enable-audit": device,
    "vault.restore-policy": restore,
    "vault.cancel-root-generation": cancel,
    "vault.seal": seal,
}
"""Action -> things made for it, and the words of each plan. A rekey needs people; its two rights are tried below."""


def as_granted(site: VaultSite, text: str) -> None:
    """vedette's token has this policy and nothing else, not even `default`."""
    site.token = site.vault.token(fresh(), text)


def goes(site: VaultSite, name: str) -> bool:
    """Whether all of it, undo included, can be done."""
    whole = True
    for words in MADE[name](site):
        code, _, _ = site.run("plan", *words)
        site.last = _latest(site) if code == 0 else ""
        whole = whole and code == 0 and site.run("apply", site.last, "--yes")[0] == 0
        if whole and ACTIONS[name].undo and name != "vault.seal":
            whole = site.run("undo", site.last, "--yes")[0] == 0
        if site.vault.call("GET", "sys/seal-status")[1]["sealed"]:
            site.vault.unseal()
    return whole


def _latest(site: VaultSite) -> str:
    from contextlib import closing

    from vedette.store.visit import Visit

    with closing(Visit(site.state)) as visit:
        return visit.actions.listed(most=1)[0].id


@pytest.mark.parametrize("name", MADE)
def test_the_rendered_rights_suffice(site: VaultSite, name: str) -> None:
    """Plan, apply, undo by a token with them alone."""
    site.observed("policy", "x", "2026-11-25T09:00:00Z", {})
    as_granted(site, RIGHTS["vault"]([name]))
    assert goes(site, name)


@pytest.mark.parametrize(
    ("name", "right"), [(name, one) for name in MADE for one in VAULT[name]], ids=lambda one: getattr(one, "path", one)
)
def test_with_one_less_it_does_not_go(site: VaultSite, name: str, right: Right) -> None:
    """None is rendered that is not needed."""
    text = policy([name])
    start = text.index(f'path "{right.path}" {{')
    as_granted(site, text[:start] + text[text.index("}\n", start) + 2 :])
    assert not goes(site, name)


def test_a_rekey_turns_the_key_with_its_two_rights(site: VaultSite) -> None:
    """The state of the key is read, and the key rotated; the rest wants no token."""
    as_granted(site, policy(["vault.rekey"]))
    site.plan("vault.rekey", "shares=1", "threshold=1")
    site.do("apply", code=1)
    nonce = site.asked("GET", "sys/rekey/init")["nonce"]
    answer = site.asked("PUT", "sys/rekey/update", {"key": site.vault.key, "nonce": nonce}, token="")
    site.vault.key = answer["keys"][0]
    site.do("apply")
    assert site.holds() == [None, True]


def test_every_action_says_what_it_needs() -> None:
    """`vedette action rights vault` prints one policy for all."""
    names = [one for one in ACTIONS if one.startswith("vault.")]
    assert sorted(VAULT) == sorted(names)
    text = RIGHTS["vault"](names)
    assert text.count('path "auth/token/accessors"') == 1
