"""sshd's messages, and user names made to look like them."""

from __future__ import annotations

import pytest

from vedette.formats.sshd_message import OTHER, Message, parse

_V6 = "2001:db8::7"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Accepted password for alice from 192.0.2.7 port 22 ssh2",
            Message("accepted", "password", "alice", "192.0.2.7", 22),
        ),
        (
            "Accepted publickey for alice from 192.0.2.7 port 22 ssh2: ED25519 SHA256:abc+/=",
            Message("accepted", "publickey", "alice", "192.0.2.7", 22, "ED25519 SHA256:abc+/="),
        ),
        (
            "Accepted publickey for alice from 192.0.2.7 port 22 ssh2: RSA 00:aa:bb:cc",
            Message("accepted", "publickey", "alice", "192.0.2.7", 22, "RSA 00:aa:bb:cc"),
        ),
        (
            "Accepted keyboard-interactive/pam for alice from 192.0.2.7 port 22 ssh2",
            Message("accepted", "keyboard-interactive/pam", "alice", "192.0.2.7", 22),
        ),
        (
            "Accepted gssapi-with-mic for alice from 192.0.2.7 port 22 ssh2: alice@EXAMPLE.ORG",
            Message("accepted", "gssapi-with-mic", "alice", "192.0.2.7", 22, "alice@EXAMPLE.ORG"),
        ),
        ("Accepted none for alice from 192.0.2.7 port 22 ssh2", Message("accepted", "none", "alice", "192.0.2.7", 22)),
        ("Accepted google_authenticator for root", Message("accepted", "google_authenticator", "root")),
        (f"Accepted password for alice from {_V6} port 22  ssh2", Message("accepted", "password", "alice", _V6, 22)),
        (
            "Accepted password for alice from host.example port 22",
            Message("accepted", "password", "alice", "host.example", 22),
        ),
        (
            " Accepted password for alice from 192.0.2.7 port 22 ssh2 ",
            Message("accepted", "password", "alice", "192.0.2.7", 22),
        ),
        ("Accepted password for alice from 192.0.2.7", Message("accepted", "password", "alice", "192.0.2.7")),
        (
            "Accepted password for alice from 192.0.2.7 port 123456 ssh2",
            Message("accepted", "password", "alice", "192.0.2.7"),
        ),
        (
            "Failed password for invalid user bob from 192.0.2.7 port 22 ssh2",
            Message("failed", "password", "bob", "192.0.2.7", 22),
        ),
        ("Failed none for illegal user  from 192.0.2.7 port 22 ssh2", Message("failed", "none", "", "192.0.2.7", 22)),
        ("Invalid user bob from 192.0.2.7", Message("invalid_user", None, "bob", "192.0.2.7")),
        ("Invalid user  from 192.0.2.7 port 22", Message("invalid_user", None, "", "192.0.2.7", 22)),
        (
            "error: PAM: Authentication failure for bob from 192.0.2.7 via 192.0.2.1",
            Message("failed", None, "bob", "192.0.2.7"),
        ),
        (
            "User bob from 192.0.2.7 not allowed because not listed in AllowUsers",
            Message("failed", None, "bob", "192.0.2.7"),
        ),
        ("Connection closed by 192.0.2.7 port 22 [preauth]", Message("disconnected", None, None, "192.0.2.7", 22)),
        ("Connection closed by 192.0.2.7 [preauth]", Message("disconnected", None, None, "192.0.2.7")),
        (
            "Connection closed by invalid user bob 192.0.2.7 port 22 [preauth]",
            Message("disconnected", None, "bob", "192.0.2.7", 22),
        ),
        (
            "Disconnected from authenticating user bob 192.0.2.7 port 22 [preauth]",
            Message("disconnected", None, "bob", "192.0.2.7", 22),
        ),
        ("Disconnected from user bob 192.0.2.7 port 22", Message("disconnected", None, "bob", "192.0.2.7", 22)),
        (f"Received disconnect from {_V6}: 11: Bye Bye", Message("disconnected", None, None, _V6)),
        (
            "Received disconnect from 192.0.2.7 port 22:11: Bye [preauth]",
            Message("disconnected", None, None, "192.0.2.7", 22),
        ),
        (
            "message repeated 3 times: [ Failed password for bob from 192.0.2.7 port 22 ssh2]",
            Message("failed", "password", "bob", "192.0.2.7", 22),
        ),
        (
            "message repeated 2 times: [ Accepted password for bob from 192.0.2.7 port 22 ssh2 ]",
            Message("accepted", "password", "bob", "192.0.2.7", 22),
        ),
        (
            "[ID 800047 auth.info] Accepted none for bob from 192.0.2.7 port 22 ssh2",
            Message("accepted", "none", "bob", "192.0.2.7", 22),
        ),
    ],
)
def test_a_message_is_taken_apart(text: str, expected: Message) -> None:
    """Every method, address and key that sshd has been seen to write."""
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Server listening on 0.0.0.0 port 22.",
        "Accepted key ED25519 SHA256:abc found at /root/.ssh/authorized_keys:2",
        "Accepted",
        "Accepted password",
        "accepted password for alice from 192.0.2.7 port 22 ssh2",
        "x Accepted password for alice from 192.0.2.7 port 22 ssh2",
        "pam_unix(sshd:session): session opened for user alice by (uid=0)",
        "Connection from 192.0.2.7 port 22 on 192.0.2.1 port 22",
        "message repeated 3 times: [ Server listening on :: port 22.]",
        "message repeated 3 times: Accepted password for alice from 192.0.2.7 port 22 ssh2",
        "error: kex_exchange_identification: banner line contains invalid characters",
        "Starting session: command for alice from 192.0.2.7 port 22 id 0",
    ],
)
def test_other_messages_say_nothing_of_a_login(text: str) -> None:
    """What only holds the words, or is of another kind, is nobody's login."""
    assert parse(text) == OTHER


@pytest.mark.parametrize(
    "user",
    [
        "root from 10.0.0.1 port 1 ssh2",
        "root from 10.0.0.1 port 1 ssh2: RSA SHA256:abc",
        "Accepted password for root from 10.0.0.1 port 1 ssh2",
        "a b c",
        "invalid user root",
        "root from",
        "from 10.0.0.1 port 1",
        "x\ny",
        " ",
        "Accepted",
        "[preauth]",
        "é😀",
    ],
)
@pytest.mark.parametrize("method", ["password", "none"])
def test_a_user_name_moves_no_address(user: str, method: str) -> None:
    """Whatever a client calls itself, the address that counts is the one sshd wrote behind it."""
    for begin, event in (("Failed", "failed"), ("Accepted", "accepted")):
        said = parse(f"{begin} {method} for {user} from 198.51.100.7 port 4022 ssh2")
        assert (said.event, said.address, said.port) == (event, "198.51.100.7", 4022)
    said = parse(f"Invalid user {user} from 198.51.100.7 port 4022")
    assert (said.event, said.user, said.address) == ("invalid_user", user, "198.51.100.7")


@pytest.mark.parametrize(
    "key",
    [
        "RSA-CERT SHA256:abc ID root from 10.0.0.1 port 1 ssh2 (serial 7) CA ED25519 SHA256:def",
        'RSA SHA256:abc, client user "root from 10.0.0.1 port 1 ssh2", client host "trusted.example"',
        'RSA 2f:aa, client user "x from 10.0.0.1 port 1", client host "h"',
    ],
)
def test_what_follows_the_port_moves_no_address(key: str) -> None:
    """A certificate's id and a host's word on its user are others' texts too."""
    said = parse(f"Accepted publickey for alice from 198.51.100.7 port 4022 ssh2: {key}")
    assert said == Message("accepted", "publickey", "alice", "198.51.100.7", 4022, key)


def test_a_long_message_costs_no_time() -> None:
    """A message of many ` from ` is decided at once; the test would not end otherwise."""
    said = parse("Failed password for " + "x from 1 port 1 " * 5000 + "from 198.51.100.7 port 4022 ssh2")
    assert said.address == "198.51.100.7"
    assert parse("Accepted password for " + " from a" * 20_000 + " ").address == "a"
    assert parse("User " + " from a" * 20_000) == OTHER


@pytest.mark.parametrize("end", ["", " port 22 ssh2", " port 22 ssh2: RSA SHA256:x", ' port 22 ssh2", client host "h'])
@pytest.mark.parametrize("key", ["RSA-CERT SHA256:x ID ", 'RSA SHA256:x, client user "', ""])
def test_what_follows_the_port_of_a_login_does_not_move_it(key: str, end: str) -> None:
    """sshd cuts its messages; a certificate's id or a principal that lost its end names no address."""
    said = parse(f"Accepted publickey for root from 203.0.113.9 port 22 ssh2: {key}{'x' * 900} from 10.0.0.1{end}")
    assert (said.event, said.user, said.address) == ("accepted", "root", "203.0.113.9")


def test_a_repeated_message_that_lost_its_end_counts() -> None:
    """The bracket is the first thing to be cut."""
    said = parse("message repeated 2 times: [ Accepted password for alice from 192.0.2.7 port 22 ssh2")
    assert (said.event, said.address) == ("accepted", "192.0.2.7")


def test_a_message_without_end_takes_no_time() -> None:
    """A line of megabytes, made of what the patterns look for; a pattern that tries all ways would take hours."""
    piece = '(serial 0) CA x y, client user "a" client host "b" from c port 1: '
    said = parse("Accepted publickey for root from 203.0.113.9 port 22 ssh2: RSA SHA256:a ID " + piece * 50_000)
    assert said.address == "203.0.113.9"
