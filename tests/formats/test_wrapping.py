"""Every wrapping that has been met in the wild comes off, by shape alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.formats.reading import CRON, SSHD, kube, line, log, read, vault

_KUBE, _VAULT = line(kube()).decode(), line(vault()).decode()
_EVENTS = [kube("k1"), kube("k2"), kube("k3")]
_CRI = "2026-01-02T03:04:05.678901234Z stdout F "
_FIREHOSE = {"messageType": "DATA_MESSAGE", "logGroup": "/aws/eks/c/cluster", "logStream": "kube-apiserver-audit-1"}


def azure(log_value: object, category: str = "kube-audit") -> dict[str, Any]:
    """A diagnostic record as AKS sends it."""
    return {
        "category": category,
        "operationName": "x",
        "properties": {"log": log_value, "stream": "stdout", "pod": "p"},
    }


@pytest.mark.parametrize(
    "wrapped",
    [
        _KUBE,
        "\ufeff" + _KUBE,
        "\0" * 5000 + _KUBE,
        _KUBE + "\0" * 8,
        "  " + _KUBE + " \t",
        "\x1e" + _KUBE,
        _KUBE + ",",
        _CRI + _KUBE,
        "2026-01-02T03:04:05.6+01:00 stderr F:x " + _KUBE,
        {"log": _KUBE + "\n", "stream": "stdout", "time": "2026-01-02T03:04:05Z"},
        {"log": _KUBE + "\n", "stream": "stdout", "time": "2026-01-02T03:04:05Z", "attrs": {"tag": "x"}},
        {"labels": {"app": "x"}, "line": _KUBE, "timestamp": "2026-01-02T03:04:05Z"},
        {"streams": [{"stream": {"app": "x"}, "values": [["1", _KUBE, {"meta": "x"}]]}]},
        {"status": "success", "data": {"resultType": "streams", "result": [{"stream": {}, "values": [["1", _KUBE]]}]}},
        "2023-05-20T05:26:57.511000+00:00 kube-apiserver-audit-9001c7b " + _KUBE,
        '2026-01-02T03:04:05Z {app="x", job="y"} ' + _KUBE,
        {**_FIREHOSE, "logEvents": [{"id": "1", "timestamp": 1, "message": _KUBE}]},
        {"events": [{"logStreamName": "x", "timestamp": 1, "message": _KUBE}]},
        {"records": [azure(_KUBE + "\n")]},
        azure(_KUBE),
        azure(kube(), "kube-audit-admin"),
        {"category": "kube-audit", "properties": json.dumps({"log": _KUBE})},
        {
            "kind": "EventList",
            "apiVersion": "audit.k8s.io/v1",
            "metadata": {},
            "items": [kube(kind=None, apiVersion=None)],
        },
        {"items": [kube()]},
        [kube()],
        {"message": _KUBE, "event": {"dataset": "x"}, "@timestamp": "x"},
        {"message": "\n " + _KUBE},
        {"message": json.dumps(kube(), indent=2)},
        {"event": kube(), "time": 1},
        {"event": _KUBE},
        {"event": {"original": _KUBE, "dataset": "x"}},
        {"_raw": _KUBE, "sourcetype": "x"},
        {"preview": False, "result": {"_raw": _KUBE}},
        {"_source": kube()},
        {"log": _KUBE, "kubernetes": {"pod_name": "x"}},
        {"log": kube(), "kubernetes": {"pod_name": "x"}},
        {"textPayload": _KUBE},
        {"jsonPayload": kube()},
        {"MESSAGE": _KUBE, "__REALTIME_TIMESTAMP": "1", "_COMM": "kube-apiserver"},
        "master-0.example.org " + _KUBE,
        "@cee: " + _KUBE,
        "<13>Nov 23 06:38:49 host apiserver[12]: " + _KUBE,
        "Nov 23 06:38:49 host apiserver[12]: @cee:" + _KUBE,
        "<13>1 2026-11-23T06:38:49Z host apiserver 12 - - " + _KUBE,
        "2026-11-23T06:38:49.849585+05:30 host apiserver[12]: " + _KUBE,
        {"message": json.dumps({"log": _CRI + _KUBE + "\n", "stream": "s", "time": "t"})},
    ],
)
def test_a_wrapping_comes_off(wrapped: object) -> None:
    """One record is found inside, and nothing else is counted."""
    text = wrapped if isinstance(wrapped, str) else json.dumps(wrapped)
    reading = read(text.encode() + b"\n")
    assert (reading.events, reading.tally.records) == ({"kube_audit": 1}, 1)
    assert reading.event().fields["auditID"] == "k1"


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_lists_are_taken_apart(end: str) -> None:
    """A list counts once for each of its records."""
    for wrapped in (
        {"kind": "EventList", "items": _EVENTS},
        _EVENTS,
        {"records": [azure(json.dumps(event)) for event in _EVENTS]},
        {**_FIREHOSE, "logEvents": [{"message": json.dumps(event)} for event in _EVENTS]},
    ):
        reading = read((json.dumps(wrapped) + end).encode())
        assert (reading.ids, reading.tally.records, reading.lines_read) == (["k1", "k2", "k3"], 3, 1)


@pytest.mark.parametrize("prefix", ["", _CRI, "@cee: ", "Nov 23 06:38:49 host vault[12]: ", "audit "])
def test_vault_entries_come_out_too(prefix: str) -> None:
    """The audit device's prefix option, a container's log, syslog."""
    reading = read((prefix + _VAULT + "\n").encode() * 3)
    assert (reading.events, reading.tally.records) == ({"vault_audit": 3}, 3)


@pytest.mark.parametrize(
    "wrapped",
    [
        {"labels": {"job": "x"}, "line": SSHD.decode()},
        {"message": SSHD.decode()},
        {"message": SSHD.decode().partition(": ")[2], "event": {"dataset": "system.auth"}},
        {"log": SSHD.decode() + "\n", "stream": "stdout", "time": "x"},
        _CRI + SSHD.decode(),
    ],
)
def test_lines_of_sshd_come_out_too(wrapped: object) -> None:
    """Text is wrapped like JSON."""
    text = wrapped if isinstance(wrapped, str) else json.dumps(wrapped)
    reading = read(text.encode() + b"\n")
    assert reading.events == {"sshd": 1}
    assert reading.event().text("address") == "192.0.2.7"


def test_several_lines_in_one_message() -> None:
    """A collector that sends lines together wraps them together."""
    wrapped = {"message": f"{SSHD.decode()}\n{CRON.decode()}\n\n{_VAULT}\n{_KUBE}\n"}
    reading = read(log(wrapped))
    assert reading.events == {"sshd": 1, "vault_audit": 1, "kube_audit": 1}
    assert dict(reading.tally.ignored) == {"another program": 1, "blank line": 1}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (
            {"protoPayload": {"serviceName": "k8s.io", "methodName": "io.k8s.core.v1.pods.create"}},
            "GKE LogEntry (not supported yet)",
        ),
        ({"protoPayload": {"methodName": "io.k8s.core.v1.pods.create"}}, "GKE LogEntry (not supported yet)"),
        ({"protoPayload": {"serviceName": "container.googleapis.com"}}, "GKE control-plane API"),
        (azure("x", "guard"), "AKS guard"),
        (azure("x", "cluster-autoscaler"), "AKS cluster-autoscaler"),
        (azure("x", "\x1b[31m" * 20), "AKS, other category"),
        ({"messageType": "CONTROL_MESSAGE", "logEvents": []}, "CloudWatch control message"),
        ({"MESSAGE": "text", "__REALTIME_TIMESTAMP": "1", "_COMM": "cron"}, "another program"),
        ({"MESSAGE": '{"level":"info"}', "__REALTIME_TIMESTAMP": "1", "_COMM": "app"}, "another program"),
        ({"kind": "EventList", "items": []}, "empty list"),
        ([], "empty list"),
        ({"message": ""}, "blank line"),
        ("I1023 23:50:38.116061       1 options.go:221] external host was not specified", "klog line"),
        ('I1023 23:50:38.116061       1 httplog.go:1] "HTTP" auditID="x" stage verb {"a":1}', "klog line"),
        ('Nov 23 06:38:49 host app[1]: {"level":"info"}', "another program"),
        ('Nov 23 06:38:49 host sudo: alice : COMMAND=/usr/bin/jq {"a"', "another program"),
        ("\0" * 300, "nothing but NUL bytes"),
        ("", "blank line"),
    ],
)
def test_what_is_none_of_ours_is_ignored_by_name(record: object, reason: str) -> None:
    """What is understood and not for us is counted under what it is."""
    text = record if isinstance(record, str) else json.dumps(record)
    reading = read(text.encode() + b"\n")
    assert (dict(reading.tally.ignored), reading.tally.records) == ({reason: 1}, 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"kind": 0}', "unknown shape"),
        (b'{"message": {"a": 1}}', "unknown shape"),
        (b'{"streams":[1]}', "unknown shape"),
        (b'{"items":{"a":1}}', "unknown shape"),
        (b'{"category":"kube-audit","properties":5}', "unknown shape"),
        (b'{"category":"kube-audit","properties":{}}', "unknown shape"),
        (b'{"message":"' + b"{" * 5 + b'"}', "not JSON"),
        (_KUBE[:-1].encode(), "cut off"),
        (_KUBE[:200].encode(), "cut off"),
        (_KUBE.replace('"get"', "NaN").encode(), "not JSON"),
        (_KUBE.replace('"get"', '"g\tt"').encode(), "not JSON"),
        (_KUBE.encode() + b" x", "not JSON"),
        (b'<json:object><json:string name="time">x</json:string></json:object>', "jsonx (not supported)"),
        (b"a,b,c,d,e,f,g,h,i,j", "CSV (not supported)"),
        (_KUBE.encode("utf-16"), "UTF-16 text (not supported)"),
        (b"caf\xe9", "invalid UTF-8"),
        (b"some text", "unknown text"),
        (b"[2026-11-23 06:38:49] some text", "not JSON"),
        (b'{"message":"some text"}', "unknown text"),
        (_CRI.encode() + b"some text", "unknown text"),
        (b"Nov 23 06:38:49 host vault[12]: " + _VAULT[:-1].encode(), "cut off"),
    ],
)
def test_what_cannot_be_read_is_quarantined_by_reason(text: bytes, reason: str) -> None:
    """Nothing is skipped in silence: what it was is handed out with a short reason."""
    reading = read(text + b"\n")
    assert [(at, why) for at, why, _ in reading.rejected] == [(0, reason)]
    assert reading.rejected[0][2] in text + b'"' or reading.rejected[0][2].strip(b'"') in text


def test_wrappings_within_wrappings_have_an_end() -> None:
    """A record in a hundred wrappings is refused, in a few it is found."""
    wrapped: object = _KUBE
    for _ in range(4):
        wrapped = json.dumps({"message": wrapped})
    assert read(str(wrapped).encode()).events == {"kube_audit": 1}
    for _ in range(4):
        wrapped = json.dumps({"message": wrapped})
    assert dict(read(str(wrapped).encode()).tally.quarantined) == {"wrapped too deep": 1}


def test_reasons_from_a_log_are_bounded() -> None:
    """A log that invents categories does not fill the memory with them."""
    reading = read(log(*(azure("x", f"c{number}") for number in range(1000))))
    assert len(reading.tally.ignored) <= 201
    assert reading.tally.ignored["other"] == 800
