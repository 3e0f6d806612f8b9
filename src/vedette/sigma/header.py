"""Headers: what a document says of itself, beside its detection.

Every top-level key is known or refused: a misspelt key would otherwise be a wish that nobody hears.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from vedette.event import Outcome
from vedette.rule import PLAIN, STANDARD, Reaction, Severity
from vedette.sigma.refusal import Source, kind, nearest
from vedette.yaml_text import YamlPath

KINDS = ("detection", "correlation", "filter")
LEVELS: Mapping[str, Severity] = {
    "critical": Severity.CRITICAL,
    "high": Severity.CRITICAL,
    "medium": Severity.WARNING,
    "low": Severity.INFO,
    "informational": Severity.INFO,
}
STATUSES = ("stable", "test", "experimental", "deprecated", "unsupported")
_TEXTS = ("license", "author", "regression_tests_path")
_LISTS = ("references", "tags", "falsepositives", "fields", "scope")
KNOWN = (
    *("title", "id", "name", "related", "taxonomy", "status", "description", "date", "modified", "level"),
    *(*_TEXTS, *_LISTS, *KINDS, "logsource", "sigma-version", "simulation", "vedette"),
)
"""Every top-level key."""
VEDETTE = (
    *("outcomes", "group_by", "quiet_after", "alerts", "configured_by", "needs", "blind_spots", "second_sources"),
)
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")
_DURATION = re.compile(r"([0-9]{1,6})([smhd])\Z")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
_REACTIONS = {reaction.value: reaction for reaction in Reaction}
MAX_QUIET = 7 * 86_400
MAX_TITLE = 256
"""Characters of a title, and of a name; the specification's bound."""


@dataclass(slots=True)
class Header:
    """One document's own words."""

    source: Source
    kind: str
    """detection, correlation or filter."""
    name: str = ""
    """As written; the loader names the nameless."""
    id: str = ""
    title: str = ""
    severity: Severity = Severity.WARNING
    version: int = 2
    description: str = ""
    tags: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    outcomes: Mapping[Outcome, Reaction] = field(default_factory=lambda: PLAIN)
    quiet_after: int = 3_600
    alerts: bool | None = None
    configured_by: tuple[str, ...] = ()
    blind_spots: tuple[str, ...] = ()
    second_sources: tuple[str, ...] = ()
    vedette: Mapping[str, object] = field(default_factory=dict)

    @property
    def line(self) -> int:
        """Where the document begins."""
        return self.source.document.at(("title",))[0]

    @property
    def rule(self) -> str:
        """The rule that the document belongs to: K5 of K5.deletes."""
        return self.name.partition(".")[0]


def read(source: Source) -> Header | None:
    """The header of `source`'s document, None where it is no rule at all; refusals are noted in the source."""
    value = source.document.value
    if not isinstance(value, dict):
        source.problems.append(
            source.document.problem(
                (), f"a rule is a map of keys, not {kind(value)}", "begin with title: …", value=True
            )
        )
        return None
    source.only((), value, KNOWN)
    kinds = [each for each in KINDS if each in value]
    if len(kinds) != 1:
        _refuse_kind(source, kinds)
    header = Header(source, kinds[0] if kinds else "detection")
    _read_identity(header, value)
    _read_words(header, value)
    if header.kind != "filter":
        _read_level(header, value)
    if "vedette" in value:
        with source.catch():
            header.vedette = source.mapping(("vedette",), value["vedette"])
            _read_vedette(header)
    return header


def _refuse_kind(source: Source, kinds: list[str]) -> None:
    if kinds:
        message = f"{kinds[0]} and {kinds[1]} stand in one document"
        problem = source.document.problem((kinds[1],), message, "put --- between them, each with its own title")
    else:
        problem = source.document.problem((), "there is no detection", "add detection:, with a condition", value=True)
    source.problems.append(problem)


def _read_identity(header: Header, value: Mapping[str, object]) -> None:
    source = header.source
    with source.catch():
        if "title" not in value:
            source.refuse((), "there is no title", "add title: …", value=True)
        header.title = source.text(("title",), value["title"])
        if len(header.title) > MAX_TITLE and source.document.line:
            source.refuse(("title",), f"the title has more than {MAX_TITLE} characters", "shorten it", value=True)
    with source.catch():
        if "id" in value:
            header.id = source.text(("id",), value["id"]).lower()
            if not _UUID.match(header.id):
                source.refuse(("id",), "the id is no UUID", "make one with uuidgen", value=True)
    with source.catch():
        if "name" in value:
            header.name = source.text(("name",), value["name"])
            if not _NAME.match(header.name) or len(header.name) > MAX_TITLE:
                message = "a name is made of letters, digits, _ and -, with dots between"
                source.refuse(("name",), message, "write K5, or K5.deletes for a further document of K5", value=True)
    with source.catch():
        if "sigma-version" in value:
            header.version = _version(source, value["sigma-version"])
    with source.catch():
        if value.get("taxonomy", "sigma") != "sigma":
            source.refuse(("taxonomy",), "only the taxonomy sigma is read", "remove it", value=True)


def _version(source: Source, value: object) -> int:
    major = str(value).partition(".")[0] if isinstance(value, str | int | float) else ""
    if major not in ("1", "2", "3"):
        source.refuse(("sigma-version",), f"the version {value} of Sigma is not known", "write 3", value=True)
    return int(major)


def _read_words(header: Header, value: Mapping[str, object]) -> None:
    """What is written for people."""
    source = header.source
    with source.catch():
        if "description" in value:
            header.description = source.text(("description",), value["description"]).strip()
    for key in _TEXTS:
        with source.catch():
            if key in value:
                source.text((key,), value[key])
    lists: dict[str, tuple[str, ...]] = {}
    for key in _LISTS:
        with source.catch():
            if key in value:
                lists[key] = source.texts((key,), value[key])
    header.tags = lists.get("tags", ())
    header.references = lists.get("references", ())
    header.falsepositives = lists.get("falsepositives", ())
    for key in ("date", "modified"):
        if key in value and not _DATE.match(str(value[key])):
            source.warn((key,), f"{key} is no date", "write it as 2026-01-31", value=True)
    with source.catch():
        if "related" in value and not isinstance(value["related"], list):
            source.refuse(("related",), "related must be a list", "write a list of id and type", value=True)


def _read_level(header: Header, value: Mapping[str, object]) -> None:
    source = header.source
    with source.catch():
        if "level" in value:
            header.severity = LEVELS[source.choice(("level",), value["level"], LEVELS)]
        else:
            source.warn((), "there is no level; it is read as medium", "add level: …", value=True)
    with source.catch():
        if "status" in value:
            status = source.choice(("status",), value["status"], STATUSES)
            if status == "unsupported":
                source.refuse(("status",), "its author says that this rule does not work", "mend it first", value=True)
            if status == "deprecated":
                source.warn(("status",), "the rule is deprecated", "use the one that took its place", value=True)


def _read_vedette(header: Header) -> None:
    source, block = header.source, header.vedette
    source.only(("vedette",), block, VEDETTE)
    with source.catch():
        if "outcomes" in block:
            header.outcomes = _outcomes(source, block["outcomes"])
    with source.catch():
        if "quiet_after" in block:
            header.quiet_after = duration(source, ("vedette", "quiet_after"), block["quiet_after"], MAX_QUIET)
    with source.catch():
        if "alerts" in block:
            alerts = block["alerts"]
            if not isinstance(alerts, bool):
                message = f"alerts is true or false, not {kind(alerts)}"
                source.refuse(("vedette", "alerts"), message, "write alerts: false", value=True)
            header.alerts = alerts
    for key in ("configured_by", "blind_spots", "second_sources"):
        with source.catch():
            if key in block:
                setattr(header, key, source.texts(("vedette", key), block[key], empty=key != "configured_by"))


def _outcomes(source: Source, value: object) -> Mapping[Outcome, Reaction]:
    path = ("vedette", "outcomes")
    if value == "standard":
        return STANDARD
    if not isinstance(value, dict):
        mend = "write standard, or {done: fire, refused: attempt, failed: ignore, unknown: cannot_tell}"
        source.refuse(path, "outcomes is standard or a map", mend, value=True)
    read = dict(STANDARD)
    for outcome, reaction in source.mapping(path, value).items():
        if outcome not in _OUTCOMES:
            mend = nearest(outcome, _OUTCOMES, "known are " + ", ".join(_OUTCOMES))
            source.refuse((*path, outcome), f"there is no outcome {outcome!r}", mend)
        chosen = source.choice((*path, outcome), reaction, _REACTIONS)
        read[_OUTCOMES[outcome]] = _REACTIONS[chosen]
    if set(read.values()) == {Reaction.IGNORE}:
        source.refuse(path, "every outcome is ignored, so the rule can never fire", "let done: fire")
    return read


def duration(source: Source, path: YamlPath, value: object, most: int) -> int:
    """`90s`, `10m`, `1h` in seconds; more than 0 and at most `most`."""
    found = _DURATION.match(value) if isinstance(value, str) else None
    if not found:
        source.refuse(path, f"{path[-1]} is a number with its unit", "write 90s, 10m or 1h", value=True)
    seconds = int(found.group(1)) * _UNITS[found.group(2)]
    if not 0 < seconds <= most:
        longest = f"{most // 3_600}h"
        source.refuse(path, f"{path[-1]} must be more than 0 and at most {longest}", f"write {longest}", value=True)
    return seconds
