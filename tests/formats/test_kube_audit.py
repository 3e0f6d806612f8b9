"""What a Kubernetes audit event says, and what it leaves open."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.formats.reading import kube, line
from vedette.event import Event, Outcome
from vedette.formats.base import TrustedProxy, Unreadable
from vedette.formats.kube_audit import KubeAudit
from vedette.formats.reader import Reader
from vedette.network import Networks

_READ = 1_795_415_929_629_535_000
_PROXY = TrustedProxy(("system:serviceaccount:pinniped-*:impersonator",), Networks.of(["10.10.0.0/16"]))
_IMPERSONATOR = {"username": "system:serviceaccount:pinniped-concierge:impersonator"}


def read(*proxies: TrustedProxy, **more: Any) -> Event:
    """A short event, with some keys replaced, read whole."""
    return KubeAudit(proxies).read(line(kube(**more)))


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ({"code": 200}, Outcome.DONE),
        ({"code": 101}, Outcome.DONE),
        ({"code": 304}, Outcome.DONE),
        ({"code": 399.0}, Outcome.DONE),
        ({"code": "201"}, Outcome.DONE),
        ({"code": 401}, Outcome.REFUSED),
        ({"code": 403}, Outcome.REFUSED),
        ({"code": 400}, Outcome.FAILED),
        ({"code": 404}, Outcome.FAILED),
        ({"code": 409}, Outcome.FAILED),
        ({"code": 500}, Outcome.FAILED),
        ({}, Outcome.UNKNOWN),
        (None, Outcome.UNKNOWN),
        ({"code": None}, Outcome.UNKNOWN),
        ({"code": True}, Outcome.UNKNOWN),
        ({"code": 0}, Outcome.UNKNOWN),
        ({"code": "²00"}, Outcome.UNKNOWN),
    ],
)
def test_the_outcome_is_the_code(status: object, outcome: Outcome) -> None:
    """100 to 399 is done, 401 and 403 refused, any other code failed; without a code nobody knows."""
    event = read(responseStatus=status)
    assert (event.outcome, event.text("outcome")) == (outcome, outcome.value)
    assert event.complete(("responseStatus", "code")) is (outcome is not Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("stage", "code", "final"),
    [
        ("RequestReceived", None, False),
        ("ResponseStarted", 101, True),
        ("ResponseStarted", None, False),
        ("ResponseComplete", 200, True),
        ("Panic", 500, True),
    ],
)
def test_a_request_received_is_not_final(stage: str, code: int | None, final: bool) -> None:
    """An exec's end comes hours later, so its start with a code is final enough."""
    assert read(stage=stage, responseStatus=code and {"code": code}).final is final


def test_an_act_is_more_than_its_audit_id() -> None:
    """The client may choose the auditID, so what the server sets tells two acts under one id apart."""
    acts = {
        read().act,
        read(requestReceivedTimestamp="2026-11-23T06:38:50.000000Z").act,
        read(user={"username": "eve@example.org"}).act,
        read(verb="delete").act,
        read(requestURI="/api/v1/namespaces/vault/secrets/other").act,
    }
    assert len(acts) == 5
    assert all(act.startswith("k1/") for act in acts)


def test_all_stages_are_one_act() -> None:
    """What differs between the stages of a request is no part of its identity, and its time is the request's."""
    stages = [
        read(stage="RequestReceived", responseStatus=None, stageTimestamp="2026-11-23T06:38:49.629535Z"),
        read(stage="ResponseStarted", responseStatus={"code": 101}, stageTimestamp="2026-11-23T06:38:49.7Z"),
        read(stage="ResponseComplete", stageTimestamp="2026-11-23T09:00:00Z"),
    ]
    assert len({event.act for event in stages}) == 1
    assert {event.time for event in stages} == {_READ}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, _READ),
        ({"requestReceivedTimestamp": None}, _READ + 2_000_000),
        (
            {"requestReceivedTimestamp": "soon", "stageTimestamp": None, "timestamp": "2026-11-23T06:38:49.629535Z"},
            _READ,
        ),
        (
            {
                "requestReceivedTimestamp": None,
                "stageTimestamp": None,
                "metadata": {"creationTimestamp": "1970-01-01T00:00:01Z"},
            },
            1_000_000_000,
        ),
        ({"requestReceivedTimestamp": None, "stageTimestamp": None}, 0),
    ],
)
def test_the_time_is_the_requests(more: dict[str, Any], expected: int) -> None:
    """By preference when the request came, else when the stage was reached, else v1beta1's own stamps."""
    assert read(**more).time == expected


@pytest.mark.parametrize(
    ("addresses", "judged", "known"),
    [
        (["10.0.20.17"], ("10.0.20.17",), True),
        (["10.0.20.17", "198.51.100.7"], ("10.0.20.17", "198.51.100.7"), True),
        (["::1"], ("::1",), True),
        ([], (), False),
        (None, (), False),
        ("198.51.100.7", (), False),
        ([5, "198.51.100.7"], ("198.51.100.7",), True),
    ],
)
def test_every_address_is_judged(addresses: object, judged: tuple[str, ...], known: bool) -> None:
    """A client can put addresses in front of its own, not remove that; a missing list says nothing."""
    event = read(sourceIPs=addresses)
    assert event.values(("clientIPs",)) == (judged, known)
    assert event.text("address") == ", ".join(judged)


def test_behind_a_trusted_proxy_the_client_is_judged() -> None:
    """The proxy is known by its identity and its address; what it says of the client then counts, and it is named."""
    event = read(_PROXY, user=_IMPERSONATOR, sourceIPs=["203.0.113.5", "10.10.3.4"])
    assert event.values(("clientIPs",)).items == ("203.0.113.5",)
    assert (event.via, event.text("via")) == (_IMPERSONATOR["username"], _IMPERSONATOR["username"])


@pytest.mark.parametrize(
    ("user", "addresses"),
    [
        (_IMPERSONATOR, ["203.0.113.5", "198.51.100.7"]),
        ({"username": "me@example.org"}, ["203.0.113.5", "10.10.3.4"]),
        ({"username": "system:serviceaccount:pinniped-concierge:impersonator2"}, ["203.0.113.5", "10.10.3.4"]),
        ({"username": "SYSTEM:serviceaccount:pinniped-concierge:impersonator"}, ["203.0.113.5", "10.10.3.4"]),
        (_IMPERSONATOR, ["10.10.3.4"]),
        (_IMPERSONATOR, ["203.0.113.5", "not-an-address"]),
    ],
)
def test_a_proxy_is_not_trusted_by_half(user: dict[str, str], addresses: list[str]) -> None:
    """The name from elsewhere, another name from the proxy's address, or the proxy itself: all addresses count."""
    event = read(_PROXY, user=user, sourceIPs=addresses)
    assert event.values(("clientIPs",)).items == tuple(addresses)
    assert (event.via, event.fields.get("via")) == ("", None)


@pytest.mark.parametrize(
    ("glob", "name", "fits"),
    [
        ("a*b", "ab", True),
        ("a*b", "axxb", True),
        ("a*b", "axxbc", False),
        ("aba", "aba", True),
        ("ab*ba", "aba", False),
        ("*", "", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("a.c", "abc", False),
        ("[a]", "a", False),
    ],
)
def test_a_proxys_name_may_have_stars(glob: str, name: str, fits: bool) -> None:
    """A star stands for any text, every other character for itself."""
    proxy = TrustedProxy((glob,), Networks.of(["10.10.0.0/16"]))
    assert proxy.stands_between(name, "10.10.3.4") is fits


@pytest.mark.parametrize(
    ("more", "request_known", "response_known"),
    [
        ({"level": "RequestResponse"}, True, True),
        ({"level": "Request"}, True, False),
        ({"level": "Metadata"}, False, False),
        ({"level": None}, False, False),
        ({"stage": "RequestReceived", "responseStatus": None}, False, False),
        ({"stage": "ResponseStarted"}, False, False),
        ({"stage": "Panic"}, True, True),
        ({"responseStatus": {"code": 403}}, False, True),
        ({"annotations": {"audit.k8s.io/truncated": "true"}}, False, False),
        ({"annotations": {"audit.k8s.io/truncated": "false"}}, True, True),
        ({"level": "Metadata", "verb": "list"}, True, False),
        ({"level": "Metadata", "requestObject": {"a": 1}, "responseObject": {"b": 1}}, True, True),
    ],
)
def test_what_was_not_written_is_unknown(more: dict[str, Any], request_known: bool, response_known: bool) -> None:
    """By level, stage, truncation and refusal a body may have been there unseen; a list or watch has none."""
    event = read(**{"verb": "create", **more})
    assert event.complete(("requestObject", "kind")) is request_known
    assert event.complete(("requestText",)) is request_known
    assert event.complete(("auditFlags",)) is request_known
    assert event.complete(("responseObject", "kind")) is response_known


@pytest.mark.parametrize(
    ("more", "expected", "target"),
    [
        ({}, "vault/secrets/app", "vault/secrets/app"),
        ({"verb": "list", "objectRef": {"resource": "secrets"}}, "secrets", "secrets"),
        (
            {
                "verb": "create",
                "objectRef": {"resource": "pods", "namespace": "a", "name": "p", "subresource": "eviction"},
            },
            "a/pods/p/eviction",
            "a/pods/p",
        ),
        (
            {
                "verb": "create",
                "objectRef": {"resource": "pods", "namespace": "a"},
                "requestObject": {"metadata": {"name": "p"}},
            },
            "a/pods/p",
            "a/pods/p",
        ),
        ({"objectRef": None, "requestURI": "/healthz?verbose=1"}, "/healthz", "/healthz"),
        ({"objectRef": None, "requestURI": None}, "", ""),
    ],
)
def test_the_object_is_named(more: dict[str, Any], expected: str, target: str) -> None:
    """Namespace, resource, name and subresource as far as present; the target leaves out the subresource."""
    event = read(**more)
    assert (event.text("object"), event.text("target")) == (expected, target)


@pytest.mark.parametrize("user", [{}, None, {"username": ""}, {"username": None}, {"username": 5}, "eve"])
def test_nobody_is_nobody(user: object) -> None:
    """A 401 has `"user": {}`; no kind of missing name makes an actor."""
    event = read(user=user, responseStatus={"code": 401})
    assert (event.text("actor"), event.outcome) == ("", Outcome.REFUSED)


def test_empty_texts_of_the_object_are_absent() -> None:
    """A serializer that writes empty texts says the same as one that leaves them out."""
    event = read(objectRef={"resource": "secrets", "namespace": "", "subresource": ""})
    assert event.fields["objectRef"] == {"resource": "secrets"}


def test_a_record_cannot_bring_derived_fields_along() -> None:
    """What the format derives is never taken from the record."""
    event = read(outcome="failed", clientIPs=["10.0.0.1"], actor="root", via="x", proxyAction="x", objectAfter={})
    assert event.text("outcome") == "done"
    assert event.text("actor") == "me@example.org"
    assert event.values(("clientIPs",)).items == ("10.0.20.17",)
    assert [event.values((name,)).items for name in ("via", "proxyAction", "objectAfter")] == [(), (), ()]


@pytest.mark.parametrize(
    ("more", "dry"),
    [
        ({"verb": "create", "requestURI": "/api/v1/pods?dryRun=All"}, True),
        ({"verb": "create", "requestURI": "/api/v1/pods"}, False),
        (
            {"verb": "delete", "requestURI": "/api/v1/pods/p?dryRun=All", "requestObject": {"kind": "DeleteOptions"}},
            False,
        ),
        ({"verb": "delete", "requestURI": "/api/v1/pods/p", "requestObject": {"dryRun": ["All"]}}, True),
        ({"verb": "delete", "requestURI": "/api/v1/pods/p?dryRun=All"}, True),
        ({"verb": "delete", "requestURI": "/api/v1/pods/p?dryRun=All", "level": "Metadata"}, None),
        ({"verb": "delete", "requestURI": "/api/v1/pods/p", "level": "Metadata"}, False),
    ],
)
def test_a_dry_run_is_told(more: dict[str, Any], dry: bool | None) -> None:
    """A delete with options in its body takes the dry run from there alone; where that is unseen nobody knows."""
    event = read(**more)
    assert event.fields.get("dryRun") is dry
    assert event.complete(("dryRun",)) is (dry is not None)
    assert event.fields["dryRunClaimed"] is (dry is None)


def test_a_proxied_path_is_decoded() -> None:
    """An exec through the kubelet is found behind percent signs, with its namespace."""
    event = read(
        verb="create",
        requestURI="/api/v1/nodes/node-1/proxy/%65xec/kube-system/p/c?command=id",
        objectRef={"resource": "nodes", "name": "node-1", "subresource": "proxy"},
    )
    assert [event.text(name) for name in ("proxyPath", "proxyAction", "proxyNamespace")] == [
        "exec/kube-system/p/c",
        "exec",
        "kube-system",
    ]


def test_what_was_cut_out_is_unknown() -> None:
    """A patch with a nesting thousands deep cannot hide what else it sets, nor prove that it sets nothing."""
    body = '{"rules":[{"verbs":["*"],"resources":["*"]}],"x":' + "[" * 5000 + "]" * 5000 + "}"
    event = KubeAudit().read(
        line(kube(verb="update", level="Request")).replace(
            b'"stage"', b'"requestObject":' + body.encode() + b',"stage"'
        )
    )
    assert event.values(("objectAfter", "rules", "verbs")) == (("*",), False)
    assert event.values(("requestObject", "rules", "verbs")) == (("*",), False)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"kind": "Event"},
        {"auditID": "a", "stage": "b"},
        {"kind": "Event", "apiVersion": "events.k8s.io/v1"},
        {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": []},
        {"kind": "Policy", "apiVersion": "audit.k8s.io/v1", "rules": []},
    ],
)
def test_another_record_is_refused(record: dict[str, Any]) -> None:
    """What lacks an event's keys is no event, be it JSON."""
    with pytest.raises(Unreadable, match="unknown shape"):
        KubeAudit().read(json.dumps(record).encode())


@pytest.mark.parametrize(
    "key", ["kind", "apiVersion", "level", "user", "sourceIPs", "objectRef", "annotations", "requestURI"]
)
@pytest.mark.parametrize("odd", [None, 5, "text", [], {}, [[]], [{"a": 1}], {"username": []}])
def test_an_oddly_typed_field_costs_nothing_else(key: str, odd: object) -> None:
    """Whatever type a field has, the event is read and every field can be asked for."""
    event = read(**{key: odd})
    assert event.act.startswith("k1/")
    assert all(isinstance(event.values((name,)).items, tuple) for name in KubeAudit.schema.fields)


def test_an_event_without_kind_is_read() -> None:
    """Items cut out of an EventList carry neither kind nor apiVersion."""
    assert read(kind=None, apiVersion=None).text("actor") == "me@example.org"


@pytest.mark.parametrize("indent", [None, 2])
def test_an_event_list_is_read_as_its_events(indent: int | None) -> None:
    """What an audit webhook sends has the API version of an event: each of its items is a record, and it is none."""
    items = [
        {key: value for key, value in kube(auditID=name).items() if key not in ("kind", "apiVersion")}
        for name in ("one", "two")
    ]
    body = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": items}
    reader = Reader({"kube_audit": KubeAudit()}, {})
    batches = [*reader.feed(json.dumps(body, indent=indent).encode() + b"\n"), *reader.finish()]
    assert (
        sum(len(batch.records) for batch in batches) == reader.tally.events["kube_audit"] == reader.tally.records == 2
    )
