"""`vedette alerts show` says what was done about an alert: the actions that answer it, and its incidents."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.alert_store import HOSTILE, Site, secret_read
from vedette.cli import main
from vedette.store.actions import APPLIED, APPLYING, HALF_UNDONE, STOPPED, UNDOING, UNDONE, Actions
from vedette.store.visit import Visit

Capture = pytest.CaptureFixture[str]
_SECOND = 1_000_000_000
AT = 1_800_000_000 * _SECOND
"""2027-01-15T08:00:00Z."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Two alerts."""
    made = Site(tmp_path_factory.mktemp("recorded"))
    made.write()
    made.append(secret_read("mallory") + secret_read("dev", "other"))
    made.read(made.log)
    return made


@pytest.fixture
def site(recorded: Site, tmp_path: Path) -> Site:
    """A copy of them."""
    return Site.copied(recorded.state, tmp_path)


def alert(site: Site, actor: str = "mallory") -> str:
    """An alert's id."""
    return next(one.alert.id for one in site.kept() if one.alert.actor == actor)


def shown(site: Site, capsys: Capture, id: str) -> tuple[str, dict[str, Any]]:
    """As people and as programs read it; lines that were folded are one again."""
    capsys.readouterr()
    assert site.alerts("show", id) == site.alerts("show", id, "-o", "json") == 0
    lines = capsys.readouterr().out.splitlines()
    record: dict[str, Any] = json.loads(lines[-1])
    return "\n".join(lines[:-1]).replace("\n" + " " * 14, " "), record


def _applying(actions: Actions) -> None:
    actions.mark("3f9a1c2d00", APPLYING, by="bob")


def _applied(actions: Actions) -> None:
    _applying(actions)
    actions.mark("3f9a1c2d00", APPLIED, now=AT + _SECOND)


def _stopped(actions: Actions) -> None:
    _applying(actions)
    actions.mark("3f9a1c2d00", STOPPED)


def _verified(actions: Actions) -> None:
    _applied(actions)
    actions.verified("3f9a1c2d00", "[]", AT + 2 * _SECOND)


def _undone(actions: Actions) -> None:
    _applied(actions)
    actions.mark("3f9a1c2d00", UNDOING, by="cleo")
    actions.mark("3f9a1c2d00", UNDONE, now=AT + 3 * _SECOND)


def _half_undone(actions: Actions) -> None:
    _applied(actions)
    actions.mark("3f9a1c2d00", UNDOING, by="cleo")
    actions.mark("3f9a1c2d00", HALF_UNDONE)


STATES: list[tuple[Callable[[Actions], None], str]] = [
    (lambda _: None, "planned by ann 2027-01-15T08:00:00Z"),
    (_applying, "applying by bob"),
    (_stopped, "stopped by bob"),
    (_applied, "applied by bob 2027-01-15T08:00:01Z"),
    (_verified, "applied by bob 2027-01-15T08:00:01Z, verified 2027-01-15T08:00:02Z"),
    (_undone, "undone by cleo 2027-01-15T08:00:03Z"),
    (_half_undone, "half undone by cleo"),
]


@pytest.mark.parametrize(("brought", "said"), STATES)
def test_an_action_and_how_far_it_is(
    site: Site, capsys: Capture, brought: Callable[[Actions], None], said: str
) -> None:
    """Who did what of it last, and when; nothing of it stands at another alert."""
    visit = Visit(site.state)
    visit.actions.add("3f9a1c2d00", "kube.suspend-actor", "mallory", "{}", alert=alert(site), by="ann", made=AT)
    brought(visit.actions)
    visit.close()
    text, record = shown(site, capsys, alert(site))
    assert f"action        3f9a1c2d kube.suspend-actor mallory: {said}\n" in text + "\n"
    (one,) = record["actions"]
    assert (one["id"], one["planned_by"], said.startswith(one["state"])) == ("3f9a1c2d00", "ann", True)
    text, record = shown(site, capsys, alert(site, "dev"))
    assert "kube.suspend-actor" not in text
    assert record["actions"] == []


def test_its_incidents(site: Site, capsys: Capture) -> None:
    """Those that it belongs to, open and closed, the latest first, with hostile titles shown escaped."""
    for title in ("the first", HOSTILE):
        assert main(["incident", "open", title, alert(site), "--config", str(site.config)]) == 0
    assert main(["incident", "open", "another", alert(site, "dev"), "--config", str(site.config)]) == 0
    assert main(["incident", "close", "1", "--reason", "over", "--config", str(site.config)]) == 0
    text, record = shown(site, capsys, alert(site))
    assert "incident      1 SEV2 the first, closed 20" in text
    assert "another" not in text
    assert not set(text) & set("\x1b\x00\r\u202e")
    assert [(one["id"], one["closed"] is None) for one in record["incidents"]] == [(2, True), (1, False)]
