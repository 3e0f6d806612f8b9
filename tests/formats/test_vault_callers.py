"""What tells a login from a write to something called login, an error from an answer, and a policy from `default`."""

from __future__ import annotations

import json
from typing import Any

from vedette.event import Event, Outcome
from vedette.formats.vault_audit import VaultAudit

_CALLER = {"accessor": "hmac-sha256:a", "display_name": "root", "policies": ["root"]}
_NEW = {"accessor": "hmac-sha256:b", "display_name": "approle", "policies": ["default", "ops"]}


def _read(path: str, kind: str = "response", **parts: Any) -> Event:
    entry = {
        "time": "2026-11-23T06:33:52.5Z",
        "type": kind,
        "request": {"id": "1", "operation": "update", "path": path, "remote_address": "10.0.20.10"},
        **parts,
    }
    return VaultAudit().read(json.dumps(entry).encode())


def test_a_role_called_login_is_written_by_its_caller() -> None:
    """A write with a caller to auth/approle/role/login was done; it is no login that failed."""
    event = _read("auth/approle/role/login", auth=_CALLER, response={})
    assert (event.outcome, event.text("login"), event.complete(("login",))) == (Outcome.DONE, "", True)


def test_the_request_to_write_it_is_no_open_login() -> None:
    """The request entry of such a write leaves nothing open about a login."""
    event = _read("auth/userpass/users/login", "request", auth=_CALLER)
    assert (event.text("login"), event.complete(("login",))) == ("", True)


def test_a_login_without_caller_failed() -> None:
    """Nobody was let in and nobody called: a failed login, without any error in the entry."""
    event = _read("auth/approle/login", response={"data": {"error": "hmac-sha256:e"}})
    assert (event.outcome, event.text("login")) == (Outcome.FAILED, "failed")


def test_a_login_names_its_own_caller() -> None:
    """From 1.8 on the entry of a login that succeeded has the new token's auth at its top as well."""
    event = _read("auth/approle/login", auth=_NEW, response={"auth": _NEW})
    assert (event.outcome, event.text("login")) == (Outcome.DONE, "ok")


def test_a_wrapped_login_is_a_login() -> None:
    """The new token is in the wrapping, its auth at the top."""
    event = _read("auth/approle/login", auth=_NEW, response={"wrap_info": {"wrapped_accessor": "hmac-sha256:b"}})
    assert (event.outcome, event.text("login")) == (Outcome.DONE, "ok")


def test_an_answer_of_errors_is_a_failure() -> None:
    """A wrong share of the unseal key is answered with errors alone, and the entry has no error (seen on 1.21.4)."""
    event = _read("sys/generate-root/update", response={"data": {"errors": ["hmac-sha256:e"]}})
    assert event.outcome is Outcome.FAILED


def test_granted_leaves_default_out() -> None:
    """Vault adds default to a token unasked, so it is nothing that was granted."""
    event = _read("auth/token/create", auth=_CALLER, response={"auth": _NEW})
    assert event.values(("granted",)) == (("ops",), True)


def test_granted_is_unknown_where_the_answer_is() -> None:
    """What was granted cannot be told from a request alone, nor from a wrapped answer."""
    alone = _read("auth/token/create", "request", auth=_CALLER)
    wrapped = _read("auth/token/create", auth=_CALLER, response={"wrap_info": {"wrapped_accessor": "hmac-sha256:b"}})
    assert [event.values(("granted",)) for event in (alone, wrapped)] == [((), False), ((), False)]


def test_nothing_is_granted_by_other_answers() -> None:
    """An answer without auth grants nothing, and that is certain."""
    event = _read("secret/data/app", auth=_CALLER, response={"data": {}})
    assert event.values(("granted",)) == ((), True)
