"""Incidents: alerts that are one story, with what people noted and did about it, entry by entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from vedette.alert import Alert
from vedette.store.database import Database

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Alert).decode
_COLUMNS = "id, title, severity, opened, opened_by, closed, closed_by, reason"

ALERT, NOTE, QUESTION, ACTION, SEVERITY = "alert", "note", "question", "action", "severity"
"""Kinds of entries; besides them the states of a step."""
TODO, DONE, SKIPPED = "todo", "done", "skipped"
"""States of a step, and the kind of the entry that brought it there."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident. Times are nanoseconds since 1970 UTC by the clock, 0 for never."""

    id: int
    title: str
    severity: int
    """1 to 3; 1 is the worst."""
    opened: int
    opened_by: str
    closed: int
    closed_by: str
    reason: str
    """Why it was closed."""

    @property
    def name(self) -> str:
        """SEV1, SEV2 or SEV3."""
        return f"SEV{self.severity}"


@dataclass(frozen=True, slots=True)
class Entry:
    """What was added to an incident."""

    time: int
    """Nanoseconds since 1970 UTC."""
    by: str
    kind: str
    name: str
    """The alert's id, the step, the action's id, or the new severity."""
    said: str
    """What was said; of an action the step that it did, or nothing."""
    alert: Alert | None
    """As it was when it was added: closed alerts are forgotten some day, an incident's are not."""


class Incidents:
    """Reads and writes of the incidents' tables. What is written belongs into a transaction of the caller's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, title: str, severity: int, now: int, by: str) -> int:
        """A new incident; gives its number."""
        self._database.execute(
            "INSERT INTO incidents (title, severity, opened, opened_by) VALUES (?, ?, ?, ?)", title, severity, now, by
        )
        return self._database.last_row()

    def get(self, id: int) -> Incident | None:
        """The incident with this number."""
        found = self._select("id = ?", id)
        return found[0] if found else None

    def listed(self, *, closed: bool) -> list[Incident]:
        """The open incidents, or all of them; the latest first."""
        return self._select(f"{'1' if closed else 'closed = 0'} ORDER BY id DESC")

    def of_alert(self, alert: str) -> list[Incident]:
        """The incidents that an alert belongs to, the latest first."""
        member = "SELECT incident FROM incident_entries WHERE kind = ? AND name = ?"
        return self._select(f"id IN ({member}) ORDER BY id DESC", ALERT, alert)

    def numbers(self, id: int) -> dict[str, int]:
        """Kind -> how many entries of an incident are of it."""
        rows = self._database.execute("SELECT kind, count(*) FROM incident_entries WHERE incident = ? GROUP BY 1", id)
        return dict(rows)

    def entries(self, id: int) -> list[Entry]:
        """All entries of an incident, in order."""
        rows = self._database.execute(
            "SELECT time, by, kind, name, said, item FROM incident_entries WHERE incident = ? ORDER BY id",
            id,
        )
        return [
            Entry(time, by, kind, name, said, _decode(item) if item else None)
            for time, by, kind, name, said, item in rows
        ]

    def note(self, id: int, kind: str, now: int, by: str, *, name: str = "", said: str = "") -> None:
        """Add an entry."""
        self._put(id, kind, now, by, name, said, b"")

    def add(self, id: int, alert: Alert, now: int, by: str) -> None:
        """Add an alert, as it is now."""
        self._put(id, ALERT, now, by, alert.id, "", _encode(alert))

    def rate(self, id: int, severity: int) -> None:
        """Give it another severity."""
        self._database.execute("UPDATE incidents SET severity = ? WHERE id = ?", severity, id)

    def close(self, id: int, now: int, by: str, reason: str) -> bool:
        """Close it; False where it is not open."""
        self._database.execute(
            "UPDATE incidents SET closed = ?, closed_by = ?, reason = ? WHERE id = ? AND closed = 0",
            *(now, by, reason, id),
        )
        return self._database.changes() > 0

    def _put(self, id: int, kind: str, now: int, by: str, name: str, said: str, item: bytes) -> None:
        self._database.execute(
            "INSERT INTO incident_entries (incident, time, by, kind, name, said, item) VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(id, now, by, kind, name, said, item),
        )

    def _select(self, where: str, *values: Any) -> list[Incident]:
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM incidents WHERE {where}",  # noqa: S608 - our own words, values are bound
            *values,
        )
        return [Incident(*row) for row in rows]
