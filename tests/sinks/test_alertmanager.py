"""Every member is told every alert; what is wrong with one alert or one member costs no other."""

from __future__ import annotations

import json
import socket
import time
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from lab.loopback import Asked, Reply, serving

from tests.sinks.certificates import self_signed
from tests.sinks.notes import HOSTILE, SECOND, TOLD, hostile, note
from vedette.notification import Occasion
from vedette.sinks.alertmanager import LONGEST_ANNOTATION, LONGEST_LINK, Alertmanager
from vedette.sinks.base import NotDelivered, Partly, Sink

NOW = TOLD + 10 * SECOND
CANARY = "canary-kept-secret"


def sink_to(*urls: str, **more: Any) -> Alertmanager:
    """A sink with a clock that stands."""
    return Alertmanager("am", urls, **{"clock": lambda: NOW, "timeout": 0.5, **more})


def posted(asked: Asked) -> list[dict[str, Any]]:
    """The alerts of a request."""
    found: list[dict[str, Any]] = json.loads(asked.body.decode("utf-8"))
    return found


def seconds(stamp: str) -> float:
    """RFC 3339 as seconds since 1970."""
    return datetime.fromisoformat(stamp).timestamp()


def refused_by(sink: Sink, count: int = 1) -> NotDelivered:
    """What the sink says to notifications that it cannot tell; never a secret."""
    with pytest.raises(NotDelivered) as caught:
        sink.send([note(id=str(number)) for number in range(count)])
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(sink)
    assert CANARY not in shown
    return caught.value


def wrong_if(wrong: Callable[[dict[str, Any]], bool], status: int = 400) -> Callable[[Asked], Reply]:
    """An Alertmanager that refuses a whole batch for one alert, as its schema's check does."""

    def answering(asked: Asked) -> Reply:
        bad = [alert["labels"]["n"] for alert in posted(asked) if wrong(alert)]
        said = json.dumps({"code": 601, "message": f"no {bad[0]}\x1b[2J"}) if bad else ""
        return Reply(status, said.encode()) if bad else Reply()

    return answering


def test_an_open_alert_ends_four_resends_ahead() -> None:
    """Whoever stops posting lets it end; the labels are the notification's and nothing else."""
    with serving(Reply()) as server:
        sink: Sink = sink_to(server.url + "/prefix/", resend=60.0, hold=900.0)
        assert isinstance(sink, Partly)
        assert (sink.batch, sink.resend, sink.hold) == (256, 60.0, 900.0)
        assert sink.send([note()]) == ""
        sink.close()
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/prefix/api/v2/alerts")
    (alert,) = posted(asked)
    assert alert["labels"] == {"alertname": "VedetteK4", "severity": "critical", "rule_id": "K4", "entity": "0a1b"}
    assert alert["annotations"] == {"summary": "Shell in a pod"}
    assert alert["generatorURL"] == "https://runbooks.example.org/K4?a=1&b=2"
    assert seconds(alert["startsAt"]) == TOLD / SECOND
    assert seconds(alert["endsAt"]) == NOW / SECOND + 240


@pytest.mark.parametrize(("starts_ahead", "ends_ahead"), [(0, 60), (0, -5), (3600, 60), (3600, -5), (10**10, 10**10)])
def test_an_alert_never_ends_before_it_starts(starts_ahead: int, ends_ahead: int) -> None:
    """Alertmanager refuses such alerts; clocks go back all the same."""
    one = note(Occasion.CLOSED, ends_at=NOW + ends_ahead * SECOND)
    object.__setattr__(one, "starts_at", NOW + starts_ahead * SECOND)
    with serving(Reply()) as server:
        sink_to(server.url).send([one])
    (alert,) = posted(server.asked[0])
    assert seconds(alert["startsAt"]) <= min(NOW / SECOND, seconds(alert["endsAt"]))
    assert seconds(alert["endsAt"]) == pytest.approx(min(NOW / SECOND + ends_ahead, 253_402_300_799))


@pytest.mark.parametrize("name", HOSTILE)
def test_any_text_is_bounded_and_valid(name: str) -> None:
    """Annotations arrive as they are, but for lone surrogates and for what is too long."""
    text = HOSTILE[name]
    with serving(Reply()) as server:
        sink_to(server.url).send([hostile(text, labels={"alertname": "K4", "entity": text[:64]})])
    (alert,) = posted(server.asked[0])
    said, query = alert["annotations"]["description"], alert["annotations"]["query"]
    assert len(said.encode()) <= LONGEST_ANNOTATION
    assert len(query.encode()) <= LONGEST_LINK
    if len(text.encode("utf-8", "replace")) <= LONGEST_ANNOTATION:
        assert said == query == text.encode("utf-8", "replace").decode()
    else:
        assert said.endswith("…")
        assert text.startswith(said[:-1])


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://a b", "https://[", "ftp://a/", ""])
def test_a_runbook_that_is_no_uri_is_left_out(url: str) -> None:
    """Alertmanager would refuse the whole batch for it."""
    with serving(Reply()) as server:
        sink_to(server.url).send([note(runbook_url=url)])
    assert "generatorURL" not in posted(server.asked[0])[0]


def test_every_member_is_told() -> None:
    """Members do not hand alerts to each other."""
    with serving(Reply()) as one, serving(Reply()) as two:
        sink = sink_to(one.url, two.url)
        sink.send([note()])
        assert one.asked[0].body == two.asked[0].body
        assert (sink.partial, sink.rejected) == ({}, {})


def test_a_member_that_is_down_costs_the_others_nothing() -> None:
    """One that took it is enough; who did not is said, and left alone for half a minute."""
    clock = [100.0]
    with serving(Reply(hang=True)) as sick, serving(Reply()) as well:
        sink = sink_to(sick.url, well.url, monotonic=lambda: clock[0], timeout=0.3)
        sink.send([note()])
        assert sink.partial == {sick.url: "no answer in time"}
        began = time.monotonic()
        for _ in range(5):
            sink.send([note()])
        assert time.monotonic() - began < 0.3
        assert sink.partial == {sick.url: "no answer in time"}
        assert (len(sick.asked), len(well.asked)) == (1, 6)
        sick.answering = lambda _: Reply()
        clock[0] += 31
        sink.send([note()])
        assert sink.partial == {}
        assert len(sick.asked) == 2


def test_a_resting_member_is_asked_when_no_other_takes_it() -> None:
    """The rest of a member is for the others' sake only."""
    with serving(Reply(503)) as one, serving(Reply()) as two:
        sink = sink_to(one.url, two.url)
        sink.send([note()])
        one.answering, two.answering = (lambda _: Reply()), (lambda _: Reply(503))
        sink.send([note()])
        assert sink.partial == {two.url: "503 Service Unavailable"}


def test_when_all_members_fail_it_is_not_told() -> None:
    """Dead only where every member is dead; the shortest wait that was asked for."""
    with serving(Reply(401)) as one, serving(Reply(503, b"", {"Retry-After": "9"})) as two:
        said = refused_by(sink_to(one.url, two.url))
        assert (str(said), said.dead) == ("503 Service Unavailable (none of 2 members was told)", False)
        two.answering = lambda _: Reply(404)
        assert refused_by(sink_to(one.url, two.url)).dead


@pytest.mark.parametrize(
    ("status", "dead"),
    [(401, True), (403, True), (404, True), (302, True), (429, False), (500, False), (502, False), (503, False)],
)
def test_an_answer_is_dead_or_temporary(status: int, dead: bool) -> None:
    """Each status has its meaning, and Retry-After is passed on."""
    with serving(Reply(status, CANARY.encode(), {"Retry-After": "5"})) as server:
        said = refused_by(sink_to(server.url))
    assert (said.dead, said.refused) == (dead, False)
    assert said.retry_after == (0.0 if dead else 5.0)


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("bad", [{7}, {0, 255}, set(range(100, 140))])
def test_a_bad_alert_never_costs_the_others(status: int, bad: set[int]) -> None:
    """Of a batch of 256 exactly the bad ones are rejected, each by name and with the reason; all others arrive."""
    wanted = [note(id=str(n), labels={"alertname": "K4", "n": str(n)}) for n in range(256)]
    with serving(wrong_if(lambda alert: int(alert["labels"]["n"]) in bad, status)) as server:
        sink = sink_to(server.url)
        sink.send(wanted)
        arrived = {
            alert["labels"]["n"]
            for asked in server.asked
            if not any(int(alert["labels"]["n"]) in bad for alert in posted(asked))
            for alert in posted(asked)
        }
    assert set(sink.rejected) == {str(n) for n in bad}
    assert arrived == {str(n) for n in range(256)} - set(sink.rejected)
    assert all(f"no {n}\\x1b[2J" in reason for n, reason in sink.rejected.items())


def test_a_batch_of_bad_alerts_only_is_refused() -> None:
    """An Alertmanager that takes an empty batch is right about all of them."""
    with serving(wrong_if(lambda _: True)) as server:
        sink = sink_to(server.url)
        with pytest.raises(NotDelivered) as caught:
            sink.send([note(id=str(n), labels={"n": str(n)}) for n in range(3)])
    assert caught.value.refused
    assert set(sink.rejected) == {"0", "1", "2"}


def test_what_refuses_everything_is_no_alertmanager() -> None:
    """A proxy that answers 400 to an empty batch as well is a dead far end; no alert counts as dealt with."""
    with serving(Reply(400, b"<html>")) as server:
        sink = sink_to(server.url)
        said = refused_by(sink, 64)
        assert (said.dead, said.refused) == (True, False)
        assert sink.rejected == {}
        assert len(server.asked) == 2


def test_an_alert_that_one_member_takes_is_told() -> None:
    """Members of two versions may disagree; what any of them took is not rejected."""
    with serving(wrong_if(lambda alert: alert["labels"]["n"] == "1")) as strict, serving(Reply()) as lenient:
        sink = sink_to(strict.url, lenient.url)
        sink.send([note(id=str(n), labels={"n": str(n)}) for n in range(3)])
        assert sink.rejected == {}


def test_proof_is_sent_and_kept(tmp_path: Path) -> None:
    """A token, or a name and password, are read at every post and appear in no word of the sink."""
    token, password = tmp_path / "token", tmp_path / "password"
    token.write_text(CANARY + "\n")
    password.write_text("pä:" + CANARY + "\n")
    with serving(Reply()) as server:
        sink_to(server.url, token_file=str(token)).send([note()])
        sink_to(server.url, username="vedette", password_file=str(password)).send([note()])
        server.answering = lambda asked: Reply(400, json.dumps(asked.headers["authorization"]).encode())
        assert refused_by(sink_to(server.url, token_file=str(token))).dead
        server.answering = lambda asked: Reply(401, json.dumps(asked.headers["authorization"]).encode())
        assert refused_by(sink_to(server.url, token_file=str(token))).dead
        sink = sink_to(server.url, token_file=str(token))
        server.answering = lambda asked: (
            Reply(400, json.dumps(asked.headers["authorization"]).encode()) if posted(asked) else Reply()
        )
        assert str(refused_by(sink)) == "400 Bad Request: Bearer (hidden)"
        assert sink.rejected == {"0": "400 Bad Request: Bearer (hidden)"}
    by_token, by_name = (asked.headers["authorization"] for asked in server.asked[:2])
    assert by_token == f"Bearer {CANARY}"
    assert by_name == "Basic dmVkZXR0ZTpww6Q6Y2FuYXJ5LWtlcHQtc2VjcmV0"
    token.write_text(CANARY + "ü")
    assert refused_by(sink_to("http://127.0.0.1:9", token_file=str(token))).dead
    assert refused_by(sink_to("http://127.0.0.1:9", token_file=str(tmp_path / "absent"))).dead


@pytest.mark.parametrize("url", ["ftp://a", "http://[", "https:///x", ""])
def test_a_url_that_is_none_is_dead(url: str) -> None:
    """It ends in no traceback."""
    assert refused_by(sink_to(url)).dead


def test_a_password_in_a_url_is_not_repeated() -> None:
    """Whoever puts one there does not find it in a finding."""
    with serving(Reply()) as well:
        sink = sink_to(f"http://vedette:{CANARY}@127.0.0.1:1/am", well.url)
        sink.send([note()])
    assert sink.partial == {"http://127.0.0.1:1/am": "connection refused or no route"}


def test_only_the_named_address_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No redirect, no proxy of the environment, no server that nobody vouches for."""
    context, ca_file = self_signed(tmp_path)
    with serving(Reply()) as elsewhere, serving(Reply(307, b"", {"Location": elsewhere.url})) as server:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, elsewhere.url)
        monkeypatch.delenv("no_proxy", raising=False)
        assert refused_by(sink_to(server.url)).dead
        assert elsewhere.asked == []
    with serving(Reply(), context) as secure:
        said = refused_by(sink_to(secure.url))
        assert (str(said), said.dead) == ("TLS: the certificate cannot be verified", True)
        sink_to(secure.url, ca_file=ca_file).send([note()])
        assert len(secure.asked) == 1


def test_nobody_listening_is_temporary() -> None:
    """An Alertmanager that restarts is waited for."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        said = refused_by(sink_to(f"http://127.0.0.1:{unused.getsockname()[1]}"))
    assert (str(said), said.dead) == ("connection refused or no route", False)
