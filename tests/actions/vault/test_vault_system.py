"""Audit devices, policies, keys and the seal of a real Vault: each action applied, looked at, taken back."""

from __future__ import annotations

from pathlib import Path

from tests.actions.vault.vault_site import VaultSite

GOOD = 'path "kv/data/app" { capabilities = ["read"] }'
EVIL = 'path "*" { capabilities = ["sudo", "update", "read"] }'


def policy(site: VaultSite, name: str) -> str | None:
    """Its text by Vault's own word."""
    status, answer = site.vault.call("GET", f"sys/policies/acl/{name}")
    return str(answer["data"]["policy"]) if status == 200 else None


def seen(site: VaultSite, name: str, time: str, text: str | None) -> None:
    """A look of the daemon's at a policy."""
    value = {"name": name, "policy": text} if text is not None else {"name": name, "absent": True}
    site.observed("policy", f"{site.vault.address}/v1/sys/policies/acl/{name}", time, value)


def test_an_audit_device_comes_back_as_it_was_seen(site: VaultSite, tmp_path: Path) -> None:
    """With its type and options; undo disables it."""
    site.vault.device("gone", tmp_path / "gone.log")
    devices = {
        path: {"type": one["type"], "options": one["options"]}
        for path, one in site.asked("GET", "sys/audit")["data"].items()
    }
    site.observed("audit_devices", site.vault.address, "2026-11-25T10:00:00Z", {"devices": devices})
    site.asked("DELETE", "sys/audit/gone")
    plan = site.plan("vault.enable-audit", "gone")
    assert "seen at 2026-11-25T10:00:00Z" in plan["does"]
    assert "new salt" in " ".join(plan["breaks"])
    site.do("apply")
    assert site.asked("GET", "sys/audit")["data"]["gone/"]["options"] == {"file_path": str(tmp_path / "gone.log")}
    assert site.holds() == [True]
    assert "nothing to do" in site.plan("vault.enable-audit", "gone/")["does"]


def test_enabling_is_undone(site: VaultSite, tmp_path: Path) -> None:
    """One that was never seen is said on the command line."""
    words = ("vault.enable-audit", "new", "type=file", f"options=file_path={tmp_path / 'new.log'},mode=0600")
    assert "never saw an audit device" in site.refused("vault.enable-audit", "new")
    assert "is no option" in site.refused("vault.enable-audit", "new", "type=file", "options=x")
    site.plan(*words)
    site.do("apply")
    assert "new/" in site.asked("GET", "sys/audit")["data"]
    site.do("undo")
    assert "new/" not in site.asked("GET", "sys/audit")["data"]


def test_a_device_that_came_back_by_itself_makes_the_plan_stale(site: VaultSite, tmp_path: Path) -> None:
    """Somebody else enabled it in between."""
    site.plan("vault.enable-audit", "racy", "type=file", f"options=file_path={tmp_path / 'racy.log'}")
    site.vault.device("racy", tmp_path / "racy.log")
    assert "stale" in site.do("apply", code=2)


def test_a_policy_goes_back_to_what_it_was(site: VaultSite) -> None:
    """Line by line it is shown what changes; undo writes what was there."""
    seen(site, "app", "2026-11-25T10:00:00Z", GOOD)
    seen(site, "app", "2026-11-25T11:00:00Z", EVIL)
    site.asked("PUT", "sys/policies/acl/app", {"policy": EVIL})
    plan = site.plan("vault.restore-policy", "app")
    assert [one["line"] for one in plan["found"]][2:] == ["@@ -1 +1 @@", f"-{EVIL}", f"+{GOOD}"]
    site.do("apply")
    assert (policy(site, "app"), site.holds()) == (GOOD, [True])
    site.do("undo")
    assert policy(site, "app") == EVIL


def test_a_policy_of_a_given_time(site: VaultSite) -> None:
    """The last state that was seen before it; without one that is said."""
    for hour, text in ((8, "# eight"), (9, "# nine"), (10, "# ten")):
        seen(site, "timed", f"2026-11-25T{hour:02}:00:00Z", text)
    site.asked("PUT", "sys/policies/acl/timed", {"policy": "# ten"})
    assert (
        "seen at 2026-11-25T08:00:00Z" in site.plan("vault.restore-policy", "timed", "at=2026-11-25T08:30:00Z")["does"]
    )
    assert "seen at 2026-11-25T09:00:00Z" in site.plan("vault.restore-policy", "timed")["does"]
    assert "the oldest that was kept" in site.refused("vault.restore-policy", "timed", "at=2026-11-25T07:00:00Z")
    assert "never saw the policy" in site.refused("vault.restore-policy", "unseen")


def test_a_policy_that_was_not_there_is_deleted(site: VaultSite) -> None:
    """Others were seen before it came, so that it is new; undo writes it again."""
    seen(site, "default", "2026-11-25T06:00:00Z", "# any")
    seen(site, "fresh", "2026-11-25T10:00:01Z", EVIL)
    site.asked("PUT", "sys/policies/acl/fresh", {"policy": EVIL})
    plan = site.plan("vault.restore-policy", "fresh", "at=2026-11-25T10:00:00Z")
    assert "delete the policy fresh, which was not there" in plan["does"]
    site.do("apply")
    assert (policy(site, "fresh"), site.holds()) == (None, [True])
    site.do("undo")
    assert policy(site, "fresh") == EVIL


def test_a_policy_that_was_changed_meanwhile_is_left(site: VaultSite) -> None:
    """The plan is of another text."""
    seen(site, "busy", "2026-11-25T10:00:00Z", GOOD)
    site.asked("PUT", "sys/policies/acl/busy", {"policy": EVIL})
    site.plan("vault.restore-policy", "busy")
    site.asked("PUT", "sys/policies/acl/busy", {"policy": "# by somebody else"})
    assert "stale" in site.do("apply", code=2)
    assert policy(site, "busy") == "# by somebody else"
    assert "nobody can change it" in site.refused("vault.restore-policy", "root")


def test_a_generation_of_a_root_token_is_cancelled(site: VaultSite) -> None:
    """Where none is under way there is nothing to do."""
    assert site.plan("vault.cancel-root-generation")["calls"] == []
    site.asked("PUT", "sys/generate-root/attempt", {})
    plan = site.plan("vault.cancel-root-generation")
    assert "0 of 1 shares were given" in plan["does"]
    site.do("apply")
    assert site.asked("GET", "sys/generate-root/attempt")["started"] is False
    assert site.holds() == [True]


def test_a_rekey_waits_for_people(site: VaultSite) -> None:
    """It is begun, stops at the step that needs shares, and goes on once that is found done; no share is seen."""
    plan = site.plan("vault.rekey", "shares=1", "threshold=1")
    assert [one["method"] for one in plan["calls"]] == ["PUT", "by hand", "PUT"]
    term = site.asked("GET", "sys/key-status")["data"]["term"]
    assert "for a person to do" in site.do("apply", code=1)
    assert [one.state for one in site.steps()] == ["done", "failed"]
    nonce = site.asked("GET", "sys/rekey/init")["nonce"]
    answer = site.asked("PUT", "sys/rekey/update", {"key": site.vault.key, "nonce": nonce}, token="")
    site.vault.key = answer["keys"][0]
    assert "is applied" in site.do("apply")
    assert site.asked("GET", "sys/key-status")["data"]["term"] == term + 1
    assert "by the word of who applied this again" in site.steps()[1].said
    assert site.holds() == [None, True]
    assert site.vault.key.encode() not in b"".join(one.read_bytes() for one in site.state.iterdir() if one.is_file())


def test_a_rekey_that_was_begun_is_cancelled(site: VaultSite) -> None:
    """Undo ends the attempt; the old shares go on to unseal."""
    site.plan("vault.rekey", "shares=3", "threshold=2")
    site.do("apply", code=1)
    assert "under way already" in site.refused("vault.rekey")
    site.do("undo")
    assert site.asked("GET", "sys/rekey/init")["started"] is False
    for words in (("shares=1", "threshold=2"), ("shares=0",), ("shares=many",), ("shares=3", "threshold=1")):
        assert "shares" in site.refused("vault.rekey", *words)


def test_sealing_stops_all_until_people_unseal(site: VaultSite) -> None:
    """Undo says who has to do what, and is done once it is found open."""
    plan = site.plan("vault.seal")
    assert "unsealing needs 1 of 1 shares" in plan["does"]
    site.do("apply")
    assert site.vault.call("GET", "sys/seal-status")[1]["sealed"] is True
    try:
        assert site.holds() == [True]
        assert "nothing to do" in site.plan("vault.seal")["does"]
        assert "sealed" in site.refused("vault.revoke-token", "abc")
    finally:
        site.vault.unseal()


def test_unsealing_is_by_hand(site: VaultSite) -> None:
    """vedette asks for no share: the undo waits for people."""
    site.plan("vault.seal")
    site.do("apply")
    assert "vault operator unseal" in site.do("undo", code=1)
    site.vault.unseal()
    assert site.do("undo")
    assert site.acted().state == "undone"
