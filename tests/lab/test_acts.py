"""A real act for each rule, followed from hop to hop: by the embedded engine, and by Loki where it can carry the rule."""

from __future__ import annotations

import ipaddress
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from lab.acts import ACTS, Act
from lab.hops import Hops, by_loki, by_vedette, carried, reached, table, to_slack
from lab.lab import Lab
from lab.process import until

from tests.test_names import THE_PACK

LATEST = 5.0
"""Seconds from an act to Slack, at most."""
ERASED = 180.0
"""Seconds: the end of a write is missed after two minutes, when later events have come."""
ON_LOKI = [name for name in ACTS if not name.startswith(("K6", "K10", "V3"))]
AGAIN = [name for name in ACTS if name not in ("K6 by the file", "K9", "K10", "V3")]
"""Acts that open an alert each time."""
ROUNDS = 7


class Done:
    """What was done so far, and how far it got."""

    def __init__(self, lab: Lab, pool: ThreadPoolExecutor) -> None:
        self.lab = lab
        self.acts: dict[str, Act] = {}
        self.hops: dict[str, Hops] = {}
        self.loki: dict[str, Future[Hops]] = {}
        self._pool = pool

    def act(self, name: str) -> Act:
        """Do it, once; Loki is watched from then on, for what it tells is over after a while."""
        if name not in self.acts:
            self.acts[name] = act = ACTS[name](self.lab)
            if carried(self.lab, act):
                self.loki[name] = self._pool.submit(by_loki, self.lab, act)
        return self.acts[name]


@pytest.fixture(scope="module")
def done(lab: Lab) -> Iterator[Done]:
    """One for all tests here."""
    with ThreadPoolExecutor(len(ACTS)) as pool:
        yield Done(lab, pool)


def test_a_healthy_lab_is_silent(lab: Lab) -> None:
    """What servers, controllers and vedette itself do at their start is no alert, and no finding either."""
    lab.kube.account("lab", "ordinary")
    until(lambda: b'"name":"ordinary"' in lab.logs["kube"].read_bytes(), "the log has it")
    read = lab.watch.total("vedette_records_total")
    until(lambda: lab.watch.total("vedette_records_total") > read, "vedette reads")
    assert lab.watch.alerts() == []
    assert lab.told() == {}


def test_it_listens_on_loopback_alone(lab: Lab) -> None:
    """No socket of any program of the lab can be reached from another machine."""
    addresses = {address for one in lab.processes for address in listening(one.pid)}
    assert len(addresses) > len(lab.processes)
    assert {address.rpartition(":")[0] for address in addresses} == {"127.0.0.1"}


def listening(pid: int) -> Iterator[str]:
    """Where a process listens for TCP; proc(5)."""
    links = (str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink())
    sockets = {link for link in links if link.startswith("socket:")}
    for kind in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]:
            local, state, inode = (line.split()[column] for column in (1, 3, 9))
            if state == "0A" and f"socket:[{inode}]" in sockets:
                address, port = local.split(":")
                packed = bytes.fromhex(address)
                words = [packed[at : at + 4][::-1] for at in range(0, len(packed), 4)]
                yield f"{ipaddress.ip_address(b''.join(words))}:{int(port, 16)}"


def test_every_rule_has_an_act() -> None:
    """None is left out."""
    assert {name.split()[0] for name in ACTS} == THE_PACK


@pytest.mark.parametrize("name", ACTS)
def test_an_act_is_told_in_slack(done: Done, name: str) -> None:
    """From the server's log through the embedded engine and Alertmanager to Slack, within five seconds."""
    act = done.act(name)
    hops = done.hops[name] = by_vedette(done.lab, act)
    # The last two clocks are the far ends': the message may come in before vedette notes that Alertmanager took it.
    assert hops.alert <= hops.alertmanager <= LATEST, hops
    assert hops.alert <= hops.slack <= LATEST, hops


@pytest.mark.parametrize("name", ON_LOKI)
def test_an_act_is_told_by_loki(done: Done, name: str) -> None:
    """From the server's log through promtail, Loki, its ruler and Alertmanager to Slack."""
    done.act(name)
    assert name in done.loki, f"Loki's ruler has no rule for {name}: {done.lab.loki.groups()}"
    hops = done.loki[name].result()
    assert hops.line is not None
    assert hops.line <= hops.alert <= hops.alertmanager, hops


def test_nothing_else_is_told(done: Done) -> None:
    """Every alert is of an act, and none of an identity of the cluster's or of vedette itself."""
    marks = [act.mark for act in done.acts.values()]
    # V1's first child; V3's request, as the audit log has it; K10's binding, of which the log does not say what it binds.
    others = {("V1", "root"), ("V3", "root"), ("K8", f"system:serviceaccount:lab:{erased_by(done)}")}
    strange = [
        (alert["rule"], alert["actor"], alert["object"])
        for alert in done.lab.watch.alerts()
        if (alert["rule"], alert["actor"]) not in others
        and not any(mark in f"{alert['actor']} {alert['address']} {alert['object']}" for mark in marks)
    ]
    assert strange == []


def erased_by(done: Done) -> str:
    """The account of K10's act."""
    return done.act("K10").needle.removeprefix("rolebindings/")


def test_the_times(done: Done, capsys: pytest.CaptureFixture[str]) -> None:
    """From act to Slack by the embedded engine: p99 of a hundred acts is at most five seconds, four at a time.

    By the rendered intervals, and with seven alerts of each rule: none waits for another's group.
    """
    lab = done.lab

    def once(name: str) -> tuple[Act, float]:
        act = ACTS[name](lab)
        return act, to_slack(lab, act)

    with ThreadPoolExecutor(4) as pool:
        times = list(pool.map(once, AGAIN * ROUNDS))
    alerts = lab.watch.alerts()
    hops = [(*reached(act, alerts), slack) for act, slack in times]
    assert len(hops) >= 100
    with capsys.disabled():
        sys.stdout.write(
            f"\nby the embedded engine, seconds after the act\n{table(done.hops.values())}\n"
            f"by Loki\n{table(one.result() for one in done.loki.values())}\n"
            f"{len(hops)} acts{'':10} {'p50':>6} {'p99':>6} {'max':>6}\n"
        )
        for name, seconds in zip(("alert", "Alertmanager", "Slack"), zip(*hops, strict=True), strict=True):
            by_length = sorted(seconds)
            p50, p99 = by_length[len(by_length) // 2], by_length[int(len(by_length) * 0.99)]
            sys.stdout.write(f"to {name:15} {p50:6.2f} {p99:6.2f} {by_length[-1]:6.2f}\n")
    # The last hop's, which is what a person waits for.
    assert p99 <= LATEST


def test_an_erased_write_is_told(done: Done) -> None:
    """Of K10's act nothing but RequestReceived is in the log; two minutes later that is an alert as well."""
    act = done.act("K10")
    lines = [line for line in done.lab.logs["kube"].read_text("utf-8").splitlines() if act.needle in line]
    assert {'"stage":"RequestReceived"' in line for line in lines if '"verb":"patch"' in line} == {True}

    def erased() -> bool:
        # Something has to come after the deadline, or nobody knows that the end did not.
        done.lab.kube.call("GET", "/version")
        return any("K10.erased" in alert["detections"] for alert in done.lab.watch.alerts())

    until(erased, "K10.erased", act.began + ERASED - time.time(), every=2.0)
    (alert,) = [one for one in done.lab.watch.alerts() if "K10.erased" in one["detections"]]
    assert act.needle.removeprefix("rolebindings/") in str(alert)
