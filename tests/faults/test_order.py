"""Acts that come in any order, from several sources at once and twice, give the alerts of the sorted log."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.faults.conftest import AMOUNT
from tests.faults.forking import Forker
from tests.faults.inputs import LOG_NAMES, mass_deletion, recorded, settings, write_all
from tests.faults.lives import Life
from tests.faults.outcome import counted, in_any_order, outcome
from tests.scans import scan

_EXAMPLES = {"few": 8, "ci": 60, "soak": 1500}[AMOUNT]
_PARTS = 3
"""Sources that each log is dealt out to."""
_NAMES = [f"{name}-{part}" for name in LOG_NAMES for part in range(_PARTS)]
Shown = tuple[object, ...]


def _scanned(folder: Path) -> Counter[Shown]:
    """What a scan of the sorted logs shows: rule, severity, reaction, group, count, begin, end and outcome."""
    return Counter(
        (one.rule, one.severity, one.reaction, one.group, one.count, one.first_seen, one.last_seen, one.outcome)
        for one in scan([folder]).alerts()
    )


def _watched(folder: Path) -> Counter[Shown]:
    """The same of what a watcher keeps. A window's alert is named after the act that completed it, which is another
    one in another order, so that names, places and words are not compared."""
    found = outcome(folder)
    in_any_order(found)  # no two of one episode
    return Counter((*one[:7], one[9]) for one in found.alerts.values())


def _dealt(lines: Sequence[bytes], chance: random.Random, reach: int) -> list[list[bytes]]:
    """The lines, none moved by more than `reach` places, dealt out to several sources, and some of them twice."""
    order = sorted(range(len(lines)), key=lambda at: at + chance.uniform(0, reach))
    parts: list[list[bytes]] = [[] for _ in range(_PARTS)]
    for at in order:
        parts[chance.randrange(_PARTS)].append(lines[at])
    for part in parts:
        begin = chance.randrange(len(part) // 2 + 1)
        part[begin:begin] = part[begin : begin + 20]  # a batch that is delivered twice
    return parts


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings with a source for each part of each log."""
    folder = tmp_path_factory.mktemp("order")
    settings(folder, files=_NAMES)
    return folder


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Counter[Shown]:
    """The alerts of a scan of the sorted logs."""
    folder = tmp_path_factory.mktemp("sorted")
    write_all(folder, {name: recorded(name) for name in LOG_NAMES})
    return _scanned(folder)


@hypothesis_settings(max_examples=_EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), reach=st.sampled_from([0, 5, 40, 2000]), piece=st.sampled_from([2, 8, 64, 4096]))
def test_any_order_within_the_lateness_gives_the_alerts_of_the_sorted_log(
    place: Path, forker: Forker, scanned: Counter[Shown], seed: int, reach: int, piece: int
) -> None:
    """K5's and V5's thresholds included: counts and spans are those of a scan, and no episode is there twice."""
    chance = random.Random(seed)
    shutil.rmtree(place / "state", ignore_errors=True)
    (place / "told.jsonl").unlink(missing_ok=True)
    dealt: dict[str, Sequence[bytes]] = {}
    for name in LOG_NAMES:
        dealt |= {f"{name}-{part}": lines for part, lines in enumerate(_dealt(recorded(name), chance, reach))}
    write_all(place / "logs", dealt)
    assert forker.run(Life(str(place / "vedette.yaml"), piece << 10)) == 0
    assert _watched(place) == scanned
    assert counted(place, "late") == 0


def test_acts_beyond_the_lateness_are_counted_as_late_and_still_judged(tmp_path: Path, forker: Forker) -> None:
    """A mass deletion half an hour later comes first: what single acts show is found all the same, and said to be late."""
    settings(tmp_path, files=("kube",))
    log = recorded("kube")
    write_all(tmp_path / "logs", {"kube": [*mass_deletion(20), *log]})
    assert forker.run(Life(str(tmp_path / "vedette.yaml"), 8 << 10)) == 0
    late = counted(tmp_path, "late")
    found = Counter(one[:7] for one in outcome(tmp_path).alerts.values() if one[3] != ("mallory@example.org",))
    shutil.rmtree(tmp_path / "state")
    write_all(tmp_path / "logs", {"kube": log})
    assert forker.run(Life(str(tmp_path / "vedette.yaml"), 8 << 10)) == 0
    on_time = Counter(one[:7] for one in outcome(tmp_path).alerts.values())
    assert late > 20
    assert {one[0] for one in found} >= {"K2", "K3", "K4", "K7", "K8"}
    single = {one: number for one, number in on_time.items() if one[0] != "K5"}
    assert {one: number for one, number in found.items() if one[0] != "K5"} == single
