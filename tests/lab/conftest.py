"""One lab for each module of tests here; they take minutes, so they are asked for by `make test-lab`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from lab.lab import Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Everything started, on rendered files."""
    if not os.environ.get("VEDETTE_LAB"):
        pytest.skip("run by `make test-lab`")
    with Lab(tmp_path_factory.mktemp("lab")) as started:
        yield started
        processes = started.processes
    assert [one.name for one in processes if one.running] == []
