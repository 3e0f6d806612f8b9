"""The same alerts whatever the number of workers, the order of files, the split of lines, a shuffle or a repetition."""

from __future__ import annotations

import gzip
import random
import signal
from pathlib import Path

import pytest

from tests.scans import LOGS, alerts, matches, placeless, scan
from tests.sources.packed import zstd
from vedette.scan import Done, Plan
from vedette.sources import files as files_room
from vedette.workers import WorkerLost, read_all

FILES = sorted(LOGS.iterdir())


@pytest.fixture(scope="module")
def reference() -> list[dict[str, object]]:
    """The alerts of the examples, read in one process and one piece."""
    return alerts(FILES)


def _lines() -> dict[str, list[bytes]]:
    return {path.name: path.read_bytes().splitlines(keepends=True) for path in FILES}


def test_the_examples_hold_a_true_case_of_each_rule(reference: list[dict[str, object]]) -> None:
    """All sixteen, each with an outcome that says it was done (a refused use of a stolen token counts for K2)."""
    done = {alert["rule"] for alert in reference if alert["outcome"] == "done"}
    assert {f"K{n}" for n in range(2, 10)} | {f"V{n}" for n in range(1, 8)} | {"S1"} <= done


def test_workers_change_nothing(reference: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers over many small ranges give the same alerts, lines included."""
    monkeypatch.setattr(files_room, "_RANGE", 50_000)
    assert alerts(FILES, jobs=2) == reference
    assert matches(FILES, jobs=3) == matches(FILES)


@pytest.mark.parametrize("rule", [f"K{n}" for n in range(2, 11)] + [f"V{n}" for n in range(1, 8)] + ["S1"])
def test_a_rule_alone_gives_the_same(reference: list[dict[str, object]], rule: str) -> None:
    """`--rule` changes which fields are looked at, and in what order, but not what the rule says."""
    assert alerts(FILES, only=(rule,)) == [alert for alert in reference if alert["rule"] == rule]


def test_the_order_of_files_changes_nothing(reference: list[dict[str, object]]) -> None:
    """Files named in reverse."""
    assert alerts(FILES[::-1]) == reference


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_shuffle_changes_nothing(reference: list[dict[str, object]], tmp_path: Path, seed: int) -> None:
    """Lines in any order: acts are put together and sorted before they are judged."""
    for name, lines in _lines().items():
        random.Random(seed).shuffle(lines)
        (tmp_path / name).write_bytes(b"".join(lines))
    assert placeless(alerts([tmp_path])) == placeless(reference)


def test_a_split_of_files_changes_nothing(reference: list[dict[str, object]], tmp_path: Path) -> None:
    """Every log cut into seven files, dealt line by line, some packed."""
    for name, lines in _lines().items():
        for part in range(7):
            data = b"".join(lines[part::7])
            packed = gzip.compress(data) if part == 3 else zstd(data) if part == 4 else data
            (tmp_path / f"{part}-{name}").write_bytes(packed)
    assert placeless(alerts([tmp_path], jobs=2)) == placeless(reference)


def test_lines_read_twice_change_nothing(reference: list[dict[str, object]], tmp_path: Path) -> None:
    """A rotated copy of the same log beside it."""
    for name, lines in _lines().items():
        (tmp_path / name).write_bytes(b"".join(lines))
        (tmp_path / f"{name}.1").write_bytes(b"".join(lines[len(lines) // 3 :]))
    assert placeless(alerts([tmp_path])) == placeless(reference)


def test_one_rule_alone_gives_its_part(reference: list[dict[str, object]]) -> None:
    """`--rule` takes nothing from a rule and adds nothing to it."""
    for rule in ("K2", "K5", "V5", "S1"):
        assert alerts(FILES, only=(rule,)) == [alert for alert in reference if alert["rule"] == rule]


def test_since_and_until_split_the_acts() -> None:
    """What lies before a moment and what lies after it, together, are all matches of single acts."""
    everything = [one for one in matches(FILES) if one["count"] == 1]
    middle = 1_795_000_000_000_000_000
    times = sorted(str(one["last_seen"]) for one in everything)
    assert times
    before, after = matches(FILES, until=middle), matches(FILES, since=middle)
    single = [one for one in before + after if one["count"] == 1]
    assert sorted(str(one["act"]) for one in single) == sorted(str(one["act"]) for one in everything)


def test_every_line_is_accounted_for() -> None:
    """Records are events, quarantined or ignored; bytes and lines are those of the files."""
    run = scan(FILES, jobs=2)
    assert run.counts.bytes == sum(path.stat().st_size for path in FILES)
    assert run.counts.lines == sum(path.read_bytes().count(b"\n") for path in FILES)
    assert run.counts.tally.quarantined.total() == 0
    list(run.alerts())


def test_an_act_without_a_time_is_of_any_time(tmp_path: Path) -> None:
    """`--since` and `--until` leave out what was done at another time, and not what says no time."""
    said = "Accepted password for root from 203.0.113.9 port 22 ssh2"
    (tmp_path / "auth.log").write_text(f"{said}\n2026-11-23T10:00:00Z host sshd[1]: {said}\n")
    day = 86_400 * 1_000_000_000
    asked: tuple[dict[str, int], ...] = (
        {"since": 30_000 * day},
        {"until": day},
        {"since": day, "until": 30_000 * day},
        {},
    )
    assert [sum(int(alert["count"]) for alert in alerts([tmp_path], **more)) for more in asked] == [1, 1, 2, 2]


def test_alerts_name_the_line_they_stand_on(reference: list[dict[str, object]]) -> None:
    """The line of a single-act alert holds that act."""
    lines = _lines()
    for alert in reference:
        line = lines[Path(str(alert["file"])).name][int(str(alert["line"])) - 1]
        act = str(alert["first_act"]).partition("/")[0]
        if alert["source"] in ("kube_audit", "vault_audit") and alert["count"] == 1:
            assert act.encode() in line


def test_a_worker_that_dies_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker killed for want of memory ends the scan with a word, not with a wait."""
    import os

    from vedette.scan import Scanner

    def die(*_: object) -> None:
        os._exit(9)

    monkeypatch.setattr(Scanner, "read", die)
    described = [files_room.describe(str(path)) for path in FILES]
    parts = [files_room.Range(index, 0) for index in range(len(FILES))]
    with pytest.raises(WorkerLost, match="code 9"):
        list(read_all(Plan(()), described, parts, jobs=2))


def test_thousands_of_files_do_not_choke_the_workers(tmp_path: Path) -> None:
    """More parts than a pipe between two processes can hold are all read."""
    (tmp_path / "small.log").write_bytes(b"\n")
    described = [files_room.describe(str(tmp_path / "small.log"))] * 4000
    parts = [files_room.Range(index, 0) for index in range(len(described))]
    previous = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(120)
    try:
        done = [word for word in read_all(Plan(()), described, parts, jobs=2) if isinstance(word, Done)]
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    assert len(done) == len(parts)


def _too_long(*_: object) -> None:
    raise TimeoutError("the workers wait for each other")


def test_a_file_without_rules_is_still_counted() -> None:
    """With no rule at all every record is still read and counted."""
    described = [files_room.describe(str(path)) for path in FILES]
    parts = [files_room.Range(index, 0) for index in range(len(FILES))]
    done = [word for word in read_all(Plan(()), described, parts, jobs=1) if isinstance(word, Done)]
    assert sum(word.counts.tally.events.total() for word in done) > 1000
