"""Fit: an owner that nobody is, networks that are a quarter, and an actor that fills the list are named."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from vedette import app
from vedette.proof.fit import NOISY
from vedette.proof.links.allowed import Allowed
from vedette.proof.seen import Seen, SeenFormat
from vedette.proof.verdict import LinkResult, State
from vedette.settings.loading import load_text

TODAY = date(2026, 11, 25)


def checked(name: str, text: str, seen: Seen) -> LinkResult:
    """The link `allowed` of one rule."""
    settings = load_text(text, "vedette.yaml", today=TODAY)
    rule = next(one for one in app.load_rules(settings, unproven=True).rules if one.name == name)
    return Allowed(settings, app.rules_under(), TODAY, seen).check(rule)


def came(**actors: int) -> Seen:
    """A log in which these actors came so often; `_at_` stands for @, `_` for a dot."""
    names = Counter({name.replace("_at_", "@").replace("_", "."): count for name, count in actors.items()})
    return Seen({"kube_audit": SeenFormat(names.total(), fields={"verb"}, actors=names)})


@pytest.mark.parametrize(("name", "state"), [("K9", State.BLIND), ("K3", State.READY), ("K4", State.READY)])
def test_an_owner_that_nobody_is(name: str, state: State) -> None:
    """A slip in the owner's name: K9 guards nobody, K3 and K4 excuse nobody; who was probably meant is said."""
    found = checked(name, "owner: me@example.org.org\n", came(me_at_example_org=300, eve_at_example_net=5))
    assert found.state is state
    assert "never came in 305 events, me@example.org did" in found.why
    assert "owner: {name: me@example.org}" in found.mend


def test_an_owner_that_came_or_may_yet_come_fits() -> None:
    """Seen among the events, too few events, nobody who is like it."""
    assert checked("K9", "owner: me@example.org\n", came(me_at_example_org=300)).why == ""
    assert checked("K9", "owner: me@example.org.org\n", came(me_at_example_org=30)).why == ""
    assert checked("K9", "owner: me@example.org\n", came(somebody_at_else_com=300)).state is State.READY


def test_a_quarter_of_the_nodes_network() -> None:
    """A /24 where the nodes have a /22: K2 fires on the cluster itself, and the addresses are named."""
    seen = came(eve=300)
    seen.nodes |= {"10.0.20.5", "10.0.21.7", "10.0.23.9"}
    found = checked("K2", "networks: {nodes: [10.0.20.0/24], loopback: [127.0.0.0/8]}\n", seen)
    assert found.state is State.READY
    assert "2 of 3 addresses of nodes are outside the trusted networks (10.0.21.7, 10.0.23.9)" in found.why
    assert checked("K2", "networks: {nodes: [10.0.20.0/22], loopback: [127.0.0.0/8]}\n", seen).why == ""


def test_one_actor_fills_the_list() -> None:
    """K5 on a controller all day is noise; the entry that would excuse it is the mend."""
    controller = "system:serviceaccount:kube-system:own-controller"
    seen = came(eve=300)
    seen.alerts["K5"] = Counter({controller: NOISY, "eve": 1})
    found = checked("K5", "owner: me\n", seen)
    assert found.state is State.READY
    assert f"10 of the last 11 alerts are about {controller}" in found.why
    assert f"actor: {controller}, rule: K5" in found.mend
    seen.alerts["K5"] = Counter({controller: NOISY, "eve": 5})
    assert checked("K5", "owner: me\n", seen).why == ""


def test_a_controller_is_noise_from_its_first_alert() -> None:
    """K5 on the namespace controller: one episode that never ends, with ever more acts."""
    controller = "system:serviceaccount:kube-system:namespace-controller"
    seen = came(eve=300)
    seen.alerts["K5"], seen.acts["K5"] = Counter({controller: 1, "eve": 1}), Counter({controller: NOISY, "eve": 99})
    off = f"automation:\n- {{actor: {controller}, rule: K5, off: true, reason: watched}}\n"
    found = checked("K5", off, seen)
    assert (found.state, found.why) == (
        State.READY,
        f"it fires on {controller}, which is Kubernetes itself: 10 acts in 1 alerts",
    )
    assert f"actor: {controller}, rule: K5" in found.mend
    # Excused by now, it was noise before.
    assert checked("K5", "owner: me\n", seen).why == ""
    seen.acts["K5"][controller] = NOISY - 1
    assert checked("K5", off, seen).why == ""


def test_automation_with_a_slip_excuses_nobody() -> None:
    """The entry is named with its line, and who was probably meant; one that came, or that has a wildcard, fits."""
    operator = "system:serviceaccount:velero:velero-server"
    seen = Seen({"kube_audit": SeenFormat(300, actors=Counter({operator: 20, "eve": 280}))})
    text = "automation:\n- {actor: %s, rule: K3, reason: backups}\n"
    found = checked("K3", text % "system:serviceaccount:velero:velero-sever", seen)
    assert found.state is State.READY
    assert "vedette.yaml:2: system:serviceaccount:velero:velero-sever never came in 300 events" in found.why
    assert operator in found.mend
    for fits in (operator, '"system:serviceaccount:velero:*"', "somebody-else"):
        assert checked("K3", text % fits, seen).why == ""
    assert checked("K4", text % "system:serviceaccount:velero:velero-sever", seen).why == ""
