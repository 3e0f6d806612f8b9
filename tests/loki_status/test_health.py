"""Evaluations, judged."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from vedette.clients.loki_ruler import Loaded, LoadedGroup, LoadedRule, Sample
from vedette.loki_status.base import Check, ExpectedGroup, ExpectedRule, RulerSeen, Unasked
from vedette.loki_status.counts import alertmanager_checks, discard_checks, ruler_checks
from vedette.loki_status.health import health_checks
from vedette.loki_status.rules import paired

NOW = 1795640871.0
EXPECTED = (ExpectedGroup("vedette-K3", 30, (ExpectedRule("VedetteK3", "q", {"document": "K3"}, {}),)),)
NEVER = "0001-01-01T00:00:00Z"
USER = {"user": "fake"}


def seen(
    last: str = "2026-11-25T21:07:50.123456789Z",
    *,
    health: str = "ok",
    error: str = "",
    took: float = 0.1,
    metrics: Sequence[Sample] = (),
) -> RulerSeen:
    """A ruler with one group that was evaluated then; NOW is 21:07:51."""
    rule = LoadedRule("VedetteK3", "q", health=health, last_error=error)
    group = LoadedGroup("vedette-K3", "v.yaml", 30.0, (rule,), last, took)
    return RulerSeen("fake", Loaded((group,), NOW), frozenset(), {}, tuple(metrics), Unasked("no"))


def told(found: RulerSeen) -> list[tuple[str, str]]:
    """State and sentence."""
    return [(str(one.state), one.what) for one in health_checks(EXPECTED, found, 0.0)]


@pytest.mark.parametrize(
    ("last", "state"),
    [
        ("2026-11-25T21:07:50.123456789Z", "ok"),
        ("2026-11-25T22:07:50.1+01:00", "ok"),
        ("2026-11-25T21:06:17Z", "ok"),
        ("2026-11-25T21:06:15Z", "wrong"),
        ("2026-11-24T21:07:50Z", "wrong"),
    ],
)
def test_an_evaluation_is_late_after_three_intervals(last: str, state: str) -> None:
    """By the server's clock, however it writes its time."""
    assert [one[0] for one in told(seen(last))] == [state]


def test_a_group_slower_than_its_interval_is_wrong() -> None:
    """It cannot keep up."""
    ((state, what),) = told(seen(took=31.0))
    assert (state, "takes 31.0 s, its interval is 30 s" in what) == ("wrong", True)


def test_a_rule_never_evaluated_waits_only_for_so_long() -> None:
    """A moment after it was loaded that is unknown; minutes after, wrong; without a word on when, unknown."""
    name = "loki_ruler_config_last_reload_successful_seconds"
    states = [
        told(seen(NEVER, health="unknown", metrics=[Sample(name, USER, NOW - ago)]))[0][0] for ago in (10.0, 300.0)
    ]
    assert states == ["unknown", "wrong"]
    assert told(seen(NEVER, health="unknown"))[0][0] == "unknown"


def test_a_health_that_nobody_knows_is_not_ok() -> None:
    """A later Loki may have more words."""
    assert told(seen(health="resting"))[0][0] == "unknown"


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        ("maximum number of series (5) reached", "max_query_series"),
        ("[interval] value exceeds limit: [5m] > [1m]", "max_query_range"),
        ("code = DeadlineExceeded desc = context deadline exceeded", "query_timeout"),
        ("too many outstanding requests", "the ruler's log"),
    ],
)
def test_an_error_has_its_mend(error: str, mend: str) -> None:
    """By what Loki says."""
    (check,) = health_checks(EXPECTED, seen(health="err", error=error), 0.0)
    assert (error in check.what, mend in check.mend) == (True, True)


def test_failures_count_from_one_in_a_hundred() -> None:
    """One in a thousand hides nothing: a window is looked at ten times. Another tenant's or group's are its own."""

    def counted(failed: float, user: str = "fake", group: str = "vedette-K3") -> list[tuple[str, str]]:
        labels = {"rule_group": f"/rules/{user}/v;w.yaml;{group}", "user": user}
        kinds = {"rule_evaluation_failures_total": failed, "rule_evaluations_total": 1000.0}
        return told(seen(metrics=[Sample(f"loki_prometheus_{kind}", labels, value) for kind, value in kinds.items()]))

    assert counted(10)[0][0] == "ok"
    assert counted(11) == [
        ("wrong", "11 of 1000 evaluations of rules of vedette-K3 failed since the ruler's start"),
    ]
    assert counted(11, "other")[0][0] == counted(11, group="other")[0][0] == "ok"


def of(checks: Sequence[Check]) -> list[tuple[str, str]]:
    """About and state."""
    return [(one.about, str(one.state)) for one in checks]


@pytest.mark.parametrize(
    ("values", "states"),
    [
        ({}, [("ruler", "unknown")]),
        ({"ruler_managers_total": 0}, [("ruler", "wrong")]),
        ({"ruler_managers_total": 1}, [("ruler", "wrong")]),
        ({"ruler_config_last_reload_successful": 0}, [("ruler", "wrong")]),
        ({"ruler_config_last_reload_successful": 1}, [("ruler", "ok")]),
        (
            {"ruler_config_last_reload_successful": 1, "prometheus_notifications_alertmanagers_discovered": 0},
            [("ruler", "ok"), ("notifications", "wrong")],
        ),
        (
            {
                "ruler_config_last_reload_successful": 1,
                "prometheus_notifications_alertmanagers_discovered": 1,
                "prometheus_notifications_queue_length": 60,
                "prometheus_notifications_queue_capacity": 100,
            },
            [("ruler", "ok"), ("notifications", "wrong")],
        ),
    ],
)
def test_the_counts_of_a_ruler(values: dict[str, float], states: list[tuple[str, str]]) -> None:
    """No manager, none for the tenant, a change that was not taken up, no Alertmanager, a queue that fills."""
    if values and "ruler_managers_total" not in values:
        values = {"ruler_managers_total": 1, **values}
    metrics = [
        Sample(f"loki_{name}", {} if "managers_total" in name else USER, value) for name, value in values.items()
    ]
    assert of(list(ruler_checks(seen(metrics=metrics)))) == states


def test_refused_lines_are_the_tenants_own_and_need_a_distributor_to_be_none() -> None:
    """Where the process takes no lines in, the lack of refused ones says nothing."""
    refused = Sample("loki_discarded_samples_total", {"tenant": "other", "reason": "line_too_long"}, 3)
    takes = Sample("loki_distributor_replication_factor", {}, 1)
    assert of(list(discard_checks((refused,), "fake"))) == [("discarded", "unknown")]
    assert of(list(discard_checks((refused, takes), "fake"))) == [("discarded", "ok")]
    (found,) = discard_checks((refused, takes), "other")
    assert found.what.startswith("3 lines were refused")


def test_an_alertmanager_that_is_not_reached_is_unknown_with_the_rulers_count() -> None:
    """It may be out of reach from here alone."""
    sent = Sample("loki_prometheus_notifications_sent_total", USER, 7)
    (found, _) = alertmanager_checks(Unasked("no"), {"http://am:9093": "no route"}, (sent,), "fake")
    assert (str(found.state), found.why) == ("unknown", "the ruler's own count: 7 alerts sent, 0 errors")


def test_rules_are_paired_by_name_and_document_before_name_alone() -> None:
    """A rule whose label was edited is not taken for the missing one beside it."""
    first, second = (ExpectedRule("A", "q", {"document": name}, {}) for name in ("one", "two"))
    loaded = LoadedRule("A", "q", labels={"document": "two"})
    group, found = ExpectedGroup("g", 30, (first, second)), LoadedGroup("g", "f", 30, (loaded,))
    assert paired(group, found) == ([(second, loaded)], [first], [])
