"""What stands when all is over: alerts, sums, evidence and what was told, to be compared with an undisturbed run."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vedette.store.alerts import OWN, Alerts, Kept
from vedette.store.database import Database, StoreError
from vedette.store.progress import Progress
from vedette.store.segments import SUFFIX

if sys.version_info >= (3, 14):
    from compression.zstd import decompress
else:
    from backports.zstd import decompress

_TOLD_AGAIN = ("duplicates", "late", "future")
"""Sums that count readings, not records."""


@dataclass(frozen=True)
class Outcome:
    """A state folder and a sink's file, read back."""

    alerts: Mapping[str, tuple[Any, ...]]
    """Id -> what a person is shown of it."""
    findings: Mapping[str, str]
    """Kind -> subject."""
    states: Mapping[str, str]
    """Alert -> open or closed."""
    counters: Mapping[str, Mapping[str, int]]
    evidence: Mapping[str, bytes]
    outbox: frozenset[tuple[str, str, str, str]]
    """Alert, sink, occasion, state."""
    told: Counter[str] = field(default_factory=Counter)
    """Notification -> how often it stands in the sink's file."""
    unmarked: tuple[str, ...] = ()
    """Those that stand there again and do not say so."""
    broken: int = 0
    """Lines in the sink's file that are no JSON."""


def outcome(folder: Path) -> Outcome:
    """What stands in `folder`/state and `folder`/told.jsonl."""
    state = folder / "state"
    database = Database(state, create=False)
    try:
        kept = Alerts(database).listed()
        own = {one.alert.id for one in kept if one.alert.source == OWN}
        rows = database.execute("SELECT alert, sink, occasion, state FROM outbox")
        counters = Progress(database).counts()
    finally:
        database.close()
    told, unmarked, broken = _told(folder / "told.jsonl", own)
    return Outcome(
        {one.alert.id: shown(one) for one in kept if one.alert.id not in own},
        {one.alert.rule: one.alert.object for one in kept if one.alert.id in own},
        {one.alert.id: one.state for one in kept if one.alert.id not in own},
        {name: {k: v for k, v in sums.items() if k not in _TOLD_AGAIN} for name, sums in counters.items() if name},
        {path.name: plain(path) for path in sorted((state / "evidence").iterdir())},
        frozenset((a, b, c, d) for a, b, c, d in rows if a not in own),
        told,
        unmarked,
        broken,
    )


def shown(kept: Kept) -> tuple[Any, ...]:
    """What is the same whenever and however often the watcher ran."""
    one = kept.alert
    return (
        one.rule, one.severity, one.reaction, one.group, one.count, one.first_seen, one.last_seen, one.act,
        one.last_act, one.outcome, one.actor, one.address, one.object, one.line, one.detections, kept.untold,
    )  # fmt: skip


def in_any_order(found: Outcome) -> Outcome:
    """What is left to compare where acts came in another order: a window's alert has its name and its words from the
    act that completed it, which is another one then. Which episodes there are, their counts and spans are the same."""
    names = {name: "|".join(map(str, (*one[:4], one[5]))) for name, one in found.alerts.items()}
    assert len(set(names.values())) == len(names)
    return replace(
        found,
        alerts={names[name]: (*one[4:7], one[9], one[14], one[15]) for name, one in found.alerts.items()},
        outbox=frozenset((names[a], b, c, d) for a, b, c, d in found.outbox),
        told=Counter({names[name.partition("/")[0]]: number for name, number in found.told.items()}),
        evidence={name: b"".join(sorted(data.splitlines(keepends=True))) for name, data in found.evidence.items()},
    )


def plain(folder: Path) -> bytes:
    """All that stands in a folder of segments."""
    paths = sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
    return b"".join(decompress(data) for path in paths if (data := path.read_bytes()))


def _told(path: Path, own: Iterable[str]) -> tuple[Counter[str], tuple[str, ...], int]:
    told: Counter[str] = Counter()
    unmarked: list[str] = []
    broken = 0
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            said = json.loads(line)
        except ValueError:
            broken += bool(line)
            continue
        if said["alert"] in own:
            continue
        if told[said["id"]] and not said["repeat"]:
            unmarked.append(said["id"])
        told[said["id"]] += 1
    return told, tuple(unmarked), broken


def same(found: Outcome, expected: Outcome) -> None:
    """Assert that nothing was lost, and nothing doubled but what is marked as told again.

    Evidence may lack lines where the watcher itself has counted them as lost.
    """
    assert found.alerts == expected.alerts
    lost = {name: sums.get("evidence_lost", 0) for name, sums in found.counters.items()}
    counters = {
        name: {key: value for key, value in sums.items() if key != "evidence_lost"}
        for name, sums in found.counters.items()
    }
    assert counters == expected.counters
    for name, sums in counters.items():
        parts = sum(v for k, v in sums.items() if k.partition(".")[0] in ("events", "quarantined", "ignored"))
        assert sums.get("records", 0) == parts, name
    assert found.evidence.keys() == expected.evidence.keys()
    for name, kept in found.evidence.items():
        whole = expected.evidence[name]
        if lost.get(name):
            assert len(kept) + lost[name] == len(whole), f"{name}: {lost[name]} bytes are said to be lost"
            remaining = iter(whole.splitlines())
            assert all(line in remaining for line in kept.splitlines()), f"{name}: doubled, or in another order"
        else:
            assert kept == whole, f"{name}: {len(kept)} of {len(whole)}"
    assert found.outbox == expected.outbox
    assert found.told.keys() == expected.told.keys()
    assert found.unmarked == ()


def records(folder: Path, sources: Iterable[str]) -> int:
    """How many records of these sources are committed by now."""
    try:
        database = Database(folder / "state", create=False)
    except StoreError:
        return 0
    try:
        counts = Progress(database).counts()
    finally:
        database.close()
    return sum(counts.get(name, {}).get("records", 0) for name in sources)


def spooled(folder: Path, source: str) -> list[bytes]:
    """The lines in a source's spool."""
    return plain(folder / "state" / "spool" / source).splitlines(keepends=True)


def counted(folder: Path, name: str) -> int:
    """A sum of the engine's: duplicates, late, future."""
    database = Database(folder / "state", create=False)
    try:
        return Progress(database).counts().get("", {}).get(name, 0)
    finally:
        database.close()


def entries(folder: Path) -> list[tuple[str, str, str, str, int, str]]:
    """The outbox: alert, sink, occasion, state, when it was told, and the alert's rule; in the order of putting."""
    try:
        database = Database(folder / "state", create=False)
    except StoreError:
        return []  # not yet
    try:
        rows = database.execute(
            "SELECT alert, sink, occasion, outbox.state, told, rule FROM outbox JOIN alerts ON alerts.id = alert"
            " ORDER BY outbox.id"
        )
    finally:
        database.close()
    return [(a, b, c, d, e, f) for a, b, c, d, e, f in rows]
