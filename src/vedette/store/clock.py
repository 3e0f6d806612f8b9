"""The clock was set: what was noted by it is moved along, so that nothing expires too soon or waits for years."""

from __future__ import annotations

from vedette.store.database import Database

_SECOND = 1_000_000_000
_HELD = 3600 * _SECOND
"""Nothing is held for longer; beyond it a due time was noted by a clock that was ahead."""


def shift(database: Database, by: int) -> None:
    """The clock was set by so many nanoseconds, while this process saw it. Within a transaction."""
    for sql in (
        "UPDATE acts SET noted = noted + ?1",
        "UPDATE held SET due = due + ?1",
        "UPDATE alerts SET touched = touched + ?1 WHERE state = 'open'",
        "UPDATE outbox SET due = due + ?1, created = created + ?1 WHERE state = 'waiting'",
        "UPDATE sinks SET since = since + ?1",
    ):
        database.execute(sql, by)


def catch_up(database: Database, now: int) -> None:
    """At a start: what was noted by a clock that was ahead of `now` counts as noted now. Within a transaction."""
    database.execute("UPDATE held SET due = ?1 WHERE due > ?2", now, now + _HELD)
    for sql in (
        "UPDATE alerts SET touched = ?1 WHERE state = 'open' AND touched > ?1",
        "UPDATE outbox SET due = ?1, created = min(created, ?1) WHERE state = 'waiting' AND max(created, told) > ?1",
        "UPDATE sinks SET since = ?1 WHERE since > ?1",
    ):
        database.execute(sql, now)
