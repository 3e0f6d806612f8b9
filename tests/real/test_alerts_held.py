"""`vedette alerts --from alertmanager` and real Alertmanagers: listed, shown, acknowledged, silenced, told again."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.alertmanager import AlertmanagerServer, alertmanager
from lab.process import until

from tests.cli.alert_store import HOSTILE
from tests.scans import SETTINGS
from vedette.cli import main
from vedette.clients.alertmanager import Alertmanager, Matcher, rfc3339

Capture = pytest.CaptureFixture[str]
SECOND = 1_000_000_000
Pair = tuple[AlertmanagerServer, AlertmanagerServer]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two; a test says whether they are members of one cluster, or one each."""
    with alertmanager(tmp_path / "one") as one, alertmanager(tmp_path / "two") as two:
        yield one, two


def ruled(actor: str, *, rule: str = "K3", severity: str = "critical", age: float = 60, **more: str) -> dict[str, Any]:
    """An alert as Loki's ruler posts it."""
    now = time.time_ns()
    labels = {
        "alertname": f"Vedette{rule}",
        "rule_id": rule,
        "document": rule,
        "severity": severity,
        "source": "kube_audit",
        "actor": actor,
        **more,
    }
    annotations = {
        "summary": f"Secret disclosed: {actor} from 203.0.113.9 -> vault/secrets/unseal",
        "actor": actor,
        "address": "203.0.113.9",
        "object": "vault/secrets/unseal",
        "count": "3",
        "first_step": "kubectl get secrets",
        "empty": "",
    }
    started, ends = rfc3339(now - int(age * SECOND)), rfc3339(now + 600 * SECOND)
    return {"labels": labels, "annotations": annotations, "startsAt": started, "endsAt": ends}


def post(server: AlertmanagerServer, *alerts: dict[str, Any]) -> None:
    """Bring alerts."""
    client = Alertmanager(server.url)
    assert client.post_alerts(alerts).status == 200
    client.close()


def config(folder: Path, sinks: str = "") -> Path:
    """Settings with a store that is not there."""
    file = folder / "vedette.yaml"
    text = SETTINGS.read_text("utf-8") + f"\nwatch:\n  state: {folder / 'none'}\n"
    file.write_text(text + (f"sinks:\n  alertmanager:\n{sinks}" if sinks else ""), "utf-8")
    return file


def alerts(file: Path, *arguments: str) -> int:
    """`vedette alerts …`; its exit code."""
    return main(["alerts", *arguments, "--config", str(file)])


def listed(file: Path, capsys: Capture, *arguments: str) -> list[dict[str, Any]]:
    """What `list -o jsonl` prints."""
    capsys.readouterr()
    assert alerts(file, "list", "-o", "jsonl", *arguments) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_members_and_clusters_are_one_list(pair: Pair, tmp_path: Path, capsys: Capture) -> None:
    """By fingerprint; marked by who found it; the heartbeat and what is not vedette's are left out."""
    one, two = pair
    watch = ruled("carl")
    del watch["labels"]["document"]
    watch["labels"] |= {"entity": "0123456789ab"}
    beat = {"labels": {"alertname": "VedetteHeartbeat", "rule_id": "heartbeat"}, "annotations": {}}
    both = ruled("mallory", age=30)
    post(one, both, watch, beat, {"labels": {"alertname": "NodeDown"}, "annotations": {}})
    post(two, both, ruled("eve", rule="K4", severity="warning", age=5))
    members = config(tmp_path, f"    - {{name: am, urls: [{one.url}, {two.url}]}}\n")
    found = listed(members, capsys, "--from", "alertmanager")
    assert [(row["actor"], row["engine"], row["alertmanagers"]) for row in found] == [
        ("eve", "ruler", ["am"]),
        ("mallory", "ruler", ["am"]),
        ("carl", "watch", ["am"]),
    ]
    apart = config(tmp_path, f"    - {{name: am, urls: [{one.url}]}}\n    - {{name: dr, urls: [{two.url}]}}\n")
    found = listed(apart, capsys, "--from", "alertmanager")
    assert [row["alertmanagers"] for row in found] == [["dr"], ["am", "dr"], ["am"]]
    first = found[1]
    assert (first["schema"], first["state"], first["count"]) == ("vedette.heldalert/1", "open", "3")
    assert first["summary"].startswith("Secret disclosed: mallory")
    assert [row["actor"] for row in listed(apart, capsys, "--from", "alertmanager", "--severity", "critical")] == [
        "mallory",
        "carl",
    ]
    assert [row["actor"] for row in listed(apart, capsys, "--from", "alertmanager", "--rule", "k4")] == ["eve"]
    assert [row["actor"] for row in listed(apart, capsys, "--from", "alertmanager", "--since", "45s")] == [
        "eve",
        "mallory",
    ]
    assert len(listed(apart, capsys, "--from", "alertmanager", "-n", "1")) == 1


def test_without_a_store_alertmanager_is_asked(pair: Pair, tmp_path: Path, capsys: Capture) -> None:
    """Where the settings name one, or the call does; a store that is named is not passed over."""
    one, _ = pair
    post(one, ruled("mallory"))
    named = config(tmp_path, f"    - {{name: am, urls: [{one.url}]}}\n")
    assert alerts(named, "list") == 0
    out, err = capsys.readouterr()
    assert "critical K3   Secret disclosed: mallory from 203.0.113.9 -> vault/secrets/unseal\n" in out
    assert "ruler, am, since 20" in out
    assert "Alertmanager is asked" in err
    assert alerts(named, "list", "--state", str(tmp_path / "none")) == 2
    bare = config(tmp_path)
    assert alerts(bare, "list") == 2
    assert alerts(bare, "list", "--from", "alertmanager") == 2
    assert "no Alertmanager is known" in capsys.readouterr().err
    assert [row["actor"] for row in listed(bare, capsys, "--alertmanager", one.url)] == ["mallory"]


def test_one_that_does_not_answer_is_said(pair: Pair, tmp_path: Path, capsys: Capture) -> None:
    """A member: the others were asked. A whole cluster: exit 2, and what else there is all the same."""
    one, _ = pair
    post(one, ruled("mallory"))
    member = config(tmp_path, f"    - {{name: am, urls: ['http://127.0.0.1:1', {one.url}]}}\n")
    assert alerts(member, "list", "--from", "alertmanager") == 0
    out, err = capsys.readouterr()
    assert "mallory" in out
    assert "am: http://127.0.0.1:1: connection refused or no route; the other members were asked" in err
    dead = config(
        tmp_path, f"    - {{name: am, urls: [{one.url}]}}\n    - {{name: dr, urls: ['http://127.0.0.1:1']}}\n"
    )
    for output in ("table", "json", "jsonl"):
        assert alerts(dead, "list", "--from", "alertmanager", "-o", output) == 2
        out, err = capsys.readouterr()
        assert "mallory" in out
        assert "vedette: dr: connection refused or no route" in err
    assert alerts(dead, "show", "0000", "--from", "alertmanager") == 2
    assert "but not all were asked: dr" in capsys.readouterr().err


def test_show_has_all_of_it_and_its_runbook(pair: Pair, tmp_path: Path, capsys: Capture) -> None:
    """Hostile words are escaped, as in the list; the runbook has them in its commands as one word."""
    one, _ = pair
    post(one, ruled(HOSTILE, severity="loud"))
    file = config(tmp_path, f"    - {{name: am, urls: [{one.url}]}}\n")
    (row,) = listed(file, capsys, "--from", "alertmanager")
    assert (row["actor"], row["severity"]) == (HOSTILE, "info")
    assert alerts(file, "list", "--from", "alertmanager") == 0
    assert alerts(file, "show", row["id"][:6], "--from", "alertmanager") == 0
    assert alerts(file, "show", row["id"], "--from", "alertmanager", "--runbook") == 0
    out = capsys.readouterr().out
    assert "root\\x1b[2J\\u202e" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "open, found by Loki's ruler, there since 20" in out
    assert "first step    kubectl get secrets" in out
    assert "# K3: " in out
    assert alerts(file, "show", row["id"], "--from", "alertmanager", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == row


def test_a_silence_is_of_this_alert_alone_and_ends(pair: Pair, tmp_path: Path, capsys: Capture) -> None:
    """In every cluster that holds it, by reason and name; another's wider silence is shown and not ended."""
    one, two = pair
    post(one, ruled("mallory"), ruled("eve"))
    post(two, ruled("mallory"))
    file = config(tmp_path, f"    - {{name: am, urls: [{one.url}]}}\n    - {{name: dr, urls: [{two.url}]}}\n")
    name = next(row["id"] for row in listed(file, capsys, "--from", "alertmanager") if row["actor"] == "mallory")
    held = ("--from", "alertmanager")
    assert alerts(file, "silence", name, *held, "--for", "1h") == 2
    assert alerts(file, "silence", name, *held, "--for", "8d", "--reason", "x") == 2
    assert alerts(file, "silence", name, *held, "--for", "1h", "--reason", "the fix\x1b", "--by", "me") == 0

    def states() -> dict[str, str]:
        return {row["actor"]: row["state"] for row in listed(file, capsys, *held)}

    until(lambda: states() == {"mallory": "silenced", "eve": "open"}, "that one is silent, and only that one")
    for server in pair:
        client = Alertmanager(server.url)
        (silence,) = client.silences()
        assert (silence.created_by, silence.comment) == ("me", "the fix\x1b")
        assert {matcher.name for matcher in silence.matchers} == ruled("mallory")["labels"].keys()
        client.close()
    capsys.readouterr()
    assert alerts(file, "silence", "--list", *held) == 0
    assert "by me: the fix\\x1b" in capsys.readouterr().out
    assert alerts(file, "unsilence", name, *held) == 0
    until(lambda: states()["mallory"] == "open", "it is told again")
    client = Alertmanager(one.url)
    now = time.time_ns()
    client.create_silence([Matcher("rule_id", "K3")], now, now + 600 * SECOND, "planned", "other")
    # One cluster still tells of the other.
    until(lambda: states() == {"mallory": "open", "eve": "silenced"}, "a wider one silences both in one cluster")
    capsys.readouterr()
    assert alerts(file, "unsilence", name, *held) == 2
    assert "silenced by wider ones, which are not ended here" in capsys.readouterr().err
    assert [silence.status.state for silence in client.silences(['rule_id="K3"'])].count("active") == 1
    client.close()


def test_an_acknowledgement_is_a_short_silence_and_nothing_is_closed(
    pair: Pair, tmp_path: Path, capsys: Capture
) -> None:
    """With the sign that karma and kthxbye know; a cluster that cannot be told is said."""
    one, _ = pair
    post(one, ruled("mallory"))
    file = config(tmp_path, f"    - {{name: am, urls: [{one.url}]}}\n")
    (row,) = listed(file, capsys, "--from", "alertmanager")
    held = ("--from", "alertmanager")
    assert alerts(file, "ack", row["id"], *held, "--note", "looking", "--by", "me") == 0
    until(lambda: listed(file, capsys, *held)[0]["state"] == "acked", "it is acknowledged")
    (silence,) = listed(file, capsys, *held)[0]["silences"]
    assert (silence["by"], silence["reason"]) == ("me", "ACK! looking")
    client = Alertmanager(one.url)
    (made,) = client.silences()
    client.close()
    assert made.ends_at < rfc3339(time.time_ns() + 901 * SECOND)
    assert alerts(file, "close", row["id"], *held, "--reason", "drill") == 2
    assert "ends by itself once the ruler finds it no more" in capsys.readouterr().err
    for wrong in (("list", "-f"), ("list", "--untold"), ("list", "--status", "closed"), ("list", "-n", "-1")):
        assert alerts(file, *wrong, *held) == 2
    assert alerts(file, "list", "--from", "store", "--alertmanager", one.url) == 2
    assert alerts(file, "list", *held, "--state", "x") == 2
    assert alerts(file, "show", "abc", *held) == 2
