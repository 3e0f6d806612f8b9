"""What happens when an action is stopped half-way: by a no, a lost answer, somebody else, or kill -9."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actions.action_site import RBAC, Site, user
from tests.actions.relay import Relay, broken
from tests.actions.rights import granted
from vedette.actions.kube_rights import manifest

MERGE = "application/merge-patch+json"


@pytest.fixture
def relay(site: Site) -> Iterator[Relay]:
    """Before the server."""
    with Relay(site.server) as relay:
        yield relay


def planned(site: Site, relay: Relay, actor: str, number: int = 3) -> list[str]:
    """Bindings of an actor, and a plan to take them away."""
    site.via = relay.address
    paths = sorted(site.bound(f"h{secrets.token_hex(4)}", [user(actor), user("bob")]) for _ in range(number))
    site.plan("kube.suspend-actor", actor)
    return paths


def names(site: Site, path: str) -> set[str]:
    """Whom a binding names."""
    return {one["name"] for one in site.there(path)["subjects"]}


def test_a_no_half_way_can_be_gone_on_from(site: Site, relay: Relay) -> None:
    """403 at the second change: the first is done and on record, the plan says which right is missing, and goes on."""
    namespace = site.namespace()
    site.token = granted(site, namespace, manifest(["kube.suspend-actor"]))
    paths = planned(site, relay, "no-half-way")
    role = f"{RBAC}/clusterroles/{namespace}"
    rules = site.there(role)["rules"]
    less = [{**one, "verbs": [verb for verb in one["verbs"] if verb != "bind"]} for one in rules]

    def take_right() -> None:
        assert (
            site.server.call("PATCH", role, {"rules": [one for one in less if one["verbs"]]}, content=MERGE)[0] == 200
        )

    relay.before[2] = take_right
    said = site.do("apply", 1)
    assert "HTTP 403" in said
    assert [one.state for one in site.steps()] == ["done", "failed"]
    assert site.acted().state == "stopped"
    assert sum("no-half-way" in names(site, path) for path in paths) == 2
    assert site.server.call("PATCH", role, {"rules": rules}, content=MERGE)[0] == 200
    site.do("apply")
    assert [one.state for one in site.steps()] == ["done"] * 3
    assert all(site.holds())
    assert not any("no-half-way" in names(site, path) for path in paths)


def test_a_half_done_action_can_be_taken_back(site: Site, relay: Relay) -> None:
    """Only what was done is taken back."""
    paths = planned(site, relay, "half-back")
    relay.before[2] = broken
    site.do("apply", 1)
    assert sum("half-back" in names(site, path) for path in paths) == 2
    site.do("undo")
    assert all("half-back" in names(site, path) for path in paths)
    assert [(one.turn, one.state) for one in site.steps()] == [(0, "done"), (0, "unknown"), (1, "done")]


@pytest.mark.parametrize("arrives", [True, False])
def test_a_lost_answer_is_looked_for(site: Site, relay: Relay, *, arrives: bool) -> None:
    """The connection breaks off before or behind the second change: nobody knows, so the next apply looks first."""
    paths = planned(site, relay, f"lost-{arrives}")
    (relay.after if arrives else relay.before)[2] = broken
    said = site.do("apply", 1)
    assert "nobody knows whether that was done" in said
    assert [one.state for one in site.steps()] == ["done", "unknown"]
    site.do("apply")
    assert ("found done" in site.steps()[1].said) is arrives
    assert relay.changes == (3 if arrives else 4)
    assert not any(f"lost-{arrives}" in names(site, path) for path in paths)


def test_what_cannot_be_told_is_not_done_again(site: Site, relay: Relay) -> None:
    """The answer was lost, and then vedette may not look: it stops there, until it may."""
    namespace = site.namespace()
    site.token = granted(site, namespace, manifest(["kube.suspend-actor"]))
    paths = planned(site, relay, "untold")
    relay.after[2] = broken
    site.do("apply", 1)
    role = f"{RBAC}/clusterroles/{namespace}"
    rules = site.there(role)["rules"]
    less = [{**one, "verbs": [verb for verb in one["verbs"] if verb != "get"]} for one in rules]
    assert site.server.call("PATCH", role, {"rules": less}, content=MERGE)[0] == 200
    assert "cannot be told" in site.do("apply", 1)
    assert relay.changes == 2
    assert site.server.call("PATCH", role, {"rules": rules}, content=MERGE)[0] == 200
    site.do("apply")
    assert not any("untold" in names(site, path) for path in paths)


def test_somebody_else_acts_at_once(site: Site, relay: Relay) -> None:
    """A binding is changed between the last look and the change of it: the server refuses, and nothing of theirs is
    lost."""
    paths = planned(site, relay, "at-once", 2)
    theirs = {"subjects": [user("at-once"), user("bob"), user("erin")]}

    def change() -> None:
        for path in paths:
            site.server.call("PATCH", path, theirs, content=MERGE)

    relay.before[1] = change
    said = site.do("apply", 1)
    assert "make a new plan" in said
    assert all(names(site, path) == {"at-once", "bob", "erin"} for path in paths)
    site.plan("kube.suspend-actor", "at-once")
    site.do("apply")
    assert all(names(site, path) == {"bob", "erin"} for path in paths)


def test_somebody_else_does_the_same_at_once(site: Site, relay: Relay) -> None:
    """What is so already counts as done."""
    (path,) = planned(site, relay, "the-same", 1)
    relay.before[1] = lambda: site.server.call("PATCH", path, {"subjects": [user("bob")]}, content=MERGE)
    assert "so already" in site.do("apply")
    assert site.acted().state == "applied"


def test_a_killed_process_is_gone_on_from(site: Site, relay: Relay) -> None:
    """kill -9 in the second change: the record shows where, and the next apply looks whether it was done."""
    paths = planned(site, relay, "killed")
    site.run("list")
    command = [sys.executable, "-m", "vedette", "action", "apply", site.last, "--yes"]
    process = subprocess.Popen(
        [*command, "--config", str(site.folder / "vedette.yaml")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )

    def kill() -> None:
        process.send_signal(signal.SIGKILL)
        process.wait(20)

    relay.after[2] = kill
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert [one.state for one in site.steps()] == ["done", "begun"]
    assert "broken off" in site.run("list")[1]
    assert "its end was not noted" in site.run("show", site.last)[1]
    site.do("apply")
    assert "found done" in site.steps()[1].said
    assert not any("killed" in names(site, path) for path in paths)


def test_two_at_once_are_one_after_the_other(site: Site, relay: Relay, tmp_path: Path) -> None:
    """While one process acts, another is refused."""
    planned(site, relay, "two")
    said: list[tuple[int, str, str]] = []
    relay.before[1] = lambda: said.append(site.run("apply", site.last, "--yes"))
    site.do("apply")
    assert said[0][0] == 2
    assert "another `vedette action` is at work" in said[0][2]


def test_a_server_that_is_away(site: Site, relay: Relay) -> None:
    """Nothing begins, and the answer says what to do; verifying says that nobody can tell."""
    planned(site, relay, "away", 1)
    site.via = "http://127.0.0.1:9"
    code, _, err = site.run("apply", site.last, "--yes")
    assert (code, "planned on" in err) == (2, True)
    assert "cannot look" in site.refused("kube.suspend-actor", "away")
    assert not site.steps()
