"""`vedette rules`, `vedette explain`, and what the parser says of a wrong word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_scan import vedette
from tests.scans import LOGS, SETTINGS


def test_list_names_all_seventeen() -> None:
    """A line each, with severity and sources; the same as JSON."""
    done = vedette("rules", "list", "--config", SETTINGS)
    names = [line.split()[0] for line in done.stdout.decode().splitlines()]
    assert names == [*(f"K{n}" for n in range(2, 11)), "S1", *(f"V{n}" for n in range(1, 8))]
    records = json.loads(vedette("rules", "list", "--config", SETTINGS, "-o", "json").stdout)
    assert [record["rule"] for record in records] == names


def test_show_tells_what_a_rule_cannot_see() -> None:
    """Needs, blind spots, runbook and Sigma text."""
    shown = vedette("rules", "show", "k3").stdout.decode()
    assert "Needs\n  - kube_audit: level Metadata" in shown
    assert "Cannot see\n  - " in shown
    assert vedette("rules", "show", "K3", "--runbook").stdout.startswith(b"# K3")
    assert b"logsource:" in vedette("rules", "show", "K3", "--sigma").stdout


def test_a_new_rule_passes_its_own_cases(tmp_path: Path) -> None:
    """`new` writes something that works, for each source; `lint` agrees, and a scan takes it."""
    for source in ("kubernetes", "vault", "sshd"):
        folder = tmp_path / f"mine_{source}"
        assert vedette("rules", "new", folder, "--source", source).returncode == 0
        done = vedette("rules", "test", folder)
        assert done.stdout.decode().splitlines()[-1] == "2 passed, 0 failed"
        assert done.returncode == 0
        assert vedette("rules", "lint", folder).returncode == 0
    assert vedette("rules", "new", tmp_path / "mine_vault").returncode == 2
    scan = vedette("scan", "-q", "--config", SETTINGS, "--rules", tmp_path, "--rule", "mine_sshd", LOGS)
    assert b"mine_sshd" in scan.stdout
    assert scan.returncode == 1


def test_a_case_that_fails_is_named(tmp_path: Path) -> None:
    """What was expected, what came, where the case stands."""
    vedette("rules", "new", tmp_path / "mine")
    fires, quiet = tmp_path / "mine" / "fires.jsonl", tmp_path / "mine" / "quiet.jsonl"
    one, other = fires.read_text(), quiet.read_text()
    fires.write_text(other.replace("something_else", "wrong"))
    quiet.write_text(one)
    done = vedette("rules", "test", tmp_path / "mine", "-q")
    said = done.stdout.decode()
    assert "FAILED mine fires wrong: must give 1 alert, but gave none" in said
    assert "FAILED mine quiet the_plain_act: must stay quiet, but gave mine warning done x1" in said
    assert f"{fires}:1" in said
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no json\n", "fires.jsonl:1: no JSON"),
        ('{"case": "x"}\n', "a case needs `case`, a name, and `events`"),
        ('{"case": "x", "events": [], "expects": {}}\n', "case has no key 'expects'"),
        ('{"case": "x", "events": [], "expect": {"alert": 1}}\n', "expect has no key 'alert'"),
        ('{"case": "x", "events": [], "settings": {"owners": 1}}\n', "its settings do not hold"),
    ],
)
def test_a_wrong_case_is_placed(tmp_path: Path, line: str, said: str) -> None:
    """File, line and what to do."""
    vedette("rules", "new", tmp_path / "mine")
    (tmp_path / "mine" / "fires.jsonl").write_text(line)
    done = vedette("rules", "test", tmp_path / "mine")
    assert said in done.stderr.decode()
    assert done.returncode == 2


def test_a_rule_without_proof_is_refused_unless_asked(tmp_path: Path) -> None:
    """Somebody else's Sigma file needs `--unproven` for a scan."""
    vedette("rules", "new", tmp_path / "mine")
    (tmp_path / "mine" / "fires.jsonl").unlink()
    refused = vedette("scan", "--rules", tmp_path / "mine", LOGS)
    assert refused.returncode == 2
    assert b"rule.yml" in refused.stderr
    assert vedette("scan", "-q", "--unproven", "--rules", tmp_path / "mine", "--rule", "mine", LOGS).returncode in (
        0,
        1,
    )


def test_explain_names_the_clause_and_the_value() -> None:
    """Which part held, on which value; the exit code says whether it fires."""
    line = next(x for x in (LOGS / "kube-audit.jsonl").read_bytes().splitlines() if b"vault/secrets/unseal-keys" in x)
    done = vedette("explain", "K3", "-", "--config", SETTINGS, data=line + b"\n")
    said = done.stdout.decode()
    assert "yes       objectRef.resource|cased: secrets   ['secrets']" in said
    assert "the event's outcome is" in said
    assert done.returncode in (0, 1)
    other = vedette("explain", "V1", "-", data=line + b"\n")
    assert other.returncode == 2
    assert b"no event here that V1 looks at" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scna"], "no command is called 'scna'; did you mean 'scan'?"),
        (["rules", "show", "K99"], "no rule is called 'K99'"),
        (["scan", "--wrong", "x"], "unrecognized arguments: --wrong"),
        (["explain", "K3", "nowhere.json"], "nowhere.json: No such file"),
        ([], "usage: vedette COMMAND"),
    ],
)
def test_a_wrong_word_is_answered(arguments: list[str], said: str) -> None:
    """Exit code 2 and what would be right."""
    done = vedette(*arguments)
    assert said in done.stderr.decode()
    assert done.returncode == 2


def test_completion_is_written_for_both_shells() -> None:
    """bash and zsh know the commands."""
    for shell in ("bash", "zsh"):
        done = vedette("completion", shell)
        assert b"scan" in done.stdout
        assert done.returncode == 0
