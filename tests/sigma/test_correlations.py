"""Correlation documents."""

from __future__ import annotations

import pytest

from tests.sigma.rulebook import VAULT, correlation, only_rule, refusal
from vedette.rule import Correlation, CorrelationType, FieldPath, Op

REFUSED = [
    pytest.param(
        correlation("type: event_count\nrules: [rule.first]\n➤groupby: [actor]\ntimespan: 60s\ncondition: {gt: 5}"),
        "the key 'groupby' is not known in correlation",
        "did you mean group-by?",
        id="corr unknown key",
    ),
    pytest.param(
        correlation("type: ➤event_cont\nrules: [rule.first]\ntimespan: 60s\ncondition: {gt: 5}"),
        "type must be one of event_count, value_count, temporal, temporal_ordered, not 'event_cont'",
        "did you mean event_count?",
        id="corr type",
    ),
    pytest.param(
        correlation("type: ➤value_sum\nrules: [rule.first]\ntimespan: 60s\ncondition: {gt: 5}"),
        "the correlation type value_sum is not read: vedette counts acts, not amounts",
        "use event_count or value_count",
        id="corr value_sum",
    ),
    pytest.param(
        correlation("type: ➤value_percentile\nrules: [rule.first]\ntimespan: 60s\ncondition: {gt: 5}"),
        "the correlation type value_percentile is not read: vedette counts acts, not amounts",
        "use event_count or value_count",
        id="corr value_percentile",
    ),
    pytest.param(
        correlation("type: event_count\nrules: [➤rule.frist]\ntimespan: 60s\ncondition: {gt: 5}"),
        "there is no rule 'rule.frist'",
        "did you mean rule.first?",
        id="corr missing rule",
    ),
    pytest.param(
        correlation("type: event_count\nrules: [rule.first, ➤rule]\ntimespan: 60s\ncondition: {gt: 5}"),
        "rule is a correlation itself; chains are not read",
        "join its detections",
        id="corr of itself",
    ),
    pytest.param(
        correlation("type: event_count\nrules: [rule.first]\ntimespan: ➤1d\ncondition: {gt: 5}"),
        "timespan must be more than 0 and at most 1h",
        "write 1h",
        id="corr too long",
    ),
    pytest.param(
        correlation("type: event_count\nrules: [rule.first]\ncondition: {gt: 5}").replace(
            "correlation", "➤correlation"
        ),
        "there is no timespan",
        "add timespan: 60s",
        id="corr no timespan",
    ),
    pytest.param(
        correlation("type: event_count\nrules: [rule.first]\ntimespan: ➤60\ncondition: {gt: 5}"),
        "timespan is a number with its unit",
        "write 90s, 10m or 1h",
        id="corr bad timespan",
    ),
    pytest.param(
        correlation("type: event_count\nrules: [rule.first]\ntimespan: 60s\n➤condition: {gt: 5, lte: 10}"),
        "two bounds in one condition are not read",
        "write one of gt, gte, lt, lte, eq",
        id="corr range",
    ),
    pytest.param(
        correlation("type: event_count\nrules: [rule.first]\ntimespan: 60s\ncondition: {➤neq: 5}"),
        "neq would fire on almost every count",
        "use gt, gte, lt, lte or eq",
        id="corr neq",
    ),
    pytest.param(
        correlation("type: event_count\nrules: [rule.first]\ntimespan: 60s").replace("correlation", "➤correlation"),
        "there is no condition",
        "add condition: {gte: 10}",
        id="corr no condition",
    ),
    pytest.param(
        correlation("type: event_count\nrules: [rule.first]\ntimespan: 60s\ncondition: {gte: ➤0}"),
        "gte: 0 asks for nothing",
        "write gte: 1 or more",
        id="corr zero",
    ),
    pytest.param(
        correlation("type: event_count\nrules: [rule.first]\ntimespan: 60s\ncondition: {gte: ➤'5'}"),
        "a count is a whole number, not a text",
        "write gte: 10",
        id="corr text count",
    ),
    pytest.param(
        correlation(
            "type: temporal\nrules: [rule.first, rule.vault]\ntimespan: 60s\ncondition: ➤rule.first and rule.vault",
            VAULT,
        ),
        "a condition in words is not read in correlations",
        "all of the rules must match; leave the condition out",
        id="corr words",
    ),
    pytest.param(
        correlation("type: temporal\n➤rules: [rule.first]\ntimespan: 60s"),
        "temporal needs two rules or more",
        "use event_count for one",
        id="corr temporal one",
    ),
    pytest.param(
        correlation("type: temporal\nrules: [rule.first, rule.vault]\ntimespan: 60s\ncondition: ➤{gte: 1}", VAULT),
        "temporal asks for all of its rules",
        "leave the condition out, or write gte: 2",
        id="corr temporal some",
    ),
    pytest.param(
        correlation("type: event_count\nrules: [rule.first]\ngroup-by: [➤user.nam]\ntimespan: 60s\ncondition: {gt: 5}"),
        "kube_audit has no field 'user.nam'",
        "did you mean user.username?",
        id="corr group-by unknown",
    ),
    pytest.param(
        correlation(
            "type: temporal\nrules: [rule.first, rule.vault]\ngroup-by: [➤user.username]\ntimespan: 60s", VAULT
        ),
        "vault_audit has no field 'user.username'",
        "write a field that vault_audit has",
        id="corr group-by of one schema",
    ),
    pytest.param(
        correlation(
            (
                "type: temporal\nrules: [rule.first, rule.vault]\naliases: {who: {rule.first: user.username, "
                "rule.vault: ➤user}}\ngroup-by: [who]\ntimespan: 60s"
            ),
            VAULT,
        ),
        "vault_audit has no field 'user'",
        "write a field that vault_audit has",
        id="corr alias unknown field",
    ),
    pytest.param(
        correlation(
            (
                "type: temporal\nrules: [rule.first, rule.vault]\naliases: {➤who: {rule.first: user.username}}\n"
                "group-by: [who]\ntimespan: 60s"
            ),
            VAULT,
        ),
        "the alias names no field of rule.vault",
        "add rule.vault: field",
        id="corr alias half",
    ),
    pytest.param(
        correlation(
            "type: event_count\nrules: [rule.first]\naliases: {➤who: {rule.first: user.username}}\ntimespan: "
            "60s\ncondition: {gt: 5}"
        ),
        "the alias is not used",
        "add it to group-by, or remove it",
        id="corr alias unused",
    ),
    pytest.param(
        correlation("type: value_count\nrules: [rule.first]\ntimespan: 60s\ncondition: {gt: 5}").replace(
            "correlation", "➤correlation"
        ),
        "value_count needs a field",
        "add field: target",
        id="corr value_count",
    ),
    pytest.param(
        correlation("type: event_count\nrules: [rule.first]\n➤field: target\ntimespan: 60s\ncondition: {gt: 5}"),
        "event_count counts no field",
        "use value_count, or remove it",
        id="corr field needless",
    ),
    pytest.param(
        correlation("type: value_count\nrules: [rule.first]\ntimespan: 60s\ncondition: {gt: 5, field: ➤targt}"),
        "kube_audit has no field 'targt'",
        "did you mean target?",
        id="corr field unknown",
    ),
    pytest.param(
        correlation(
            "type: event_count\nrules: [rule.first]\ntimespan: 60s\ncondition: {gt: 5}",
            "➤logsource: {product: kubernetes}\n",
        ),
        "a correlation has no logsource",
        "remove it",
        id="corr logsource",
    ),
    pytest.param(
        correlation(
            "type: event_count\nrules: [rule.first]\ntimespan: 60s\ncondition: {gt: 5}",
            "vedette: {➤needs: {fields: [verb]}}\n",
        ),
        "needs does not belong to a correlation",
        "write it in the joined documents",
        id="corr needs",
    ),
]


@pytest.mark.parametrize(("text", "message", "mend"), REFUSED)
def test_refused_with_place_and_mend(text: str, message: str, mend: str) -> None:
    """Each mistake is refused once, under its caret, with the mend."""
    assert refusal(text) == (message, mend)


def test_an_event_count() -> None:
    """More than five deletes of one actor within a minute."""
    found = only_correlation(
        "type: event_count\nrules: [rule.first]\ngroup-by: [actor]\ntimespan: 60s\ncondition: {gt: 5}"
    )
    assert (found.type, found.detections, found.timespan) == (CorrelationType.EVENT_COUNT, ("rule.first",), 60)
    assert (found.op, found.threshold, found.fields) == (Op.GT, 5, ())
    assert found.group_by == (("actor", {"rule.first": FieldPath("actor", ("user", "username"))}),)


@pytest.mark.parametrize(
    ("condition", "op", "threshold"),
    [
        ("{gte: 10}", Op.GTE, 10),
        ("{lt: 3}", Op.LT, 3),
        ("{lte: 3}", Op.LTE, 3),
        ("{eq: 3}", Op.EQUALS, 3),
    ],
)
def test_bounds(condition: str, op: Op, threshold: int) -> None:
    """Each of Sigma's bounds but neq."""
    found = only_correlation(f"type: event_count\nrules: rule.first\ntimespan: 1h\ncondition: {condition}")
    assert (found.op, found.threshold, found.timespan) == (op, threshold, 3_600)


@pytest.mark.parametrize(
    "where",
    ["condition: {gt: 5, field: target}", "condition: {gt: 5}\nfield: target", "condition: {gt: 5}\nfield: [target]"],
)
def test_a_value_count(where: str) -> None:
    """The field may stand in the condition or beside it."""
    found = only_correlation(f"type: value_count\nrules: [rule.first]\ntimespan: 60s\n{where}")
    assert found.fields == (FieldPath("target", ("target",)),)


@pytest.mark.parametrize("condition", ["", "condition: {gte: 2}"])
def test_temporal_with_aliases(condition: str) -> None:
    """Rules over two log sources, grouped by a name that means another field in each."""
    found = only_correlation(
        "type: temporal_ordered\nrules: [rule.vault, rule.first]\n"
        "aliases: {who: {rule.first: user.username, rule.vault: auth.display_name}}\n"
        f"group-by: [who]\ntimespan: 5m\n{condition}",
        VAULT,
    )
    assert found.detections == ("rule.vault", "rule.first")
    assert found.threshold == 2
    ((name, places),) = found.group_by
    assert (name, places["rule.first"].steps) == ("who", ("user", "username"))
    assert places["rule.vault"].steps == ("auth", "display_name")


def test_rules_are_named_by_id_too() -> None:
    """An id means the document that has it, whatever its case."""
    lines = "type: event_count\nrules: [7F2B0B42-8F2E-4C0F-9A53-6A4F5D1F5A11]\ntimespan: 60s\ncondition: {gt: 5}"
    text = correlation(lines).replace("name: rule.first", "name: rule.first\nid: 7f2b0b42-8f2e-4c0f-9a53-6a4f5d1f5a11")
    assert only_rule(text).correlations[0].detections == ("rule.first",)


@pytest.mark.parametrize(
    ("more", "vedette", "alerts"),
    [
        ("", "", False),
        ("generate: true", "", True),
        ("generate: false", "", False),
        ("", "vedette: {alerts: true, needs: {fields: [verb]}}", True),
        ("generate: true", "vedette: {alerts: false, needs: {fields: [verb]}}", False),
    ],
)
def test_what_a_correlation_joins_does_not_alert_itself(more: str, vedette: str, alerts: bool) -> None:
    """As Sigma has it: only with generate, or where the document says so."""
    text = correlation(f"type: event_count\nrules: [rule.first]\ntimespan: 60s\ncondition: {{gt: 5}}\n{more}")
    text = text.replace("name: rule.first", f"name: rule.first\n{vedette}")
    assert only_rule(text).detections[0].alerts is alerts


def only_correlation(lines: str, more: str = "") -> Correlation:
    """The correlation of a rule that has nothing wrong."""
    (found,) = only_rule(correlation(lines, more)).correlations
    return found
