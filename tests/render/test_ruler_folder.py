"""A folder of the ruler, read without a Loki: what is wrong has a place, and a file is put there whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.rule_files import GOOD, LOADED, REFUSED, encoded
from vedette.problem import Problem
from vedette.render.ruler_folder import read_folder, read_rule_file, write_file
from vedette.render.ruler_template import refused


def wrong(text: str) -> list[Problem]:
    """What keeps a file from being loaded."""
    return [problem for problem in read_rule_file("x.yaml", encoded(text)).problems if problem.error]


@pytest.mark.parametrize("name", LOADED)
def test_what_loki_loads_is_taken(name: str) -> None:
    """tests/real holds the same table to a real one."""
    assert wrong(LOADED[name]) == []


@pytest.mark.parametrize("name", [name for name in REFUSED if name != "bad_query"])
def test_what_loki_refuses_has_a_reason(name: str) -> None:
    """All but queries, which Loki itself must judge."""
    assert wrong(REFUSED[name])


def test_a_problem_stands_at_its_place() -> None:
    """Line, column, and what to write."""
    (problem,) = wrong(GOOD + "  intervall: 1m\n")
    assert (problem.line, problem.column) == (5, 3)
    assert problem.mend == "did you mean `interval`?"
    (problem,) = wrong(GOOD.replace("groups:\n", "groups:\n- {name: g}\n"))
    assert (problem.line, "first on line 2" in problem.message) == (3, True)


def test_a_second_document_is_no_error_and_is_said() -> None:
    """Loki reads the first alone, and tells nobody."""
    file = read_rule_file("x.yaml", encoded(LOADED["second_document"]))
    (warning,) = file.problems
    assert not warning.error
    assert warning.line == 6
    assert "not loaded" in warning.message


def test_the_place_in_a_query_of_several_lines() -> None:
    """Loki counts lines and columns within the query; shown are those of the file."""
    text = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: |\n      sum(\n        foo)\n"
    (query,) = read_rule_file("x.yaml", text.encode()).queries
    problem = query.problem("parse error at line 2, col 3: syntax error: unexpected IDENTIFIER")
    assert (problem.line, problem.column) == (7, 9)
    assert problem.message == "Loki cannot parse it: syntax error: unexpected IDENTIFIER"
    assert query.problem("something else").line == 5


def test_what_is_no_file_is_refused_and_a_folder_passed_over(tmp_path: Path) -> None:
    """A pipe is not waited for; a file that may not be read is said."""
    (tmp_path / "sub").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "vedette.yaml").write_text("broken: {{{")
    files = read_folder(tmp_path, besides="vedette.yaml")
    assert [(Path(file.name).name, len(file.problems)) for file in files] == [("a.yaml", 0), ("pipe", 1)]
    with pytest.raises(FileNotFoundError):
        read_folder(tmp_path / "none", besides="vedette.yaml")


def test_a_file_is_put_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not finished is never a file of the folder; the mode of what was there stays."""
    write_file(tmp_path, "vedette.yaml", "first\n")
    (tmp_path / "vedette.yaml").chmod(0o640)
    write_file(tmp_path, "vedette.yaml", "second\n")
    assert (tmp_path / "vedette.yaml").read_text() == "second\n"
    assert (tmp_path / "vedette.yaml").stat().st_mode & 0o777 == 0o640
    seen: list[list[str]] = []

    def fail(_: int) -> None:
        seen.append([path.name for path in tmp_path.iterdir() if path.is_file()])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_file(tmp_path, "vedette.yaml", "third\n")
    assert seen == [["vedette.yaml"]]
    assert (tmp_path / "vedette.yaml").read_text() == "second\n"
    assert [path.name for path in tmp_path.iterdir()] == ["vedette.yaml"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ $x }}", "nothing is called $x"),
        ("{{ range $i, $x := $labels }}{{ $x }}{{ $i }}{{ end }}", ""),
        ("{{ foo 1 }}", "no function is called foo"),
        ("{{ if $value }}", "without its {{ end }}"),
        ("{{ printf `%s` \"}}\" 'a' }}", ""),
        ("no braces } { }}", ""),
        ('{{ print "a }}', "without its }}"),
        ("{{- $value | humanize -}}", ""),
    ],
)
def test_a_template_is_read_as_far_as_names_go(text: str, reason: str) -> None:
    """Texts in it may hold braces; what it names must be there."""
    said = refused(text)
    assert (reason in said) if reason else said == ""
