"""The database: all or nothing through crashes and full disks, newest form, one daemon at a time."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.scans import ROOT
from tests.store.disks import fill, small_disk
from vedette.engine.memory import WindowAct
from vedette.store import database as room
from vedette.store.database import FILE, Busy, Database, Full, StoreError
from vedette.store.store import Store
from vedette.store.tables import MIGRATIONS
from vedette.store.visit import Visit


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new one with a table of our own."""
    made = Database(tmp_path)
    made.execute("CREATE TABLE t (n INTEGER, x BLOB)")
    yield made
    made.close()


def numbers(database: Database) -> list[int]:
    """What our own table holds."""
    return [number for (number,) in database.execute("SELECT n FROM t ORDER BY n")]


def add(database: Database, *added: int) -> None:
    """In one transaction."""
    with database.transaction():
        for number in added:
            database.execute("INSERT INTO t VALUES (?, ?)", number, b"x" * 1000)


def shape(path: Path) -> list[tuple[str, ...]]:
    """Tables and indexes, as another program sees them."""
    with sqlite3.connect(path) as other:
        found = other.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2").fetchall()
    other.close()
    return found


@pytest.mark.parametrize("version", range(len(MIGRATIONS) + 1))
def test_every_older_form_becomes_the_newest(tmp_path: Path, version: int) -> None:
    """With what it holds, and the same tables as one that is made anew."""
    (tmp_path / "old").mkdir()
    with sqlite3.connect(tmp_path / "old" / FILE) as old:
        for step in MIGRATIONS[:version]:
            old.executescript(step)
        old.execute(f"PRAGMA user_version = {version}")
        if version:
            old.execute("INSERT INTO meta VALUES ('kept', '1')")
    old.close()
    Database(tmp_path / "new").close()
    upgraded = Database(tmp_path / "old", create=False)
    assert upgraded.execute("SELECT name FROM meta") == ([("kept",)] if version else [])
    assert upgraded.execute("PRAGMA user_version") == [(len(MIGRATIONS),)]
    upgraded.close()
    assert shape(tmp_path / "old" / FILE) == shape(tmp_path / "new" / FILE)


def test_a_step_that_fails_leaves_the_form_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not half of its tables, and the older program goes on."""
    Database(tmp_path).close()
    before = shape(tmp_path / FILE)
    with monkeypatch.context() as newer:
        newer.setattr(room, "MIGRATIONS", (*MIGRATIONS, "CREATE TABLE half (x); CREATE TABLE meta (x);"))
        with pytest.raises(StoreError, match="meta"):
            Database(tmp_path)
    assert shape(tmp_path / FILE) == before
    Database(tmp_path).close()


def test_a_newer_form_is_refused_and_left_alone(tmp_path: Path) -> None:
    """What its tables mean is not known here."""
    made = Database(tmp_path)
    made.execute("PRAGMA user_version = 99")
    made.close()
    before = shape(tmp_path / FILE)
    with pytest.raises(StoreError, match="written by a newer vedette"):
        Database(tmp_path)
    assert shape(tmp_path / FILE) == before


def test_several_may_make_it_at_once(tmp_path: Path) -> None:
    """Whoever comes first brings it to its form; the others find it so."""
    failed: list[BaseException] = []
    gate = threading.Barrier(4)

    def work() -> None:
        gate.wait()
        try:
            Database(tmp_path).close()
        except StoreError as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    made = Database(tmp_path)
    assert made.execute("PRAGMA user_version") == [(len(MIGRATIONS),)]
    made.close()


def test_no_database_and_no_file_at_all_are_told_apart(tmp_path: Path) -> None:
    """What is no database is refused, and not replaced."""
    with pytest.raises(StoreError, match="no store here"):
        Database(tmp_path, create=False)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / FILE).write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Database(tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"something else entirely" * 100


def test_what_sqlite_can_corrupt_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build with the WAL-reset fault."""
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.46.1")
    with pytest.raises(StoreError, match=r"SQLite 3\.46\.1 may lose data"):
        Database(tmp_path)


def test_a_transaction_is_whole_or_not_there(database: Database) -> None:
    """An exception in it takes all of it back, and the next one works."""
    add(database, 1)
    with pytest.raises(ZeroDivisionError):
        _fail_within(database)
    assert numbers(database) == [1]
    add(database, 3)
    assert numbers(database) == [1, 3]


def _fail_within(database: Database) -> None:
    with database.transaction():
        database.execute("INSERT INTO t VALUES (2, x'')")
        raise ZeroDivisionError


def test_threads_wait_for_each_others_transactions(database: Database) -> None:
    """No statement of one stands within another's."""

    def work(who: int) -> None:
        for _ in range(20):
            with database.transaction():
                ((count,),) = database.execute("SELECT count(*) FROM t")
                database.execute("INSERT INTO t VALUES (?, x'')", count)
                database.execute("INSERT INTO t VALUES (?, x'')", count + 1 + who * 0)

    threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(database) == list(range(160))


@pytest.mark.parametrize("when", ["before", "within", "after"])
def test_a_process_that_is_killed_leaves_what_it_committed(tmp_path: Path, when: str) -> None:
    """kill -9 before, within and after the commit."""
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from vedette.store.database import Database\n"
        "database = Database(Path(sys.argv[1])); when = sys.argv[2]\n"
        "def die(): os.kill(os.getpid(), signal.SIGKILL)\n"
        "database.execute('CREATE TABLE t (n INTEGER, x BLOB)')\n"
        "with database.transaction(): database.execute('INSERT INTO t VALUES (1, ?)', b'')\n"
        "if when == 'before': die()\n"
        "with database.transaction():\n"
        "    for n in range(2, 2000): database.execute('INSERT INTO t VALUES (?, ?)', n, b'x' * 1000)\n"
        "    if when == 'within': die()\n"
        "die()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), when], check=False, env={"PYTHONPATH": str(ROOT / "src")}
    )
    assert done.returncode == -signal.SIGKILL
    again = Database(tmp_path)
    assert numbers(again) == (list(range(1, 2000)) if when == "after" else [1])
    assert again.execute("PRAGMA integrity_check") == [("ok",)]
    again.close()


def test_a_full_disk_takes_the_transaction_back_and_room_brings_it_through(tmp_path: Path) -> None:
    """`Full` is raised, nothing of it is there, reading goes on, and after room is made writing does."""
    with small_disk(tmp_path / "disk", 2 << 20) as disk:
        database = Database(disk)
        database.execute("CREATE TABLE t (n INTEGER, x BLOB)")
        add(database, 1)
        filler = fill(disk)
        for _ in range(3):
            with pytest.raises(Full):
                add(database, *range(2, 3000))
            assert numbers(database) == [1]
        filler.unlink()
        add(database, 2, 3)
        assert numbers(database) == [1, 2, 3]
        database.close()
        again = Database(disk)
        assert numbers(again) == [1, 2, 3]
        assert again.execute("PRAGMA integrity_check") == [("ok",)]
        again.close()


def test_a_writer_that_holds_on_is_waited_for_and_then_said(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Busy`, nothing done; afterwards it works."""
    monkeypatch.setattr(room, "_PATIENCE_MS", 50)
    other = Database(tmp_path, create=False)
    with database.transaction(), pytest.raises(Busy):
        add(other, 5)
    add(other, 6)
    assert numbers(database) == [6]
    other.close()


def test_only_somebody_elses_writing_changes_the_version(database: Database, tmp_path: Path) -> None:
    """One's own commits do not count."""
    before = database.data_version()
    add(database, 1)
    assert database.data_version() == before
    other = Database(tmp_path, create=False)
    add(other, 2)
    assert database.data_version() != before
    other.close()


def test_one_daemon_at_a_time_and_visitors_beside_it(tmp_path: Path) -> None:
    """A second one is refused while the first lives, in another process too; people may look meanwhile."""
    first = Store(tmp_path, WindowAct)
    with pytest.raises(StoreError, match="another `vedette watch` runs here"):
        Store(tmp_path, WindowAct)
    code = (
        "import sys; from pathlib import Path\n"
        "from vedette.store.store import Store; from vedette.store.database import StoreError\n"
        "try: Store(Path(sys.argv[1]), None).close(); print('opened')\n"
        "except StoreError as error: print(error)\n"
    )

    def elsewhere() -> str:
        command = [sys.executable, "-c", code, str(tmp_path)]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT / "src")}
        ).stdout

    assert "another `vedette watch` runs here" in elsewhere()
    visit = Visit(tmp_path)
    assert visit.alerts.listed() == []
    visit.close()
    first.close()
    assert elsewhere() == "opened\n"


def test_all_of_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Whatever the umask: the folder 0700, its files 0600."""
    before = os.umask(0)
    try:
        store = Store(tmp_path / "state", WindowAct)
        store.progress.note("x", 1)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
        store.close()
    finally:
        os.umask(before)
    assert {name for name, mode in modes.items() if mode & 0o077} <= {"ballast"}, "which holds nothing"


def test_the_ballast_is_given_up_once_and_set_aside_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for alerts on a full disk; taken again when there is plenty."""
    with small_disk(tmp_path / "disk", 8 << 20) as disk:
        monkeypatch.setattr("vedette.store.store._BALLAST", 1 << 20)
        store = Store(disk / "state", WindowAct)
        store.database.execute("CREATE TABLE t (n INTEGER, x BLOB)")
        filler = fill(disk)
        with pytest.raises(Full):
            add(store.database, *range(200))
        assert store.set_aside(), "it is in its place still"
        assert store.make_room()
        add(store.database, *range(200))
        assert len(numbers(store.database)) == 200
        assert not store.make_room()
        assert not store.set_aside()
        filler.unlink()
        assert store.set_aside()
        assert (disk / "state" / "ballast").stat().st_size == 1 << 20
        store.close()
