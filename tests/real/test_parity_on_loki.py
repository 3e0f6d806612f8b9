"""Generated rules and lines through a running Loki: what its queries answer is what vedette's engine says.

A smaller set of what tests/oracles/test_logql_parity.py brings to Loki's pipeline as a library.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.parity.differences import Case, explained, names
from tests.parity.generated_lines import lines_near, recorded
from tests.parity.generated_rules import RuleMaker, loaded, with_outcomes
from tests.parity.verdicts import Engine, Said
from tests.scans import SETTINGS
from vedette import app
from vedette.clients.loki import LokiClient
from vedette.formats import FORMATS
from vedette.formats.base import TrustedProxy
from vedette.render.logql import CannotRender, detection_queries

RULES, LINES = 8, 30
"""A format has so many generated rules, each judging so many lines."""
_LONGEST = 200_000
"""Bytes of a line that Loki takes without being told to take more, and JSON around it."""
_SECOND = 1_000_000_000


@pytest.mark.parametrize("name", ["kube_audit", "vault_audit", "sshd"])
def test_generated_rules_on_a_running_loki(client: LokiClient, tmp_path: Path, name: str) -> None:
    """By the queries of the logs, and by the ruler's, whose samples have the same labels."""
    proxies = app.load_settings(str(SETTINGS)).proxies()
    known = tuple(TrustedProxy(one.identities, one.networks) for one in proxies)
    chance, form = random.Random(f"{name} on Loki"), FORMATS[name]()
    bases = [chance.choice(recorded(name)) for _ in range(RULES)]
    documents = [RuleMaker(chance, form.read(base)).document(at) for at, base in enumerate(bases)]
    told = cases = 0
    for detection in loaded(tmp_path, documents):
        at = int(detection.title.split()[1])
        detection = with_outcomes(chance, detection)  # noqa: PLW2901 # the one that is meant
        label = f'run="{name}-{at}"'
        try:
            queries = detection_queries(
                detection, proxies=[(one.identities, one.networks) for one in proxies], job="parity", labels=label
            )
        except CannotRender:
            continue
        lines = [
            line for line in lines_near(chance, name, bases[at], sorted(names(detection.node)), LINES) if usable(line)
        ]
        now = time.time_ns() - _SECOND
        values = [(now + number, line.decode()) for number, line in enumerate(lines)]
        client.push([({"job": "parity", "run": f"{name}-{at}"}, values)])
        found: list[set[Said]] = [set() for _ in lines]
        counted: set[Said] = set()
        for query in queries:
            for entry in client.query_range(query.logs, now, now + _SECOND, 5000):
                found[entry.time - now].add(said(query.reaction.value, json.loads(entry.labels)))
            counted |= {said(query.reaction.value, sample) for sample in client.vector(query.metric, now + _SECOND)}
        engine = Engine(detection, known)
        for line, loki in zip(lines, found, strict=True):
            answer = engine.answer(line)
            cases += 1
            told += bool(answer.said)
            if answer.said != loki:
                case = Case(detection, engine, line, answer, frozenset(loki))
                assert explained(case), f"{detection.node} {line!r}: engine {set(answer.said)}, Loki {loki}"
        assert counted == {one for several in found for one in several}
    assert cases >= RULES * LINES / 2
    assert told >= cases / 20


def said(reaction: str, labels: Mapping[str, str]) -> Said:
    """What an entry or a sample tells."""
    return reaction, labels.get("actor", ""), labels.get("address", ""), labels.get("object", "")


def usable(line: bytes) -> bool:
    """True for a line that can be pushed as JSON: UTF-8, not empty, not longer than Loki takes."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return 0 < len(line) < _LONGEST
