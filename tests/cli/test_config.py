"""`vedette config`: what a person sees, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vedette.cli import main

RIGHT = "networks: {loopback: [127.0.0.0/8, '::1/128'], nodes: [10.0.40.0/24]}\nowner: me\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no settings elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("VEDETTE_CONFIG", raising=False)
    return tmp_path


def test_right_settings_are_summed_up(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A right file gives one line and exit code 0."""
    (here / "vedette.yaml").write_text(RIGHT)
    assert main(["config", "check"]) == 0
    out, err = capsys.readouterr()
    assert out == (
        "ok: vedette.yaml; 3 networks in 2 lists; owner me; 3 automation entries; 0 trusted proxies; 0 exceptions\n"
    )
    assert err == ""


def test_notes_do_not_fail_a_check(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is worth knowing goes to stderr with its place; the exit code stays 0."""
    (here / "vedette.yaml").write_text("networks: {lan: [10.0.0.0/8]}\n")
    assert main(["config", "check"]) == 0
    out, err = capsys.readouterr()
    assert out.endswith("; 2 notes\n")
    assert "vedette.yaml:1:1: warning: no list holds 127.0.0.1 and ::1" in err
    assert "vedette.yaml:1:1: warning: no list is called 'nodes'" in err


def test_every_error_is_shown_with_line_caret_and_mend(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All problems at once, each with the line, a caret and what to write; exit code 2, nothing on stdout."""
    (here / "mine.yaml").write_text("ownr: me\nautomation:\n  - {actor: a, rule: K33, reason: r}\n")
    assert main(["config", "check", "--config", "mine.yaml"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "mine.yaml:1:1: error: unknown key 'ownr' in the settings\n"
        "  ownr: me\n"
        "  ^\n"
        "  mend: did you mean owner?\n"
        "mine.yaml:3:22: error: there is no rule 'K33'\n"
        "  - {actor: a, rule: K33, reason: r}\n".replace("  -", "    -")
        + "                       ^\n"
        "  mend: did you mean K3?\n"
    )


def test_hostile_settings_cannot_write_to_the_terminal(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An escape sequence in a name is shown as text."""
    (here / "vedette.yaml").write_text('owner: "me\\e]0;x\\a*"\n')
    assert main(["config", "check"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_without_a_file_the_built_in_settings_are_checked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on stderr says that none was found and what holds."""
    assert main(["config", "check"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("ok: built-in settings; 7 networks in 4 lists; owner nobody; 3 automation entries")
    assert err.count("\n") == 1
    assert err.startswith("no vedette.yaml found: the trusted networks are loopback, RFC 1918")


def test_a_missing_file_is_an_error(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that was asked for and is not there ends with code 2."""
    assert main(["config", "show", "--config", "gone.yaml"]) == 2
    assert capsys.readouterr().err == "gone.yaml: error: cannot be read: No such file or directory\n"


def test_show_prints_what_holds(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The settings in force, built-in entries included, are printed as YAML."""
    (here / "vedette.yaml").write_text(RIGHT)
    assert main(["config", "show"]) == 0
    out = capsys.readouterr().out
    assert "  nodes:\n    - 10.0.40.0/24\n" in out
    assert "owner:\n  name: me\n" in out
    assert "      - system:kube-scheduler\n" in out
    assert "#" not in out


def test_show_names_origins(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --origin each value is followed by its file and line, or default."""
    (here / "vedette.yaml").write_text(RIGHT)
    assert main(["config", "show", "--origin"]) == 0
    ends = {line.split("#")[1].strip() for line in capsys.readouterr().out.splitlines() if "#" in line}
    assert ends == {"vedette.yaml:1", "vedette.yaml:2", "default"}


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The schema needs no settings, and names every top-level key."""
    assert main(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["additionalProperties"] is False
    assert list(schema["properties"]) == [
        *("networks", "allowlist_from", "owner", "sensitive_namespaces", "automation", "trusted_proxies"),
        *("vault", "exceptions", "sources", "sinks", "routes", "watch", "actions", "drill", "respond"),
        *("cluster", "runbook_url"),
    ]


@pytest.mark.parametrize("name", ["vedette.example.yaml", "examples/homelab.yaml"])
def test_the_examples_are_right(root: Path, name: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The example files name real rules and raise no word but what they explain."""
    assert main(["config", "check", "--config", str(root / name)]) == 0
    assert capsys.readouterr().err == ""


def test_an_exception_that_no_log_could_meet_is_wrong(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A field that no log of the rule has is named with the line of the entry."""
    entry = "{rule: K3, match: {actorr: x}, reason: r, owner: o, expires: 2099-01-01}"
    (here / "vedette.yaml").write_text(f"{RIGHT}exceptions:\n  - {entry}\n")
    assert main(["config", "check"]) == 2
    assert capsys.readouterr().err == (
        "vedette.yaml:4 (exception): error: kube_audit has no field 'actorr'\n  mend: did you mean actor?\n"
    )


def test_own_rules_may_be_named(here: Path) -> None:
    """With --rules, entries may name rules of one's own."""
    (here / "mine.yml").write_text(
        "title: Mine\nid: 0b2f1c1e-7f0f-4c8e-9d3b-2f3a5c6d7e8f\nname: X1\nstatus: test\nlevel: low\n"
        "description: A rule of one's own.\n"
        "logsource: {product: kubernetes, service: audit}\n"
        "detection: {made: {verb: create}, condition: made}\n"
    )
    (here / "vedette.yaml").write_text(f"{RIGHT}automation: [{{actor: a, rule: X1, reason: r}}]\n")
    assert main(["config", "check"]) == 2
    assert main(["config", "check", "--rules", "mine.yml"]) == 0


def test_check_counts_what_watch_reads_and_tells(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says how much of vedette.yaml `watch` takes up; without sources and sinks it says nothing of them."""
    assert main(["config", "check", "--config", str(root / "vedette.example.yaml")]) == 0
    assert capsys.readouterr().out.endswith("1 exception; 10 sources and 4 sinks for watch\n")
