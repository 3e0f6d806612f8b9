"""Asks a Loki for all that is judged, and judges it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import yaml

from vedette.clients.alertmanager import Alertmanager
from vedette.clients.base import NoAnswer
from vedette.clients.loki import LokiClient, LokiRefused
from vedette.clients.loki_ruler import Config, Loaded, LokiRuler
from vedette.escape import logql, terminal
from vedette.loki_status.base import LOOKED, Check, ExpectedGroup, ExpectedRule, RulerSeen, Stream, Unasked
from vedette.loki_status.counts import alertmanager_checks, discard_checks, ruler_checks
from vedette.loki_status.health import health_checks
from vedette.loki_status.intake import is_event, limit_checks, stream_checks
from vedette.loki_status.rules import paired, rule_checks

_T = TypeVar("_T")
_SECOND = 1_000_000_000
_RECENT = 3600
"""Seconds that are looked through first for a stream's last line: what is recent is cheap."""
_WORDS = 500
"""Characters of Loki's own words: a broken file is told of with its path, twice, before the fault."""
_MOST_JOBS = 32
"""Jobs whose last line is looked at."""
SAMPLE = 200
"""Lines of a stream that are looked at."""
MOVED = 1.0
"""Seconds by which the last line under another job is newer, for the log to have moved there."""
_ALERTMANAGERS = 8
_ALERTMANAGER_TIMEOUT = 5.0
NO_TENANT = "fake"
"""What a Loki without `auth_enabled` calls its one tenant."""


class CannotAsk(Exception):
    """No Loki can be asked; `str()` says why and what to do."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What ought to run."""

    groups: tuple[ExpectedGroup, ...]
    jobs: Mapping[str, str]
    """Format -> the job label of its log."""
    retention: float
    """Seconds that lines are wanted to be kept."""
    passed_over: frozenset[str] = frozenset()
    """Rules by name that were not asked for."""


def expected_groups(text: str) -> tuple[ExpectedGroup, ...]:
    """The groups of a rule file that vedette rendered."""
    said = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 # both are safe loaders
    return tuple(
        ExpectedGroup(
            group["name"],
            float(group["interval"].removesuffix("s")),
            tuple(
                ExpectedRule(rule["alert"], rule["expr"], rule["labels"], rule["annotations"])
                for rule in group["rules"]
            ),
        )
        for group in said["groups"]
    )


def status(lines: LokiClient, ruler: LokiClient, wanted: Wanted, tenant: str = "") -> list[Check]:
    """Every check. `lines`: where log lines are asked for; `ruler`: where rules, metrics and settings are.

    Raises CannotAsk, and BadSecret.
    """
    asked = LokiRuler(ruler)
    loaded = _loaded(asked, lines)
    config = _tried(asked.config)
    seen = RulerSeen(
        tenant or NO_TENANT,
        loaded,
        _tried(asked.stored),
        _formatted(asked, wanted.groups, loaded),
        _tried(asked.metrics),
        config,
    )
    now = time.time()
    return [
        *rule_checks(wanted.groups, seen, wanted.passed_over),
        *health_checks(wanted.groups, seen, now),
        *ruler_checks(seen),
        *alertmanager_checks(config, _alertmanagers(config), seen.metrics, seen.tenant),
        *limit_checks(config, wanted.groups, wanted.retention, tuple(wanted.jobs.values())),
        *discard_checks(seen.metrics, seen.tenant),
        *stream_checks(_streams(lines, wanted)),
    ]


def _tried(ask: Callable[[], _T]) -> _T | Unasked:
    try:
        return ask()
    except LokiRefused as error:
        return Unasked(f"{error.status} {terminal(error.words.strip(), _WORDS)}".strip(), error.status)
    except NoAnswer as error:
        return Unasked(str(error))


def _loaded(ruler: LokiRuler, lines: LokiClient) -> Loaded | Unasked:
    found = _tried(ruler.loaded)
    if not isinstance(found, Unasked):
        return found
    if found.status in (401, 403):
        raise CannotAsk(
            f"{found.why}; name the tenant with --tenant, and a token that may read rules with --token-file"
        )
    if found.status == 404:
        # A Loki without a ruler, or something else altogether?
        if not isinstance(_tried(lambda: _jobs(lines)), Unasked):
            return found
        raise CannotAsk(f"{found.why}; there is no Loki at this address: give the base URL, without /loki/api/v1")
    raise CannotAsk(f"{found.why}; give the base URL of a Loki, and see that it is up")


def _formatted(
    ruler: LokiRuler, groups: Sequence[ExpectedGroup], loaded: Loaded | Unasked
) -> Mapping[str, str] | Unasked:
    """Loki's writing of each query that runs, and of the one that ought to."""
    said: dict[str, str] = {}
    if isinstance(loaded, Unasked):
        return said
    by_name = {group.name: group for group in loaded.groups}
    for group in groups:
        if group.name not in by_name:
            continue
        for rule, running in paired(group, by_name[group.name])[0]:
            if rule.query == running.query:
                continue
            for query in (rule.query, running.query):
                if query in said:
                    continue
                text = _tried(lambda query=query: ruler.formatted(query))  # type: ignore[misc]
                if not isinstance(text, Unasked):
                    said[query] = text
                elif text.status != 400:  # 400: it cannot be parsed, so it is not the same
                    return text
    return said


def _alertmanagers(config: Config | Unasked) -> Mapping[str, str]:
    """Whether each answers: what may be shown of its URL -> nothing, or why not."""
    if isinstance(config, Unasked):
        return {}
    found: dict[str, str] = {}
    for url in config.alertmanagers[:_ALERTMANAGERS]:
        try:
            parts = urlsplit(url)
            shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
            if config.discovery or parts.scheme not in ("http", "https"):
                found[shown] = "the ruler looks it up by DNS"
            elif parts.username:
                found[shown] = "it wants a user and a password, which are the ruler's"
            else:
                found[shown] = _answers(url)
        except ValueError:
            found["ruler.alertmanager_url"] = "it is no URL"
    return found


def _answers(url: str) -> str:
    client = Alertmanager(url, timeout=_ALERTMANAGER_TIMEOUT)
    try:
        client.status()
    except NoAnswer as error:
        return str(error)
    finally:
        client.close()
    return ""


def _jobs(lines: LokiClient) -> list[str]:
    now = time.time_ns()
    return lines.values("job", now - int(LOOKED) * _SECOND, now)


def _streams(lines: LokiClient, wanted: Wanted) -> Mapping[str, Stream | Unasked]:
    sources = {rule.labels.get("source", "") for group in wanted.groups for rule in group.rules}
    others = _tried(lambda: _others(lines, frozenset(wanted.jobs.values())))
    return {
        source: _tried(lambda source=source, job=job: _stream(lines, source, job, others))  # type: ignore[misc]
        for source, job in wanted.jobs.items()
        if source in sources
    }


def _stream(lines: LokiClient, source: str, job: str, others: Mapping[str, tuple[float, str]] | Unasked) -> Stream:
    """What there is under `job`. `others`: other jobs -> age and text of their last line."""
    selector = f'{{job="{logql(job)}"}}'
    now = time.time_ns()
    age, last = None, []
    for seconds in (_RECENT, int(LOOKED)):
        limit = SAMPLE if seconds == _RECENT else 1
        if last := lines.latest(selector, now - seconds * _SECOND, now + _RECENT * _SECOND, limit):
            age = max(0.0, (now - last[0].time) / _SECOND)
            break
    newer = [
        (name, since)
        for name, (since, line) in ({} if isinstance(others, Unasked) else others).items()
        if is_event(source, line) and (age is None or since + MOVED < age)
    ]
    return Stream(
        job,
        age,
        last[0].line if last else "",
        jobs=tuple(sorted(_jobs(lines))) if age is None else (),
        lines=tuple(entry.line for entry in last),
        elsewhere=min(newer, key=lambda one: one[1], default=None),
    )


def _others(lines: LokiClient, known: frozenset[str]) -> Mapping[str, tuple[float, str]]:
    """The jobs that no rule looks for -> age and text of their last line within an hour."""
    found: dict[str, tuple[float, str]] = {}
    now = time.time_ns()
    for job in [name for name in sorted(_jobs(lines)) if name not in known][:_MOST_JOBS]:
        entry = lines.newest(f'{{job="{logql(job)}"}}', now - _RECENT * _SECOND, now + _RECENT * _SECOND)
        if entry is not None:
            found[job] = (max(0.0, (now - entry.time) / _SECOND), entry.line)
    return found
