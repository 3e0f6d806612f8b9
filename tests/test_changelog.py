"""Changelog fragments: what is refused, and how a release takes them up."""

from __future__ import annotations

import datetime
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def check(root: Path) -> ModuleType:
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("changelog_check", root / "changelog.d" / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("zst.added.md", "`vedette scan` reads `.zst` files.", ""),
        ("README.md", "- anything", ""),
        ("zst.md", "A sentence.", "name it"),
        ("Zst.added.md", "A sentence.", "name it"),
        ("zst.new.md", "A sentence.", "name it"),
        ("zst.added.md", "", "write sentences"),
        ("zst.added.md", "add zst", "write sentences"),
        ("zst.added.md", "# Zst\nA sentence.", "no headings"),
        ("zst.added.md", "- a point.", "no headings"),
        ("zst.added.md", "One. Two. Three. Four.", "at most 3"),
    ],
)
def test_a_fragment_is_refused_by_name_and_form(
    check: ModuleType, tmp_path: Path, name: str, text: str, wrong: str
) -> None:
    """A fragment has a kind in its name and one to three sentences in it."""
    (tmp_path / name).write_text(text, "utf-8")
    found = check.problems(tmp_path)
    assert [wrong in problem for problem in found] == ([True] if wrong else [])


def test_a_release_takes_the_fragments_up(check: ModuleType, tmp_path: Path) -> None:
    """A release stands above the last one, by kind, and the fragments are gone."""
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text("# Changelog\n\n<!-- releases -->\n\n## 0.1.0 (2026-01-01)\n", "utf-8")
    folder = tmp_path / "changelog.d"
    folder.mkdir()
    (folder / "b.fixed.md").write_text("It no longer\nfails.\n", "utf-8")
    (folder / "a.added.md").write_text("It sings.\n", "utf-8")
    (folder / "README.md").write_text("kept", "utf-8")
    check.release(folder, changelog, "0.2.0", datetime.date(2026, 2, 3))
    assert changelog.read_text("utf-8") == (
        "# Changelog\n\n<!-- releases -->\n\n## 0.2.0 (2026-02-03)\n\n### Added\n\n- It sings.\n\n"
        "### Fixed\n\n- It no longer fails.\n\n## 0.1.0 (2026-01-01)\n"
    )
    assert [path.name for path in folder.iterdir()] == ["README.md"]
