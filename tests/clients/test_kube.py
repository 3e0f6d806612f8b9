"""What the API server's client makes of answers that seldom come; those of a well server: tests/real."""

from __future__ import annotations

import json

import msgspec
import pytest

from tests.clients.answers import answering
from vedette.clients.kube import Kube, KubeRefused

ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"


def page(names: str, token: str = "") -> bytes:
    """A page with an object for each letter."""
    items = [{"metadata": {"name": name}} for name in names]
    return json.dumps({"metadata": {"continue": token}, "items": items}).encode()


def names(pages: list[list[msgspec.Raw]]) -> str:
    """Of all objects."""
    return "".join(json.loads(bytes(raw))["metadata"]["name"] for one in pages for raw in one)


def test_a_continuation_that_expires_begins_the_list_anew() -> None:
    """The whole list comes all the same; what had come before comes twice."""
    expired = [True]

    def answer(path: str) -> tuple[int, bytes]:
        if "continue=a%2B" in path and expired:
            expired.pop()
            return 410, b'{"message": "The provided continue parameter is too old"}'
        return 200, page("cd") if "continue" in path else page("ab", "a+")

    with answering(answer) as (url, asked):
        assert names(list(Kube(url).pages(ROLES, size=2))) == "ababcd"
    assert asked[0] == f"{ROLES}?limit=2"
    assert asked[1] == f"{ROLES}?limit=2&continue=a%2B"


def test_a_continuation_that_always_expires_is_an_error() -> None:
    """It is not begun anew for ever."""
    with answering(lambda path: (410, b"") if "continue" in path else (200, page("a", "x"))) as (url, asked):
        with pytest.raises(KubeRefused, match="HTTP 410"):
            list(Kube(url).pages(ROLES))
        assert len(asked) == 8


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"metadata": 1}', b"[" * 100_000, b"\xff"])
def test_what_is_no_list_is_said(body: bytes) -> None:
    """A page of something else is no empty list."""
    with answering(lambda _: (200, body)) as (url, _), pytest.raises(KubeRefused, match="no API server"):
        list(Kube(url).pages(ROLES))


def test_an_empty_list_may_be_null() -> None:
    """As Go writes it."""
    with answering(lambda _: (200, b'{"metadata": {}, "items": null}')) as (url, _):
        assert list(Kube(url).pages(ROLES)) == [[]]


def test_a_refusal_has_the_servers_words() -> None:
    """On one line, cut short."""
    body = json.dumps({"message": "no\nright " + "x" * 9999}).encode()
    with answering(lambda _: (403, body)) as (url, _), pytest.raises(KubeRefused) as error:
        Kube(url).metrics()
    assert str(error.value).startswith("HTTP 403: no right xxx")
    assert len(str(error.value)) < 330
