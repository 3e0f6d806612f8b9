"""What every test may ask for: the repository's root and, where present, the recordings beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# Slow machines and garbage collection are no failures; a failure must come again on the next run.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of other people's logs, which is no part of the repository; the test is skipped where it is absent."""
    folder = Path(os.environ.get("VEDETTE_SHARED") or ROOT.parent / "shared")
    if not (folder / "data").is_dir():
        pytest.skip(f"{folder.name}/data, other people's logs, is not beside the repository (or set VEDETTE_SHARED)")
    return folder
