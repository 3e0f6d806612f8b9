"""Other people's rules: each of SigmaHQ's for Kubernetes gets a verdict, and the page says what came of them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from tests.cli.test_scan import vedette
from tests.scans import ROOT

PAGE = ROOT / "docs" / "reference" / "dead-rules.md"
FOLDER = "rules/application/kubernetes"
POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: RequestResponse\n"


@pytest.fixture(scope="module")
def sigmahq() -> Path:
    """SigmaHQ's rules, which their licence keeps out of this repository."""
    folder = os.environ.get("VEDETTE_SIGMAHQ")
    if not folder or not Path(folder, FOLDER).is_dir():
        pytest.skip("VEDETTE_SIGMAHQ does not name a checkout of SigmaHQ/sigma")
    return Path(folder, FOLDER)


def test_every_rule_of_sigmahq_has_a_verdict(sigmahq: Path, tmp_path: Path) -> None:
    """Where everything is written a rule is READY or refused with file and line; of none it is not known."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    done = vedette("prove", "--rules", sigmahq, "--no-pack", "--policy", tmp_path / "policy.yaml", "-o", "json")
    results = json.loads(done.stdout)
    assert len(results) == len(list(sigmahq.rglob("*.yml")))
    for one in results:
        (link,) = one["links"]
        if one["state"] == "READY":
            assert (link["link"], link["invented"]) == ("emitted", True)
            continue
        assert (one["state"], link["link"]) == ("BLIND", "read"), one
        assert re.search(r"\.yml:\d+:\d+: ", link["why"])


def test_the_page_counts_what_it_lists() -> None:
    """The sentence on top agrees with the tables, and each rule that cannot fire has a line to write instead."""
    text = PAGE.read_text("utf-8")
    found = re.search(r"\*\*(\d+) of (\d+) can fire as they are written; (\d+) cannot", text)
    assert found
    able, every, dead = map(int, found.groups())
    table = text.partition("## Under which policy")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and ".yml" in line]
    assert (len(rows), able + dead) == (every, every)
    assert sum("_" in line.partition(")")[2] for line in rows) == dead
    deaths = text.partition("## Those that cannot fire")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\| .*\(`[0-9a-f-]{36}`\) \| \d+ \| .* \| `.*` \|$", deaths, re.MULTILINE)) == dead
