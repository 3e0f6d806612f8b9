"""Slack's ends: would a channel take a message? Asked of Slack itself, by whoever posts there; nobody is told.

Alertmanager says what it is set up to do, and counts what failed; whether the webhook is dead or the app was never
invited, Slack says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from vedette.clients.alertmanager_routes import Routing
from vedette.clients.base import BadSecret, NoAnswer
from vedette.clients.slack import IncomingWebhook, Refused, Slack
from vedette.proof.verdict import State


class Told(NamedTuple):
    """Whether somebody would be told."""

    state: State
    why: str
    """Whom, or why not."""
    mend: str = ""


class Delivery(Protocol):
    """One sink of the settings."""

    name: str

    def told(self, labels: Mapping[str, str]) -> Told:
        """Of an alert with these labels. Never raises for what the far end does."""


class BySlackApp:
    """A channel, by a bot's token."""

    def __init__(self, name: str, client: Slack, channel: str, record: Told) -> None:
        """`record`: what the store says of the sink, for what Slack does not let the app find out."""
        self.name = name
        self._client = client
        self._channel = channel
        self._record = record
        self._found: Told | None = None

    def told(self, labels: Mapping[str, str]) -> Told:  # noqa: ARG002 - a channel takes any alert
        """BLIND where the token or the channel is refused."""
        if self._found is None:
            self._found = self._look()
        return self._found

    def _look(self) -> Told:
        try:
            self._client.auth_test()
            self._client.history(self._channel, limit=1)
        except Refused as error:
            word = str(error)
            if not word or word in _PASSING:
                # Not Slack's own no: something stands before it, or it is not well.
                said = word or f"status {error.answer.status}, and no word of Slack's"
                return Told(State.UNKNOWN, f"Slack could not be asked: {said}", _UNASKED)
            if word == "missing_scope":
                mend = "grant the scope channels:history, so that messages can be read back"
                why = f"Slack lets the app post, not read ({word})"
                return Told(self._record.state, f"{why}; {self._record.why}", mend)
            return Told(
                State.BLIND, f"Slack refuses: {word}", _SLACK_MENDS.get(word, "mend sinks: slack: in vedette.yaml")
            )
        except (NoAnswer, BadSecret, ValueError) as error:
            return Told(State.UNKNOWN, f"Slack could not be asked: {error}", _UNASKED)
        return Told(State.READY, f"Slack channel {self._channel}")


_PASSING = frozenset({"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"})
_UNASKED = "see that Slack can be reached from here, and that this user may read token_file or webhook_url_file"
_SLACK_MENDS = {
    "not_in_channel": "invite the app: /invite @NAME in the channel",
    "channel_not_found": "write the channel's id (C…) in sinks: slack:, and invite the app where it is private",
    "is_archived": "unarchive the channel, or name another",
    "invalid_auth": "write the app's bot token (xoxb-…) into token_file",
    "token_revoked": "install the app again and write its new token into token_file",
    "account_inactive": "install the app again and write its new token into token_file",
}


class BySlackWebhook:
    """An incoming webhook: an empty message is refused for what it is, and a dead webhook for what that is."""

    def __init__(self, name: str, client: IncomingWebhook) -> None:
        self.name = name
        self._client = client
        self._found: Told | None = None

    def told(self, labels: Mapping[str, str]) -> Told:  # noqa: ARG002 - a webhook takes any alert
        """READY where Slack says that the message lacks its text."""
        if self._found is None:
            self._found = self._look()
        return self._found

    def _look(self) -> Told:
        try:
            self._client.post({})
        except Refused as error:
            word = str(error)
            if error.answer.status == 400 and word in ("no_text", "invalid_payload"):
                return Told(State.READY, "Slack's incoming webhook answers")
            why = f"Slack's incoming webhook answers {error.answer.status} {word}".rstrip()
            if error.answer.status in (429, 500, 502, 503):
                return Told(State.UNKNOWN, why, "ask again later")
            return Told(State.BLIND, why, "make a new incoming webhook and write its URL into webhook_url_file")
        except (NoAnswer, BadSecret) as error:
            return Told(State.UNKNOWN, f"Slack could not be asked: {error}", _UNASKED)
        mend = "see that the URL in webhook_url_file is one of Slack's"
        return Told(State.UNKNOWN, "Slack took an empty message, which it should not", mend)


class Reader(NamedTuple):
    """An app of which it is known where its Slack is (`drill: slack:`)."""

    token_file: str
    channel: str
    client: Slack


class Behind:
    """What is behind a receiver of Alertmanager's."""

    def __init__(self, reader: Reader | None) -> None:
        """`reader`: whoever posts with this app's token is asked about by it."""
        self._reader = reader
        self._known: dict[tuple[str, str], Told] = {}

    def told(self, routing: Routing, receiver: str, requests: Mapping[str, tuple[int, int]] | None) -> Told:
        """BLIND where every way of the receiver is dead; READY with what is odd, or with nothing."""
        found = []
        for kind in routing.receivers[receiver].kinds:
            made, failed = (requests or {}).get(kind, (0, 0))
            if made and made == failed:
                why = f"{receiver}: not one of Alertmanager's {made} requests to {kind} since its start went through"
                found.append(Told(State.BLIND, why, _MEND))
                continue
            for_kind = list(self._slack(routing, receiver)) if kind == "slack" else []
            dead = [one for one in for_kind if one.state is State.BLIND]
            if for_kind and len(dead) == len(for_kind):
                found.append(dead[0])
            else:
                said = f"{failed} of {made} requests to {kind} failed since Alertmanager's start" if failed else ""
                mend = _MEND if failed else ""
                found.append(Told(State.READY, "; ".join(one for one in (said, *(d.why for d in dead)) if one), mend))
        worst = [one for one in found if one.state is State.BLIND]
        if worst and len(worst) == len(found):
            return worst[0]
        mend = next((one.mend for one in found if one.mend), "")
        return Told(State.READY, "; ".join(one.why for one in found if one.why), mend)

    def _slack(self, routing: Routing, receiver: str) -> Iterator[Told]:
        """What Slack says of each of its channels, as far as it can be asked from here."""
        for config in _configs(routing, receiver):
            hook, token = str(config.get("api_url_file") or ""), _credentials(config)
            channel = str(config.get("channel") or "")
            if not hook and self._reader is not None and token == self._reader.token_file:
                if channel == self._reader.channel:
                    yield self._kept((token, channel), BySlackApp(receiver, self._reader.client, channel, _POSTS))
                else:
                    yield Told(State.READY, "")
            elif hook and _readable(hook):
                with closing(IncomingWebhook(hook)) as client:
                    yield self._kept((hook, ""), BySlackWebhook(receiver, client))
            else:
                yield Told(State.READY, "")

    def _kept(self, key: tuple[str, str], end: Delivery) -> Told:
        if key not in self._known:
            told = end.told({})
            why = f"{end.name}: {told.why}"
            # What could not be asked from here may be open to Alertmanager.
            self._known[key] = Told(State.READY, why if told.state is State.UNKNOWN else "", told.mend)
            if told.state is State.BLIND:
                self._known[key] = Told(State.BLIND, why, told.mend)
        return self._known[key]


_MEND = "read Alertmanager's log for the answer; mend the receiver's URL, token or channel"
_POSTS = Told(State.READY, "whether it may post was not asked")


def _configs(routing: Routing, receiver: str) -> Iterator[Mapping[str, Any]]:
    value = routing.document.value
    held: Any = value
    for step in routing.receivers[receiver].path:
        held = held[step]
    configs = held.get("slack_configs")
    yield from (one for one in (configs if isinstance(configs, list) else []) if isinstance(one, dict))


def _credentials(config: Mapping[str, Any]) -> str:
    http = config.get("http_config")
    said = http.get("authorization") if isinstance(http, dict) else None
    return str(said.get("credentials_file") or "") if isinstance(said, dict) else ""


def _readable(name: str) -> bool:
    try:
        with Path(name).open("rb"):
            return True
    except OSError:
        return False
