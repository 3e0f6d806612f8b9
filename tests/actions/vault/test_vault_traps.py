"""What would have an action on a real Vault say that all is well, or end what it should not: it is told apart."""

from __future__ import annotations

import secrets
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.actions.test_by_hand import words
from tests.actions.vault import vault_site
from tests.actions.vault.bao_site import bao
from tests.actions.vault.vault_site import VaultSite
from vedette.actions.base import Call
from vedette.actions.vault_policy import RestorePolicy
from vedette.actions.vault_rights import policy

EARLY, LATE = "2026-11-25T08:00:00.500Z", "2026-11-25T09:00:00Z"


def hashed(site: VaultSite, accessor: str, device: str) -> str:
    """An accessor as a device's log has it."""
    return str(site.asked("POST", f"sys/audit-hash/{device}", {"input": accessor})["hash"])


def changed(site: VaultSite, name: str) -> None:
    """A policy of which two states were seen; the later is there."""
    subject = f"{site.vault.address}/v1/sys/policies/acl/{name}"
    for time, text in ((EARLY, "# good"), (LATE, "# evil")):
        site.observed("policy", subject, time, {"name": name, "policy": text})
    write(site, name, "# evil")


def write(site: VaultSite, name: str, text: str) -> None:
    """A policy, by somebody."""
    site.asked("PUT", f"sys/policies/acl/{quote(name, safe='')}", {"policy": text})


def there(site: VaultSite, name: str) -> str:
    """Its text."""
    return str(site.asked("GET", f"sys/policies/acl/{quote(name, safe='')}")["data"]["policy"])


def device(site: VaultSite, name: str, file: str) -> None:
    """An audit device, by somebody."""
    site.asked("PUT", f"sys/audit/{name}", {"type": "file", "options": {"file_path": file}})


def test_a_token_that_may_not_look_itself_up_is_not_taken_for_a_dead_one(site: VaultSite) -> None:
    """Without the policy `default` it gets the 403 that a dead one gets; vedette looks it up by its own right."""
    file = site.folder / "stolen"
    file.write_text(site.vault.token("narrow", 'path "kv/*" { capabilities = ["read"] }'))
    plan = site.plan("vault.revoke-token", f"token_file={file}")
    assert "narrow" in plan["does"]
    site.do("apply")
    assert site.plan("vault.revoke-token", f"token_file={file}")["calls"] == []
    batch = site.asked("POST", "auth/token/create", {"type": "batch", "policies": ["default"]})["auth"]["client_token"]
    file.write_text(batch)
    assert "batch token" in site.refused("vault.revoke-token", f"token_file={file}")


def test_a_token_in_place_of_its_accessor_is_kept_nowhere(site: VaultSite) -> None:
    """Nor shown again: it is refused before anybody is asked."""
    token, _ = site.made()
    for text in (token, f"s.{token[4:28]}"):
        said = site.refused("vault.revoke-token", text)
        assert ("give token_file=PATH" in said, text in said) == (True, False)
    assert not site.state.exists()


def test_whose_token_it_is(site: VaultSite) -> None:
    """Name, policies, entity, where and when it was made, when it ends, whether it is an orphan."""
    _, accessor = site.made(display_name="who", ttl="1h", no_parent=True)
    (row,) = site.plan("vault.revoke-token", hashed(site, accessor, "file"))["found"]
    assert (row["token"], row["accessor"], row["policies"]) == ("token-who", accessor, "default")
    assert (row["entity"], row["made at"], row["orphan"]) == ("none", "auth/token/create", "yes")
    assert row["created"] < row["ends"]
    assert row["hashed by"] == "the audit device file"


def test_a_hash_of_an_older_salt_is_not_taken_for_a_dead_token(site: VaultSite, tmp_path: Path) -> None:
    """The device was enabled anew: nobody can tell whose the hash is, which is said."""
    _, accessor = site.made()
    device(site, "salty", str(tmp_path / "a.log"))
    before = hashed(site, accessor, "salty")
    site.asked("DELETE", "sys/audit/salty")
    device(site, "salty", str(tmp_path / "b.log"))
    try:
        plan = site.plan("vault.revoke-token", before)
        assert (plan["calls"], "enabled anew since, with another salt" in plan["does"]) == ([], True)
    finally:
        site.asked("DELETE", "sys/audit/salty")


def test_a_device_that_may_not_be_asked_is_named(site: VaultSite, tmp_path: Path) -> None:
    """Its hashes could be the one; by device= it is not needed."""
    rights = policy(["vault.revoke-token"]).replace("sys/audit-hash/*", "sys/audit-hash/file")
    site.token = site.vault.token("half", rights)
    _, accessor = site.made()
    device(site, "other", str(tmp_path / "other.log"))
    try:
        said = site.refused("vault.revoke-token", hashed(site, accessor, "other"))
        assert "none has this hash by the device file, and 1 could not be asked" in said
        assert "sys/audit-hash/other" in said
        assert site.plan("vault.revoke-token", hashed(site, accessor, "file"), "device=file")["calls"]
    finally:
        site.asked("DELETE", "sys/audit/other")


def test_metadata_that_anybody_may_write_makes_no_role(site: VaultSite) -> None:
    """Whoever makes a token at auth/token gives it what metadata he likes."""
    _, accessor = site.made(meta={"role": "ci", "role_name": "ci"})
    for more in ([], ["mount=token"]):
        assert accessor not in str(site.plan("vault.revoke-role", "ci", *more))


def test_a_new_login_of_the_role_is_seen(site: VaultSite) -> None:
    """What was revoked is dead, and yet one lives that came from the role."""
    site.asked("POST", "auth/token/roles/again", {"allowed_policies": "default"})
    site.asked("POST", "auth/token/create/again", {})
    site.plan("vault.revoke-role", "again", "mount=token")
    site.do("apply")
    assert site.holds() == [True, True]
    site.asked("POST", "auth/token/create/again", {})
    assert site.holds() == [True, False]


def test_vedettes_own_token_may_be_a_child_of_one(site: VaultSite) -> None:
    """That is said, and such a token is revoked last: with it vedette's own ends."""
    site.asked("POST", "auth/token/roles/makers", {"allowed_policies": "root", "orphan": True})
    made = [site.asked("POST", "auth/token/create/makers", {"policies": ["root"]})["auth"] for _ in range(2)]
    site.token = site.asked("POST", "auth/token/create", {"policies": ["root"]}, token=made[0]["client_token"])["auth"][
        "client_token"
    ]
    plan = site.plan("vault.revoke-role", "makers")
    assert "vedette's own token" in " ".join(plan["breaks"])
    site.token = ""
    assert "vedette's own token" not in " ".join(site.plan("vault.revoke-role", "makers")["breaks"])


def test_tokens_of_an_entity_that_was_merged_into_it(site: VaultSite) -> None:
    """They keep the id of the one that is gone, and end with the one that is there."""
    found = []
    for _ in range(2):
        mount = f"m{secrets.token_hex(3)}"
        site.asked("POST", f"sys/auth/{mount}", {"type": "userpass"})
        site.asked("POST", f"auth/{mount}/users/ann", {"password": "p", "token_policies": "default"})
        found.append(site.asked("POST", f"auth/{mount}/login/ann", {"password": "p"}, token="")["auth"])
    into, gone = (one["entity_id"] for one in found)
    site.asked("POST", "identity/entity/merge", {"from_entity_ids": [gone], "to_entity_id": into})
    assert "merged into another" in site.refused("vault.revoke-entity", gone)
    site.plan("vault.revoke-entity", into)
    site.do("apply")
    assert site.holds() == [True] * 4
    assert not any(site.lives(one["client_token"]) for one in found)


def test_an_entity_that_is_gone_is_not_enabled_again(site: VaultSite) -> None:
    """Undo says so, and sends nothing."""
    site.asked("POST", "identity/entity", {"name": "bob", "policies": ["default"], "metadata": {"team": "web"}})
    site.plan("vault.revoke-entity", "bob")
    site.do("apply")
    found = site.asked("GET", "identity/entity/name/bob")["data"]
    assert (found["disabled"], found["policies"], found["metadata"]) == (True, ["default"], {"team": "web"})
    site.asked("DELETE", "identity/entity/name/bob")
    assert "there is no such entity any more" in site.do("undo", code=1)


def test_what_is_no_vault_is_not_taken_for_one_with_nothing_in_it(site: VaultSite, tmp_path: Path) -> None:
    """A wrong path in the address, or a web server that knows nothing: nobody can tell, which is not nothing to do."""
    words = (["vault.revoke-role", "x"], ["vault.revoke-token", "x"], ["vault.cancel-root-generation"], ["vault.seal"])
    site.via = f"{site.vault.address}/v1"
    assert all("cannot look" in site.refused(*one) for one in words)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        site.via = f"http://127.0.0.1:{other.server_port}"
        assert all("cannot look" in site.refused(*one) for one in words)
        other.shutdown()


def test_times_are_compared_as_times(site: VaultSite) -> None:
    """Whatever their zone and digits; what is none is refused."""
    changed(site, "timed")
    assert EARLY in site.plan("vault.restore-policy", "timed", "at=2026-11-25T10:30:00+02:00")["does"]
    assert "the oldest" in site.refused("vault.restore-policy", "timed", "at=2026-11-25T08:00:00Z")
    assert "no time" in site.refused("vault.restore-policy", "timed", "at=yesterday")
    assert "no time" in site.refused("vault.restore-policy", "timed", "at=2026-11-25T08:00:00")


def test_a_name_as_the_log_has_it(site: VaultSite) -> None:
    """Vault keeps names of policies in small letters, and takes a slash in them; the rendered rights do too."""
    changed(site, "team/x")
    site.token = site.vault.token("restorer", policy(["vault.restore-policy"]))
    site.plan("vault.restore-policy", "Team/X")
    site.do("apply")
    assert there(site, "team/x") == "# good"


def test_what_somebody_wrote_since_is_not_undone(site: VaultSite) -> None:
    """It is left to them, and said."""
    changed(site, "theirs")
    site.plan("vault.restore-policy", "theirs")
    site.do("apply")
    write(site, "theirs", "# somebody's")
    assert "it was changed since" in site.do("undo", code=1)
    assert there(site, "theirs") == "# somebody's"


def test_what_somebody_writes_in_the_last_moment_is_left(site: VaultSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vault writes over whatever is there: it is looked at once more right before the call."""
    changed(site, "last")
    site.plan("vault.restore-policy", "last")
    do = RestorePolicy.do

    def late(self: RestorePolicy, call: Call) -> str:
        write(site, "last", "# somebody's")
        return do(self, call)

    monkeypatch.setattr(RestorePolicy, "do", late)
    assert "somebody changed it a moment ago" in site.do("apply", code=1)
    assert there(site, "last") == "# somebody's"


def test_another_device_of_the_name_is_not_taken_for_it(site: VaultSite, tmp_path: Path) -> None:
    """One that writes to nowhere is no audit device that came back."""
    wanted = f"options=file_path={tmp_path / 'x.log'}"
    site.plan("vault.enable-audit", "gone", "type=file", wanted)
    site.do("apply")
    site.asked("DELETE", "sys/audit/gone")
    device(site, "gone", "/dev/null")
    try:
        assert site.holds() == [False]
        plan = site.plan("vault.enable-audit", "gone", "type=file", wanted)
        assert (plan["calls"], "is enabled, but another: file file_path=/dev/null" in plan["does"]) == ([], True)
        assert "vault audit disable gone" in " ".join(plan["remains"])
        assert "never saw it" in " ".join(site.plan("vault.enable-audit", "gone")["remains"])
    finally:
        site.asked("DELETE", "sys/audit/gone")


def test_how_a_device_was_seen_before_is_told(site: VaultSite, tmp_path: Path) -> None:
    """What was seen last may be the attacker's."""
    for time, file in ((EARLY, str(tmp_path / "audit.log")), (LATE, "/dev/null")):
        value = {"devices": {"moved/": {"type": "file", "options": {"file_path": file}}}}
        site.observed("audit_devices", site.vault.address, time, value)
    plan = site.plan("vault.enable-audit", "moved")
    assert plan["calls"][0]["body"]["options"] == {"file_path": "/dev/null"}
    assert f"seen at {EARLY}: file file_path={tmp_path / 'audit.log'}" in " ".join(plan["remains"])


def test_a_rekey_that_was_cancelled_is_not_complete(site: VaultSite) -> None:
    """Another number of shares tells; nothing is rotated then."""
    site.plan("vault.rekey", "shares=3", "threshold=2")
    term = site.asked("GET", "sys/key-status")["data"]["term"]
    site.do("apply", code=1)
    site.asked("DELETE", "sys/rekey/init", {"nonce": site.asked("GET", "sys/rekey/init")["nonce"]})
    assert "it was cancelled: 1 of 1 shares" in site.do("apply", code=1)
    assert site.asked("GET", "sys/key-status")["data"]["term"] == term
    assert site.holds() == [False, False]
    assert "will not tell" in " ".join(site.plan("vault.rekey", "shares=1", "threshold=1")["remains"])


def test_a_rekey_to_other_shares_is_seen_complete(tmp_path: Path) -> None:
    """Vault's own word, without anybody's."""
    (tmp_path / "vault").mkdir()
    with vault_site.running(tmp_path / "vault") as vault:
        site = VaultSite(vault, tmp_path)
        site.plan("vault.rekey", "shares=3", "threshold=2")
        site.do("apply", code=1)
        nonce = site.asked("GET", "sys/rekey/init")["nonce"]
        answer = site.asked("PUT", "sys/rekey/update", {"key": vault.key, "nonce": nonce}, token="")
        assert len(answer["keys"]) == 3
        site.do("apply")
        assert site.steps()[1].said == "it was found done"
        assert site.holds() == [True, True]


def test_a_rekey_of_an_openbao_that_has_the_old_way_turned_off(site: VaultSite) -> None:
    """It is begun and cancelled by the way that asks for a token; the commands are OpenBao's."""
    with bao(site.vault) as site.via:
        plan = site.plan("vault.rekey", "shares=3", "threshold=2")
        assert [one["path"] for one in plan["calls"]] == ["/v1/sys/rotate/root/init", "", "/v1/sys/rotate"]
        assert plan["calls"][0]["command"] == "bao operator rotate-keys -init -key-shares=3 -key-threshold=2"
        assert plan["calls"][1]["does"].startswith("1 holder")
        site.do("apply", code=1)
        assert site.asked("GET", "sys/rekey/init")["started"] is True
        assert "under way already" in site.refused("vault.rekey")
        site.do("undo")
        assert site.asked("GET", "sys/rekey/init")["started"] is False
        assert "the listener does not have it" in site.refused("vault.cancel-root-generation")


def test_without_a_token_it_says_so(site: VaultSite) -> None:
    """What wants none goes all the same; an agent on loopback lends its own."""
    assert site.run("plan", "vault.cancel-root-generation", "--server", site.vault.address)[0] == 0
    assert "asks for a token" in site.refused("vault.revoke-role", "x", "--server", site.vault.address)


@pytest.mark.parametrize("name", ["$(touch x)", "a'b", "a b;c", "-rf", "x/y", "%2e"])
def test_a_name_stays_one_word_by_hand(site: VaultSite, name: str) -> None:
    """Of a shell, and no option of vault's."""
    changed(site, name)
    command = site.plan("vault.restore-policy", f"name={name}")["calls"][0]["command"]
    got = vault_words(command)
    assert got == ["policy", "write", *(["--"] if name.startswith("-") else []), name, "-"]
    site.do("apply")
    assert there(site, name) == "# good"


def vault_words(command: str) -> list[str]:
    """What a shell gives `vault`."""
    return words(command.replace("| vault ", "| kubectl "))
