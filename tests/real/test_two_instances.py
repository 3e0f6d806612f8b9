"""Two instances side by side, with the same settings and a store each, are one alert an episode in Alertmanager."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from lab.alertmanager import AlertmanagerServer, alertmanager
from lab.process import until
from lab.watch import Daemon, daemon

from tests.real.test_end_to_end import held, settings, to
from tests.scans import LOGS
from vedette.clients.alertmanager import Alertmanager as Client

KUBE = (LOGS / "kube-audit.jsonl").read_bytes().splitlines(keepends=True)
HALF = len(KUBE) // 2


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AlertmanagerServer]:
    """One Alertmanager."""
    with alertmanager(tmp_path / "am") as one:
        yield one


def labels(server: AlertmanagerServer) -> Counter[tuple[tuple[str, str], ...]]:
    """The label sets of the alerts that Alertmanager holds, each as often as it is there."""
    client = Client(server.url)
    found = Counter(tuple(sorted(alert.labels.items())) for alert in client.alerts())
    client.close()
    return found


def opened(one: Daemon) -> int:
    """How many alerts an instance has in its store."""
    return int(one.total("vedette_alerts"))


def test_one_alert_an_episode(tmp_path: Path, server: AlertmanagerServer) -> None:
    """Both read the same log, one from its begin and one that was started in the middle and read it later: every
    episode is there once, and the receiver was notified once."""
    log = tmp_path / "audit.log"
    log.touch()
    said = settings(log, to(server))
    with ExitStack() as stack:
        first = stack.enter_context(daemon(tmp_path / "first", said))
        with log.open("ab", buffering=0) as file:
            for at in range(0, HALF, 50):
                file.write(b"".join(KUBE[at : min(at + 50, HALF)]))
        until(lambda: first.total("vedette_records_total") == HALF, "the first has read half of it")
        second = stack.enter_context(daemon(tmp_path / "second", said))
        with log.open("ab", buffering=0) as file:
            for at in range(HALF, len(KUBE), 50):
                file.write(b"".join(KUBE[at : at + 50]))
        for one in (first, second):
            until(lambda one=one: one.total("vedette_records_total") == len(KUBE), "both have read all of it")  # type: ignore[misc]
        until(lambda: opened(first) == opened(second) > 10, "what was held is judged")
        until(lambda: labels(server).total() == opened(first), "all are told")
        # Each posts again every second; had any two differed in a label, there would be more by now.
        until(lambda: all(one.total("vedette_outbox_depth") == 0 for one in (first, second)), "both have told all")
        found = labels(server)
        assert found.total() == opened(first)
        assert set(found.values()) == {1}
        told = Counter(one["fingerprint"] for one in server.notified() if one["status"] == "firing")
        assert set(told.values()) == {1}
        assert len(told) == found.total()


def test_one_goes_and_nothing_ends(tmp_path: Path, server: AlertmanagerServer) -> None:
    """When one of the two ends, its alerts go on by the other, and none is told as over."""
    log = tmp_path / "audit.log"
    log.write_bytes(b"".join(KUBE[880:]))
    said = settings(log, to(server))
    with daemon(tmp_path / "first", said) as first, daemon(tmp_path / "second", said) as second:
        for one in (first, second):
            until(lambda one=one: "VedetteK8" in held(server) and opened(one) >= 3, "both have told")  # type: ignore[misc]
        first.stop()
        before = held(server)["VedetteK8"].ends_at
        # Four resends later whatever only the first had told would have ended.
        until(lambda: held(server)["VedetteK8"].ends_at > before, "the other goes on to post it")
        assert [one for one in server.notified() if one["status"] == "resolved"] == []
