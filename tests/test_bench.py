"""The bench: its corpus is what it says it is, its sums are right, and a small run of it works from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.scans import ROOT, SETTINGS, matches

sys.path.insert(0, str(ROOT / "bench"))

import corpus
import many_rules
import measure
from run import Figure

SIZE = 3_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small corpus."""
    return corpus.made(tmp_path_factory.mktemp("corpus"), SIZE, say=lambda _: None)


def test_a_corpus_is_the_same_for_the_same_seed(folder: Path, tmp_path: Path) -> None:
    """Made twice it is the same to the byte; another seed makes another."""
    again = corpus.made(tmp_path, SIZE, say=lambda _: None)
    other = corpus.made(tmp_path, SIZE, seed=2, say=lambda _: None)
    for part in ("kube", "vault", "sshd"):
        name = f"{part}/00.log"
        assert (folder / name).read_bytes() == (again / name).read_bytes() != (other / name).read_bytes()


def test_a_corpus_has_the_size_and_the_ids_asked_for(folder: Path) -> None:
    """It is about as large as asked for, every act has an id of its own, times advance."""
    manifest = json.loads((folder / "manifest.json").read_text())
    assert SIZE * 0.98 < sum(part["bytes"] for part in manifest.values()) < SIZE * 1.1
    events = [json.loads(line) for line in (folder / "kube" / "00.log").read_text().splitlines()]
    assert len(events) == manifest["kube"]["lines"]
    received = [event["requestReceivedTimestamp"] for event in events]
    assert received == sorted(received)
    assert len({event["auditID"] for event in events}) > len(events) * 0.8


def test_every_attack_of_a_corpus_is_found_and_nothing_else(folder: Path) -> None:
    """The acts that a scan finds by the Kubernetes rules are those that the generator put in."""
    put_in = Counter(json.loads((folder / "manifest.json").read_text())["kube"]["attacks"])
    found = matches([folder / "kube"], config=SETTINGS)
    acts = {rule: len({match["act"] for match in found if match["rule"] == rule}) for rule in put_in}
    assert acts == put_in
    assert {match["rule"] for match in found} <= {*put_in, "K5"}


def test_many_alerts_are_as_many_as_asked_for(tmp_path: Path) -> None:
    """The file of many alerts holds one act for each, by a person of its own."""
    file = corpus.many_alerts(tmp_path, 50)
    found = [match for match in matches([file], config=SETTINGS) if match["rule"] == "K3"]
    assert len({match["actor"] for match in found}) == len(found) == 50


def test_no_two_of_the_many_rules_are_alike(tmp_path: Path) -> None:
    """Five hundred files, five hundred detections."""
    folder = many_rules.made(tmp_path)
    texts = [path.read_text() for path in folder.iterdir()]
    assert len(texts) == 500
    assert len({text.partition("detection:")[2].partition("level:")[0] for text in texts}) == 500


def run_of(seconds: float) -> measure.Run:
    """A run that took `seconds`."""
    return measure.Run(seconds, seconds)


def test_a_ratio_is_of_pairs_and_net_of_start_up() -> None:
    """The median over the pairs; a start-up is taken from both."""
    ours, theirs = [run_of(1.0), run_of(2.0), run_of(1.5)], [run_of(3.0), run_of(4.0), run_of(9.0)]
    assert measure.ratio(ours, theirs) == 3.0
    assert measure.ratio([run_of(1.5)], [run_of(2.5)], (0.5, 0.5)) == 2.0


@pytest.mark.parametrize(
    ("value", "less_is_better", "verdict"),
    [
        (0.8, False, "ok, aim reached"),
        (0.6, False, "ok"),
        (0.5, False, "FALLS SHORT"),
        (None, False, "skipped"),
        (0.9, True, "FALLS SHORT"),
    ],
)
def test_a_figure_says_whether_it_holds(value: float | None, *, less_is_better: bool, verdict: str) -> None:
    """At least must, or at most where less is better."""
    must, aim = (0.55, 0.75) if not less_is_better else (0.75, 0.55)
    assert Figure("x", value, must, aim, less_is_better=less_is_better).verdict == verdict


def test_a_program_that_breaks_is_no_run() -> None:
    """A traceback is not taken for exit code 1, and the memory of children is seen."""
    with pytest.raises(measure.Failed, match="broken on purpose"):
        measure.run([sys.executable, "-c", "raise SystemExit('broken on purpose')"], good=(0,))
    with pytest.raises(measure.Failed, match="ZeroDivisionError"):
        measure.run([sys.executable, "-c", "1 / 0"])
    large = "import time; kept = bytearray(60_000_000); time.sleep(0.5)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {large!r}])"
    assert measure.run([sys.executable, "-c", child], watch=True).memory > 60_000_000


def test_a_small_run_prints_its_figures(tmp_path: Path) -> None:
    """From the corpus to the table, with whatever peers are installed."""
    call = [sys.executable, str(ROOT / "bench" / "run.py"), "--size", "1e6", "--repeats", "1", "--cache", str(tmp_path)]
    done = subprocess.run([*call, "--only", "main", "--only", "memory"], capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    for row in ("scan, one worker / decoding alone", "scan, two workers / DuckDB", "two workers / one", "peak memory"):
        assert row in done.stdout
