"""What vedette's engine says of one line by itself, in the terms of a rendered query: a reaction, actor and object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oracles.logql import Oracle

from vedette import cases_loki
from vedette.event import Event
from vedette.formats.base import Ignored, TrustedProxy, Unreadable
from vedette.render.logql import Query
from vedette.rule import Detection, Rule
from vedette.scan import Plan, Run, Scanner
from vedette.sources.files import Range

Said = tuple[str, str, str, str]
"""Reaction, actor, address, object."""
LABEL = 200
"""Characters that a label is cut to."""
ADDRESSES = 8
"""Addresses that a label names."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine made of a line."""

    said: frozenset[Said]
    """What it tells of the line alone."""
    waits: frozenset[Said]
    """What it would tell only because no later line came, of which LogQL is to say nothing."""
    bare: bool
    """The line is one record as it was written: no wrapping, nothing before or behind it but white space of JSON's."""


class Engine:
    """One detection."""

    def __init__(self, detection: Detection, proxies: tuple[TrustedProxy, ...]) -> None:
        rule = Rule(detection.name, detection.title, detection.severity, "", (detection,), ())
        self.scanner = Scanner(Plan((rule,), proxies))
        self.format = self.scanner.formats[detection.format]

    def answer(self, line: bytes) -> Answer:
        """Of one line in a file of its own."""
        run = Run(self.scanner, Range(0, 0))
        batches = [*run.reader.feed(line + b"\n"), *run.reader.finish()]
        raws = [batch.locate(at)[0] for batch in batches for at in range(len(batch.records))]
        run.take(batches)
        sightings = run.report().sightings
        across = cases_loki._across(self.scanner, sightings)
        address = self._address(line) if sightings else None
        told: set[Said] = set()
        waits: set[Said] = set()
        for one in sightings:
            if one.verdict in ("no", "ignore"):
                continue
            name = self.scanner.roster.detections[one.detection].name
            labels = (one.actor, one.address if address is None else address, one.object)
            actor, found, where = (text[:LABEL].replace("\x1f", "?").replace("\ufffd", "?") for text in labels)
            (waits if (name, one.verdict) in across else told).add((one.verdict, actor, found, where))
        return Answer(frozenset(told), frozenset(waits), raws in ([], [line], [line.strip(b" \t\r\n")]))

    def _address(self, line: bytes) -> str | None:
        """As a label has it: of a kube event the first eight clientIPs."""
        event = self.event(line) if self.format.schema.format == "kube_audit" else None
        if event is None:
            return None
        return ",".join(str(one) for one in event.values(("clientIPs",)).items[:ADDRESSES])

    def event(self, line: bytes) -> Event | None:
        """The line as a bare record, or None."""
        try:
            return self.format.read(line)
        except (Unreadable, Ignored):
            return None


def on_loki(oracle: Oracle, queries: Sequence[Query], lines: Sequence[bytes], *, metric: bool) -> list[frozenset[Said]]:
    """What the rendered queries say of each line. Raises BadQuery."""
    found: list[set[Said]] = [set() for _ in lines]
    asked = [query.metric if metric else query.logs for query in queries]
    for query, told in zip(queries, oracle.ask(asked, lines), strict=True):
        for at, one in enumerate(told):
            if one is not None:
                labels = (one.get("actor", ""), one.get("address", ""), one.get("object", ""))
                found[at].add((query.reaction.value, *labels))
                assert metric or one.get("reaction") == query.reaction.value
                assert "__error__" not in one
    return [frozenset(one) for one in found]
