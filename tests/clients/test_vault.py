"""What the Vault client makes of answers that a well Vault does not give; those that it gives: tests/real."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.answers import answering
from vedette.clients.base import BadSecret
from vedette.clients.vault import Vault, VaultRefused

NOT_VAULT = [b"", b"<html>", b"[]", b"null", b"{", b"[" * 100_000, b"\xff\xfe", b'"sealed"']


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    """A token that must be in no message."""
    (tmp_path / "token").write_text("hvs.CANARY\n")
    return str(tmp_path / "token")


@pytest.mark.parametrize("body", NOT_VAULT)
def test_what_is_no_vault_is_said(body: bytes) -> None:
    """A page of something else is no seal state."""
    with answering(lambda _: (200, body)) as (url, _), pytest.raises(VaultRefused, match="no Vault") as error:
        Vault(url).seal_status()
    assert error.value.status == 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            b'{"errors": ["1 error occurred:\\n\\t* permission denied\\n\\n"]}',
            "HTTP 403: 1 error occurred: * permission denied",
        ),
        (b'{"errors": "x"}', "HTTP 403"),
        (b'{"errors": []}', "HTTP 403"),
        (b"<html>", "HTTP 403"),
        (b'{"errors": ["' + b"x" * 9999 + b'"]}', "HTTP 403: " + "x" * 200),
    ],
)
def test_a_refusal_has_the_servers_words(body: bytes, reason: str, token_file: str) -> None:
    """On one line, cut short, without the token."""
    with answering(lambda _: (403, body)) as (url, _), pytest.raises(VaultRefused) as error:
        Vault(url, token_file=token_file).audit_devices()
    assert str(error.value) == reason


@pytest.mark.parametrize("body", [b"{}", b'{"data": null}', b'{"data": []}'])
def test_an_answer_without_data_is_no_empty_list(body: bytes, token_file: str) -> None:
    """Else all audit devices would seem gone."""
    with answering(lambda _: (200, body)) as (url, _), pytest.raises(VaultRefused, match="no data"):
        Vault(url, token_file=token_file).audit_devices()


def test_a_redirect_is_not_followed(token_file: str) -> None:
    """A standby that names another node does not get the token sent there."""
    with answering(lambda _: (307, b"")) as (url, asked):
        with pytest.raises(VaultRefused, match="HTTP 307"):
            Vault(url, token_file=token_file).audit_devices()
        assert asked == ["/v1/sys/audit"]


def test_a_token_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Before anything is asked."""
    with answering(lambda _: (200, b"{}")) as (url, asked):
        with pytest.raises(BadSecret, match="No such file"):
            Vault(url, token_file=str(tmp_path / "none")).policy_names()
        assert asked == []


def test_a_name_cannot_leave_its_path(token_file: str) -> None:
    """What is in a policy's name is escaped."""
    with answering(lambda _: (200, b'{"data": {"policy": "x"}}')) as (url, asked):
        assert Vault(url, token_file=token_file).policy("../../secret/data/x?a#b") == "x"
        assert asked == ["/v1/sys/policies/acl/..%2F..%2Fsecret%2Fdata%2Fx%3Fa%23b"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "vault:8200",
        "ftp://vault",
        "https://",
        "https://u:CANARY@vault",
        "https://vault?token=CANARY",
        "https://v#x",
    ],
)
def test_an_address_is_a_plain_url(address: str) -> None:
    """It stands in alerts; what may be a secret in it is refused, and not repeated."""
    with pytest.raises(ValueError, match="URL") as error:
        Vault(address)
    assert "CANARY" not in str(error.value)
