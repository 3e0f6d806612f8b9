"""What the watching engine remembers, in tables: final words, what is held, windows, episodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from vedette.alert import Alert
from vedette.store.database import Database

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Alert).decode
_dumps = msgspec.json.Encoder().encode
_texts = msgspec.json.Decoder(tuple[str, ...]).decode


class Acts:
    """Meets the engine's `Memory`. A step's calls stand within one transaction of the database."""

    def __init__(self, database: Database, window_act: Any) -> None:
        """`window_act` makes the engine's own record of a window's act from its five values."""
        self._database = database
        self._window_act = window_act

    def rank(self, key: bytes) -> int | None:
        """The rank of the final word on an act, or None."""
        rows = self._database.execute("SELECT rank FROM acts WHERE key = ?", key)
        return rows[0][0] if rows else None

    def remember(self, key: bytes, rank: int, now: int) -> None:
        """Note a final word."""
        self._database.execute("INSERT OR REPLACE INTO acts VALUES (?, ?, ?)", key, rank, now)

    def hold(self, key: bytes, rank: int, due: int, awaits: bytes, item: bytes) -> None:
        """Keep what may be overruled; of one key the loudest, for as long as the first."""
        self._database.execute(
            "INSERT INTO held VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE"
            " SET rank = excluded.rank, awaits = excluded.awaits, item = excluded.item WHERE excluded.rank < held.rank",
            key,
            rank,
            due,
            awaits,
            item,
        )

    def release(self, key: bytes) -> None:
        """Let go of one."""
        self._database.execute("DELETE FROM held WHERE key = ?", key)

    def release_awaiting(self, awaits: bytes) -> None:
        """Let go of all that wait for the same."""
        self._database.execute("DELETE FROM held WHERE awaits = ? AND awaits != x''", awaits)

    def due(self, now: int) -> Sequence[tuple[bytes, bytes]]:
        """Key and item of what is held and due."""
        rows = self._database.execute("SELECT key, item FROM held WHERE due <= ? ORDER BY due, key LIMIT 10000", now)
        return [(key, item) for key, item in rows]

    def postpone(self, due: int) -> None:
        """Nothing that is held is due before `due`: what would overrule it may stand in what was not read yet."""
        self._database.execute("UPDATE held SET due = ? WHERE due < ?", due, due)

    def add_window_act(
        self, correlation: str, group: tuple[str, ...], time: int, act: str, detection: str, counted: tuple[str, ...]
    ) -> int:
        """Add an act to a group's window; gives its row."""
        self._database.execute(
            "INSERT INTO window_acts (correlation, grp, time, act, detection, counted) VALUES (?, ?, ?, ?, ?, ?)",
            correlation,
            _json(group),
            time,
            act,
            detection,
            _json(counted),
        )
        return self._database.last_row()

    def tell_window_acts(self, rows: Iterable[int]) -> None:
        """These have been counted into a match."""
        for row in rows:
            self._database.execute("UPDATE window_acts SET told = 1 WHERE id = ?", row)

    def forget_window_acts(self, rows: Iterable[int]) -> None:
        """These are outside of every window."""
        for row in rows:
            self._database.execute("DELETE FROM window_acts WHERE id = ?", row)

    def window_acts(self) -> Iterable[tuple[str, tuple[str, ...], Any, bool]]:
        """All acts by correlation and group, and whether each was told."""
        rows = self._database.execute(
            "SELECT correlation, grp, id, time, act, detection, counted, told FROM window_acts ORDER BY id"
        )
        for correlation, group, row, time, act, detection, counted, told in rows:
            made = self._window_act(row, time, act, detection, _texts(counted))
            yield correlation, _texts(group), made, bool(told)

    def episodes(self, key: bytes) -> Sequence[Alert]:
        """The latest alerts with a key, the latest first."""
        rows = self._database.execute("SELECT item FROM alerts WHERE key = ? ORDER BY last_seen DESC LIMIT 4", key)
        return [_decode(item) for (item,) in rows]

    def save(self, alert: Alert, key: bytes, now: int) -> None:
        """Write an alert that was opened or counted up; an alert that had closed is open again."""
        self._database.execute(
            "INSERT INTO alerts (id, key, rule, severity, source, state, first_seen, last_seen, count, opened, touched,"
            " quiet_after, item) VALUES (?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " state = 'open', closed = 0, closed_by = '', first_seen = excluded.first_seen,"
            " last_seen = excluded.last_seen, count = excluded.count, touched = excluded.touched,"
            " quiet_after = excluded.quiet_after, item = excluded.item",
            alert.id,
            key,
            alert.rule,
            alert.severity,
            alert.source,
            alert.first_seen,
            alert.last_seen,
            alert.count,
            now,
            now,
            alert.quiet_after,
            _packed(alert),
        )

    def forget(self, before: int) -> None:
        """Let go of final words noted before then."""
        self._database.execute("DELETE FROM acts WHERE noted < ?", before)


def _packed(alert: Alert) -> bytes:
    try:
        return _encode(alert)
    except UnicodeEncodeError:
        # A file's name may be bytes that are no text, which Python shows as lone surrogates; msgpack has none.
        texts = {name: getattr(alert, name) for name in alert.__struct_fields__}
        clean = {name: _clean(text) for name, text in texts.items() if isinstance(text, str)}
        return _encode(msgspec.structs.replace(alert, group=tuple(map(_clean, alert.group)), **clean))


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _json(texts: tuple[str, ...]) -> str:
    return _dumps(texts).decode()
