"""How much is tried: a little in `make test`, all in `make faults`, without end in `make soak`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.forking import Forker, forking

AMOUNT = os.environ.get("VEDETTE_FAULTS", "few")
"""few, ci or soak."""


def amount(few: int, ci: int, soak: int | None = None) -> int:
    """A number for each."""
    return {"few": few, "ci": ci, "soak": ci if soak is None else soak}[AMOUNT]


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    """Where lives are forked from."""
    with forking() as one:
        yield one


@pytest.fixture(scope="session")
def strace() -> str:
    """strace, where it may trace."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed")
    tried = subprocess.run([found, "-qq", "-o", "/dev/null", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"strace may not trace here: {tried.stderr.decode()[:100]}")
    return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder for settings, logs, state and what was told."""
    return tmp_path
