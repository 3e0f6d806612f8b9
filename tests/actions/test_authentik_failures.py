"""authentik refuses, goes away half-way, or somebody else acts at once; and the server that stands for it is strict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actions.authentik_server import SCHEMA, Store, answer, serving
from tests.actions.authentik_site import SESSIONS, TOKEN, TOKENS, AuthentikSite
from tests.actions.authentik_valid import faults
from tests.actions.relay import broken


@pytest.fixture
def there() -> Iterator[Store]:
    """What the server keeps: vedette, and ann with three tokens."""
    store = Store()
    store.caller(TOKEN, store.user("vedette", superuser=True, kind="service_account"))
    ann = store.user("ann")
    for name in ("a", "b", "c"):
        store.token(ann, name)
    yield store
    assert store.mistakes == []


@pytest.fixture
def site(there: Store, tmp_path: Path) -> Iterator[AuthentikSite]:
    """Settings and a store for it."""
    with serving(there) as address:
        yield AuthentikSite(there, address, tmp_path)


def test_an_answer_that_is_lost_is_looked_for(site: AuthentikSite) -> None:
    """Done, but nobody heard of it: the next apply finds it done and goes on."""
    site.plan("authentik.revoke-tokens", "ann")
    site.there.after[2] = broken
    assert "nobody knows whether that was done" in site.do("apply", code=1)
    assert [one.state for one in site.steps()] == ["done", "unknown"]
    site.do("apply")
    assert [one.said for one in site.steps()] == ["HTTP 204", "it was found done", "HTTP 204"]
    assert site.there.there(TOKENS) == []


def test_a_request_that_was_lost_is_sent_again(site: AuthentikSite) -> None:
    """Not done: found so, done by the next apply."""
    site.plan("authentik.revoke-tokens", "ann")
    site.there.before[2] = broken
    site.do("apply", code=1)
    assert site.there.there(TOKENS) == ["b", "c"]
    site.do("apply")
    assert site.there.there(TOKENS) == []


def test_somebody_else_deletes_in_between(site: AuthentikSite) -> None:
    """404: so already, and it goes on."""
    site.plan("authentik.revoke-tokens", "ann")
    site.there.before[1] = lambda: site.there.kept[TOKENS].pop("b")
    site.do("apply")
    assert [one.said for one in site.steps()] == [
        "HTTP 204",
        "so already (HTTP 404: No object matches the given query.)",
        "HTTP 204",
    ]
    assert set(site.holds()) == {True}


def test_a_session_that_ended_meanwhile_makes_the_plan_stale(site: AuthentikSite) -> None:
    """So does one that came; nothing is done."""
    ann = site.there.kept["/core/users/"]["8"]["pk"]
    name = site.there.session(ann)
    site.plan("authentik.end-sessions", "ann")
    del site.there.kept[SESSIONS][name]
    assert "stale" in site.do("apply", code=2)
    site.plan("authentik.end-sessions", "ann")
    site.there.session(ann)
    assert "stale" in site.do("apply", code=2)
    assert site.there.changes == 0


def test_one_that_came_after_all_is_seen(site: AuthentikSite) -> None:
    """verify looks at what there is by then."""
    ann = site.there.kept["/core/users/"]["8"]["pk"]
    site.there.session(ann)
    site.plan("authentik.end-sessions", "ann")
    site.do("apply")
    site.there.session(ann, ip="192.0.2.66")
    found = {one["says"]: (one["holds"], one["why"]) for one in site.checks()}
    assert found["ann has no session"] == (False, "1: session from 192.0.2.66")


def test_the_right_goes_half_way(site: AuthentikSite) -> None:
    """What is missing is named; what was done is on record, and the rest is done once it is granted."""
    right, look = "authentik_core.delete_token", ("authentik_core.view_user", "authentik_core.view_token")
    user = site.there.user("least", kind="service_account")
    site.there.caller("least", user, *look, right)
    site.token = "least"
    site.plan("authentik.revoke-tokens", "ann")
    site.there.after[1] = lambda: site.there.caller("least", user, *look)
    assert f"grant {right}" in site.do("apply", code=1)
    assert [one.state for one in site.steps()] == ["done", "failed"]
    site.there.caller("least", user, *look, right)
    site.do("apply")
    assert site.there.there(TOKENS) == []


def test_what_stands_in_front_fails(site: AuthentikSite) -> None:
    """Whether authentik heard of it nobody knows; it is looked at, and where it cannot be, nothing is sent again."""
    site.plan("authentik.revoke-tokens", "ann")
    site.there.before[2] = lambda: setattr(site.there, "instead", 502)
    assert "nobody knows whether that was done" in site.do("apply", code=1)
    assert "cannot be told" in site.do("apply", code=1)
    assert "HTTP 502" in site.checks()[1]["why"]
    assert site.there.changes == 2
    site.there.instead = 0
    site.do("apply")
    assert site.there.there(TOKENS) == []


def test_a_token_that_is_none_or_away(site: AuthentikSite) -> None:
    """It is said what to write; nothing can be planned."""
    site.token = "expired"
    assert "write one that lives" in site.refused("authentik.end-sessions", "ann")
    site.address = "http://127.0.0.1:1"
    assert "up and reachable" in site.refused("authentik.end-sessions", "ann")


def test_no_token_goes_where_a_redirect_leads(site: AuthentikSite) -> None:
    """It is said, and not followed."""
    site.there.instead = 302
    assert "no token is sent there" in site.refused("authentik.end-sessions", "ann")


def test_without_settings_it_says_what_to_write(site: AuthentikSite) -> None:
    """An authentik has to be named."""
    site.run("list")
    (site.folder / "empty.yaml").write_text("{}\n")
    code, _, err = site.run("plan", "authentik.deactivate", "ann", "--config", str(site.folder / "empty.yaml"))
    assert (code, "write actions.authentik into the settings" in " ".join(err.split())) == (2, True)


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "mistake"),
    [
        ("GET", "/api/v3/core/nothing/", b"", 404, True),
        ("GET", "/core/users/", b"", 404, True),
        ("PUT", "/api/v3/core/users/", b"", 405, True),
        ("GET", "/api/v3/core/users/?user=7", b"", 400, True),
        ("GET", "/api/v3/oauth2/refresh_tokens/?user=ann", b"", 400, True),
        ("GET", "/api/v3/core/authenticated_sessions/no-uuid/", b"", 404, False),
        ("PATCH", "/api/v3/core/users/8/", b'{"is_active": "no"}', 400, False),
        ("PATCH", "/api/v3/core/users/8/", b'{"active": false}', 400, False),
        ("PATCH", "/api/v3/core/users/8/", b"{", 400, False),
        ("DELETE", "/api/v3/core/tokens/a/", b"{}", 400, False),
        ("PATCH", "/api/v3/core/users/8/", b'{"is_active": false}', 200, False),
        ("DELETE", "/api/v3/core/tokens/a/", b"", 204, False),
    ],
)
def test_the_server_is_as_strict_as_the_schema(
    method: str, target: str, body: bytes, status: int, *, mistake: bool
) -> None:
    """Else a client that asks for what is not there would pass."""
    store = Store()
    store.caller(TOKEN, store.user("vedette", superuser=True))
    store.token(store.user("ann"), "a")
    assert (answer(store, method, target, TOKEN, body)[0], bool(store.mistakes)) == (status, mistake)


def test_the_servers_own_answers_are_held_to_the_schema() -> None:
    """A field that is missing, of another type, or unknown is found."""
    store = Store()
    store.caller(TOKEN, store.user("vedette", superuser=True))
    for key, value in (("uid", None), ("avatar", 7), ("is_admin", True)):
        kept = store.kept["/core/users/"]["7"]
        before = dict(kept)
        kept[key] = value
        store.mistakes.clear()
        answer(store, "GET", "/api/v3/core/users/7/", TOKEN, b"")
        assert any(key in one for one in store.mistakes)
        store.kept["/core/users/"]["7"] = before


def test_the_schema_says_where_it_is_from() -> None:
    """Its version and licence stand in it, and every reference in it leads somewhere."""
    assert (SCHEMA["info"]["title"], SCHEMA["info"]["license"]["name"]) == ("authentik", "MIT")
    components = SCHEMA["components"]["schemas"]
    text = json.dumps(SCHEMA)
    assert {one.partition('"')[0] for one in text.split("#/components/schemas/")[1:]} <= set(components)
    assert list(faults({"detail": 7}, components["GenericError"], components)) == [".detail is no string: 7"]
