"""`vedette render audit-policy` as a person calls it."""

from __future__ import annotations

import pytest

from vedette.cases import SETTINGS
from vedette.cli import main


def test_it_prints_a_policy_that_prove_finds_nothing_wrong_with(
    capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What one command makes the other one takes, under the same settings."""
    assert main(["render", "audit-policy", "--config", str(SETTINGS)]) == 0
    file = tmp_path_factory.mktemp("policy") / "policy.yaml"
    file.write_text(capsys.readouterr().out)
    assert main(["prove", "--policy", str(file), "--config", str(SETTINGS)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("READY") == 9
    assert "BLIND" not in shown


def test_without_an_owner_the_rules_for_it_are_named_as_left_out(
    capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Not configured is said in the file."""
    file = tmp_path_factory.mktemp("settings") / "vedette.yaml"
    file.write_text("networks: {lan: [10.0.0.0/8]}\n")
    assert main(["render", "audit-policy", "--config", str(file)]) == 0
    assert "# Left out: K9: not configured: owner is not set." in capsys.readouterr().out


def test_rules_of_other_logs_and_unknown_ones_end_with_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and no policy."""
    assert main(["render", "audit-policy", "V4", "--config", str(SETTINGS)]) == 2
    assert main(["render", "audit-policy", "K99", "--config", str(SETTINGS)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "none of these rules reads the Kubernetes audit log" in printed.err
    assert "K99" in printed.err
