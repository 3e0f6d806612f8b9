"""What a policy takes from the rules that look at who asks, though every case of theirs is seen."""

from __future__ import annotations

import pytest

from tests.proof.asking import HEALTHY, emitted
from tests.proof.test_synthesis import made
from vedette.proof.policy_text import policy_text
from vedette.proof.verdict import State

_HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n"
_REST = "- level: Metadata"
_STAGES = "[RequestReceived, ResponseStarted, ResponseComplete]"


def policy(*lines: str) -> str:
    """A policy of these rules, the first on line 4."""
    return _HEAD + "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", ["K2", "K9"])
@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{level: None, namespaces: [dev]}", "every request in dev"),
        ("{level: None, verbs: [get], resources: [{group: apps}]}", "get of all that is of apps"),
        (
            "{level: None, verbs: [get, list], resources: [{group: '', resources: [events, pods/log]}]}",
            "get, list of events, pods/log",
        ),
        ("{level: None, nonResourceURLs: ['/healthz*']}", "every request of /healthz*"),
        (
            "{level: None, userGroups: ['system:authenticated'], namespaces: [dev]}",
            "every request in dev by system:authenticated ",
        ),
        (f"{{level: Metadata, namespaces: [dev], omitStages: {_STAGES}}}", "every request in dev"),
    ],
)
def test_what_is_dropped_beside_the_cases_is_said(name: str, rule: str, said: str) -> None:
    """READY, for the cases are seen; which requests are not, by which line, and what would have them written."""
    result = emitted(name, policy(f"- {rule}", _REST))
    assert result.state is State.READY, result.why
    (unseen,) = result.unseen
    assert unseen.startswith(said)
    assert unseen.endswith("(policy.yaml:4)")
    assert f"not written: {unseen}" in result.why
    assert result.mend.startswith("where that matters, policy.yaml:4: ")
    mended = (
        policy("- level: Metadata") if "omitStages" in rule else policy(f"- {rule}".replace("None", "Metadata"), _REST)
    )
    assert emitted(name, mended).unseen == ()


@pytest.mark.parametrize(
    "rules_of_policy",
    [
        ("- {level: None, users: ['system:anonymous']}", _REST),
        ("- {level: None, userGroups: ['system:nodes']}", _REST),
        ("- {level: None, users: ['system:kube-scheduler']}", _REST),
        (_REST, "- {level: None, namespaces: [dev]}"),
        ("- {level: Metadata, namespaces: [dev]}", "- {level: None, namespaces: [dev], verbs: [get]}", _REST),
    ],
)
def test_what_takes_nothing_of_theirs_is_not_said(rules_of_policy: tuple[str, ...]) -> None:
    """Others who ask, and rules that no request reaches."""
    for name in ("K2", "K9"):
        result = emitted(name, policy(*rules_of_policy))
        assert (result.state, result.unseen, result.mend) == (State.READY, (), "")


def test_a_service_account_that_is_named_is_k2_s_alone() -> None:
    """K9 guards the owner, whatever accounts there are."""
    text = policy("- {level: None, users: ['system:serviceaccount:ci:bot']}", _REST)
    assert emitted("K2", text).unseen == ("every request by system:serviceaccount:ci:bot (policy.yaml:4)",)
    assert emitted("K9", text).unseen == ()
    text = policy("- {level: None, userGroups: ['system:serviceaccounts:ci'], verbs: [get]}", _REST)
    assert emitted("K2", text).unseen == ("get by system:serviceaccounts:ci (policy.yaml:4)",)


def test_what_no_rule_is_for_is_said() -> None:
    """Nothing is written of it either."""
    result = emitted("K2", policy("- {level: Metadata, verbs: [get, list, watch]}", _PODS))
    assert result.state is State.READY
    said = "create, update, patch, delete, deletecollection that no rule of the policy is for (policy.yaml)"
    assert result.unseen == (said,)
    assert "at the end put `- level: Metadata`" in result.mend


_PODS = "- {level: Metadata, resources: [{group: '', resources: [pods]}]}"


def test_a_rule_that_looks_at_what_is_done_has_its_cases() -> None:
    """What they show is what it wants; the rest is none of its business."""
    for name in ("K3", "K5", "K7", "K10"):
        assert emitted(name, policy("- {level: None, namespaces: [dev]}", "- level: RequestResponse")).unseen == ()


def test_a_policy_that_is_healthy_or_rendered_has_no_gap() -> None:
    """Ours cut noise only where neither K2 nor K9 asks for it."""
    for name in ("K2", "K9"):
        assert emitted(name, HEALTHY).unseen == ()
        assert emitted(name, policy_text(made())).unseen == ()
