"""The record of drills: what was done and is to be taken away again, and how far its alert came."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vedette.store.database import Database

_COLUMNS = "mark, rule, how, engine, begun, things, cleaned, ended, outcome, stuck, why, hops"

_UNCLEAN = "cleaned = 0 AND things != '[]'"
_OF_ITS_KIND = "SELECT max(begun) FROM drills AS o WHERE o.rule = drills.rule AND o.engine = drills.engine"
_LAST = f"ended != 0 AND begun = ({_OF_ITS_KIND} AND o.ended != 0)"
_LAST_THROUGH = f"outcome = 'through' AND begun = ({_OF_ITS_KIND} AND o.outcome = 'through')"


@dataclass(frozen=True, slots=True)
class Drilled:
    """One drill. Times are nanoseconds since 1970 UTC by the clock, 0 for never."""

    mark: str
    """The UUID in the names of what it made."""
    rule: str
    how: str
    """real, owner or stand-in."""
    engine: str
    """Whose alert was waited for: vedette or loki."""
    begun: int
    things: tuple[tuple[str, str], ...]
    """System and path of whatever it may have left behind."""
    cleaned: int
    """When all things were seen to be gone."""
    ended: int
    """0 also where it was killed."""
    outcome: str
    """through, attempt or failed; nothing while it runs, or where it was killed."""
    stuck: str
    """The hop that was not reached."""
    why: str
    hops: tuple[tuple[str, int, str], ...]
    """Name, time, what was seen there; in order."""


class Drills:
    """Reads and writes of the drills' table; each write is durable when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, mark: str, rule: str, how: str, engine: str, begun: int) -> None:
        """A drill begins; nothing was made yet."""
        self._write(
            "INSERT INTO drills (mark, rule, how, engine, begun, things) VALUES (?, ?, ?, ?, ?, '[]')",
            *(mark, rule, how, engine, begun),
        )

    def things(self, mark: str, things: Sequence[tuple[str, str]]) -> None:
        """All that it may leave behind; to be called before any of it is made."""
        self._write("UPDATE drills SET things = ?, cleaned = 0 WHERE mark = ?", json.dumps(list(things)), mark)

    def cleaned(self, mark: str, now: int) -> None:
        """All of it was seen to be gone."""
        self._write("UPDATE drills SET cleaned = ? WHERE mark = ?", now, mark)

    def end(
        self, mark: str, now: int, outcome: str, hops: Sequence[tuple[str, int, str]], stuck: str = "", why: str = ""
    ) -> None:
        """How it went."""
        self._write(
            "UPDATE drills SET ended = ?, outcome = ?, hops = ?, stuck = ?, why = ? WHERE mark = ?",
            *(now, outcome, json.dumps(list(hops)), stuck, why, mark),
        )

    def unclean(self) -> list[Drilled]:
        """Drills whose things were not seen to be gone, the oldest first."""
        return self._select(f"{_UNCLEAN} ORDER BY begun")

    def latest(self) -> list[Drilled]:
        """Of each rule and engine the last drill that ended."""
        return self._select(f"{_LAST} ORDER BY rule, engine")

    def forget(self, before: int) -> None:
        """Let go of drills that began before then, but of none that `latest` or `unclean` gives, nor of the last that
        came through: the proof rests on the first and whoever looks for what changed on the last."""
        self._database.execute(
            f"DELETE FROM drills WHERE begun < ? AND NOT ({_UNCLEAN}) AND NOT ({_LAST}) AND NOT ({_LAST_THROUGH})",  # noqa: S608 - our words
            before,
        )

    def of_rule(self, rule: str, since: int) -> list[Drilled]:
        """A rule's drills that began from `since` on, the latest first."""
        return self._select("rule = ? AND begun >= ? ORDER BY begun DESC", rule, since)

    def get(self, mark: str) -> Drilled | None:
        """The drill with this mark."""
        found = self._select("mark = ?", mark)
        return found[0] if found else None

    def _write(self, sql: str, *values: object) -> None:
        with self._database.transaction():
            self._database.execute(sql, *values)

    def _select(self, where: str, *values: object) -> list[Drilled]:
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM drills WHERE {where}", *values)  # noqa: S608 - our words
        return [_drilled(*row) for row in rows]


def _drilled(*row: Any) -> Drilled:
    *head, things, cleaned, ended, outcome, stuck, why, hops = row
    made = tuple((system, path) for system, path in json.loads(things))
    seen = tuple((name, time, said) for name, time, said in json.loads(hops))
    mark, rule, how, engine, begun = head
    return Drilled(mark, rule, how, engine, begun, made, cleaned, ended, outcome, stuck, why, seen)
