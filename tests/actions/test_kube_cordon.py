"""kube.cordon-all and kube.uncordon on a real API server."""

from __future__ import annotations

import secrets

import pytest

from tests.actions.action_site import CORE, Site


@pytest.fixture
def nodes(site: Site) -> list[str]:
    """Three, of which the last is cordoned."""
    names = [f"node-{secrets.token_hex(3)}" for _ in range(3)]
    for name in names:
        site.made(f"{CORE}/nodes", {"metadata": {"name": name}, "spec": {"unschedulable": name == names[2]}})
    return names


def cordoned(site: Site, name: str) -> bool:
    """Whether it is."""
    return bool(site.there(f"{CORE}/nodes/{name}")["spec"].get("unschedulable"))


def test_all_are_cordoned_and_those_that_were_stay_so(site: Site, nodes: list[str]) -> None:
    """The warning that recovery stops is in the plan; undo remembers who was cordoned before."""
    plan = site.plan("kube.cordon-all")
    assert any("recovery stops" in one for one in plan["breaks"])
    assert any(nodes[2] in one for one in plan["remains"])
    assert nodes[2] not in str(plan["calls"])
    # A status that is written in between is no change that matters.
    status = {"status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}}
    merge = "application/merge-patch+json"
    assert site.server.call("PATCH", f"{CORE}/nodes/{nodes[0]}/status", status, content=merge)[0] == 200
    site.do("apply")
    assert all(cordoned(site, name) for name in nodes)
    assert all(site.holds())
    site.do("undo")
    assert [cordoned(site, name) for name in nodes] == [False, False, True]


def test_a_node_that_came_in_between_makes_it_stale(site: Site, nodes: list[str]) -> None:
    """Else it would be the one that stays open."""
    site.plan("kube.cordon-all")
    name = f"node-{secrets.token_hex(3)}"
    site.made(f"{CORE}/nodes", {"metadata": {"name": name}})
    assert f"Node {name}" in site.do("apply", 2)
    assert not cordoned(site, nodes[0])


def test_one_is_uncordoned(site: Site, nodes: list[str]) -> None:
    """And cordoned again by undo; one that is not cordoned has nothing to be done."""
    site.plan("kube.uncordon", nodes[2])
    site.do("apply")
    assert not cordoned(site, nodes[2])
    assert site.holds() == [True]
    site.do("undo")
    assert cordoned(site, nodes[2])
    assert site.plan("kube.uncordon", nodes[0])["calls"] == []
    assert "refused" in site.refused("kube.uncordon", "not-there")
    assert "refused" in site.refused("kube.uncordon", "node-*")


def test_a_node_that_is_gone_by_then(site: Site, nodes: list[str]) -> None:
    """Undo says so, and uncordons the others."""
    site.plan("kube.cordon-all")
    site.do("apply")
    assert site.server.call("DELETE", f"{CORE}/nodes/{nodes[0]}")[0] == 200
    assert f"Node {nodes[0]} is gone" in site.do("undo", 1)
    assert not cordoned(site, nodes[1])
