"""Whom an Alertmanager tells: its configuration read, and its routes walked as it walks them.

The walk is that of its dispatch/route.go, the matchers are those of its pkg/labels: depth first, the first sibling that
fits takes the alert unless it says `continue`, and a route none of whose children fit keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import lru_cache, partial
from typing import Any

import re2

from vedette.problem import Problem
from vedette.yaml_text import Document, YamlPath

# pkg/labels/parse.go; the quoted name is the newer syntax of its matcher/parse (0.27).
_BLANK = r"[\t\n\f\r ]*"
_CONDITION = re.compile(
    rf'{_BLANK}([a-zA-Z_:][a-zA-Z0-9_:]*|"(?:[^"\\]|\\.)*"){_BLANK}(=~|=|!=|!~){_BLANK}(.*?){_BLANK}\Z', re.DOTALL
)
_SPAN = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?\Z")
_SECONDS = (31_536_000.0, 604_800.0, 86_400.0, 3600.0, 60.0, 1.0, 0.001)
_TIMES = {"group_wait": 30.0, "group_interval": 300.0, "repeat_interval": 14_400.0}
"""Alertmanager's own, where no route says otherwise: dispatch/route.go, DefaultRouteOpts."""


_PATTERNS = ("match_re", "source_match_re", "target_match_re")


class BadMatcher(ValueError):
    """A text that Alertmanager takes for no matcher."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; a label that is not there is empty."""

    name: str
    operator: str
    """`=`, `!=`, `=~` or `!~`."""
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether it is true of an alert's labels."""
        held = labels.get(self.name, "")
        if self.operator in ("=", "!="):
            return (held == self.value) is (self.operator == "=")
        return bool(_pattern(self.value).search(held)) is (self.operator == "=~")

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.operator}"{escaped}"'


@dataclass(frozen=True, slots=True)
class Route:
    """One route, with what it takes over from those above it."""

    path: YamlPath
    """Where it stands: `("route", "routes", 0)`."""
    receiver: str
    matchers: tuple[Matcher, ...]
    goes_on: bool
    """`continue: true`."""
    times: Mapping[str, float]
    """group_wait, group_interval and repeat_interval, in seconds."""
    group_by: frozenset[str]
    """Labels; `...` stands for all of them."""
    muted: bool
    """It has mute_time_intervals or active_time_intervals: at some times it tells nobody."""
    routes: tuple[Route, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether its own matchers all hold."""
        return all(matcher.holds(labels) for matcher in self.matchers)

    def told(self, labels: Mapping[str, str]) -> list[Route]:
        """The routes that tell of an alert with these labels, in order; none where this one does not match."""
        if not self.matches(labels):
            return []
        found: list[Route] = []
        for child in self.routes:
            below = child.told(labels)
            found += below
            if below and not child.goes_on:
                break
        return found or [self]

    def reached(self, labels: Mapping[str, str]) -> list[Route]:
        """The routes that an alert with these labels gets to and that match it, those that hand it down included."""
        if not self.matches(labels):
            return []
        found = [self]
        for child in self.routes:
            below = child.reached(labels)
            found += below
            if below and not child.goes_on:
                break
        return found

    def all(self) -> Iterator[Route]:
        """The route itself and all beneath it."""
        yield self
        for child in self.routes:
            yield from child.all()


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody who is told."""

    name: str
    path: YamlPath
    kinds: tuple[str, ...]
    """What it has: slack, webhook, pagerduty, …; none: nobody is told."""


@dataclass(frozen=True, slots=True)
class Inhibition:
    """A rule that holds alerts back while others fire."""

    path: YamlPath
    targets: tuple[Matcher, ...]
    """Of the alerts that are held back."""
    sources: tuple[Matcher, ...] = ()
    """Of those that do it while they fire."""
    equal: tuple[str, ...] = ()
    """Labels that both have alike; one that is not there is empty."""

    def holds_back(self, target: Mapping[str, str], firing: Mapping[str, str]) -> bool:
        """Whether `firing` holds `target` back: inhibit/inhibit.go."""
        if not self._all(self.targets, target) or not self._all(self.sources, firing):
            return False
        # What is of both sides is not held back by what is of both sides too.
        if self._all(self.sources, target) and self._all(self.targets, firing):
            return False
        return all(target.get(name, "") == firing.get(name, "") for name in self.equal)

    def _all(self, matchers: tuple[Matcher, ...], labels: Mapping[str, str]) -> bool:
        return all(matcher.holds(labels) for matcher in matchers)


@dataclass(slots=True)
class Routing:
    """What of a configuration decides who is told."""

    document: Document
    root: Route | None = None
    """None: there is none, or none that can be read; `problems` says why."""
    receivers: dict[str, Receiver] = field(default_factory=dict)
    inhibitions: list[Inhibition] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    """What Alertmanager would refuse, and what cannot be read here."""
    unread: bool = False
    """True: a route or a matcher could not be read, so who is told cannot be told."""


def read_routing(document: Document) -> Routing:
    """Routes, receivers and inhibitions of an `alertmanager.yml`. What is wrong with them is in `problems`."""
    return _Reader(document).routing


def parse_matchers(text: str) -> list[Matcher]:
    """The matchers of one text, `{a="b", c=~"d.+"}` with or without the braces. Raises BadMatcher."""
    text = text.removeprefix("{").removesuffix("}")
    return [_matcher(token) for token in _tokens(text)]


def seconds(text: str) -> float:
    """A duration as Prometheus writes it (`1h30m`), in seconds. Raises ValueError."""
    found = _SPAN.match(text)
    if text == "0":
        return 0.0
    if not found or not text:
        raise ValueError(text)
    return sum(int(number) * size for number, size in zip(found.groups(), _SECONDS, strict=True) if number)


def _tokens(text: str) -> Iterator[str]:
    """`text` at the commas that stand outside quotation marks."""
    token = ""
    quoted = escaped = False
    for char in text:
        if char == ",":
            # As there: a comma leaves `escaped` as it is.
            if not quoted:
                yield token
                token = ""
                continue
        else:
            quoted ^= char == '"' and not escaped
            escaped = char == "\\" and not escaped
        token += char
    if token.strip():
        yield token.strip()


def _matcher(token: str) -> Matcher:
    found = _CONDITION.match(token)
    if found is None:
        raise BadMatcher(f"{token.strip()!r} is no matcher")
    name, operator, raw = found.groups()
    return _checked(_unescaped(name[1:-1]) if name.startswith('"') else name, operator, _value(raw))


def _single(name: str, operator: str, value: str) -> list[Matcher]:
    return [_checked(name, operator, value)]


def _checked(name: str, operator: str, value: str) -> Matcher:
    if operator in ("=~", "!~"):
        try:
            _pattern(value)
        except re2.error as error:
            raise BadMatcher(f"{value!r} is no regular expression: {_said(error)}") from None
    return Matcher(name, operator, value)


def _value(raw: str) -> str:
    quoted = raw.startswith('"')
    inside = raw[1:] if quoted else raw
    # What follows a backslash is no end, and no quotation mark that stands alone.
    bare = re.sub(r"\\.", "xx", inside, flags=re.DOTALL)
    if quoted != bare.endswith('"') or '"' in (bare[:-1] if quoted else bare):
        raise BadMatcher(f"{raw!r} has a quotation mark that stands alone")
    return _unescaped(inside[:-1] if quoted else inside)


def _unescaped(text: str) -> str:
    return re.sub(r'\\([n"\\])', lambda found: "\n" if found[1] == "n" else found[1], text)


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


@lru_cache(maxsize=4096)
def _pattern(text: str) -> Any:
    """Go's regular expressions are RE2's; Alertmanager anchors them."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(f"^(?:{text})$", options)


class _Reader:
    """One configuration into a Routing."""

    def __init__(self, document: Document) -> None:
        self.routing = Routing(document)
        self._document = document
        value = document.value
        if not isinstance(value, dict):
            self._wrong((), "is no configuration of Alertmanager", "it needs `route` and `receivers`", value=True)
            return
        self._receivers(value.get("receivers"))
        if not isinstance(value.get("route"), dict):
            self._wrong(("route",), "no route", "add route: {receiver: NAME}")
        else:
            self.routing.root = self._route(value["route"], ("route",), None)
        rules = value.get("inhibit_rules")
        for index, rule in enumerate(rules if isinstance(rules, list) else []):
            if isinstance(rule, dict):
                path: YamlPath = ("inhibit_rules", index)
                equal = rule.get("equal")
                self.routing.inhibitions.append(
                    Inhibition(
                        path,
                        self._matchers(rule, path, "target_"),
                        self._matchers(rule, path, "source_"),
                        tuple(str(name) for name in equal) if isinstance(equal, list) else (),
                    )
                )

    def _wrong(self, path: YamlPath, message: str, mend: str = "", *, value: bool = False) -> None:
        self.routing.problems.append(self._document.problem(path, message, mend, value=value))

    def _receivers(self, given: object) -> None:
        for index, one in enumerate(given if isinstance(given, list) else []):
            path: YamlPath = ("receivers", index)
            name = one.get("name") if isinstance(one, dict) else None
            if not isinstance(one, dict) or not isinstance(name, str) or not name:
                self._wrong(path, "a receiver without a name", "give it name: NAME", value=True)
                continue
            if name in self.routing.receivers:
                self._wrong((*path, "name"), f"a second receiver {name!r}", "rename one of the two", value=True)
                continue
            kinds = tuple(
                key.removesuffix("_configs") for key, held in one.items() if key.endswith("_configs") and held
            )
            self.routing.receivers[name] = Receiver(name, path, kinds)

    def _route(self, given: Mapping[str, Any], path: YamlPath, above: Route | None) -> Route:
        own = given.get("receiver")
        receiver = own if isinstance(own, str) and own else above.receiver if above else ""
        if not receiver:
            self._wrong((*path, "receiver"), "the root route names no receiver", "add receiver: NAME")
        elif receiver not in self.routing.receivers and (own or above is None):
            said = f"no receiver is called {receiver!r}"
            self._wrong((*path, "receiver"), said, self._nearest(receiver), value=True)
        matchers = self._matchers(given, path, "")
        if above is None and matchers:
            self._wrong(path, "the root route may have no matchers", "put them on a route beneath it")
        here = Route(
            path,
            receiver,
            matchers,
            goes_on=given.get("continue") is True,
            times={
                name: self._time(given.get(name), (*path, name), above.times[name] if above else usual)
                for name, usual in _TIMES.items()
            },
            group_by=self._group_by(given.get("group_by"), above),
            muted=bool(given.get("mute_time_intervals") or given.get("active_time_intervals")),
        )
        below = given.get("routes")
        children = [
            self._route(one, (*path, "routes", index), here)
            for index, one in enumerate(below if isinstance(below, list) else [])
            if self._is_mapping(one, (*path, "routes", index))
        ]
        return replace(here, routes=tuple(children))

    def _group_by(self, given: object, above: Route | None) -> frozenset[str]:
        if isinstance(given, list) and given:
            return frozenset(name for name in given if isinstance(name, str))
        return above.group_by if above else frozenset()

    def _is_mapping(self, given: object, path: YamlPath) -> bool:
        if isinstance(given, dict):
            return True
        self._unread(path, "a route must be a mapping", "write its keys behind -")
        return False

    def _nearest(self, name: str) -> str:
        near = get_close_matches(name, self.routing.receivers, 1)
        return f"did you mean {near[0]!r}?" if near else f"add {{name: {name}}} under receivers"

    def _time(self, given: object, path: YamlPath, usual: float) -> float:
        if given is None:
            return usual
        try:
            return seconds(str(given))
        except ValueError:
            self._wrong(path, f"{given!r} is no duration", "write 30s, 5m or 4h", value=True)
            return usual

    def _matchers(self, given: Mapping[str, Any], path: YamlPath, prefix: str) -> tuple[Matcher, ...]:
        """Of `matchers`, `match` and `match_re`; all must hold."""
        found: list[Matcher] = []
        for key, operator in ((f"{prefix}match", "="), (f"{prefix}match_re", "=~")):
            pairs = given.get(key)
            for name, value in pairs.items() if isinstance(pairs, dict) else ():
                found += self._made((*path, key, name), value, partial(_single, name, operator))
        texts = given.get(f"{prefix}matchers")
        if texts is not None and not isinstance(texts, list):
            self._unread((*path, f"{prefix}matchers"), "matchers must be a list", "write each behind -")
            return ()
        for index, text in enumerate(texts or []):
            found += self._made((*path, f"{prefix}matchers", index), text, parse_matchers)
        return tuple(found)

    def _made(self, path: YamlPath, given: object, make: Callable[[str], list[Matcher]]) -> list[Matcher]:
        if isinstance(given, (dict, list, float)) or (given is None and path[-2] in _PATTERNS):
            self._unread(path, "a matcher must be a text", "put it in quotation marks")
            return []
        # As yaml.v2 reads a plain scalar into a text.
        text = given if isinstance(given, str) else "" if given is None else str(given).lower()
        try:
            return make(text)
        except BadMatcher as error:
            self._unread(path, str(error), 'write name="text", name!="text", name=~"pattern" or name!~"pattern"')
            return []

    def _unread(self, path: YamlPath, message: str, mend: str) -> None:
        self._wrong(path, message, mend, value=True)
        self.routing.unread = True
