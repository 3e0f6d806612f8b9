"""What the client of authentik makes of answers that a well authentik does not give; those that it gives: tests/actions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.answers import answering
from vedette.clients.authentik import MOST_PAGES, Authentik, AuthentikRefused
from vedette.clients.base import BadSecret

NOT_AUTHENTIK = [b"", b"<html>", b"[]", b"null", b"{", b"\xff", b'{"results": []}', b'{"results": 7, "pagination": {}}']
PATH = "/core/users/"


@pytest.mark.parametrize("body", NOT_AUTHENTIK)
def test_what_is_no_authentik_is_no_empty_list(body: bytes) -> None:
    """Else nobody would have a session."""
    with answering(lambda _: (200, body)) as (url, _), pytest.raises(AuthentikRefused, match="no list came"):
        list(Authentik(url).pages(PATH, {}))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"detail": "You do not\\nhave permission"}', "HTTP 403: You do not have permission"),
        (b'{"detail": ["x"]}', "HTTP 403"),
        (b"<html>", "HTTP 403"),
        (json.dumps({"detail": "x" * 999}).encode(), "HTTP 403: " + "x" * 200),
    ],
)
def test_a_refusal_has_the_servers_words(body: bytes, reason: str) -> None:
    """On one line, cut short."""
    with answering(lambda _: (403, body)) as (url, _), pytest.raises(AuthentikRefused) as error:
        list(Authentik(url).pages(PATH, {}))
    assert str(error.value) == reason


@pytest.mark.parametrize("following", [1, "2", MOST_PAGES + 1, -1, True, [2]])
def test_pages_that_never_end_are_an_error(following: object) -> None:
    """A list that leads back to itself is not read for ever, nor cut short silently."""
    body = json.dumps({"results": [], "pagination": {"next": following}}).encode()
    with answering(lambda _: (200, body)) as (url, asked), pytest.raises(AuthentikRefused, match="longest"):
        list(Authentik(url).pages(PATH, {}))
    assert len(asked) == 1


def test_a_filter_is_one_word_of_the_query() -> None:
    """Whatever stands in a name."""
    body = b'{"results": [], "pagination": {"next": 0}}'
    with answering(lambda _: (200, body)) as (url, asked):
        list(Authentik(f"{url}/api/v3/").pages(PATH, {"username": "a&is_superuser=true#\n"}))
    assert asked == ["/api/v3/core/users/?username=a%26is_superuser%3Dtrue%23%0A&page=1&page_size=100"]


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    """No token is sent elsewhere."""
    (tmp_path / "token").write_text("CANARY\n")
    with answering(lambda _: (302, b"")) as (url, asked), pytest.raises(AuthentikRefused, match="302"):
        list(Authentik(url, token_file=str(tmp_path / "token")).pages(PATH, {}))
    assert len(asked) == 1


def test_a_token_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Nothing is asked without it."""
    with answering(lambda _: (200, b"{}")) as (url, asked), pytest.raises(BadSecret, match="No such file"):
        Authentik(url, token_file=str(tmp_path / "missing")).ask("GET", PATH)
    assert asked == []
