"""What surrounds an alert, read from kept evidence: rows, habit, what it cannot read, and that no line is missed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.response.stories import BASE, kube, sshd, vault
from vedette.alert import Alert
from vedette.event import Event
from vedette.formats.base import TrustedProxy
from vedette.network import Networks
from vedette.response import evidence
from vedette.response.context import MOST_ROWS, Context
from vedette.response.evidence import HOUR, of_evidence
from vedette.response.gathering import Shapes
from vedette.response.glance import glance_of, glances
from vedette.response.needles import cut, needles
from vedette.scan import Plan, Scanner
from vedette.store.segments import Segments

DAY = 86_400.0
CI = "system:serviceaccount:web:ci"
HERE = "10.10.3.7"


def keep(folder: Path, lines: Iterable[bytes], *, source: str = "audit", at: float | None = None) -> None:
    """One segment of lines, last written `at` seconds after BASE, else now."""
    place = folder / "evidence" / source
    segments = Segments(place, clock=lambda: BASE)
    segments.limits = segments.limits.__class__(size=1, age=1e12)
    segments.append(b"".join(lines))
    name = segments.names()[-1]
    segments.close()
    if at is not None:
        os.utime(place / name, (BASE + at, BASE + at))


def event_of(line: bytes, proxies: Sequence[TrustedProxy] = ()) -> Event:
    """A line decoded whole."""
    (event,) = Scanner(Plan((), tuple(proxies))).events_in([line])
    return event


def alert_on(line: bytes, proxies: Sequence[TrustedProxy] = (), **more: Any) -> Alert:
    """The alert that an act makes."""
    event = event_of(line, proxies)
    said: dict[str, Any] = {
        "id": "7d1b7d1b7d1b7d1b",
        "rule": "K3",
        "title": "Secret disclosed",
        "severity": 3,
        "outcome": event.outcome.value,
        "first_seen": event.time,
        "last_seen": event.time,
        "count": 1,
        "actor": event.text("actor"),
        "address": event.text("address"),
        "object": event.text("object"),
        "via": "",
        "why": "",
        "source": event.format,
        "file": "audit.log",
        "line": 1,
        "act": event.act,
        "last_act": event.act,
        "detections": ("K3",),
    }
    return Alert(**said | more)


def shows_token(line: bytes) -> bytes:
    """The same request with a token."""
    record = json.loads(line)
    record["user"]["extra"] = {"authentication.kubernetes.io/credential-id": ["JTI=4f57ae5a"]}
    return json.dumps(record).encode() + b"\n"


def around(folder: Path, line: bytes, **more: Any) -> Context:
    """What surrounds the act of a line."""
    return of_evidence(folder, alert_on(line, more.get("proxies", ())), **more)


def listed(rows: Iterable[Any]) -> list[tuple[str, str, str, int]]:
    """Actor, verb, kind and count of each row."""
    return [(row.actor, row.verb, row.kind, row.count) for row in rows]


def test_the_hour_around_is_summed_by_kind(tmp_path: Path) -> None:
    """What the actor did, what others did from the same address, and nothing from beyond the window or elsewhere."""
    act = kube(CI, "get", "vault/secrets/db", 0)
    keep(
        tmp_path,
        [
            kube(CI, "get", "web/pods/a", -4000),
            *(kube(CI, "get", f"web/pods/p{number}", -100 + number) for number in range(3)),
            kube("dev", "list", "web/secrets", -50),
            kube("dev", "list", "web/secrets", -40, address="10.9.9.9"),
            act,
            kube(CI, "delete", "web/pods/a", 3000),
            kube(CI, "delete", "web/pods/b", 3700),
        ],
    )
    context = around(tmp_path, act)
    assert listed(context.by_actor) == [(CI, "get", "pods", 3), (CI, "get", "secrets", 1), (CI, "delete", "pods", 1)]
    assert listed(context.by_address) == [("dev", "list", "secrets", 1)]
    assert context.by_actor[0].example == "web/pods/p0"
    assert context.by_actor[0].last - context.by_actor[0].first == 2_000_000_000
    assert context.acts == 6
    assert [one.act for one in context.events] == [event_of(act).act]
    assert context.troubles == []
    assert context.read_from == "evidence"


def test_the_records_of_one_act_count_once(tmp_path: Path) -> None:
    """Of request and answer the answer counts, even where they lie in different segments."""
    act = kube(CI, "get", "vault/secrets/db", 0, auditID="one")
    begun = kube(CI, "get", "vault/secrets/db", 0, auditID="one", stage="RequestReceived", responseStatus=None)
    keep(tmp_path, [begun])
    keep(tmp_path, [act])
    context = around(tmp_path, act)
    assert [(row.count, row.outcome) for row in context.by_actor] == [(1, "done")]
    assert len(context.events) == 2


def test_habit_is_what_was_before_the_window(tmp_path: Path) -> None:
    """Acts, days, and how many were by the same address, client and kind; and how far back the evidence reaches."""
    act = kube(CI, "get", "vault/secrets/db", 0)
    keep(tmp_path, [kube("old", "get", "web/pods/a", -9 * DAY)], at=-9 * DAY)
    keep(
        tmp_path,
        [
            kube(CI, "get", "web/secrets/x", -3 * DAY),
            kube(CI, "get", "web/secrets/x", -3 * DAY, stage="RequestReceived", responseStatus=None),
            kube(CI, "get", "web/secrets/x", -2 * DAY, address="10.9.9.9"),
            kube(CI, "list", "web/pods", -2 * DAY, userAgent="curl/8"),
            kube(f"{CI}-other", "get", "web/secrets/x", -2 * DAY),
        ],
        at=-2 * DAY,
    )
    keep(tmp_path, [kube(CI, "get", "web/secrets/x", -5000), act])
    habit = around(tmp_path, act).habit
    assert habit is not None
    assert (habit.acts, habit.days) == (4, 3)
    assert (habit.from_address, habit.with_agent, habit.same_kind) == (3, 3, 3)
    assert (habit.first, habit.last) == (int(BASE - 3 * DAY) * 10**9, int(BASE - 5000) * 10**9)
    assert habit.kept_since == int(BASE - 9 * DAY) * 10**9


def test_never_seen_before_is_no_acts(tmp_path: Path) -> None:
    """An actor of whom nothing is kept has no habit, and where nothing is older, nothing is said to be."""
    act = kube(CI, "get", "vault/secrets/db", 0)
    keep(tmp_path, [act])
    habit = around(tmp_path, act).habit
    assert habit is not None
    assert (habit.acts, habit.first, habit.kept_since) == (0, 0, 0)


def test_an_actor_whose_log_keeps_no_answers_has_a_habit(tmp_path: Path) -> None:
    """A policy may leave out ResponseComplete; what is there counts then."""
    act = kube(CI, "get", "vault/secrets/db", 0)
    begun = [kube(CI, "get", "a/pods/b", -2 * DAY, stage="RequestReceived", responseStatus=None) for _ in range(2)]
    keep(tmp_path, begun, at=-2 * DAY)
    keep(tmp_path, [act])
    habit = around(tmp_path, act).habit
    assert habit is not None
    assert habit.acts == 2


@pytest.mark.parametrize(
    "name",
    ["system:node:a", "<b>&co", "Jürgen Müller", "данил", 'quo"te', "back\\slash", "ab", "🐕", "a/b/c", "<b>", "<&"],
)
@pytest.mark.parametrize("go", [True, False])
def test_an_actor_is_found_however_his_name_is_written(tmp_path: Path, name: str, *, go: bool) -> None:
    r"""With `\u003c` as Go writes it, as `\u` escapes throughout, or as UTF-8."""

    def written(line: bytes) -> bytes:
        text = json.dumps(json.loads(line), ensure_ascii=not go)
        for char in "<>&" if go else "":
            text = text.replace(char, f"\\u{ord(char):04x}")
        return text.encode() + b"\n"

    act = written(kube(name, "get", "vault/secrets/db", 0))
    keep(tmp_path, [written(kube(name, "get", "web/pods/a", -2 * DAY)), kube("x", "get", "a", -2 * DAY)], at=-2 * DAY)
    keep(tmp_path, [act])
    context = around(tmp_path, act)
    assert context.habit is not None
    assert context.habit.acts == 1
    assert listed(context.by_actor) == [(name, "get", "secrets", 1)]


def cri(line: bytes, *, pieces: int = 1) -> bytes:
    """As containerd writes it, in pieces."""
    text = line.rstrip(b"\n")
    size = -(-len(text) // pieces)
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    marks = [b"P"] * (len(parts) - 1) + [b"F"]
    return b"".join(b"2026-11-23T08:00:00.1Z stdout %s %s\n" % pair for pair in zip(marks, parts, strict=True))


def docker(line: bytes) -> bytes:
    """As Docker writes it."""
    return json.dumps({"log": line.decode(), "stream": "stdout", "time": "2026-11-23T08:00:00Z"}).encode() + b"\n"


def listing(line: bytes) -> bytes:
    """As the API server's webhook sends it, two at once."""
    other = json.loads(kube("other", "get", "web/pods/o", -2 * DAY - 1))
    return (
        json.dumps({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [other, json.loads(line)]}).encode()
        + b"\n"
    )


@pytest.mark.parametrize(
    "wrap", [cri, lambda line: cri(line, pieces=3), docker, listing, lambda line: b"node-1 " + line]
)
def test_wrapped_records_are_found_and_others_of_the_same_line_are_not_taken(tmp_path: Path, wrap: Any) -> None:
    """Containers' logs, lists and prefixes around it change nothing, in what is older and in the window."""
    act = kube(CI, "get", "vault/secrets/db", 0)
    keep(
        tmp_path,
        map(wrap, [kube("x", "get", "web/pods/a", -2 * DAY), kube(CI, "get", "web/pods/a", -2 * DAY)]),
        at=-2 * DAY,
    )
    keep(tmp_path, map(wrap, [act]))
    context = around(tmp_path, act)
    assert context.habit is not None
    assert context.habit.acts == 1
    assert [row.actor for row in context.by_actor] == [CI]
    assert len(context.events) == 1


def test_pieces_of_a_line_in_two_blocks_are_one_record(tmp_path: Path) -> None:
    """A container's line whose pieces a block's end parts is put together."""
    act = kube(CI, "get", "vault/secrets/db", 0)
    old = cri(kube(CI, "get", "web/pods/a", -2 * DAY), pieces=2).splitlines(keepends=True)
    place = tmp_path / "evidence" / "audit"
    segments = Segments(place)
    for piece in old:
        segments.append(piece)
    name = segments.names()[-1]
    segments.close()
    os.utime(place / name, (BASE - 2 * DAY, BASE - 2 * DAY))
    keep(tmp_path, [act])
    habit = around(tmp_path, act).habit
    assert habit is not None
    assert habit.acts == 1


def test_the_address_is_the_clients_own_behind_a_trusted_proxy(tmp_path: Path) -> None:
    """Rows and habit judge addresses as the rules do: a claim in front of the peer is none, a trusted proxy's is."""
    proxies = (TrustedProxy((CI,), Networks.of(["10.10.3.7/32"])),)
    act = kube(CI, "get", "vault/secrets/db", 0, address=["10.0.0.5", HERE])
    old = [kube(CI, "get", "a/pods/b", -2 * DAY, address=one) for one in (["10.0.0.5", HERE], ["10.0.0.5", "10.1.1.1"])]
    keep(tmp_path, old, at=-2 * DAY)
    keep(tmp_path, [act])
    context = around(tmp_path, act, proxies=proxies)
    assert context.habit is not None
    assert (context.habit.acts, context.habit.from_address) == (2, 1)
    assert [row.address for row in context.by_actor] == ["10.0.0.5"]


def test_other_systems_are_looked_at_by_address(tmp_path: Path) -> None:
    """What came to sshd and Vault from the same address is there; a namesake of another system is not the actor."""
    act = kube("me", "get", "vault/secrets/db", 0)
    keep(tmp_path, [act])
    keep(tmp_path, [sshd("root", HERE, 5), sshd("me", "10.9.9.9", 6)], source="ssh")
    keep(tmp_path, [vault("sys/policies/acl/x", 9, entity="", name="token", address=HERE)], source="vault")
    context = around(tmp_path, act)
    assert [(row.actor, row.verb) for row in context.by_address] == [("root", "accepted"), ("token", "update")]
    assert [row.actor for row in context.by_actor] == ["me"]


def test_the_act_of_a_login_is_found_by_its_line(tmp_path: Path) -> None:
    """sshd's acts have no name in the log; who did it is looked for, and the digest compared."""
    act = sshd("me", "203.0.113.9", 0)
    keep(tmp_path, [sshd("me", "203.0.113.9", -3 * DAY)], source="ssh", at=-3 * DAY)
    keep(tmp_path, [sshd("me", "203.0.113.9", -9), act], source="ssh")
    context = around(tmp_path, act)
    assert [one.raw for one in context.events] == [act.rstrip(b"\n")]
    assert context.habit is not None
    assert (context.habit.acts, context.habit.same_kind) == (1, 1)


def test_an_alert_that_names_no_act_is_met_by_who_did_what(tmp_path: Path) -> None:
    """Loki's ruler tells actor, address and object, some minutes after the act."""
    act = shows_token(kube(CI, "get", "vault/secrets/db", 0))
    keep(tmp_path, [kube(CI, "get", "vault/secrets/db", -3000), kube(CI, "get", "vault/secrets/other", -5), act])
    seen = int(BASE + 240) * 10**9
    context = of_evidence(tmp_path, alert_on(act, act="", last_act="", first_seen=seen, last_seen=seen))
    assert [one.act for one in context.events] == [event_of(act).act]
    assert [step.actor for step in context.lineage] == [CI]
    assert context.troubles == []


def test_a_name_that_the_alert_has_cut_is_met_whole(tmp_path: Path) -> None:
    """Its record has all of it; a namesake up to there is somebody else."""
    long = "x" * 2000
    act = kube(long, "get", "vault/secrets/db", 0)
    keep(
        tmp_path, [kube(f"{long}y", "get", "a/pods/b", -9, address="10.9.9.9"), kube(long, "get", "a/pods/b", -5), act]
    )
    context = of_evidence(tmp_path, alert_on(act, actor=long[:1024]))
    assert [(row.actor, row.kind) for row in context.by_actor] == [(long[:1024], "pods"), (long[:1024], "secrets")]


def test_an_act_that_is_not_kept_any_more_is_a_trouble(tmp_path: Path) -> None:
    """So is an empty store; neither raises."""
    act = kube(CI, "get", "vault/secrets/db", 0)
    (tmp_path / "evidence").mkdir()
    context = around(tmp_path, act)
    assert context.events == []
    assert context.troubles == ["the alert's own acts are not in it"]


def test_a_damaged_segment_is_a_trouble_and_the_rest_is_read(tmp_path: Path) -> None:
    """Its place is named, once; the others count."""
    act = kube(CI, "get", "vault/secrets/db", 0)
    keep(tmp_path, [kube(CI, "get", "a/pods/b", -3 * DAY)], at=-3 * DAY)
    keep(tmp_path, [kube(CI, "get", "a/pods/b", -2 * DAY)], at=-2 * DAY)
    keep(tmp_path, [act])
    first = min((tmp_path / "evidence" / "audit").iterdir())
    first.write_bytes(b"no frame at all")
    os.utime(first, (BASE - 3 * DAY, BASE - 3 * DAY))
    context = around(tmp_path, act)
    assert context.troubles == [f"{first}: cannot be read behind byte 0"]
    assert context.habit is not None
    assert context.habit.acts == 1


def test_segments_from_after_the_window_are_passed_over(tmp_path: Path) -> None:
    """What begins behind its end is not read; what was read late and begins within it is."""
    act = kube(CI, "get", "vault/secrets/db", -9 * DAY)
    keep(tmp_path, [kube(CI, "get", "a/pods/late", -9 * DAY + 60)], at=0)
    keep(tmp_path, [act], at=0)
    keep(tmp_path, [kube(CI, "get", "a/pods/after", number) for number in range(500)], at=0)
    context = around(tmp_path, act)
    assert sum(row.count for row in context.by_actor) == 2
    assert context.bytes_read < 2000


def month(folder: Path) -> bytes:
    """A store with segments of ten days and two sources; gives the alert's act."""
    act = kube(CI, "get", "vault/secrets/db", 0)
    for day in range(10, 0, -1):
        lines = [kube(CI, "get", f"web/pods/p{number}", -day * DAY + number) for number in range(day)]
        keep(folder, [*lines, kube("other", "get", "web/pods/o", -day * DAY)], at=-day * DAY)
        keep(folder, [sshd("me", HERE, -day * DAY)], source="ssh", at=-day * DAY)
    keep(folder, [act])
    return act


def test_two_processes_say_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of what is older is read by another; sums, troubles and sizes are the same."""
    act = month(tmp_path)
    spoilt = min((tmp_path / "evidence" / "audit").iterdir())
    spoilt.write_bytes(b"no frame at all")
    os.utime(spoilt, (BASE - 10 * DAY, BASE - 10 * DAY))
    alone = around(tmp_path, act)
    monkeypatch.setattr(evidence, "_WORTH", 0)
    together = around(tmp_path, act)
    assert replace(together, events=[]) == replace(alone, events=[])
    assert alone.habit is not None
    assert (alone.habit.acts, alone.habit.days) == (45, 9)
    assert alone.troubles == [f"{spoilt}: cannot be read behind byte 0"]


def test_a_process_that_dies_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its half is read by the first one then."""
    act = month(tmp_path)
    alone = around(tmp_path, act)
    parent, read = os.getpid(), evidence._Evidence._half

    def half(self: Any, *arguments: Any) -> Any:
        if os.getpid() != parent:
            os._exit(9)
        return read(self, *arguments)

    monkeypatch.setattr(evidence, "_WORTH", 0)
    monkeypatch.setattr(evidence._Evidence, "_half", half)
    assert replace(around(tmp_path, act), events=[]) == replace(alone, events=[])


def test_rows_are_bounded_and_the_rest_is_counted(tmp_path: Path) -> None:
    """Kinds nearest to the alert are listed; the acts of the others are a number."""
    act = kube(CI, "get", "vault/secrets/db", 0)
    others = [kube(CI, "get", f"n{number}/pods/a", 10 + number) for number in range(MOST_ROWS + 9)]
    keep(tmp_path, [act, *others])
    context = around(tmp_path, act)
    assert len(context.by_actor) == MOST_ROWS
    assert context.more == 10
    assert context.by_actor[0].kind == "secrets"


def test_hours_widen_the_window(tmp_path: Path) -> None:
    """As many before the first act and after the last."""
    act = kube(CI, "get", "vault/secrets/db", 0)
    keep(tmp_path, [kube(CI, "get", "a/pods/b", -2 * 3600), act, kube(CI, "get", "a/pods/b", 2 * 3600 - 60)])
    context = around(tmp_path, act, hours=2.5)
    assert [row.count for row in context.by_actor] == [2, 1]
    assert context.until - context.since == 5 * HOUR + 1


@given(st.text(min_size=1, max_size=40))
def test_a_name_is_cut_out_with_its_line(name: str) -> None:
    """Whatever the name, the line that Go or Python wrote of it is cut out, and only whole lines are."""
    lines = [json.dumps({"verb": "get", "user": {"username": one}}, ensure_ascii=False) for one in ("other", name)]
    block = "\n".join([*lines, json.dumps({"user": name}), ""]).encode("utf-8", "replace")
    found = cut(block, needles(name, quoted=True))
    assert found.count(b"\n") >= 2
    assert set(found.splitlines()) <= set(block.splitlines())


def test_a_projection_says_what_the_whole_record_says() -> None:
    """Of each recorded line the glance by projection is the one that the format itself gives."""
    shapes = Shapes(())
    compared = 0
    for file in ("kube-audit.jsonl", "vault-audit.jsonl"):
        lines = (Path(__file__).parents[2] / "examples" / "logs" / file).read_bytes()
        for batch in shapes.reader().feed(lines):
            for index, glance in enumerate(glances(batch)):
                event = shapes.whole(batch, index)
                assert event is not None
                assert glance is not None
                whole = glance_of(event)
                assert glance.stamp[:26] == whole.stamp[:26]
                glance.stamp = whole.stamp
                assert glance == whole
                compared += 1
    assert compared > 1200
