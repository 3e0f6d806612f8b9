"""One name everywhere, and the bar that every file is held to."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src" / "vedette"
PACK = SRC / "rules"
FOLDERS = sorted(path.parent for path in PACK.glob("*/*/rule.yml"))
MODULES = sorted(
    path
    for folder in ("src", "docs", "bench", "examples", "lab", "oracles", "changelog.d")
    for path in (ROOT / folder).rglob("*.py")
)
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if path.stat().st_size)
ROOMS = sorted(path.parent for path in SRC.glob("*/__init__.py"))
THE_PACK = {*(f"K{n}" for n in range(2, 11)), *(f"V{n}" for n in range(1, 8)), "S1"}
RUNBOOK = ["Meaning", "First look", "Real or not", "Act", "False positives", "Drill"]
ROOM_LINES = ("In: ", "Never does: ", "Add ", "Read first: ")
LONGEST_FILE = 500
LONGEST_FUNCTION = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    """A test id: the path from the repository's root."""
    return str(path.relative_to(ROOT))


def documents(folder: Path) -> list[dict[str, object]]:
    """The YAML documents of a folder's rule, as any YAML reader sees them."""
    return list(yaml.safe_load_all((folder / "rule.yml").read_text("utf-8")))


def rule_name(folder: Path) -> str:
    """The one document's name that has no dot."""
    names = [str(document["name"]) for document in documents(folder)]
    bare = [name for name in names if "." not in name]
    assert len(bare) == 1, f"{folder.name}: exactly one document has the bare name, not {names}"
    return bare[0]


def tree(path: Path) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(path.read_text("utf-8"), str(path))


def functions(module: ast.Module) -> Iterator[Function]:
    """Every function of a module, at any depth."""
    return (node for node in ast.walk(module) if isinstance(node, Function))


def committed() -> list[Path]:
    """Every file that is, or is about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("no git, or no repository: the committed files cannot be listed")
    found = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [path for path in found if path.is_file()]


def test_the_pack_is_whole() -> None:
    """Every rule of the pack is there, each once."""
    names = Counter(rule_name(folder) for folder in FOLDERS)
    assert set(names) == THE_PACK
    assert max(names.values()) == 1


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_rule_has_one_name_everywhere(folder: Path) -> None:
    """Rule name, folder, documents, page and cases all say the same name."""
    name = rule_name(folder)
    assert re.fullmatch(rf"{name.lower()}(_[a-z0-9]+)+", folder.name)
    assert {str(document["name"]).partition(".")[0] for document in documents(folder)} == {name}
    assert {path.name for path in folder.iterdir()} == {"rule.yml", "fires.jsonl", "quiet.jsonl", "runbook.md"}
    assert (ROOT / "docs" / "rules" / f"{name.lower()}.md").is_file()
    assert (folder / "runbook.md").read_text("utf-8").startswith(f"# {name}: ")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_cases_are_named_and_explained(folder: Path) -> None:
    """Each case of a rule has a name of its own in snake_case, a reason and events; both kinds of case are there."""
    names: list[str] = []
    for kind in ("fires", "quiet"):
        cases = [json.loads(line) for line in (folder / f"{kind}.jsonl").read_text("utf-8").splitlines()]
        assert cases, f"{folder.name}: no {kind} case"
        for case in cases:
            assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", case["case"])
            assert case["why"].strip()
            assert case["events"]
            names.append(case["case"])
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_runbook_answers_the_same_questions(folder: Path) -> None:
    """A runbook has exactly the agreed headings, in order, and something under each."""
    text = (folder / "runbook.md").read_text("utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == RUNBOOK
    assert all(part.strip() for part in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:])


@pytest.mark.parametrize("room", ROOMS, ids=name_of)
def test_a_room_says_what_it_is(room: Path) -> None:
    """A room's docstring has five lines: what it is, in and out, what it never does, how to add one, where to begin."""
    first, _, rest = (ast.get_docstring(tree(room / "__init__.py")) or "").partition("\n\n")
    assert first
    assert "\n" not in first
    lines = [line for line in rest.splitlines() if line and not line.startswith(" ")]
    starts = tuple(next((start for start in ROOM_LINES if line.startswith(start)), line) for line in lines[:4])
    assert starts == ROOM_LINES
    assert "Out: " in lines[0]
    assert " by: " in lines[2]
    read_first = re.findall(r"[\w/]+\.(?:py|yml|yaml|md)\b", rest.partition("Read first: ")[2])
    assert read_first
    assert [name for name in read_first if not (room / name).exists() and not (SRC / name).exists()] == []


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
def test_no_file_and_no_function_is_too_long(path: Path) -> None:
    """A file has at most 500 lines, a function at most 60."""
    lines = path.read_text("utf-8").count("\n")
    assert lines <= LONGEST_FILE
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions(tree(path)) if f.end_lineno is not None}
    assert {name: length for name, length in long.items() if length > LONGEST_FUNCTION} == {}


def undocumented(body: list[ast.stmt], where: str) -> Iterator[str]:
    """Public classes and functions of `body`, at any depth of classes, that have no docstring."""
    for node in body:
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        if any(ast.unparse(mark).rpartition(".")[2] in {"overload", "override"} for mark in node.decorator_list):
            continue
        if ast.get_docstring(node) is None:
            yield f"{where}{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from undocumented(node.body, f"{where}{node.name}.")


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
def test_every_public_name_is_documented(path: Path) -> None:
    """Modules, classes, functions and methods have docstrings; tests say the behaviour that they hold."""
    module = tree(path)
    assert ast.get_docstring(module)
    assert list(undocumented(module.body, "")) == []


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_every_test_asserts(path: Path) -> None:
    """A test without an assertion proves nothing."""
    tests = [node for node in functions(tree(path)) if node.name.startswith("test_")]
    assert [test.name for test in tests if not asserts(test)] == []


def asserts(test: Function) -> bool:
    """True when `test` itself asserts or expects an exception."""
    for node in ast.walk(test):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"pytest.raises", "pytest.fail"}:
            return True
    return False


def test_file_names_say_what_is_inside() -> None:
    """No module is called by what it does not say."""
    vague = {"utils", "util", "helpers", "helper", "common", "core", "manager", "misc"}
    assert [name_of(path) for path in MODULES if path.stem in vague or path.parent.name in vague] == []


# Brackets, so that this file does not hold what it looks for.
HOSTS = re.compile(r"pypi[.]org|python[h]osted|crates[.]io|npmjs[.](?:org|com)|proxy[.]golang|maven[.]org|deb[.]debian")
PLACES = re.compile(r"(?<![\w.])/(?:[w]ork/|[r]oot/(?!\.ssh)|[t]mp/w/)")


def test_no_file_names_a_registry_or_this_machine() -> None:
    """Packages come through whatever index the reader's pip is set to, and no file knows where it was made."""
    found: list[str] = []
    for path in committed():
        text = path.read_bytes().decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), 1):
            if HOSTS.search(line) or PLACES.search(line):
                found.append(f"{name_of(path)}:{number}: {line.strip()[:120]}")
    assert found == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-oracle.lock"])
def test_locks_are_hashes_without_addresses(name: str) -> None:
    """Every locked package has its exact version and hashes; no line names an index."""
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    assert re.findall(r"^--", text, re.MULTILINE) == []
    entries = re.split(r"\n(?=[a-z])", text.partition("\n")[2])
    packages = [entry for entry in entries if re.match(r"[a-z]", entry)]
    assert packages
    assert [
        entry.split()[0] for entry in packages if "==" not in entry.split()[0] or "--hash=sha256:" not in entry
    ] == []


def test_both_locks_agree() -> None:
    """What `make run` installs is what `make test` tests."""
    run, dev = (
        set(re.findall(r"^[a-z][^ ]*==[^ ]+", (ROOT / name).read_text("utf-8"), re.MULTILINE))
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert run
    assert run <= dev
