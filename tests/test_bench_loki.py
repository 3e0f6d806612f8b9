"""The bench of the rules on Loki: a small run of it measures every row on a real one, and its sums are right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lab.built import part

from tests.scans import ROOT

sys.path.insert(0, str(ROOT / "bench"))

import corpus
import loki
from loki_server import PARTS, Server
from watch_daemon import Row

SIZE = 400_000


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loki is where the bench looks for it; the test is skipped where there is none."""
    monkeypatch.setenv("VEDETTE_PARTS", str(part("loki").parent))


@pytest.mark.usefixtures("built")
def test_a_small_run_measures_every_row(tmp_path: Path) -> None:
    """Both find the same acts, and some; every text filter passes what its query finds."""
    call = [sys.executable, str(ROOT / "bench" / "loki.py"), "--size", str(SIZE), "--repeats", "1", "--share", "1"]
    done = subprocess.run([*call, "--cache", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    head, first, *rows = done.stdout.splitlines()
    assert head.split() == ["figure", "must", "aim", "measured"]
    assert first.startswith("all queries on Loki / one scan, one worker")
    assert " acts alike, " in first
    assert " 0 acts alike" not in first
    assert "acts on Loki" not in first
    names = [row.split(":", 1)[0] for row in rows]
    assert {"K3", "K4", "K5", "S1", "V4", "V5"} <= set(names) == set(dict.fromkeys(names))
    assert not any("other lines are found" in row for row in rows)
    filtered = [row for row in rows if "of lines pass" in row]
    assert len(filtered) >= 15
    assert all("the rule implies no text" in row for row in rows if row not in filtered)


@pytest.mark.usefixtures("built")
def test_an_answer_that_differs_is_seen(tmp_path: Path) -> None:
    """Of a Loki that has another corpus than vedette scans, the acts differ, and that is said."""
    mine = corpus.made(tmp_path / "a", SIZE, say=lambda _: None)
    other = corpus.made(tmp_path / "b", SIZE, seed=2, say=lambda _: None)
    server = Server(tmp_path)
    try:
        server.bring(other)
        contest = loki.Contest(mine, server, repeats=1, share=1)
        counted = {(query.name, query.reaction.value): server.count(query.logs).lines for query in contest.queries}
        wrong = contest.difference(counted)[1]
        assert " acts on Loki, " in wrong
        half = [server.count(f'{{job="{job}"}}', share=0.5).lines for job in server.lines]
        assert [abs(found - lines / 2) <= 1 for found, lines in zip(half, server.lines.values(), strict=True)] == [
            True
        ] * len(PARTS)
    finally:
        server.close()


def test_without_a_loki_it_says_so(tmp_path: Path) -> None:
    """Exit code 2, and where it looked."""
    call = [sys.executable, str(ROOT / "bench" / "loki.py"), "--size", "100000", "--cache", str(tmp_path)]
    environment = {**os.environ, "PATH": "/nowhere", "VEDETTE_PARTS": ""}
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 2
    assert "bench: no program `loki`" in done.stderr


def test_a_filter_is_told_from_the_query() -> None:
    """The query without it and the filter alone, both on the same streams."""
    contest = loki.Contest(Path(), None, repeats=1, share=1)  # type: ignore[arg-type] # no Loki is asked
    query = next(one for one in contest.queries if one.name == "K3")
    bare, alone, job = loki.filters_of(query)
    assert job == "kube-audit"
    assert alone.startswith('{job="kube-audit"} |= `"secrets"` or ')
    assert "label_format" not in alone
    assert bare.startswith('{job="kube-audit"} | label_format verdict=`')
    assert query.logs == bare.replace('{job="kube-audit"}', alone, 1)


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("x", 11, aim=10), "aim reached"),
        (Row("x", 9, aim=10), "short of aim"),
        (Row("x", 1, 2, aim=10), "FALLS SHORT"),
        (Row("x", 3, 2, aim=10), "short of aim"),
        (Row("x", 11, aim=10, broken="one is missing"), "FALLS SHORT"),
    ],
)
def test_a_row_with_an_aim_says_how_far_it_came(row: Row, verdict: str) -> None:
    """Short of its aim it does not fall short; that is for what must be."""
    assert row.verdict == verdict
