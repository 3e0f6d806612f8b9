"""All documents of a rule as queries, each with its refusal where LogQL cannot say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vedette.render.logql import JOBS, CannotRender, Query, correlation_query, detection_queries
from vedette.render.logql_kube import Proxy
from vedette.rule import Rule


@dataclass(slots=True)
class Rendered:
    """A rule's queries, and why the others are none."""

    queries: list[Query]
    counts: list[Query]
    refused: dict[str, str]
    """Document -> reason."""


def render_rule(
    rule: Rule, proxies: Sequence[Proxy], *, labels: str = "", jobs: Mapping[str, str] | None = None
) -> Rendered:
    """Every document of `rule` that alerts. `jobs`: format -> job label, beside JOBS; `labels`: further matchers."""
    by_name = {detection.name: detection for detection in rule.detections}
    found = Rendered([], [], {})
    jobs = {**JOBS, **(jobs or {})}
    for detection in rule.detections:
        if detection.alerts:
            try:
                job = jobs.get(detection.format, "")
                found.queries += detection_queries(detection, proxies=proxies, job=job, labels=labels)
            except CannotRender as error:
                found.refused[detection.name] = str(error)
    for correlation in rule.correlations:
        if correlation.alerts:
            first = by_name.get(correlation.detections[0])
            job = jobs.get(first.format, "") if first else ""
            try:
                found.counts.append(correlation_query(correlation, by_name, proxies=proxies, job=job, labels=labels))
            except CannotRender as error:
                found.refused[correlation.name] = str(error)
    return found
