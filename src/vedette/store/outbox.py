"""The outbox: what is to be told to which sink, told or not, and why not."""

from __future__ import annotations

from dataclasses import dataclass

from vedette.store.database import Database

SILENCED = "silenced by "
"""How the reason begins of what waits for the end of a silence."""
WAITING, TOLD, DROPPED = "waiting", "told", "dropped"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: one occasion of one alert for one sink. Times as in tables.py, 0 for never."""

    id: int
    alert: str
    sink: str
    occasion: str
    state: str
    """waiting, told or dropped."""
    due: int
    created: int
    tries: int
    begun: int
    """When a try began whose end was never noted: it may have been told."""
    told: int
    reason: str
    """Why it was not told, or not yet."""
    receipt: str

    @property
    def notification(self) -> str:
        """The id of the notification that it becomes, the same at every try."""
        return f"{self.alert}/{self.occasion}"


@dataclass(frozen=True, slots=True)
class SinkState:
    """How a sink is."""

    name: str
    state: str
    """ok, failing or dead."""
    since: int
    reason: str
    told: int
    """When it last took something."""


_COLUMNS = "id, alert, sink, occasion, state, due, created, tries, begun, told, reason, receipt"


class Outbox:
    """Reads and writes of the outbox and of the sinks' states."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, alert: str, sink: str, occasion: str, now: int, due: int, reason: str = "") -> None:
        """Have it told at `due`; what was told before is told once more."""
        self._database.execute(
            "INSERT INTO outbox (alert, sink, occasion, state, due, created, reason)"
            " VALUES (?, ?, ?, 'waiting', ?, ?, ?)"
            " ON CONFLICT (alert, sink, occasion) DO UPDATE SET state = 'waiting', due = excluded.due, tries = 0,"
            " reason = excluded.reason",
            alert,
            sink,
            occasion,
            due,
            now,
            reason,
        )

    def due(self, sink: str, now: int, most: int) -> list[Entry]:
        """What a sink is to be told now, in the order in which it was put."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM outbox WHERE sink = ? AND state = 'waiting' AND due <= ? ORDER BY id LIMIT ?",  # noqa: S608
            sink,
            now,
            most,
        )
        return [Entry(*row) for row in rows]

    def of_alert(self, alert: str) -> list[Entry]:
        """All rows of an alert."""
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM outbox WHERE alert = ? ORDER BY id", alert)  # noqa: S608
        return [Entry(*row) for row in rows]

    def begin(self, ids: list[int], now: int) -> None:
        """A try begins."""
        for row in ids:
            self._database.execute("UPDATE outbox SET begun = ?, tries = tries + 1 WHERE id = ?", now, row)

    def told(self, id: int, now: int, receipt: str, again: int = 0) -> None:
        """It was told; `again`: it is due once more at that time."""
        self._database.execute(
            "UPDATE outbox SET state = ?, told = ?, begun = 0, due = ?, reason = '', tries = 0,"
            " receipt = CASE WHEN ? = '' THEN receipt ELSE ? END WHERE id = ?",
            WAITING if again else TOLD,
            now,
            again or now,
            receipt,
            receipt,
            id,
        )

    def failed(self, id: int, reason: str, *, perhaps: bool) -> None:
        """It was not told, or `perhaps` it was; it is due all the same."""
        self._database.execute(
            "UPDATE outbox SET begun = CASE WHEN ? THEN begun ELSE 0 END, reason = ? WHERE id = ?", perhaps, reason, id
        )

    def postpone(self, id: int, due: int, reason: str) -> None:
        """It is not told before `due`."""
        self._database.execute("UPDATE outbox SET due = ?, reason = ? WHERE id = ?", due, reason, id)

    def drop(self, id: int, reason: str) -> None:
        """It will not be told, for this reason."""
        self._database.execute("UPDATE outbox SET state = 'dropped', begun = 0, reason = ? WHERE id = ?", reason, id)

    def settle(self, alert: str, sink: str, occasion: str) -> None:
        """Nothing of this kind is told any more; it has been, or is no longer true."""
        self._database.execute(
            "UPDATE outbox SET state = CASE WHEN told THEN 'told' ELSE 'dropped' END,"
            " reason = CASE WHEN told THEN '' ELSE 'overtaken' END"
            " WHERE alert = ? AND sink = ? AND occasion = ? AND state = 'waiting'",
            alert,
            sink,
            occasion,
        )

    def remove(self, alert: str, occasion: str) -> None:
        """Take back what waits."""
        self._database.execute(
            "DELETE FROM outbox WHERE alert = ? AND occasion = ? AND state = 'waiting'", alert, occasion
        )

    def sinks_of(self, alert: str, occasion: str) -> list[str]:
        """The sinks that were, or are to be, told."""
        rows = self._database.execute("SELECT sink FROM outbox WHERE alert = ? AND occasion = ?", alert, occasion)
        return [sink for (sink,) in rows]

    def receipt(self, alert: str, sink: str) -> str:
        """The receipt of the alert's opening at a sink."""
        rows = self._database.execute(
            "SELECT receipt FROM outbox WHERE alert = ? AND sink = ? AND occasion = 'opened'", alert, sink
        )
        return rows[0][0] if rows else ""

    def take_over(self, sink: str, to: str, now: int, reason: str) -> int:
        """Have `to` told what `sink` could not be told yet; gives how many."""
        self._database.execute(
            "INSERT OR IGNORE INTO outbox (alert, sink, occasion, state, due, created, reason)"
            " SELECT alert, ?, occasion, 'waiting', ?, ?, ? FROM outbox"
            " WHERE sink = ? AND state = 'waiting' AND told = 0 ORDER BY id",
            to,
            now,
            now,
            reason,
            sink,
        )
        return self._database.changes()

    def hasten(self, key: bytes, now: int) -> None:
        """What a silence of this key held back is due now."""
        self._database.execute(
            f"UPDATE outbox SET due = ? WHERE state = 'waiting' AND due > ? AND reason LIKE '{SILENCED}%'"  # noqa: S608
            " AND alert IN (SELECT id FROM alerts WHERE key = ?)",
            now,
            now,
            key,
        )

    def waiting(self) -> dict[str, tuple[int, int]]:
        """Sink -> how many were never told yet, and since when the oldest waits; without what is silenced."""
        rows = self._database.execute(
            "SELECT sink, count(*), min(created) FROM outbox WHERE state = 'waiting' AND told = 0"  # noqa: S608
            f" AND reason NOT LIKE '{SILENCED}%' GROUP BY sink"
        )
        return {sink: (number, oldest) for sink, number, oldest in rows}

    def state(self, name: str) -> SinkState:
        """How a sink is; one nobody has heard of is well."""
        rows = self._database.execute("SELECT name, state, since, reason, told FROM sinks WHERE name = ?", name)
        return SinkState(*rows[0]) if rows else SinkState(name, "ok", 0, "", 0)

    def set_state(self, state: SinkState) -> None:
        """Note how a sink is."""
        self._database.execute(
            "INSERT OR REPLACE INTO sinks VALUES (?, ?, ?, ?, ?)",
            state.name,
            state.state,
            state.since,
            state.reason,
            state.told,
        )
