"""Activities in the settings: the built-in ones, what takes their place, and what nothing could tell of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vedette.problem import Problem
from vedette.response.activities import Activity
from vedette.settings import Settings

Against = Callable[[str], list[Problem]]
Load = Callable[[str], Settings]

NODES = "networks: {nodes: [10.0.40.0/24], loopback: [127.0.0.0/8, '::1/128']}\n"


@pytest.mark.parametrize(
    ("entries", "said", "mend"),
    [
        ("[{actors: [a]}]", "has no name", ""),
        ("[{name: x}]", "nothing tells of", "add actors"),
        ("[{name: x, actors: ['*']}]", "'*' fits everybody", ""),
        ("[{name: x, user_agents: ['']}]", "'' fits everybody", ""),
        ("[{name: x, networks: [node]}]", "no list of networks is called 'node'", "did you mean nodes?"),
        ("[{name: x, networks: [0.0.0.0/0]}]", "trusts every address", ""),
        ("[{name: x, actors: [a]}, {name: x, actors: [b]}]", "two activities are called 'x'", ""),
        ("[{name: Keel rol, off: true}]", "no built-in activity is called 'Keel rol'", "did you mean Keel roll?"),
        ("[{name: Keel roll, off: true, actors: [a]}]", "takes actors away as well", "remove actors"),
    ],
)
def test_what_is_wrong_is_said(errors: Against, entries: str, said: str, mend: str) -> None:
    """With its place and a way out."""
    (problem, *_) = [one for one in errors(f"{NODES}respond: {{activities: {entries}}}") if said in one.message]
    assert mend in problem.mend
    assert problem.line == 2


def test_built_in_activities_hold_without_a_word(load: Load) -> None:
    """They are there where nothing is said, and beside others."""
    names = [one.name for one in load("").activities()]
    assert "Terraform apply" in names
    assert [one.name for one in load("respond: {activities: [{name: x, actors: a}]}").activities()] == [*names, "x"]


def test_an_entry_of_the_same_name_takes_the_place_of_the_built_in_one(load: Load) -> None:
    """And off takes it away."""
    settings = load("respond: {activities: [{name: Terraform apply, actors: tf}, {name: Keel roll, off: true}]}")
    (terraform,) = [one for one in settings.activities() if one.name == "Terraform apply"]
    assert (terraform.actors, terraform.user_agents) == (("tf",), ())
    assert not any(one.name == "Keel roll" for one in settings.activities())


def test_origins_of_activities(load: Load) -> None:
    """What was said has its line, what was not is built in."""
    settings = load("respond:\n  activities:\n    - name: x\n      actors: a\n")
    last = len(settings.respond.activities) - 1
    assert str(settings.origin(("respond", "activities", last, "actors"))) == "vedette.yaml:4"
    assert str(settings.origin(("respond", "activities", 0, "name"))) == "default"


def test_terraform_in_vault_is_known_by_what_v4_excuses(load: Load) -> None:
    """Its entities, and only from its addresses."""
    settings = load(f"{NODES}vault: {{terraform: {{entities: [e-1], addresses: [nodes]}}}}")
    (work,) = [one for one in settings.activities() if "Vault" in one.name]
    activity = Activity(*work)
    assert activity.fits("approle (e-1)", "10.0.40.7", "") == "identity"
    assert activity.fits("approle (e-1)", "10.0.41.7", "") == ""


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("HashiCorp/1.0 Terraform/1.9.5", "Terraform apply"),
        ("Helm/3.16.2", "Helm release"),
        ("velero-server/v1.14.0 (linux/amd64) 8afe3cea", "Recovery or backup run"),
        ("argocd-application-controller/v2.13.1 (linux/amd64)", "GitOps sync"),
    ],
)
def test_programs_are_known_by_their_user_agents(load: Load, agent: str, name: str) -> None:
    """Those that they send where nobody set another."""
    found = [one.name for one in load("").activities() if Activity(*one).fits("somebody", "10.0.0.1", agent)]
    assert found == [name]
