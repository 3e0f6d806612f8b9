"""Cases: a rule's own proof, events that must fire and events that must stay quiet, run through the whole scan."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from vedette import settings as settings_room
from vedette.alert import Alert
from vedette.engine.conclude import Conclusion
from vedette.rule import Rule, Severity
from vedette.scan import Done, Plan, Scanner
from vedette.sources.files import Range

SETTINGS = Path(__file__).parent / "rules" / "cases.yaml"
"""The settings that cases run under, unless a case or the rule's folder says otherwise."""

_written = json.JSONEncoder(ensure_ascii=False).encode
_KEYS = {"case", "why", "events", "expect", "settings"}
_EXPECTED = {"outcome", "severity", "alerts", "count", "detection"}


class BadCase(ValueError):
    """A case that cannot be run; the message gives file, line and what to do."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case of one rule."""

    name: str
    why: str
    fires: bool
    lines: bytes
    """The events as a log would hold them, a line each."""
    expect: Mapping[str, Any]
    settings: Mapping[str, Any]
    file: Path
    line: int


@dataclass(frozen=True, slots=True)
class Result:
    """How a case went."""

    rule: str
    case: Case
    fault: str
    """What was other than expected, or nothing."""


RulesUnder = Callable[[settings_room.Settings], Mapping[str, Rule]]
"""Settings -> the rules read with them, by name."""


def case_files(rule: Rule) -> tuple[Path, Path] | None:
    """The rule's files of firing and of quiet cases, or None where it has no place for them."""
    if rule.folder is None:
        return None
    if (rule.folder / "rule.yml").is_file():
        return rule.folder / "fires.jsonl", rule.folder / "quiet.jsonl"
    stem = Path(rule.detections[0].file if rule.detections else rule.correlations[0].file).stem
    return rule.folder / f"{stem}.fires.jsonl", rule.folder / f"{stem}.quiet.jsonl"


def cases_of(rule: Rule) -> list[Case]:
    """All cases of a rule. Raises BadCase."""
    files = case_files(rule)
    if files is None:
        return []
    found = [case for file, fires in zip(files, (True, False), strict=True) for case in _read(file, fires)]
    names = [case.name for case in found]
    for case in found:
        if names.count(case.name) > 1:
            raise BadCase(f"{case.file}:{case.line}: {rule.name} has two cases called {case.name!r}; rename one")
    return found


def firing_cases(rule: Rule) -> list[Case]:
    """The cases of a rule that must fire; those that must stay quiet are not read. Raises BadCase."""
    files = case_files(rule)
    return [] if files is None else list(_read(files[0], fires=True))


def _read(file: Path, fires: bool) -> Iterator[Case]:
    if not file.is_file():
        return
    for number, text in enumerate(file.read_text("utf-8").splitlines(), 1):
        if not text.strip():
            continue
        where = f"{file}:{number}"
        try:
            raw = json.loads(text)
        except ValueError as error:
            raise BadCase(f"{where}: no JSON ({error}); a case is one JSON object a line") from error
        yield _case(raw, fires, file, number, where)


def _case(raw: Any, fires: bool, file: Path, number: int, where: str) -> Case:
    if not isinstance(raw, dict) or not isinstance(raw.get("case"), str) or not isinstance(raw.get("events"), list):
        raise BadCase(f"{where}: a case needs `case`, a name, and `events`, a list of records")
    expect, settings = raw.get("expect", {}), raw.get("settings", {})
    for given, known, what in ((raw, _KEYS, "case"), (expect, _EXPECTED, "expect")):
        if unknown := sorted(set(given) - known):
            raise BadCase(f"{where}: {what} has no key {unknown[0]!r}; it has {', '.join(sorted(known))}")
    if not fires and expect:
        raise BadCase(f"{where}: a quiet case expects nothing; take `expect` out")
    lines = [event if isinstance(event, str) else _written(event) for event in raw["events"]]
    data = "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n"
    return Case(raw["case"], raw.get("why", ""), fires, data, expect, settings, file, number)


def run_cases(rule: Rule, rules_under: RulesUnder, cases: Iterable[Case] | None = None) -> Iterator[Result]:
    """Each case of `rule` with its fault, or none. Raises BadCase for settings that cannot be read."""
    for case in cases_of(rule) if cases is None else cases:
        settings = settings_for(case)
        subject = rules_under(settings).get(rule.name)
        if subject is None:
            yield Result(rule.name, case, "the rule cannot be read under the settings of this case")
            continue
        yield Result(rule.name, case, judge(case, subject, alerts_of(case.lines, subject, settings)))


def settings_for(case: Case) -> settings_room.Settings:
    """The settings that `case` runs under: its folder's or the pack's, its own piece laid over. Raises BadCase."""
    places = (case.file.parent / SETTINGS.name, case.file.parent.parent / SETTINGS.name)
    base = next((place for place in places if place.is_file()), SETTINGS)
    try:
        return _settings(base, json.dumps(case.settings, sort_keys=True))
    except settings_room.SettingsError as error:
        problems = "; ".join(problem.message for problem in error.problems)
        raise BadCase(f"{case.file}:{case.line}: its settings do not hold: {problems}") from error


def pack_settings() -> settings_room.Settings:
    """The settings of the pack's cases, nothing laid over."""
    return _settings(SETTINGS, "{}")


@lru_cache(maxsize=256)
def _settings(base: Path, piece: str) -> settings_room.Settings:
    return settings_room.load_case(base, json.loads(piece), today=datetime.now(UTC).date())


def alerts_of(lines: bytes, rule: Rule, settings: settings_room.Settings) -> list[Alert]:
    """The alerts that one rule gives for some lines of a log."""
    from vedette.formats.base import TrustedProxy

    proxies = tuple(TrustedProxy(proxy.identities, proxy.networks) for proxy in settings.proxies())
    scanner = Scanner(Plan((rule,), proxies))
    conclusion = Conclusion(scanner.roster)
    for word in scanner.read_chunks([lines], Range(0, 0)):
        if not isinstance(word, Done):
            for sighting in word.sightings:
                conclusion.add(sighting)
    return list(conclusion.alerts(lambda sighting: ("case", sighting.line), Severity.INFO))


def judge(case: Case, rule: Rule, alerts: list[Alert]) -> str:
    """What is other than the case expects, or nothing."""
    if not case.fires:
        return f"must stay quiet, but gave {_said(alerts)}" if alerts else ""
    wanted = case.expect.get("alerts", 1)
    if len(alerts) != wanted:
        return f"must give {wanted} alert{'s' if wanted != 1 else ''}, but gave {_said(alerts)}"
    outcome = case.expect.get("outcome", "done")
    severity = case.expect.get("severity", str(rule.severity))
    for alert in alerts:
        if "detection" in case.expect and case.expect["detection"] not in alert.detections:
            return f"must be met by {case.expect['detection']}, but was by {', '.join(alert.detections)}"
        if alert.outcome != outcome or str(Severity(alert.severity)) != severity:
            return f"must be {severity} and {outcome}, but gave {_said(alerts)}"
    if "count" in case.expect and alerts[0].count != case.expect["count"]:
        return f"must count {case.expect['count']} acts, but counted {alerts[0].count}"
    return ""


def _said(alerts: list[Alert]) -> str:
    if not alerts:
        return "none"
    said = [
        f"{', '.join(a.detections)} {Severity(a.severity)} {a.outcome} x{a.count}{f' ({a.why})' if a.why else ''}"
        for a in alerts
    ]
    return "; ".join(said)
