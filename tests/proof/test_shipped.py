"""Shipped: what came, not what was configured, says whether a rule can read what it reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from tests.scans import SETTINGS
from vedette import app
from vedette.formats import SCHEMAS
from vedette.proof.links.shipped import Shipped
from vedette.proof.seen import Heard, Seen, SeenFormat
from vedette.proof.verdict import LinkResult, State
from vedette.rule import Rule
from vedette.scan import Plan, Scanner

NOW = 1_796_000_000 * 1_000_000_000
TIME = "2026-11-30T00:00:00.000000Z"


def pack() -> dict[str, Rule]:
    """The rules under the settings of the cases."""
    return {rule.name: rule for rule in app.load_rules(app.load_settings(str(SETTINGS)), unproven=True).rules}


def seen(records: Sequence[object], troubles: Sequence[tuple[str, str, str]] = ()) -> Seen:
    """What is seen of some records from one source."""
    wanted: dict[str, list[str]] = {}
    for rule in pack().values():
        for one in rule.needs:
            wanted.setdefault(one.format, []).extend(one.fields)
    found = Seen(where="the records of a test")
    lines = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    found.add(Scanner(Plan(())).events_in([lines]), SCHEMAS, wanted)
    events = {name: one.events for name, one in found.formats.items()}
    found.sources["log"] = Heard(events, tuple(troubles))
    return found


def kube(**changed: object) -> dict[str, object]:
    """A plain read in the audit log."""
    event = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "5665b592-64c9-5c29-89e3-d02d1988aa94",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/vault/secrets/a",
        "verb": "get",
        "user": {"username": "eve"},
        "sourceIPs": ["10.0.20.17"],
        "objectRef": {"resource": "secrets", "namespace": "vault", "name": "a", "apiVersion": "v1"},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": TIME,
        "stageTimestamp": TIME,
    }
    return {key: value for key, value in {**event, **changed}.items() if value is not None}


def checked(name: str, found: Seen, now: int = NOW) -> LinkResult:
    """The link for one rule."""
    return Shipped(found, now).check(pack()[name])


def test_events_with_their_fields_are_ready() -> None:
    """A log that comes with what the rule asks for."""
    found = checked("K3", seen([kube()] * 60))
    assert (found.state, found.why) == (State.READY, "")


@pytest.mark.parametrize(
    ("name", "form"), [("K3", "kube_audit"), ("V4", "vault_audit"), ("S1", "sshd"), ("K5", "kube_audit")]
)
def test_a_log_that_never_came_is_blind(name: str, form: str) -> None:
    """No record, no rule; the mend names where the log is to be said."""
    found = checked(name, Seen())
    assert (found.state, found.why) == (State.BLIND, f"no {form} event has ever come")
    assert "sources:" in found.mend


def test_a_field_that_no_event_has_was_lost_on_the_way() -> None:
    """A list that the shipper never extracted: K2 asks for addresses and finds none in any event."""
    found = checked("K2", seen([kube(sourceIPs=None)] * 60))
    assert found.state is State.BLIND
    assert "none of the last 60 kube_audit events has sourceIPs" in found.why
    assert "as the server wrote it" in found.mend


def test_a_field_that_is_rare_is_only_told_of() -> None:
    """No request body among reads does not mean that none is shipped."""
    found = checked("K6", seen([kube()] * 60))
    assert found.state is State.READY
    assert "not seen in 60 events: requestObject" in found.why


@pytest.mark.parametrize("kind", ["source_silent", "unparsed", "source_trouble", "lag"])
def test_a_finding_about_the_only_source_is_a_broken_link(kind: str) -> None:
    """What the watcher found out already is the reason, with its own mend."""
    found = checked("K3", seen([kube()] * 60, [(kind, "it is so", "do that")]))
    assert (found.state, found.mend) == (State.BLIND, "do that")
    assert "it is so" in found.why


def test_a_finding_about_one_of_two_sources_is_told_and_breaks_nothing() -> None:
    """The other source still gives the log."""
    both = seen([kube()] * 60, [("source_silent", "nothing came from log", "look")])
    both.sources["webhook"] = Heard({"kube_audit": 60})
    found = checked("K3", both)
    assert found.state is State.READY
    assert "nothing came from log" in found.why


def test_old_events_are_no_proof_of_today() -> None:
    """A log whose last event is days old."""
    found = checked("K3", seen([kube()] * 60), NOW + 5 * 86_400 * 1_000_000_000)
    assert found.state is State.BLIND
    assert "the last kube_audit event is" in found.why


def test_observations_are_those_that_were_made() -> None:
    """V3 without a seal status is blind; K7 without its second source only says so."""
    status = {"observation": "seal_status", "time": TIME, "subject": "vault-0", "value": {"sealed": False}}
    assert checked("V3", seen([status])).state is State.READY
    found = checked("V3", seen([kube()]))
    assert (found.state, found.mend) == (State.BLIND, "name each node under sources: vault:")
    second = checked("K7", seen([kube(requestObject={})] * 60))
    assert second.state is State.READY
    assert "second source: K7.live: no rbac_object is observed" in second.why


def test_what_could_not_be_looked_at_is_unknown() -> None:
    """A store that cannot be opened proves nothing either way."""
    found = checked("K3", Seen(fault="state: no store here"))
    assert (found.state, found.why) == (State.UNKNOWN, "state: no store here")


def test_names_that_anybody_may_write_are_bounded() -> None:
    """Ten thousand actors take no more room than five."""
    found = seen([kube(user={"username": f"user-{at}"}) for at in range(6_000)] + [kube(user={"username": "x" * 300})])
    actors = found.formats["kube_audit"].actors
    assert len(actors) == 5_000
    assert max(map(len, actors)) < 256


def tracer(level: str, seconds_ago: int) -> dict[str, object]:
    """What became of a tracer's request."""
    value = {"format": "kube_audit", "expected": "Metadata"} | ({"level": level} if level else {})
    time = datetime.fromtimestamp(NOW / 1e9 - seconds_ago, UTC).isoformat()
    return {"observation": "tracer", "time": time, "subject": "https://10.0.40.10:6443", "value": value}


@pytest.mark.parametrize(
    ("level", "seconds_ago", "blind"), [("", 60, True), ("Metadata", 60, False), ("", 2 * 3600, False)]
)
def test_a_tracer_that_did_not_come_back_is_blindness(level: str, seconds_ago: int, blind: bool) -> None:
    """For every rule on that log, as long as it is the tracer's last word and no old one; K6 says so itself."""
    records = [*[kube()] * 60, tracer("Metadata", seconds_ago + 300), tracer(level, seconds_ago)]
    found = checked("K3", seen(records))
    assert (found.state is State.BLIND) == blind
    assert found.told_by == ("K6" if blind else "")
    assert ("tracer" in found.why) == blind


def test_blindness_that_is_said_already_is_marked() -> None:
    """A silence by its finding, what nobody has set up by the settings; lost fields are news."""
    silence = ("source_silent", "nothing came", "see to it")
    assert checked("K3", seen([kube()] * 60, [silence])).told_by == "source_silent"
    assert checked("K3", seen([kube()] * 60), NOW + 3 * 86_400 * 10**9).told_by == "source_silent"
    assert checked("V4", Seen()).told_by == "settings"
    assert checked("V3", seen([kube()] * 60)).told_by == "settings"
    lost = checked("K3", seen([kube(verb=None)] * 60))
    assert (lost.state, lost.told_by) == (State.BLIND, "")


def test_a_shipper_that_begins_to_drop_is_seen_before_the_old_records_are_gone() -> None:
    """The last events of a source count: a field that every server writes, and a stage."""
    healthy = [kube()] * 300
    assert checked("K2", seen(healthy)).state is State.READY
    for changed, said in (
        (kube(sourceIPs=None), "none of the last 200 kube_audit events has sourceIPs"),
        (
            kube(stage="RequestReceived"),
            "none of the last 200 kube_audit events is at stage ResponseComplete, with which every request ends",
        ),
    ):
        name = "K2" if "sourceIPs" not in changed else "K7"
        found = checked(name, seen([*healthy, *[changed] * 200]))
        assert (found.state, found.why) == (State.BLIND, said)
        assert found.mend == "let the shipper send every record, as the server wrote it"
        assert checked(name, seen([*healthy, *[changed] * 100])).state is State.READY


@pytest.mark.parametrize(
    ("name", "seen_all_the_same"),
    [("K4", "exec_over_websocket"), ("K2", "watch_begun"), ("K3", "watch_begun"), ("K7", "")],
)
def test_a_stage_that_does_not_come_hides_what_needs_it(name: str, seen_all_the_same: str) -> None:
    """A shell shows at its beginning, ResponseStarted, and what is over at once does not."""
    begun = kube(stage="ResponseStarted", verb="watch")
    came = seen([kube(stage="RequestReceived"), *[begun] * 60])
    found = Shipped(came, NOW, rules_under=app.rules_under()).check(pack()[name])
    assert found.state is State.BLIND
    assert found.in_part is bool(seen_all_the_same)
    assert "is at stage ResponseComplete, with which every request ends" in found.why
    assert found.mend == "let the shipper send every record, as the server wrote it"
    states = {one.name: one.state for one in found.variants}
    if seen_all_the_same:
        assert states[seen_all_the_same] is State.READY
    if name == "K4":
        blind = {one.name for one in found.blind}
        assert blind == {"ephemeral_container_by_patch", "ephemeral_container_by_update", "only_received", "cut_event"}


def test_writes_without_an_end_are_told_of() -> None:
    """A size limit that leaves large events out; the rules fire on the others."""
    found = seen([kube()] * 60)
    found.unended = 1
    result = checked("K7", found)
    assert result.state is State.READY
    assert "a size limit on the way leaves the larger event out" in result.why


def test_what_is_looked_for_is_not_asked_for_again() -> None:
    """`completion: on` and nothing missing: K10.erased has what it reads."""
    record = {"kind": "Observation", "observation": "counter", "subject": "a", "time": TIME, "value": {}}
    found = seen([record])
    found.formats.setdefault("observation", SeenFormat()).kinds.add("counter")
    off, on = (Shipped(found, NOW, completing=one).check(pack()["K10"]) for one in (False, True))
    assert "completion: on" in off.mend
    assert "completion" not in f"{on.why} {on.mend}"


def test_a_server_s_own_log_is_looked_for_where_it_is_named() -> None:
    """Of the program that the rule asks about, and of no other."""
    record = {"observation": "seal_status", "subject": "a", "time": TIME, "value": {"sealed": False}}
    for programs, asked in (((), True), (("kube-apiserver",), True), (("vault",), False)):
        found = Shipped(seen([record]), NOW, server_logs=programs).check(pack()["V3"])
        assert ("name the server's own log under sources: server_logs:" in found.mend) is asked
