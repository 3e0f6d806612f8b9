"""Deliveries: would a sink tell somebody of an alert with these labels? Asked of its far end; nobody is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from vedette.clients.alertmanager import Alertmanager, HeldAlert, Silence
from vedette.clients.alertmanager_routes import Matcher, Route, Routing, read_routing
from vedette.clients.base import BadSecret, NoAnswer
from vedette.clients.slack import IncomingWebhook, Refused, Slack
from vedette.proof.verdict import State
from vedette.yaml_text import YamlError, read_documents

_FILE = "alertmanager.yml"


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


class ByAlertmanager:
    """A cluster of Alertmanagers: its routes walked, its silences and inhibitions looked at. Asked once, then kept."""

    def __init__(self, name: str, members: Mapping[str, Alertmanager]) -> None:
        """`members`: by the URL as it may be shown."""
        self.name = name
        self._members = members
        self._looked: list[tuple[str, Routing, tuple[Silence, ...], tuple[HeldAlert, ...]]] = []
        self._silent: dict[str, str] = {}
        self._asked = False

    def told(self, labels: Mapping[str, str]) -> Told:
        """BLIND where a member that answers would tell nobody; UNKNOWN where none answers."""
        self._ask()
        if not self._looked:
            said = "; ".join(f"{url}: {why}" for url, why in self._silent.items())
            return Told(
                State.UNKNOWN, f"no Alertmanager could be asked: {said}", "start it, or mend sinks: alertmanager:"
            )
        found = [_by_member(labels, *one) for one in self._looked]
        worst = next((one for one in found if one.state is not State.READY), found[0])
        if worst.state is State.READY and self._silent:
            said = "; ".join(f"{url}: {why}" for url, why in self._silent.items())
            return Told(State.READY, f"{worst.why}; not asked: {said}", worst.mend)
        return worst

    def _ask(self) -> None:
        if self._asked:
            return
        self._asked = True
        for url, client in self._members.items():
            try:
                documents = read_documents(client.configuration(), _FILE)
                silences = tuple(one for one in client.silences() if one.status.state == "active")
                held = client.alerts()
            except (NoAnswer, BadSecret, ValueError) as error:
                self._silent[url] = str(error)
            except YamlError as error:
                self._silent[url] = f"its configuration cannot be read: {error.problem.message}"
            else:
                if documents:
                    self._looked.append((url, read_routing(documents[0]), silences, held))
                else:
                    self._silent[url] = "its configuration is empty"


def _by_member(
    labels: Mapping[str, str], url: str, routing: Routing, silences: tuple[Silence, ...], held: tuple[HeldAlert, ...]
) -> Told:
    if routing.root is None or routing.unread:
        problem = routing.problems[0].message if routing.problems else "no route"
        return Told(State.UNKNOWN, f"{url}: its routes cannot be read: {problem}")
    for silence in silences:
        if all(_holds(one.name, one.value, labels, regex=one.is_regex, equal=one.is_equal) for one in silence.matchers):
            why = f"silenced until {silence.ends_at} by {silence.created_by}: {silence.comment} ({silence.id})"
            return Told(State.BLIND, why, f"amtool silence expire {silence.id}")
    routes = routing.root.told(labels)
    told = {route.receiver: route for route in routes if _kinds(routing, route)}
    if not told:
        names = ", ".join(dict.fromkeys(route.receiver for route in routes))
        line, _ = routing.document.at(routes[0].path)
        why = f"{_FILE}:{line}: its route ends at {names}, which tells nobody"
        return Told(State.BLIND, why, "send the alerts to a receiver that has somebody: vedette render alertmanager")
    muted = [route for route in told.values() if route.muted]
    held_back = [one for one in held if one.labels.get("rule_id") == labels.get("rule_id") and one.status.inhibited_by]
    if held_back:
        why = f"{held_back[0].labels.get('alertname', 'it')} is held back by an inhibition that holds now"
        return Told(State.BLIND, why, "let inhibit_rules leave vedette's alerts alone")
    said = ", ".join(f"{name} ({', '.join(_kinds(routing, route))})" for name, route in told.items())
    return Told(State.READY, f"{said}{'; muted at some times' if muted else ''}")


def _kinds(routing: Routing, route: Route) -> tuple[str, ...]:
    receiver = routing.receivers.get(route.receiver)
    return receiver.kinds if receiver else ()


def _holds(name: str, value: str, labels: Mapping[str, str], *, regex: bool, equal: bool) -> bool:
    operator = ("=~" if equal else "!~") if regex else ("=" if equal else "!=")
    return Matcher(name, operator, value).holds(labels)


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
            word = str(error) or f"status {error.answer.status}"
            if word == "missing_scope":
                mend = "grant the scope channels:history, so that messages can be read back"
                why = f"Slack lets the app post, not read ({word})"
                return Told(self._record.state, f"{why}; {self._record.why}", mend)
            return Told(
                State.BLIND, f"Slack refuses: {word}", _SLACK_MENDS.get(word, "mend sinks: slack: in vedette.yaml")
            )
        except (NoAnswer, BadSecret, ValueError) as error:
            return Told(State.UNKNOWN, f"Slack could not be asked: {error}")
        return Told(State.READY, f"Slack channel {self._channel}")


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
                return Told(State.UNKNOWN, why)
            return Told(State.BLIND, why, "make a new incoming webhook and write its URL into webhook_url_file")
        except (NoAnswer, BadSecret) as error:
            return Told(State.UNKNOWN, f"Slack could not be asked: {error}")
        return Told(State.UNKNOWN, "Slack took an empty message, which it should not")


class ByRecord:
    """A sink that can only be tried by telling somebody: what the watcher's last deliveries came to."""

    def __init__(self, name: str, record: Told) -> None:
        self.name = name
        self._record = record

    def told(self, labels: Mapping[str, str]) -> Told:  # noqa: ARG002 - what it takes it takes of any alert
        """As the store has it."""
        return self._record


def recorded(state: str, reason: str, told: int) -> Told:
    """What the store says of a sink. `told`: when it last took something, nanoseconds since 1970, or 0."""
    if state == "dead":
        return Told(State.BLIND, f"it takes nothing: {reason}", "mend its settings or the far end")
    if state == "failing":
        return Told(State.UNKNOWN, f"it fails now: {reason}")
    if told:
        return Told(State.READY, "it took the last notification")
    return Told(State.UNKNOWN, "it was never told anything yet", "vedette drill")
