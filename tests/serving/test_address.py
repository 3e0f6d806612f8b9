"""The host:port to listen on."""

from __future__ import annotations

import socket

import pytest

from vedette.serving.address import listeners, on_loopback, parsed


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9443", "127.0.0.1", 9443),
        ("[::1]:0", "::1", 0),
        ("localhost:1", "localhost", 1),
        (":8080", "", 8080),
    ],
)
def test_an_address_is_read(text: str, host: str, port: int) -> None:
    """Host and port are told apart, IPv6 in brackets."""
    assert parsed(text) == (host, port)


@pytest.mark.parametrize("text", ["", "127.0.0.1", "host:", "host:https", "host:70000", "host:-1", "host:+1", "host:²"])
def test_no_address_is_refused(text: str) -> None:
    """What has no port is refused, with the way to write it."""
    with pytest.raises(ValueError, match=r"write 127\.0\.0\.1:9443"):
        parsed(text)


def test_bare_ipv6_is_refused_with_the_brackets_it_needs() -> None:
    """An IPv6 address without brackets could end anywhere."""
    with pytest.raises(ValueError, match=r"write \[::1\]:9443"):
        parsed("::1:9443")


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        *[("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("LocalHost", True)],
        *[("0.0.0.0", False), ("", False), ("::", False), ("10.0.0.1", False), ("127.1", False)],
        ("localhost.example.org", False),
    ],
)
def test_loopback_is_told_apart(host: str, inside: bool) -> None:
    """Only what certainly stays on this machine is loopback."""
    assert on_loopback(host) is inside


def test_localhost_is_listened_on_under_one_port() -> None:
    """Every address of localhost that the machine has gets the same port."""
    found = listeners("localhost", 0)
    try:
        assert len({one.getsockname()[1] for one in found}) == 1
        families = {one.family for one in found}
        assert families <= {socket.AF_INET, socket.AF_INET6}
        assert socket.AF_INET in families
    finally:
        for one in found:
            one.close()


def test_an_address_that_is_not_here_is_an_error() -> None:
    """An address of another machine cannot be listened on."""
    with pytest.raises(OSError, match="assign"):
        listeners("192.0.2.1", 0)
