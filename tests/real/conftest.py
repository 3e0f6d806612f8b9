"""What several modules of tests with real servers start alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab.built import part

from vedette.clients.loki import LokiClient
from vedette.loki_process import LokiProcess


@pytest.fixture(scope="module")
def client() -> Iterator[LokiClient]:
    """A Loki for the whole module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VEDETTE_PARTS", str(part("loki").parent))
        with LokiProcess() as server:
            client = LokiClient(server.url, timeout=120)
            yield client
            client.close()
