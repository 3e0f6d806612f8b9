"""`vedette drill` where nothing can be drilled: what is missing is said, and nothing is done."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

from tests.test_names import THE_PACK
from vedette.cli import main
from vedette.store.database import Database


def drilled(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Code, stdout and stderr."""
    code = main(["drill", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings with a place for stand-ins alone."""
    path = tmp_path / "vedette.yaml"
    files = {log: str(tmp_path / f"{log}.inject") for log in ("kube", "vault")}
    path.write_text(json.dumps({"owner": "me@example.org", "drill": {"inject": files}}))
    return path


def test_a_plan_says_of_each_rule_why_it_is_not_drilled(
    capsys: pytest.CaptureFixture[str], config: Path, tmp_path: Path
) -> None:
    """And of the others what would be done; no store is needed for it."""
    code, out, _ = drilled(capsys, "--all", "--plan", "--config", str(config), "--state", str(tmp_path / "none"))
    assert code == 0
    assert {line.partition(":")[0] for line in out.splitlines() if line[:1].isupper()} == THE_PACK
    assert "K5: not drilled: no API server to drill at; say drill: kube: {server, token_file}" in out
    assert "V4: not drilled: no Vault to drill at" in out
    assert "K9: not drilled: done by the owner" in out
    assert "V7: not drilled: the rule is not configured" in out
    assert "V1: stand-in" in out
    assert not (tmp_path / "none").exists()


def test_nothing_is_drilled_where_nobody_watches(
    capsys: pytest.CaptureFixture[str], config: Path, tmp_path: Path
) -> None:
    """An alert could not come; with a store that no `vedette watch` holds, and with none."""
    words = ("V1", "--yes", "--config", str(config), "--state", str(tmp_path / "state"))
    for _ in range(2):
        code, out, err = drilled(capsys, *words)
        assert (code, out) == (2, "")
        assert "no `vedette watch` runs here" in err
        Database(tmp_path / "state").close()
    assert not (tmp_path / "vault.inject").exists()


def test_two_drills_at_once_are_one_too_many(capsys: pytest.CaptureFixture[str], config: Path, tmp_path: Path) -> None:
    """The second would take away what the first makes."""
    Database(tmp_path / "state").close()
    with (tmp_path / "state" / "lock").open("w") as watch, (tmp_path / "state" / "drill.lock").open("w") as drill:
        for file in (watch, drill):
            fcntl.flock(file, fcntl.LOCK_EX)
        words = ("V1", "--yes", "--config", str(config), "--state", str(tmp_path / "state"))
        code, out, err = drilled(capsys, *words)
    assert (code, out) == (2, "")
    assert "another `vedette drill` runs here" in err
    assert not (tmp_path / "vault.inject").exists()


def test_a_rule_that_cannot_be_drilled_is_an_error(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    """Asked for by name, with the mend."""
    code, out, err = drilled(capsys, "K5", "--yes", "--config", str(config))
    assert (code, out) == (2, "")
    assert "K5: no API server to drill at" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name the rules to drill"),
        (["K5", "--all"], "name the rules to drill"),
        (["--clean", "K5"], "--clean stands alone"),
        (["K99"], "no rule is called 'K99'"),
        (["V1", "--for-real"], "for_real: on"),
    ],
)
def test_a_wrong_call_does_nothing(
    capsys: pytest.CaptureFixture[str], config: Path, words: list[str], said: str
) -> None:
    """Exit 2, and what to write."""
    code, out, err = drilled(capsys, *words, "--config", str(config))
    assert (code, out) == (2, "")
    assert said in err


def test_for_real_there_is_no_stand_in(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    """What was asked for truly is not put in a log instead."""
    text = json.loads(config.read_text())
    config.write_text(json.dumps({**text, "drill": {**text["drill"], "for_real": "on"}}))
    code, _, err = drilled(capsys, "K6", "--for-real", "--yes", "--config", str(config))
    assert code == 2
    assert "policy_file" in err


def test_rights_are_printed_with_the_names_of_the_settings(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    """The decoy, the namespace and the pod that drill: names; a name that Kubernetes would not take is refused."""
    kube = {"server": "https://10.0.0.1:6443", "token_file": "/t", "secret": "vault/decoy", "pod": "dbaas/idle"}
    config.write_text(json.dumps({"drill": {"kube": {**kube, "namespace": "tries"}}}))
    assert main(["render", "rights", "kube-drill", "--config", str(config)]) == 0
    out = capsys.readouterr().out
    assert "resourceNames: [decoy]" in out
    assert "system:serviceaccounts:tries" in out
    assert "resourceNames: [idle]" in out
    assert main(["render", "rights", "kube-drill", "--name", "A B", "--config", str(config)]) == 2
    assert main(["render", "rights", "vault-drill", "--config", str(config)]) == 0
