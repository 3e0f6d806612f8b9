"""What a filter of a Vault audit device lets pass, held against go-bexpr, which Vault asks."""

from __future__ import annotations

import random

import pytest
from oracles import audit_filter as oracle

from vedette.proof.audit_filter import FIELDS, BadFilter, read_filter

LOGIN = {
    "mount_point": "auth/userpass/",
    "mount_type": "userpass",
    "namespace": "",
    "operation": "update",
    "path": "auth/userpass/login/eve",
}
READ = {"mount_point": "kv/", "mount_type": "kv", "namespace": "team/", "operation": "read", "path": "kv/data/app"}
NOWHERE = dict.fromkeys(FIELDS, "")
ASKED = [LOGIN, READ, NOWHERE, READ | {"path": "sys/audit/file", "mount_type": "system", "mount_point": "sys/"}]
DOCUMENTED = [
    "mount_type == kv",
    'mount_type == "kv"',
    "operation == update and mount_type != kv",
    'mount_point == "auth/userpass/"',
    'path contains "sys/audit"',
    '"sys/" in path',
    'namespace is empty or namespace == "team/"',
    "not mount_type == kv",
    "not not (mount_type == kv)",
    "path matches `^auth/.*/login`",
    "( mount_type == kv and ( operation == read or operation == list ) )",
    'path not contains "login"',
    'path not matches "^sys/"',
    '"login" not in path',
    "mount_type is not empty",
    '"/path" == "kv/data/app"',
    'path == ""',
    'path == "/kv"',
    "path == kv/data/app",
]
BROKEN = [
    "",
    "  ",
    "mount_type = kv",
    "mount_type == kv and",
    "not(mount_type == kv)",
    "bogus == 1",
    "mount_type == kv-v2",
    "(mount_type == kv",
    "path matches `(`",
    "path",
    "true",
]


def ours(text: str) -> list[bool] | str:
    """Which of ASKED pass, or why the filter cannot be read."""
    try:
        passes = read_filter(text)
    except BadFilter as error:
        return str(error)
    return [passes(one) for one in ASKED]


def theirs(texts: list[str]) -> list[list[bool] | None]:
    """The same by go-bexpr; None where it refuses."""
    binary = oracle.program()
    if binary is None:
        pytest.skip(f"no {oracle.NAME} (make lab builds it)")
    found = oracle.answers(binary, [(text, ASKED) for text in texts])
    return [None if one.get("error") else one["passes"] for one in found]


def test_documented_filters_are_read_as_vault_reads_them() -> None:
    """Every operator and form of value."""
    assert theirs(DOCUMENTED) == [ours(text) for text in DOCUMENTED]


def test_what_vault_refuses_is_refused() -> None:
    """Never taken for a filter that lets all pass."""
    assert theirs(BROKEN) == [None] * len(BROKEN)
    assert all(isinstance(ours(text), str) for text in BROKEN)


def test_a_field_that_is_none_is_named() -> None:
    """The reason tells what is wrong."""
    with pytest.raises(BadFilter, match="bogus is none of mount_point"):
        read_filter("bogus == 1")
    with pytest.raises(BadFilter, match="from character 22 on"):
        read_filter("mount_type == kv and bad = 1")


@pytest.mark.parametrize("seed", range(4))
def test_generated_filters_are_read_as_vault_reads_them(seed: int) -> None:
    """Right ones and spoilt ones; where one cannot be read here that Vault reads, that is said and no guess is made."""
    rng = random.Random(seed)
    texts = [_spoilt(rng, _expression(rng, 3)) for _ in range(2_000)]
    read = refused = 0
    for text, their in zip(texts, theirs(texts), strict=True):
        our = ours(text)
        if isinstance(our, str):
            refused += 1
            # Vault comes upon a wrong field or pattern only where the left side does not decide on an empty request.
            assert their is None or any(one in our for one in ("is none of", "no RE2", "backslash")), text
        else:
            read += 1
            assert our == their, text
    assert read > 800
    assert refused > 100


def _expression(rng: random.Random, depth: int) -> str:
    kind = rng.randrange(6) if depth else 5
    if kind < 2:
        word = rng.choice(["and", "or"])
        return f"{_expression(rng, depth - 1)} {word} {_expression(rng, depth - 1)}"
    if kind == 2:
        return f"not {_expression(rng, depth - 1)}"
    if kind == 3:
        return f"({rng.choice(['', ' '])}{_expression(rng, depth - 1)})"
    field = rng.choice([*FIELDS, f'"/{rng.choice(FIELDS)}"'])
    value = rng.choice(
        [
            "kv",
            '"kv"',
            "`kv/`",
            '"/sys/audit"',
            '""',
            "read",
            "12",
            "-1.5",
            '"auth/"',
            "auth/userpass",
            "`^auth/[a-z]+`",
        ]
    )
    return rng.choice(
        [
            f"{field} == {value}",
            f"{field}=={value}",
            f"{field} != {value}",
            f"{field} contains {value}",
            f"{field} not contains {value}",
            f"{value} in {field}",
            f"{value} not in {field}",
            f"{field} is empty",
            f"{field} is not empty",
            f"{field} matches {value}",
            f"{field} not matches {value}",
        ]
    )


def _spoilt(rng: random.Random, text: str) -> str:
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        place = rng.randrange(len(text) + 1)
        cut = rng.choice([0, 1])
        text = text[:place] + rng.choice(["", " ", "(", ")", '"', "/", "not ", "x", "."]) + text[place + cut :]
    return text
