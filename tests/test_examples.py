"""The recorded examples: every rule has its true case in them, and there is not much besides."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.scans import LOGS, alerts

RULES = {*(f"K{n}" for n in range(2, 11)), *(f"V{n}" for n in range(1, 8)), "S1"}
MOST = 60
"""Alerts in all: more would drown a reader who tries the examples."""
SECRETS = re.compile(rb"hvs\.[A-Za-z0-9]{20}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10}|PRIVATE KEY-----")


@pytest.fixture(scope="module")
def found() -> list[dict[str, object]]:
    """The alerts of the examples under the examples' settings."""
    return alerts([LOGS])


def test_every_rule_has_a_true_case(found: list[dict[str, object]]) -> None:
    """Each of the rules gives an alert on something that was done."""
    done = {alert["rule"] for alert in found if alert["outcome"] == "done"}
    assert done == RULES


def test_the_examples_do_not_flood(found: list[dict[str, object]]) -> None:
    """All alerts fit on a screen or two, and no rule gives more than a handful."""
    assert len(found) <= MOST
    each = Counter(alert["rule"] for alert in found)
    assert max(each.values()) <= 6


def test_ordinary_traffic_is_silent(found: list[dict[str, object]]) -> None:
    """No alert names the owner at home, a node, a controller or an operator at its work."""
    silent = (
        "system:node:",
        "system:kube-",
        "system:apiserver",
        "system:serviceaccount:kube-system:",
        "system:serviceaccount:traefik:",
    )
    assert [alert for alert in found if str(alert["actor"]).startswith(silent)] == []
    at_home = [
        alert
        for alert in found
        if str(alert["actor"]).startswith(("me@", "userpass-me")) and str(alert["address"]).startswith("10.0.20.")
    ]
    assert at_home == []


def test_the_readme_points_at_the_right_lines() -> None:
    """The table in examples/README.md names, for each rule, a file and a line that hold what it says."""
    table = re.findall(
        r"^\| (\w+) \| `([\w.-]+)`:(\d+) \| .*? \| `(.+?)` \|$",
        (LOGS.parent / "README.md").read_text("utf-8"),
        re.MULTILINE,
    )
    assert {rule for rule, *_ in table} == RULES
    for rule, file, line, text in table:
        assert text in (LOGS / file).read_text("utf-8").splitlines()[int(line) - 1], rule


@pytest.mark.parametrize("file", sorted(LOGS.iterdir()), ids=lambda path: path.name)
def test_no_secret_is_in_the_recordings(file: Path) -> None:
    """Tokens and keys were taken out of the recordings, and those are small enough to read."""
    data = file.read_bytes()
    assert SECRETS.search(data) is None
    assert 1_000 < len(data) < 1_500_000


@pytest.mark.parametrize(
    ("name", "key"),
    [("kube-audit.jsonl", "stageTimestamp"), ("vault-audit.jsonl", "time"), ("observations.jsonl", "time")],
)
def test_recordings_are_in_order_of_time(name: str, key: str) -> None:
    """Records stand in the order in which they were written; two servers' threads may differ by milliseconds."""
    times = [
        datetime.fromisoformat(json.loads(line)[key][:26].rstrip("Z"))
        for line in (LOGS / name).read_text("utf-8").splitlines()
    ]
    assert min(b - a for a, b in itertools.pairwise(times)) > timedelta(seconds=-1)
    assert timedelta(seconds=30) < max(times) - min(times) < timedelta(minutes=10)
