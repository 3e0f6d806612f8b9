"""The webhook's bench: a small run of it works from end to end."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.scans import ROOT

sys.path.insert(0, str(ROOT / "bench"))

import webhook_load


def test_a_small_run_is_acknowledged_and_measured(tmp_path: Path) -> None:
    """Every batch of both runs is acknowledged, and the second run keeps to the rate that it was given."""
    fast, half = webhook_load.measured(tmp_path, 3, tls=False)
    assert fast.rate > 0
    assert 0 < half.p50 <= half.p99
    assert half.rate < fast.rate
