"""The record of actions: the plan, who applied it, and each of its calls, noted before and after."""

from __future__ import annotations

from dataclasses import dataclass

from vedette.store.database import Database

_SELECT = (
    "SELECT id, action, target, plan, alert, by, made, state, applied_by, applied, verified, checks, undone_by, undone"
    " FROM actions WHERE "
)

PLANNED, APPLYING, APPLIED, STOPPED = "planned", "applying", "applied", "stopped"
UNDOING, UNDONE, HALF_UNDONE = "undoing", "undone", "half undone"
"""States. APPLYING and UNDOING stay where the process died in it; STOPPED: a call failed."""
_MARKS = {
    APPLYING: "UPDATE actions SET state = ?, applied_by = ? WHERE id = ?",
    APPLIED: "UPDATE actions SET state = ?, applied = ? WHERE id = ?",
    UNDOING: "UPDATE actions SET state = ?, undone_by = ? WHERE id = ?",
    UNDONE: "UPDATE actions SET state = ?, undone = ? WHERE id = ?",
    "": "UPDATE actions SET state = ? WHERE id = ?",
}


@dataclass(frozen=True, slots=True)
class Acted:
    """One action. Times are nanoseconds since 1970 UTC by the clock, 0 for never."""

    id: str
    action: str
    target: str
    """Its arguments, in one line."""
    plan: str
    """JSON of the whole plan, with what undoing needs in `kept` of its calls."""
    alert: str
    """The alert that it answers; nothing: none was named."""
    by: str
    """Who planned it."""
    made: int
    state: str
    applied_by: str
    applied: int
    """When the last call was done."""
    verified: int
    """When it was last looked at."""
    checks: str
    """JSON of what was seen then: a list of {says, holds, why}."""
    undone_by: str
    undone: int


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a plan, or of one undo."""

    turn: int
    """0: applying; 1 and on: undoing, the first time and again."""
    number: int
    """From 0."""
    does: str
    begun: int
    ended: int
    """0: the process died in it."""
    by: str
    state: str
    """begun, done, failed or unknown."""
    said: str


class Actions:
    """Reads and writes of the actions' tables; each write is durable when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, id: str, action: str, target: str, plan: str, *, alert: str, by: str, made: int) -> None:
        """A plan was made; nothing was done."""
        self._write(
            "INSERT INTO actions (id, action, target, plan, alert, by, made) VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(id, action, target, plan, alert, by, made),
        )

    def get(self, id: str) -> Acted | None:
        """The action with this id."""
        return next(iter(self._select("id = ?", id)), None)

    def find(self, prefix: str) -> list[Acted]:
        """The actions whose id begins like this; two suffice to say that it is not unique."""
        return self._select("id >= ? AND id < ? LIMIT 2", prefix, prefix + "\x7f")

    def listed(self, *, alert: str = "", most: int = -1) -> list[Acted]:
        """Actions, the latest planned first; those that answer one alert where it is named."""
        if alert:
            return self._select("alert = ? ORDER BY made DESC, id LIMIT ?", alert, most)
        return self._select("1 ORDER BY made DESC, id LIMIT ?", most)

    def mark(self, id: str, state: str, *, by: str = "", now: int = 0) -> None:
        """Another state. `by` and `now` are noted for APPLYING and APPLIED, UNDOING and UNDONE."""
        self._write(
            _MARKS.get(state, _MARKS[""]),
            state,
            *((by, id) if state in (APPLYING, UNDOING) else (now, id) if state in (APPLIED, UNDONE) else (id,)),
        )

    def verified(self, id: str, checks: str, now: int) -> None:
        """It was looked at; what was seen."""
        self._write("UPDATE actions SET verified = ?, checks = ? WHERE id = ?", now, checks, id)

    def begin(self, id: str, turn: int, number: int, does: str, *, by: str, now: int) -> None:
        """A call is about to be sent."""
        self._write(
            "INSERT OR REPLACE INTO action_steps (action, turn, number, does, begun, by) VALUES (?, ?, ?, ?, ?, ?)",
            *(id, turn, number, does, now, by),
        )

    def end(self, id: str, turn: int, number: int, state: str, said: str, now: int) -> None:
        """What became of it."""
        self._write(
            "UPDATE action_steps SET state = ?, said = ?, ended = ? WHERE action = ? AND turn = ? AND number = ?",
            *(state, said, now, id, turn, number),
        )

    def steps(self, id: str) -> list[Step]:
        """All calls that were begun, in order."""
        rows = self._database.execute(
            "SELECT turn, number, does, begun, ended, by, state, said FROM action_steps WHERE action = ?"
            " ORDER BY turn, number",
            id,
        )
        return [Step(*row) for row in rows]

    def _select(self, where: str, *values: object) -> list[Acted]:
        return [Acted(*row) for row in self._database.execute(_SELECT + where, *values)]

    def _write(self, sql: str, *values: object) -> None:
        with self._database.transaction():
            self._database.execute(sql, *values)
