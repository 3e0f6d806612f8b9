"""Whom somebody's own alertmanager.yml tells of vedette's alerts: each that may come is walked through its routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vedette.clients.alertmanager_routes import Matcher, Route, Routing
from vedette.problem import Problem
from vedette.render.logql_rule import Rendered
from vedette.render.receiver import HEARTBEAT
from vedette.render.ruler import COUNTS, LASTS, labels_of
from vedette.rule import Reaction, Rule
from vedette.yaml_text import YamlPath

_NAMED = 4
"""Alerts that a message names."""
_OWN = "vedette"
_PRESENT = (("=~", ".+"), ("!=", ""))
"""Matchers that ask only whether there is the label, which no event decides."""
_SILENCE = 300.0
"""Seconds without a heartbeat that a dead-man's switch should not have to bear."""
_ASK = "`vedette render alertmanager --fragment` prints a route"


@dataclass(frozen=True, slots=True)
class Expected:
    """An alert that may come, as far as it is known before."""

    name: str
    """Its alertname."""
    labels: Mapping[str, str]
    """With some value for those that each event decides."""
    varying: frozenset[str] = frozenset()
    """The labels whose values each event decides."""
    lasts: float = 0.0
    """Seconds that it fires at least; 0: for ever."""
    sender: str = "vedette watch"


@dataclass(slots=True)
class Checked:
    """What came of it."""

    problems: list[Problem] = field(default_factory=list)
    told: dict[tuple[str, ...], list[Expected]] = field(default_factory=dict)
    """By the receivers, in order."""


def expected_of_watch(rules: Sequence[Rule], cluster: str, hold: float) -> list[Expected]:
    """What `vedette watch` posts. `hold`: seconds that an alert is kept firing after its last act."""
    found = []
    for rule in rules:
        for detection in rule.detections:
            if not detection.alerts:
                continue
            for reaction in Reaction:
                if reaction is Reaction.IGNORE or reaction not in detection.outcomes.values():
                    continue
                severity = detection.severity if reaction is Reaction.FIRE else detection.severity.lower
                found.append(_posted(rule.name, reaction, str(severity), detection.format, cluster, hold))
        formats = {detection.name: detection.format for detection in rule.detections}
        for one in rule.correlations:
            if one.alerts:
                source = formats[one.detections[0]]
                found.append(_posted(rule.name, Reaction.FIRE, str(one.severity), source, cluster, hold))
    found += [
        Expected(
            "VedetteSourceSilent",
            _labels("VedetteSourceSilent", severity, "source_silent", _OWN, cluster, entity="0"),
            frozenset({"entity"}),
            hold,
        )
        for severity in ("critical", "warning")
    ]
    return found


def expected_heartbeat(cluster: str) -> Expected:
    """VedetteHeartbeat, where the settings have it on."""
    return Expected(HEARTBEAT, _labels(HEARTBEAT, "info", "heartbeat", _OWN, cluster))


def expected_of_ruler(rules: Sequence[tuple[Rule, Rendered]], cluster: str) -> list[Expected]:
    """What Loki's ruler posts."""
    found = []
    for rule, rendered in rules:
        for query in (*rendered.queries, *rendered.counts):
            labels = {**dict.fromkeys(query.labels, "x"), **labels_of(rule, query, cluster)}
            lasts = COUNTS if query in rendered.counts else LASTS
            found.append(Expected(labels["alertname"], labels, frozenset(query.labels), lasts, "Loki's ruler"))
    return found


def check_routing(routing: Routing, expected: Sequence[Expected], *, receiver: str = "") -> Checked:
    """Who is told of each, and what is wrong with it. `receiver`: who is meant; without, anybody."""
    checked = Checked([*routing.problems])
    root = routing.root
    if receiver and receiver not in routing.receivers:
        said = f"no receiver is called {receiver!r}, which is who is meant"
        checked.problems.append(routing.document.problem(("receivers",), said, "name one of the file's receivers"))
    elif root is not None and not routing.unread:
        found = _Found(routing)
        for one in expected:
            told = root.told(one.labels)
            checked.told.setdefault(tuple(dict.fromkeys(route.receiver for route in told)), []).append(one)
            _judge(found, one, told, receiver)
            _uncertain(found, root, one)
            _inhibited(found, one)
        _passed_over(found, root, expected, _shadowed(found, root))
        checked.problems += found.problems()
    checked.problems.sort(key=lambda problem: (problem.line, problem.column))
    return checked


class _Found:
    """Findings by place and kind, each with the alerts that it is about."""

    def __init__(self, routing: Routing) -> None:
        self.routing = routing
        self._about: dict[tuple[YamlPath, str, str], list[str]] = {}
        self._errors: set[tuple[YamlPath, str, str]] = set()

    def add(self, path: YamlPath, said: str, mend: str, name: str = "", *, error: bool = False) -> None:
        """`said` has {} where the alerts' names belong."""
        key = (path, said, mend)
        self._about.setdefault(key, []).append(name)
        if error:
            self._errors.add(key)

    def problems(self) -> Iterable[Problem]:
        """Each finding once."""
        for key, names in self._about.items():
            path, said, mend = key
            text = said.replace("{}", some(names))
            yield self.routing.document.problem(path, text, mend, value=True, error=key in self._errors)


def some(names: Iterable[str]) -> str:
    """A few of the names, and how many more there are."""
    each = list(dict.fromkeys(names))
    more = len(each) - _NAMED
    return ", ".join(each[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _judge(found: _Found, one: Expected, told: Sequence[Route], receiver: str) -> None:
    held = found.routing.receivers
    kinds = {kind for route in told if route.receiver in held for kind in held[route.receiver].kinds}
    names = {route.receiver for route in told}
    last = told[-1]
    beat = one.name == HEARTBEAT
    if not kinds and not beat:
        said = f"nobody is told of {{}}: the receiver {last.receiver!r} has no slack_configs, webhook_configs or other"
        found.add(last.path, said, "give it one, or route them to another receiver", one.name, error=True)
    elif receiver and receiver not in names and not beat:
        said = f"{last.receiver!r} is told, not {receiver!r}, of {{}}"
        found.add(last.path, said, f"put a route to {receiver!r} before this one: {_ASK}", one.name, error=True)
    elif told == [found.routing.root] and not beat:
        said = "no route takes {}: only the root's receiver is told"
        found.add(last.path, said, f"add a route: {_ASK}", one.name)
    for route in told:
        if route.muted:
            found.add(
                route.path,
                "at some times nobody is told of {}: this route has time intervals",
                "take them off",
                one.name,
            )
        _too_slow(found, one, route)


def _too_slow(found: _Found, one: Expected, route: Route) -> None:
    """An alert that begins and ends between two flushes of its group is never told (dispatch.go, DedupStage)."""
    alone = "..." in route.group_by or one.varying <= route.group_by
    # A group of its own begins with the alert, and waits once.
    for name in ("group_wait",) if alone else ("group_wait", "group_interval"):
        if one.lasts and route.times[name] > one.lasts:
            said = (
                f"{{}} of {one.sender} may end after {one.lasts:.0f} s, unheard while its group waits: {name} is longer"
            )
            mend = f"set {name} to {one.lasts:.0f}s or less"
            if name == "group_interval":
                mend += f", or have {', '.join(sorted(one.varying))} in group_by"
            found.add(route.path, said, mend, one.name)
    if one.name == HEARTBEAT and route.times["repeat_interval"] > _SILENCE:
        said = f"{{}} is passed on every {route.times['repeat_interval']:.0f} s; a dead-man's switch waits for it"
        found.add(
            route.path, said, "give it a route of its own with group_interval: 20s, repeat_interval: 50s", one.name
        )


def _uncertain(found: _Found, route: Route, one: Expected) -> None:
    """Where a matcher asks for what each event decides: nobody can tell who is told before there is one."""
    asked = [
        matcher
        for matcher in route.matchers
        if matcher.name in one.varying and (matcher.operator, matcher.value) not in _PRESENT
    ]
    if not _hold([matcher for matcher in route.matchers if matcher not in asked], one.labels):
        return
    for matcher in asked:
        said = f"cannot tell who is told of {{}}: {matcher.name} is each event's own"
        found.add(route.path, said, "match alertname, rule_id, severity, source or cluster", one.name)
    for child in route.routes:
        _uncertain(found, child, one)


def _inhibited(found: _Found, one: Expected) -> None:
    for rule in found.routing.inhibitions:
        if _hold(rule.targets, one.labels):
            said = "{} can be held back by this rule while another alert fires"
            found.add(rule.path, said, 'narrow its target_matchers, say with alertname!~"Vedette.+"', one.name)


def _shadowed(found: _Found, root: Route) -> list[Route]:
    """Routes behind a sibling that takes all that they would."""
    shadowed: list[Route] = []
    for route in root.all():
        for index, child in enumerate(route.routes):
            for before in route.routes[:index]:
                if not before.goes_on and set(before.matchers) <= set(child.matchers):
                    line, _ = found.routing.document.at(before.path, value=True)
                    said = f"no alert gets here: the route on line {line} takes all that this one would"
                    found.add(child.path, said, "put this one first, or continue: true on that one")
                    shadowed += child.all()
                    break
    return shadowed


def _passed_over(found: _Found, root: Route, expected: Sequence[Expected], known: Sequence[Route]) -> None:
    """Routes that are meant for these alerts, and that none of them reaches."""
    for above, route in _pairs(root):
        fits = [one for one in expected if route.matches(one.labels) and above.matches(one.labels)]
        # One that would take other people's alerts as well is not meant for these.
        meant = [one for one in fits if not route.matches({"severity": one.labels["severity"]})]
        if meant and route not in known and not any(route in root.reached(one.labels) for one in fits):
            takes = root.told(meant[0].labels)[0]
            line, _ = found.routing.document.at(takes.path, value=True)
            said = f"meant for {{}}, and never reached: the route on line {line} comes before"
            for one in meant:
                found.add(route.path, said, "put this one first, or continue: true on that one", one.name)


def _pairs(route: Route) -> Iterable[tuple[Route, Route]]:
    for child in route.routes:
        yield route, child
        yield from _pairs(child)


def _hold(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    return all(matcher.holds(labels) for matcher in matchers)


def _posted(rule: str, reaction: Reaction, severity: str, source: str, cluster: str, hold: float) -> Expected:
    name = f"Vedette{rule}" + "".join(word.capitalize() for word in reaction.value.split("_") if word != "fire")
    return Expected(name, _labels(name, severity, rule, source, cluster, entity="0"), frozenset({"entity"}), hold)


def _labels(name: str, severity: str, rule: str, source: str, cluster: str, **more: str) -> dict[str, str]:
    labels = {"alertname": name, "severity": severity, "rule_id": rule, "source": source, **more}
    return {**labels, "cluster": cluster} if cluster else labels
