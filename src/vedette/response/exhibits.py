"""Exhibits: the kept lines that an incident's alerts rest on, and the segments that hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vedette.alert import Alert
from vedette.engine.sighting import Sighting
from vedette.event import Event
from vedette.formats.base import TrustedProxy
from vedette.response.kept import Kept, reaches
from vedette.rule import Reaction, Rule
from vedette.scan import Plan, Scanner
from vedette.sources.files import Range
from vedette.store.segments import frames, names

_QUIET = frozenset({"no", Reaction.IGNORE.value})
_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """One record, as it was kept."""

    raw: bytes
    time: int
    """Nanoseconds since 1970 UTC."""
    act: str
    segment: str
    """As `Segment.name`."""
    number: int
    """Its line in the segment, from 1; 0 where the rule did not say, of a record that came along with another."""
    who: tuple[str, str, str]
    """Actor, address and object, each nothing where the record names none."""
    outcome: str

    @property
    def sha256(self) -> str:
        """Of the record without its line end."""
        return hashlib.sha256(self.raw).hexdigest()


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment that holds at least one of the lines."""

    name: str
    """shelf/source/file, within the store."""
    path: Path
    size: int
    """Bytes up to the end of its last whole frame; a daemon may be writing behind it."""
    sha256: str
    """Of these bytes. It is another one once the segment was rewritten to take less room."""
    plain_sha256: str
    """Of the lines in them, whatever the compression."""


@dataclass(slots=True)
class Exhibits:
    """What was found."""

    lines: dict[str, list[Line]] = field(default_factory=dict)
    """Alert's id -> its lines, in the order of time."""
    segments: list[Segment] = field(default_factory=list)
    """By name."""
    troubles: list[str] = field(default_factory=list)
    """What could not be read, a clause each."""

    def acts(self, alert: Alert) -> int:
        """How many of its acts are in what was kept."""
        return len({line.act for line in self.lines.get(alert.id, ())})


def gather(folder: Path, alerts: Sequence[Alert], rules: Sequence[Rule], proxies: Sequence[TrustedProxy]) -> Exhibits:
    """Judge what the store in `folder` keeps by the alerts' rules, and take each record that made one speak.

    A record belongs to an alert where its rule speaks of it with the alert's group, within the alert's times; of a
    window each act that was counted does. Other records of the same act (the request beside the response) come with
    it. Raises OSError.
    """
    found = Exhibits({alert.id: [] for alert in alerts})
    wanted = [rule for rule in rules if any(alert.rule == rule.name for alert in alerts)]
    if not wanted:
        return found
    kept = Kept(folder, min(alert.first_seen for alert in alerts))
    scanner = Scanner(Plan(tuple(wanted), tuple(proxies), kept.since, max(alert.last_seen for alert in alerts) + 1))
    for source, place in kept.sources():
        for file in names(place):
            path = place / file
            if reaches(path.stat().st_mtime, kept.since):
                _look(found, scanner, alerts, path, f"{place.parent.name}/{source}/{file}")
    for one in found.lines.values():
        one.sort(key=lambda line: (line.time, line.segment, line.number))
    return found


def _look(found: Exhibits, scanner: Scanner, alerts: Sequence[Alert], path: Path, name: str) -> None:
    """Read one segment."""
    by_rule: dict[str, list[Alert]] = {}
    for alert in alerts:
        by_rule.setdefault(alert.rule, []).append(alert)
    mine: dict[str, dict[tuple[int, str], Line]] = {}
    others: dict[str, list[Line]] = {}
    roster = scanner.roster

    def heard(event: Event, _mask: int, sightings: Sequence[Sighting]) -> None:
        who = event.text("actor"), event.text("address"), event.text("object")
        line = Line(
            event.raw, event.time, event.act, name, max(one.line for one in sightings), who, event.outcome.value
        )
        others.setdefault(event.act, []).append(line)
        for one in sightings:
            if one.verdict in _QUIET:
                continue
            groups = {(one.verdict, one.group), *((Reaction.FIRE.value, group) for _, group, _ in one.windows)}
            for alert in by_rule.get(roster.rules[one.detection], ()):
                if (alert.reaction, alert.group) in groups and alert.first_seen <= event.time <= alert.last_seen:
                    mine.setdefault(alert.id, {})[line.number, line.sha256] = line

    scanner.heard = heard
    digest, node = _Digest(), path.stat().st_ino
    for word in scanner.read_chunks(digest.through(frames(path, 0)), Range(0, 0)):
        trouble = getattr(word, "trouble", "")
        if trouble:
            found.troubles.append(f"{name}: {trouble}")
    if digest.end < path.stat().st_size and not _growing(path):
        found.troubles.append(f"{name}: cannot be read behind byte {digest.end:,}")
    for alert_id, lines in mine.items():
        for line in list(lines.values()):
            lines.update({(one.number, one.sha256): one for one in others[line.act]})
        found.lines[alert_id].extend(lines.values())
    if mine:
        found.segments.append(Segment(name, path, digest.end, file_sha256(path, digest.end), digest.plain.hexdigest()))
    if path.stat().st_ino != node:
        # Retention puts the rewritten one in its place; the hash above would be of neither.
        found.troubles.append(
            f"{name}: it was rewritten while it was read, so its hash is not to be relied on; export again"
        )


class _Digest:
    """What went through, and where its last frame ended."""

    def __init__(self) -> None:
        self.plain = hashlib.sha256()
        self.end = 0

    def through(self, blocks: Iterable[tuple[bytes, int]]) -> Iterator[bytes]:
        for block, behind in blocks:
            self.plain.update(block)
            self.end = behind
            yield block


def file_sha256(path: Path, size: int) -> str:
    """Of the first `size` bytes of a file. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        left = size
        while left > 0 and (part := file.read(min(_READ, left))):
            digest.update(part)
            left -= len(part)
    return digest.hexdigest()


def _growing(path: Path) -> bool:
    """The last segment of its folder may be half written."""
    return path.name == names(path.parent)[-1]
