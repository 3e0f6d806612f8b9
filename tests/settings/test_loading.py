"""Finding the file, and laying it over the built-in defaults."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from vedette.settings import Settings, SettingsError, find, load, load_case
from vedette.settings.loading import DEFAULTS
from vedette.settings.reading import Findings, read
from vedette.yaml_text import read_file

TODAY = date(2026, 11, 23)
Load = Callable[[str], Settings]


def actors(settings: Settings, rule: str) -> set[str]:
    """Everybody whom the rule excuses."""
    entries = (entry for entry in settings.automation if rule in entry.rule and not entry.off)
    return {actor for entry in entries for actor in entry.actor}


def write(path: Path, text: str = "owner: me\n") -> Path:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_file_is_found_in_the_documented_order(tmp_path: Path) -> None:
    """$VEDETTE_CONFIG, then the working folder, then XDG, then ~/.config; the first that is there wins."""
    here, xdg, home = tmp_path / "here", tmp_path / "xdg", tmp_path / "home"
    environ = {"VEDETTE_CONFIG": "named.yaml", "XDG_CONFIG_HOME": str(xdg), "HOME": str(home)}
    last = write(home / ".config/vedette/vedette.yaml")
    third = write(xdg / "vedette/vedette.yaml")
    second = write(here / "vedette.yaml")
    assert find(environ, here) == Path("named.yaml")
    del environ["VEDETTE_CONFIG"]
    assert find(environ, here) == second
    second.unlink()
    assert find(environ, here) == third
    environ["XDG_CONFIG_HOME"] = "relative/is/ignored"
    assert find(environ, here) == last


def test_a_found_file_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    """A dangling link where the settings are looked for is an error, never the built-in settings."""
    (tmp_path / "vedette.yaml").symlink_to("gone")
    with pytest.raises(SettingsError, match=r"vedette\.yaml: error: cannot be read"):
        load(environ={}, folder=tmp_path)


@pytest.mark.parametrize("given", ["argument", "variable"])
def test_a_named_file_must_be_there(tmp_path: Path, given: str) -> None:
    """A file that was asked for and is not there is an error, though another could be found."""
    write(tmp_path / "vedette.yaml")
    gone = str(tmp_path / "gone.yaml")
    with pytest.raises(SettingsError, match=r"gone\.yaml: error: cannot be read: No such file"):
        load(
            gone if given == "argument" else None,
            environ={"VEDETTE_CONFIG": gone} if given == "variable" else {},
            folder=tmp_path,
        )


def test_without_a_file_the_defaults_hold_and_say_so_in_one_line(tmp_path: Path) -> None:
    """Loopback and private networks are trusted, nobody is the owner, and one line says both."""
    settings = load(environ={"HOME": str(tmp_path)}, folder=tmp_path)
    (note,) = settings.notes
    assert "\n" not in note
    assert "loopback, RFC 1918, 100.64.0.0/10 and fc00::/7" in note
    trusted = settings.site_networks()["trusted"]
    inside = ("127.0.0.1", "::1", "10.1.2.3", "172.31.0.1", "192.168.9.9", "100.64.0.1", "fd00::1")
    assert [trusted.contains(address) for address in inside] == [True] * len(inside)
    outside = ("203.0.113.7", "172.32.0.1", "100.128.0.1", "2001:db8::1", "169.254.1.1")
    assert [trusted.contains(address) for address in outside] == [False] * len(outside)
    assert settings.site_texts()["owner"] == ()
    assert settings.problems == ()
    assert settings.file == ""


def test_the_defaults_themselves_are_right() -> None:
    """The built-in settings pass the checks that a user's must."""
    (document,) = read_file(DEFAULTS)
    findings = Findings(document)
    read(document, findings)
    assert findings.problems == []
    assert not [problem for problem in load(DEFAULTS, today=TODAY).problems if problem.error]


def test_who_is_excused_from_the_start(load: Load) -> None:
    """K3 and K5 excuse the control plane, K4 nobody, and no person or program of a user's is among them."""
    settings = load("")
    assert actors(settings, "K4") == set()
    assert actors(settings, "K3") == {
        "system:apiserver",
        "system:kube-controller-manager",
        "system:serviceaccount:kube-system:namespace-controller",
        "system:serviceaccount:kube-system:generic-garbage-collector",
        "system:node:*",
    }
    assert {entry.scope for entry in settings.automation if "system:node:*" in entry.actor and "K3" in entry.rule} == {
        "named"
    }
    controllers = (
        "generic-garbage-collector namespace-controller daemon-set-controller replicaset-controller "
        "statefulset-controller replication-controller job-controller node-controller taint-eviction-controller "
        "pod-garbage-collector ttl-after-finished-controller legacy-service-account-token-cleaner token-cleaner"
    )
    assert actors(settings, "K5") == {
        "system:node:*",
        "system:kube-scheduler",
        "system:kube-controller-manager",
        *(f"system:serviceaccount:kube-system:{name}" for name in controllers.split()),
    }


def test_entries_are_added_to_the_defaults(load: Load) -> None:
    """A user's automation and namespaces stand beside the built-in ones."""
    settings = load(
        "automation: [{actor: velero, rule: K3, reason: backups}]\nsensitive_namespaces: {secrets: [pay, vault]}\n"
    )
    assert {"velero", "system:apiserver"} <= actors(settings, "K3")
    assert settings.sensitive_namespaces.secrets == ("vault", "sealed-secrets", "external-secrets", "pay")


def test_defaults_are_taken_away_one_by_one(load: Load) -> None:
    """`off` takes an actor from one rule's entry, `without` a namespace from both lists; the others stay."""
    settings = load(
        "automation: [{actor: 'system:node:*', rule: K5, off: true}]\nsensitive_namespaces: {without: [dbaas, vault]}\n"
    )
    assert "system:node:*" not in actors(settings, "K5")
    assert "system:node:*" in actors(settings, "K3")
    assert "system:kube-scheduler" in actors(settings, "K5")
    assert settings.sensitive_namespaces.exec == ("kube-system", "cnpg-system")
    assert settings.sensitive_namespaces.secrets == ("sealed-secrets", "external-secrets")


def test_own_networks_take_the_place_of_the_defaults(load: Load) -> None:
    """With lists of one's own nothing else is trusted."""
    settings = load("networks: {lan: 192.168.1.0/24}")
    assert settings.networks == {"lan": ("192.168.1.0/24",)}
    assert settings.notes == ()


def test_a_file_without_networks_says_which_are_trusted(load: Load) -> None:
    """The built-in networks hold, and a line says so."""
    settings = load("owner: me")
    assert set(settings.networks) == {"loopback", "private", "shared", "unique_local"}
    assert settings.notes == (
        "vedette.yaml names no networks: the trusted ones are loopback, RFC 1918, 100.64.0.0/10 and fc00::/7",
    )


def test_an_expired_exception_is_said_at_every_start(load: Load) -> None:
    """A line for stderr names the place, the rule, the day, the reason and the owner."""
    entry = "rule: K3, match: {verb: get}, reason: audit, owner: Ann, expires: 2026-01-01"
    settings = load(f"networks: {{l: 127.0.0.0/8}}\nexceptions:\n  - {{{entry}}}\n")
    assert settings.notes == ("vedette.yaml:3: the exception for K3 expired on 2026-01-01: audit (Ann)",)


def test_a_file_in_the_working_folder_is_named_as_a_person_would(tmp_path: Path) -> None:
    """Messages name ./vedette.yaml by its bare name, others by their path."""
    write(tmp_path / "vedette.yaml", "ownr: x\n")
    with pytest.raises(SettingsError, match=r"\Avedette\.yaml:1:1: error"):
        load(environ={}, folder=tmp_path)
    with pytest.raises(SettingsError, match=str(tmp_path)):
        load(tmp_path / "vedette.yaml", environ={}, folder=Path("/"))


def test_a_case_lies_over_its_base(tmp_path: Path) -> None:
    """Maps are merged key by key, everything else is replaced."""
    base = write(
        tmp_path / "cases.yaml",
        "networks: {lan: [10.0.0.0/24], pods: [10.1.0.0/16]}\nowner: {name: me, vault_entities: [e]}\n"
        "automation: [{actor: a, rule: K5, reason: r}]\n",
    )
    piece = {"networks": {"lan": ["10.9.0.0/24"]}, "owner": {"name": "you"}, "automation": []}
    settings = load_case(base, piece, today=TODAY)
    assert settings.networks == {"lan": ("10.9.0.0/24",), "pods": ("10.1.0.0/16",)}
    assert (settings.owner.name, settings.owner.vault_entities) == ("you", ("e",))
    assert "a" not in actors(settings, "K5")
    assert load_case(base, {}, today=TODAY).owner.name == "me"


def test_a_case_with_wrong_settings_is_refused(tmp_path: Path) -> None:
    """A piece is held to the same checks as a file."""
    with pytest.raises(SettingsError, match="unknown key 'ownr'"):
        load_case(write(tmp_path / "cases.yaml"), {"ownr": "x"}, today=TODAY)


def test_the_settings_of_the_pack_s_cases_are_right(root: Path) -> None:
    """cases.yaml raises no word, not even a note."""
    settings = load(root / "src/vedette/rules/cases.yaml", today=TODAY)
    assert settings.problems == ()
    assert settings.owner.name == "me@example.org"


def test_origins_are_the_lines_where_values_were_said(load: Load) -> None:
    """Each value knows its file and line; what was not said is built in."""
    settings = load(
        "owner: me\nsensitive_namespaces:\n  secrets:\n    - pay\nautomation:\n- actor: a\n  rule: K3\n  reason: r\n"
    )
    last = len(settings.automation) - 1
    assert str(settings.origin(("owner", "name"))) == "vedette.yaml:1"
    assert str(settings.origin(("sensitive_namespaces", "secrets", 3))) == "vedette.yaml:4"
    assert str(settings.origin(("sensitive_namespaces", "secrets", 0))) == "default"
    assert str(settings.origin(("automation", last, "reason"))) == "vedette.yaml:8"
    assert str(settings.origin(("automation", 0, "reason"))) == "default"
    assert str(settings.origin(("networks", "loopback", 0))) == "default"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    """A file without permission to read is an error with its name."""
    path = write(tmp_path / "vedette.yaml")
    path.chmod(0)
    with pytest.raises(SettingsError, match="cannot be read: Permission denied"):
        load(path)
