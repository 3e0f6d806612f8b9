"""The tracer: what comes back of a request says whether the way from act to rule is whole."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from lab.loopback import Reply, serving

from vedette.clients.kube import Kube
from vedette.clients.vault import Vault
from vedette.event import Event
from vedette.observers.base import CannotLook, Look
from vedette.observers.tracer import NAME, Echoes, KubeWay, Promise, TracerObserver, VaultWay
from vedette.scan import Plan, Scanner

WITHIN = 0.4


def read(data: bytes) -> Iterable[Event]:
    """As the wiring has it."""
    return Scanner(Plan(())).events_in([data])


def kube_record(mark: str, stage: str = "ResponseComplete", level: str = "Metadata", **more: object) -> bytes:
    """A line of the audit log."""
    event = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": level,
        "auditID": mark,
        "stage": stage,
        "requestURI": f"/api/v1/namespaces/vedette/configmaps/{NAME}",
        "verb": "get",
        "user": {"username": "system:serviceaccount:vedette:vedette"},
        "sourceIPs": ["10.0.20.17"],
        "requestReceivedTimestamp": "2026-11-25T00:00:00.000000Z",
        "stageTimestamp": "2026-11-25T00:00:00.000000Z",
        **more,
    }
    return json.dumps(event).encode() + b"\n"


def vault_record(mark: str, kind: str = "response") -> bytes:
    """An entry of Vault's audit log."""
    request = {"id": "1", "operation": "read", "path": f"sys/policies/acl/{NAME}-{mark}", "remote_address": "10.0.0.1"}
    entry = {"type": kind, "time": "2026-11-25T00:00:00Z", "auth": {}, "request": request}
    return json.dumps(entry).encode() + b"\n"


class Kept(KubeWay):
    """Asks nobody; what the server would log is given to the loop by `logs`."""

    def __init__(self, logs: Callable[[str], None]) -> None:
        super().__init__(Kube("https://10.0.40.10:6443"), "vedette")
        self._logs = logs

    def send(self, mark: str) -> None:
        """As Way."""
        self._logs(mark)


class KeptVault(VaultWay):
    """The same of Vault."""

    def __init__(self, logs: Callable[[str], None]) -> None:
        super().__init__(Vault("https://10.0.40.11:8200"))
        self._logs = logs

    def send(self, mark: str) -> None:
        """As Way."""
        self._logs(mark)


class Log:
    """A loop that reads all there is twenty times a second, and what is written to the log."""

    def __init__(self, *records: Callable[[str], tuple[str, bytes]]) -> None:
        """`records`: mark -> source and line, given one after the other."""
        self.echoes = Echoes()
        self.came: list[tuple[str, float]] = []
        self._records = records
        self._ended = threading.Event()
        self._loop = threading.Thread(target=self._turn, daemon=True)
        self._loop.start()

    def _turn(self) -> None:
        while not self._ended.wait(0.02):
            self.echoes.turned()

    def written(self, mark: str) -> None:
        """A request was made."""
        for record in self._records:
            self.echoes.take(*record(mark))

    def look(self, expected: str = "Metadata", source: str = "", *, vault: bool = False) -> Look:
        """The one observation of a look."""
        way = KeptVault(self.written) if vault else Kept(self.written)
        promise = Promise(expected, source, WITHIN)
        tracer = TracerObserver(
            "tracer", way, self.echoes, read, promise, came=lambda name, seconds: self.came.append((name, seconds))
        )
        try:
            (look,) = tracer.look()
        finally:
            self._ended.set()
            tracer.close()
        return look


def test_a_record_that_comes_back_is_said_with_how_long_it_took() -> None:
    """Among others in the same piece, wrapped as a shipper wraps it."""
    log = Log(lambda mark: ("kube", kube_record("other") + wrapped(kube_record(mark))))
    look = log.look()
    assert (look.kind, look.subject) == ("tracer", "https://10.0.40.10:6443")
    assert look.value["level"] == look.value["expected"] == "Metadata"
    assert (look.value["source"], look.value["format"]) == ("kube", "kube_audit")
    assert [name for name, _ in log.came] == ["tracer"]
    assert 0 <= log.came[0][1] < WITHIN


def wrapped(line: bytes) -> bytes:
    """As Docker's log driver writes a line."""
    return json.dumps({"log": line.decode(), "stream": "stdout", "time": "2026-11-25T00:00:00Z"}).encode() + b"\n"


@pytest.mark.parametrize(
    ("expected", "record", "level"),
    [
        ("Request", {"level": "Metadata"}, "Metadata"),
        ("RequestResponse", {"level": "RequestResponse"}, "Request"),
        ("RequestResponse", {"level": "RequestResponse", "responseObject": {"kind": "Status"}}, "RequestResponse"),
        ("Metadata", {"level": "Request"}, "Request"),
        ("Metadata", {"stage": "RequestReceived"}, None),
    ],
)
def test_what_came_is_as_much_as_is_in_the_record(expected: str, record: dict[str, object], level: str | None) -> None:
    """A level whose body is not there is the one below; without its end a request did not come back."""
    log = Log(lambda mark: ("kube", kube_record(mark, **record)))  # type: ignore[arg-type]
    assert log.look(expected).value.get("level") == level


@pytest.mark.parametrize(
    "line",
    [
        lambda _mark: kube_record("0f0e"),
        lambda mark: kube_record(mark)[:-60] + b"\n",
        lambda mark: kube_record("0f0e", userAgent=mark),
        vault_record,
    ],
    ids=["another's", "cut off", "the mark elsewhere", "another format"],
)
def test_what_is_not_the_record_is_not_taken_for_it(line: Callable[[str], bytes]) -> None:
    """After the time that it may take it is missing: no level, and nobody is told a time."""
    log = Log(lambda mark: ("kube", line(mark)))
    began = time.monotonic()
    look = log.look()
    assert time.monotonic() - began >= WITHIN
    assert "level" not in look.value
    assert log.came == []


def test_what_comes_through_another_source_did_not_come() -> None:
    """It says through which it came instead; through the right one it came."""
    log = Log(lambda mark: ("files", kube_record(mark)))
    look = log.look(source="loki")
    assert "level" not in look.value
    assert look.value["elsewhere"] == "files"
    assert look.subject == "https://10.0.40.10:6443 through loki"
    both = Log(lambda mark: ("files", kube_record(mark)), lambda mark: ("loki", kube_record(mark)))
    assert both.look(source="loki").value["level"] == "Metadata"


def test_of_vault_both_entries_are_awaited() -> None:
    """The request alone is less than the request with its answer."""
    whole = Log(
        lambda mark: ("vault", vault_record(mark, "request")), lambda mark: ("vault", vault_record(mark, "response"))
    )
    assert whole.look("RequestResponse", vault=True).value["level"] == "RequestResponse"
    half = Log(lambda mark: ("vault", vault_record(mark, "request")))
    assert half.look("RequestResponse", vault=True).value["level"] == "Request"


def test_what_lies_behind_an_unread_log_is_late_and_not_missing() -> None:
    """The loop has not read all there is: nothing is said until it has."""
    echoes = Echoes()
    marks: list[str] = []
    looks: list[Look] = []
    tracer = TracerObserver("t", Kept(marks.append), echoes, read, Promise("Metadata", "", 0.1))
    thread = threading.Thread(target=lambda: looks.extend(tracer.look()))
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()
    echoes.take("kube", kube_record(marks[0]))
    thread.join(10)
    assert [look.value["level"] for look in looks] == ["Metadata"]


def test_the_end_of_the_watcher_ends_the_waiting_without_a_word() -> None:
    """What was asked then is neither here nor missing."""
    echoes = Echoes()
    looks: list[list[Look]] = []
    tracer = TracerObserver("t", Kept(lambda _mark: None), echoes, read, Promise("Metadata", "", 60.0))
    thread = threading.Thread(target=lambda: looks.append(list(tracer.look())))
    thread.start()
    echoes.close()
    thread.join(10)
    assert looks == [[]]


def test_nothing_is_kept_while_nobody_waits() -> None:
    """What passes then leaves nothing behind."""
    echoes = Echoes()
    echoes.take("kube", b"x" * 100)
    with echoes.awaiting("0f0e", 0.0) as pieces:
        echoes.turned()
        echoes.take("kube", b"0f0e")
        echoes.close()
        assert [piece.data for piece in pieces] == [b"0f0e"]
    echoes.take("kube", b"0f0e")
    assert not vars(echoes)["_waiting"]


@pytest.mark.parametrize(
    ("reply", "why", "mend"),
    [
        (Reply(200, b"{}", {"Audit-Id": "another"}), "takes the header Audit-ID away", "the API server's own address"),
        (Reply(200, b"<html>"), "HTTP 200", "the address its own"),
        (Reply(503, b""), "HTTP 503", "see that it is up"),
        (Reply(break_off="before"), "the connection broke off", "see that it is up"),
    ],
    ids=["a proxy", "no API server", "not well", "no answer"],
)
def test_a_server_that_cannot_be_asked_says_nothing_of_the_log(
    reply: Reply, why: str, mend: str, tmp_path: Path
) -> None:
    """No observation is made of it; it is something that cannot be looked at."""
    (tmp_path / "token").write_text("secret-token")
    with serving(reply) as server:
        way = KubeWay(Kube(server.url, token_file=str(tmp_path / "token")), "vedette")
        tracer = TracerObserver("t", way, Echoes(), read, Promise("Metadata", "", 60.0))
        with pytest.raises(CannotLook, match=why) as error:
            tracer.look()
        tracer.close()
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", f"/api/v1/namespaces/vedette/configmaps/{NAME}")
    assert asked.headers["user-agent"] == NAME
    assert len(asked.headers["audit-id"]) == 36
    assert mend in error.value.mend
    assert "secret" not in str(error.value) + error.value.mend
