"""What is built, and what is said where it cannot be."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from lab import built
from lab.built import (
    GO,
    ORACLES,
    PARTS,
    Built,
    CannotBuild,
    NoPart,
    build_for_tests,
    build_missing,
    go_version,
    packaged,
    part,
)

from tests.scans import ROOT


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for parts with nothing in it, and a PATH with nothing but a `bin` in it."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("VEDETTE_PARTS", str(tmp_path / "parts"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def go(folder: Path, version: str) -> None:
    """A Go that says this of itself."""
    program = folder / "bin" / "go"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)


def test_the_version_of_go_is_read() -> None:
    """As `go env GOVERSION` writes it, also of a release candidate; what is none is older than all."""
    assert go_version("go1.26.8") == (1, 26, 8) > GO
    assert go_version("go1.26rc1") == (1, 26) < GO
    assert go_version("") == () < GO


def test_without_go_the_part_and_the_version_are_named(empty: Path) -> None:
    """No Go at all, and one that is too old."""
    said: list[str] = []
    with pytest.raises(CannotBuild, match=r"etcd is missing, and its build needs Go 1\.26\.6, .* none in PATH"):
        build_missing(said.append)
    go(empty, "go1.26.5")
    with pytest.raises(CannotBuild, match=r"needs Go 1\.26\.6; .*/bin/go is go1\.26\.5"):
        build_missing(said.append)
    go(empty, "go1.26.6")
    with pytest.raises(CannotBuild, match="needs bash"):
        build_missing(said.append)
    assert said == []


def test_what_is_there_is_not_built(empty: Path) -> None:
    """A binary that somebody put there is taken, whatever Go there is."""
    (empty / "parts").mkdir()
    for one in PARTS:
        path = empty / "parts" / one.binary
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    said: list[str] = []
    build_missing(said.append)
    assert said == []
    assert part("etcd") == empty / "parts" / "etcd"


def test_a_binary_of_another_version_is_built_anew(empty: Path) -> None:
    """Its stamp is not that of the module."""
    test_what_is_there_is_not_built(empty)
    (empty / "parts" / ".loki.stamp").write_text("0123456789abcdef-\n")
    with pytest.raises(CannotBuild, match="loki is missing"):
        build_missing(print)


def test_a_missing_program_is_a_reason_to_skip(empty: Path) -> None:
    """Built ones and packaged ones; test runners know the error for one."""
    with pytest.raises(NoPart, match="no vault among the built parts"):
        part("vault")
    with pytest.raises(NoPart, match="no there-is-none in PATH"):
        packaged("there-is-none")


def test_what_cannot_be_built_does_not_cost_the_others(empty: Path) -> None:
    """Each that is missing is named, those that are there as well; whoever calls goes on."""
    test_what_is_there_is_not_built(empty)
    (empty / "parts" / "vault").unlink()
    said: list[str] = []
    build_for_tests(said.append)
    there = [one.binary for one in PARTS if one.binary != "vault"]
    assert [line.split()[0] for line in said if line.endswith("is there already")] == there
    skipped = [line.split()[0] for line in said if line.endswith("tests that need it skip")]
    assert skipped == ["vault", *(one.binary for one in ORACLES)]


def test_a_build_that_takes_too_long_ends_with_all_it_started(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler that the script started, too: it holds the pipe that is read to its end."""
    (empty / "lab" / "parts").mkdir(parents=True)
    (empty / "lab" / "parts" / "build.sh").write_text("sleep 300 & wait\n")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(built, "HERE", empty / "lab")
    began = time.monotonic()
    with pytest.raises(CannotBuild, match="was not built within"):
        built._build(Built("etcd", "etcd", 1 / 60))  # type: ignore[arg-type] # a second, for a test
    assert time.monotonic() - began < 200


def test_an_oracle_is_built_anew_when_its_source_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of the same module is not."""
    oracle = tmp_path / "parts" / "loki" / "oracle"
    oracle.mkdir(parents=True)
    (oracle.parent / "go.mod").write_text("module m\n")
    (oracle / "main.go").write_text("package main\n")
    monkeypatch.setattr(built, "HERE", tmp_path)
    stamps = [built._stamp(Built("loki", "loki", 1)), built._stamp(Built("loki", "o", 1, oracle=True))]
    (oracle / "main.go").write_text("package main // other\n")
    assert built._stamp(Built("loki", "loki", 1)) == stamps[0]
    assert built._stamp(Built("loki", "o", 1, oracle=True)) != stamps[1]


def test_ci_builds_what_the_lab_does() -> None:
    """`.ci/run` has no list of its own."""
    text = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "\npython3 -m lab --build all\n" in text
    assert not any(one.binary in text for one in (*PARTS, *ORACLES))
