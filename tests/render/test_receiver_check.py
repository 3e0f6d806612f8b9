"""`vedette render alertmanager --check`: what an Alertmanager of one's own does with vedette's alerts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.render.test_logql import pack
from vedette.alert import Alert
from vedette.clients.alertmanager_routes import read_routing
from vedette.render.logql_rule import render_rule
from vedette.render.receiver import Heartbeat, Slack, alertmanager_file
from vedette.render.receiver_check import (
    Checked,
    Expected,
    check_routing,
    expected_heartbeat,
    expected_of_ruler,
    expected_of_watch,
)
from vedette.watch.compose import alert_name
from vedette.yaml_text import read_documents

GOOD = alertmanager_file(
    Slack(webhook_url_file="/x"), Heartbeat(url="http://127.0.0.1/x"), counts=("K5", "V5", "V5.invalid_tokens")
)
FAST = "group_by: ['...'], group_wait: 1s"


def expected(*, heartbeat: bool = True) -> list[Expected]:
    """All of the pack's."""
    rules = tuple(pack().values())
    found = expected_of_watch(rules, "home", 900) + expected_of_ruler(
        [(rule, render_rule(rule, ())) for rule in rules], "home"
    )
    return [*found, expected_heartbeat("home")] if heartbeat else found


EXPECTED = expected()


def check(text: str, receiver: str = "", alerts: Sequence[Expected] = EXPECTED) -> Checked:
    """What is found in a file."""
    (document,) = read_documents(text, "am.yml")
    return check_routing(read_routing(document), alerts, receiver=receiver)


def routed(routes: str, more: str = "") -> str:
    """A file with these routes above the one that takes all, and two receivers that tell."""
    return (
        f"route:\n  receiver: ops\n  {FAST.replace(', ', chr(10) + '  ')}\n  routes:\n{routes}"
        f"  - {{receiver: security, repeat_interval: 1m}}\nreceivers:\n- {{name: ops, webhook_configs: [{{url: 'http://x'}}]}}\n"
        f"- {{name: security, slack_configs: [{{channel: x}}]}}\n- {{name: nobody}}\n{more}"
    )


def test_what_is_rendered_tells_of_all() -> None:
    """Not a word against it; every alert of the pack, by whichever way, has its receiver."""
    checked = check(GOOD)
    assert checked.problems == []
    assert set(checked.told) == {("vedette",), ("vedette-itself",), ("vedette-heartbeat",)}
    assert {one.name for one in checked.told["vedette-itself",]} == {"VedetteSourceSilent"}
    assert sum(map(len, checked.told.values())) == len(EXPECTED) > 100


def test_alerts_are_expected_under_the_names_that_they_get() -> None:
    """As the watcher's composer makes them of the same rule and reaction."""
    names = {one.name for one in expected_of_watch(tuple(pack().values()), "", 900)}
    for reaction, name in (
        ("fire", "VedetteK3"),
        ("attempt", "VedetteK3Attempt"),
        ("cannot_tell", "VedetteK3CannotTell"),
    ):
        alert = Alert(
            "", "K3", "", 3, "", 0, 0, 1, "", "", "", "", "", "kube_audit", "", 0, "", "", (), reaction=reaction
        )
        assert alert_name(alert) == name
        assert name in names


def test_one_meant_and_another_told() -> None:
    """The route that takes them is named, with those that it takes."""
    text = routed("  - {receiver: ops, matchers: [severity=critical]}\n")
    assert check(text).problems == []
    (problem,) = check(text, "security").problems
    assert (problem.line, problem.column, problem.error) == (6, 5, True)
    assert problem.message.startswith("'ops' is told, not 'security', of VedetteK2, VedetteK3, ")
    assert (
        check(
            text.replace("matchers: [severity=critical]", "matchers: [severity=critical], continue: true"), "security"
        ).problems
        == []
    )
    (problem,) = check(text, "sekurity").problems
    assert problem.message == "no receiver is called 'sekurity', which is who is meant"


@pytest.mark.parametrize(
    ("routes", "line", "said"),
    [
        ("  - {receiver: nobody, matchers: [severity=info]}\n", 6, "nobody is told of VedetteK4"),
        ("  - {receiver: security, matchers: ['rule_id=~\"K.+\"'], mute_time_intervals: [night]}\n", 6, "at some times nobody is told of VedetteK2, "),
        ("  - {receiver: security, group_wait: 10s}\n", 6, "VedetteK5, VedetteV5 of Loki's ruler may end after 5 s, unheard while its group waits: group_wait is longer"),
        ("  - {receiver: security, group_by: [alertname], group_interval: 10m, matchers: [severity=critical]}\n", 6, " of Loki's ruler may end after 300 s, unheard while its group waits: group_interval is longer"),
        ("  - {receiver: security, matchers: ['actor=~\"me@.+\"']}\n", 6, "cannot tell who is told of Vedette"),
        ("  - {receiver: security, matchers: [severity=critical, 'entity=\"0a\"']}\n", 6, "entity is each event's own"),
        ("  - {receiver: ops, matchers: [severity=critical]}\n  - {receiver: security, matchers: [rule_id=K3, severity=critical]}\n", 7, "no alert gets here: the route on line 6 takes all that this one would"),
        ("  - {receiver: ops, matchers: ['severity=~\"crit.*\"']}\n  - {receiver: security, matchers: [alertname=VedetteK3]}\n", 7, "meant for VedetteK3, and never reached: the route on line 6 comes before"),
        ("  - {receiver: ops, matchers: [job=x]}\n  - {receiver: security, matchers: [job=x, a=b]}\n", 7, "no alert gets here"),
    ],
)  # fmt: skip
def test_what_keeps_alerts_from_people_is_found(routes: str, line: int, said: str) -> None:
    """With the route's line and what to write instead."""
    found = check(routed(routes)).problems
    assert any(problem.line == line and said in problem.message and problem.mend for problem in found), found


def test_the_root_alone_and_inhibition() -> None:
    """Falling through to the root is told, and so is a rule that may hold alerts back."""
    text = f"route: {{receiver: a, {FAST}, repeat_interval: 1m}}\nreceivers: [{{name: a, webhook_configs: [{{url: 'http://x'}}]}}]\n"
    (problem,) = check(text).problems
    assert "no route takes VedetteK2, " in problem.message
    assert not problem.error
    inhibiting = routed(
        "",
        "inhibit_rules:\n- {source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [cluster]}\n",
    )
    (problem,) = check(inhibiting).problems
    assert "can be held back by this rule" in problem.message
    assert check(inhibiting.replace("[severity=warning]", "['alertname=\"Other\"']")).problems == []


def test_a_heartbeat_that_is_passed_on_too_seldom() -> None:
    """Four hours are Alertmanager's own repeat_interval; a dead-man's switch is not that patient."""
    (problem,) = check(routed("").replace("repeat_interval: 1m", "repeat_interval: 4h")).problems
    assert problem.message == "VedetteHeartbeat is passed on every 14400 s; a dead-man's switch waits for it"
    assert (
        check(
            routed("").replace("repeat_interval: 1m", "repeat_interval: 4h"), alerts=expected(heartbeat=False)
        ).problems
        == []
    )


def test_what_cannot_be_read_is_no_verdict() -> None:
    """A matcher that is none: that alone is said, and nobody is said to be told."""
    checked = check(routed("  - {receiver: security, matchers: ['severity~x']}\n"))
    assert [problem.message for problem in checked.problems] == ["'severity~x' is no matcher"]
    assert checked.told == {}


KEYS = st.sampled_from(
    "route receiver receivers routes matchers match match_re continue group_by group_wait repeat_interval name "
    "slack_configs inhibit_rules target_matchers target_match_re mute_time_intervals".split()
)
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.sampled_from(["a", "", "a=b", '{a=~"("}', "1m", "x" * 99, "..."])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=25,
)


def test_whether_there_is_a_label_is_certain() -> None:
    """`entity` has a value that each event decides, and only the watcher's alerts have one."""
    alone = routed("  - {receiver: ops, group_by: ['...'], matchers: ['entity=~\".+\"']}\n")
    checked = check(alone, alerts=expected(heartbeat=False))
    assert checked.problems == []
    assert {one.sender for one in checked.told["security",]} == {"Loki's ruler"}
    assert "VedetteK3Attempt" in {one.name for one in checked.told["ops",]}
    assert check(alone.replace(".+", "0.+")).problems != []


@given(value=st.fixed_dictionaries({"route": VALUES, "receivers": VALUES}) | VALUES)
def test_no_file_ends_in_a_traceback(value: object) -> None:
    """Whatever stands where a route or a receiver should: findings, or none."""
    checked = check(yaml.safe_dump(value))
    assert checked.problems or checked.told
