"""The false positives that made people stop reading: each tuned away, and whoever does the same is still told of."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.alert_store import Site
from tests.response.stories import again, alerted, kube, sshd, tune, vault, watched
from vedette import app

Capture = pytest.CaptureFixture[str]
JANITOR = "system:serviceaccount:ops:janitor"
BREAK_GLASS = "system:serviceaccount:kube-system:break-glass"
ANN = "ann@example.org"


def deletes(actor: str, begin: float, number: int, namespace: str = "web") -> list[bytes]:
    """Pods deleted, one a second."""
    return [kube(actor, "delete", f"{namespace}/pods/p-{begin:.0f}-{one}", begin + one) for one in range(number)]


def test_a_controller_that_deletes_thirty_pods(tmp_path: Path, capsys: Capture) -> None:
    """K5: the entry is for this account, this verb, this namespace; a person who does the same is still told of."""
    site = watched(tmp_path, [*deletes(JANITOR, 0, 30), *deletes(ANN, 100, 8)])
    assert alerted(site, "K5") == [JANITOR, ANN]
    assert tune(site, "K5", "--reason", "it clears finished previews", "--write") == 0
    said = capsys.readouterr().out
    assert f"proposed for {JANITOR}: it is an account of a program" in said
    assert "vanish: 1 alert (30 acts)" in said
    assert "remain: 1 alert (8 acts)" in said
    entry = app.load_settings(str(site.config)).automation[-1]
    assert (entry.actor, entry.rule, entry.verbs, entry.scope) == ((JANITOR,), ("K5",), ("delete",), ("web",))
    again(site, [*deletes(JANITOR, 5000, 30), *deletes(ANN, 5100, 8)])
    assert alerted(site, "K5") == [JANITOR, ANN, ANN]
    again(site, deletes(JANITOR, 6000, 30, "shop"))
    assert alerted(site, "K5") == [JANITOR, ANN, ANN, JANITOR]
    capsys.readouterr()
    assert tune(site, "K5") == 0
    assert "scope: [shop]" in capsys.readouterr().out


def test_terraform_writes_policies(tmp_path: Path, capsys: Capture) -> None:
    """V4: its entity and its address go where the rule asks for them, not into an exception; nobody else gains by it."""
    own = {"entity": "5d0c-tf", "name": "approle", "role": "terraform-prod", "address": "10.0.20.77"}
    bob = {"entity": "b0b", "name": "userpass-bob", "address": "10.0.20.77"}
    site = watched(
        tmp_path,
        [
            *(vault(f"sys/policies/acl/app-{one}", one, **own) for one in range(6)),
            vault("sys/policies/acl/mine", 10, **bob),
        ],
    )
    assert len(alerted(site, "V4")) == 2
    assert tune(site, "V4", "--reason", "it is Terraform", "--write") == 0
    said = capsys.readouterr().out
    assert "it calls itself Terraform" in said
    assert "vanish: 1 alert (6 acts)" in said
    terraform = app.load_settings(str(site.config)).vault.terraform
    assert terraform.entities == ("5d0c-tf",)
    assert terraform.addresses == ("10.0.20.50/32", "10.0.20.77/32")
    assert app.load_settings(str(site.config)).exceptions == ()
    elsewhere = {**own, "address": "203.0.113.9"}
    again(
        site,
        [
            vault("sys/policies/acl/app-9", 5000, **own),
            vault("sys/policies/acl/app-9", 5001, **elsewhere),
            vault("sys/policies/acl/theirs", 5002, **bob),
        ],
    )
    assert sorted(alerted(site, "V4")[2:]) == ["approle (5d0c-tf)", "userpass-bob (b0b)"]
    assert [one.alert.address for one in site.kept() if one.alert.rule == "V4"].count("203.0.113.9") == 1


def test_terraform_by_another_entity_from_where_it_always_ran(tmp_path: Path, capsys: Capture) -> None:
    """Its address stands in the settings already: the entity alone is added, and the two together excuse it."""
    own = {"entity": "5d0c-tf", "name": "approle", "role": "terraform-prod", "address": "10.0.20.50"}
    site = watched(tmp_path, [vault("sys/policies/acl/app", 0, **own)])
    assert tune(site, "V4", "--reason", "it is Terraform", "--write") == 0
    assert "vanish: 1 alert (1 act)" in capsys.readouterr().out
    terraform = app.load_settings(str(site.config)).vault.terraform
    assert (terraform.entities, terraform.addresses) == (("5d0c-tf",), ("10.0.20.50/32",))


def test_the_break_glass_account_opens_shells(tmp_path: Path, capsys: Capture) -> None:
    """K4: its shells are excused where they were opened; a Secret that it reads is K3's matter and stays one."""

    def shell(actor: str, at: float) -> bytes:
        more: dict[str, Any] = {"stage": "ResponseStarted", "responseStatus": {"metadata": {}, "code": 101}}
        return kube(actor, "get", "vault/pods/vault-0", at, subresource="exec", **more)

    def secret(at: float) -> bytes:
        return kube(BREAK_GLASS, "get", "vault/secrets/unseal", at)

    site = watched(tmp_path, [shell(BREAK_GLASS, 0), shell(ANN, 5), secret(6)])
    assert alerted(site, "K4") == [BREAK_GLASS, ANN]
    assert tune(site, "K4", "--actor", BREAK_GLASS, "--reason", "break glass; each use is reviewed", "--write") == 0
    assert "scope: [vault]" in capsys.readouterr().out
    again(site, [shell(BREAK_GLASS, 5000), shell(ANN, 5001), secret(5002)])
    assert alerted(site, "K4") == [BREAK_GLASS, ANN, ANN]
    assert alerted(site, "K3") == [BREAK_GLASS, BREAK_GLASS]


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which K2, K3, K5 and S1 have fired."""
    folder = tmp_path_factory.mktemp("troubled")
    outside = ["198.51.100.4"]
    watched(
        folder,
        [
            kube(JANITOR, "list", "web/pods", 0, address=outside),
            kube(ANN, "get", "vault/secrets/unseal", 1),
            kube(ANN, "list", "/secrets", 2),
            *deletes(JANITOR, 10, 12),
            sshd("ci", "203.0.113.9", 60),
        ],
    )
    return folder


@pytest.mark.parametrize(
    ("arguments", "reasons"),
    [
        (["K3", "--match", "{namespace: vault}"], ["get_in_a_sensitive_namespace", "excuses every actor of K3"]),
        (["K3", "--match", "{verb: get}"], ["firing cases", "any other actor"]),
        (["K2", "--actor", "system:serviceaccount:*"], ["any other actor from any other address"]),
        (["K2", "--match", "{actor: 'system:serviceaccount:*'}"], ["from_a_public_address", "every actor of K2"]),
        (["S1", "--match", "{address|re: .}"], ["firing cases", "excuses every actor of S1"]),
        (["S1", "--match", "{actor: ci}"], ["the same name from any other address"]),
        (["K2", "--match", f"{{actor: '{JANITOR}'}}"], ["the same name from any other address", "X-Forwarded-For"]),
        (["K2", "--match", f"{{actor: '{JANITOR}', sourceIPs: 198.51.100.4}}"], ["X-Forwarded-For"]),
        (["K5", "--match", "{userAgent: kubectl/v1.34.4}"], ["any other actor from any other address"]),
        (["K5", "--match", "{namespace: web}"], ["any other actor from any other address"]),
        (["K3", "--match", "{impersonatedUser.username: x}"], ["an impersonated name excuses nothing"]),
        (["K3", "--match", "{nosuchfield: x}"], ["no field"]),
    ],
)
def test_what_would_blind_a_rule_is_refused(
    troubled: Path, tmp_path: Path, capsys: Capture, arguments: list[str], reasons: list[str]
) -> None:
    """The refusal names the case or the way through; nothing is written, though a narrower entry may be shown."""
    site = _over(troubled, tmp_path)
    before = site.config.read_bytes()
    words = ["--reason", "x", "--owner", "me", "--write"] if "--match" in arguments else ["--reason", "x", "--write"]
    until = ["--until", "2099-01-31"] if "--match" in arguments else []
    assert tune(site, *arguments, *words, *until) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "refused, " in said
    for reason in reasons:
        assert reason in said
    assert site.config.read_bytes() == before


def test_a_narrower_one_is_shown_beside_a_refusal(troubled: Path, tmp_path: Path, capsys: Capture) -> None:
    """By actor and place; for a rule that asks where somebody comes from, by address as well."""
    site = _over(troubled, tmp_path)
    assert tune(site, "S1", "--match", "{actor: ci}", "--until", "2099-01-31", "--owner", "me") == 1
    narrow = capsys.readouterr().out.partition("\nan exception:")[2]
    assert 'address|cased: "203.0.113.9"' in narrow
    assert "vanish: 1 alert (1 act)" in narrow


def test_an_alert_marked_true_keeps_every_act(troubled: Path, tmp_path: Path, capsys: Capture) -> None:
    """Also where it closed long ago; its id is said. The actor is proposed for by nobody any more."""
    site = _over(troubled, tmp_path)
    one = next(kept for kept in site.kept() if kept.alert.rule == "K5")
    assert site.alerts("close", one.alert.id, "--reason", "it was stolen", "--as", "true") == 0
    assert tune(site, "K5", "--actor", JANITOR) == 1
    said = capsys.readouterr().out
    assert f"because alert {one.alert.id[:8]} was marked true, and would vanish" in said
    assert "[1 marked true]" in said
    assert tune(site, "K5") == 0
    assert "none of them looks like a program" in capsys.readouterr().out
    assert site.alerts("close", one.alert.id, "--reason", "no, it was the clean-up", "--as", "false") == 0
    assert tune(site, "K5") == 0
    assert "people called it a false positive once" in capsys.readouterr().out
    assert site.alerts("show", one.alert.id) == 0
    said = capsys.readouterr().out
    assert "true: it was stolen" in said
    assert "false: no, it was the clean-up" in said


def _over(folder: Path, into: Path) -> Site:
    """A copy of a site."""
    shutil.copytree(folder / "state", into / "state", ignore=shutil.ignore_patterns("ballast"))
    site = Site(into)
    site.write()
    return site
