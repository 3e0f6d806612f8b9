"""Base URLs, bodies, and whose fault it is that none came."""

from __future__ import annotations

import ssl

import pytest

from vedette.clients.base import NoAnswer
from vedette.clients.reading import base_url, fault_here, json_body


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("https://vault.example.org:8200", "https://vault.example.org:8200"),
        ("https://vault.example.org/", "https://vault.example.org"),
        ("http://[::1]:8200//", "http://[::1]:8200"),
        ("https://proxy.example.org/vault/", "https://proxy.example.org/vault"),
    ],
)
def test_a_base_url_ends_without_a_slash(address: str, base: str) -> None:
    """A path is kept."""
    assert base_url(address) == base


@pytest.mark.parametrize(
    ("body", "value"),
    [(b'{"a": [1]}', {"a": [1]}), (b"null", None), (b"", None), (b"{", None), (b"\xff", None), (b"[" * 99_999, None)],
)
def test_a_body_that_is_no_json_is_none(body: bytes, value: object) -> None:
    """However it is broken."""
    assert json_body(body) == value


@pytest.mark.parametrize(
    ("reason", "cause", "here"),
    [
        ("TLS: the certificate cannot be verified", None, True),
        ("TLS: handshake failed", None, True),
        ("TLS: handshake failed", Exception(ssl.SSLEOFError(8, "EOF")), False),
        ("No such file or directory", FileNotFoundError(2, "No such file or directory", "/ca.pem"), True),
        ("Network is unreachable", OSError(101, "Network is unreachable"), False),
        ("no answer in time", Exception(), False),
    ],
)
def test_certificates_and_files_are_faults_here(reason: str, cause: Exception | None, here: bool) -> None:
    """Everything else is the far end's, or the way's."""
    error = NoAnswer(reason)
    error.__cause__ = cause
    assert fault_here(error) is here
