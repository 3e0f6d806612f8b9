"""Hostile text in every field of an event, and records without measure, through the whole watcher."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lab.slack import CHANNEL, TOKEN, slack_server

from tests.faults.conftest import amount
from tests.faults.feeding import Poster, event_list, free_port
from tests.faults.forking import Forker
from tests.faults.inputs import recorded, settings
from tests.faults.lives import Life
from tests.faults.memory import peak_of
from tests.faults.outcome import outcome
from tests.scans import ROOT
from tests.sinks.notes import HOSTILE

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdCompressor
else:
    from backports.zstd import ZstdCompressor

_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
_TEXTS = {
    **HOSTILE,
    "escapes": "\x1b]0;owned\x07\x1b[2J\x9b31m\x00\x7f\r\n\tx",
    "bidi": f"a{_BIDI}b",
    "html": "<script>alert(1)</script>&lt;b&gt;",
    "surrogate": "\ud800x",
    "megabyte": "A" * (1 << 20),
}
_MEMORY = 300 << 20


def shell(text: str, number: int = 0) -> dict[str, object]:
    """A shell into a pod of Vault's, with the text in every field that its sender may choose."""
    (line,) = [line for line in recorded("kube") if b'"subresource":"exec"' in line and b'"code":101' in line][:1]
    event: dict[str, object] = json.loads(line)
    reference = dict.fromkeys(("name", "uid", "resourceVersion"), text)
    event["objectRef"] = {**event["objectRef"], **reference, "namespace": "vault"}  # type: ignore[dict-item]
    event["user"] = {"username": f"{text}{number}", "uid": text, "groups": [text], "extra": {text: [text]}}
    event["userAgent"] = text
    event["requestURI"] = f"/api/v1/namespaces/vault/pods/{text}/exec?command={text}&stdin=true"
    event["sourceIPs"] = [text, "203.0.113.9"]
    event["annotations"] = {text: text, "authorization.k8s.io/reason": text}
    event["auditID"] = f"{number}-{text}"
    return event


def packed(event: object) -> bytes:
    """As a line; ASCII, so that lone surrogates are as JSON has them."""
    return json.dumps(event).encode("ascii") + b"\n"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, bytes, list[str]]:
    """A watcher that has told of all of it: its folder, what it printed, what `alerts list` prints, Slack's faults."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "logs").mkdir()
    lines = [packed(shell(text, number)) for number, text in enumerate(_TEXTS.values())]
    (folder / "logs" / "kube.log").write_bytes(b"".join(lines))
    (folder / "token").write_text(TOKEN, "utf-8")
    with slack_server() as slack:
        config = settings(
            folder,
            files=("kube",),
            more=f"sinks:\n  slack:\n    - {{name: slack, token_file: {folder}/token, channel: {CHANNEL}, api_url: '{slack.api_url}'}}\n"
            f"  file:\n    - {{name: told, path: {folder}/told.jsonl}}",
        )
        printed = _command("watch", "--config", str(config), "--until-read", "-o", "table")
        faults = [*slack.faults, *(["not told"] if len(slack.messages) < len(_TEXTS) else [])]
    return folder, printed, _command("alerts", "list", "--config", str(config)), faults


def _command(*arguments: str) -> bytes:
    ended = subprocess.run(
        [sys.executable, "-m", "vedette", *arguments], cwd=ROOT, capture_output=True, check=False, timeout=120
    )
    assert ended.returncode in (0, 1), ended.stderr.decode("utf-8", "replace")[-2000:]
    assert b"Traceback" not in ended.stderr
    return ended.stdout + ended.stderr


def _controls(text: str) -> set[str]:
    """What would own a terminal or turn its text around."""
    return {repr(one) for one in text if (ord(one) < 32 and one != "\n") or 0x7F <= ord(one) < 0xA0 or one in _BIDI}


def test_nothing_owns_the_terminal(told: tuple[Path, bytes, bytes, list[str]]) -> None:
    """The table of `watch` and the list of alerts are without control characters, and name each alert."""
    _, printed, listed, _ = told
    assert printed.count(b"K4") >= len(_TEXTS)
    assert _controls(printed.decode("utf-8")) == set()
    assert _controls(listed.decode("utf-8")) == set()
    assert listed.count(b"K4") >= len(_TEXTS)
    assert max(map(len, listed.splitlines())) < 4096


def test_slack_gets_no_markup_and_the_file_one_line_for_each(told: tuple[Path, bytes, bytes, list[str]]) -> None:
    """Block Kit's limits hold, nothing is taken for a link or a mention, and every line of the file is JSON."""
    folder, _, _, faults = told
    assert faults == []
    lines = (folder / "told.jsonl").read_bytes().splitlines()
    assert len({json.loads(line)["alert"] for line in lines}) == len(_TEXTS)
    assert max(map(len, lines)) < 2 << 20


def test_an_event_of_a_megabyte_alerts_through_file_and_webhook(tmp_path: Path, forker: Forker) -> None:
    """It is read, kept whole as evidence or in the spool, judged, and counted once where both bring it."""
    port = free_port()
    big = packed(shell("ordinary") | {"requestObject": {"kind": "PodExecOptions", "command": ["A" * (1 << 20)]}})
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "kube.log").write_bytes(big)
    hook = f"  webhook:\n    - {{name: hook, listen: '127.0.0.1:{port}'}}\nsinks:\n"
    config = settings(tmp_path, files=("kube",))
    config.write_text(config.read_text("utf-8").replace("sinks:\n", hook, 1), "utf-8")
    life = Life(str(config), inline=False, until_read=False, output=str(tmp_path / "output"))
    poster = Poster(port, [event_list([big])])
    forker.start(life)
    poster.start()
    poster.allow()
    poster.join(30)
    assert poster.acknowledged == 1
    assert forker.end() < 0
    life.until_read = True
    assert forker.run(life) == 0
    found = outcome(tmp_path)
    (alert,) = found.alerts.values()
    assert alert[0] == "K4"
    assert alert[4] == 1
    assert found.evidence["kube"] == big
    assert found.counters["hook"]["events.kube_audit"] == 1


def test_a_line_without_measure_and_a_bomb_cost_little_memory(tmp_path: Path, forker: Forker) -> None:
    """A line of 100 MB, and a .zst that unpacks to thousands of times its size: what stands behind them is judged."""
    size = amount(32 << 20, 100 << 20)
    logs = tmp_path / "logs"
    logs.mkdir()
    last = packed(shell("behind"))
    with (logs / "kube.log").open("wb") as file:
        for _ in range(size >> 20):
            file.write(b"A" * (1 << 20))
        file.write(b"\n" + last)
    compressor = ZstdCompressor(level=19)
    with (logs / "bomb.log").open("wb") as file:
        for _ in range(4 * size >> 20):
            file.write(compressor.compress(bytes(1 << 20)))
        file.write(compressor.compress(b"\n" + packed(shell("bombed"))) + compressor.flush())
    assert (logs / "bomb.log").stat().st_size * 5000 < 4 * size
    # What is packed is read once it has not changed for a while.
    os.utime(logs / "bomb.log", (1, 1))
    config = settings(tmp_path, files=("kube", "bomb"))
    ended, peak = peak_of(forker, Life(str(config), inline=False, output=str(tmp_path / "output")))
    assert ended == 0
    assert peak < _MEMORY, f"{peak >> 20} MB"
    assert {one[10] for one in outcome(tmp_path).alerts.values()} == {"behind0", "bombed0"}
