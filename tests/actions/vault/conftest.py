"""One Vault for each module of tests here; each test has a store of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.vault import VaultServer

from tests.actions.vault import vault_site
from tests.actions.vault.vault_site import VaultSite


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    """With a file audit device."""
    with vault_site.running(tmp_path_factory.mktemp("vault")) as server:
        yield server


@pytest.fixture
def site(vault: VaultServer, tmp_path: Path) -> VaultSite:
    """Settings and a store for it."""
    return VaultSite(vault, tmp_path)
