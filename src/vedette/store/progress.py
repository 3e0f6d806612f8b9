"""How far each source was read, and what it came to: positions, sums, silences, what was observed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from vedette.store.database import Database

_dumps = msgspec.json.Encoder().encode
_loads = msgspec.json.Decoder().decode
_DAY = 86_400 * 1_000_000_000


class Mark(NamedTuple):
    """Where a stream goes on."""

    name: str
    position: Mapping[str, Any]
    line: int
    """Lines of the file `name` before the position."""


class Progress:
    """Reads and writes of the tables about sources."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def marks(self, source: str) -> dict[str, Mark]:
        """Stream -> where it goes on."""
        rows = self._database.execute("SELECT stream, name, position, line FROM positions WHERE source = ?", source)
        return {stream: Mark(name, json.loads(position), line) for stream, name, position, line in rows}

    def mark(self, source: str, stream: str, mark: Mark) -> None:
        """Note where a stream goes on."""
        self._database.execute(
            "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?)",
            source,
            stream,
            mark.name,
            # Positions may hold names of files that are no text; ASCII keeps them as they are.
            json.dumps(dict(mark.position)),
            mark.line,
        )

    def unmark(self, source: str, stream: str) -> None:
        """A stream that will never come again."""
        self._database.execute("DELETE FROM positions WHERE source = ? AND stream = ?", source, stream)

    def count(self, source: str, added: Mapping[str, int]) -> None:
        """Add to a source's sums."""
        for name, value in added.items():
            if value:
                self._database.execute(
                    "INSERT INTO counters VALUES (?, ?, ?)"
                    " ON CONFLICT (source, name) DO UPDATE SET value = value + excluded.value",
                    source,
                    name,
                    value,
                )

    def counts(self) -> dict[str, dict[str, int]]:
        """Source -> name -> sum."""
        found: dict[str, dict[str, int]] = {}
        for source, name, value in self._database.execute("SELECT source, name, value FROM counters"):
            found.setdefault(source, {})[name] = value
        return found

    def note(self, name: str, value: object) -> None:
        """Keep a small JSON value under a name."""
        self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, _dumps(value).decode())

    def noted(self, name: str) -> Any:
        """What was kept under a name, or None."""
        rows = self._database.execute("SELECT value FROM meta WHERE name = ?", name)
        return _loads(rows[0][0]) if rows else None

    def observed(self) -> dict[tuple[str, str], Any]:
        """(kind, subject) -> the value seen last."""
        rows = self._database.execute("SELECT kind, subject, value FROM observed")
        return {(kind, subject): _loads(value) for kind, subject, value in rows}

    def observe(self, kind: str, subject: str, time: str, value: object, *, snapshot: bool) -> None:
        """Note what was seen; with `snapshot`, also keep it beside what was seen before, where it differs."""
        text = _dumps(value).decode()
        if snapshot:
            rows = self._database.execute(
                "SELECT value FROM snapshots WHERE kind = ? AND subject = ? ORDER BY time DESC LIMIT 1", kind, subject
            )
            if not rows or rows[0][0] != text:
                self._database.execute(
                    "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", kind, subject, time, text
                )
        self._database.execute("INSERT OR REPLACE INTO observed VALUES (?, ?, ?, ?)", kind, subject, time, text)

    def snapshots(self, kind: str, subject: str) -> list[tuple[str, Any]]:
        """Time and value of each state of a subject, the latest first."""
        rows = self._database.execute(
            "SELECT time, value FROM snapshots WHERE kind = ? AND subject = ? ORDER BY time DESC", kind, subject
        )
        return [(time, _loads(value)) for time, value in rows]

    def subjects(self, kind: str) -> list[str]:
        """Of whom a state is kept."""
        rows = self._database.execute("SELECT DISTINCT subject FROM snapshots WHERE kind = ? ORDER BY subject", kind)
        return [subject for (subject,) in rows]

    def silent(self, source: str, now: int, seconds: float) -> None:
        """A source was silent for so long, up to now."""
        self._database.execute(
            "INSERT INTO silence_days VALUES (?, ?, ?)"
            " ON CONFLICT (source, day) DO UPDATE SET longest = max(longest, excluded.longest)",
            source,
            now // _DAY,
            seconds,
        )

    def silences(self, source: str, now: int) -> list[float]:
        """The longest silence of each of the last fourteen days on which the source spoke, in seconds."""
        self._database.execute("DELETE FROM silence_days WHERE day < ?", now // _DAY - 14)
        rows = self._database.execute("SELECT longest FROM silence_days WHERE source = ? ORDER BY day", source)
        return [longest for (longest,) in rows]
