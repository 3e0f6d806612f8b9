"""The rows of a followed file: from its first byte to the durable checkpoint behind its last, against a scan of it."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import corpus
import measure
from measure import Run
from watch_daemon import CONFIG, Row, Watching, pinned, settings

Contestants = dict[str, Callable[[], Run]]


def follow_rows(bench: Watching) -> Iterator[Row]:
    """With evidence, as by default, and without."""
    folder = corpus.made(bench.cache, bench.size, say=lambda _: None) / "kube"
    size = sum(file.stat().st_size for file in folder.iterdir())
    with bench.folder() as place, pinned(1):
        runs = _runs(bench, place, folder)
    start = {name: runs[f"{name}, nothing"] for name in ("scan", "on", "off")}
    for name, must, what in (
        ("on", 0.5, "followed to checkpoint / scan, one core"),
        ("off", None, "the same without evidence"),
    ):
        ratio = measure.ratio(runs[name], runs["scan"], (measure.seconds(start[name]), measure.seconds(start["scan"])))
        cpu = statistics.median(_net(runs["scan"], start["scan"])) / statistics.median(_net(runs[name], start[name]))
        speed = size / 1e6 / statistics.median(_net(runs[name], start[name], clock=True))
        theirs = size / 1e6 / statistics.median(_net(runs["scan"], start["scan"], clock=True))
        note = f"{speed:,.0f} MB/s against {theirs:,.0f} MB/s, {cpu:.2f} by processor time; {size / 1e6:,.0f} MB"
        yield Row(what, ratio, must, "", f"{note}; all net of start-up")


def _net(runs: Sequence[Run], start: Sequence[Run], *, clock: bool = False) -> list[float]:
    """Seconds beyond those of a run on nothing: of the processor, or by the clock."""
    if clock:
        return [one.seconds - measure.seconds(start) for one in runs]
    usual = statistics.median(one.cpu for one in start)
    return [one.cpu - usual for one in runs]


def _runs(bench: Watching, place: Path, folder: Path) -> dict[str, list[Run]]:
    empty = place / "empty.log"
    empty.touch()
    # Paths on the command line are kept as evidence; a source of the settings may not be.
    contestants: Contestants = {}
    for name, path in (("", folder), (", nothing", empty)):
        contestants |= {
            f"scan{name}": _scan(bench, path),
            f"on{name}": _watch(bench, place, path, "on"),
            f"off{name}": _watch(bench, place, path, "off"),
        }
    if bench.repeats > 1:
        for contestant in contestants.values():
            contestant()
    return measure.interleaved(contestants, bench.repeats)


def _scan(bench: Watching, path: Path) -> Callable[[], Run]:
    call = [*bench.vedette, "scan", str(path), "--config", str(CONFIG), "-o", "jsonl", "-q", "--jobs", "1"]
    return lambda: measure.run(call, good=(0, 1, 2))


def _watch(bench: Watching, place: Path, path: Path, evidence: str) -> Callable[[], Run]:
    own = place / f"{path.name}-{evidence}"
    own.mkdir()
    said = settings(own, sources={"files": [{"name": "log", "paths": [str(path)], "evidence": evidence}]})
    state = own / "state"

    def run() -> Run:
        shutil.rmtree(state, ignore_errors=True)
        call = [*bench.vedette, "watch", "--config", str(said), "--state", str(state)]
        return measure.run([*call, "-o", "none", "-q", "--until-read"], good=(0,))

    return run
