"""What makes an incident a SEV1, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.alert_texts import an_alert
from vedette.alert import Alert
from vedette.response.grounds import GROUNDS, OWN, first_evidence, grounds, suggested

HOUR = 3600 * 1_000_000_000


def alerts(*rules: str, **more: Any) -> list[Alert]:
    """One alert a rule, a minute apart; warnings."""
    said: dict[str, Any] = {"severity": 2, "last_seen": HOUR, **more}
    return [
        an_alert(f"{number}", rule=rule, first_seen=number * HOUR // 60, **said) for number, rule in enumerate(rules)
    ]


@pytest.mark.parametrize("rule", sorted(rule for one in GROUNDS for rule in one.rules))
def test_some_rules_suffice_alone(rule: str) -> None:
    """One alert of theirs is a SEV1, whose reason names it; an attempt, which was refused, is not."""
    (said,) = grounds(alerts(rule))
    assert rule in said
    assert suggested(alerts(rule)) == 1
    assert grounds(alerts(rule, reaction="attempt")) == []
    (unsure,) = grounds(alerts(rule, reaction="cannot_tell"))
    assert "cannot tell" in unsure


def test_several_rules_within_an_hour_are_one_attack() -> None:
    """Three distinct rules within an hour suffice; two, the same one three times, or a slow day do not."""
    assert grounds(alerts("K2", "K4", "V5")) == ["3 rules fired within an hour (K2, K4, V5)"]
    assert grounds(alerts("K2", "K4")) == []
    assert grounds(alerts("K4", "K4", "K4")) == []
    slow = [an_alert(rule, rule=rule, severity=2, first_seen=n * HOUR) for n, rule in enumerate(("K2", "K4", "V5"))]
    assert grounds([*slow[:2], an_alert("x", rule="V5", severity=2, first_seen=HOUR * 2 + 1)]) == []


def test_two_critical_alerts_are_one_attack() -> None:
    """Of different rules or groups, within an hour; two episodes of one group are one story."""
    pair = [an_alert("a", group=("x",), first_seen=1), an_alert("b", group=("y",), first_seen=HOUR + 1)]
    assert grounds(pair) == ["2 critical alerts within an hour"]
    assert grounds([pair[0], an_alert("b", group=("y",), first_seen=HOUR + 2)]) == []
    assert grounds([pair[0], an_alert("b", group=("x",), first_seen=2)]) == []
    assert suggested(pair[:1]) == 2
    assert suggested(alerts("K4")) == 3
    assert suggested([]) == 3


def test_findings_are_no_attack() -> None:
    """What vedette says of itself is neither a ground nor evidence."""
    own = [an_alert(str(n), rule=f"finding-{n}", source=OWN, first_seen=n) for n in range(5)]
    assert grounds(own) == []
    assert first_evidence(own) is None
    attempt = an_alert("z", reaction="attempt", first_seen=7)
    assert first_evidence([*own, an_alert("y", first_seen=8), attempt]) is attempt
