"""A real kube-apiserver posts its audit events to the receiver, over TLS and with a token, and loses none."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from lab.kube import ApiServer

from tests.certificates import Authority
from tests.serving.client import until
from tests.sources.spool import MemorySpool
from vedette.serving.address import listeners
from vedette.sources.webhook import Webhook

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "rules": [
        {"level": "RequestResponse", "resources": [{"group": "", "resources": ["configmaps"]}]},
        {"level": "Metadata"},
    ],
}
TOKEN = "a-token-of-this-test"
BACKOFF = 3
"""Seconds before the API server's second try; the next come after 4.5, 6.75 and 10 more, then the batch is dropped."""
OUTAGE = 15.0


class Receiver:
    """A receiver that can be stopped, and started again at its address with the same spool."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "receiver")
        self.spool = MemorySpool()
        self._pair = self.authority.server()
        self._token = folder / "token"
        self._token.write_text(TOKEN + "\n")
        (probe,) = listeners("127.0.0.1", 0)
        self.port = probe.getsockname()[1]
        probe.close()
        self.start()

    def start(self) -> None:
        """Listen."""
        self.source = Webhook(
            "audit",
            f"127.0.0.1:{self.port}",
            self.spool,
            tls_cert_file=self._pair.cert,
            tls_key_file=self._pair.key,
            token_file=str(self._token),
        )
        self.source.resume({})
        assert self.source.troubles() == []

    def stop(self) -> None:
        """Stop listening, as a restart does."""
        self.source.close()

    def kubeconfig(self, folder: Path, token: str) -> Path:
        """What --audit-webhook-config-file names."""
        path = folder / "webhook.json"
        cluster = {"server": f"https://127.0.0.1:{self.port}/audit", "certificate-authority": self.authority.cert}
        settings = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "receiver", "cluster": cluster}],
            "users": [{"name": "apiserver", "user": {"token": token}}],
            "contexts": [{"name": "audit", "context": {"cluster": "receiver", "user": "apiserver"}}],
            "current-context": "audit",
        }
        path.write_text(json.dumps(settings))
        return path


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """One receiver for all tests here."""
    receiver = Receiver(tmp_path_factory.mktemp("webhook"))
    yield receiver
    receiver.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[ApiServer]:
    """An API server that logs its audit events to a file and posts them as well."""
    folder = tmp_path_factory.mktemp("apiserver")
    config = receiver.kubeconfig(folder, TOKEN)
    server = ApiServer(
        folder,
        POLICY,
        f"--audit-webhook-config-file={config} --audit-webhook-mode=batch --audit-webhook-batch-max-wait=1s"
        f" --audit-webhook-initial-backoff={BACKOFF}s",
    )
    yield server
    server.stop()


def identities(lines: list[bytes]) -> Counter[tuple[str, str]]:
    """Which events stand in lines, and how often each."""
    events = [json.loads(line) for line in lines]
    return Counter((event["auditID"], event["stage"]) for event in events)


def act(server: ApiServer, name: str, number: int) -> None:
    """Leave `number` config maps behind."""
    for n in range(number):
        body = {"metadata": {"name": f"{name}-{n}"}, "data": {"text": "line one\nline two", "number": str(n)}}
        status, _ = server.call("POST", "/api/v1/namespaces/default/configmaps", body)
        assert status == 201


def same(server: ApiServer, receiver: Receiver) -> None:
    """Wait until the spool has what the log file has, then compare: every event once, none besides."""

    def caught_up() -> bool:
        logged = identities(server.audit_log.read_bytes().splitlines())
        return logged.keys() <= identities(receiver.spool.lines).keys()

    until(caught_up, "every event of the log file is in the spool", seconds=60)
    # The last request may have been logged since, and posted already: only what was posted twice is wrong.
    received = identities(receiver.spool.lines)
    assert [event for event, times in received.items() if times != 1] == []


def test_every_event_arrives_once(server: ApiServer, receiver: Receiver) -> None:
    """Every event of the audit log is in the spool, once, on a line of its own, with the same content."""
    act(server, "once", 40)
    same(server, receiver)
    logged = {
        (event["auditID"], event["stage"]): event
        for event in map(json.loads, server.audit_log.read_bytes().splitlines())
    }
    posted = [json.loads(line) for line in receiver.spool.lines]
    # The log file says of each event what it is; in a list the list says so.
    missing = {"kind": "Event", "apiVersion": "audit.k8s.io/v1"}
    compared = [
        (missing | event, logged[key]) for event in posted if (key := (event["auditID"], event["stage"])) in logged
    ]
    assert len(compared) > 80
    assert [pair for pair in compared if pair[0] != pair[1]] == []
    assert receiver.source.refused == {}
    created = [event for event in posted if event.get("objectRef", {}).get("name", "").startswith("once-")]
    assert {event["stage"] for event in created} >= {"ResponseComplete"}


def test_an_outage_loses_nothing(server: ApiServer, receiver: Receiver) -> None:
    """A receiver that is away for 15 s gets afterwards what happened meanwhile."""
    receiver.stop()
    back = time.monotonic() + OUTAGE
    act(server, "away", 40)
    until(lambda: time.monotonic() >= back, "the outage is over", seconds=2 * OUTAGE)
    receiver.start()
    same(server, receiver)
    text = b"".join(receiver.spool.appended)
    assert all(f'"name":"away-{n}"'.encode() in text for n in range(40))
    status, metrics = server.call("GET", "/metrics")
    assert status == 200
    assert 'apiserver_audit_error_total{plugin="webhook"}' not in str(metrics)


def test_a_full_spool_loses_nothing(server: ApiServer, receiver: Receiver) -> None:
    """While nothing can be stored batches are refused, and stored when there is room again."""
    receiver.spool.fails = OSError(28, "No space left on device")
    act(server, "full", 10)
    until(lambda: receiver.source.refused["spool"], "a batch is refused", seconds=30)
    receiver.spool.fails = None
    same(server, receiver)
    text = b"".join(receiver.spool.appended)
    assert all(f'"name":"full-{n}"'.encode() in text for n in range(10))


def test_what_a_client_puts_into_a_patch_costs_no_other_event(server: ApiServer, receiver: Receiver) -> None:
    """The API server copies a patch as it came, a lone surrogate too, which no strict decoder takes; the events posted
    with it stand on lines of their own all the same."""
    act(server, "patched", 5)
    path = "/api/v1/namespaces/default/configmaps/patched-2"
    patch = r'{"data":{"text":"\ud800"}}'
    status, _ = server.call("PATCH", path, patch, content="application/merge-patch+json")
    act(server, "patched-after", 5)
    same(server, receiver)
    assert status == 200
    held = [line for line in receiver.spool.lines if rb'"requestObject":{"data":{"text":"\ud800"}}' in line]
    assert {json.loads(line)["objectRef"]["name"] for line in held} == {"patched-2"}
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(held[0])


def test_a_wrong_token_is_told(tmp_path: Path, receiver: Receiver) -> None:
    """An API server with another token gets nothing stored, and the receiver says that somebody is turned away."""
    config = receiver.kubeconfig(tmp_path, "another-token")
    server = ApiServer(
        tmp_path,
        POLICY,
        f"--audit-webhook-config-file={config} --audit-webhook-mode=batch --audit-webhook-batch-max-wait=1s"
        " --audit-webhook-initial-backoff=100ms",
    )
    try:
        until(lambda: receiver.source.refused["unauthenticated"], "it is turned away", seconds=30)
    finally:
        server.stop()
    assert any("without a valid token" in trouble.message for trouble in receiver.source.troubles())
    logged = identities(server.audit_log.read_bytes().splitlines())
    assert logged
    assert not logged.keys() & identities(receiver.spool.lines).keys()
