"""An audit policy is read as the API server reads it, and what is wrong is said with its place and its mend."""

from __future__ import annotations

import pytest

from vedette.proof.audit_policy import AuditPolicy, Level
from vedette.proof.policy_reading import PolicyError, read_policy

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"


def refused(text: str | bytes) -> list[str]:
    """Each problem as `line:column: message | mend`."""
    with pytest.raises(PolicyError) as caught:
        read_policy(text, "policy.yaml")
    return [f"{one.line}:{one.column}: {one.message} | {one.mend}" for one in caught.value.problems]


def test_a_rule_is_read_with_its_place() -> None:
    """Every key of a rule, and the line on which it stands."""
    policy = read_policy(
        HEAD
        + "omitStages: [RequestReceived]\nrules:\n  - level: None\n    users: [a]\n"
        + "  # between\n  - level: Request\n    verbs: [get]\n    omitManagedFields: true\n"
        + '    resources: [{group: "", resources: [pods/*], resourceNames: [x]}]\n    namespaces: [""]\n',
        "policy.yaml",
    )
    first, second = policy.rules
    assert (first.line, second.line) == (5, 8)
    assert (second.level, second.verbs, second.namespaces) == (Level.REQUEST, ("get",), ("",))
    assert second.resources[0].names == ("x",)
    assert second.omit_managed_fields is True
    assert policy.omit_stages == {"RequestReceived"}
    assert policy.where(1) == "policy.yaml:8"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules: [{level: metadata}]", "3:17: the level 'metadata' does not exist"),
        ("rules: [{verbs: [get]}]", "3:9: the rule has no level"),
        ("rules: []", "3:1: there are no rules"),
        ("omitStages: [Requestreceived]\nrules: [{level: None}]", "3:14: the stage 'Requestreceived' does not exist"),
        ("rules: [{level: None, nonResourceURLs: [version]}]", "3:41: the path 'version' does not begin with /"),
        ("rules: [{level: None, nonResourceURLs: [/a*b]}]", "3:41: in the path '/a*b' a * stands before the end"),
        (
            "rules: [{level: None, nonResourceURLs: [/a], namespaces: [b]}]",
            "3:23: a rule is for resources or for nonResourceURLs",
        ),
        ("rules: [{level: None, resources: [{group: apps/v1}]}]", "3:43: 'apps/v1' is no API group"),
        (
            'rules: [{level: None, resources: [{group: "", resourceNames: [a]}]}]',
            "3:47: resourceNames needs resources beside it",
        ),
        ("rules: [{level: None, verbs: get}]", "3:23: verbs is a list"),
        ("rules: [{level: None, users: [no]}]", "3:31: no is no text to the API server (YAML 1.1)"),
        ("rules: [{level: None, users: [{}]}]", "3:31: a text is wanted here"),
        ("rules: [{level: None}]\nrules: []", "4:1: the key 'rules' stands twice"),
        ("rules: [{level: None", "the API server"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, said: str) -> None:
    """File, line, column and field; each but a broken text with what to write instead."""
    problems = refused(HEAD + text + "\n")
    if said == "the API server":
        assert len(problems) == 1
        assert "close the b" in problems[0]
        return
    assert problems[0].startswith(said)
    assert not problems[0].endswith("| ")


def test_every_problem_of_a_file_is_said_at_once() -> None:
    """A person mends a file once, not once a mistake."""
    assert len(refused("kind: Pod\nrules: [{level: x}, {level: y, omitStages: [z]}]\n")) == 5


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "null\n", b"\x00\x01", b"\xff\xfe", "just words", "- a\n"]
)
def test_what_is_no_policy_is_refused_and_never_a_traceback(text: str | bytes) -> None:
    """An empty file, another shape, bytes that are no text."""
    assert refused(text)


def test_half_a_file_is_refused_or_is_a_policy_of_its_own() -> None:
    """A file that was cut anywhere: what is taken has whole rules, all else is said to be wrong."""
    whole = HEAD + "rules:\n  - level: None\n    verbs: [get]\n  - level: Metadata\n    omitStages: [RequestReceived]\n"
    taken = said = 0
    for end in range(len(whole)):
        try:
            taken += len(read_policy(whole[:end], "policy.yaml").rules) > 0
        except PolicyError as error:
            said += len(error.problems) > 0
    assert taken + said == len(whole)
    assert 0 < taken < len(whole) / 2


def test_a_key_that_the_server_passes_over_is_a_warning() -> None:
    """`verb` for `verbs` makes a rule for every verb; the server only says so in its own log."""
    policy = read_policy(HEAD + "rules:\n  - level: None\n    verb: [get]\n", "policy.yaml")
    assert policy.rules[0].verbs == ()
    assert [(one.line, one.mend, one.error) for one in policy.warnings] == [(5, "verbs:", False)]


CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {{name: audit}}
data:
  other.txt: |
    words
  {key}: |
    # comment
    apiVersion: audit.k8s.io/v1
    kind: Policy
    rules:
      - level: {level}
"""


def test_a_config_map_holds_a_policy_under_any_key() -> None:
    """The lines are those of the file that was given."""
    policy = read_policy(CONFIG_MAP.format(key="audit-policy.yaml", level="Metadata"), "map.yaml")
    assert policy.where(0) == "map.yaml:12"
    assert refused(CONFIG_MAP.format(key="policy", level="All"))[0].startswith("12:16: the level 'All'")


def test_config_maps_among_other_documents() -> None:
    """One policy in a file of several documents is found; two, or none, are not guessed at."""
    held = CONFIG_MAP.format(key="p", level="None")
    assert isinstance(read_policy("kind: Pod\n---\n" + held, "all.yaml"), AuditPolicy)
    assert "a second audit policy in one file" in refused(held + "---\n" + held)[0]
    assert "holds no audit policy (data: a)" in refused("kind: ConfigMap\ndata: {a: b}\n")[0]
    assert "holds no audit policy" in refused("kind: ConfigMap\ndata: []\n")[0]
