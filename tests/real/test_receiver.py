"""A real Alertmanager under the rendered configuration tells a Slack on loopback of the watcher's and the ruler's alerts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lab.alertmanager import AlertmanagerServer
from lab.built import part
from lab.loopback import Asked, Loopback, Reply, serving
from lab.process import until
from lab.slack import HOOK, TOKEN

from tests.scans import SETTINGS
from tests.sinks.notes import HOSTILE, hostile, note
from vedette import app, cases_loki
from vedette.cases import cases_of, settings_for
from vedette.clients.alertmanager import Alertmanager as Client
from vedette.clients.alertmanager import rfc3339
from vedette.clients.base import Http
from vedette.clients.loki import LokiClient
from vedette.loki_process import LokiProcess
from vedette.notification import Notification
from vedette.render.logql_rule import render_rule
from vedette.render.receiver import Heartbeat, Slack, alertmanager_file
from vedette.render.ruler import groups_file
from vedette.sinks.alertmanager import Alertmanager
from vedette.watch.compose import heartbeat_notification

RUNBOOK = "https://runbooks.example.org/K4?a=1&b=2"
LINKS = {"pretext": f"<{RUNBOOK}|Runbook>", "title_link": RUNBOOK}
ODD = re.compile("[<>]|://|&(?!amp;|lt;|gt;)|[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
"""Markup, an address that would become a link, what cannot be seen."""
ATTACK = "<!channel> <https://evil.example/|click> &lt; *x* `y` https://evil.example/ \x1b[2J\u202e\n@here"


class Workspace:
    """Slack's two ways in, which say `ok` to a good message and Slack's own word to another."""

    def __init__(self) -> None:
        """Nothing has come."""
        self.server = Loopback(self._answering)
        self.messages: list[dict[str, Any]] = []
        self.beats = 0

    def _answering(self, asked: Asked) -> Reply:
        if asked.path == "/beat":
            self.beats += 1
            return Reply()
        message = json.loads(asked.body)
        by_hook = asked.path == HOOK
        if not by_hook and (
            asked.path != "/api/chat.postMessage" or asked.headers.get("authorization") != f"Bearer {TOKEN}"
        ):
            return Reply(200, b'{"ok": false, "error": "invalid_auth"}', {"Content-Type": "application/json"})
        self.messages.append(message)
        return Reply(200, b"ok") if by_hook else Reply(200, b'{"ok": true}', {"Content-Type": "application/json"})

    def names(self, actor: str) -> bool:
        """Whether a message says that somebody did it."""
        return any(f"Who: {actor}" in one["attachments"][0]["text"] for one in list(self.messages))

    def attachment(self, number: int = -1) -> dict[str, Any]:
        """What a message shows."""
        (found,) = self.messages[number]["attachments"]
        assert isinstance(found, dict)
        return found


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """One."""
    found = Workspace()
    yield found
    found.server.close()


@contextmanager
def told_by(
    folder: Path, workspace: Workspace, *, token: bool = False, quick: bool = False
) -> Iterator[AlertmanagerServer]:
    """An Alertmanager with the rendered file; `quick`: groups wait for a second where they wait for minutes."""
    secret = folder / "secret"
    secret.write_text(TOKEN if token else workspace.server.url + HOOK)
    slack = (
        Slack("#security", token_file=str(secret), api_url=workspace.server.url + "/api")
        if token
        else Slack("#security", str(secret))
    )
    text = alertmanager_file(slack, Heartbeat(url=workspace.server.url + "/beat"), counts=("K5", "V5.invalid_tokens"))
    server = AlertmanagerServer(
        folder / "am", config=re.sub(r"group_interval: \d+[ms]", "group_interval: 1s", text) if quick else text
    )
    try:
        yield server
    finally:
        server.stop()


def send(server: AlertmanagerServer, *notifications: Notification) -> None:
    """By vedette's own sink."""
    sink = Alertmanager("am", [server.url])
    sink.send(notifications)
    sink.close()


def of_ruler(
    actor: str = "mallory", lasts: float = 240.0, document: str = "K3", **annotations: str
) -> dict[str, object]:
    """An alert as Loki's ruler posts it: labels of the rule and of the series, annotations expanded."""
    now = time.time_ns()
    labels = {"alertname": f"Vedette{document}", "severity": "critical", "rule_id": document, "document": document,
              "source": "kube_audit", "cluster": "home", "actor": actor, "address": "203.0.113.9", "object": "vault/secrets/unseal-keys"}  # fmt: skip
    said = {"summary": f"Secret disclosed: {actor} -> vault/secrets/unseal-keys", "description": "A Secret was read.",
            "runbook_url": RUNBOOK, "actor": actor, "address": "203.0.113.9", "object": "vault/secrets/unseal-keys", "count": "1"}  # fmt: skip
    return {
        "labels": labels,
        "annotations": said | annotations,
        "startsAt": rfc3339(now),
        "endsAt": rfc3339(now + int(lasts * 1e9)),
        "generatorURL": "http://127.0.0.1/explore",
    }


def post(server: AlertmanagerServer, *alerts: Mapping[str, object]) -> None:
    """As the ruler does."""
    client = Client(server.url)
    assert client.post_alerts(alerts).status == 200
    client.close()


def obeyed(message: Mapping[str, Any]) -> list[str]:
    """What Slack would obey in it besides the one link to the runbook, and what it would refuse."""
    (shown,) = message["attachments"]
    found = [
        text for text in (shown["title"], shown["text"], shown["fallback"]) if ODD.search(text) or len(text) > 40_000
    ]
    if shown["mrkdwn_in"] != ["pretext"] or "link_names" in message:
        found.append("formatting")
    return found + [shown[name] for name, text in LINKS.items() if shown[name] != text]


@pytest.mark.parametrize("token", [False, True], ids=["webhook", "token"])
def test_alerts_of_the_watcher_and_of_the_ruler_arrive(tmp_path: Path, workspace: Workspace, *, token: bool) -> None:
    """In the channel, with who, what, where, how many, and the runbook; hostile text stays text."""
    fields = {
        "summary": f"Shell in a pod: {ATTACK}",
        "actor": ATTACK,
        "object": ATTACK,
        "runbook_url": RUNBOOK,
        "where": "/var/log/audit.log:17",
    }
    with told_by(tmp_path, workspace, token=token) as server:
        send(server, note(annotations=fields, runbook_url=RUNBOOK))
        post(server, of_ruler(ATTACK))
        until(lambda: len(workspace.messages) == 2, "both are told")
    by_title = {one["attachments"][0]["title"]: one for one in workspace.messages}
    assert set(by_title) == {"critical VedetteK4, 1 alert", "critical VedetteK3 in home, 1 alert"}
    for message in workspace.messages:
        assert message["channel"] == "#security"
        assert obeyed(message) == []
        (shown,) = message["attachments"]
        assert shown["color"] == "danger"
        assert (
            "Who: &lt;!channel&gt; &lt;https[:]//evil.example/|click&gt; &amp;lt; *x* `y` https[:]//evil.example/"
            in shown["text"]
        )
        assert "[2J\ufffd\ufffd@here" in shown["text"]
    watched = by_title["critical VedetteK4, 1 alert"]["attachments"][0]
    ruled = by_title["critical VedetteK3 in home, 1 alert"]["attachments"][0]
    assert "Where: /var/log/audit.log:17" in watched["text"]
    assert "What: vault/secrets/unseal-keys" in ruled["text"]
    assert "from 203.0.113.9\n" in ruled["text"]
    assert ruled["fallback"].startswith("critical VedetteK3 in home: Secret disclosed: ")


def test_no_hostile_text_does_anything(tmp_path: Path, workspace: Workspace) -> None:
    """Each of the texts that the sinks are tried with, in every annotation."""
    with told_by(tmp_path, workspace) as server:
        notes = []
        for number, text in enumerate(HOSTILE.values()):
            one = hostile(
                text,
                labels={"alertname": f"VedetteX{number}", "severity": "critical", "entity": "0"},
                runbook_url=RUNBOOK,
            )
            fields = ("summary", "actor", "address", "object", "via", "where", "why", "outcome", "first_step")
            notes.append(replace(one, annotations={**dict.fromkeys(fields, text), "runbook_url": RUNBOOK}))
        send(server, *notes)
        until(lambda: len(workspace.messages) == len(HOSTILE), "all are told")
    for message in workspace.messages:
        assert obeyed(message) == []


def test_many_are_counted_and_some_are_shown(tmp_path: Path, workspace: Workspace) -> None:
    """One message for a rule, however many actors."""
    with told_by(tmp_path, workspace) as server:
        post(server, *(of_ruler(f"mallory{number}") for number in range(9)))
        until(lambda: bool(workspace.messages), "they are told")
    shown = workspace.attachment()
    assert shown["title"] == "critical VedetteK3 in home, 9 alerts"
    assert shown["text"].count("Who: mallory") == 8
    assert shown["text"].endswith("\n\n8 of 9 are shown.")
    assert len(workspace.messages) == 1


def test_each_of_the_watcher_s_episodes_is_told_at_once(tmp_path: Path, workspace: Workspace) -> None:
    """The ninth of a rule does not wait for the group of the first, and is shown."""
    with told_by(tmp_path, workspace) as server:
        for number in range(9):
            labels = {"alertname": "VedetteK4", "severity": "warning", "rule_id": "K4", "entity": f"{number}"}
            send(server, note(labels=labels, annotations={"summary": "Shell", "actor": f"mallory{number}"}))
            until(partial(workspace.names, f"mallory{number}"), "it is told", 5)
    assert [one["attachments"][0]["title"] for one in workspace.messages] == ["warning VedetteK4, 1 alert"] * 9


def test_a_url_that_is_no_link_is_none(tmp_path: Path, workspace: Workspace) -> None:
    """What ends a link in Slack's markup is written as a number; another scheme is left out."""
    with told_by(tmp_path, workspace) as server:
        post(
            server,
            of_ruler(runbook_url="https://x/|<!channel>"),
            of_ruler(document="V1", runbook_url="javascript:alert(1)"),
        )
        until(lambda: len(workspace.messages) == 2, "both are told")
    links = {one["attachments"][0].get("pretext", "") for one in workspace.messages}
    assert links == {"", "<https://x/%7C%3C!channel%3E|Runbook>"}


def test_a_count_that_fires_for_seconds_is_told_beside_another(tmp_path: Path, workspace: Workspace) -> None:
    """Its group waits for nothing: in one group with the first it would be over before it was due."""
    with told_by(tmp_path, workspace) as server:
        post(server, of_ruler("first", document="K5"))
        until(lambda: len(workspace.messages) == 1, "the first is told")
        post(server, of_ruler("second", lasts=5, document="K5"))
        until(lambda: len(workspace.messages) == 2, "the second is told", 5)
    assert "Who: second" in workspace.attachment()["text"]


def test_a_finding_s_end_is_told_and_an_act_s_is_not(tmp_path: Path, workspace: Workspace) -> None:
    """A source is heard again: that is news; an act that is done stays done."""
    silent = {
        "alertname": "VedetteSourceSilent",
        "severity": "critical",
        "rule_id": "source_silent",
        "source": "vedette",
        "entity": "1",
    }
    acted = {"alertname": "VedetteK4", "severity": "warning", "rule_id": "K4", "source": "kube_audit", "entity": "2"}
    with told_by(tmp_path, workspace, quick=True) as server:
        send(server, note(labels=silent), note(labels=acted))
        until(lambda: len(workspace.messages) == 2, "both are told")
        over = time.time_ns()
        send(server, note(labels=silent, ends_at=over), note(labels=acted, ends_at=over))
        until(lambda: len(workspace.messages) > 2, "the end is told")
        time.sleep(2.5)  # what must not come has no condition to wait for: two group_intervals
    assert len(workspace.messages) == 3
    assert workspace.attachment()["title"] == "over: critical VedetteSourceSilent, 1 alert"
    assert workspace.attachment()["color"] == "good"


def test_the_heartbeat_goes_to_its_switch_alone(tmp_path: Path, workspace: Workspace) -> None:
    """Again and again, and never to the channel."""
    with told_by(tmp_path, workspace, quick=True) as server:
        text = (tmp_path / "am" / "alertmanager.yml").read_text("utf-8")
        server.restart(text.replace("repeat_interval: 50s", "repeat_interval: 900ms"))
        send(server, heartbeat_notification("home", time.time_ns()))
        until(lambda: workspace.beats >= 2, "it is repeated")
    assert workspace.messages == []


@pytest.mark.skipif(not shutil.which("amtool"), reason="no amtool in PATH")
@pytest.mark.parametrize("channel", ["#security", "C0123456789", 'a"b: #c\n- x', "ünï"])
@pytest.mark.parametrize("heartbeat", [None, Heartbeat(), Heartbeat(url="http://127.0.0.1:9/x")])
@pytest.mark.parametrize("fragment", [False, True])
def test_amtool_accepts_the_file(tmp_path: Path, channel: str, heartbeat: Heartbeat | None, *, fragment: bool) -> None:
    """Whole, and as a fragment in a file that has another root."""
    for number, slack in enumerate(
        (Slack(channel, "/etc/alertmanager/slack-url"), Slack(channel, token_file="/etc/alertmanager/token"))
    ):
        text = alertmanager_file(slack, heartbeat, counts=("K5",), fragment=fragment)
        if fragment:
            routes, receivers = text.split("receivers:\n")
            below = routes.partition("routes:\n")[2]
            text = f"route:\n  receiver: other\n  routes:\n{re.sub('^', '  ', below, flags=re.MULTILINE).rstrip()}\nreceivers:\n- name: other\n{receivers}"
        file = tmp_path / f"{number}.yml"
        file.write_text(text, "utf-8")
        done = subprocess.run(["amtool", "check-config", str(file)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr + text
        assert f"{3 + fragment if heartbeat else 2 + fragment} receivers" in done.stdout


def test_a_slack_that_says_no_is_seen(workspace: Workspace) -> None:
    """The stand-in refuses another token, so the tests above could fail."""
    with serving(workspace._answering) as server:
        http = Http(timeout=5)
        answer = http.request(
            "POST", server.url + "/api/chat.postMessage", headers={"Authorization": "Bearer x"}, body=b"{}"
        )
        http.close()
    assert b"invalid_auth" in answer.body
    assert workspace.messages == []


def test_a_count_of_loki_s_ruler_reaches_the_channel(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From lines in a real Loki to Slack: a burst, and beside it a slow one that the ruler sees for seconds only."""
    monkeypatch.setenv("VEDETTE_PARTS", str(part("loki").parent))
    (rule,) = app.usable_rules(app.load_rules(app.load_settings(str(SETTINGS))), ["K5"])
    case = next(
        one
        for one in cases_of(rule)
        if cases_loki._prepared(one, rule, settings_for(one), "0").expected == {("K5", "fire")}
    )
    lines = [line for _, line in cases_loki._stamped(cases_loki._prepared(case, rule, settings_for(case), "0").lines)]
    groups = groups_file([(rule, render_rule(rule, ()))], cluster="home", runbook=lambda _: RUNBOOK)
    with told_by(tmp_path, workspace) as server, LokiProcess(groups, alertmanager=server.url) as loki:
        client = LokiClient(loki.url)
        for actor, seconds in (("eve@example.org", 1), ("slow@example.org", 58)):
            now = time.time_ns()
            step = int(seconds * 1e9) // (len(lines) - 1)
            burst = [
                (now - step * number, line.replace("eve@example.org", actor))
                for number, line in enumerate(reversed(lines))
            ]
            client.push([({"job": "kube-audit", "actor": actor}, burst[::-1])])
            until(partial(workspace.names, actor), f"{actor} is told", 45)
        client.close()
    counts = [one for one in workspace.messages if "What:" not in one["attachments"][0]["text"]]
    assert [one["attachments"][0]["title"] for one in counts] == ["critical VedetteK5 in home, 1 alert"] * 2
    for message in counts:
        assert obeyed(message) == []
        assert f"\nCount: {len(lines)}" in message["attachments"][0]["text"]
