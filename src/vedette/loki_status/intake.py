"""What a Loki takes in and keeps of the logs that rules need: limits and streams."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from vedette.clients.loki_ruler import Config, Limits
from vedette.loki_status.base import LOOKED, Check, ExpectedGroup, State, Stream, Unasked, span

LINE = 1 << 20
"""Bytes that a line must be allowed to have: an audit event may carry a whole object."""
_SERIES = 100
"""Series that an alert of vedette's may have."""
_WINDOW = 335.0
"""Seconds that the longest query looks back."""
_BACK = {
    "max_query_range": "fail",
    "max_query_length": "fail",
    "max_query_lookback": "find nothing older, without an error",
}
"""What limits how far a query looks back -> what a rule does then, as seen on Loki 3.7.8."""
_OLDEST = 3600.0
"""Seconds that a line may be late: a shipper that stood still for an hour."""
_AHEAD = 60.0
_TIMEOUT = 10.0
_SILENT: Mapping[str, float] = {"kube_audit": 3600.0, "vault_audit": 86400.0, "sshd": 7 * 86400.0}
"""Seconds without a line after which something is wrong: an API server that runs writes all the time."""
_NAMED = 8
_KEYS: Mapping[str, tuple[str, ...]] = {"kube_audit": ("auditID", "verb"), "vault_audit": ("type", "request")}
"""What an event has at its top."""
_ALWAYS: Mapping[str, tuple[str, ...]] = {
    "kube_audit": ("user", "sourceIPs", "requestURI", "stage", "level", "stageTimestamp"),
    "vault_audit": ("request.path", "request.operation", "request.remote_address"),
}
"""What the servers write in nearly every event, so that its absence in all is a fault of the way."""
_FEW, _STAGED = 20, 50
"""Lines of which it can be said that all lack something; a stage."""
_IS_CUT = "is JSON that ends before its end: it is cut"
_UNCUT = "raise the shipper's limit and max_line_size (1MB): a line cut short is no event"
_WHOLE = "let the shipper send every line, whole, as the server wrote it"
_JOB = re.compile(r'\{\s*job\s*=\s*"([^"\\]+)"\s*,?\s*\}')
_SHORT = {"kube_audit": "kube", "vault_audit": "vault", "sshd": "sshd"}
"""Format -> as `--job` calls it."""


def limit_checks(
    config: Config | Unasked, expected: Sequence[ExpectedGroup], retention: float, jobs: Collection[str] = ()
) -> Iterator[Check]:
    """The limits that would cost an alert. `retention`: seconds that lines of `jobs` are wanted to be kept."""
    if isinstance(config, Unasked):
        yield Check(
            "limit",
            State.UNKNOWN,
            f"Loki's limits could not be asked for: {config.why}",
            "lines above max_line_size are refused, and nobody is told",
            "let /config through, or name the address of the ruler itself with --ruler",
        )
        return
    limits = config.limits
    found = [*_line_limits(limits), *_query_limits(limits), *_rule_limits(limits, expected)]
    found += _retention(config, retention, jobs)
    yield from found
    if limits.per_tenant_override_config:
        yield Check(
            "limit",
            State.UNKNOWN,
            "a file of overrides gives tenants other limits (per_tenant_override_config)",
            "Loki tells only some of them",
            "look there for max_line_size and reject_old_samples_max_age of this tenant",
        )
    elif not found:
        yield Check("limit", State.OK, "no limit of Loki's is below what the rules need")


def _low(name: str, value: str, why: str, wanted: str) -> Check:
    return Check("limit", State.WRONG, f"{name} is {value}", why, f"set limits_config.{name} to {wanted}")


def _line_limits(limits: Limits) -> Iterator[Check]:
    # 0 is no limit.
    if limits.max_line_size is not None and 0 < limits.max_line_size < LINE:
        yield _low("max_line_size", _size(limits.max_line_size), "a longer event, of a big object, is hidden", "1MB")
    elif limits.max_line_size is None:
        yield Check("limit", State.UNKNOWN, "max_line_size is not told", "longer lines are refused", "set it to 1MB")
    if limits.max_line_size_truncate:
        yield _low("max_line_size_truncate", "on", "a line cut short is no event any more", "false")
    if limits.reject_old_samples and limits.reject_old_samples_max_age is not None:
        oldest = limits.reject_old_samples_max_age
        if oldest < _OLDEST:
            why = "after a shipper's standstill its lines are refused"
            yield _low("reject_old_samples_max_age", span(oldest), why, "1h or more (1w unless set)")
    if limits.creation_grace_period is not None and limits.creation_grace_period < _AHEAD:
        why = "a line of a host whose clock is a little ahead is refused"
        yield _low("creation_grace_period", span(limits.creation_grace_period), why, "10m")


def _size(octets: int) -> str:
    return f"{octets >> 10} KB" if octets % 1024 == 0 else f"{octets} B"


def _query_limits(limits: Limits) -> Iterator[Check]:
    if limits.max_query_series is not None and 0 < limits.max_query_series < _SERIES:
        why = "a rule fails when it has more alerts at a time, as in a storm"
        yield _low("max_query_series", str(limits.max_query_series), why, f"{_SERIES} or more")
    for name, why in _BACK.items():
        value = getattr(limits, name)
        if value and value < _WINDOW:
            yield _low(name, span(value), f"rules look back {_WINDOW:.0f} s, and {why}", "0s, or 10m and more")
    if limits.query_timeout and limits.query_timeout < _TIMEOUT:
        yield _low("query_timeout", span(limits.query_timeout), "a rule fails when a query takes longer", "1m")


def _rule_limits(limits: Limits, expected: Sequence[ExpectedGroup]) -> Iterator[Check]:
    most = max((len(group.rules) for group in expected), default=0)
    why = "more are refused when they are loaded by the API"
    if limits.ruler_max_rules_per_rule_group and limits.ruler_max_rules_per_rule_group < most:
        name = "ruler_max_rules_per_rule_group"
        yield _low(name, str(limits.ruler_max_rules_per_rule_group), why, f"{most} or more, or 0")
    if limits.ruler_max_rule_groups_per_tenant and limits.ruler_max_rule_groups_per_tenant < len(expected):
        name = "ruler_max_rule_groups_per_tenant"
        yield _low(name, str(limits.ruler_max_rule_groups_per_tenant), why, f"{len(expected)} or more, or 0")


def _retention(config: Config, wanted: float, jobs: Collection[str]) -> Iterator[Check]:
    if not config.retention_enabled:
        return
    own = {found[1]: kept for selector, kept in config.retention_of if (found := _JOB.fullmatch(selector))}
    kept = config.limits.retention_period
    if kept and wanted and kept < wanted and not (jobs and own.keys() >= set(jobs)):
        why = f"{span(wanted)} are wanted (watch.evidence_for): what answers an alert is gone before"
        yield _low("retention_period", span(kept), why, f"{wanted / 3600:.0f}h, or set watch.evidence_for lower")
    for job, period in own.items():
        if job in jobs and period and period < wanted:
            why = f"{span(wanted)} are wanted (watch.evidence_for)"
            yield _low(f'retention_stream of {{job="{job}"}}', span(period), why, f"{wanted / 3600:.0f}h for it")
    if config.limits.retention_stream and (
        not config.retention_of or len(own) < len({selector for selector, _ in config.retention_of})
    ):
        yield Check(
            "limit",
            State.UNKNOWN,
            "some streams have a retention of their own (limits_config.retention_stream)",
            "which streams a selector chooses is not judged here, but for those of one job",
            "see that none of them is a log that rules need",
        )


def stream_checks(streams: Mapping[str, Stream | Unasked]) -> Iterator[Check]:
    """Whether the logs are there under the labels that the rules expect, by format; and whether lines are events."""
    for source, stream in streams.items():
        if isinstance(stream, Unasked):
            yield Check(
                "stream", State.UNKNOWN, f"{source}: {stream.why}", "", "grant reading, or give --tenant", (source,)
            )
        else:
            yield _stream(source, stream)


def _stream(source: str, stream: Stream) -> Check:
    name = f'{{job="{stream.job}"}}'
    rename = f"have the shipper set this label, or render with --job {_SHORT.get(source, source)}=NAME"
    if stream.elsewhere is not None:
        job, since = stream.elsewhere
        last = "has no line" if stream.age is None else f"has no line since {span(stream.age)}"
        what = f'{name} {last}, and {{job="{job}"}} has {source} events, the last {span(since)} ago'
        return Check("stream", State.WRONG, what, f"no rule on {source} sees what happens", rename, of=(source,))
    if stream.age is None:
        there = f"jobs there are: {', '.join(stream.jobs[:_NAMED])}" if stream.jobs else "no stream has a label job"
        why = f"no rule on {source} can fire; {there}"
        return Check("stream", State.WRONG, f"{name} has no line in {span(LOOKED)}", why, rename, of=(source,))
    if stream.age > _SILENT.get(source, LOOKED):
        return Check(
            "stream",
            State.WRONG,
            f"the last line of {name} came {span(stream.age)} ago",
            f"no rule on {source} sees what happens",
            "look at the shipper, and at the log it reads",
            of=(source,),
        )
    if fault := _fault(source, stream.line):
        what = f"the last line of {name} {fault}"
        mend = _UNCUT if fault == _IS_CUT else "have the shipper take the wrapping off (docker, cri stages)"
    elif found := _faults(source, stream.lines):
        what, mend = f"of the last lines of {name} {found[0]}", found[1]
    else:
        return Check("stream", State.OK, f"the last line of {name} came {span(stream.age)} ago", of=(source,))
    why = "the queries judge whole events as their server wrote them"
    return Check("stream", State.WRONG, what, why, mend, of=(source,))


def _faults(source: str, lines: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with some lines or with all the newest ones, and the mend; `lines`: the newest first."""
    if source not in _KEYS:
        return None
    events = [event for line in lines if (event := _decoded(line)) is not None]
    if len(events) < len(lines):
        said = f"{len(lines) - len(events)} of {len(lines)} are not JSON: they are cut, or something stands around them"
        return said, _UNCUT
    newest = [event for event in events[:_FEW] if isinstance(event, dict)]
    if len(newest) < _FEW:
        return None
    absent = [key for key in _ALWAYS[source] if not any(_has(event, key) for event in newest)]
    if absent:
        return f"none of {_FEW} has {', '.join(absent)}", _WHOLE
    if source == "kube_audit" and len(events) >= _STAGED:
        # Every request but one that lasts ends with it.
        stages = {event.get("stage") for event in events[:_STAGED] if isinstance(event, dict)}
        if "ResponseComplete" not in stages:
            return f"none of {_STAGED} is at stage ResponseComplete", _WHOLE
    return None


def _has(event: Mapping[str, object], key: str) -> bool:
    held: object = event
    for step in key.split("."):
        held = held.get(step) if isinstance(held, dict) else None
    return held is not None


def is_event(source: str, line: str) -> bool:
    """Whether a line is an event of a format that can be told by its keys."""
    return source in _KEYS and not _fault(source, line)


def _fault(source: str, line: str) -> str:
    """What is wrong with a line, or nothing."""
    keys = _KEYS.get(source)
    if keys is None:
        return ""
    event = _decoded(line)
    if event is None:
        return _IS_CUT if line.lstrip().startswith("{") else "is not JSON: something stands around it"
    if isinstance(event, dict) and all(key in event for key in keys):
        return ""
    return f"is no {source} event: it has no {' and '.join(keys)} at its top, so something is wrapped around it"


def _decoded(line: str) -> object:
    """None for what is no JSON, and for null."""
    try:
        return msgspec.json.decode(line.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return None
