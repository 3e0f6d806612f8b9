"""Tokens of a real Vault end: by accessor, by the accessor as the audit log has it, by file, role and entity."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from tests.actions.vault.vault_site import VaultSite


def hashed(site: VaultSite, accessor: str, device: str = "file") -> str:
    """An accessor as a device's log has it, by Vault's own word."""
    return str(site.asked("POST", f"sys/audit-hash/{device}", {"input": accessor})["hash"])


def test_by_accessor(site: VaultSite) -> None:
    """The token ends, and with it its children; that is looked at."""
    token, accessor = site.made(display_name="thief")
    child = site.asked("POST", "auth/token/create", {"policies": ["default"]}, token=site.vault.root)["auth"]
    plan = site.plan("vault.revoke-token", accessor)
    assert "token-thief" in plan["does"]
    assert accessor in plan["does"]
    assert [one["path"] for one in plan["calls"]] == ["/v1/auth/token/revoke-accessor"]
    assert plan["calls"][0]["command"] == f"vault token revoke -accessor {accessor}"
    assert (site.lives(token), token in json.dumps(plan)) == (True, False)
    site.do("apply")
    assert (site.lives(token), site.lives(child["client_token"])) == (False, True)
    assert site.holds() == [True]
    assert "cannot be undone" in site.run("undo", site.last, "--yes")[2]


def test_by_the_hash_in_the_log(site: VaultSite) -> None:
    """The very text that the file device wrote names the token, though nobody can turn it round."""
    token, _ = site.made(display_name="logged")
    assert site.lives(token)
    lines = [json.loads(line) for line in site.vault.audit_log.read_text("utf-8").splitlines()]
    (written,) = {one["auth"]["accessor"] for one in lines if one.get("auth", {}).get("display_name") == "token-logged"}
    assert written.startswith("hmac-sha256:")
    plan = site.plan("vault.revoke-token", written)
    assert "token-logged" in plan["does"]
    site.do("apply")
    assert (site.lives(token), site.holds()) == (False, [True])


def test_each_device_has_a_salt_of_its_own(site: VaultSite, tmp_path: Path) -> None:
    """The hash of whichever device is found; with device= the others are not asked."""
    site.vault.device("second", tmp_path / "second.log")
    try:
        _, accessor = site.made(display_name="salted")
        other = hashed(site, accessor, "second")
        assert other != hashed(site, accessor)
        assert accessor in site.plan("vault.revoke-token", other)["does"]
        plan = site.plan("vault.revoke-token", other, "device=file")
        assert (plan["calls"], "by the device file" in plan["does"]) == ([], True)
    finally:
        site.asked("DELETE", "sys/audit/second")


def test_by_the_plain_accessor_of_a_device_that_does_not_hash_it(site: VaultSite, tmp_path: Path) -> None:
    """hmac_accessor=false and log_raw write it as it is."""
    for option in ("hmac_accessor=false", "log_raw=true"):
        name, _, value = option.partition("=")
        log = tmp_path / f"{name}.log"
        options = {"file_path": str(log), name: value}
        site.asked("PUT", f"sys/audit/{name}", {"type": "file", "options": options})
        token, _ = site.made(display_name=f"plain-{value}")
        assert site.lives(token)
        site.asked("DELETE", f"sys/audit/{name}")
        entries = [json.loads(line).get("auth", {}) for line in log.read_text("utf-8").splitlines()]
        (written,) = {one["accessor"] for one in entries if one.get("display_name") == f"token-plain-{value}"}
        site.plan("vault.revoke-token", written)
        site.do("apply")
        assert not site.lives(token)


def test_a_hash_of_nobody_is_nothing_to_do(site: VaultSite) -> None:
    """It is said by which devices was looked."""
    plan = site.plan("vault.revoke-token", f"hmac-sha256:{secrets.token_hex(32)}")
    assert (plan["calls"], "none has this hash by the device file" in plan["does"]) == ([], True)


def test_by_a_file_that_holds_the_token(site: VaultSite) -> None:
    """The token itself is in no plan, no record and no argument."""
    token, _ = site.made(display_name="found")
    (site.folder / "stolen").write_text(f"{token}\n")
    (site.folder / "stolen").chmod(0o600)
    plan = site.plan("vault.revoke-token", f"token_file={site.folder / 'stolen'}")
    assert "token-found" in plan["does"]
    site.do("apply")
    assert not site.lives(token)
    assert token.encode() not in b"".join(one.read_bytes() for one in site.state.iterdir() if one.is_file())


def test_what_is_refused(site: VaultSite) -> None:
    """vedette's own token, wildcards, no token, two at once, what is no accessor."""
    me = site.asked("GET", "auth/token/lookup-self")["data"]["accessor"]
    assert "vedette itself acts with" in site.refused("vault.revoke-token", me)
    assert "may be many" in site.refused("vault.revoke-token", "hmac-sha256:*")
    assert "one of two" in site.refused("vault.revoke-token")
    assert "one of two" in site.refused("vault.revoke-token", "a", "token_file=b")
    assert "no accessor" in site.refused("vault.revoke-token", "a b")
    assert "no accessor" in site.refused("vault.revoke-token", "which=--x\x1b[2J")
    assert "not whole" in site.refused("vault.revoke-token", f"hmac-sha256:{'0' * 63}")
    assert "missing" in site.refused("vault.revoke-token", f"token_file={site.folder / 'missing'}")


def test_one_that_ended_meanwhile_makes_the_plan_stale(site: VaultSite) -> None:
    """Somebody else was faster: nothing is done, and it is said."""
    _, accessor = site.made()
    site.plan("vault.revoke-token", accessor)
    site.asked("POST", "auth/token/revoke-accessor", {"accessor": accessor})
    assert "stale" in site.do("apply", code=2)
    assert site.plan("vault.revoke-token", accessor)["calls"] == []


def test_by_role(site: VaultSite) -> None:
    """Those of a token role, of an auth method's role, and of none other."""
    site.asked("POST", "auth/token/roles/ci", {"allowed_policies": "default"})
    site.asked("POST", "sys/auth/robots", {"type": "approle"})
    site.asked("POST", "auth/robots/role/ci", {"token_policies": "default"})
    role_id = site.asked("GET", "auth/robots/role/ci/role-id")["data"]["role_id"]
    secret_id = site.asked("POST", "auth/robots/role/ci/secret-id")["data"]["secret_id"]
    login = {"role_id": role_id, "secret_id": secret_id}
    robot = site.asked("POST", "auth/robots/login", login, token="")["auth"]["client_token"]
    made = site.asked("POST", "auth/token/create/ci", {})["auth"]["client_token"]
    other, _ = site.made()
    assert len(site.plan("vault.revoke-role", "ci")["calls"]) == 2
    assert len(site.plan("vault.revoke-role", "ci", "mount=token")["calls"]) == 1
    plan = site.plan("vault.revoke-role", "ci", "mount=auth/robots/")
    assert (len(plan["calls"]), "the role ci itself" in " ".join(plan["remains"])) == (1, True)
    site.do("apply")
    assert [site.lives(one) for one in (robot, made, other)] == [False, True, True]
    assert site.holds() == [True, True]
    assert "nothing to do" in site.plan("vault.revoke-role", "nobody")["does"]


@pytest.fixture
def user(site: VaultSite) -> tuple[str, str, str]:
    """Somebody of userpass: name of the entity, its id, a token."""
    mount, name = f"u{secrets.token_hex(3)}", f"ann{secrets.token_hex(3)}"
    site.asked("POST", f"sys/auth/{mount}", {"type": "userpass"})
    site.asked("POST", f"auth/{mount}/users/{name}", {"password": "only-here", "token_policies": "default"})
    auth = site.asked("POST", f"auth/{mount}/login/{name}", {"password": "only-here"}, token="")["auth"]
    entity = site.asked("GET", f"identity/entity/id/{auth['entity_id']}")["data"]
    return entity["name"], auth["entity_id"], auth["client_token"]


@pytest.mark.parametrize("by", ["id", "name"])
def test_an_entity_is_disabled_and_its_tokens_end(site: VaultSite, user: tuple[str, str, str], by: str) -> None:
    """Undo lets it log in again; what is dead stays dead."""
    name, id_, token = user
    plan = site.plan("vault.revoke-entity", id_ if by == "id" else name)
    assert [one["path"].rpartition("/")[0] for one in plan["calls"]] == ["/v1/identity/entity/id", "/v1/auth/token"]
    site.do("apply")
    assert site.asked("GET", f"identity/entity/id/{id_}")["data"]["disabled"] is True
    assert (site.lives(token), site.holds()) == (False, [True, True, True])
    site.do("undo")
    assert site.asked("GET", f"identity/entity/id/{id_}")["data"]["disabled"] is False
    assert site.acted().state == "undone"


def test_an_entity_may_be_left_enabled(site: VaultSite, user: tuple[str, str, str]) -> None:
    """disable=no ends the tokens alone, and says what that leaves."""
    _, id_, token = user
    plan = site.plan("vault.revoke-entity", id_, "disable=no")
    assert "as long as it is enabled" in " ".join(plan["remains"])
    site.do("apply")
    assert site.asked("GET", f"identity/entity/id/{id_}")["data"]["disabled"] is False
    assert not site.lives(token)


def test_hostile_names_reach_no_other_path(site: VaultSite) -> None:
    """A slash, a dot or a percent sign in a name of the log is part of the name."""
    for name in ("../../sys/seal", "..", "a/b", "a%2fb", "x\n", "\x1b[2J"):
        assert "entity" in site.refused("vault.revoke-entity", f"entity={name}") or "no name" in site.refused(
            "vault.revoke-entity", f"entity={name}"
        )
    assert site.asked("GET", "sys/seal-status")["sealed"] is False
