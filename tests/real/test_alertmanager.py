"""What vedette tells a real Alertmanager arrives once, survives its restarts and is muted by its silences."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from lab.alertmanager import AlertmanagerServer, alertmanager
from lab.process import until

from tests.sinks.notes import HOSTILE, SECOND, hostile, note
from vedette.clients.alertmanager import Alertmanager as Client
from vedette.clients.alertmanager import Matcher
from vedette.clients.base import NoAnswer
from vedette.notification import Notification, Occasion
from vedette.sinks.alertmanager import LONGEST_ANNOTATION, Alertmanager
from vedette.sinks.base import NotDelivered


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AlertmanagerServer]:
    """One Alertmanager."""
    with alertmanager(tmp_path / "am") as one:
        yield one


def alert(name: str, occasion: Occasion = Occasion.OPENED, *, age: float = 5, **more: Any) -> Notification:
    """A notification of `age` seconds about the entity `name`."""
    one = note(occasion, id=f"{name}:{occasion.value}", labels={"alertname": "VedetteK4", "entity": name}, **more)
    object.__setattr__(one, "starts_at", time.time_ns() - int(age * SECOND))
    return one


def entities(server: AlertmanagerServer) -> list[str]:
    """The alerts that Alertmanager holds, by entity."""
    client = Client(server.url)
    held = sorted(one.labels["entity"] for one in client.alerts())
    client.close()
    return held


def statuses(server: AlertmanagerServer, name: str) -> list[str]:
    """What the receiver was notified of about an entity, in order."""
    return [one["status"] for one in server.notified() if one["labels"]["entity"] == name]


def test_two_senders_make_one_alert(server: AlertmanagerServer) -> None:
    """Two instances of vedette that watch the same log are one alert from the earlier start, told once."""
    for age in (5.0, 60.0):
        sink = Alertmanager("am", [server.url])
        sink.send([alert("web", age=age)])
        sink.close()
    client = Client(server.url)
    (held,) = client.alerts(['entity="web"'])
    client.close()
    assert held.status.state in ("active", "unprocessed")
    started = datetime.fromisoformat(held.starts_at).timestamp()
    assert time.time() - 90 < started < time.time() - 50
    until(lambda: statuses(server, "web") == ["firing"], "the receiver is notified")
    Alertmanager("am", [server.url]).send([alert("web", Occasion.CLOSED, ends_at=time.time_ns())])
    until(lambda: "resolved" in statuses(server, "web"), "it is over")
    assert statuses(server, "web") == ["firing", "resolved"]


def test_a_restart_loses_none_after_the_next_resend(server: AlertmanagerServer) -> None:
    """Alertmanager forgets; while it is away nothing is taken for told; the next post brings all of them back."""
    wanted = [alert(f"e{number:02}") for number in range(40)]
    names = [one.labels["entity"] for one in wanted]
    sink = Alertmanager("am", [server.url])
    sink.send(wanted)
    assert entities(server) == names
    server.stop()
    with pytest.raises(NotDelivered) as caught:
        sink.send(wanted)
    assert not caught.value.dead
    server.start()
    assert entities(server) == []
    sink.send(wanted)
    sink.close()
    assert entities(server) == names


def test_a_silence_mutes_and_its_end_speaks(server: AlertmanagerServer) -> None:
    """A silence made through the client holds exactly the alerts it matches."""
    client, now = Client(server.url), time.time_ns()
    matchers = [Matcher("entity", "shop"), Matcher("alertname", "Vedette.+", is_regex=True)]
    made = client.create_silence(
        matchers, now - SECOND, now + 600 * SECOND, "planned <work>\n\x1b[2J", "me@example.org"
    )
    sink = Alertmanager("am", [server.url])
    sink.send([alert("shop"), alert("bank")])
    until(lambda: bool(statuses(server, "bank")), "the other alert is notified")
    (muted,) = client.alerts(['entity="shop"'])
    assert (muted.status.state, muted.status.silenced_by) == ("suppressed", (made,))
    assert statuses(server, "shop") == []
    (silence,) = client.silences()
    assert (silence.id, silence.status.state, silence.created_by) == (made, "active", "me@example.org")
    assert silence.comment == "planned <work>\n\x1b[2J"
    assert set(silence.matchers) == set(matchers)
    client.delete_silence(made)
    until(lambda: bool(statuses(server, "shop")), "the alert is notified once the silence has gone")
    assert client.silences()[0].status.state == "expired"
    sink.close()
    client.close()


def test_what_an_attacker_wrote_arrives_as_it_was(server: AlertmanagerServer) -> None:
    """Every hostile text passes through to the receiver, cut only where it is too long, and none costs another."""
    sink = Alertmanager("am", [server.url])
    wanted = [hostile(text, id=name, labels={"alertname": "K4", "entity": name}) for name, text in HOSTILE.items()]
    sink.send(wanted)
    assert sink.rejected == {}
    sink.close()
    until(lambda: len(server.notified()) >= len(wanted), "all alerts are notified")
    arrived = {one["labels"]["entity"]: one["annotations"] for one in server.notified()}
    assert set(arrived) == set(HOSTILE)
    for name, text in HOSTILE.items():
        clean = text.encode("utf-8", "replace").decode()
        said = arrived[name].get("description", "")
        if len(clean.encode()) <= LONGEST_ANNOTATION:
            assert said == clean, name
        else:
            assert said.endswith("…"), name
            assert clean.startswith(said[:-1]), name


def test_a_closed_alert_is_resolved(server: AlertmanagerServer) -> None:
    """The receiver is told when it is over."""
    sink = Alertmanager("am", [server.url])
    sink.send([alert("web")])
    until(lambda: statuses(server, "web") == ["firing"], "it fires")
    sink.send([alert("web", Occasion.CLOSED, ends_at=time.time_ns())])
    sink.close()
    until(lambda: statuses(server, "web") == ["firing", "resolved"], "it is resolved")
    assert entities(server) == []


def test_an_alert_that_nobody_posts_any_more_ends(server: AlertmanagerServer) -> None:
    """It lives four resends longer than its sender."""
    sink = Alertmanager("am", [server.url], resend=1.0)
    sink.send([alert("web")])
    sink.close()
    until(lambda: statuses(server, "web") == ["firing"], "it fires")
    until(lambda: statuses(server, "web") == ["firing", "resolved"], "it ends by itself")
    assert entities(server) == []


def test_a_bad_alert_never_costs_the_others(server: AlertmanagerServer) -> None:
    """What a real Alertmanager refuses is found in the batch and named with its reason."""
    wanted = [alert(f"e{number:02}") for number in range(30)]
    wanted[3] = note(id="name", labels={"alertname": "x", "bad-name": "y"})
    wanted[17] = note(id="none", labels={"alertname": ""})
    sink = Alertmanager("am", [server.url])
    sink.send(wanted)
    assert set(sink.rejected) == {"name", "none"}
    assert all(reason.startswith("400 Bad Request: ") for reason in sink.rejected.values())
    assert len(entities(server)) == 28
    with pytest.raises(NotDelivered) as caught:
        sink.send([wanted[3], wanted[17]])
    assert (caught.value.refused, caught.value.dead) == (True, False)
    sink.close()


def test_its_schema_refuses_a_whole_batch(server: AlertmanagerServer) -> None:
    """One URL that is no URI, and the other alert is not taken either: what the sink keeps from happening."""
    client = Client(server.url)
    bad = {"labels": {"alertname": "x", "entity": "bad"}, "generatorURL": "http://a b"}
    assert client.post_alerts([bad, {"labels": {"alertname": "x", "entity": "good"}}]).status == 422
    assert client.post_alerts([]).status == 200
    client.close()
    assert entities(server) == []
    sink = Alertmanager("am", [server.url])
    sink.send([alert("bad", runbook_url="http://a b"), alert("good")])
    sink.close()
    assert entities(server) == ["bad", "good"]


def test_one_member_of_two_is_enough(server: AlertmanagerServer, tmp_path: Path) -> None:
    """Both are told while both are there; then one is named as not told, and the other has the alert."""
    with alertmanager(tmp_path / "second") as second:
        sink = Alertmanager("am", [server.url, second.url])
        sink.send([alert("one")])
        assert (entities(server), entities(second)) == (["one"], ["one"])
        second.stop()
        sink.send([alert("two")])
        assert entities(server) == ["one", "two"]
        assert sink.partial == {second.url: "connection refused or no route"}
        sink.close()


def test_a_member_says_how_it_is(server: AlertmanagerServer) -> None:
    """Version and cluster are read, the configuration is not kept; what is asked wrongly is an error in few words."""
    client = Client(server.url)
    status = client.status()
    assert status.cluster.status == "disabled"
    assert status.version_info["version"]
    assert "hook" not in repr(status)
    with pytest.raises(NoAnswer, match="GET /alerts: 400 "):
        client.alerts(["no matcher"])
    with pytest.raises(NoAnswer, match="POST /silences: 422 "):
        client.create_silence([], 0, 1, "none", "nobody")
    with pytest.raises(NoAnswer, match="DELETE /silence: "):
        client.delete_silence("00000000-0000-0000-0000-000000000000/../x")
    client.close()
