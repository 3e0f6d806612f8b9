"""`vedette drill` in the lab: each rule, from its act to Slack, and nothing of it left."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lab import files
from lab.acts import FORGED, outside
from lab.lab import Lab
from lab.process import until

from tests.lab.drill_site import Site
from tests.test_names import THE_PACK

REAL = ("K2", "K3", "K4", "K5", "K7", "K8", "V4", "V5", "V6")
STAND_INS = ("V1", "V2", "V3", "K6", "K10")
OWNED = ("K9", "V7", "S1")
ON_LOKI = ("K2", "K3", "K4", "K5", "K7", "K8", "V4", "V5", "V6")
QUICK = 5.0
"""Seconds from an act to Slack, at most."""


@pytest.fixture(scope="module")
def site(lab: Lab) -> Iterator[Site]:
    """The lab with rights for drills."""
    found = Site(lab)
    # What made the site ready sets off V4, by root, as it should.
    yield found
    assert found.left() == []


def hops(result: dict[str, Any]) -> dict[str, float]:
    """Hop -> seconds after the act."""
    return {one["hop"]: one["seconds"] for one in result["hops"]}


def through(result: dict[str, Any]) -> None:
    """It went through all hops, to Slack."""
    assert (result["outcome"], result["left"]) == ("through", []), result
    names = list(hops(result))
    assert names[-4:] == [
        "alert",
        "told alertmanager",
        "held by alertmanager",
        f"read in Slack {files.CHANNELS['vedette']}",
    ]


def test_every_rule_has_a_drill() -> None:
    """None is left out."""
    assert {*REAL, *STAND_INS, *OWNED} == THE_PACK


def test_a_plan_does_nothing(site: Site) -> None:
    """Every call is named, and the log of the API server has no request of the drill account."""
    before = b"vedette-drill:vedette-drill" in site.lab.logs["kube"].read_bytes()
    code, out, _ = site.drill("--all", "--plan")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    for rule in (*REAL, *STAND_INS):
        assert re.search(rf"^{rule}: ", out, re.MULTILINE)
    assert "K9: not drilled: done by the owner: vedette drill K9" in out
    assert (b"vedette-drill:vedette-drill" in site.lab.logs["kube"].read_bytes()) is before


def test_nobody_to_ask_is_no_yes(site: Site) -> None:
    """Without a terminal and without --yes nothing is done."""
    code, out, err = site.drill("K5")
    assert (code, out) == (2, "")
    assert "K5: real" in err
    assert "say --yes" in err


def test_all_drills_go_through(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Of all but the owner's: alert, sink, Alertmanager and Slack; stand-ins say that they are."""
    results = {one["rule"]: one for one in site.results("--all")}
    assert set(results) == {*REAL, *STAND_INS}
    for rule, result in results.items():
        through(result)
        assert result["how"] == ("real" if rule in REAL else "stand-in")
        assert max(hops(result).values()) <= QUICK, result
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(f"{rule:4} {hops(one)}" for rule, one in results.items()) + "\n")
    assert site.left() == []
    told = "\n".join(site.lab.told().values())
    assert all(f"vedette-stand-in-{results[rule]['mark']}" in told for rule in STAND_INS)


def test_a_drill_can_be_done_again_at_once(site: Site) -> None:
    """Its alert is another's: people are told again, and the alert of the one before was closed."""
    through(site.results("K5")[0])
    again = site.results("K5")[0]
    through(again)
    mine = [one for one in site.lab.watch.alerts() if again["mark"] in one["actor"]]
    assert [(one["state"], one["closed_by"]) for one in mine] == [("closed", f"drill: K5 drilled ({again['mark']})")]


def test_an_alert_that_would_count_the_drill_up_is_named(site: Site) -> None:
    """All failed logins of a mount are one alert: nobody would be told, so nothing is done."""
    (result,) = site.results("V5")
    assert (result["outcome"], result["stuck"], result["hops"]) == ("failed", "act", [])
    assert re.search(r"alert [0-9a-f]{8} is closed, but would go on for \d+ min yet", result["why"])


@pytest.mark.parametrize("rule", OWNED)
def test_the_owner_is_asked(site: Site, rule: str) -> None:
    """The command is shown; what the owner does is waited for, and told."""
    lab = site.lab
    site.settle(owner_timeout="60s")
    process = site.start(rule, "--yes", "-o", "table")
    assert process.stderr is not None
    name = ""
    shown = []
    while not name and (line := process.stderr.readline()):
        shown.append(line)
        if found := re.search(r"vedette-drill-[0-9a-f-]{36}|ssh HOST", line):
            name = found[0]
    assert name, shown
    address = outside()
    acts: dict[str, Callable[[], object]] = {
        "K9": lambda: lab.kube.call("GET", f"/{name}", token=lab.kube.tokens[files.OWNER], headers=FORGED),
        "V7": lambda: lab.vault.call("GET", f"{name}/nothing", token=owner(lab), source=address),
        "S1": lambda: lab.sshd.login(address),
    }
    acts[rule]()
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, out + err
    assert re.match(rf"{rule} +owner +went through", out), out


def owner(lab: Lab) -> str:
    """The owner's token in Vault, got from inside."""
    status, answer = lab.vault.call("POST", "auth/userpass/login/me", {"password": lab.password}, token="")
    assert status == 200, answer
    return str(answer["auth"]["client_token"])


def test_all_that_loki_carries_goes_through_there(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """By the ruler, its Alertmanager and its channel of Slack."""
    slack = {**site.settings()["slack"], "channel": files.CHANNELS["loki"]}
    site.settle(slack=slack, timeout="90s")
    # V5's mount is drilled once more: what the ruler told is over by then.
    results = site.results(*ON_LOKI, "--on-loki")
    site.settle()
    with capsys.disabled():
        sys.stdout.write("\nby Loki\n" + "\n".join(f"{one['rule']:4} {hops(one)}" for one in results) + "\n")
    for result in results:
        assert (result["outcome"], result["left"]) == ("through", []), result
        assert [*hops(result)] == ["held by the ruler's alert", f"read in Slack {files.CHANNELS['loki']}"]


def test_a_killed_drill_is_cleaned_by_the_next(site: Site) -> None:
    """kill -9 between the act and its end: the record names what was made, and the next drill takes it away."""
    process = site.start("K5", "--yes")
    path = "/api/v1/namespaces/vedette-drill/configmaps"

    def made() -> bool:
        return any("vedette-drill-" in one["metadata"]["name"] for one in site.lab.kube.call("GET", path)[1]["items"])

    until(made, "the drill has made a ConfigMap", 30, every=0.0)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert site.left() != []
    through(site.results("K4")[0])
    assert site.left() == []


def test_clean_takes_away_what_is_left(site: Site) -> None:
    """By --clean alone; a token that a killed drill had made is over within a minute, and is waited for."""
    process = site.start("V6", "--yes")
    until(lambda: b"vedette-drill-" in tail(site.lab.logs["vault"]), "the drill has begun", 30, every=0.0)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    code, _, err = site.drill("--clean")
    assert (code, "nothing is left of any drill" in err) == (0, True), err


def tail(path: Any) -> bytes:
    """The last of a log."""
    data: bytes = path.read_bytes()
    return data[-3000:]


def test_ctrl_c_cleans_up(site: Site) -> None:
    """While the alert is waited for."""
    site.lab.alertmanager.stop()
    try:
        process = site.start("K8", "--yes")
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert site.left() == []
    finally:
        site.lab.alertmanager.start()


def test_a_sink_that_is_away_is_where_it_is_stuck(site: Site) -> None:
    """The alert is in the store; the drill says who was not told, and why."""
    site.settle(timeout="4s")
    site.lab.alertmanager.stop()
    try:
        (result,) = site.results("K3")
    finally:
        site.lab.alertmanager.start()
        site.settle()
    assert (result["outcome"], result["stuck"], result["left"]) == ("failed", "told alertmanager", []), result
    assert "connection refused" in result["why"]


def test_a_slack_that_does_not_let_be_read_says_so(site: Site) -> None:
    """Without the scope the message cannot be read back; the sink's receipt is what there is."""
    site.lab.slack.history_error = "missing_scope"
    try:
        (result,) = site.results("K3")
    finally:
        site.lab.slack.history_error = ""
    assert result["outcome"] == "through", result
    assert "channels:history" in result["hops"][-1]["seen"]


def test_a_server_that_is_not_there_is_named(site: Site) -> None:
    """Nothing was done, and it is no fault of the rule's."""
    kube = {**site.settings()["kube"], "server": "https://127.0.0.1:1"}
    site.settle(kube=kube)
    try:
        (result,) = site.results("K2")
    finally:
        site.settle()
    assert (result["stuck"], result["hops"]) == ("act", [])
    assert "https://127.0.0.1:1: connection refused" in result["why"]
    code, _, err = site.drill("--clean")
    assert code == 0, err


def test_an_exec_that_is_refused_is_an_attempt(site: Site) -> None:
    """Without a pod of one's own; it says less, and says so."""
    kube = {**site.settings()["kube"], "pod": ""}
    site.settle(kube=kube)
    try:
        (result,) = site.results("K4")
    finally:
        site.settle()
    assert result["outcome"] == "attempt", result


@pytest.mark.parametrize("rule", STAND_INS)
def test_for_real(site: Site, rule: str) -> None:
    """What a stand-in stands for, done: a root token that is revoked, a seal, a comment in the policy's file."""
    (result,) = site.results(rule, "--for-real")
    through(result)
    assert result["how"] == "real"
    assert site.left() == []
    assert b"vedette-drill" not in site.lab.kube.policy_file.read_bytes()
    assert site.lab.vault.call("GET", "sys/seal-status")[1]["sealed"] is False


def test_the_rules_are_proven_by_it(site: Site) -> None:
    """`vedette prove` has the record as its last link: PROVEN by what was done, READY by a stand-in or an attempt."""
    words = ("prove", "K4", "K5", "K6", "V2", "V4", "--state", str(site.lab.watch.state), "-o", "json")
    done = site.lab.watch.command(*words)
    assert done.returncode in (0, 1), done.stderr
    found = {one["rule"]: {link["link"]: link for link in one["links"]}["drilled"] for one in json.loads(done.stdout)}
    states = {rule: link["state"] for rule, link in found.items()}
    assert states == {"K4": "READY", "K5": "PROVEN", "K6": "PROVEN", "V2": "PROVEN", "V4": "PROVEN"}, found
    assert "an attempt" in found["K4"]["why"]
    assert re.search(r"alert \d+\.\d s, told alertmanager \d+\.\d s", found["K5"]["why"])


def test_every_rule_is_proven(site: Site) -> None:
    """All links hold and each rule was drilled for real: the lab is what the whole is made for."""
    for rule in ("K2", "K4", "K8"):  # The last of each was made to fail.
        through(site.results(rule)[0])
    lab = site.lab
    words = (
        "prove",
        "--here",
        "--policy",
        str(lab.kube.policy_file),
        "--sshd-config",
        str(lab.sshd.folder / "sshd_config"),
    )
    done = lab.watch.command(*words, "--state", str(lab.watch.state), "-o", "json")
    found = {
        one["rule"]: {link["link"]: (link["state"], link["why"]) for link in one["links"] if link["state"] != "READY"}
        for one in json.loads(done.stdout)
        if one["state"] != "PROVEN"
    }
    assert found == {}, done.stderr
