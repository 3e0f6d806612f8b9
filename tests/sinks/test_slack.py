"""Slack is told once, its no is understood, and log text reaches it as text."""

from __future__ import annotations

import contextlib
import json
import logging
import traceback
from pathlib import Path
from typing import Protocol

import pytest
from lab.loopback import Reply, serving
from lab.slack import CHANNEL, HOOK, TOKEN, WEB_API_ERRORS, WEBHOOK_ERRORS, SlackServer, slack_server

from tests.sinks.certificates import self_signed
from tests.sinks.notes import HOSTILE, SECOND, TOLD, hostile, note
from vedette.notification import Notification, Occasion
from vedette.sinks.base import NotDelivered, Sink
from vedette.sinks.slack import Slack


def bot(folder: Path, server: SlackServer, *, token: str = TOKEN, channel: str = CHANNEL, ca_file: str = "") -> Slack:
    """A sink with a bot token."""
    path = folder / "token"
    path.write_text(token + "\n")
    return Slack("chat", token_file=str(path), channel=channel, api_url=server.api_url, ca_file=ca_file, timeout=0.5)


def hook(folder: Path, server: SlackServer, *, ca_file: str = "") -> Slack:
    """A sink with an incoming webhook."""
    path = folder / "url"
    path.write_text(server.hook_url + "\n")
    return Slack("chat", webhook_url_file=str(path), ca_file=ca_file, timeout=0.5)


class Make(Protocol):
    """Makes a sink: `bot` or `hook`."""

    def __call__(self, folder: Path, server: SlackServer, *, ca_file: str = "") -> Slack:
        """A sink whose secret is kept in `folder`."""


def refused_by(sink: Sink, one: Notification | None = None) -> NotDelivered:
    """What the sink says to a notification that it cannot tell; never a secret."""
    with pytest.raises(NotDelivered) as caught:
        sink.send([one or note()])
    shown = (
        "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(vars(caught.value)) + repr(sink)
    )
    assert TOKEN not in shown
    assert HOOK not in shown
    assert "canary" not in shown
    return caught.value


def over(count: int, receipt: str = "") -> Notification:
    """The closing of an alert."""
    return note(
        Occasion.CLOSED, id="a1:closed", count=count, last_seen=TOLD + 90 * SECOND, ends_at=TOLD + 900 * SECOND,
        receipt=receipt,
    )  # fmt: skip


def test_an_alert_is_one_message_from_opening_to_closing(tmp_path: Path) -> None:
    """The message is posted once and changed at the end, by its id, with the final count."""
    with slack_server() as slack:
        sink: Sink = bot(tmp_path, slack)
        receipt = sink.send([note()])
        assert receipt.startswith(f"{CHANNEL}:")
        assert sink.send([over(7, receipt)]) == receipt
        sink.close()
        assert slack.calls() == ["/api/chat.postMessage", "/api/chat.update"]
        (message,) = slack.messages.values()
        assert message["blocks"][0]["text"]["text"] == "⚪ closed: critical K4 Shell in a pod"
        assert "7 acts" in message["text"]
        assert "2026-11-25 18:00:00 to 2026-11-25 18:01:30" in json.dumps(message)


def test_a_message_says_who_what_and_what_to_do_first(tmp_path: Path) -> None:
    """Severity, rule, actor, address, object, outcome, times, why, where it stands, first step, runbook."""
    with slack_server() as slack:
        bot(tmp_path, slack).send([note()])
    (message,) = slack.messages.values()
    head, fields, first, runbook, context = message["blocks"]
    assert head["text"]["text"] == "🔴 critical K4 Shell in a pod"
    assert [field["text"] for field in fields["fields"]] == [
        "Actor\nmallory@example.org via kubectl",
        "Address\n203.0.113.9",
        "Object\npods/web-0/exec in shop",
        "Outcome\ndone, 1 act",
        "Seen (UTC)\n2026-11-25 18:00:00",
    ]
    assert first["text"]["text"] == "First: Ask mallory's lead whether this was planned."
    assert runbook["text"]["text"] == "<https://runbooks.example.org/K4?a=1&amp;b=2|Runbook>"
    assert [text["text"] for text in context["elements"]] == [
        "exec is used by nobody here",
        "kubernetes /var/log/kubernetes/audit.log:17",
    ]
    assert message["text"] == (
        "🔴 critical K4 Shell in a pod: mallory@example.org via kubectl from 203.0.113.9 -&gt; pods/web-0/exec in shop"
        " (1 act)"
    )


def test_a_possible_repeat_is_marked(tmp_path: Path) -> None:
    """Whoever reads a message twice learns why."""
    with slack_server() as slack:
        sink = bot(tmp_path, slack)
        sink.send([note()])
        sink.send([note(repeat=True)])
    once, twice = (json.dumps(message) for message in slack.messages.values())
    assert "Possible repeat" not in once
    assert "Possible repeat" in twice


def test_a_closing_whose_opening_was_never_told_is_a_message(tmp_path: Path) -> None:
    """Without a receipt, or with one that is none, the alert is told now."""
    with slack_server() as slack:
        sink = bot(tmp_path, slack)
        assert sink.send([over(1)]).startswith(CHANNEL)
        assert sink.send([over(1, "told")]).startswith(CHANNEL)
        assert slack.calls() == ["/api/chat.postMessage"] * 2


@pytest.mark.parametrize(
    ("error", "count", "posts"),
    [("message_not_found", 9, 0), ("cant_update_message", 9, 1), ("cant_update_message", 1, 0), ("edit_window_closed", 9, 1),
     ("block_mismatch", 1, 0)],
)  # fmt: skip
def test_a_message_that_cannot_be_changed_is_followed_up_once(
    tmp_path: Path, error: str, count: int, posts: int
) -> None:
    """A message that is not ours any more is followed by a short one where there is news; a deleted one by none."""
    with slack_server() as slack:
        sink = bot(tmp_path, slack)
        receipt = sink.send([note()])
        slack.update_error = error
        assert sink.send([over(count, receipt)])
        assert slack.calls()[1:] == ["/api/chat.update", *["/api/chat.postMessage"] * posts]


def test_a_webhook_tells_a_closing_only_where_it_is_news(tmp_path: Path) -> None:
    """A webhook cannot change its message: several acts are summed up, one act was told already."""
    with slack_server() as slack:
        sink: Sink = hook(tmp_path, slack)
        assert [sink.send([one]) for one in (note(), over(1), over(5))] == ["", "", ""]
        sink.close()
        assert slack.calls() == [HOOK, HOOK]
        opened, closed = slack.messages.values()
    assert "critical K4" in opened["blocks"][0]["text"]["text"]
    assert closed["text"] == "⚪ closed: critical K4 Shell in a pod: 5 acts, last 2026-11-25 18:01:30 UTC"
    assert len(closed["blocks"]) == 1


_WEB_API = [(kind, error) for kind, errors in WEB_API_ERRORS.items() for error in errors]


@pytest.mark.parametrize(("kind", "error"), _WEB_API)
def test_each_error_of_the_web_api_has_its_meaning(tmp_path: Path, kind: str, error: str) -> None:
    """`ok: false` is dead, at fault, or temporary; an error nobody knows is dead, so that somebody looks."""
    with slack_server() as slack:
        slack.error = error
        said = refused_by(bot(tmp_path, slack))
    assert (said.dead, said.refused) == (kind == "dead", kind == "refused")
    assert str(said) == f"200 {error}"


_WEBHOOK = [(kind, status, body) for kind, rows in WEBHOOK_ERRORS.items() for status, body in rows]


@pytest.mark.parametrize(("kind", "status", "body"), _WEBHOOK)
def test_each_error_of_a_webhook_has_its_meaning(tmp_path: Path, kind: str, status: int, body: str) -> None:
    """Status and word are dead, at fault, or temporary; a page in Slack's place is no success."""
    with slack_server() as slack:
        slack.answer = Reply(status, body.encode(), {"Location": slack.api_url})
        said = refused_by(hook(tmp_path, slack))
        assert set(slack.calls()) == {HOOK}
    assert (said.dead, said.refused) == (kind == "dead", kind == "refused")
    assert str(said).startswith(str(status))
    assert (body in str(said)) or "<" in body


@pytest.mark.parametrize("make", [bot, hook])
def test_an_alert_whose_blocks_are_refused_is_told_as_text(tmp_path: Path, make: Make) -> None:
    """Slack's bounds on blocks are not all written down; none of them may cost an alert."""
    with slack_server() as slack:
        slack.no_blocks = True
        make(tmp_path, slack).send([note()])
        (message,) = slack.messages.values()
    assert message["blocks"] == []
    assert "mallory@example.org" in message["text"]


@pytest.mark.parametrize("make", [bot, hook])
@pytest.mark.parametrize(
    ("status", "body", "dead"),
    [(429, b'{"ok":false,"error":"ratelimited"}', False), (429, b"slow down", False), (500, b"", False),
     (503, b"<html>canary</html>", False), (404, b"<html>canary</html>", True), (302, b"", True),
     (200, b"<html>canary</html>", True), (200, b"", True), (200, b'"canary"', True), (200, b"\xff\x00", True),
     (200, b"[" * 100_000, True), (200, b'{"ok":"yes"}', True), (200, b'{"ok":false,"error":"<!channel> canary"}', True)],
)  # fmt: skip
def test_what_is_not_slack_is_understood_too(tmp_path: Path, make: Make, status: int, body: bytes, dead: bool) -> None:
    """Proxies, portals and outages: temporary where the status says so, else dead; their text is not passed on."""
    with slack_server() as slack:
        slack.answer = Reply(status, body, {"Retry-After": "30", "Location": slack.api_url})
        said = refused_by(make(tmp_path, slack))
    assert (said.dead, said.refused) == (dead, False)
    assert said.retry_after == (0.0 if dead else 30.0)
    assert str(said)


@pytest.mark.parametrize("make", [bot, hook])
@pytest.mark.parametrize(
    "reply", [Reply(hang=True), Reply(break_off="before"), Reply(200, b'{"ok":true,"ts":"1"}', break_off="within")]
)
def test_an_answer_that_does_not_come_is_temporary(tmp_path: Path, make: Make, reply: Reply) -> None:
    """Hanging and broken connections end in bounded time, and are tried again."""
    with slack_server() as slack:
        slack.answer = reply
        said = refused_by(make(tmp_path, slack))
    assert (said.dead, said.refused, said.perhaps) == (False, False, True)


def test_a_wrong_token_or_channel_is_dead(tmp_path: Path) -> None:
    """Slack's own word says which it is."""
    with slack_server() as slack:
        assert str(refused_by(bot(tmp_path, slack, token="xoxb-canary-other"))) == "200 invalid_auth"
        assert str(refused_by(bot(tmp_path, slack, channel="C9999999999"))) == "200 channel_not_found"
        assert refused_by(bot(tmp_path, slack, token="xoxb-canary-ü")).dead
        assert refused_by(Slack("chat", token_file=str(tmp_path / "absent"), api_url=slack.api_url)).dead
        assert slack.messages == {}


@pytest.mark.parametrize("text", ["ftp://canary/", "canary", "http://[canary", "https:///canary", "https://a\ncanary"])
def test_a_webhook_url_that_is_none_is_dead_and_not_repeated(tmp_path: Path, text: str) -> None:
    """The URL is a secret even where it is wrong."""
    path = tmp_path / "url"
    path.write_text(text)
    assert refused_by(Slack("chat", webhook_url_file=str(path))).dead


@pytest.mark.parametrize("make", [bot, hook])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_text(tmp_path: Path, make: Make, name: str) -> None:
    """In every field and on every occasion: valid JSON within Block Kit's limits, and no markup gets through."""
    text = HOSTILE[name]
    with slack_server() as slack:
        sink = make(tmp_path, slack)
        receipt = sink.send([hostile(text, repeat=True)])
        sink.send([hostile(text, Occasion.CLOSED, count=3, receipt=receipt)])
        sink.send([hostile(text, Occasion.CLOSED, count=3)])
        assert slack.faults == []
        assert len(slack.messages) >= 2
    whole = json.dumps(list(slack.messages.values()), ensure_ascii=False)
    for char in "\x1b\x9b\x00\b\u202e\u200b\U000e0041\ud800":
        assert char not in whole
    if name == "mention":
        assert "&lt;!channel&gt;" in whole
        assert "<!" not in whole
        assert "<@" not in whole


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://a|b>c<!channel>", "https://a b", "x" * 5000, "https://a/" + "&" * 1000]
)
def test_a_runbooks_url_cannot_leave_its_link(tmp_path: Path, url: str) -> None:
    """What would end the link is written as a number; what is no web address is no link."""
    with slack_server() as slack:
        bot(tmp_path, slack).send([note(runbook_url=url)])
        assert slack.faults == []
        assert len(slack.messages) == 1


@pytest.mark.parametrize("make", [bot, hook])
def test_only_a_known_ca_is_believed(tmp_path: Path, make: Make) -> None:
    """The token is not sent to whoever answers in Slack's place."""
    context, ca_file = self_signed(tmp_path)
    with slack_server(context) as slack:
        said = refused_by(make(tmp_path, slack))
        assert (str(said), said.dead) == ("TLS: the certificate cannot be verified", True)
        assert slack.calls() == []
        make(tmp_path, slack, ca_file=ca_file).send([note()])
        assert len(slack.messages) == 1


@pytest.mark.parametrize("make", [bot, hook])
def test_redirects_and_proxies_do_not_get_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Make
) -> None:
    """A redirect is not followed, and what HTTP_PROXY names is not asked."""
    with serving(Reply()) as elsewhere, slack_server() as slack:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, elsewhere.url)
        monkeypatch.delenv("no_proxy", raising=False)
        make(tmp_path, slack).send([note()])
        assert len(slack.messages) == 1
        slack.answer = Reply(307, b"", {"Location": elsewhere.url})
        assert refused_by(make(tmp_path, slack)).dead
        assert elsewhere.asked == []


@pytest.mark.parametrize("make", [bot, hook])
@pytest.mark.parametrize(
    "reply", [None, Reply(500), Reply(302, headers={"Location": "/x"}), Reply(200, headers={"a\r\nno header": "b"})]
)
def test_nothing_secret_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make: Make, reply: Reply | None
) -> None:
    """Not by the HTTP library either, which logs paths, and whole URLs where an answer's headers are broken."""
    with slack_server() as slack, caplog.at_level(logging.DEBUG):
        slack.answer = reply
        with contextlib.suppress(NotDelivered):
            make(tmp_path, slack).send([note()])
        assert len(slack.calls()) == 1
    shown = caplog.text + "".join(str(vars(one)) for one in caplog.records)
    assert "canary" not in shown
