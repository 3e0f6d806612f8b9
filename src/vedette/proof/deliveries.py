"""Deliveries: would a sink tell somebody of an alert with these labels? Asked of its far end; nobody is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from vedette.clients.alertmanager import Alertmanager, HeldAlert, Silence
from vedette.clients.alertmanager_routes import Matcher, Route, Routing, read_routing
from vedette.clients.base import BadSecret, NoAnswer
from vedette.proof.slack_ends import Behind, Reader, Told
from vedette.proof.verdict import State
from vedette.yaml_text import YamlError, read_documents

_FILE = "alertmanager.yml"


class _Member(NamedTuple):
    """What one Alertmanager said."""

    url: str
    routing: Routing
    silences: tuple[Silence, ...]
    held: tuple[HeldAlert, ...]
    requests: Mapping[str, tuple[int, int]] | None
    """Kind of receiver -> requests, failed ones; None: not to be had."""


class ByAlertmanager:
    """A cluster of Alertmanagers: its routes walked, its silences and inhibitions looked at, and what is behind its
    receivers. Asked once, then kept."""

    def __init__(self, name: str, members: Mapping[str, Alertmanager], reader: Reader | None = None) -> None:
        """`members`: by the URL as it may be shown. `reader`: the app that is asked about its own channel."""
        self.name = name
        self._members = members
        self._behind = Behind(reader)
        self._looked: list[_Member] = []
        self._silent: dict[str, str] = {}
        self._asked = False

    def told(self, labels: Mapping[str, str]) -> Told:
        """BLIND where a member that answers would tell nobody; UNKNOWN where none answers."""
        self._ask()
        if not self._looked:
            said = "; ".join(f"{url}: {why}" for url, why in self._silent.items())
            return Told(State.UNKNOWN, f"no Alertmanager could be asked: {said}", self._grant())
        found = [self._by_member(labels, one) for one in self._looked]
        worst = next((one for one in found if one.state is State.BLIND), None)
        worst = worst or next((one for one in found if one.state is not State.READY), found[0])
        if worst.state is State.READY and self._silent:
            said = "; ".join(f"{url}: {why}" for url, why in self._silent.items())
            return Told(State.READY, f"{worst.why}; not asked: {said}", worst.mend or self._grant())
        return worst

    def _grant(self) -> str:
        if any(word in why for why in self._silent.values() for word in ("401", "403")):
            return "let the token or user of sinks: alertmanager: read /api/v2/status, /silences and /alerts"
        return "start it, or mend sinks: alertmanager:"

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
                    self._looked.append(_Member(url, read_routing(documents[0]), silences, held, _requests(client)))
                else:
                    self._silent[url] = "its configuration is empty"

    def _by_member(self, labels: Mapping[str, str], member: _Member) -> Told:
        routing = member.routing
        if routing.root is None or routing.unread:
            problem = routing.problems[0].message if routing.problems else "no route"
            mend = "amtool check-config; vedette render alertmanager --check"
            return Told(State.UNKNOWN, f"{member.url}: its routes cannot be read: {problem}", mend)
        if (kept := _kept_back(labels, member)) is not None:
            return kept
        routes = routing.root.told(labels)
        told = {route.receiver: route for route in routes if _kinds(routing, route)}
        if not told:
            names = ", ".join(dict.fromkeys(route.receiver for route in routes))
            line, _ = routing.document.at(routes[0].path)
            why = f"{_FILE}:{line}: its route ends at {names}, which tells nobody"
            return Told(
                State.BLIND, why, "send the alerts to a receiver that has somebody: vedette render alertmanager"
            )
        behind = [self._behind.told(routing, name, member.requests) for name in told]
        if all(one.state is State.BLIND for one in behind):
            return behind[0]
        said = ", ".join(f"{name} ({', '.join(_kinds(routing, route))})" for name, route in told.items())
        notes = [one.why for one in behind if one.why]
        if any(route.muted for route in told.values()):
            notes.append("muted at some times")
        notes += [
            f"{_FILE}:{routing.document.at(rule.path)[0]}: other alerts can hold it back"
            for rule in routing.inhibitions
            if all(matcher.holds(labels) for matcher in rule.targets)
        ]
        return Told(State.READY, "; ".join([said, *notes]), next((one.mend for one in behind if one.mend), ""))


def _requests(client: Alertmanager) -> Mapping[str, tuple[int, int]] | None:
    try:
        return client.requests()
    except (NoAnswer, BadSecret, ValueError):
        return None


def _kept_back(labels: Mapping[str, str], member: _Member) -> Told | None:
    """BLIND where a silence or another alert keeps these from everybody."""
    for silence in member.silences:
        if all(_holds(one.name, one.value, labels, regex=one.is_regex, equal=one.is_equal) for one in silence.matchers):
            why = f"silenced until {silence.ends_at} by {silence.created_by}: {silence.comment} ({silence.id})"
            return Told(State.BLIND, why, f"amtool silence expire {silence.id}")
    for rule in member.routing.inhibitions:
        firing = next((one for one in member.held if rule.holds_back(labels, one.labels)), None)
        if firing is not None:
            line, _ = member.routing.document.at(rule.path)
            why = (
                f"{_FILE}:{line}: held back by an inhibition while {firing.labels.get('alertname', 'an alert')} fires,"
                f" since {firing.starts_at}"
            )
            return Told(
                State.BLIND, why, 'let inhibit_rules leave them alone: target_matchers with alertname!~"Vedette.+"'
            )
    return None


def _kinds(routing: Routing, route: Route) -> tuple[str, ...]:
    receiver = routing.receivers.get(route.receiver)
    return receiver.kinds if receiver else ()


def _holds(name: str, value: str, labels: Mapping[str, str], *, regex: bool, equal: bool) -> bool:
    operator = ("=~" if equal else "!~") if regex else ("=" if equal else "!=")
    return Matcher(name, operator, value).holds(labels)


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
