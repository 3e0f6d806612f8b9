"""Rule: what must be caught, as a small tree that several readers share.

The engine evaluates the tree, `explain` walks it, a renderer prints it in another language; each ends in
`assert_never`. Nothing here reads files or knows YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from pathlib import Path
from typing import ClassVar

from vedette.event import Outcome, Step
from vedette.network import Networks


class Severity(IntEnum):
    """How loud an alert is. Sigma's levels map onto it: critical and high, medium, low and informational."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3

    def __str__(self) -> str:
        return self.name.lower()

    @property
    def lower(self) -> Severity:
        """One severity down; an attempt is that much less loud than the deed."""
        return Severity(max(1, self - 1))


class Wild(Enum):
    """A wildcard in a text."""

    MANY = "*"
    ONE = "?"


@dataclass(frozen=True, slots=True)
class Text:
    """A text to compare with, perhaps with wildcards: `contains: x` is `*x*`."""

    parts: tuple[str | Wild, ...]
    """Literal pieces and wildcards in order; no two literals side by side; () is the empty text."""

    @property
    def plain(self) -> str | None:
        """The text itself where it has no wildcard, else None."""
        if not self.parts:
            return ""
        if len(self.parts) == 1 and isinstance(self.parts[0], str):
            return self.parts[0]
        return None


@dataclass(frozen=True, slots=True)
class Regex:
    """An RE2 pattern, searched for anywhere in the text."""

    pattern: str
    flags: str = ""
    """Any of `i`, `m`, `s`."""


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A field as the engine finds it."""

    text: str
    """As the rule writes it."""
    steps: tuple[Step, ...]
    """() is the element itself inside a block (`.`)."""

    @property
    def name(self) -> str:
        """The schema's name for it: the keys joined by dots, indexes left out."""
        return ".".join(step for step in self.steps if isinstance(step, str))


Value = Text | Regex | Networks | FieldPath | int | float | bool | None
"""What a test compares with; a `FieldPath` for `fieldref` and `subsetof`."""


class Op(Enum):
    """How a test compares a field's values with its own."""

    EQUALS = "equals"
    """Text (wildcards), number, bool or null. Null holds where the field is absent or null."""
    REGEX = "re"
    INNET = "innet"
    """The address lies in one of the `Networks`; a malformed address is unknown, a host name outside."""
    EXISTS = "exists"
    """The one value is True or False."""
    FIELDREF = "fieldref"
    """Equal to one of another field's values."""
    FIELDREF_STARTSWITH = "fieldref|startswith"
    FIELDREF_ENDSWITH = "fieldref|endswith"
    FIELDREF_CONTAINS = "fieldref|contains"
    SUBSETOF = "subsetof"
    """Every value of the field is among another field's values."""
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    KEYWORD = "keyword"
    """The text stands anywhere in the raw record; the test has no field (steps ())."""


@dataclass(frozen=True, slots=True)
class Test:
    """One field against values: any value of the field meets any (with `every`: each) of `values`."""

    path: FieldPath
    op: Op
    values: tuple[Value, ...]
    """Empty: never holds (a list of the settings that is empty exempts nobody)."""
    every: bool = False
    """Sigma's `all`: each of `values` must be met by some value of the field."""
    cased: bool = False
    """Texts compare case-sensitively."""
    line: int = 0
    """The line of the rule's file that it stands on, for explain."""

    __test__: ClassVar[bool] = False
    """For pytest, which takes any class called Test for one of its own."""


class Quantifier(Enum):
    """How many elements of a list must meet a block (Sigma SEP #212)."""

    ANY = "any"
    ALL = "all"
    """At least one element, and every one."""
    ALL_OR_EMPTY = "all_or_empty"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Block:
    """`field[any]: {...}`: the same element must meet the whole body. A value that is no list is a list of one."""

    path: FieldPath
    quantifier: Quantifier
    body: Node
    line: int = 0


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of `nodes`; of none: true."""

    nodes: tuple[Node, ...]
    name: str = ""
    """The selection of the rule's text that this is, or nothing."""


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of `nodes`; of none: false."""

    nodes: tuple[Node, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; of unknown: unknown."""

    node: Node


Node = AllOf | AnyOf | Not | Test | Block


class Reaction(Enum):
    """What an act with a given outcome means to a detection."""

    FIRE = "fire"
    ATTEMPT = "attempt"
    """An alert of its own, one severity down."""
    IGNORE = "ignore"
    CANNOT_TELL = "cannot_tell"
    """An alert of its own, one severity down, that says what is missing."""


STANDARD: Mapping[Outcome, Reaction] = {
    Outcome.DONE: Reaction.FIRE,
    Outcome.REFUSED: Reaction.ATTEMPT,
    Outcome.FAILED: Reaction.IGNORE,
    Outcome.UNKNOWN: Reaction.CANNOT_TELL,
}
"""`vedette: {outcomes: standard}`: rules.md's reading of outcomes."""

PLAIN: Mapping[Outcome, Reaction] = dict.fromkeys(Outcome, Reaction.FIRE)
"""A rule that says nothing of outcomes (any Sigma rule from elsewhere) fires on what it matches."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One Sigma rule document: what a single event must look like."""

    name: str
    """`K5`, or `K5.deletes` for a further document of rule K5."""
    id: str
    """The Sigma UUID."""
    title: str
    severity: Severity
    format: str
    """The schema's format."""
    node: Node
    alerts: bool = True
    """False: only a correlation reads it."""
    outcomes: Mapping[Outcome, Reaction] = field(default_factory=lambda: PLAIN)
    group_by: tuple[FieldPath, ...] = ()
    """Fields whose values name the episode."""
    quiet_after: int = 3600
    """Seconds of silence that close an episode."""
    file: str = ""
    line: int = 0


class CorrelationType(Enum):
    """How a correlation joins the matches of its detections within its timespan."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"


@dataclass(frozen=True, slots=True)
class Correlation:
    """One Sigma correlation document."""

    name: str
    id: str
    title: str
    severity: Severity
    type: CorrelationType
    detections: tuple[str, ...]
    """Names of the detections it joins; their order matters for TEMPORAL_ORDERED."""
    group_by: tuple[tuple[str, Mapping[str, FieldPath]], ...]
    """Each group field: its name (or alias), and by detection name where it is found."""
    timespan: int
    """Seconds, at most 3600."""
    op: Op = Op.GTE
    """GT, GTE, LT, LTE or EQUALS against `threshold`; counts only."""
    threshold: int = 1
    fields: tuple[FieldPath, ...] = ()
    """VALUE_COUNT: the fields whose distinct values are counted together."""
    quiet_after: int = 3600
    alerts: bool = True
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be written for a detection to be able to fire (`vedette: needs:`), for one logsource."""

    format: str
    level: str = ""
    """kube audit: the least level, Metadata, Request or RequestResponse."""
    stages: tuple[str, ...] = ()
    """kube audit: any of these stages will do."""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """All documents of one rule id, and what a person must know of it."""

    name: str
    """K2 … S1, or for a rule without one the stem of its file."""
    title: str
    severity: Severity
    description: str
    detections: tuple[Detection, ...]
    correlations: tuple[Correlation, ...]
    tags: tuple[str, ...] = ()
    """ATT&CK tags as Sigma writes them."""
    falsepositives: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    needs: tuple[Needs, ...] = ()
    blind_spots: tuple[str, ...] = ()
    second_sources: tuple[str, ...] = ()
    not_configured: str = ""
    """Why the settings leave it without work ("owner is not set"), or nothing."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Documents that the settings leave without work -> why; of a rule that otherwise works, too."""
    folder: Path | None = None
    """Where fires.jsonl, quiet.jsonl and runbook.md stand."""
