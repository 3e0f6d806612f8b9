"""A drill from its record to its end, on a store and a file: whatever happens, what was made is known of and taken away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec
import pytest

from vedette.alert import Alert
from vedette.drilling.conduct import Closer, Conductor
from vedette.drilling.hops import ByVedette
from vedette.drills.base import CannotDrill, Done, How, Marked, Note, Thing
from vedette.drills.host import K6, SYSTEM, FileLines
from vedette.drills.standin import StandIn
from vedette.store.acts import Acts
from vedette.store.database import Database
from vedette.store.segments import Segments
from vedette.store.visit import Visit
from vedette.watch.telling import Telling

SECOND = 1_000_000_000
POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"
MARK = "0b9e1c52-7d4c-4d5a-9f35-2c1f6d1e8a77"


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Visit]:
    """An empty store."""
    Database(tmp_path / "state").close()
    visit = Visit(tmp_path / "state")
    yield visit
    visit.close()


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """A file that K6 is drilled with."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def conductor(visit: Visit, seconds: float = 0.0) -> Conductor:
    """Without any sink."""
    follower = ByVedette(visit, {}, [], "", lambda _: seconds)
    closer = Closer(visit.alerts, visit.database, Telling(visit, (), {}))
    return Conductor(visit.drills, {SYSTEM: FileLines()}, follower, closer)


class Interrupted(Marked):
    """A drill that makes a line and is interrupted, or that cannot be done."""

    rule = "K6"
    how = How.REAL

    def __init__(self, policy: Path, error: BaseException) -> None:
        self._policy = policy
        self._error = error

    def plan(self, mark: str) -> Sequence[str]:
        """One line."""
        return [f"add a line to {self._policy} for {mark}"]

    def things(self, mark: str) -> Sequence[Thing]:
        """The line."""
        return [Thing(SYSTEM, f"{self._policy}#{mark}")]

    def act(self, mark: str, note: Note) -> Done:
        """Half of it."""
        note(Thing(SYSTEM, f"{self._policy}#{mark}-noted"))
        with self._policy.open("a") as file:
            file.write(f"# {mark}\n# {mark}-noted\n")
        raise self._error


def alert(**more: object) -> Alert:
    """An alert of K6 on the file."""
    made = Alert(
        id="a1b2c3d4e5f60718", rule="K6", title="t", severity=3, outcome="done", first_seen=0, last_seen=0, count=1, actor="",
        address="", object="host:policy.yaml", via="", why="", source="observation", file="", line=0, act="x", last_act="x",
        detections=("K6.file",), quiet_after=3600,
    )  # fmt: skip
    return msgspec.structs.replace(made, **more)


def save(visit: Visit, one: Alert, now: int) -> None:
    """As the loop does."""
    with visit.database.transaction():
        Acts(visit.database, Alert).save(one, b"key", now)


def test_an_act_of_which_nothing_comes_is_stuck(visit: Visit, policy: Path) -> None:
    """The line is out again, and the record says how far it got; what has no name of the drill's might have come."""
    result = conductor(visit).run(K6(str(policy), 0.0))
    assert (result.outcome, result.stuck, result.left) == ("failed", "alert", [])
    assert "which not all of it have" in result.why
    assert policy.read_text() == POLICY
    (found,) = visit.drills.latest()
    assert (found.outcome, found.stuck, found.how, found.cleaned > 0) == ("failed", "alert", "real", True)
    assert [hop[0] for hop in found.hops] == ["act"]


def test_an_act_whose_lines_never_come_is_stuck_at_the_log(visit: Visit, policy: Path) -> None:
    """All its lines have its name, so it is known that none came."""
    result = conductor(visit).run(StandIn("K6", b'{"user": {"username": "eve"}}', str(policy)))
    assert (result.outcome, result.stuck) == ("failed", "logged")
    assert "no line of it came" in result.why


def test_lines_that_came_and_made_no_alert_are_told_from_none(visit: Visit, policy: Path) -> None:
    """What was kept as evidence is looked through for the mark."""
    segments = Segments(visit.folder / "spool" / "observations")
    segments.append(f'{{"observation": "x", "subject": "{MARK}"}}\n'.encode())
    segments.close()
    result = conductor(visit).run(K6(str(policy), 0.0), MARK)
    assert result.stuck == "alert"
    assert "its lines came through observations, and the rule made no alert" in result.why


@pytest.mark.parametrize("error", [KeyboardInterrupt(), CannotDrill("HTTP 403", "grant it")])
def test_what_was_made_is_taken_away_whatever_happens(visit: Visit, policy: Path, error: BaseException) -> None:
    """Also what only the act could name; the record has an end."""
    one = conductor(visit)
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            one.run(Interrupted(policy, error))
    else:
        result = one.run(Interrupted(policy, error))
        assert (result.stuck, result.why, result.mend) == ("act", "HTTP 403", "grant it")
    assert policy.read_text() == POLICY
    assert visit.drills.unclean() == []
    assert [found.stuck for found in visit.drills.latest()] == ["act"]


def test_what_cannot_be_taken_away_is_said_and_kept_in_mind(visit: Visit, policy: Path) -> None:
    """The next sweep tries again."""
    one = conductor(visit)
    visit.drills.begin(MARK, "K6", "real", "vedette", 1)
    visit.drills.things(MARK, [(SYSTEM, f"{policy.parent}/gone.yaml#{MARK}"), ("kube", "/api/v1/x")])
    left = one.sweep()
    assert any("No such file" in what for what in left)
    assert any("nothing in drill: says how to reach kube" in what for what in left)
    assert [found.mark for found in visit.drills.unclean()] == [MARK]
    visit.drills.things(MARK, [(SYSTEM, f"{policy}#{MARK}")])
    policy.write_text(f"{POLICY}# {MARK}\n")
    assert one.sweep() == []
    assert policy.read_text() == POLICY
    assert visit.drills.unclean() == []


def test_an_open_alert_that_would_count_it_up_stops_the_drill(visit: Visit, policy: Path) -> None:
    """Nothing is done, and what to do is said; so it is while a closed one would go on; and not of another file's."""
    now = 10**18
    other = alert(id="ffffffffffffffff", object="host:other.yaml")
    save(visit, other, now)
    assert conductor(visit).run(K6(str(policy), 0.0)).stuck == "alert"
    save(visit, alert(first_seen=now, last_seen=now), now)
    result = conductor(visit).run(K6(str(policy), 0.0))
    assert (result.stuck, result.at) == ("act", 0)
    assert "alert a1b2c3d4 is open" in result.why
    assert "vedette alerts close a1b2c3d4" in result.why
    visit.alerts.close("a1b2c3d4e5f60718", now, "me")
    follower = ByVedette(visit, {}, [], "", lambda _: 0.0)
    for later, stuck in ((60, "act"), (4000, "alert")):
        closer = Closer(visit.alerts, visit.database, Telling(visit, (), {}), partial(int, now + later * SECOND))
        again = Conductor(visit.drills, {SYSTEM: FileLines()}, follower, closer).run(K6(str(policy), 0.0))
        assert again.stuck == stuck, again
        assert ("would go on for" in again.why) is (stuck == "act")


def test_the_alerts_of_a_drill_are_closed_by_it(visit: Visit) -> None:
    """Whatever has its mark, and what its own requests opened; with a deed, so that all are told. No other is."""
    now = 10**18
    for name, more in (
        ("1" * 16, {"actor": f"vedette-drill-{MARK}"}),
        ("2" * 16, {"act": "request-1-x"}),
        ("3" * 16, {}),
    ):
        save(visit, alert(id=name, **more), now)
    Closer(visit.alerts, visit.database, Telling(visit, (), {})).close(MARK, "V1", acts=["request-1"])
    assert [one.alert.id for one in visit.alerts.listed(state="open")] == ["3" * 16]
    (deed,) = visit.alerts.deeds("1" * 16)
    assert (deed.by, deed.did, MARK in deed.said) == ("drill", "closed", True)
