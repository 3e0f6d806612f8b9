"""Rules as groups of Loki's ruler: one file of YAML, named as `vedette watch` names its alerts.

Single events: the ruler looks back five minutes every 30 seconds, so a line that comes up to four and a half minutes
late is seen, and the alert of one line stays for five minutes. Counts: a window of the timespan alone is looked at
whole only by luck, for it lies between two evaluations; it is made longer by the interval, 5 seconds, so every burst
within the timespan is found, and one that takes up to 5 seconds longer may be told as well. The alert of such a burst
may be over at the next evaluation (Loki 3.7.8 reads `keep_firing_for` and does nothing with it), and Alertmanager tells
nobody of one that has ended before its group is due: its route must not let it wait (render/receiver.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from vedette.escape import terminal, yaml
from vedette.render.logql import Query
from vedette.render.logql_rule import Rendered
from vedette.render.ruler_words import annotated
from vedette.rule import Reaction, Rule

SINGLE, COUNTS = 30, 5
"""Seconds between two evaluations: of single events, of counts."""
LASTS = 300
"""Seconds that the alert of a single event fires: its window. That of a count may be over after COUNTS."""
_WINDOW = re.compile(r" \[(\d+)s\]\)")
_KIND = {Reaction.ATTEMPT: "attempt: ", Reaction.CANNOT_TELL: "cannot tell: "}


def groups_file(
    rules: Sequence[tuple[Rule, Rendered]],
    *,
    cluster: str = "",
    runbook: Callable[[str], str] = lambda _: "",
    texts: Mapping[str, str] | None = None,
) -> str:
    """The text of a rule file.

    `cluster`: a label of every alert. `runbook`: a rule's name -> its URL or nothing. `texts`: rule -> its runbook.
    """
    lines = [*_HEAD]
    for _, rendered in rules:
        lines += [f"# not here: {terminal(name)}: {terminal(why)}" for name, why in rendered.refused.items()]
    groups = []
    for rule, rendered in rules:
        for suffix, interval, queries in (("", SINGLE, rendered.queries), ("-counts", COUNTS, rendered.counts)):
            if queries:
                groups.append((f"vedette-{rule.name}{suffix}", interval, [(rule, query) for query in queries]))
    if not groups:
        return "\n".join([*lines, "groups: []", ""])
    lines.append("groups:")
    for name, interval, members in groups:
        lines += [f"- name: {yaml(name)}", f"  interval: {interval}s", "  rules:"]
        for rule, query in members:
            lines += _alert(rule, query, cluster, runbook(rule.name), (texts or {}).get(rule.name, ""))
    return "\n".join([*lines, ""])


_HEAD = (
    "# Rendered by `vedette render loki`; not to be edited. `vedette render loki --check FILE` tells of drift.",
    "# One broken file empties the ruler at its next start while /ready stays 200: look at /prometheus/api/v1/rules.",
)


def labels_of(rule: Rule, query: Query, cluster: str) -> dict[str, str]:
    """The labels of a query's alert, besides those of its series (`query.labels`)."""
    _, severity, source = _of(rule, query)
    suffix = "".join(word.capitalize() for word in query.reaction.value.split("_") if word != "fire")
    return {
        "alertname": f"Vedette{rule.name}{suffix}",
        "severity": severity,
        "rule_id": rule.name,
        # Two documents of a rule may meet the same act, and each ends by itself: they must be two alerts.
        "document": query.name,
        "source": source,
        **({"cluster": cluster} if cluster else {}),
    }


def _alert(rule: Rule, query: Query, cluster: str, url: str, runbook: str) -> list[str]:
    labels = labels_of(rule, query, cluster)
    name = labels.pop("alertname")
    said = annotated(
        title=_of(rule, query)[0],
        labels=query.labels,
        described=rule.description,
        runbook=runbook,
        runbook_url=url,
        kind=_KIND.get(query.reaction, ""),
    )
    expression = _WINDOW.sub(lambda found: f" [{int(found[1]) + COUNTS}s])", query.metric)
    return [
        f"  - alert: {yaml(name)}",
        "    for: 0s",
        f"    expr: {_quoted(expression)}",
        "    labels:",
        *(f"      {name}: {yaml(text)}" for name, text in labels.items()),
        "    annotations:",
        *(f"      {name}: {yaml(text)}" for name, text in said.items()),
    ]


def _of(rule: Rule, query: Query) -> tuple[str, str, str]:
    """Title, severity and source of the document that a query is of."""
    formats = {detection.name: detection.format for detection in rule.detections}
    for detection in rule.detections:
        if detection.name == query.name:
            fires = query.reaction is Reaction.FIRE
            severity = detection.severity if fires else detection.severity.lower
            return detection.title, str(severity), detection.format
    correlation = next(one for one in rule.correlations if one.name == query.name)
    return correlation.title, str(correlation.severity), formats[correlation.detections[0]]


def _quoted(expression: str) -> str:
    """As one line of YAML: between single quotes nothing but a single quote means anything."""
    return "'" + expression.replace("'", "''") + "'"


def queries_text(rules: Sequence[tuple[Rule, Rendered]], *, explain: bool = False) -> str:
    """Each log query by name, with `explain` a sentence a stage and what the query does not tell."""
    lines = []
    for _, rendered in rules:
        for query in [*rendered.queries, *rendered.counts]:
            lines.append(f"# {terminal(query.name)} {query.reaction.value}")
            if explain:
                for text, said in query.stages:
                    lines.append(f"#   {_short(text)}  {terminal(said)}")
                lines += [f"#   not told: {terminal(gap)}" for gap in query.gaps]
            lines += [query.metric if query in rendered.counts else query.logs, ""]
        for name, why in rendered.refused.items():
            lines += [f"# {terminal(name)} is not here: {terminal(why)}", ""]
    return "\n".join(lines)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
