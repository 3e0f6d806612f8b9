"""`vedette render loki` and `vedette rules test --on`, as far as no Loki is needed."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.cli.test_scan import vedette
from tests.scans import SETTINGS


def test_prints_a_rule_file_and_says_what_is_not_in_it() -> None:
    """Data on stdout, refusals on stderr."""
    done = vedette("render", "loki", "K3", "K6", "--config", SETTINGS)
    assert done.returncode == 0
    assert [group["name"] for group in yaml.safe_load(done.stdout)["groups"]] == ["vedette-K3"]
    assert b"K6.flags is not for Loki: `auditFlags`" in done.stderr


def test_drift_is_found(tmp_path: Path) -> None:
    """0 for what it rendered itself, 1 once a line differs, 2 where there is no file."""
    file = tmp_path / "rules.yaml"
    arguments = ("render", "loki", "K3", "--config", SETTINGS, "--job", "kube=audit")
    file.write_bytes(vedette(*arguments).stdout)
    assert b'{job="audit"}' in file.read_bytes()
    assert vedette(*arguments, "--check", file).returncode == 0
    file.write_text(file.read_text("utf-8").replace("interval: 30s", "interval: 60s"), "utf-8")
    drift = vedette(*arguments, "--check", file)
    assert drift.returncode == 1
    assert b"-  interval: 60s\n+  interval: 30s" in drift.stdout
    assert vedette(*arguments, "--check", tmp_path / "none").returncode == 2


def test_bare_queries_and_wrong_words() -> None:
    """`-o queries` has one a line; a job without a name, a rule that Loki cannot carry and an odd --on are errors."""
    done = vedette("render", "loki", "K3", "-o", "queries", "--config", SETTINGS)
    assert done.stdout.count(b'\n{job="kube-audit"} ') == 3
    assert vedette("render", "loki", "--job", "kube", "--config", SETTINGS).returncode == 2
    assert vedette("render", "loki", "K10", "--config", SETTINGS).returncode == 2
    done = vedette("rules", "test", "K3", "--on", "lokki", "--config", SETTINGS)
    assert done.returncode == 2
    assert b"--on lokki: write loki" in done.stderr


def test_into_a_folder_with_files_of_others(tmp_path: Path) -> None:
    """Their queries need a Loki, or a word that it is well so; a broken file stays an error all the same."""
    arguments = ("render", "loki", "K3", "--config", SETTINGS, "--into", tmp_path)
    assert vedette(*arguments).returncode == 0
    assert (tmp_path / "vedette.yaml").read_bytes() == vedette(*arguments[:-2]).stdout
    (tmp_path / "theirs.yml").write_text("groups: [{name: g, rules: [{alert: A, expr: vector(1)}]}]\n")
    done = vedette(*arguments)
    assert done.returncode == 2
    assert b"check the queries of the folder's other files (1): give --loki URL" in done.stderr
    done = vedette(*arguments, "--unchecked")
    assert done.returncode == 0
    assert b"unchanged, 1 group; 1 other file; their queries were not checked" in done.stdout
    (tmp_path / "theirs.yml").write_bytes((tmp_path / "vedette.yaml").read_bytes())
    done = vedette(*arguments, "--unchecked")
    assert b"theirs.yml: warning: it has groups of the same names" in done.stderr
    assert done.returncode == 0
    (tmp_path / "theirs.yml").write_text("groups: [{nome: g}]\n")
    done = vedette(*arguments, "--unchecked")
    assert done.returncode == 2
    assert f"{tmp_path}/theirs.yml:1:11: error: Loki knows no `nome` here".encode() in done.stderr


def test_into_is_not_mixed_up(tmp_path: Path) -> None:
    """No folder, a link in the place of the file, words that do not go together: 2, and nothing is written."""
    arguments = ("render", "loki", "K3", "--config", SETTINGS)
    assert vedette(*arguments, "--into", tmp_path / "none").returncode == 2
    assert vedette(*arguments, "--into", tmp_path, "--explain").returncode == 2
    assert vedette(*arguments, "--unchecked").returncode == 2
    assert vedette(*arguments, "--into", tmp_path, "--loki", "x", "--unchecked").returncode == 2
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "vedette.yaml").symlink_to(tmp_path / "elsewhere")
    done = vedette(*arguments, "--into", tmp_path / "rules")
    assert done.returncode == 2
    assert b"is no file of its own" in done.stderr
    assert (tmp_path / "elsewhere").read_text() == ""
