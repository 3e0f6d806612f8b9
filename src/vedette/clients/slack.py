"""Slack: the Web API with a bot token, and incoming webhooks.

What Slack refuses is `Refused`, with Slack's own word for it: `channel_not_found`, `no_service`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from vedette.clients.base import Answer, BadSecret, Http, secret

_WORD = re.compile(rb"[a-z][a-z0-9_]{1,63}\Z")
_LONGEST = 1 << 20
"""Bytes. Slack gives a posted message back."""


class Refused(Exception):
    """Slack answered, and did not do it; `str()` is its word for why, or nothing."""

    def __init__(self, word: str, answer: Answer) -> None:
        """`word`: as Slack writes it, small letters and underscores only."""
        super().__init__(word)
        self.answer = answer


class Posted(NamedTuple):
    """A message that stands."""

    channel: str
    """The channel's id, whatever it was called when it was posted."""
    ts: str
    """The message's id within the channel."""


class Message(msgspec.Struct, frozen=True):
    """A message that a channel has."""

    ts: str
    text: str = ""
    blocks: tuple[Any, ...] = ()
    attachments: tuple[Any, ...] = ()


class _Said(msgspec.Struct):
    ok: bool
    error: str = ""
    channel: str = ""
    ts: str = ""
    messages: tuple[Message, ...] = ()


class Slack:
    """The Web API as one bot. May be shared by threads."""

    def __init__(
        self, token_file: str, *, api_url: str = "https://slack.com/api", ca_file: str = "", timeout: float = 10.0
    ) -> None:
        """`token_file`: holds `xoxb-…`; read at every call."""
        self._token_file = token_file
        self._api_url = api_url.rstrip("/")
        self._http = Http(ca_file=ca_file, timeout=timeout)

    def post(self, message: Mapping[str, object]) -> Posted:
        """chat.postMessage. Raises Refused, NoAnswer, BadSecret, ValueError."""
        said = self._call("chat.postMessage", message)
        return Posted(said.channel, said.ts)

    def update(self, message: Mapping[str, object]) -> Posted:
        """chat.update of the message's `channel` and `ts`; nobody is notified. Raises as `post`."""
        said = self._call("chat.update", message)
        return Posted(said.channel, said.ts)

    def auth_test(self) -> None:
        """auth.test: the token is good. Raises as `post`."""
        self._call("auth.test", {})

    def history(self, channel: str, *, oldest: str = "0", limit: int = 100) -> tuple[Message, ...]:
        """conversations.history: the newest messages since `oldest` (a ts), newest first. Raises as `post`.

        It needs the scope channels:history (private channels: groups:history), and the app to be in the channel.
        """
        arguments = {"channel": channel, "oldest": oldest, "limit": str(limit)}
        return self._call("conversations.history", arguments, form=True).messages

    def close(self) -> None:
        """Close idle connections."""
        self._http.close()

    def _call(self, method: str, arguments: Mapping[str, object], *, form: bool = False) -> _Said:
        """`form`: methods that read take no JSON."""
        token = secret(self._token_file)
        if not token.isascii():
            raise BadSecret(f"{self._token_file}: characters that no token has")
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": f"application/{'x-www-form-urlencoded' if form else 'json; charset=utf-8'}",
            "User-Agent": "vedette",
        }
        url = f"{self._api_url}/{method}"
        body = urlencode(arguments).encode() if form else msgspec.json.encode(arguments)
        answer = self._http.request("POST", url, headers=headers, body=body, longest=_LONGEST)
        try:
            said = msgspec.json.decode(answer.body, type=_Said)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Refused("", answer) from None
        if not said.ok or answer.status != 200:
            raise Refused(_word(said.error.encode("utf-8", "replace")), answer)
        return said


class IncomingWebhook:
    """One incoming webhook: one channel, and no way to take a message back. May be shared by threads."""

    def __init__(self, url_file: str, *, ca_file: str = "", timeout: float = 10.0) -> None:
        """`url_file`: holds the URL, which is a secret; read at every call."""
        self._url_file = url_file
        self._http = Http(ca_file=ca_file, timeout=timeout)

    def post(self, message: Mapping[str, object]) -> None:
        """Post a message. Raises Refused, NoAnswer, BadSecret."""
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "vedette"}
        url = secret(self._url_file)
        try:
            answer = self._http.request(
                "POST", url, headers=headers, body=msgspec.json.encode(message), longest=_LONGEST
            )
        except ValueError:
            raise BadSecret(f"{self._url_file}: no http or https URL") from None
        if answer.status != 200 or answer.body.strip() != b"ok":
            raise Refused(_word(answer.body.strip()), answer)

    def close(self) -> None:
        """Close idle connections."""
        self._http.close()


def _word(said: bytes) -> str:
    """What the far end says, if it looks like a word of Slack's; else it may be anything, a secret included."""
    return said.decode() if _WORD.match(said) else ""
