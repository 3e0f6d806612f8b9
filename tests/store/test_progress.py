"""How far each source was read, and what it came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.alert_texts import ANY_TEXT
from vedette.store.database import Database
from vedette.store.progress import Mark, Progress

DAY = 86_400 * 1_000_000_000
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for all examples."""
    made = Database(tmp_path_factory.mktemp("progress"))
    made.execute("PRAGMA synchronous = off")
    yield made
    made.close()


@given(position=st.dictionaries(ANY_TEXT, VALUES, max_size=4), line=st.integers(0, 2**60))
@settings(max_examples=200)
def test_any_position_comes_back_as_it_was(position: dict[str, Any], line: int, database: Database) -> None:
    """Names of files that are no text in it, too: another place would be read from there."""
    progress = Progress(database)
    progress.mark("kube", "stream", Mark("audit.log", position, line))
    assert progress.marks("kube") == {"stream": Mark("audit.log", position, line)}


def test_streams_of_sources_do_not_meet(tmp_path: Path) -> None:
    """Each source has its own; one that never comes again is gone, over a restart as well."""
    database = Database(tmp_path)
    progress = Progress(database)
    for source in ("kube", "vault"):
        for stream in ("one", "two"):
            progress.mark(source, stream, Mark(f"{source}.{stream}", {"offset": 1}, 7))
    progress.mark("kube", "one", Mark("renamed", {"offset": 2}, 8))
    progress.unmark("kube", "two")
    database.close()
    database = Database(tmp_path)
    progress = Progress(database)
    assert progress.marks("kube") == {"one": Mark("renamed", {"offset": 2}, 8)}
    assert set(progress.marks("vault")) == {"one", "two"}
    assert progress.marks("nobody") == {}
    database.close()


@given(added=st.lists(st.tuples(st.sampled_from("ab"), st.dictionaries(st.sampled_from("xy"), st.integers(0, 2**40)))))
@settings(max_examples=60)
def test_sums_are_sums(added: list[tuple[str, dict[str, int]]], database: Database) -> None:
    """Of all that was added, by source and name."""
    database.execute("DELETE FROM counters")
    progress = Progress(database)
    wanted: dict[str, Counter[str]] = {}
    for source, values in added:
        progress.count(source, values)
        wanted.setdefault(source, Counter()).update(values)
    found = progress.counts()
    assert {name: +Counter(sums) for name, sums in found.items()} == {
        name: +sums for name, sums in wanted.items() if +sums
    }


def test_a_state_that_can_be_restored_is_kept_whenever_it_changed(database: Database) -> None:
    """Each state once, the latest first; other observations are kept as they were seen last."""
    progress = Progress(database)
    for time, value in (("1", "x"), ("2", "x"), ("3", "y"), ("4", "x")):
        progress.observe("policy", "admin", time, {"rules": value}, snapshot=True)
        progress.observe("seal", "vault-0", time, value, snapshot=False)
    assert progress.snapshots("policy", "admin") == [
        ("4", {"rules": "x"}),
        ("3", {"rules": "y"}),
        ("1", {"rules": "x"}),
    ]
    assert progress.snapshots("seal", "vault-0") == []
    assert progress.observed() == {("policy", "admin"): {"rules": "x"}, ("seal", "vault-0"): "x"}


def test_the_longest_silence_of_each_day_is_known_for_a_fortnight(database: Database) -> None:
    """By source; what is older is forgotten."""
    progress = Progress(database)
    for day, seconds in ((0, 900.0), (5, 10.0), (5, 30.0), (5, 20.0), (6, 5.0)):
        progress.silent("kube", day * DAY + 1, seconds)
    progress.silent("vault", 6 * DAY, 77.0)
    assert progress.silences("kube", 6 * DAY) == [900.0, 30.0, 5.0]
    assert progress.silences("kube", 15 * DAY) == [30.0, 5.0]
    assert progress.silences("kube", 6 * DAY) == [30.0, 5.0]
    assert progress.silences("vault", 15 * DAY) == [77.0]


def test_small_values_are_kept_by_name(database: Database) -> None:
    """The last one; None where there is none."""
    progress = Progress(database)
    assert progress.noted("segments:x") is None
    progress.note("segments:x", {"segment": "1", "offset": 5})
    progress.note("segments:x", {"segment": "2", "offset": 0})
    assert progress.noted("segments:x") == {"segment": "2", "offset": 0}
