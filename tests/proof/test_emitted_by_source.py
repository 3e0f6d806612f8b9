"""Each rule is judged by the part that knows its log."""

from __future__ import annotations

from tests.proof.asking import HEALTHY, rules, rules_under
from vedette.proof.links.base import Given, Link
from vedette.proof.links.emitted import Emitted
from vedette.proof.links.emitted_by_source import EmittedBySource
from vedette.proof.links.emitted_sshd import EmittedSshd, SshdGiven
from vedette.proof.links.emitted_vault import EmittedVault
from vedette.proof.policy_reading import read_policy
from vedette.proof.sshd_config import read_sshd_config
from vedette.proof.vault_node import Device, VaultNode
from vedette.proof.verdict import LinkResult, State


def link(*devices: Device, level: str = "INFO") -> EmittedBySource:
    """All three sources."""
    parts: list[Link] = [
        Emitted(Given(rules_under(), read_policy(HEALTHY, "policy.yaml"))),
        EmittedVault([VaultNode("vault-0", devices, "", ())], rules_under(), None),
        EmittedSshd(SshdGiven(read_sshd_config(f"LogLevel {level}\n", "sshd_config")), rules_under()),
    ]
    return EmittedBySource(parts)


def test_every_rule_of_the_pack_that_reads_a_log_is_ready_where_all_is_well() -> None:
    """One link, one name, whatever the source; nothing is called blind that is not."""
    whole = link(Device("file/", "file", {}))
    for name, rule in rules().items():
        result = whole.check(rule)
        assert (result.link, result.state, result.concerns) == ("emitted", State.READY, True), (name, result.why)


def test_a_fault_of_one_source_is_that_of_its_rules_alone() -> None:
    """No device, a level that hides: V and S go blind, K does not."""
    broken = link(level="QUIET")
    states = {name: broken.check(rule).state for name, rule in rules().items()}
    assert {state for name, state in states.items() if name[0] == "K"} == {State.READY}
    assert {state for name, state in states.items() if name[0] != "K"} == {State.BLIND}


def test_a_rule_of_which_nothing_is_given_is_not_concerned() -> None:
    """With one part alone its own words stay."""
    policy = Emitted(Given(rules_under(), read_policy(HEALTHY, "policy.yaml")))
    assert EmittedBySource([policy]).check(rules()["V4"]) == policy.check(rules()["V4"])
    sshd = EmittedSshd(SshdGiven(), rules_under())
    result = EmittedBySource([policy, sshd]).check(rules()["V4"])
    assert not result.concerns
    assert "vault_audit" in result.why


def test_the_worst_of_several_sources_counts() -> None:
    """A rule that reads two logs is as blind as the blinder."""

    class Part:
        name = "emitted"

        def __init__(self, state: State) -> None:
            self.state = state

        def check(self, rule: object) -> LinkResult:  # noqa: ARG002 - any rule will do
            return LinkResult("emitted", self.state, self.state.value)

    both = EmittedBySource([Part(State.READY), Part(State.BLIND)])
    assert both.check(rules()["K3"]).why == "BLIND"
