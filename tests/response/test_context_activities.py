"""Work that the settings name, seen in the hours around an alert."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.response.stories import kube, vault
from tests.response.test_context import around, keep
from vedette.network import Networks
from vedette.response.activities import Activity

CI = "system:serviceaccount:web:ci"
NODES = Networks.of(["10.0.40.0/24"])
TERRAFORM = Activity("Terraform apply", ("system:serviceaccount:tf:*",), ("*Terraform/*",))


@pytest.mark.parametrize(
    ("activity", "by"),
    [
        (Activity("x", ("system:serviceaccount:web:*",), ("kubectl/*",)), "identity"),
        (Activity("x", ("system:serviceaccount:web:c",), ("kubectl/*",)), "user agent"),
        (Activity("x", (), ("kubectl/*",), NODES), "address"),
        (Activity("x", (CI,), (), NODES), "identity"),
        (Activity("x", (), (), NODES), "address"),
        (Activity("x", (CI,), (), Networks.of(["10.9.0.0/16"])), ""),
        (Activity("x", ("other",), (), NODES), ""),
        (Activity("x", (), ("*kubectl*1.3",), None), ""),
        (Activity("x", (), ("*ctl*v1*4",), None), "user agent"),
        (Activity("x"), ""),
    ],
)
def test_by_what_an_activity_is_known(activity: Activity, by: str) -> None:
    """The strongest word counts: an identity was proven, an address is the peer's, a user agent is a claim."""
    assert activity.fits(CI, "10.0.40.7", "kubectl/v1.34") == by


def test_nobody_is_like_a_pattern() -> None:
    """A record without an actor or a user agent fits no pattern."""
    assert Activity("x", ("*a*", "*"), ("*",)).fits("", "10.0.0.1", "") == ""


def test_what_ran_in_the_hours_around_is_seen(tmp_path: Path) -> None:
    """With its actor, count and span; what ran before is not; in every system that is kept."""
    agent = "HashiCorp/1.0 Terraform/1.9.5"
    act = kube(CI, "get", "vault/secrets/db", 0)
    keep(
        tmp_path,
        [
            kube("deploy", "patch", "web/deployments/a", -4000, userAgent=agent),
            kube("deploy", "patch", "web/deployments/a", -60, userAgent=agent),
            kube("deploy", "patch", "web/deployments/b", -50, userAgent=agent, stage="RequestReceived"),
            kube("deploy", "patch", "web/deployments/b", -50, userAgent=agent),
            act,
        ],
    )
    keep(tmp_path, [vault("sys/policies/acl/x", 9, entity="e-1", name="tf", address="10.0.40.7")], source="vault")
    known = [TERRAFORM, Activity("Vault's Terraform", ("* (e-1)",))]
    found = around(tmp_path, act, activities=known).activities
    assert [(one.activity, one.actor, one.count, one.by) for one in found] == [
        ("Terraform apply", "deploy", 2, "user agent"),
        ("Vault's Terraform", "tf (e-1)", 1, "identity"),
    ]
    assert found[0].last - found[0].first == 10_000_000_000
    assert not any(one.same_actor for one in found)


def test_the_alerts_own_actor_comes_first(tmp_path: Path) -> None:
    """And is marked as such."""
    act = kube("system:serviceaccount:tf:run", "get", "vault/secrets/db", 0)
    keep(tmp_path, [kube("dev", "get", "web/pods/a", -60, userAgent="Terraform/1"), act])
    found = around(tmp_path, act, activities=[TERRAFORM]).activities
    assert [(one.actor, one.same_actor) for one in found] == [("system:serviceaccount:tf:run", True), ("dev", False)]
