"""The queries of the runbooks on a running Loki: it takes each of them, whatever name a log puts into them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from vedette import app
from vedette.clients.loki import LokiClient, LokiRefused
from vedette.runbook import PLACEHOLDERS, filled, lines

_HOSTILE = 'e"v\\e`{{ . }} | json\n\u202e#'
_SECOND = 1_000_000_000


def queries(runbook: Path, word: str) -> list[str]:
    """Each query of a runbook, filled with a word for each placeholder."""
    words = dict.fromkeys(PLACEHOLDERS, word)
    text = filled(runbook.read_text("utf-8"), {**words, "first_act": word, "id": word}, words)
    return [line.text for line in lines(text) if line.block == "logql" and not line.mark and line.text.strip()]


@pytest.mark.parametrize("word", ["alice", "", _HOSTILE], ids=["plain", "nothing", "hostile"])
@pytest.mark.parametrize("rule", app.pack_files(), ids=lambda file: file.parent.name)
def test_loki_takes_the_queries(client: LokiClient, rule: Path, word: str) -> None:
    """Parsed and run, over no lines; one that Loki would refuse is told by its words."""
    now = time.time_ns()
    span: dict[str, object] = {"start": now - _SECOND, "end": now, "step": 60}
    found = queries(rule.parent / "runbook.md", word)
    assert found
    for query in found:
        answer = client.ask("/loki/api/v1/query_range", {"query": query, **span})
        assert b'"status":"success"' in answer.body, query


def test_a_query_that_is_wrong_is_refused(client: LokiClient) -> None:
    """So that the test above can fail."""
    now = time.time_ns()
    said: dict[str, object] = {"query": '{job="a"} |= "b" | jsn', "start": now - _SECOND, "end": now}
    with pytest.raises(LokiRefused, match="parse error"):
        client.ask("/loki/api/v1/query_range", said)
