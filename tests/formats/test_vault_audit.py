"""What a Vault audit entry says, and what it leaves open."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.formats.reading import line, vault
from vedette.event import Event, Outcome
from vedette.formats.base import Unreadable
from vedette.formats.vault_audit import VaultAudit

_NEW = {
    "accessor": "hmac-sha256:n",
    "client_token": "hmac-sha256:t",
    "policies": ["default", "ops"],
    "entity_id": "e-1",
}
_LOGIN = {"id": "1", "operation": "update", "path": "auth/userpass/login/alice", "remote_address": "10.0.20.10"}
_DENIED = "1 error occurred:\n\t* permission denied\n\n"


def read(kind: str = "response", **more: Any) -> Event:
    """A short entry, with some keys replaced, read whole."""
    return VaultAudit().read(line(vault("v1", kind, **more)))


def login(kind: str = "response", **more: Any) -> Event:
    """The entry of a login, nobody being logged in yet."""
    return read(kind, **{"auth": {"token_type": "default"}, "request": _LOGIN, **more})


@pytest.mark.parametrize(
    ("kind", "more", "outcome", "final"),
    [
        ("request", {}, Outcome.UNKNOWN, False),
        ("response", {}, Outcome.DONE, True),
        ("kmip-request", {}, Outcome.UNKNOWN, False),
        ("kmip-response", {}, Outcome.DONE, True),
        ("response", {"error": _DENIED}, Outcome.REFUSED, True),
        ("request", {"error": "permission denied"}, Outcome.REFUSED, False),
        ("response", {"error": "unsupported path"}, Outcome.FAILED, True),
        ("request", {"error": "wrapping token is not valid or does not exist"}, Outcome.FAILED, False),
        ("response", {"error": ""}, Outcome.DONE, True),
        ("response", {"error": None}, Outcome.DONE, True),
    ],
)
def test_the_outcome_is_the_answer(kind: str, more: dict[str, Any], outcome: Outcome, final: bool) -> None:
    """An answer without error is done; a request alone says nothing, unless it was refused on the spot."""
    event = read(kind, **more)
    assert (event.outcome, event.text("outcome"), event.final) == (outcome, outcome.value, final)


@pytest.mark.parametrize(
    ("request_part", "data", "outcome"),
    [
        ({"operation": "update", "path": "pki/revoke", "mount_type": "pki"}, {"error": "hmac"}, Outcome.FAILED),
        ({"operation": "read", "path": "aws/creds/x"}, {"error": "hmac"}, Outcome.FAILED),
        ({"operation": "read", "path": "secret/x", "mount_type": "kv"}, {"error": "hmac"}, Outcome.DONE),
        ({"operation": "list", "path": "cubbyhole/", "mount_type": "cubbyhole"}, {"error": "hmac"}, Outcome.DONE),
        ({"operation": "update", "path": "secret/x", "mount_type": "kv"}, {"error": "hmac"}, Outcome.FAILED),
        ({"operation": "read", "path": "pki/x", "mount_type": "pki"}, {"error": "hmac", "ca": "x"}, Outcome.DONE),
    ],
)
def test_an_error_may_stand_in_the_answer_alone(
    request_part: dict[str, str], data: dict[str, str], outcome: Outcome
) -> None:
    """An answer that is nothing but an error failed; what a store answers are its users' own keys."""
    assert read(request={"id": "1", **request_part}, response={"data": data}).outcome is outcome


@pytest.mark.parametrize(
    ("more", "state", "outcome"),
    [
        ({"auth": _NEW, "response": {"auth": _NEW}}, "ok", Outcome.DONE),
        ({"response": {"auth": _NEW}}, "ok", Outcome.DONE),
        ({"response": {"auth": {"client_token": "hmac", "policies": ["default"]}}}, "ok", Outcome.DONE),
        ({"response": {"wrap_info": {"wrapped_accessor": "hmac"}}}, "ok", Outcome.DONE),
        ({"response": {"auth": {"token_type": "default", "policies": []}}}, "pending", Outcome.DONE),
        ({}, "failed", Outcome.FAILED),
        ({"response": {"data": {"error": "hmac"}}}, "failed", Outcome.FAILED),
        ({"error": "invalid credentials"}, "failed", Outcome.FAILED),
        ({"error": "permission denied"}, "failed", Outcome.REFUSED),
        ({"error": "ldap operation failed: failed to connect to host"}, "unavailable", Outcome.FAILED),
        ({"error": "dial tcp 192.0.2.1:636: connect: connection refused"}, "unavailable", Outcome.FAILED),
        ({"error": "context deadline exceeded"}, "unavailable", Outcome.FAILED),
    ],
)
def test_a_login_ends_in_one_of_four_ways(more: dict[str, Any], state: str, outcome: Outcome) -> None:
    """Whether somebody was let in tells a login, not an error; batch tokens have no accessor, a second factor no token."""
    event = login(**more)
    assert (event.text("login"), event.outcome) == (state, outcome)


@pytest.mark.parametrize(
    ("path", "operation", "is_login"),
    [
        ("auth/userpass/login/alice", "update", True),
        ("auth/approle/login", "update", True),
        ("auth/team/kubernetes/login", "update", True),
        ("auth/oidc/oidc/callback", "read", True),
        ("auth/oidc/callback", "update", True),
        ("auth/userpass/login/alice", "help", False),
        ("auth/userpass/login/", "list", False),
        ("auth/userpass/users/alice", "update", False),
        ("auth/token/create", "update", False),
        ("sys/leases/revoke-force/auth/userpass/login", "update", False),
        ("secret/data/auth/userpass/login/alice", "update", False),
    ],
)
def test_a_login_is_told_by_its_path(path: str, operation: str, is_login: bool) -> None:
    """From the path's begin, and never by an operation that cannot log in."""
    event = login("request", request={"id": "1", "operation": operation, "path": path})
    assert event.complete(("login",)) is not is_login


def test_a_request_to_log_in_says_nothing_yet() -> None:
    """Until the answer comes, who logged in and whether is unknown."""
    event = login("request")
    names = ("login", "entity", "response", "granted")
    assert [event.values((name,)) for name in names] == [((), False)] * 4
    assert event.values(("response", "auth", "policies")) == ((), False)


def test_a_refused_request_needs_no_answer() -> None:
    """A request that was refused has no answer that could say more."""
    event = read("request", error="permission denied")
    assert event.values(("response", "auth", "policies")) == ((), True)


def test_a_wrapped_answer_is_unknown_until_unwrapped() -> None:
    """The wrapping names the accessor that its unwrapping will show."""
    wrapped = read(
        request={"id": "1", "operation": "update", "path": "auth/token/create"},
        response={"wrap_info": {"accessor": "hmac-sha256:w", "wrapped_accessor": "hmac-sha256:n"}},
    )
    unwrapped = read(request={"id": "2", "operation": "update", "path": "sys/wrapping/unwrap"}, response={"auth": _NEW})
    assert (wrapped.awaits, wrapped.settles) == ("hmac-sha256:n", "")
    assert (unwrapped.awaits, unwrapped.settles) == ("", "hmac-sha256:n")
    assert wrapped.values(("response", "auth", "policies")) == ((), False)
    assert wrapped.values(("response", "data", "keys")) == ((), False)
    assert unwrapped.values(("response", "auth", "policies")) == (("default", "ops"), True)


@pytest.mark.parametrize(
    ("path", "inside", "sure"),
    [
        ("secret/data/app", {}, True),
        ("secret/data/app", {"wrapped_accessor": "hmac-sha256:n"}, False),
        # A batch token has no accessor.
        ("auth/token/create", {}, False),
        ("sys/wrapping/rewrap", {}, False),
    ],
)
def test_a_wrapped_secret_holds_no_token(path: str, inside: dict[str, str], sure: bool) -> None:
    """Only logins and the token store hand out tokens, so of another wrapped answer just the data is unknown."""
    event = read(
        request={"id": "1", "operation": "read", "path": path}, response={"wrap_info": {"accessor": "h", **inside}}
    )
    assert event.values(("response", "auth", "policies")) == ((), sure)
    assert event.values(("granted",)) == ((), sure)
    assert event.values(("response", "data", "keys")) == ((), False)


def test_only_an_unwrapping_settles() -> None:
    """An ordinary login shows an accessor too, and settles nothing."""
    assert login(response={"auth": _NEW}).settles == ""


def test_a_namespace_is_taken_off_the_path() -> None:
    """Whether the namespace stands in the path or beside it, the path and mount are the same."""
    request = {"id": "1", "operation": "update", "namespace": {"id": "x", "path": "team/"}}
    beside = read(request={**request, "path": "auth/token/create", "mount_point": "auth/token/"})
    within = read(request={**request, "path": "team/auth/token/create", "mount_point": "team/auth/token/"})
    assert beside.text("path") == within.text("path") == "auth/token/create"
    assert beside.text("mount") == within.text("mount") == "auth/token/"
    assert within.text("object") == "update auth/token/create"


@pytest.mark.parametrize(
    ("request_part", "mount"),
    [
        ({"path": "auth/userpass/login/alice", "mount_point": "auth/userpass/"}, "auth/userpass/"),
        ({"path": "auth/userpass/login/alice"}, "auth/userpass/"),
        ({"path": "auth/team/oidc/oidc/callback"}, "auth/team/oidc/"),
        ({"path": "secret/data/x"}, ""),
    ],
)
def test_the_mount_is_named_before_1_14_too(request_part: dict[str, str], mount: str) -> None:
    """By mount_point, or for a login by its path."""
    assert login(request={"operation": "update", "id": "1", **request_part}).text("mount") == mount


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("10.0.20.10", "10.0.20.10"),
        ("10.0.20.10:5696", "10.0.20.10"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:5696", "2001:db8::1"),
        ("", ""),
        (None, ""),
    ],
)
def test_the_address_has_no_port(remote: str | None, address: str) -> None:
    """KMIP entries have host and port in one."""
    assert read(request={"id": "1", "remote_address": remote}).text("address") == address


@pytest.mark.parametrize(
    ("more", "actor", "entity"),
    [
        ({"auth": {"display_name": "alice", "entity_id": "e-1"}}, "alice (e-1)", "e-1"),
        ({"auth": {"display_name": "root"}}, "root", ""),
        ({"auth": None}, "", ""),
        ({"auth": None, "response": {"auth": {"display_name": "bob", "entity_id": "e-2"}}}, "bob (e-2)", "e-2"),
        ({"auth": {"entity_id": "e-3"}}, "e-3", "e-3"),
        ({"auth": {"display_name": "", "entity_id": "", "policies": None}}, "", ""),
    ],
)
def test_who_it_was(more: dict[str, Any], actor: str, entity: str) -> None:
    """Display name and entity of the caller, or of who logged in."""
    event = read(**more)
    assert (event.text("actor"), event.text("entity")) == (actor, entity)


def test_empty_texts_are_absent() -> None:
    """Vault 0.9 wrote `""` where later versions write nothing."""
    event = read(auth={"accessor": "", "client_token": "", "display_name": "", "policies": None}, error="")
    assert event.values(("auth", "accessor")) == ((), True)
    assert event.values(("error",)) == ((), True)


@pytest.mark.parametrize(
    ("data", "keys"),
    [({"policies": ["hmac"], "ttl": "hmac"}, ("policies", "ttl")), ({}, ()), (None, ()), ("text", ())],
)
def test_keys_of_the_data_are_named(data: object, keys: tuple[str, ...]) -> None:
    """Values are HMACed, key names are not."""
    assert read(request={"id": "1", "data": data}).values(("keys",)) == (keys, True)


def test_an_act_is_its_request() -> None:
    """Both entries of a request are one act; an entry without id is its own."""
    assert read("request").act == read("response").act == "v1"
    alone = [read(request={"operation": "help", "path": path}).act for path in ("a", "a", "b")]
    assert alone[0] == alone[1] != alone[2]
    assert len(alone[0]) == 24


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-11-23T06:32:09.560999447Z", 1_795_415_529_560_999_447),
        ("2026-11-23T06:32:09.5609Z", 1_795_415_529_560_900_000),
        ("2026-11-23T06:32:09Z", 1_795_415_529_000_000_000),
        (None, 0),
    ],
)
def test_the_time_has_nanoseconds(stamp: str | None, expected: int) -> None:
    """Trailing zeros are dropped in the log, and 0.9 wrote whole seconds."""
    assert read(time=stamp).time == expected


def test_a_record_cannot_bring_derived_fields_along() -> None:
    """What the format derives is never taken from the record."""
    event = read(login="ok", entity="e", actor="root", outcome="failed", granted=["root"])
    assert (event.text("outcome"), event.text("actor")) == ("done", "token")
    assert [event.values((name,)).items for name in ("login", "entity", "granted")] == [(), (), ()]


@pytest.mark.parametrize("record", [{}, {"type": "response"}, {"request": {}}, {"type": "x", "requests": {}}])
def test_another_record_is_refused(record: dict[str, Any]) -> None:
    """What lacks an entry's keys is no entry, be it JSON."""
    with pytest.raises(Unreadable, match="unknown shape"):
        VaultAudit().read(json.dumps(record).encode())


@pytest.mark.parametrize("key", ["auth", "request", "response", "error", "time", "type"])
@pytest.mark.parametrize("odd", [None, 5, "text", [], {}, {"auth": 5, "data": 5, "namespace": 5, "path": []}, [[]]])
def test_an_oddly_typed_field_costs_nothing_else(key: str, odd: object) -> None:
    """Whatever type a field has, the entry is read and every field can be asked for."""
    raw = line(vault() | {key: odd})
    event = VaultAudit().read(raw)
    assert event.raw == raw
    assert all(isinstance(event.values((name,)).items, tuple) for name in VaultAudit.schema.fields)


@pytest.mark.parametrize(
    "text",
    [
        '{"long": "' + "x" * 5_000_000 + '"}',
        '{"' + "k" * 5_000_000 + '": 1}',
        '{"deep": ' + "[" * 5000 + "]" * 5000 + "}",
    ],
)
@pytest.mark.parametrize("place", ["request", "response"])
def test_what_a_client_sends_hides_no_record(text: str, place: str) -> None:
    """Key names and lists are in clear and may be of any length and depth; who did what stands beside them."""
    record = vault("a", "response")
    record["response"] = {"auth": {"policies": ["root"]}}
    record[place]["data"] = "DATA"
    event = VaultAudit().read(line(record).replace(b'"DATA"', text.encode()))
    whole = VaultAudit().read(line(record | {place: {key: v for key, v in record[place].items() if key != "data"}}))
    assert event.act == whole.act == "a"
    for name in ("path", "address", "actor", "outcome", "granted"):
        assert event.values((name,)) == whole.values((name,))
    seen = "deep" in text
    assert event.complete((place, "data", "options")) is seen
    assert event.complete(("keys",)) is (seen or place == "response")
    assert event.complete(("request", "operation"))
