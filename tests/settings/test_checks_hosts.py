"""Hosts to act on: what ssh, a shell or nobody could mean is said with its place and the mend."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vedette.problem import Problem
from vedette.settings import Settings

Against = Callable[[str], list[Problem]]


def _host(entry: str) -> str:
    return f"actions: {{hosts: [{{name: a, destination: 'me@a'{entry}}}]}}"


@pytest.mark.parametrize(
    ("text", "message", "mend"),
    [
        ("actions: {hosts: [{name: a}]}", "actions.hosts[0] has no destination", "As ssh takes it"),
        ("actions: {hosts: [{destination: a}]}", "actions.hosts[0] has no name", "host="),
        ("actions: {hosts: [{name: a, destination: '-oX=y'}]}", "'-oX=y' is no destination of ssh", "no dash"),
        ("actions: {hosts: [{name: a, destination: 'a b'}]}", "'a b' is no destination of ssh", "user@host"),
        (
            "actions: {hosts: [{name: a, destination: b}, {name: a, destination: c}]}",
            "two hosts are called 'a'",
            "call one otherwise",
        ),
        (_host(", program: vedette-host"), "'vedette-host' is no whole path", "/usr/local/sbin/vedette-host"),
        (_host(", program: '/x; id'"), "'/x; id' is no whole path", "/usr/local/sbin/vedette-host"),
        (_host(", files: [etc/passwd]"), "'etc/passwd' is no whole path", "begin it with /"),
        (_host(', files: ["/a\\nb"]'), "'/a\\nb' is no whole path", "begin it with /"),
        (_host(", identity_file: ~/.ssh/x"), "'~/.ssh/x' is taken as it stands", ""),
        (_host(", sudo: 'yes'"), "must be true or false", ""),
    ],
)
def test_what_cannot_be(errors: Against, text: str, message: str, mend: str) -> None:
    """One error, at the entry's own line."""
    (problem,) = errors(text)
    assert message in problem.message
    assert mend in problem.mend


def test_what_is_right(load: Callable[[str], Settings]) -> None:
    """All keys of a host."""
    more = ", sudo: true, program: /usr/local/sbin/vedette-host, files: /etc/passwd, identity_file: /k, config_file: /c"
    (host,) = load(_host(more)).actions.hosts
    assert (host.sudo, host.files, host.destination) == (True, ("/etc/passwd",), "me@a")
