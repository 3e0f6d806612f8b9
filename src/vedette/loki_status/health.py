"""Whether the rules are evaluated: in time, without an error, every time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from vedette.clients.loki_ruler import Loaded, LoadedGroup, Sample
from vedette.loki_status.base import (
    CLOCK,
    LATE,
    RENDER,
    Check,
    ExpectedGroup,
    RulerSeen,
    State,
    Unasked,
    listed,
    some_rules,
    span,
    total,
)


def health_checks(expected: Sequence[ExpectedGroup], seen: RulerSeen, now: float) -> Iterator[Check]:
    """Whether the rules are evaluated, in time and without error. `now`: seconds since 1970."""
    if isinstance(seen.loaded, Unasked):
        return
    names = {group.name for group in expected}
    groups = [group for group in seen.loaded.groups if group.name in names]
    now = seen.loaded.time or now
    checks = [check for group in groups for check in (*_health(group), *_times(group, now))]
    waiting = [group for group in groups if any(rule.health == "unknown" for rule in group.rules)]
    if waiting:
        checks.append(_waiting(waiting, seen))
    if not isinstance(seen.metrics, Unasked):
        checks += _failures(names, seen.metrics, seen.tenant)
    yield from checks
    if groups and not checks:
        count = sum(len(group.rules) for group in groups)
        yield Check("health", State.OK, f"{some_rules(count)} were evaluated in time, the last time without an error")


def _health(group: LoadedGroup) -> Iterator[Check]:
    for rule in group.rules:
        if rule.health == "err":
            yield Check(
                "health",
                State.WRONG,
                f"{group.name} {rule.name} fails: {rule.last_error or 'no reason given'}",
                "a rule that fails finds nothing",
                _mend(rule.last_error),
                of=(group.name,),
            )
        elif rule.health not in ("ok", "unknown"):
            yield Check(
                "health", State.UNKNOWN, f"{group.name} {rule.name} has the health {rule.health!r}", of=(group.name,)
            )


def _mend(error: str) -> str:
    """By what Loki 3.7.8 says when its limits are reached."""
    if "maximum number of series" in error:
        return "raise limits_config.max_query_series to 500 or more"
    if "pipeline error" in error:
        return f'a query without its last stage __error__="" ends so: {RENDER}'
    if "exceeds limit" in error or "exceeds the limit" in error:
        return "raise the limit that it names (max_query_range, max_query_length)"
    if "DeadlineExceeded" in error or "timeout" in error or "canceled" in error:
        return "raise limits_config.query_timeout, or give the querier more room"
    return "read the ruler's log; `vedette rules test --on loki` judges the query on a Loki of your own"


def _times(group: LoadedGroup, now: float) -> Iterator[Check]:
    last = _moment(group.last_evaluation)
    if last is not None and now - last > LATE * group.interval + CLOCK:
        yield Check(
            "health",
            State.WRONG,
            f"{group.name} was last evaluated {span(now - last)} ago; its interval is {group.interval:g} s",
            "what came since is not looked at, and its window passes by",
            "restart the ruler, and read its log; is it overloaded?",
            of=(group.name,),
        )
    if group.evaluation_time > group.interval:
        yield Check(
            "health",
            State.WRONG,
            f"an evaluation of {group.name} takes {group.evaluation_time:.1f} s, its interval is {group.interval:g} s",
            "evaluations are left out, and with them bursts",
            "give the querier more room, or keep other logs out of the streams with this job",
            of=(group.name,),
        )


def _waiting(groups: Sequence[LoadedGroup], seen: RulerSeen) -> Check:
    longest = max(group.interval for group in groups)
    what = f"not evaluated yet: {listed([group.name for group in groups])}"
    since = None
    now = seen.loaded.time if isinstance(seen.loaded, Loaded) else 0.0
    if not isinstance(seen.metrics, Unasked):
        since = total(seen.metrics, "loki_ruler_config_last_reload_successful_seconds", user=seen.tenant)
    if since and now and now - since > LATE * longest + CLOCK:
        return Check(
            "health",
            State.WRONG,
            what,
            f"they were loaded {span(now - since)} ago",
            "read the ruler's log; restart it",
            of=tuple(group.name for group in groups),
        )
    return Check(
        "health",
        State.UNKNOWN,
        what,
        "a rule that was loaded a moment ago waits for its turn",
        f"ask again in {longest:g} s",
        of=tuple(group.name for group in groups),
    )


def _failures(names: set[str], metrics: Sequence[Sample], tenant: str) -> Iterator[Check]:
    counted: dict[str, Counter[str]] = {}
    for sample in metrics:
        kind = sample.name.removeprefix("loki_prometheus_")
        # `<file>;<group>`
        group = sample.labels.get("rule_group", "").rpartition(";")[2]
        if group in names and sample.labels.get("user") == tenant:
            counted.setdefault(group, Counter())[kind] += int(sample.value)
    for group, by_kind in counted.items():
        failed, done = by_kind["rule_evaluation_failures_total"], by_kind["rule_evaluations_total"]
        # The window of a single event is evaluated ten times, so one failure in a hundred hides nothing; and whatever
        # is evaluated while the rest of Loki starts may fail once.
        if failed > max(done / 100, by_kind["rule_group_rules"]):
            yield Check(
                "health",
                State.WRONG,
                f"{failed} of {done} evaluations of rules of {group} failed since the ruler's start",
                "what came then may not have been looked at",
                "see the rule's last error, or the ruler's log",
                of=(group,),
            )
        missed = by_kind["rule_group_iterations_missed_total"]
        if missed * 100 > by_kind["rule_group_iterations_total"]:
            yield Check(
                "health",
                State.WRONG,
                f"{missed} evaluations of {group} were left out since the ruler's start, the one before took too long",
                "a burst between two evaluations is not seen whole",
                "give the querier more room",
                of=(group,),
            )


def _moment(text: str) -> float | None:
    """Seconds since 1970 of a time of RFC 3339; None for the year 1, which is Go's "never"."""
    if text.startswith("0001-"):
        return None
    try:
        # Go writes nine digits of a second, and Python reads six.
        whole, _, rest = text.partition(".")
        return datetime.fromisoformat(whole + rest.lstrip("0123456789")).timestamp()
    except ValueError:
        return None
