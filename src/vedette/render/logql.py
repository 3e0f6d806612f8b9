"""A detection as LogQL that says exactly what vedette's engine says of the line, or a refusal that names the reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vedette.event import Outcome
from vedette.render.logql_filter import text_filters
from vedette.render.logql_kube import KubeFields, Proxy
from vedette.render.logql_object import GAP
from vedette.render.logql_record import Found, Record, Steps
from vedette.render.logql_sshd import SshdFields
from vedette.render.logql_template import CannotRender, Code, assign, quoted, when
from vedette.render.logql_tests import Judge
from vedette.render.logql_vault import VaultFields
from vedette.rule import (
    Correlation,
    CorrelationType,
    Detection,
    FieldPath,
    Op,
    Reaction,
)

__all__ = ["JOBS", "CannotRender", "Query", "correlation_query", "detection_queries"]

JOBS: Mapping[str, str] = {"kube_audit": "kube-audit", "vault_audit": "vault-audit", "sshd": "sshd-pve"}
"""Format -> the `job` label of its streams."""
REACTIONS = (Reaction.FIRE, Reaction.ATTEMPT, Reaction.CANNOT_TELL)
WINDOW = "5m"
"""What a ruler looks back on for single events: so late may a line come, less its interval."""
MOST = 100
"""Series that one alert may have: actors and objects are the attacker's to invent."""
LONGEST = 100_000
"""Characters of a query; Loki takes 131,072."""


class Fields(Protocol):
    """What a format's fields offer a query."""

    guard: str
    server_texts: frozenset[str]

    def final(self) -> str:
        """The condition that no later record of the same act says more."""

    def completed(self) -> str:
        """The condition that an act is counted by this record."""

    def outcome(self) -> str:
        """The variable with the outcome's name."""

    def awaits(self) -> str:
        """The variable with the key under which another act settles this one, or nothing."""

    def field(self, steps: Steps) -> Found:
        """Where a field stands. Raises CannotRender."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query of one document."""

    name: str
    """The detection or correlation."""
    reaction: Reaction
    logs: str
    """The log query; of a correlation that of its detection."""
    metric: str
    """What a ruler evaluates: it has a result where the alert is due."""
    labels: tuple[str, ...]
    """The labels that a result has: actor, address, object, …"""
    stages: tuple[tuple[str, str], ...]
    """Each stage of the pipeline, and what it does in a sentence."""
    gaps: tuple[str, ...]
    """What vedette's engine tells beyond this, sentence by sentence."""


def detection_queries(
    detection: Detection, *, proxies: Sequence[Proxy] = (), job: str = "", labels: str = ""
) -> tuple[Query, ...]:
    """A query for each reaction that an outcome of `detection` can bring. Raises CannotRender.

    `proxies`: the trusted proxies of the settings. `job`: the streams' `job` label, by default JOBS. `labels`: further
    matchers of the stream selector, `run="3"`.
    """
    pipeline = _Pipeline(detection, proxies, job, labels)
    # The address of a kube event is its clientIPs joined, and what is joined has no path.
    address = "clientIPs" if detection.format == "kube_audit" else "address"
    groups = [("actor", "actor"), ("address", address), ("object", "object")]
    stages = pipeline.stages(groups)
    found = []
    for reaction in REACTIONS:
        if reaction not in pipeline.reactions():
            continue
        last = (f'| reaction="{reaction.value}"', f"Keep what is {_SAID[reaction]}.")
        whole = (*stages, last, _NO_ERROR)
        logs = " ".join(text for text, _ in whole)
        names = tuple(name for name, _ in groups)
        metric = f"topk({MOST}, sum by ({', '.join(names)}) (count_over_time({logs} [{WINDOW}]))) > 0"
        _bounded(metric)
        found.append(Query(detection.name, reaction, logs, metric, names, whole, tuple(pipeline.gaps())))
    return tuple(found)


def correlation_query(
    correlation: Correlation,
    detections: Mapping[str, Detection],
    *,
    proxies: Sequence[Proxy] = (),
    job: str = "",
    labels: str = "",
) -> Query:
    """The metric query of a count; `detections` by name. Raises CannotRender."""
    if correlation.type in (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED):
        raise CannotRender("a sequence: LogQL has no memory from one line to the next")
    if len(correlation.detections) != 1:
        raise CannotRender("one count over several detections: an act that meets two of them would count twice")
    detection = detections[correlation.detections[0]]
    if any(
        detection.outcomes[Outcome.UNKNOWN] is Reaction.FIRE and reaction is not Reaction.FIRE
        for reaction in detection.outcomes.values()
    ):
        raise CannotRender("it counts requests whose end is not in the log: no line says that another will not come")
    pipeline = _Pipeline(detection, proxies, job, labels, counted=True)
    by_value = correlation.type is CorrelationType.VALUE_COUNT
    groups = [(_label(name), paths[detection.name]) for name, paths in correlation.group_by]
    values = [(f"value_{at}", path) for at, path in enumerate(correlation.fields if by_value else ())]
    stages = pipeline.stages([(name, path) for name, path in [*groups, *values]])
    last = ('| reaction="fire"', "Keep what is a finding.")
    whole = (*stages, last, _NO_ERROR)
    logs = " ".join(text for text, _ in whole)
    names = ", ".join(name for name, _ in groups)
    counted = f"count_over_time({logs} [{correlation.timespan}s])"
    if by_value:
        inner = ", ".join(name for name, _ in [*groups, *values])
        metric = f"count by ({names}) (sum by ({inner}) ({counted}))"
        how = f"Count the distinct {', '.join(path.text for path in correlation.fields)} of {names or 'all'}."
    else:
        metric, how = f"sum by ({names}) ({counted})", f"Count the acts of {names or 'all'}."
    if correlation.op in (Op.LT, Op.LTE) or (correlation.op, correlation.threshold) == (Op.EQUALS, 0):
        raise CannotRender("a count below a threshold: where there is no line LogQL has no series to compare")
    comparison = f"{_COMPARE[correlation.op]} {correlation.threshold}"
    metric = f"{metric} {comparison}"
    _bounded(metric)
    whole = (*whole, (f"[{correlation.timespan}s] {comparison}", how))
    gaps = (
        *pipeline.gaps(),
        "Two copies of one record (two API servers' logs shipped alike, two audit devices) are counted twice."
        if not by_value
        else "Of each act the window takes the time that the shipper gave it.",
    )
    return Query(correlation.name, Reaction.FIRE, logs, metric, tuple(name for name, _ in groups), whole, gaps)


_SAID = {
    Reaction.FIRE: "a finding",
    Reaction.ATTEMPT: "an attempt that was refused",
    Reaction.CANNOT_TELL: "undecided: the record does not hold what would decide it",
    Reaction.IGNORE: "nothing",
}
_NO_ERROR = ('| __error__=""', "Drop a line on which the template failed, lest one such line end the whole rule.")
_COMPARE = {Op.GT: ">", Op.GTE: ">=", Op.EQUALS: "=="}


class _Pipeline:
    """The stages that give each line of a detection its `reaction`."""

    def __init__(
        self, detection: Detection, proxies: Sequence[Proxy], job: str, labels: str, *, counted: bool = False
    ) -> None:
        self._detection = detection
        self._selector = f'{{job="{_matched(job or JOBS.get(detection.format, ""))}"{", " + labels if labels else ""}}}'
        self._code = Code()
        self._counted = counted
        record = Record(self._code) if detection.format in JOBS else None
        if record is None:
            raise CannotRender(
                "an observation of vedette's own, which is in no log that Loki holds", "vedette watch observes it"
            )
        self._fields: Fields
        if detection.format == "kube_audit":
            self._fields = KubeFields(record, proxies)
        elif detection.format == "vault_audit":
            self._fields = VaultFields(record)
        else:
            self._fields = SshdFields(record, detection.node)

    def reactions(self) -> set[Reaction]:
        """Those that an outcome can bring; any may turn out undecided."""
        outcomes = self._detection.outcomes
        means = [outcomes[Outcome.DONE]] if self._detection.format == "sshd" else outcomes.values()
        found = set(means) - {Reaction.IGNORE}
        return {*found, Reaction.CANNOT_TELL} if found else found

    def _always(self) -> bool:
        return all(reaction is Reaction.FIRE for reaction in self._detection.outcomes.values())

    def gaps(self) -> list[str]:
        """What the engine tells beyond the query."""
        found = ["A line longer than Loki's max_line_size, or nested over 10,000 deep, is not in Loki or not read."]
        if self._detection.format != "sshd" and not self._always():
            found.append(
                "A request whose end is not in the log is no alert here: no line says that another will not come."
            )
        if getattr(self._fields, "patched", False):
            found.append(GAP)
        if self._detection.format == "vault_audit":
            found.append("What a wrapped token turned out to be stands in another entry, that of its unwrapping.")
        return found

    def stages(self, groups: Sequence[tuple[str, FieldPath | str]]) -> list[tuple[str, str]]:
        """Selector, prefilters and the template, with `groups` as labels."""
        detection, code, fields = self._detection, self._code, self._fields
        judge = Judge(code, fields.field)
        verdict = judge.node(detection.node)
        outcome, final, awaits = fields.outcome(), fields.final(), fields.awaits()
        reaction = code.let("reaction", '""')
        body = ""
        for one in Outcome:
            means = detection.outcomes[one]
            if means is Reaction.IGNORE:
                continue
            unsure = when(f"eq {verdict} 2", assign(reaction, quoted(means.value)))
            unsure += when(f"eq {verdict} 1", assign(reaction, '"cannot_tell"'))
            body += when(f'eq {outcome} "{one.value}"', unsure)
        if awaits:
            body += when(f'and (ne {awaits} "") (eq {reaction} "cannot_tell")', assign(reaction, '""'))
        early = when(f"eq {verdict} 2", assign(reaction, '"fire"')) if self._always() else ""
        if self._counted:
            final, early = f"and ({final}) ({fields.completed()})", ""
        code.emit(when(fields.guard, when(final, body, early)))
        labelled = [(name, self._group(path, judge)) for name, path in groups]
        # A label is for people to read; what is counted by its value must stay whole.
        cut = "" if self._counted else _CUT
        fields_out = " ".join(f'"{_MARK}" (replace "{_MARK}" "?" {cut.format(name) or name})' for _, name in labelled)
        # A label with U+FFFD in it, or a byte that is no UTF-8, makes Loki's whole answer a status 500: its own parser
        # of labels takes the one for the other.
        whole = f'regexReplaceAll "(\\\\x00?)\\ufffd" (print {reaction} {fields_out}) "${{1}}?"'
        code.emit(when(f'ne {reaction} ""', f"{{{{ {whole} }}}}"))
        found = [(self._selector, "The streams of this log.")]
        for text in text_filters(detection.node, fields.server_texts):
            found.append((text, "A cheap look at the text: every finding has one of these in it."))
        for text in getattr(fields, "prefilters", ()):
            found.append((f"|~ `{text}`", "A cheap look at the text first: every finding has one of these in it."))
        found.append((f"| label_format verdict=`{code.text()}`", f"Decode the line and judge it: {detection.title}."))
        found.append(('| verdict!=""', "Keep what concerns the rule."))
        names = ["reaction", *(name for name, _ in labelled)]
        taken = ", ".join(f"{name}=`{_part_of(at)}`" for at, name in enumerate(names))
        found.append((f"| label_format {taken}", f"Take the verdict apart: {', '.join(names)}."))
        found.append(("| drop verdict", "The parts are labels of their own now."))
        return found

    def _group(self, path: FieldPath | str, judge: Judge) -> str:
        steps: Steps = tuple(path.split(".")) if isinstance(path, str) else path.steps
        return judge.joined(steps)


_MARK = "\\u001f"
"""Stands between the parts of a verdict, and in none of them."""


_CUT = '(regexReplaceAll "(?s)^(.\\u007b0,200\\u007d).*$" {} "$1")'


def _part_of(at: int) -> str:
    skipped = f"(?:[^{_MARK}]*{_MARK}){{{at}}}".replace("{", "\\u007b").replace("}", "\\u007d") if at else ""
    return f'{{{{ regexReplaceAll "(?s)^{skipped}([^{_MARK}]*).*$" .verdict "${{1}}" }}}}'


def _label(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


def _matched(job: str) -> str:
    from vedette.escape import logql

    return logql(job)


def _bounded(query: str) -> None:
    if len(query) > LONGEST:
        raise CannotRender(f"the query would have {len(query)} characters; Loki takes 131,072")
