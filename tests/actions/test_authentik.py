"""Actions on authentik, on a server that is built from its schema: what ends, what stays, who is never touched."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.actions.authentik_server import Store, serving
from tests.actions.authentik_site import ACCESS, CODES, REFRESH, SESSIONS, TOKEN, TOKENS, AuthentikSite
from vedette.actions.authentik_rights import blueprint, permissions

ACTIONS = ("authentik.end-sessions", "authentik.revoke-tokens", "authentik.deactivate")


@pytest.fixture
def there() -> Iterator[Store]:
    """What the server keeps; after each test, whether the schema knew all that was asked and answered."""
    store = Store()
    store.caller(TOKEN, store.user("vedette", superuser=True, kind="service_account"))
    yield store
    assert store.mistakes == []


@pytest.fixture
def site(there: Store, tmp_path: Path) -> Iterator[AuthentikSite]:
    """Settings and a store for it."""
    with serving(there) as address:
        yield AuthentikSite(there, address, tmp_path)


def busy(there: Store, name: str = "ann") -> int:
    """Somebody with two sessions and all that applications get by them."""
    pk = there.user(name, email=f"{name}@example.org")
    first = there.session(pk)
    there.session(pk, ip="198.51.100.4", agent="curl/8")
    for app, session in (("Grafana", first), ("Kubernetes", "")):
        there.grant("refresh_tokens", pk, app)
        there.grant("access_tokens", pk, app, session)
    there.grant("authorization_codes", pk, "Wiki")
    there.token(pk, f"{name}-cli")
    there.token(pk, f"{name}-mail", intent="app_password")
    return pk


def less(site: AuthentikSite, *names: str, without: str = "") -> None:
    """Let vedette be an account with no more than the printed rights, or one less."""
    granted = [one for name in names for one in permissions(name) if one != without]
    site.there.caller("least", site.there.user(f"least-{len(granted)}", kind="service_account"), *granted)
    site.token = "least"


def test_sessions_and_what_applications_got_end(site: AuthentikSite) -> None:
    """Of this user and nobody else; the plan says from where, with what, when last used and until when."""
    ann, bob = busy(site.there), busy(site.there, "bob")
    plan = site.plan("authentik.end-sessions", "ann")
    assert plan["does"].startswith(
        "end 2 sessions, 2 refresh tokens, 1 authorization code, 2 access tokens of ann (user"
    )
    assert [one["method"] for one in plan["calls"]] == ["DELETE"] * 7
    assert {tuple(one.values()) for one in plan["found"]} >= {
        ("session from 203.0.113.9", "Firefox on Linux", "2026-11-25T10:00:00+00:00", "2027-11-25T10:00:00+00:00"),
        ("refresh token of Grafana", "scope openid offline_access", "is not kept", "2027-11-25T10:00:00+00:00"),
    }
    assert "Kubernetes takes an ID token until then" in " ".join(plan["remains"])
    site.do("apply")
    for path in (SESSIONS, REFRESH, ACCESS, CODES):
        owners = [one["user"] if path == SESSIONS else one["user"]["pk"] for one in site.there.kept[path].values()]
        assert (ann in owners, bob in owners) == (False, True)
    assert set(site.holds()) == {True}
    assert [one.said for one in site.steps()][5] == "so already (HTTP 404: No object matches the given query.)"
    assert len(site.there.there(TOKENS)) == 4
    assert "nothing to do" in site.plan("authentik.end-sessions", "ann")["does"]


def test_tokens_of_a_user_are_deleted(site: AuthentikSite) -> None:
    """By their names; no key is asked for or kept."""
    busy(site.there)
    plan = site.plan("authentik.revoke-tokens", "ann@example.org")
    assert [one["path"] for one in plan["calls"]] == ["/api/v3/core/tokens/ann-cli/", "/api/v3/core/tokens/ann-mail/"]
    assert [one["what"] for one in plan["found"]] == ["token ann-cli (api)", "token ann-mail (app_password)"]
    site.do("apply")
    assert site.there.there(TOKENS) == []
    assert site.holds() == [True, True, True]
    assert "cannot be undone" in site.do("undo", code=2)


def test_a_user_is_deactivated_and_active_again(site: AuthentikSite) -> None:
    """By number; undo sets what was set."""
    pk = str(busy(site.there))
    site.plan("authentik.deactivate", pk)
    site.do("apply")
    kept = site.there.kept["/core/users/"]
    assert (kept[pk]["is_active"], site.holds()) == (False, [True])
    assert "nothing to do" in site.plan("authentik.deactivate", "ann")["does"]


def test_deactivating_is_undone(site: AuthentikSite) -> None:
    """Unless the user is gone, which is said."""
    pk = str(busy(site.there))
    kept = site.there.kept["/core/users/"]
    site.plan("authentik.deactivate", pk)
    site.do("apply")
    site.do("undo")
    assert (kept[pk]["is_active"], site.acted().state) == (True, "undone")
    site.plan("authentik.deactivate", pk)
    site.do("apply")
    del kept[pk]
    assert "there is no such user any more" in site.do("undo", code=1)


def test_by_hand_it_is_the_same(site: AuthentikSite) -> None:
    """A command a call, every word quoted, the token in a file."""
    busy(site.there)
    (call,) = site.plan("authentik.deactivate", "ann")["calls"]
    words = shlex.split(call["command"])
    assert words[-2:] == ['{"is_active": false}', f"{site.address}{call['path']}"]
    assert "@authentik.header" in words
    assert TOKEN not in call["command"]


def test_who_is_never_touched(site: AuthentikSite) -> None:
    """vedette's own account, the last person who is superuser, and whoever is not named clearly."""
    busy(site.there)
    for name in ACTIONS:
        assert "vedette itself acts with" in site.refused(name, "vedette")
        assert "may be many" in site.refused(name, "an*")
        assert "needs user" in site.refused(name, " ")
    site.there.user("root", superuser=True)
    site.there.user("outpost", superuser=True, kind="internal_service_account")
    assert "last active superuser" in site.refused("authentik.deactivate", "root")
    other = site.there.user("root2", superuser=True)
    assert site.plan("authentik.deactivate", "root")["calls"]
    site.there.kept["/core/users/"][str(other)]["is_active"] = False
    assert "stale" in site.do("apply", code=2)


def test_exactly_one_user_is_meant(site: AuthentikSite) -> None:
    """Several, or none, are named as they were found."""
    first, second = (
        site.there.user("twin", email="both@example.org"),
        site.there.user("twin2", email="both@example.org"),
    )
    said = site.refused("authentik.end-sessions", "both@example.org")
    assert f"2 users: twin (user {first}, both@example.org); twin2 (user {second}" in said
    site.there.user(str(first), email="odd@example.org")
    assert "is 2 users" in site.refused("authentik.end-sessions", str(first))
    site.there.user("other")
    assert "did you mean twin (user" in site.refused("authentik.end-sessions", "Twin")
    assert "has no user 'nobody'" in site.refused("authentik.end-sessions", "nobody")
    assert "has no user" in site.refused("authentik.end-sessions", "99999")


@pytest.mark.parametrize(
    "name",
    [
        "o'brien",
        'a"b',
        "$(touch x)",
        "a/../../users/7",
        "a%2fb",
        "a&is_superuser=true",
        "-rf",
        "аnn",  # noqa: RUF001 - a Cyrillic letter: it looks like ann
        "ａｎｎ",  # noqa: RUF001 - full width
        "ann ",
        "ann\n",
        "ann\u202egnp",
        "\x1b[2Jann",
    ],
)
def test_hostile_names_reach_their_owner_alone(site: AuthentikSite, name: str) -> None:
    """Those that a terminal would obey or hide are refused by name; by number each can be reached, and only it."""
    ann = busy(site.there)
    other = site.there.user(name, email="other@example.org")
    site.there.session(other)
    assert site.plan("authentik.end-sessions", "ann")["does"].endswith(f"of ann (user {ann}, ann@example.org)")
    code, out, err = site.run("plan", "authentik.end-sessions", f"user={name}", "-o", "json")
    plain = name.isprintable() and name.strip() == name
    assert code == (0 if plain else 2), (out, err)
    plan = site.plan("authentik.end-sessions", str(other))
    assert len(plan["calls"]) == 1
    code, out, _ = site.run("show", site.last)
    assert "\x1b" not in out
    assert "\u202e" not in out
    site.do("apply")
    assert len(site.there.there(SESSIONS)) == 2


def test_long_lists_are_read_to_the_end(site: AuthentikSite) -> None:
    """Page by page."""
    pk = site.there.user("ann")
    for index in range(10):
        site.there.token(pk, f"t{index}")
    assert len(site.plan("authentik.revoke-tokens", "ann")["calls"]) == 10


@pytest.mark.parametrize("name", ACTIONS)
def test_the_printed_rights_suffice(site: AuthentikSite, name: str) -> None:
    """Plan, apply, verify and undo."""
    busy(site.there)
    busy(site.there, "bob")
    less(site, name)
    assert site.plan(name, "ann")["calls"]
    site.do("apply")
    assert set(site.holds()) == {True}
    if name == "authentik.deactivate":
        site.do("undo")


@pytest.mark.parametrize(("name", "without"), [(name, one) for name in ACTIONS for one in permissions(name)])
def test_one_right_less_does_not(site: AuthentikSite, name: str, without: str) -> None:
    """Without the right to view nothing is claimed to be gone; without that to change it stops, and names the right."""
    busy(site.there)
    less(site, name, without=without)
    kind = without.partition(".")[2]
    if kind == "view_user":
        assert f"grant {without}" in site.refused(name, "ann")
        return
    plan = site.plan(name, "ann")
    if kind.startswith("view_"):
        assert f"vedette may not see them; that would be {without}" in " ".join(plan["remains"])
        if plan["calls"]:
            site.do("apply")
            assert [one["why"].endswith(without) for one in site.checks() if one["holds"] is not True] == [True]
        return
    assert f"grant {without}" in site.do("apply", code=1)


def test_rights_are_a_blueprint(site: AuthentikSite) -> None:
    """YAML of one role with those permissions."""
    found = yaml.safe_load(blueprint(["authentik.end-sessions", "authentik.deactivate"]))
    (entry,) = found["entries"]
    assert (found["version"], entry["model"]) == (1, "authentik_rbac.role")
    assert entry["attrs"]["permissions"][-1] == "authentik_core.change_user"
    assert site.run("rights", "authentik")[0] == 0
