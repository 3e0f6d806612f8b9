"""What the engine remembers: the same as without a disk, over restarts, and nothing of what was not committed."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.engine.in_memory import InMemory
from tests.store.alert_texts import ANY_TEXT, KEYS, an_alert
from vedette.engine.memory import WindowAct
from vedette.store.acts import Acts
from vedette.store.alerts import Alerts
from vedette.store.database import Database

Op = Callable[[InMemory | Acts], object]
GROUPS = st.tuples(st.text(st.characters(codec="utf-8"), max_size=4))


@st.composite
def operations(draw: st.DrawFn) -> Op:
    """One call that changes something."""
    kind = draw(st.sampled_from(["remember", "hold", "release", "release_awaiting", "add", "tell", "save"]))
    key, number = draw(KEYS), draw(st.integers(0, 5))
    if kind == "remember":
        return lambda memory: memory.remember(key, number, 7)
    if kind == "hold":
        awaits, due, item = (
            draw(st.sampled_from([b"", b"x", b"y"])),
            draw(st.integers(0, 9)),
            draw(st.binary(max_size=3)),
        )
        return lambda memory: memory.hold(key, number, due, awaits, item)
    if kind == "release":
        return lambda memory: memory.release(key)
    if kind == "release_awaiting":
        awaits = draw(st.sampled_from([b"", b"x", b"y"]))
        return lambda memory: memory.release_awaiting(awaits)
    if kind == "add":
        group, counted = draw(GROUPS), draw(GROUPS)
        return lambda memory: memory.add_window_act("K5", group, number, key, "K5.one", counted)  # type: ignore[arg-type]
    if kind == "tell":
        return lambda memory: memory.tell_window_acts([row.row for _, _, row, _ in memory.window_acts()][:number])
    # An episode's id says its key.
    alert = an_alert(f"{key.decode()}-{number}", last_seen=draw(st.integers(0, 99)), actor=draw(GROUPS)[0])
    return lambda memory: memory.save(alert, key, 7)


class _Ended(Exception):
    pass


class SameAsWithoutADisk(RuleBasedStateMachine):
    """Any calls, in transactions that are committed or not, with restarts in between."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.model = InMemory()
        self.open()

    def open(self) -> None:
        """Open the database."""
        self.database = Database(self.folder)
        # No power fails here.
        self.database.execute("PRAGMA synchronous = off")
        self.acts = Acts(self.database, WindowAct)

    @rule(calls=st.lists(operations(), max_size=6))
    def commit(self, calls: list[Op]) -> None:
        """A step."""
        with self.database.transaction():
            for call in calls:
                call(self.model)
                call(self.acts)

    @rule(calls=st.lists(operations(), max_size=6))
    def fail(self, calls: list[Op]) -> None:
        """A step that ends before its commit never happened."""
        with contextlib.suppress(_Ended), self.database.transaction():
            for call in calls:
                call(self.acts)
            raise _Ended

    @rule()
    def restart(self) -> None:
        """Close and open again."""
        self.database.close()
        self.open()

    @invariant()
    def same(self) -> None:
        """Every question has the same answer."""
        for key in (b"one", b"two", b"three"):
            assert self.acts.rank(key) == self.model.rank(key)
            mine = sorted((one.last_seen for one in self.acts.episodes(key)), reverse=True)
            assert mine == [one.last_seen for one in self.model.episodes(key)]
        for now in (0, 3, 99):
            assert sorted(self.acts.due(now)) == sorted(self.model.due(now))
        assert [(a, b, c[1:], d) for a, b, c, d in self.acts.window_acts()] == [
            (a, b, c[1:], d) for a, b, c, d in self.model.window_acts()
        ]

    def teardown(self) -> None:
        """Leave nothing."""
        self.database.close()
        shutil.rmtree(self.folder)


SameAsWithoutADisk.TestCase.settings = settings(max_examples=50, stateful_step_count=15, deadline=None)
TestSameAsWithoutADisk = SameAsWithoutADisk.TestCase


@given(text=ANY_TEXT, group=st.tuples(ANY_TEXT))
@settings(max_examples=100)
def test_no_text_of_an_alert_is_refused(
    text: str, group: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What is no text is kept with its bytes escaped; all else comes back as it was."""
    database = _database(tmp_path_factory)
    alert = an_alert("a", actor=text, file=text, object=text, group=group)
    Acts(database, WindowAct).save(alert, b"key", 1)
    kept = Alerts(database).get("a")
    assert kept is not None

    def shown(one: str) -> str:
        return one.encode("utf-8", "backslashreplace").decode()

    wanted = msgspec.structs.replace(
        alert, actor=shown(text), file=shown(text), object=shown(text), group=tuple(map(shown, group))
    )
    assert kept.alert == wanted


_opened: list[Database] = []


def _database(factory: pytest.TempPathFactory) -> Database:
    """One for all examples; it is no part of what is tested."""
    if not _opened:
        _opened.append(Database(factory.mktemp("texts")))
        _opened[0].execute("PRAGMA synchronous = off")
    return _opened[0]


def test_an_episode_that_goes_on_is_open_again_and_keeps_who_saw_it(tmp_path: Path) -> None:
    """Saved after it was closed: open, with its first opening and its ack."""
    database = Database(tmp_path)
    acts, alerts = Acts(database, WindowAct), Alerts(database)
    acts.save(an_alert("a"), b"key", 10)
    alerts.ack("a", 11, "me")
    assert alerts.close("a", 12, "me: done")
    acts.save(an_alert("a", count=2), b"key", 13)
    kept = alerts.get("a")
    assert kept is not None
    assert (kept.state, kept.closed, kept.closed_by) == ("open", 0, "")
    assert (kept.opened, kept.touched, kept.acked_by, kept.alert.count) == (10, 13, "me", 2)
    database.close()


def test_what_is_held_is_not_due_before_it_was_read_on(tmp_path: Path) -> None:
    """After a start what may be overruled waits; what is due later anyhow stays so."""
    database = Database(tmp_path)
    acts = Acts(database, WindowAct)
    acts.hold(b"soon", 0, 5, b"", b"1")
    acts.hold(b"late", 0, 50, b"", b"2")
    acts.postpone(20)
    assert acts.due(19) == []
    assert acts.due(20) == [(b"soon", b"1")]
    assert acts.due(50) == [(b"soon", b"1"), (b"late", b"2")]
    database.close()


def test_final_words_are_forgotten_by_age(tmp_path: Path) -> None:
    """Those noted before a time, no other; one that was said again counts from then."""
    database = Database(tmp_path)
    acts = Acts(database, WindowAct)
    for key, noted in ((b"old", 1), (b"new", 9), (b"again", 1), (b"again", 9)):
        acts.remember(key, 2, noted)
    acts.forget(5)
    assert [acts.rank(key) for key in (b"old", b"new", b"again")] == [None, 2, 2]
    database.close()
