"""Limits and streams, judged."""

from __future__ import annotations

import pytest

from vedette.clients.loki_ruler import Config, Limits
from vedette.loki_status.base import ExpectedGroup, ExpectedRule, State, Stream, Unasked
from vedette.loki_status.intake import limit_checks, stream_checks

GROUPS = (ExpectedGroup("vedette-K3", 30, tuple(ExpectedRule(str(n), "q", {}, {}) for n in range(3))),) * 2
DAY = 86400.0
ENOUGH = Limits(
    max_line_size=1 << 20,
    max_line_size_truncate=False,
    max_query_series=500,
    max_query_range=0,
    max_query_length=2595600,
    max_query_lookback=0,
    query_timeout=60,
    reject_old_samples=True,
    reject_old_samples_max_age=7 * DAY,
    creation_grace_period=600,
    ruler_max_rules_per_rule_group=0,
    ruler_max_rule_groups_per_tenant=0,
    retention_period=0,
    retention_stream=False,
    per_tenant_override_config=False,
)


def found(config: Config) -> list[tuple[str, str]]:
    """State and first word of each."""
    return [(str(one.state), one.what.split()[0]) for one in limit_checks(config, GROUPS, 90 * DAY)]


def test_limits_that_suffice_are_one_word() -> None:
    """Nothing is below what rules need; 0 is no limit."""
    assert found(Config(ENOUGH)) == [("ok", "no")]
    assert found(Config(limited(max_line_size=0, max_query_series=0))) == [("ok", "no")]


def limited(**changes: float | bool | None) -> Limits:
    """ENOUGH, but for some."""
    from dataclasses import replace

    return replace(ENOUGH, **changes)  # type: ignore[arg-type] # a table of them


@pytest.mark.parametrize(
    ("name", "low", "enough"),
    [
        ("max_line_size", 262144, 1 << 20),
        ("max_line_size_truncate", True, False),
        ("max_query_series", 99, 100),
        ("max_query_range", 300.0, 600.0),
        ("max_query_length", 334.0, 335.0),
        ("max_query_lookback", 60.0, 3600.0),
        ("query_timeout", 9.0, 10.0),
        ("reject_old_samples_max_age", 3599.0, 3600.0),
        ("creation_grace_period", 59.0, 60.0),
        ("ruler_max_rules_per_rule_group", 2, 3),
        ("ruler_max_rule_groups_per_tenant", 1, 2),
    ],
)
def test_each_limit_has_its_measure(name: str, low: float, enough: float) -> None:
    """Below it something is wrong and named, at it nothing is."""
    assert found(Config(limited(**{name: low}))) == [("wrong", name)]
    assert found(Config(limited(**{name: enough}))) == [("ok", "no")]


def test_old_lines_that_are_not_refused_have_no_age() -> None:
    """`reject_old_samples: false` takes all."""
    assert found(Config(limited(reject_old_samples=False, reject_old_samples_max_age=1.0))) == [("ok", "no")]


def test_retention_counts_only_where_it_is_enforced() -> None:
    """The compactor deletes only when told to; then less than what is wanted is wrong, and streams' own are unknown."""
    short = limited(retention_period=31 * DAY)
    assert found(Config(short)) == [("ok", "no")]
    assert found(Config(short, retention_enabled=True)) == [("wrong", "retention_period")]
    assert found(Config(limited(retention_period=90 * DAY), retention_enabled=True)) == [("ok", "no")]
    assert found(Config(limited(retention_stream=True), retention_enabled=True)) == [("unknown", "some")]


def test_the_retention_of_a_job_is_judged() -> None:
    """As `vedette render loki-config` writes it; of another job it does not matter, and other selectors are unknown."""

    def judged(selector: str, days: float | None, period: float = 0) -> list[tuple[str, str]]:
        config = Config(
            limited(retention_stream=True, retention_period=period * DAY),
            retention_enabled=True,
            retention_of=((selector, None if days is None else days * DAY),),
        )
        return [(str(one.state), one.what) for one in limit_checks(config, GROUPS, 90 * DAY, ("kube-audit",))]

    ok = [("ok", "no limit of Loki's is below what the rules need")]
    assert judged('{job="kube-audit"}', 90) == ok
    assert judged('{job="kube-audit"}', 90, period=7) == ok
    assert judged('{job="kube-audit"}', 7) == [("wrong", 'retention_stream of {job="kube-audit"} is 7 days')]
    assert judged('{job="other"}', 7) == ok
    assert [state for state, _ in judged('{job=~"kube.*"}', 90)] == ["unknown"]


def test_what_is_not_told_is_not_well() -> None:
    """Settings that cannot be asked for, a line's length that is not in them, overrides that they do not show."""
    (unasked,) = limit_checks(Unasked("404", 404), GROUPS, DAY)
    assert (unasked.state, unasked.mend != "") == (State.UNKNOWN, True)
    assert found(Config(limited(max_line_size=None))) == [("unknown", "max_line_size")]
    assert found(Config(limited(per_tenant_override_config=True))) == [("unknown", "a")]


@pytest.mark.parametrize(
    ("source", "age", "line", "state"),
    [
        ("kube_audit", 10.0, '{"auditID": "1", "verb": "get"}', "ok"),
        ("kube_audit", 3601.0, '{"auditID": "1", "verb": "get"}', "wrong"),
        ("kube_audit", 10.0, '{"log": "{}"}', "wrong"),
        ("kube_audit", 10.0, '2026-11-23T08:56:19Z stdout F {"auditID": "1"}', "wrong"),
        ("kube_audit", 10.0, '{"auditID": "1", "verb": "ge', "wrong"),
        ("kube_audit", 10.0, "[]", "wrong"),
        ("vault_audit", 3601.0, '{"type": "request", "request": {}}', "ok"),
        ("vault_audit", 86401.0, '{"type": "request", "request": {}}', "wrong"),
        ("vault_audit", 1.0, '{"message": "{}"}', "wrong"),
        ("sshd", 86401.0, "anything", "ok"),
        ("sshd", None, "", "wrong"),
    ],
)
def test_a_stream_is_well_when_events_come(source: str, age: float | None, line: str, state: str) -> None:
    """In time, and as their server wrote them."""
    (check,) = stream_checks({source: Stream("the-job", age, line, ("a", "b"))})
    assert str(check.state) == state
    assert '{job="the-job"}' in check.what


def test_a_stream_that_cannot_be_asked_for_is_unknown() -> None:
    """With the reason."""
    (check,) = stream_checks({"sshd": Unasked("403 no", 403)})
    assert (str(check.state), check.what) == ("unknown", "sshd: 403 no")


KUBE = (
    '{"auditID": "1", "verb": "get", "user": {}, "sourceIPs": ["::1"], "requestURI": "/", "stage": "ResponseComplete",'
    ' "level": "Metadata", "stageTimestamp": "t"}'
)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([KUBE] * 200, ""),
        ([KUBE] * 199 + [KUBE[:40]], "1 of 200 are not JSON: they are cut"),
        ([KUBE.replace('"sourceIPs": ["::1"], ', "")] * 20 + [KUBE] * 180, "none of 20 has sourceIPs"),
        ([KUBE.replace('"sourceIPs": ["::1"], ', "")] * 19 + [KUBE] * 181, ""),
        ([KUBE.replace("Complete", "Started")] * 50 + [KUBE], "none of 50 is at stage ResponseComplete"),
        ([KUBE.replace("Complete", "Started")] * 49, ""),
    ],
)
def test_what_a_shipper_takes_of_lines_is_seen(lines: list[str], said: str) -> None:
    """Some cut, a field that all the newest lack, a stage that never comes; a few lines say nothing."""
    (check,) = stream_checks({"kube_audit": Stream("kube-audit", 1.0, lines[0], lines=tuple(lines))})
    assert check.state is (State.WRONG if said else State.OK)
    if said:
        assert check.what.startswith('of the last lines of {job="kube-audit"} ')
        assert said in check.what
        assert "shipper" in check.mend


def test_a_log_that_moved_to_another_job_is_named() -> None:
    """Old lines are still under the one that rules look for."""
    (check,) = stream_checks({"vault_audit": Stream("vault-audit", 90.0, "{}", elsewhere=("vault", 3.0))})
    assert check.state is State.WRONG
    assert check.what == (
        '{job="vault-audit"} has no line since 90 s, and {job="vault"} has vault_audit events, the last 3 s ago'
    )
    assert "--job vault=NAME" in check.mend
