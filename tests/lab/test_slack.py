"""Slack's stand-in where messages are read back, as docs.slack.dev describes conversations.history and auth.test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lab.asking import ask
from lab.slack import CHANNEL, TOKEN, SlackServer, slack_server

BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """One, in which three messages were posted a second apart."""
    with slack_server() as server:
        times = iter([100.0, 101.0, 102.0])
        server.clock = lambda: next(times)
        for text in ("first", "second", "third"):
            message = {"channel": CHANNEL, "attachments": [{"text": text}]}
            headers = BEARER | {"Content-Type": "application/json"}
            url = f"{server.api_url}/chat.postMessage"
            assert ask("POST", url, headers=headers, body=json.dumps(message).encode())[1]["ok"]
        yield server


def history(server: SlackServer, query: str, token: str = TOKEN) -> Any:
    """Its answer."""
    url = f"{server.api_url}/conversations.history?{query}"
    return ask("GET", url, headers={"Authorization": f"Bearer {token}"})[1]


@pytest.mark.parametrize(
    ("query", "texts", "more"),
    [
        ("", ["third", "second", "first"], False),
        ("&limit=2", ["third", "second"], True),
        ("&oldest=100.000000", ["third", "second"], False),
        ("&oldest=100.5&latest=101.5", ["second"], False),
    ],
)
def test_history_is_newest_first(slack: SlackServer, query: str, texts: list[str], *, more: bool) -> None:
    """Between two times, and no more than asked for."""
    answer = history(slack, f"channel={CHANNEL}{query}")
    assert [one["attachments"][0]["text"] for one in answer["messages"]] == texts
    assert answer["has_more"] is more
    assert {one["type"] for one in answer["messages"]} == {"message"}


def test_its_errors_are_slacks(slack: SlackServer) -> None:
    """Another channel, a token that is none, an app that is not there or may not read."""
    good = f"channel={CHANNEL}"
    assert history(slack, "channel=C0000000000")["error"] == "channel_not_found"
    assert history(slack, good, "xoxb-another")["error"] == "invalid_auth"
    slack.member = False
    assert history(slack, good)["error"] == "not_in_channel"
    slack.history_error = "missing_scope"
    assert history(slack, good)["error"] == "missing_scope"


def test_the_app_is_named(slack: SlackServer) -> None:
    """auth.test tells whose token it is."""
    answer = ask("POST", f"{slack.api_url}/auth.test", headers=BEARER)[1]
    assert (answer["ok"], answer["bot_id"], answer["team_id"]) == (True, "B0000", "T0000")
