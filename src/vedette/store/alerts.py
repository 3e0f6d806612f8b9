"""Alerts as people see them in the store: listed, shown, acknowledged, silenced, closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from vedette.alert import Alert
from vedette.store.database import Database
from vedette.store.outbox import SILENCED

_decode = msgspec.msgpack.Decoder(Alert).decode
_SECOND = 1_000_000_000
_COLUMNS = "item, state, opened, touched, closed, untold, acked, acked_by, closed_by, key"

OWN = "vedette"
"""The source of alerts that are findings."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An alert with what became of it. Times are nanoseconds since 1970 UTC by the clock, 0 for never."""

    alert: Alert
    state: str
    """open or closed."""
    opened: int
    touched: int
    closed: int
    untold: str
    """Why nobody was told, or nothing."""
    acked: int
    acked_by: str
    closed_by: str
    """Who closed it; nothing: it fell quiet."""
    key: bytes
    """The same for every episode of its rule, severity, reaction and group."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing is told of alerts with this key until then."""

    id: int
    key: bytes
    alert: str
    until: int
    by: str
    reason: str

    def __str__(self) -> str:
        """Why somebody is not told."""
        return f"{SILENCED}{self.by}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did about an alert."""

    time: int
    by: str
    did: str
    """acked, silenced, unsilenced, judged or closed."""
    said: str


_UNTOLD = (
    "(untold != '' OR NOT EXISTS (SELECT 1 FROM outbox WHERE alert = alerts.id) OR EXISTS (SELECT 1 FROM outbox AS o"
    " WHERE o.alert = alerts.id AND (o.state = 'dropped' OR (o.state = 'waiting' AND o.told = 0"
    # The end of an alert that is held waits for its time, as it should.
    " AND (o.due <= ? OR o.tries > 0 OR o.reason != '')))))"
)


class Alerts:
    """Reads and writes of the alerts' table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, id: str) -> Kept | None:
        """The alert with this id."""
        found = self._select("id = ?", id)
        return found[0] if found else None

    def find(self, prefix: str) -> list[Kept]:
        """The alerts whose id begins like this; two suffice to say that it is not unique."""
        return self._select("id >= ? AND id < ? LIMIT 2", prefix, prefix + "\x7f")

    def listed(
        self,
        *,
        state: str = "",
        rule: str = "",
        least: int = 0,
        since: int = 0,
        untold: int | None = None,
        most: int = -1,
    ) -> list[Kept]:
        """Alerts, the latest opened first. `untold`: a time; those of which by then nobody, or some sink, was not told
        what it should have been."""
        where: list[str] = ["severity >= ?", "opened >= ?"]
        values: list[Any] = [least, since]
        if untold is not None:
            where.append(_UNTOLD)
            values.append(untold)
        for column, value in (("state", state), ("rule", rule)):
            if value:
                where.append(f"{column} = ? COLLATE NOCASE")
                values.append(value)
        return self._select(f"{' AND '.join(where)} ORDER BY opened DESC, id LIMIT ?", *values, most)

    def between(self, since: int, until: int, most: int) -> list[Kept]:
        """Alerts with an act from `since` to before `until` (event times), the first first."""
        where = "last_seen >= ? AND first_seen < ? ORDER BY first_seen, id LIMIT ?"
        return self._select(where, since, until, most)

    def open_findings(self) -> list[Kept]:
        """The findings that are open."""
        return self._select(f"state = 'open' AND source = '{OWN}'")

    def quiet(self, now: int) -> list[Kept]:
        """Open alerts that have been quiet for long enough to close."""
        # Asked every second, so by an index: the words are those of alerts_quiet.
        end = f"touched + quiet_after * {_SECOND}"
        return self._select(f"state = 'open' AND source != '{OWN}' AND {end} <= ? ORDER BY {end} LIMIT 10000", now)

    def close(self, id: str, now: int, by: str = "") -> bool:
        """Close an alert; False where it is not open."""
        self._database.execute(
            "UPDATE alerts SET state = 'closed', closed = ?, closed_by = ? WHERE id = ? AND state = 'open'", now, by, id
        )
        return self._database.changes() > 0

    def untold(self, id: str, reason: str) -> None:
        """Note why nobody is told of an alert."""
        self._database.execute("UPDATE alerts SET untold = ? WHERE id = ?", reason, id)

    def ack(self, id: str, now: int, by: str) -> None:
        """Somebody has seen it; the first to say so is kept."""
        self._database.execute("UPDATE alerts SET acked = ?, acked_by = ? WHERE id = ? AND acked = 0", now, by, id)

    def silence(self, kept: Kept, until: int, by: str, reason: str, now: int) -> None:
        """Tell nothing of this alert's episodes until then."""
        self._database.execute(
            "INSERT INTO silences (key, alert, until, by, reason, made) VALUES (?, ?, ?, ?, ?, ?)",
            kept.key,
            kept.alert.id,
            until,
            by,
            reason,
            now,
        )

    def unsilence(self, key: bytes, now: int) -> int:
        """End the silences in force for a key; gives how many there were."""
        self._database.execute("UPDATE silences SET until = ? WHERE key = ? AND until > ?", now, key, now)
        return self._database.changes()

    def silences(self, now: int) -> list[Silence]:
        """All silences in force, the one that ends first first."""
        rows = self._database.execute(
            "SELECT id, key, alert, until, by, reason FROM silences WHERE until > ? ORDER BY until, id", now
        )
        return [Silence(*row) for row in rows]

    def did(self, alert: str, now: int, by: str, did: str, said: str = "") -> None:
        """Note what somebody did about an alert."""
        self._database.execute(
            "INSERT INTO deeds (alert, time, by, did, said) VALUES (?, ?, ?, ?, ?)", alert, now, by, did, said
        )

    def deeds(self, alert: str) -> list[Deed]:
        """What was done about an alert, in order."""
        rows = self._database.execute("SELECT time, by, did, said FROM deeds WHERE alert = ? ORDER BY id", alert)
        return [Deed(*row) for row in rows]

    def verdicts(self, rule: str) -> dict[str, str]:
        """Id -> true or false, of a rule's alerts that somebody judged (`true: why`); the last word on each."""
        rows = self._database.execute(
            "SELECT alert, said FROM deeds WHERE did = 'judged' AND alert IN (SELECT id FROM alerts WHERE rule = ?)"
            " ORDER BY id",
            rule,
        )
        return {alert: said.partition(":")[0] for alert, said in rows}

    def closings(self, after: int) -> list[tuple[int, str]]:
        """Number and alert of each time that somebody closed one, behind the number `after`."""
        rows = self._database.execute("SELECT id, alert FROM deeds WHERE id > ? AND did = 'closed' ORDER BY id", after)
        return [(number, alert) for number, alert in rows]

    def ids(self, most: int) -> list[str]:
        """Ids, of the latest alerts."""
        return [one for (one,) in self._database.execute("SELECT id FROM alerts ORDER BY opened DESC LIMIT ?", most)]

    def silenced(self, key: bytes, now: int) -> Silence | None:
        """The silence in force for a key, the longest where there are several."""
        rows = self._database.execute(
            "SELECT id, key, alert, until, by, reason FROM silences WHERE key = ? AND until > ? ORDER BY until DESC",
            key,
            now,
        )
        return Silence(*rows[0]) if rows else None

    def opened_between(self, rule: str, since: int, before: int) -> int:
        """How many alerts of a rule were opened in between and told."""
        where = "rule = ? AND opened >= ? AND opened < ? AND untold = ''"
        rows = self._database.execute(f"SELECT count(*) FROM alerts WHERE {where}", rule, since, before)  # noqa: S608
        return int(rows[0][0])

    def numbers(self) -> dict[tuple[str, int, str], int]:
        """(rule, severity, state) -> how many."""
        rows = self._database.execute("SELECT rule, severity, state, count(*) FROM alerts GROUP BY 1, 2, 3")
        return {(rule, severity, state): number for rule, severity, state, number in rows}

    def forget(self, before: int) -> None:
        """Let go of alerts that closed before then, of what was told and done about them, and of old silences."""
        for table in ("outbox", "deeds"):
            self._database.execute(
                f"DELETE FROM {table} WHERE alert IN (SELECT id FROM alerts WHERE state = 'closed' AND closed < ?)",  # noqa: S608
                before,
            )
        self._database.execute("DELETE FROM silences WHERE until < ?", before)
        self._database.execute("DELETE FROM alerts WHERE state = 'closed' AND closed < ?", before)

    def _select(self, where: str, *values: Any) -> list[Kept]:
        rows: Sequence[tuple[Any, ...]] = self._database.execute(
            f"SELECT {_COLUMNS} FROM alerts WHERE {where}",  # noqa: S608 - our own words, values are bound
            *values,
        )
        return [Kept(_decode(item), *rest) for item, *rest in rows]
