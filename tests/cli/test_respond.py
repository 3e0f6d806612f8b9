"""`vedette respond` as a person meets it: the page, the walk, what is on record afterwards, and wrong calls."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.alert_store import HOSTILE, Site
from tests.response.stories import kube, sshd, watched
from tests.walker import Answer, walk
from vedette.cli import main
from vedette.store.alerts import Deed
from vedette.store.incidents import Incidents
from vedette.store.visit import Visit

Capture = pytest.CaptureFixture[str]
ROBOT = "system:serviceaccount:ops:robot"
EVIL = "--server=http://evil.example"
REAL: dict[str, Answer] = {
    r"acknowledge it": "y",
    r"is it \[r\]eal": "r",
    r"why\?": "nobody asked for it",
    r"which one to plan": "",
    r"belong to an incident": "o",
    r"its title": "a stranger at the Secrets",
    r"other alert": "n",
    r"close the alert": "y",
}
FALSE: dict[str, Answer] = {
    **REAL,
    r"is it \[r\]eal": "f",
    r"narrowest entry": "y",
    r"write that entry": "y",
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which a robot, a hostile name and a name that is an option have set off K3."""
    folder = tmp_path_factory.mktemp("kept")
    lines = [kube(ROBOT, "get", "vault/secrets/db", one, address="10.10.3.7") for one in range(3)]
    lines += [kube(HOSTILE, "get", "vault/secrets/db", 9), kube(EVIL, "get", "vault/secrets/db", 10)]
    watched(folder, lines)
    return folder


@pytest.fixture
def site(kept: Path, tmp_path: Path) -> Site:
    """A copy of it."""
    return Site.copied(kept / "state", tmp_path)


def alert_of(site: Site, actor: str) -> str:
    """The id of the alert about somebody."""
    (found,) = [one.alert.id for one in site.kept() if one.alert.actor == actor]
    return found


def deeds(site: Site, alert: str) -> list[Deed]:
    """What is on record of it."""
    visit = Visit(site.state)
    try:
        return list(visit.alerts.deeds(alert))
    finally:
        visit.close()


def page(site: Site, alert: str, capsys: Capture) -> str:
    """What --print prints."""
    assert main(["respond", alert, "--print", "--config", str(site.config)]) == 0
    return capsys.readouterr().out


def walked(site: Site, alert: str, answers: dict[str, Answer], *words: str) -> tuple[int, str]:
    """Walk as ann."""
    return walk(["respond", alert, "--config", str(site.config), "--by", "ann", *words], answers, site.folder)


def test_the_page_has_all_of_it_and_changes_nothing(site: Site, capsys: Capture) -> None:
    """The same bytes each time; nobody is noted to have done anything."""
    alert = alert_of(site, ROBOT)
    shown = page(site, alert, capsys)
    for heading in ("What happened", "Around it", "Real or not", "Act", "Afterwards", "Done so far"):
        assert f"\n## {heading}\n" in shown
    assert f"vedette action plan kube.suspend-actor actor={ROBOT} --alert {alert}" in shown
    assert "Is it a drill of vedette's own? no" in shown
    assert "3 times, done: `get vault/secrets/db; with kubectl" in shown
    assert page(site, alert, capsys) == shown
    assert deeds(site, alert) == []


def test_hostile_names_are_shown_and_obeyed_nowhere(site: Site, capsys: Capture) -> None:
    """No control character, no mark-up, no second word of a command comes out of a log."""
    shown = page(site, alert_of(site, HOSTILE), capsys)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)
    plain = re.sub(r"(`+)[^`].*?\1", "", re.sub(r"```.*?```", "", shown, flags=re.DOTALL))
    assert "<!channel>" not in plain
    option = page(site, alert_of(site, EVIL), capsys)
    assert not re.search(r"action plan.* --server", option)


def test_a_real_one_is_walked_to_an_incident(site: Site) -> None:
    """Acknowledged, judged, put into an incident, closed: each by a command that was shown."""
    alert = alert_of(site, ROBOT)
    code, shown = walked(site, alert, REAL)
    assert code == 0, shown
    for command in ("alerts ack", "incident open 'a stranger at the Secrets'", "alerts close"):
        assert f"$ vedette {command}" in shown
    assert [(one.did, one.by, one.said) for one in deeds(site, alert)] == [
        ("acked", "ann", ""),
        ("judged", "ann", "true: nobody asked for it"),
        ("closed", "ann", "nobody asked for it"),
    ]
    visit = Visit(site.state)
    try:
        (incident,) = Incidents(visit.database).listed(closed=False)
        assert [one.name for one in Incidents(visit.database).entries(incident.id) if one.kind == "alert"] == [alert]
    finally:
        visit.close()
    assert [one.state for one in site.kept() if one.alert.id == alert] == ["closed"]


def test_a_false_one_is_tuned_away(site: Site, capsys: Capture) -> None:
    """The entry is rehearsed, shown, written; the alert closes as a false positive."""
    alert = alert_of(site, ROBOT)
    code, shown = walked(site, alert, FALSE)
    assert code == 0, shown
    assert f"$ vedette tune K3 --actor {ROBOT}" in shown
    assert f"  - actor: {ROBOT}\n    rule: K3\n" in site.config.read_text("utf-8")
    assert "judged by" in page(site, alert, capsys)


def test_one_that_is_decided_later_stays_open(site: Site) -> None:
    """What was done is noted, and the next walk does not ask for it again."""
    alert = alert_of(site, ROBOT)
    later = {**REAL, r"is it \[r\]eal": "l", r"belong to an incident": ""}
    assert walked(site, alert, later)[0] == 0
    assert [one.did for one in deeds(site, alert)] == ["acked", "undecided"]
    code, shown = walked(site, alert, {r"is it \[r\]eal": "q"})
    assert (code, "acknowledge it" in shown, "goes on" in shown) == (1, False, True)
    assert "acked by ann" in shown


def test_an_answer_that_is_none_is_asked_again(site: Site) -> None:
    """Nothing is done for a word that is not understood."""
    said = iter(["x", "maybe", "q"])
    code, shown = walked(site, alert_of(site, ROBOT), {r"acknowledge": "n", r"is it \[r\]eal": lambda _: next(said)})
    assert (code, shown.count("is it [r]eal")) == (1, 3)
    assert deeds(site, alert_of(site, ROBOT)) == []


def test_an_action_that_cannot_be_planned_is_no_end(site: Site) -> None:
    """Without an API server in the settings its reason is shown, and the next may be chosen."""
    numbers = iter(["9", "1", ""])
    code, shown = walked(site, alert_of(site, EVIL), {**REAL, r"which one to plan": lambda _: next(numbers)})
    assert code == 0, shown
    assert "'9' is none of them" in shown
    assert f"$ vedette action plan kube.suspend-actor actor={EVIL}" in shown
    assert "needs a system to act on" in shown


def test_what_only_looks_is_shown_and_not_applied(site: Site) -> None:
    """From the evidence alone: the Secrets that the actor was given."""

    def choose(shown: str) -> str:
        (number,) = re.findall(r"^  (\d+)\. vedette action plan kube\.secrets-read", shown, re.MULTILINE)
        return number if shown.count("which one to plan") == 1 else ""

    code, shown = walked(site, alert_of(site, ROBOT), {**REAL, r"which one to plan": choose})
    assert code == 0, shown
    assert f"{ROBOT} was given" in shown
    assert "vault/db" in shown
    assert "vedette action apply" not in shown


def test_an_actor_that_looks_like_an_option_is_a_name(site: Site) -> None:
    """Tuning asks for it by name, whatever it begins with."""
    answers = {**FALSE, r"why\?": "- it is ours", r"write that entry": "n"}
    code, shown = walked(site, alert_of(site, EVIL), answers)
    assert code == 0, shown
    assert f"tune K3 '--actor={EVIL}'" in shown or f"tune K3 --actor={EVIL}" in shown
    assert "usage:" not in shown
    assert deeds(site, alert_of(site, EVIL))[-1].said == "- it is ours"


def test_without_a_terminal_nobody_is_asked(site: Site) -> None:
    """A script gets the page, or is told so."""
    command = [sys.executable, "-m", "vedette", "respond", alert_of(site, ROBOT), "--config", str(site.config)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--print" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["zzzz"], "no alert has an id that begins with 'zzzz'"),
        (["ab"], "four characters"),
        (["zzzz", "--hours", "0"], "--hours 0"),
        (["zzzz", "--hours", "nan"], "--hours nan"),
        (["zzzz", "--hours", "10000"], "at most 336"),
        (["zzzz", "--state", "nowhere"], "nowhere"),
    ],
)
def test_wrong_calls(site: Site, capsys: Capture, words: list[str], says: str) -> None:
    """2, and what is wrong."""
    assert main(["respond", *words, "--print", "--config", str(site.config)]) == 2
    assert says in capsys.readouterr().err


def test_what_no_automation_can_say_is_written_as_an_exception(tmp_path: Path) -> None:
    """A login from outside by a runner: the entry needs a last day and somebody who answers for it, and asks for both."""
    site = watched(tmp_path, [sshd("ci", "203.0.113.9", 1)])
    (alert,) = [one.alert.id for one in site.kept() if one.alert.rule == "S1"]
    answers = {**FALSE, r"last day\?": "y", r"which day": "2099-12-31", r"answers for it": "me@example.org"}
    code, shown = walked(site, alert, answers)
    assert code == 0, shown
    assert "$ vedette tune S1 --actor ci --exception --until 2099-12-31 --owner me@example.org" in shown
    assert "expires: 2099-12-31" in site.config.read_text("utf-8")
