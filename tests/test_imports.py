"""The import contract, and what a quick command may load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_LOADED = """
import io, json, sys
before = set(sys.modules)
from vedette.cli import main
screen, sys.stdout = sys.stdout, io.StringIO()
try:
    code = main(sys.argv[1:])
except SystemExit as leave:
    code = leave.code
print(json.dumps([code, sorted(set(sys.modules) - before)]), file=screen)
"""


def loaded(root: Path, *arguments: str) -> tuple[int, set[str]]:
    """The exit code of a command line, and the modules that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
    )
    code, modules = json.loads(done.stdout)
    return code or 0, set(modules)


def test_rooms_keep_the_import_contract(root: Path) -> None:
    """import-linter finds every contract of pyproject.toml kept."""
    pytest.importorskip("importlinter", reason="import-linter is not installed")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_version_loads_nothing_but_its_own_text(root: Path) -> None:
    """`vedette --version` answers before argparse, a decoder or a parser is imported."""
    code, modules = loaded(root, "--version")
    assert code == 0
    assert {
        name for name in modules if name.partition(".")[0] in {"argparse", "dataclasses", "msgspec", "re", "yaml"}
    } == set()
    assert {name for name in modules if name.startswith("vedette")} == {"vedette", "vedette.cli"}


@pytest.mark.parametrize("arguments", [["--help"], ["scan", "--help"], ["rules", "--help"]], ids=" ".join)
def test_help_loads_no_machine(root: Path, arguments: list[str]) -> None:
    """Help is printed without the formats, the engine, the rule reader or what they stand on."""
    code, modules = loaded(root, *arguments)
    assert code == 0
    assert {"argparse", "vedette.cli.parser"} <= modules
    heavy = (
        "re2",
        "yaml",
        "isal",
        "multiprocessing",
        "vedette.app",
        "vedette.formats",
        "vedette.engine",
        "vedette.sigma",
    )
    assert {name for name in modules if name.startswith(heavy)} == set()


def test_the_list_of_commands_loads_none_of_them(root: Path) -> None:
    """`vedette --help` imports no command's module, and no decoder."""
    _, modules = loaded(root, "--help")
    assert {name for name in modules if name.startswith("vedette.cli.")} == {"vedette.cli.parser"}
    assert "msgspec" not in modules


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["config", "show"], ["rules", "list"]], ids=" ".join)
def test_only_watching_loads_what_watching_needs(root: Path, arguments: list[str]) -> None:
    """No other command pays for HTTP, metrics or the database."""
    _, modules = loaded(root, *arguments)
    assert modules & {"urllib3", "prometheus_client", "h11", "apsw", "asyncio", "ssl"} == set()


def test_watching_loads_http_and_metrics_when_they_are_used(root: Path, tmp_path: Path) -> None:
    """A run that tells nobody and serves nothing imports neither the HTTP client nor the metrics."""
    state, empty = tmp_path / "state", tmp_path / "empty.log"
    empty.touch()
    code, modules = loaded(root, "watch", "--quiet", "--until-read", "--state", str(state), str(empty))
    assert code == 0
    assert "apsw" in modules
    assert modules & {"urllib3", "prometheus_client"} == set()
