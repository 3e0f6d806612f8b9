"""What a mend says to write is read again as the rule that was tried."""

from __future__ import annotations

from dataclasses import replace

import yaml

from tests.proof.policies import Maker
from vedette.proof.audit_policy import Level, PolicyRule
from vedette.proof.mending import rule_lines
from vedette.proof.policy_reading import read_policy

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n"


def read_again(rule: PolicyRule) -> PolicyRule:
    """The rule as its printed lines say it."""
    lines = rule_lines(rule)
    assert max(map(len, lines)) <= 92
    return read_policy(HEAD + "\n".join(lines) + "\n", "policy.yaml").rules[0]


def test_generated_rules_are_printed_as_what_they_are() -> None:
    """Every condition and every kind of resource; long lists go over several lines."""
    maker = Maker(11)
    for _ in range(300):
        text = yaml.safe_dump(maker.policy(), sort_keys=False)
        for rule in read_policy(text, "policy.yaml").rules:
            asked = replace(rule, omit_managed_fields=None)
            assert read_again(asked) == asked


def test_odd_names_mean_themselves() -> None:
    """Blanks, quotes, what YAML would take for something else, and lists that do not fit a line."""
    names = ("no", "a  b", 'say "so"', "back\\slash", "# none", "über", "12", *(f"name-{n}" for n in range(30)))
    rule = PolicyRule(Level.METADATA, users=names, namespaces=("",))
    assert read_again(rule) == rule
