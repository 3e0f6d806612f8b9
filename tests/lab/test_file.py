"""The API server's acts by its audit log file, without the webhook."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from lab.acts import ACTS
from lab.hops import by_vedette
from lab.lab import Lab


@pytest.fixture(scope="module")
def by_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab whose watcher follows the API server's log."""
    if not os.environ.get("VEDETTE_LAB"):
        pytest.skip("run by `make test-lab`")
    with Lab(tmp_path_factory.mktemp("lab"), kube_by="file") as started:
        yield started


@pytest.mark.parametrize("name", [name for name in ACTS if name.startswith("K")])
def test_an_act_is_told_in_slack(by_file: Lab, name: str) -> None:
    """Within five seconds, as by the webhook."""
    hops = by_vedette(by_file, ACTS[name](by_file))
    assert hops.slack <= 5.0, hops
