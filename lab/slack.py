"""Slack on loopback, as docs.slack.dev describes it: chat.postMessage, chat.update, conversations.history, auth.test and
incoming webhooks.

It holds every message to Block Kit's limits (reference/block-kit) and answers `invalid_blocks` where Slack would. What
Alertmanager posts is in attachments, which are taken as they are.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lab.loopback import Asked, Loopback, Reply

TOKEN = "xoxb-1234567890-canary-kept-secret"
HOOK = "/services/T0000/B0000/canaryKeptSecret"
CHANNEL = "C0123456789"
_BOT = {"team": "example", "team_id": "T0000", "user": "vedette", "user_id": "U0000", "bot_id": "B0000"}
WEB_API_ERRORS = {
    "later": ["rate_limited", "ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout",
              "team_added_to_org"],
    "refused": ["msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format", "invalid_arguments",
                "no_text", "too_many_attachments"],
    "dead": ["channel_not_found", "not_in_channel", "is_archived", "channel_is_archived", "invalid_auth", "not_authed",
             "token_revoked", "token_expired", "account_inactive", "missing_scope", "no_permission", "restricted_action",
             "ekm_access_denied", "org_login_required", "access_denied", "accesslimited", "not_allowed_token_type",
             "team_access_not_granted", "two_factor_setup_required", "an_error_of_next_year"],
}  # fmt: skip
"""`error` of an answer with `ok: false` and HTTP 200, by what a sender has to make of it."""
WEBHOOK_ERRORS = {
    "later": [(500, "rollup_error"), (503, ""), (502, "<html>bad gateway</html>"), (429, "rate_limited")],
    "refused": [(400, "invalid_payload"), (400, "invalid_blocks"), (400, "no_text"), (400, "too_many_attachments")],
    "dead": [(404, "no_service"), (404, "no_team"), (404, "channel_not_found"), (404, "no_service_id"),
             (404, "no_active_hooks"), (403, "invalid_token"), (403, "action_prohibited"), (403, "team_disabled"),
             (403, "posting_to_general_channel_denied"), (410, "channel_is_archived"), (400, "user_not_found"),
             (404, "<html>not here</html>"), (302, ""), (200, "<html>log in</html>"), (200, "")],
}  # fmt: skip
"""Status and body of an incoming webhook's answer, by what a sender has to make of it."""


class SlackServer:
    """One workspace with one channel and one webhook."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        """Without anything set it takes every good message."""
        self.messages: dict[str, dict[str, Any]] = {}
        """By ts, as they stand."""
        self.faults: list[str] = []
        """What is wrong with what was posted: limits of Block Kit, and markup that was let through."""
        self.answer: Reply | None = None
        """What every request gets instead."""
        self.error = ""
        """What every call gets as its `error`."""
        self.update_error = ""
        """The same for chat.update alone."""
        self.history_error = ""
        """The same for conversations.history alone: `missing_scope` where the app may post and not read."""
        self.channels = {CHANNEL}
        """By id, those that there are; the first is also called #alerts."""
        self.member = True
        """The app is in them."""
        self.clock: Callable[[], float] | None = None
        """Seconds since 1970 for what is posted; without it a time long ago."""
        self._turn = threading.Lock()
        self.no_blocks = False
        """Refuses every message with blocks, as Slack does by bounds that it does not write down."""
        self.server = Loopback(self._answering, context)

    @property
    def api_url(self) -> str:
        """What stands for https://slack.com/api."""
        return self.server.url + "/api"

    @property
    def hook_url(self) -> str:
        """The incoming webhook's URL."""
        return self.server.url + HOOK

    def calls(self) -> list[str]:
        """The paths that were asked."""
        return [asked.path for asked in self.server.asked]

    def _answering(self, asked: Asked) -> Reply:
        if self.answer is not None:
            return self.answer
        if asked.path == HOOK:
            return self._hook(asked)
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return _said(error="not_authed" if "authorization" not in asked.headers else "invalid_auth")
        method = urlsplit(asked.path).path.removeprefix("/api/")
        own = {"chat.update": self.update_error, "conversations.history": self.history_error}
        if error := self.error or own.get(method, ""):
            return _said(error=error)
        answering = {
            "auth.test": lambda _: _said(url="https://example.slack.com/", **_BOT),
            "conversations.history": self._history,
            "chat.postMessage": self._message,
            "chat.update": self._message,
        }.get(method)
        return _said(error="unknown_method") if answering is None else answering(asked)

    def _message(self, asked: Asked) -> Reply:
        message = self._checked(asked)
        if message is None:
            return _said(error="invalid_blocks")
        channel = CHANNEL if message.get("channel") == "#alerts" else message.get("channel")
        if channel not in self.channels:
            return _said(error="channel_not_found")
        if not self.member:
            return _said(error="not_in_channel")
        ts = None
        if asked.path.endswith("/chat.update"):
            ts = message["ts"]
            if ts not in self.messages or message["channel"] not in self.channels:
                return _said(error="message_not_found")
        return _said(channel=channel, ts=self._kept(message, ts), message=message)

    def _kept(self, message: dict[str, Any], ts: str | None = None) -> str:
        """The message's id within the channel, a time that no other has."""
        with self._turn:
            if ts is None:
                ts = f"1503435956.{len(self.messages):06d}" if self.clock is None else f"{self.clock():.6f}"
                while ts in self.messages:
                    ts = f"{float(ts) + 1e-6:.6f}"
            self.messages[ts] = message
        return ts

    def _history(self, asked: Asked) -> Reply:
        """The newest messages first, between `oldest` and `latest`, as many as `limit`, 100 if it does not say."""
        given = dict(parse_qsl(urlsplit(asked.path).query))
        if asked.body:
            as_json = asked.headers.get("content-type", "").startswith("application/json")
            given |= json.loads(asked.body) if as_json else dict(parse_qsl(asked.body.decode()))
        if given.get("channel") not in self.channels:
            return _said(error="channel_not_found")
        if not self.member:
            return _said(error="not_in_channel")
        oldest, latest = float(given.get("oldest", 0)), float(given.get("latest") or "inf")
        with self._turn:
            there = [one for one in self.messages.items() if one[1].get("channel", CHANNEL) == given["channel"]]
        found = [(float(ts), ts, message) for ts, message in there if oldest < float(ts) < latest]
        found.sort(key=lambda one: one[0], reverse=True)
        limit = int(given.get("limit", 100))
        shown = ({"type": "message", "ts": ts, "bot_id": "B0000", "text": "", **said} for _, ts, said in found[:limit])
        return _said(messages=list(shown), has_more=len(found) > limit)

    def _hook(self, asked: Asked) -> Reply:
        if asked.body.strip() == b"{}":
            return Reply(400, b"no_text")
        message = self._checked(asked)
        if message is None:
            return Reply(400, b"invalid_blocks")
        self._kept(message)
        return Reply(200, b"ok")

    def _checked(self, asked: Asked) -> dict[str, Any] | None:
        """The message, or None with what is wrong with it in `faults`."""
        found = list(faults(asked))
        self.faults.extend(found)
        message: dict[str, Any] = {} if found else json.loads(asked.body)
        return None if found or (self.no_blocks and message.get("blocks")) else message


def faults(asked: Asked) -> Iterator[str]:
    """What Slack would refuse in a message, and what it would take for markup."""
    if not asked.headers.get("content-type", "").startswith("application/json"):
        yield "content-type"
    try:
        message = json.loads(asked.body.decode("utf-8"))
    except ValueError:
        yield "not JSON"
        return
    if message.get("attachments"):
        return
    if not message.get("text"):
        yield "no text"
    if len(message["text"]) > 4000:
        yield "text longer than 4000"
    if "<" in message["text"] or ">" in message["text"]:
        yield "markup in text"
    if message.get("unfurl_links") is not False or message.get("unfurl_media") is not False:
        yield "unfurls"
    if message.get("parse") != "none" or message.get("link_names") is not False:
        yield "parses names"
    blocks = message.get("blocks", [])
    if len(blocks) > 50:
        yield "blocks"
    for block in blocks:
        yield from _block_faults(block)
    texts = sum(len(text["text"]) for block in blocks for text in _texts(block))
    if texts > 9597:  # the largest that is known to pass, slackapi/bolt-js#2867
        yield f"msg_blocks_too_long: {texts}"


def _texts(block: dict[str, Any]) -> list[dict[str, Any]]:
    own = [block["text"]] if "text" in block else []
    return [*own, *block.get("fields", []), *block.get("elements", [])]


def _block_faults(block: dict[str, Any]) -> Iterator[str]:
    kind = block["type"]
    limits = {"header": 150, "section": 3000, "context": 3000}
    if kind not in limits:
        yield f"block {kind}"
        return
    if len(block.get("fields", [])) > 10 or len(block.get("elements", [])) > 10:
        yield "more than 10"
    if not _texts(block):
        yield f"empty {kind}"
    for text in _texts(block):
        limit = 2000 if text in block.get("fields", []) else limits[kind]
        # Slack counts in its own way; UTF-16 units are the most that it can come to.
        size = len(text["text"].encode("utf-16-le")) // 2
        if not 1 <= size <= limit:
            yield f"{kind}: {size} of {limit}"
        if text["type"] == "plain_text":
            if text.get("emoji") is not False or "<" in text["text"] or ">" in text["text"]:
                yield f"{kind}: plain_text that is not escaped"
        elif kind == "header" or text.get("verbatim") is not True:
            yield f"{kind}: mrkdwn"
        elif text["text"].count("<") != 1 or text["text"].count(">") != 1 or not text["text"].startswith("<http"):
            yield f"{kind}: markup in mrkdwn"
        yield from _entity_faults(text["text"])


def _entity_faults(text: str) -> Iterator[str]:
    """An ampersand that is no entity of the three that Slack knows."""
    rest = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    if "&" in rest:
        yield "a bare ampersand"


def _said(error: str = "", **more: object) -> Reply:
    body = {"ok": False, "error": error} if error else {"ok": True, **more}
    return Reply(200, json.dumps(body).encode(), {"Content-Type": "application/json; charset=utf-8"})


@contextmanager
def slack_server(context: ssl.SSLContext | None = None) -> Iterator[SlackServer]:
    """A workspace for the length of a `with`."""
    slack = SlackServer(context)
    try:
        yield slack
    finally:
        slack.server.close()
