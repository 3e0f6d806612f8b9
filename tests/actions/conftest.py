"""One API server for all tests of the actions; each test has a store of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.kube import ApiServer

from tests.actions import host_site
from tests.actions.action_site import LISTER, POLICY, RBAC, Site

PEOPLE = {"alice": "devs", "bob": "devs", "carol": "devs"}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Without controllers, so that nothing is done but what a test does."""
    server = ApiServer(tmp_path_factory.mktemp("kube"), POLICY, people=PEOPLE)
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    status, answer = server.call("POST", f"{RBAC}/clusterroles", {"metadata": {"name": LISTER}, "rules": rules})
    assert status == 201, answer
    yield server
    server.stop()


@pytest.fixture
def site(server: ApiServer, tmp_path: Path) -> Site:
    """Settings and a store for it."""
    return Site(server, tmp_path)


@pytest.fixture(scope="session")
def host() -> Iterator[host_site.Host]:
    """One sshd for all tests of a host; each has users of its own."""
    with host_site.running() as host:
        yield host


@pytest.fixture
def node(host: host_site.Host, tmp_path: Path) -> host_site.HostSite:
    """Settings and a store for it."""
    return host_site.HostSite(host, tmp_path)
