"""Status: /livez, /readyz and /metrics, and the sums behind them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vedette import __version__
from vedette.rule import Severity
from vedette.serving.message import Reply, Request
from vedette.sources.base import Receiver, Source
from vedette.store.store import Store
from vedette.watch.pulse import Pulse

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_SECOND = 1_000_000_000
_LONGEST_TURN = 60
"""Seconds after which a loop that has not turned is taken for dead."""
_PROOF_STATES = ("PROVEN", "READY", "BLIND", "UNKNOWN")
_STATES = ("ok", "failing", "dead")


@dataclass(slots=True, eq=False)
class Status:
    """What the status address answers. Called from threads of the server."""

    store: Store
    pulse: Pulse
    sources: Sequence[Source]
    sinks: Sequence[str]
    now: Callable[[], int] = time.time_ns
    _exposition: Callable[[], bytes] | None = None

    def answer(self, request: Request) -> Reply:
        """One request."""
        if request.method not in ("GET", "HEAD"):
            return Reply(405, b"only GET\n", headers={"Allow": "GET, HEAD"}, reason="method")
        if request.path in ("/livez", "/readyz", "/healthz"):
            checks = dict(self.live() if request.path == "/livez" else self.ready())
            failed = [name for name, why in checks.items() if why]
            lines = [f"[-]{name}: {why}" if why else f"[+]{name} ok" for name, why in checks.items()]
            lines.append(f"{request.path[1:]} check {'failed' if failed else 'passed'}")
            return Reply(503 if failed else 200, "\n".join(lines).encode("utf-8", "replace") + b"\n")
        if request.path == "/metrics":
            return Reply(200, self.metrics(), "text/plain; version=0.0.4; charset=utf-8")
        return Reply(404, b"there are /livez, /readyz and /metrics\n", reason="path")

    def live(self) -> Iterator[tuple[str, str]]:
        """Check -> what is wrong, or nothing: would a restart help?"""
        seconds = (self.now() - self.pulse.turned) / _SECOND
        yield "loop", f"has not turned for {seconds:,.0f} s" if seconds > _LONGEST_TURN else ""

    def ready(self) -> Iterator[tuple[str, str]]:
        """Check -> what is wrong, or nothing: is everything read, kept and told?"""
        yield from self.live()
        yield "store", self.pulse.stuck_for
        yield "evidence", ", ".join(f"{name}: {why}" for name, why in sorted(self.pulse.unkept.items()))
        for source in self.sources:
            yield f"source-{source.name}", "; ".join(f"{one.subject}: {one.message}" for one in source.troubles())
        for name in self.sinks:
            state = self.store.outbox.state(name)
            yield f"sink-{name}", state.reason if state.state == "dead" else ""

    def beating(self) -> Iterator[tuple[str, str]]:
        """Check -> what is wrong, or nothing: would an alert be found, kept and told?"""
        yield from self.live()
        yield "store", self.pulse.stuck_for
        dead = [name for name in self.sinks if self.store.outbox.state(name).state == "dead"]
        yield "sinks", "all are dead" if dead and len(dead) == len(self.sinks) else ""

    def metrics(self) -> bytes:
        """The metrics in the text format of Prometheus."""
        if self._exposition is None:
            from prometheus_client import CollectorRegistry, generate_latest, platform_collector, process_collector

            registry = CollectorRegistry()
            registry.register(self)
            process_collector.ProcessCollector(registry=registry)
            platform_collector.PlatformCollector(registry=registry)
            self._exposition = lambda: generate_latest(registry)
        return self._exposition()

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client asks: every metric once."""
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        yield InfoMetricFamily("vedette_build", "The running version.", value={"version": __version__})
        yield from self._records()
        yield from self._alerts()
        yield from self._sinks()
        yield from self._proof()
        free = GaugeMetricFamily("vedette_state_free_bytes", "Bytes free where alerts and evidence are kept.")
        free.add_metric([], self.store.free())
        yield free

    def _records(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        counts = self.store.progress.counts()
        named: dict[str, Any] = {
            name: CounterMetricFamily(f"vedette_{name}", text, labels=labels)
            for name, text, labels in (
                ("records", "Records read: events + quarantined + ignored.", ["source"]),
                ("events", "Records of a known format.", ["source", "format"]),
                ("quarantined", "Records that could not be read.", ["source", "reason"]),
                ("ignored", "Records that are understood and none of ours.", ["source", "reason"]),
                ("matched", "Events that some rule met.", ["source"]),
                ("lines", "Lines read.", ["source"]),
                ("read_bytes", "Bytes of plain text read.", ["source"]),
                ("evidence_lost_bytes", "Bytes that could not be kept as evidence.", ["source"]),
                ("duplicates", "Records of acts on which the final word had been said.", []),
                ("late", "Acts that came later than the lateness allows.", []),
                ("future", "Acts whose record claims a time to come.", []),
            )
        }
        renamed = {"bytes": "read_bytes", "evidence_lost": "evidence_lost_bytes"}
        for source, sums in counts.items():
            for name, value in sums.items():
                group, _, rest = name.partition(".")
                family = named.get(renamed.get(group, group))
                if family is not None:
                    family.add_metric([source, rest] if rest else [source] if source else [], value)
        yield from named.values()
        latest = GaugeMetricFamily(
            "vedette_last_event_timestamp_seconds", "The time that the last record of a source says.", labels=["source"]
        )
        behind = GaugeMetricFamily("vedette_waiting_bytes", "Bytes known to wait to be read.", labels=["source"])
        for one in self.sources:
            pulse = self.pulse.sources.get(one.name)
            latest.add_metric([one.name], pulse.latest / _SECOND if pulse else 0)
            behind.add_metric([one.name], one.behind())
        yield latest
        yield behind
        yield from self._requests()

    def _requests(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily

        taken = CounterMetricFamily("vedette_requests", "What a receiver took, by unit.", labels=["source", "unit"])
        refused = CounterMetricFamily("vedette_requests_refused", "Requests refused.", labels=["source", "reason"])
        for one in self.sources:
            if isinstance(one, Receiver):
                for unit, number in one.received.items():
                    taken.add_metric([one.name, unit], number)
                for reason, number in one.refused.items():
                    refused.add_metric([one.name, reason], number)
        yield taken
        yield refused

    def _proof(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        said = "1 for the state in which a link of a rule is, 0 for the others; the link all is the whole rule."
        states = GaugeMetricFamily("vedette_rule_state", said, labels=["rule", "link", "state"])
        at = GaugeMetricFamily("vedette_proof_timestamp_seconds", "When it was last proven what rules can fire.")
        took = GaugeMetricFamily("vedette_proof_seconds", "How long that took.")
        proof = self.pulse.proof
        if proof is not None:
            at.add_metric([], proof.at / _SECOND)
            took.add_metric([], proof.seconds)
            for one in proof.rules:
                for link, now in (("all", one.state), *one.links.items()):
                    for state in _PROOF_STATES:
                        states.add_metric([one.rule, link, state], int(state == now))
        yield states
        yield at
        yield took
        back = GaugeMetricFamily(
            "vedette_tracer_seconds", "How long a tracer's last request needed to come back.", labels=["name"]
        )
        came = GaugeMetricFamily("vedette_tracer_timestamp_seconds", "When it came back.", labels=["name"])
        for name, (seconds, when) in list(self.pulse.traced.items()):
            back.add_metric([name], seconds)
            came.add_metric([name], when / _SECOND)
        yield back
        yield came

    def _alerts(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        alerts = GaugeMetricFamily("vedette_alerts", "Alerts in the store.", labels=["rule_id", "severity", "state"])
        for (rule, severity, state), number in self.store.alerts.numbers().items():
            alerts.add_metric([rule, str(Severity(severity)), state], number)
        yield alerts

    def _sinks(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        waiting = self.store.outbox.waiting()
        depth = GaugeMetricFamily("vedette_outbox_depth", "Notifications that wait.", labels=["sink"])
        age = GaugeMetricFamily("vedette_outbox_oldest_seconds", "How long the oldest waits.", labels=["sink"])
        states = GaugeMetricFamily(
            "vedette_sink_state", "1 for the state that the sink is in.", labels=["sink", "state"]
        )
        for name in self.sinks:
            number, oldest = waiting.get(name, (0, 0))
            depth.add_metric([name], number)
            age.add_metric([name], (self.now() - oldest) / _SECOND if number else 0)
            now = self.store.outbox.state(name).state
            for state in _STATES:
                states.add_metric([name, state], int(state == now))
        yield depth
        yield age
        yield states
