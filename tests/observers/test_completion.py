"""Which writes have no end, by what the sources delivered."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.observers.lines import Lines
from vedette.observers import completion
from vedette.observers.base import Look
from vedette.observers.completion import Completion

BEGIN = datetime(2026, 11, 25, 12, tzinfo=UTC)
PATCH = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/open"


def stamp(seconds: float) -> str:
    """As the API server writes times."""
    return (BEGIN + timedelta(seconds=seconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def line(stage: str, number: int, received: float, at: float | None = None, **more: Any) -> bytes:
    """One audit event of a write."""
    event = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Request",
        "auditID": f"id-{number}",
        "stage": stage,
        "requestURI": f"/api/v1/namespaces/default/configmaps/{number}",
        "verb": "update",
        "user": {"username": "eve@example.org", "groups": ["system:authenticated"]},
        "userAgent": "curl/8.5.0",
        "objectRef": {"resource": "configmaps", "namespace": "default", "name": str(number), "apiVersion": "v1"},
        "requestReceivedTimestamp": stamp(received),
        "stageTimestamp": stamp(received if at is None else at),
    }
    return json.dumps(event | more).encode() + b"\n"


def begun(number: int, received: float, **more: Any) -> bytes:
    """It was received."""
    return line("RequestReceived", number, received, **more)


def ended(number: int, received: float, at: float | None = None, **more: Any) -> bytes:
    """It is done."""
    return line("ResponseComplete", number, received, received + 0.01 if at is None else at, **more)


def read(at: float) -> bytes:
    """Two events of reads, which only show how far the source is."""
    return b"".join(line("ResponseComplete", 0, at + part, verb="get") for part in (0.0, 0.001))


def watched() -> Completion:
    """One that has seen a whole act of source `a`."""
    machine = Completion()
    assert machine.feed(begun(99, -1) + ended(99, -1), "a") == []
    return machine


def ids(looks: list[Look]) -> list[str]:
    """What is missing."""
    assert {look.kind for look in looks} <= {"completion_missing"}
    return [look.subject for look in looks]


def test_a_write_without_an_end_is_told_once_its_deadline_has_passed_in_the_source() -> None:
    """Not while the source has no later events, not before 120 s, then once."""
    machine = watched()
    assert machine.feed(begun(1, 0), "a") == []
    assert machine.feed(read(119), "a") == []
    looks = machine.feed(read(130), "a")
    assert ids(looks) == ["id-1"]
    assert looks[0].value == {
        "auditID": "id-1",
        "user": "eve@example.org",
        "verb": "update",
        "requestURI": "/api/v1/namespaces/default/configmaps/1",
        "userAgent": "curl/8.5.0",
        "received": stamp(0),
        "objectRef": {"resource": "configmaps", "namespace": "default", "name": "1"},
        "source": "a",
        "erased": False,
    }
    assert machine.feed(read(500), "a") == []
    assert machine.pending == 0


@pytest.mark.parametrize("verb", ["create", "update", "patch", "delete", "deletecollection"])
@pytest.mark.parametrize("stage", ["ResponseStarted", "ResponseComplete", "Panic"])
def test_any_later_stage_is_an_end(verb: str, stage: str) -> None:
    """Whatever the verb."""
    machine = watched()
    looks = machine.feed(begun(1, 0, verb=verb) + line(stage, 1, 0, 1, verb=verb) + read(300), "a")
    assert (looks, machine.pending) == ([], 0)


def test_an_end_may_come_first_and_everything_may_come_twice() -> None:
    """Batches of a webhook come in any order, and again when an answer was lost."""
    machine = watched()
    assert machine.feed(ended(1, 0), "a") == []
    assert machine.feed(begun(1, 0), "a") == []
    assert machine.feed(ended(1, 0) + begun(1, 0), "a") == []
    assert machine.feed(read(90) + begun(1, 0), "a") == []
    assert machine.pending == 0
    assert machine.feed(read(1000), "a") == []


def test_an_id_that_a_client_chose_again_hides_nothing() -> None:
    """Another request under the same auditID is another act, by time, user, verb or URI."""
    machine = watched()
    others = (
        ended(1, 0.5),
        ended(1, 0, verb="create"),
        ended(1, 0, user={"username": "dev@example.org"}),
        ended(1, 0, requestURI="/api/v1/x"),
    )
    looks = machine.feed(begun(1, 0) + b"".join(others) + read(121), "a")
    assert ids(looks) == ["id-1"]


@pytest.mark.parametrize(
    ("verb", "uri", "erased"),
    [
        ("patch", f"{PATCH}?fieldManager=x", True),
        ("patch", f"{PATCH}?force=true&fieldManager=", True),
        ("patch", f"{PATCH}?field%4Danager=x", True),
        ("patch", f"{PATCH}?a={'b' * 5000}&fieldManager=x", True),
        ("patch", PATCH, False),
        ("patch", f"{PATCH}?x=fieldManager", False),
        ("update", f"{PATCH}?fieldManager=x", False),
    ],
)
def test_what_may_be_an_apply_was_erased(verb: str, uri: str, erased: bool, tmp_path: Path) -> None:
    """An apply must name a field manager, however its query is written; K10.erased or K10.lost fires."""
    looks = watched_with(begun(1, 0, verb=verb, requestURI=uri))
    assert [look.value["erased"] for look in looks] == [erased]
    assert Lines(tmp_path).add(looks) == ["K10.erased" if erased else "K10.lost"]


def watched_with(lines: bytes) -> list[Look]:
    """What is missing of `lines` much later."""
    return watched().feed(lines + read(1000), "a")


@pytest.mark.parametrize(("low", "high", "erased"), [(0, 60, True), (-500, -400, False), (500, 560, False)])
def test_what_was_received_while_the_counter_rose_was_erased(low: float, high: float, erased: bool) -> None:
    """Any write, in the time between the two looks at the counter."""
    machine, begin = watched(), BEGIN.timestamp()
    machine.counted(3, begin + low - 60)
    machine.counted(3, begin + low)
    machine.counted(4, begin + high)
    machine.counted(4, begin + high + 60)
    assert [look.value["erased"] for look in machine.feed(begun(1, 30) + read(300), "a")] == [erased]


def test_a_counter_that_began_anew_has_risen_too() -> None:
    """After a restart of the API server it stands above zero, though below what it was; at zero nothing was lost."""
    begin = BEGIN.timestamp()
    for total, erased in ((1, True), (0, False)):
        machine = watched()
        machine.counted(7, begin)
        machine.counted(total, begin + 60)
        assert [look.value["erased"] for look in machine.feed(begun(1, 30) + read(300), "a")] == [erased]


def test_a_policy_that_keeps_one_stage_makes_no_alerts() -> None:
    """Until one act has come with both; then those that are overdue are told."""
    machine = Completion()
    assert machine.feed(begun(1, 0) + begun(2, 1) + read(1000), "a") == []
    assert machine.feed(begun(3, 1001) + ended(3, 1001) + read(1100), "a") != []
    assert Completion().feed(b"".join(ended(number, number) for number in range(500)), "a") == []


def test_sources_are_judged_apart() -> None:
    """A source that stands still is not judged by the time of another, and its ends are its own."""
    machine = watched()
    machine.feed(begun(98, 0) + ended(98, 0), "b")
    assert machine.feed(begun(1, 0), "a") == []
    assert machine.feed(ended(1, 0) + read(1000), "b") == []
    assert machine.pending == 1
    assert ids(machine.feed(read(200), "a")) == ["id-1"]


def test_one_damaged_time_makes_no_alert() -> None:
    """A single stamp far in the future is not yet the source's time."""
    machine = watched()
    machine.feed(begun(1, 0) + line("ResponseComplete", 0, 9e7, verb="get"), "a")
    assert machine.feed(read(60), "a") == []
    assert machine.feed(ended(1, 0) + read(130), "a") == []


def test_a_clock_that_is_set_back_blinds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """After many events of an earlier time that time counts, for what is pending as well."""
    monkeypatch.setattr(completion, "_BACK", 1_000)
    machine = watched()
    machine.feed(read(100_000) + begun(1, 100_001), "a")
    assert machine.feed(b"".join(read(part) for part in range(600)), "a") == []
    machine.feed(begun(2, 601), "a")
    assert sorted(ids(machine.feed(read(900), "a"))) == ["id-1", "id-2"]


def test_a_backlog_of_another_server_makes_no_alert() -> None:
    """Old events behind new ones have as long for their ends as new ones, by the new ones' time."""
    machine = watched()
    machine.feed(read(100_000), "a")
    assert machine.feed(begun(1, 0) + read(1_000), "a") == []
    assert machine.feed(read(100_100), "a") == []
    assert machine.feed(ended(1, 0) + begun(2, 1), "a") == []
    assert ids(machine.feed(read(100_300), "a")) == ["id-2"]


def test_events_of_a_sparse_source_wait_for_their_end() -> None:
    """An hour without events is no hour that an end took."""
    machine = watched()
    assert machine.feed(begun(1, 3600) + read(3601), "a") == []
    assert machine.feed(ended(1, 3600, 3602) + read(4000), "a") == []


def test_a_session_is_no_write() -> None:
    """An exec ends when somebody leaves."""
    for subresource in ("exec", "attach", "portforward", "proxy"):
        reference = {"resource": "pods", "name": "x", "subresource": subresource}
        assert watched_with(begun(1, 0, verb="create", objectRef=reference)) == []


def test_a_restart_forgets_nothing_and_tells_nothing_twice() -> None:
    """The state goes through JSON; what was told is not told again when it is read again."""
    machine = watched()
    machine.feed(begun(1, 0) + begun(2, 0) + ended(3, 0) + read(60), "a")
    second = Completion()
    second.restore(json.loads(json.dumps(machine.state())))
    assert second.state() == machine.state()
    assert second.feed(ended(2, 0) + begun(3, 0), "a") == []
    assert ids(second.feed(read(121), "a")) == ["id-1"]
    third = Completion()
    third.restore(json.loads(json.dumps(second.state())))
    assert third.feed(begun(1, 0) + read(200) + read(300), "a") == []


@pytest.mark.parametrize("state", [{"sources": 1}, {"pending": []}, {**Completion().state(), "done": [["a", "zz", 1]]}])
def test_a_state_of_something_else_is_refused(state: dict[str, Any]) -> None:
    """Nothing is half restored; an empty state is a first start."""
    machine = Completion()
    with pytest.raises(ValueError, match="no state"):
        machine.restore(state)
    machine.restore({})
    assert machine.state() == Completion().state()


def test_what_is_pending_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are given up, and counted."""
    monkeypatch.setattr(completion, "MOST_PENDING", 10)
    machine = watched()
    machine.feed(b"".join(begun(number, 0) for number in range(25)), "a")
    assert (machine.pending, machine.dropped) == (10, 15)
    assert ids(machine.feed(read(121), "a")) == [f"id-{number}" for number in range(15, 25)]
    monkeypatch.setattr(completion, "_MOST_BYTES", 5_000)
    machine.feed(b"".join(begun(number, 130, requestURI="/" * 1_000_000) for number in range(100, 110)), "a")
    assert machine.pending == 3
    assert machine.dropped == 22


def test_what_a_client_sends_is_cut() -> None:
    """A long URI, agent, user or id makes no long observation."""
    more = {"requestURI": "/" * 9000, "userAgent": "x" * 9000, "auditID": "y" * 9000, "user": {"username": "z" * 9000}}
    looks = watched_with(begun(1, 0, **more))
    assert len(json.dumps(looks[0].value)) < 2500


def test_an_oddly_typed_part_costs_only_itself() -> None:
    """The event counts all the same; bytes that are no text do too."""
    machine = watched()
    odd = begun(1, 0, user=7, userAgent=None, objectRef="x") + begun(2, 0).replace(b"curl", b"\xff\xfe")
    assert sorted(ids(machine.feed(odd + read(121), "a"))) == ["id-1", "id-2"]
    assert machine.unread == 0


@pytest.mark.parametrize(
    "damaged", [b"", b"\n\n", b"{", b"[]\n", b"null\n", b'"RequestReceived"\n', b"[" * 100_000, b"\xff\n", b"{}\n"]
)
def test_a_line_that_is_no_event_is_counted(damaged: bytes) -> None:
    """And nothing else comes of it."""
    machine = watched()
    assert machine.feed(damaged, "a") == []
    assert machine.unread == bool(damaged.strip())


@given(st.binary(max_size=200))
def test_no_bytes_end_it(data: bytes) -> None:
    """Whatever comes."""
    machine = watched()
    machine.feed(data, "a")
    assert ids(machine.feed(b"\n" + begun(1, 0) + read(121), "a")) == ["id-1"]


@given(
    st.permutations([(stage, number) for number in range(4) for stage in (begun, ended)]), st.sets(st.integers(0, 3))
)
def test_any_order_and_any_losses(order: list[tuple[Any, int]], lost: set[int]) -> None:
    """Exactly the writes whose end is lost are told, in whatever order the others come."""
    machine = watched()
    looks = []
    for stage, number in order:
        if stage is begun or number not in lost:
            looks += machine.feed(stage(number, float(number)), "a")
    looks += machine.feed(read(200), "a")
    assert sorted(ids(looks)) == [f"id-{number}" for number in sorted(lost)]


def test_the_erased_write_of_the_recording_is_found(root: Path) -> None:
    """The recorded cluster keeps both stages of what the rules watch; one apply of YAML is without its end."""
    machine = Completion(10.0)
    looks = machine.feed((root / "examples" / "logs" / "kube-audit.jsonl").read_bytes(), "audit.log")
    assert [str(look.value["requestURI"]).partition("?")[0] for look in looks] == [PATCH.replace("open", "quiet-one")]
    assert [look.value["erased"] for look in looks] == [True]
    assert machine.unread == 0
