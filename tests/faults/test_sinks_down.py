"""Far ends that refuse, fail, hang or are not there for a while: everything is told afterwards, in order."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab.loopback import Asked, Loopback, Reply
from lab.slack import CHANNEL, TOKEN, slack_server

from tests.faults.feeding import free_port
from tests.faults.forking import Forker
from tests.faults.inputs import LOG_NAMES, settings, short, write_all
from tests.faults.lives import Life
from tests.faults.outcome import entries

_DEADLINE = 60.0
_WRONG = {
    "500": Reply(500, b"oops"),
    "404": Reply(404, b"not here"),
    "429": Reply(429, b"slow down", {"Retry-After": "1"}),
    "503": Reply(503, b"", {"Retry-After": "1"}),
    "hangs": Reply(hang=True),
    "breaks off": Reply(break_off="before"),
}


def until(condition: Callable[[], object], what: Callable[[], object]) -> None:
    """Wait until it holds, or fail."""
    end = time.monotonic() + _DEADLINE
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.05)


def place(folder: Path, sinks: str) -> Life:
    """Logs, and settings with these sinks."""
    write_all(folder / "logs", {name: short(name) for name in LOG_NAMES})
    config = settings(folder, more=sinks)
    return Life(str(config), inline=False, until_read=False, hasty=True, output=str(folder / "output"))


@contextmanager
def living(forker: Forker, life: Life) -> Iterator[None]:
    """A life for the length of a `with`, ended in peace."""
    pid = forker.start(life)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGTERM)
        assert forker.wait() == 0
    assert "Traceback" not in Path(life.output).read_text("utf-8")


class Alertmanager:
    """Keeps what it takes; answers otherwise while `wrong` is set."""

    def __init__(self) -> None:
        self.wrong: Reply | None = None
        self.taken: list[dict[str, Any]] = []
        self.server = Loopback(self._answering)

    def _answering(self, asked: Asked) -> Reply:
        if self.wrong is not None:
            return self.wrong
        if asked.method == "POST":
            self.taken += json.loads(asked.body)
        return Reply(200, b"{}")

    def rules(self) -> set[str]:
        """The rules that it was told of."""
        return {one["labels"]["rule_id"] for one in self.taken}


def _told(folder: Path, sink: str) -> list[tuple[str, str]]:
    """Alert and state of what is to be told, in the order in which it was put."""
    return [(row[0], row[3]) for row in entries(folder) if row[1] == sink and row[2] == "opened"]


@pytest.mark.parametrize("wrong", _WRONG.values(), ids=_WRONG)
def test_an_alertmanager_that_was_down_is_told_everything_afterwards(
    tmp_path: Path, forker: Forker, wrong: Reply
) -> None:
    """Dead, it is a finding, and the fallback is told; well again, it is told all, each alert once in the outbox."""
    far = Alertmanager()
    try:
        far.wrong = wrong
        sinks = (
            f"sinks:\n  alertmanager:\n    - {{name: am, urls: ['{far.server.url}'], resend: 1s}}\n"
            f"  file:\n    - {{name: spare, path: {tmp_path}/spare.jsonl}}\n"
            "routes:\n  - {to: [am], fallback: [spare]}"
        )
        life = place(tmp_path, sinks)
        with living(forker, life):
            spare = tmp_path / "spare.jsonl"
            until(lambda: spare.exists() and b"sink_dead" in spare.read_bytes(), lambda: entries(tmp_path))
            said = [json.loads(line)["alert"] for line in spare.read_bytes().splitlines()]
            alerts = [alert for alert, _ in _told(tmp_path, "am")]
            until(
                lambda: set(alerts) <= {json.loads(x)["alert"] for x in spare.read_bytes().splitlines()}, lambda: said
            )
            far.wrong = None
            until(
                lambda: all(state != "waiting" or told for _, state, told in _progress(tmp_path, "am")),
                lambda: entries(tmp_path),
            )
            until(lambda: {"K5", "V5", "S1", "sink_dead"} <= far.rules(), far.rules)
    finally:
        far.server.close()
    first = list(dict.fromkeys(one["labels"]["entity"] + one["labels"]["rule_id"] for one in far.taken))
    assert len(first) >= len(alerts)


def _progress(folder: Path, sink: str) -> list[tuple[str, str, int]]:
    return [(row[0], row[3], row[4]) for row in entries(folder) if row[1] == sink and row[2] == "opened"]


@pytest.mark.parametrize("wrong", ["500", "429", "404", "channel_not_found", "ratelimited", "hangs", "refuses"])
def test_a_slack_that_was_down_gets_every_message_once_and_in_order(tmp_path: Path, forker: Forker, wrong: str) -> None:
    """What came meanwhile is posted when it is back, in the order of the alerts, and no message is there twice."""
    token = tmp_path / "token"
    token.write_text(TOKEN, "utf-8")
    with slack_server() as slack:
        url = slack.api_url
        if wrong == "refuses":
            url = f"http://127.0.0.1:{free_port()}/api"
        elif wrong in _WRONG:
            slack.answer = _WRONG[wrong]
        else:
            slack.error = wrong
        sinks = f"sinks:\n  slack:\n    - {{name: slack, token_file: {token}, channel: {CHANNEL}, api_url: '%s'}}"
        life = place(tmp_path, sinks % url)
        with living(forker, life):
            until(lambda: any("sink_dead" in one for one in findings(tmp_path)), lambda: entries(tmp_path))
            assert not slack.messages
            slack.answer, slack.error = None, ""
            if wrong != "refuses":
                until(lambda: _all_told(tmp_path, "slack"), lambda: entries(tmp_path))
        if wrong == "refuses":
            settings(tmp_path, more=sinks % slack.api_url)
            with living(forker, life):
                until(lambda: _all_told(tmp_path, "slack"), lambda: entries(tmp_path))
        messages = [message["text"] for message in slack.messages.values()]
        assert slack.faults == []
    put = [row[0] for row in entries(tmp_path) if row[1] == "slack" and row[2] == "opened"]
    assert len(messages) >= len(put)
    if wrong != "hangs":
        assert len(messages) == len(set(messages)), "told twice"


def _all_told(folder: Path, sink: str) -> bool:
    rows = [row for row in entries(folder) if row[1] == sink and row[2] == "opened"]
    return bool(rows) and all(row[3] == "told" for row in rows)


def findings(folder: Path) -> list[str]:
    """Kinds of findings in the store."""
    return [row[5] for row in entries(folder)]
