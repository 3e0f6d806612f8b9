"""The docs say what is so: printed pages are fresh, links lead somewhere, and documented commands do what is shown.

In a fenced block marked `sh`, a line that begins with `$ ` is a command; it is run, in a folder where `examples/` is
at hand. `# exit 1` at its end is the exit code to expect. Lines below it are its output, compared word for word; `…`
alone on a line stands for any lines, at a line's end for any rest. Without such lines the output is not compared.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from vedette.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_EXIT = re.compile(r"\s+# exit (\d+)$")
_ANY = "…"
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part == "node_modules" for part in path.relative_to(ROOT).parts[:-1])
)


def name_of(path: Path) -> str:
    """A test id: the path from the repository's root."""
    return str(path.relative_to(ROOT))


def blocks(path: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in one of `languages`."""
    return [body for language, body in _FENCE.findall(path.read_text("utf-8")) if language in languages]


@dataclass
class Command:
    """A documented command."""

    line: str
    code: int
    output: list[str] = field(default_factory=list)


def commands(path: Path) -> Iterator[Command]:
    """The commands of a page's `sh` blocks, in order."""
    command: Command | None = None
    for block in blocks(path, "sh"):
        for line in block.splitlines():
            if line.startswith("$ "):
                if command:
                    yield command
                code = _EXIT.search(line)
                command = Command(_EXIT.sub("", line[2:]), int(code[1]) if code else 0)
            elif command:
                command.output.append(line.rstrip())
        if command:
            yield command
        command = None


STORIES = [path for path in PAGES if any(True for _ in commands(path))]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with `examples/` and a `vedette` that runs this tree, as a newcomer has them."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "vedette"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m vedette "$@"\n', "utf-8")
    program.chmod(0o755)
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "examples").symlink_to(ROOT / "examples")
    return folder


def run(command: str, desk: Path) -> subprocess.CompletedProcess[str]:
    """Run one documented line by the shell; both outputs together, as a person sees them."""
    environment = {
        "PATH": f"{desk.parent / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "HOME": str(desk.parent),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
    }
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=desk,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def pattern(shown: list[str]) -> re.Pattern[str]:
    """What a shown output allows."""
    parts: list[str] = []
    for line in shown:
        if line == _ANY:
            parts.append(r"(?:[^\n]*\n)*?")
        elif line.endswith(_ANY):
            parts.append(re.escape(line.removesuffix(_ANY)) + r"[^\n]*\n")
        else:
            parts.append(re.escape(line) + r"[ \t]*\n")
    return re.compile("".join(parts))


@pytest.mark.parametrize("path", STORIES, ids=name_of)
def test_documented_commands_do_what_is_shown(path: Path, desk: Path) -> None:
    """Each command of a page runs, in order, with the exit code and the output that the page shows."""
    told = list(commands(path))
    assert told
    for command in told:
        if command.line.split()[0] == "make":
            assert command.line.split()[1] in targets()
            continue
        done = run(command.line, desk)
        assert done.returncode == command.code, f"$ {command.line}\n{done.stdout}"
        if command.output:
            assert pattern(command.output).fullmatch(done.stdout), f"$ {command.line}\n{done.stdout}"


def targets() -> set[str]:
    """What can be made."""
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def test_make_lists_every_target() -> None:
    """`make help` has a line for each target, and CONTRIBUTING and README name none that is not there."""
    text = (ROOT / "Makefile").read_text("utf-8")
    assert targets() == set(re.findall(r"^([a-z]+):[^#\n]*## \S", text, re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / page).read_text("utf-8")
        named = set(re.findall(r"(?:`|^\$ |^    )make ([a-z]+)\b", text, re.MULTILINE))
        assert named
        assert named <= targets()


def test_printed_pages_are_fresh() -> None:
    """docs/reference and docs/rules are what the code prints now."""
    done = script("docs/printer.py", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_changelog_fragments_are_well_formed() -> None:
    """Every fragment has a kind and says something."""
    done = script("changelog.d/check.py")
    assert done.returncode == 0, done.stdout + done.stderr


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script of this tree."""
    return subprocess.run(
        [sys.executable, str(ROOT / name), *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    """A relative link names a file or folder of the repository."""
    links = [link for link in _LINK.findall(path.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_readme_names_every_command() -> None:
    """A newcomer learns of each command."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"vedette {name}" not in text] == []


def test_two_commands_set_it_up() -> None:
    """The README's set-up is exactly `make run` and `make test`."""
    text = (ROOT / "README.md").read_text("utf-8")
    assert [command.line for command in commands(ROOT / "README.md") if command.line.startswith("make")] == [
        "make run",
        "make test",
    ]
    assert "pip install" not in text


def test_every_path_that_a_page_names_is_there() -> None:
    """Files of the tree that contributors are pointed at exist."""
    named: set[str] = set()
    for page in [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted(
        (ROOT / "docs" / "decisions").glob("*.md")
    ):
        named |= set(
            re.findall(r"`((?:src|docs|tests|examples|bench|changelog\.d)/[\w./-]*\w/?)`", page.read_text("utf-8"))
        )
    assert named
    assert sorted(name for name in named if not (ROOT / name).exists()) == []
