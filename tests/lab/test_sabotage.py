"""The lab set up wrongly in one way at a time: the act then gets as far as that, and no further."""

from __future__ import annotations

import pytest
import yaml
from lab.acts import ACTS, Act, v7_at
from lab.hops import blind, by_loki, by_vedette, opened, to_slack
from lab.lab import Lab
from lab.loopback import Reply, proxy
from lab.process import DoesNotCome, until

SOON = 5.0
"""Seconds in which a healthy lab has told."""


def test_a_healthy_lab_is_ready(lab: Lab) -> None:
    """`vedette prove` finds no link of any rule broken."""
    until(lambda: lab.watch.total("vedette_lines_total") > 0 and blind(lab) == {}, "nothing is blind", every=1.0)
    assert blind(lab) == {}


def test_a_policy_that_drops_reads_hides_them(lab: Lab) -> None:
    """K3's line is not written; under the recommended policy it is again."""
    policy = yaml.safe_load(lab.policy)
    policy["rules"].insert(0, {"level": "None", "verbs": ["get", "list", "watch"]})
    lab.kube.restart(yaml.safe_dump(policy))
    with pytest.raises(DoesNotCome, match="K3: line in"):
        by_vedette(lab, ACTS["K3"](lab), SOON)
    assert blind(lab)["K3"] == {"emitted"}
    lab.kube.restart(lab.policy)
    assert by_vedette(lab, ACTS["K3"](lab)).slack > 0


@pytest.mark.parametrize("answer", [Reply(404, b"no_service"), Reply(403, b"invalid_token")])
def test_a_slack_that_refuses_leaves_the_alert_at_alertmanager(lab: Lab, answer: Reply) -> None:
    """The chain is whole up to there."""
    lab.slack.answer = answer
    try:
        act = ACTS["V4"](lab)
        with pytest.raises(DoesNotCome, match="told to Alertmanager, and not in Slack"):
            by_vedette(lab, act, SOON)
    finally:
        lab.slack.answer = None


def test_an_alertmanager_that_is_away_is_told_when_it_is_back(lab: Lab) -> None:
    """The alert is in the store meanwhile."""
    lab.alertmanager.stop()
    try:
        act = ACTS["V6"](lab)
        with pytest.raises(DoesNotCome, match="in the store, and not told to Alertmanager"):
            by_vedette(lab, act, SOON)
    finally:
        lab.alertmanager.start()
    assert to_slack(lab, act, seconds=60.0) > SOON


def test_a_renamed_job_label_hides_a_log_from_loki_alone(lab: Lab) -> None:
    """The line is in the file, and the embedded engine tells; Loki's rules look under another label."""
    lab.promtail.restart(lab.promtail_settings(vault="vault"))
    try:
        act = ACTS["V4"](lab)
        assert by_vedette(lab, act).slack > 0
        with pytest.raises(DoesNotCome, match=r'line in Loki .\{job="vault-audit"\}'):
            by_loki(lab, act, SOON)
    finally:
        lab.promtail.restart(lab.promtail_settings())


def test_one_broken_rule_file_empties_the_ruler(lab: Lab) -> None:
    """After a restart it runs no group, and is ready all the same."""
    assert "vedette-V4" in lab.loki.groups()
    lab.loki.write_rules("groups: [", "broken.yaml")
    lab.loki.restart()
    try:
        assert lab.loki.groups() == []
    finally:
        (lab.loki.rules / "broken.yaml").unlink()
        lab.loki.restart()
    until(lambda: "vedette-V4" in lab.loki.groups(), "the ruler has its groups again")


def test_an_sshd_that_says_nothing(lab: Lab) -> None:
    """At LogLevel ERROR an accepted login is not in the log."""
    lab.sshd.restart(level="ERROR")
    try:
        with pytest.raises(DoesNotCome, match="S1: line in"):
            by_vedette(lab, ACTS["S1"](lab), SOON)
    finally:
        lab.sshd.restart()
    assert by_vedette(lab, ACTS["S1"](lab)).slack > 0


def test_what_happens_while_the_watcher_is_away_is_told_later(lab: Lab) -> None:
    """Vault's log waits in its file, the API server tries its batch again."""
    lab.watch.stop()
    acts: list[Act] = [ACTS["V4"](lab), ACTS["K3"](lab)]
    lab.watch.start()
    for act in acts:
        assert to_slack(lab, act, seconds=60.0) > 0
        assert opened(lab, act) is not None


def test_a_proxy_before_vault_hides_addresses_that_it_may_not_tell(lab: Lab) -> None:
    """Without x_forwarded_for_authorized_addrs every address is the proxy's; with it V7 sees the true one."""
    far = proxy(lab.vault.address)
    try:
        with pytest.raises(DoesNotCome, match="V7: line in"):
            by_vedette(lab, v7_at(lab, far.url), SOON)
        lab.restart_vault(x_forwarded_for_authorized_addrs="127.0.0.1")
        assert by_vedette(lab, v7_at(lab, far.url)).slack > 0
    finally:
        far.close()
