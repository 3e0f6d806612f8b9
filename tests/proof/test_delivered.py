"""Delivered: the way of a rule's alert to somebody, asked of a real Alertmanager and of what speaks Slack's errors."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from lab.alertmanager import AlertmanagerServer
from lab.loopback import Reply
from lab.process import until
from lab.slack import CHANNEL, TOKEN, SlackServer, slack_server

from tests.scans import SETTINGS
from vedette import app
from vedette.clients.alertmanager import Alertmanager, Matcher, rfc3339
from vedette.clients.slack import IncomingWebhook, Slack
from vedette.proof.deliveries import ByAlertmanager, ByRecord, recorded
from vedette.proof.links.base import Delivering, Way
from vedette.proof.links.delivered import Delivered
from vedette.proof.slack_ends import BySlackApp, BySlackWebhook, Delivery, Reader, Told
from vedette.proof.verdict import LinkResult, State
from vedette.rule import Rule

CONFIG = """
route:
  receiver: nobody
  routes:
    - matchers: [rule_id="K5", severity="critical"]
      receiver: nobody
    - matchers: [rule_id=~".+", severity="critical"]
      receiver: security
receivers:
  - name: nobody
  - name: security
    webhook_configs: [{url: "http://127.0.0.1:9/"}]
inhibit_rules:
  - source_matchers: [alertname="Maintenance"]
    target_matchers: [rule_id="K8"]
"""
UNTOLD = recorded("ok", "", 0)


def rules() -> dict[str, Rule]:
    """The pack."""
    return {rule.name: rule for rule in app.load_rules(app.load_settings(str(SETTINGS)), unproven=True).rules}


def checked(name: str, deliveries: Mapping[str, Delivery], *ways: Way) -> LinkResult:
    """The link of one rule; without ways all sinks are told of all."""
    everybody = (Way(frozenset(), tuple(deliveries)),)
    return Delivered(Delivering(ways or everybody, deliveries, "homelab")).check(rules()[name])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertmanagerServer]:
    """A real Alertmanager with routes of somebody's own."""
    one = AlertmanagerServer(tmp_path_factory.mktemp("am"), config=CONFIG)
    yield one
    one.process.stop()


def by_alertmanager(*urls: str) -> Mapping[str, Delivery]:
    """The sink of that cluster, asked anew."""
    return {"am": ByAlertmanager("am", {url: Alertmanager(url, timeout=5) for url in urls})}


def test_an_alert_that_reaches_a_receiver_with_somebody_in_it_is_ready(server: AlertmanagerServer) -> None:
    """The receiver that the real one's routes end at is named, with what it has."""
    found = checked("K3", by_alertmanager(server.url))
    assert (found.state, found.why) == (State.READY, "am: security (webhook)")


@pytest.mark.parametrize("name", ["K5", "K7"])
def test_a_route_that_ends_at_nobody_is_named_with_its_line(name: str, server: AlertmanagerServer) -> None:
    """K5 by a route of its own, K7 (a warning) by the root."""
    found = checked(name, by_alertmanager(server.url))
    assert found.state is State.BLIND
    assert "ends at nobody, which tells nobody" in found.why
    assert "alertmanager.yml:" in found.why


def test_the_receivers_are_those_that_the_real_one_names(server: AlertmanagerServer) -> None:
    """What is walked here is what it says of an alert that it holds."""
    client = Alertmanager(server.url, timeout=5)
    labels = {"alertname": "VedetteK3", "rule_id": "K3", "severity": "critical", "source": "kube_audit"}
    client.post_alerts([{"labels": labels}])
    (held,) = client.alerts(['rule_id="K3"'])
    client.close()
    assert [one["name"] for one in held.receivers] == ["security"]


def test_a_silence_that_was_left_on_is_named(server: AlertmanagerServer) -> None:
    """Whose it is, until when, and how it is ended."""
    client = Alertmanager(server.url, timeout=5)
    now = time.time_ns()
    silence = client.create_silence(
        [Matcher("rule_id", "K(3|4)", is_regex=True)], now, now + 3600 * 10**9, "the move", "ann"
    )
    try:
        found = checked("K3", by_alertmanager(server.url))
        other = checked("K2", by_alertmanager(server.url))
    finally:
        client.delete_silence(silence)
        client.close()
    assert found.state is State.BLIND
    assert "by ann: the move" in found.why
    assert found.mend == f"amtool silence expire {silence}"
    assert other.state is State.READY
    assert checked("K3", by_alertmanager(server.url)).state is State.READY


def test_an_inhibition_that_holds_now_is_named(server: AlertmanagerServer) -> None:
    """K8 fires, and a maintenance holds it back."""
    client = Alertmanager(server.url, timeout=5)
    held = {"alertname": "VedetteK8", "rule_id": "K8", "severity": "critical"}
    client.post_alerts([{"labels": {"alertname": "Maintenance"}}, {"labels": held}])
    # Inhibitions are looked up when alerts come; the second post finds the first there.
    client.post_alerts([{"labels": held}])
    deadline = time.monotonic() + 10
    while not client.alerts(['rule_id="K8"'])[0].status.inhibited_by and time.monotonic() < deadline:
        time.sleep(0.1)
    client.close()
    found = checked("K8", by_alertmanager(server.url))
    assert found.state is State.BLIND
    assert "held back by an inhibition" in found.why


def test_an_inhibition_is_named_before_an_alert_comes(server: AlertmanagerServer) -> None:
    """While the source fires K8 would be held back, though nothing of K8 is there; else it is only told of."""
    client = Alertmanager(server.url, timeout=5)
    over = rfc3339(time.time_ns())
    held = {"alertname": "VedetteK8", "rule_id": "K8", "severity": "critical"}
    client.post_alerts([{"labels": one, "endsAt": over} for one in ({"alertname": "Maintenance"}, held)])
    quiet = checked("K8", by_alertmanager(server.url))
    assert quiet.state is State.READY
    assert "alertmanager.yml:" in quiet.why
    assert "other alerts can hold it back" in quiet.why
    client.post_alerts([{"labels": {"alertname": "Maintenance"}}])
    found = checked("K8", by_alertmanager(server.url))
    assert found.state is State.BLIND
    assert "held back by an inhibition while Maintenance fires" in found.why
    assert checked("K3", by_alertmanager(server.url)).state is State.READY
    client.post_alerts([{"labels": {"alertname": "Maintenance"}, "endsAt": rfc3339(time.time_ns())}])
    client.close()


def slack_config(*lines: str) -> str:
    """A file whose one receiver posts to Slack."""
    told = "\n    ".join(lines)
    return (
        "route: {receiver: security, group_by: ['...'], group_wait: 10ms}\n"
        f"receivers:\n- name: security\n  slack_configs:\n  - {told}\n"
    )


def test_a_dead_webhook_behind_alertmanager_is_named(tmp_path: Path, workspace: SlackServer) -> None:
    """By asking it, where its file can be read here; nobody is told."""
    (tmp_path / "hook").write_text(workspace.hook_url)
    server = AlertmanagerServer(tmp_path / "am", config=slack_config(f"api_url_file: {tmp_path / 'hook'}"))
    try:
        assert checked("K3", by_alertmanager(server.url)).why == "am: security (slack)"
        workspace.answer = Reply(404, b"no_service")
        found = checked("K3", by_alertmanager(server.url))
    finally:
        server.process.stop()
    assert (found.state, found.why) == (State.BLIND, "security: Slack's incoming webhook answers 404 no_service")
    assert "make a new incoming webhook" in found.mend
    assert workspace.messages == {}


def test_an_app_behind_alertmanager_is_asked_as_itself(tmp_path: Path, workspace: SlackServer, token: str) -> None:
    """Alertmanager hides where its Slack is; `drill: slack:` says it, and the same token is the same app."""
    lines = (f"channel: {CHANNEL}", f"api_url: {workspace.api_url}/chat.postMessage",
             f"http_config: {{authorization: {{credentials_file: {token}}}}}")  # fmt: skip
    server = AlertmanagerServer(tmp_path / "am", config=slack_config(*lines))
    client = Alertmanager(server.url, timeout=5)

    def sink(channel: str = CHANNEL, file: str = token) -> Mapping[str, Delivery]:
        reader = Reader(file, channel, Slack(file, api_url=workspace.api_url, timeout=5))
        return {"am": ByAlertmanager("am", {server.url: client}, reader)}

    try:
        assert checked("K3", sink()).why == "am: security (slack)"
        workspace.member = False
        found = checked("K3", sink())
        assert (found.state, found.why) == (State.BLIND, "security: Slack refuses: not_in_channel")
        assert "/invite" in found.mend
        for other in (sink(channel="C0000000000"), sink(file=str(tmp_path / "other"))):
            assert checked("K3", other).state is State.READY
    finally:
        client.close()
        server.process.stop()


def test_requests_that_all_failed_blind_and_some_are_told_of(tmp_path: Path, workspace: SlackServer) -> None:
    """What Alertmanager counts, where nothing else can be asked: the URL is hidden, and no file of it is here."""
    server = AlertmanagerServer(tmp_path / "am", config=slack_config(f"api_url: {workspace.hook_url}"))
    client = Alertmanager(server.url, timeout=5)

    def post(name: str, made: int) -> LinkResult:
        client.post_alerts([{"labels": {"alertname": name}}])
        until(lambda: client.requests()["slack"] == (made, 1), "Alertmanager has told")
        return checked("K3", by_alertmanager(server.url))

    try:
        assert client.requests()["slack"] == (0, 0)
        workspace.answer = Reply(404, b"no_service")
        dead = post("one", 1)
        workspace.answer = Reply(200, b"ok")
        lame = post("two", 2)
    finally:
        client.close()
        server.process.stop()
    assert dead.state is State.BLIND
    assert "not one of Alertmanager's 1 requests to slack since its start went through" in dead.why
    assert lame.state is State.READY
    assert "1 of 2 requests to slack failed" in lame.why


def test_a_silence_on_what_all_of_the_watcher_s_alerts_have(server: AlertmanagerServer) -> None:
    """`entity` has a value that each event decides; that there is one is certain."""
    client = Alertmanager(server.url, timeout=5)
    now = time.time_ns()
    silence = client.create_silence([Matcher("entity", ".+", is_regex=True)], now, now + 3600 * 10**9, "all", "ann")
    try:
        assert checked("K3", by_alertmanager(server.url)).state is State.BLIND
    finally:
        client.delete_silence(silence)
        client.close()


def test_an_alertmanager_that_cannot_be_asked_is_unknown(server: AlertmanagerServer) -> None:
    """Nobody there, and nobody of two there: said, never taken for yes or no."""
    gone = "http://127.0.0.1:9"
    found = checked("K3", by_alertmanager(gone))
    assert found.state is State.UNKNOWN
    assert gone in found.why
    half = checked("K3", by_alertmanager(gone, server.url))
    assert half.state is State.READY
    assert f"not asked: {gone}" in half.why


@pytest.fixture
def token(tmp_path: Path) -> str:
    """The file of the bot's token."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    return str(file)


@pytest.fixture
def workspace() -> Iterator[SlackServer]:
    """What speaks as Slack does."""
    with slack_server() as server:
        yield server


def by_slack(server: SlackServer, token: str, record: Told = UNTOLD) -> Mapping[str, Delivery]:
    """The channel of that workspace."""
    return {"slack": BySlackApp("slack", Slack(token, api_url=server.api_url, timeout=5), CHANNEL, record)}


def test_a_channel_that_the_app_is_in_is_ready_and_nobody_is_told(workspace: SlackServer, token: str) -> None:
    """Its history can be read, so it is there; nothing is posted."""
    found = checked("K3", by_slack(workspace, token))
    assert (found.state, found.why) == (State.READY, f"slack: Slack channel {CHANNEL}")
    assert workspace.messages == {}


@pytest.mark.parametrize(
    ("word", "mend"),
    [
        ("not_in_channel", "/invite"),
        ("channel_not_found", "channel's id"),
        ("invalid_auth", "bot token"),
        ("account_inactive", "install the app again"),
    ],
)
def test_what_slack_refuses_is_named_with_its_mend(workspace: SlackServer, token: str, word: str, mend: str) -> None:
    """An app that is not in its channel takes posts to nowhere for months."""
    workspace.history_error = word
    found = checked("K3", by_slack(workspace, token))
    assert found.state is State.BLIND
    assert word in found.why
    assert mend in found.mend


def test_an_app_that_may_not_read_is_judged_by_what_it_sent(workspace: SlackServer, token: str) -> None:
    """Without the scope membership cannot be seen: the last delivery says, and the scope is the mend."""
    workspace.history_error = "missing_scope"
    never = checked("K3", by_slack(workspace, token))
    once = checked("K3", by_slack(workspace, token, recorded("ok", "", 1)))
    assert (never.state, once.state) == (State.UNKNOWN, State.READY)
    assert "channels:history" in never.mend


def test_an_incoming_webhook_is_tried_without_a_message(workspace: SlackServer, tmp_path: Path) -> None:
    """Slack says that the text is missing, or that there is no such webhook any more."""
    file = tmp_path / "hook"
    file.write_text(workspace.hook_url)
    deliveries = {"slack": BySlackWebhook("slack", IncomingWebhook(str(file), timeout=5))}
    assert checked("K3", deliveries).state is State.READY
    assert workspace.messages == {}
    workspace.answer = Reply(404, b"no_service")
    deliveries = {"slack": BySlackWebhook("slack", IncomingWebhook(str(file), timeout=5))}
    found = checked("K3", deliveries)
    assert found.state is State.BLIND
    assert "404 no_service" in found.why


def test_the_settings_routes_say_who_is_told() -> None:
    """A severity without a route is told to nobody; a dead sink blinds in part; a fallback takes over."""
    sinks = {
        "good": ByRecord("good", recorded("ok", "", 1)),
        "dead": ByRecord("dead", recorded("dead", "410 channel_is_archived", 1)),
    }
    critical = Way(frozenset({"critical"}), ("good",))
    assert checked("K3", sinks, critical).state is State.READY
    unrouted = checked("K7", sinks, critical)
    assert (unrouted.state, unrouted.why) == (State.BLIND, "no route of the settings tells anybody of warning alerts")
    both = checked("K3", sinks, Way(frozenset(), ("good", "dead")))
    assert both.in_part
    assert "410 channel_is_archived" in both.why
    assert checked("K3", sinks, Way(frozenset(), ("dead",))).in_part is False
    assert checked("K3", sinks, Way(frozenset(), ("dead",), ("good",))).in_part
    assert checked("K3", {}, Way(frozenset(), ("gone",))).state is State.UNKNOWN


def test_a_rule_that_is_not_configured_is_judged_like_any(tmp_path: Path) -> None:
    """Without an owner V7 has no document left, and its alerts would go where those of others go."""
    (tmp_path / "vedette.yaml").write_text("cluster: home\n")
    settings = app.load_settings(str(tmp_path / "vedette.yaml"))
    v7 = next(rule for rule in app.load_rules(settings).rules if rule.name == "V7")
    assert v7.detections == ()
    sinks = {"pager": ByRecord("pager", recorded("ok", "", 1))}
    assert Delivered(Delivering((Way(frozenset(), ("pager",)),), sinks)).check(v7).state is State.READY


def test_a_dead_sink_is_no_news_and_neither_is_a_site_without_sinks() -> None:
    """The finding sink_dead says the one, the settings the other; a route to nobody is news."""
    dead = {"pager": ByRecord("pager", recorded("dead", "HTTP 404", 0))}
    way = Way(frozenset(), ("pager",))
    found = Delivered(Delivering((way,), dead, dead=frozenset({"pager"}))).check(rules()["K3"])
    assert (found.state, found.told_by) == (State.BLIND, "sink_dead")
    assert Delivered(Delivering((Way(frozenset(), ()),), {})).check(rules()["K3"]).told_by == "settings"
    elsewhere = Delivered(Delivering((Way(frozenset({"info"}), ("pager",)),), dead)).check(rules()["K3"])
    assert (elsewhere.state, elsewhere.told_by) == (State.BLIND, "")
