"""The steps of an escalation: what does each, and which action on record did it."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.alert_store import HOSTILE, Site, secret_read
from vedette.actions import ACTIONS
from vedette.actions.base import arguments
from vedette.cli import main
from vedette.response.escalation import STEPS
from vedette.store.visit import Visit

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A store with one alert, and an incident of it."""
    made = Site(tmp_path_factory.mktemp("recorded"))
    made.write()
    made.append(secret_read("mallory"))
    made.read(made.log)
    alerts = [one.alert.id for one in made.kept()]
    assert main(["incident", "open", "x", *alerts, "--severity", "SEV1", "--config", str(made.config)]) == 0
    return made


@pytest.fixture
def site(recorded: Site, tmp_path: Path) -> Site:
    """A copy of it."""
    return Site.copied(recorded.state, tmp_path)


def incident(site: Site, *words: str) -> int:
    """`vedette incident …`; its exit code."""
    return main(["incident", *words, "--config", str(site.config)])


def acted(site: Site, id: str, action: str, state: str = "applied", target: str = "") -> None:
    """An action on record."""
    now = time.time_ns()
    visit = Visit(site.state)
    visit.actions.add(id, action, target, "{}", alert="", by="ann", made=now)
    if state != "planned":
        visit.actions.mark(id, "applying", by="ann")
        visit.actions.mark(id, state, now=now)
    visit.close()


def steps(site: Site, capsys: Capture) -> dict[str, Any]:
    """By name, as `show -o json` has them."""
    capsys.readouterr()
    assert incident(site, "show", "1", "-o", "json") == 0
    return {one["name"]: one for one in json.loads(capsys.readouterr().out)["steps"]}


def shown(site: Site, capsys: Capture) -> str:
    """What `show` prints."""
    capsys.readouterr()
    assert incident(site, "show", "1") == 0
    return capsys.readouterr().out


def test_every_action_of_a_step_exists() -> None:
    """And takes what the step gives it; the restore and the post-mortem stay by hand."""
    for step in STEPS:
        assert len(step.actions) == len(step.commands)
        for name, command in zip(step.actions, step.commands, strict=True):
            assert command.startswith(f"vedette action plan {name}")
            assert set(arguments(ACTIONS[name], command.split()[4:])) == {one.name for one in ACTIONS[name].arguments}
        assert step.commands or step.how.startswith("by hand:")
    assert [step.name for step in STEPS if not step.commands] == ["restore", "post-mortem"]


def test_a_step_to_do_says_what_does_it(site: Site, capsys: Capture) -> None:
    """The commands, what remains by hand, and what it costs, before anything else."""
    text = shown(site, capsys)
    assert "$ vedette action plan kube.cordon-all" in text
    assert "by hand: kubectl get nodes" in text
    assert text.index("recovery stops as well") < text.index("$ vedette action plan kube.cordon-all")
    assert "$ vedette action plan authentik.end-sessions USER" in text
    assert "one user at a time" in text
    assert text.index("plan vault.rekey") < text.index("plan vault.seal")
    assert all(len(line) <= 100 for line in text.partition("\nalerts")[0].splitlines())
    found = steps(site, capsys)
    assert found["cordon"]["commands"] == ["vedette action plan kube.cordon-all"]
    assert found["restore"]["commands"] == []


def test_done_is_tied_to_the_record(site: Site, capsys: Capture) -> None:
    """Show, JSON, timeline, post-mortem and manifest name the actions that did a step."""
    acted(site, "cafe000000000001", "kube.cordon-all")
    acted(site, "cafe000000000002", "vault.rekey")
    acted(site, "cafe000000000003", "vault.seal", "undone")
    assert incident(site, "step", "1", "cordon", "done", "--action", "cafe000000000001", "--by", "bob") == 0
    both = [word for end in "23" for word in ("--action", f"cafe00000000000{end}")]
    assert incident(site, "step", "1", "vault", "done", *both) == 0
    found = steps(site, capsys)
    assert (found["cordon"]["state"], found["cordon"]["actions"]) == ("done", ["cafe000000000001"])
    assert found["vault"]["actions"] == ["cafe000000000002", "cafe000000000003"]
    text = shown(site, capsys)
    assert "by action cafe0000 kube.cordon-all: applied, never verified" in text
    assert "it did the step cordon" in text
    assert incident(site, "export", "1", "--into", str(site.folder)) == 0
    steps_of = (site.folder / "incident-1.md").read_text("utf-8").partition("## Steps")[2].partition("## Actions")
    assert "by action `cafe0000 kube.cordon-all`: applied, never verified" in steps_of[0]
    assert "by action `cafe0000 vault.seal`: undone" in steps_of[0]
    assert "planned by `ann`: `kube.cordon-all`" in steps_of[2]
    command = ["tar", "xOf", str(site.folder / "incident-1.tar"), "incident-1/manifest.json"]
    manifest = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert {one["name"]: one["actions"] for one in manifest["steps"]}["cordon"] == ["cafe000000000001"]


def test_a_step_to_do_after_all_is_tied_to_nothing(site: Site, capsys: Capture) -> None:
    """Until another action did it."""
    acted(site, "cafe000000000001", "kube.cordon-all")
    acted(site, "beef000000000002", "kube.cordon-all")
    assert incident(site, "step", "1", "cordon", "done", "--action", "cafe") == 0
    assert incident(site, "step", "1", "cordon", "todo") == 0
    assert steps(site, capsys)["cordon"]["actions"] == []
    assert incident(site, "step", "1", "cordon", "done", "--action", "beef") == 0
    assert steps(site, capsys)["cordon"]["actions"] == ["beef000000000002"]


def test_the_restore_takes_any_action(site: Site, capsys: Capture) -> None:
    """None is made for it; its arguments may be hostile."""
    acted(site, "cafe000000000001", "vault.restore-policy", target=HOSTILE)
    assert incident(site, "step", "1", "restore", "done", "--action", "cafe") == 0
    text = shown(site, capsys)
    assert "by action cafe0000 vault.restore-policy root" in text
    assert not set(text) & set("\x1b\x00\r\u202e")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cordon", "done", "--action", "dead"], "no action has an id that begins with"),
        (["cordon", "done", "--action", "ca"], "no action has an id that begins with"),
        (["cordon", "done", "--action", "cafe"], "is planned, not applied: vedette action apply cafe0000"),
        (["cordon", "done", "--action", "beef"], "is stopped, not applied"),
        (
            ["cordon", "done", "--action", "feed"],
            "is a vault.seal, which does not do cordon; that does kube.cordon-all",
        ),
        (["cordon", "skip", "--reason", "x", "--action", "feed"], "it goes with done"),
        (["cordon", "todo", "--action", "feed"], "it goes with done"),
    ],
)
def test_what_cannot_have_done_it(site: Site, capsys: Capture, words: list[str], said: str) -> None:
    """Unknown, not applied, or another kind of action: refused with the next step, and nothing is noted."""
    acted(site, "cafe000000000001", "kube.cordon-all", "planned")
    acted(site, "beef000000000001", "kube.cordon-all", "stopped")
    acted(site, "feed000000000001", "vault.seal")
    capsys.readouterr()
    assert incident(site, "step", "1", *words) == 2
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True), err
    assert steps(site, capsys)["cordon"]["state"] == "todo"
