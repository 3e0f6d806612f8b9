"""The webhook posts one signed record, says plainly what came of it, and keeps its secrets."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import traceback
from pathlib import Path

import pytest
from lab.loopback import Reply, serving

from tests.sinks.certificates import self_signed
from tests.sinks.notes import HOSTILE, hostile, note
from vedette.sinks.base import NotDelivered, Sink
from vedette.sinks.webhook import Webhook

CANARY = "canary-kept-secret"
NOW = 1_795_629_600.5


def kept(folder: Path, text: str, name: str = "secret") -> str:
    """The path of a file that holds a secret."""
    path = folder / name
    path.write_text(text + "\n")
    return str(path)


def refused_by(sink: Sink) -> NotDelivered:
    """What the sink says to one notification that it cannot tell."""
    with pytest.raises(NotDelivered) as caught:
        sink.send([note()])
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(vars(caught.value))
    assert CANARY not in shown
    return caught.value


def test_a_notification_is_posted_as_a_signed_record(tmp_path: Path) -> None:
    """The receiver can prove by the shared key that body and time are vedette's, and drop a repetition by its key."""
    with serving(Reply(204)) as server:
        sink: Sink = Webhook("hook", url=server.url + "/in", secret_file=kept(tmp_path, CANARY), clock=lambda: NOW)
        assert sink.send([note(id="a1:opened é\r\nX-Evil: 1")]) == ""
        sink.close()
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/in")
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["x-vedette-timestamp"] == "1795629600"
    assert asked.headers["idempotency-key"] == "a1:opened%20%C3%A9%0D%0AX-Evil:%201"
    wanted = hmac.new(CANARY.encode(), b"1795629600." + asked.body, hashlib.sha256).hexdigest()
    assert asked.headers["x-vedette-signature"] == f"v1={wanted}"
    assert "x-evil" not in asked.headers
    assert json.loads(asked.body)["rule"] == "K4"
    assert CANARY.encode() not in asked.body


def test_without_a_key_nothing_is_signed() -> None:
    """A signature under no key would be a promise that anybody can make."""
    with serving(Reply()) as server:
        Webhook("hook", url=server.url).send([note()])
    assert "x-vedette-signature" not in server.asked[0].headers


def test_a_rotated_key_and_url_are_taken_up(tmp_path: Path) -> None:
    """Secrets are read at every use."""
    with serving(Reply()) as server:
        url_file, key_file = kept(tmp_path, server.url + "/one", "url"), kept(tmp_path, "first", "key")
        sink = Webhook("hook", url_file=url_file, secret_file=key_file)
        sink.send([note()])
        kept(tmp_path, server.url + "/two", "url")
        kept(tmp_path, "second", "key")
        sink.send([note()])
    one, two = server.asked
    assert (one.path, two.path) == ("/one", "/two")
    assert one.headers["x-vedette-signature"] != two.headers["x-vedette-signature"]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_text_is_valid_json(name: str) -> None:
    """Hostile text in every field arrives as JSON in UTF-8."""
    with serving(Reply()) as server:
        Webhook("hook", url=server.url).send([hostile(HOSTILE[name])])
    assert json.loads(server.asked[0].body.decode("utf-8"))["title"] is not None


@pytest.mark.parametrize(
    ("status", "dead", "refused"),
    [(400, False, True), (422, False, True), (401, True, False), (403, True, False), (404, True, False), (410, True, False),
     (302, True, False), (429, False, False), (500, False, False), (503, False, False)],
)  # fmt: skip
def test_an_answer_is_dead_refused_or_temporary(status: int, dead: bool, refused: bool) -> None:
    """Each status has its meaning, and Retry-After is passed on."""
    with serving(Reply(status, CANARY.encode(), {"Retry-After": "12"})) as server:
        said = refused_by(Webhook("hook", url=server.url))
    assert (said.dead, said.refused) == (dead, refused)
    assert said.retry_after == (12.0 if status in (429, 500, 503) else 0.0)
    assert str(said).startswith(str(status))


def test_a_redirect_is_not_followed() -> None:
    """The record goes to the address of the settings and nowhere else."""
    with serving(Reply()) as elsewhere, serving(Reply(307, b"", {"Location": elsewhere.url})) as server:
        said = refused_by(Webhook("hook", url=server.url))
    assert str(said) == "307 Temporary Redirect: redirects are not followed"
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    "reply", [Reply(hang=True), Reply(break_off="before"), Reply(200, b"x" * 99, break_off="within")]
)
def test_an_answer_that_does_not_come_is_temporary(reply: Reply) -> None:
    """Hanging and broken connections end in bounded time, and are tried again."""
    with serving(reply) as server:
        said = refused_by(Webhook("hook", url=server.url, timeout=0.3))
    assert (said.dead, said.refused, said.perhaps) == (False, False, True)


def test_nobody_listening_is_temporary() -> None:
    """A receiver that restarts is waited for."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        said = refused_by(Webhook("hook", url=f"http://127.0.0.1:{unused.getsockname()[1]}/{CANARY}"))
    assert (str(said), said.dead, said.perhaps) == ("connection refused or no route", False, False)


@pytest.mark.parametrize("text", [f"ftp://{CANARY}/", CANARY, f"http://[{CANARY}", f"https:///{CANARY}", ""])
def test_a_url_that_is_none_is_dead_and_not_repeated(tmp_path: Path, text: str) -> None:
    """A wrong line in the file of the URL is a matter of the settings, and is told without the line."""
    assert refused_by(Webhook("hook", url_file=kept(tmp_path, text))).dead


def test_a_missing_secret_is_dead(tmp_path: Path) -> None:
    """Nothing is posted unsigned because the key's file is not there."""
    with serving(Reply()) as server:
        said = refused_by(Webhook("hook", url=server.url, secret_file=str(tmp_path / "absent")))
        assert server.asked == []
    assert said.dead
    assert "absent" in str(said)


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts do not pass through whatever HTTP_PROXY names."""
    with serving(Reply()) as proxy, serving(Reply()) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        Webhook("hook", url=server.url).send([note()])
        assert len(server.asked) == 1
        assert proxy.asked == []


def test_only_a_known_ca_is_believed(tmp_path: Path) -> None:
    """A certificate that nobody vouches for is refused, and the sink is dead; with its CA it is told."""
    context, ca_file = self_signed(tmp_path)
    with serving(Reply(), context) as server:
        said = refused_by(Webhook("hook", url=server.url))
        assert (str(said), said.dead) == ("TLS: the certificate cannot be verified", True)
        assert server.asked == []
        absent = refused_by(Webhook("hook", url=server.url, ca_file=str(tmp_path / "absent.pem")))
        assert absent.dead
        Webhook("hook", url=server.url, ca_file=ca_file).send([note()])
        assert len(server.asked) == 1
