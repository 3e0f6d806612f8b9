"""The draft as a file: it loads, untouched and with every proposal made, whoever wrote the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.event import Event, Outcome
from vedette.survey import Survey
from vedette.survey.tables import ROWS

from .records import accepted, checked, drafted, known, kube, loaded, login, vault

HOSTILE = [
    "x\nowner: eve\nnetworks: {lan: [0.0.0.0/0]}",
    'x"}\nautomation:\n- {actor: "*", rule: K3, reason: "',
    "x # y",
    "#- {actor: eve}",
    "'",
    '"',
    "}, {actor: eve",
    "\u2028owner: eve",
    "\x85owner: eve",
    "\x1b[2J\x1b]0;pwned\x07",
    "\u202eevil",
    "*",
    "system:*",
    "?",
    "",
    " ",
    "null",
    "yes",
    "- a",
    ": b",
    "%x%",
    "&a",
    "!!python/object:os.system",
    "\ud800",
    "a" * 300,
]


def everything_by(name: str) -> list[Event]:
    """Events of each format in which every free text is `name`."""
    account = f"system:serviceaccount:{name}"
    extras: tuple[dict[str, Any], ...] = ({}, {"impersonatedUser": {"username": name}}, {})
    events = [
        kube(user, verb, where, second=second, sourceIPs=["10.0.20.10", "10.0.20.11"], **more)
        for user in (name, account, f"system:node:{name}")
        for second, verb, where in (
            (1, "list", "/secrets"),
            (2, "get", "vault/secrets/x"),
            (3, "create", "kube-system/pods/x/exec"),
            (4, "deletecollection", "a/pods"),
            (5, "get", "web/secrets/x"),
        )
        for more in extras
    ]
    placed = Event(
        "kube_audit",
        b"",
        1,
        "act",
        True,
        Outcome.DONE,
        {
            "user": {"username": account},
            "sourceIPs": ["10.0.20.10"],
            "verb": name,
            "objectRef": {"resource": "secrets", "namespace": name},
            "auditFlags": [f"--audit-{name}"],
        },
    )
    return [
        *events,
        placed,
        vault(f"userpass-{name}", "update", f"sys/policies/acl/{name}", entity_id=name),
        vault(name, "update", "sys/policies/acl/x", token_policies=[name], metadata={"role": name}),
        vault("x", "update", f"auth/token/create/{name}", granted=[name]),
        login(name, "10.0.20.10"),
        login("root", name),
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_leaves_neither_comment_nor_quotes(name: str) -> None:
    """Whatever a name holds, the draft trusts nobody, and with every proposal made nobody but that very name."""
    text = drafted(everything_by(name))
    untouched = loaded(text)
    assert untouched.networks == {"loopback": ("127.0.0.0/8", "::1/128")}
    assert untouched.owner.name == ""
    assert len(untouched.automation) == len(loaded("").automation)
    made = loaded(accepted(text))
    name = name.replace("\ud800", "\ufffd")  # YAML cannot hold a lone surrogate
    assert made.owner.name in ("", name)
    entries = made.automation[len(untouched.automation) :]
    assert {actor for entry in entries for actor in entry.actor} <= {f"system:serviceaccount:{name}"}
    assert set(made.networks) <= {"loopback", "nodes", "pods", "lan", "tailnet", "remote"}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_cannot_write_to_the_terminal(name: str) -> None:
    """The draft is printable ASCII and ordinary letters, line by line."""
    text = drafted(everything_by(name))
    assert all(line.isprintable() for line in text.split("\n"))


@given(st.text(max_size=30))
def test_any_name_gives_a_draft_that_loads(name: str) -> None:
    """For any text at all the draft loads, untouched and with every proposal made."""
    text = drafted(everything_by(name))
    assert loaded(text).owner.name == ""
    assert loaded(accepted(text)).owner.name in ("", name)


@pytest.mark.parametrize("name", ["*", "system:*", "a?", "system:serviceaccount:*:x"])
def test_a_star_in_a_name_is_never_proposed(name: str) -> None:
    """A name that a settings file would read as a pattern is shown, not proposed."""
    made = loaded(accepted(drafted(everything_by(name))))
    assert made.automation == loaded("").automation
    assert made.trusted_proxies == ()
    assert made.owner.name == ""


def test_memory_is_bounded_and_the_draft_says_so() -> None:
    """Names beyond the limit are counted, not kept, and the draft says how many events that are."""
    survey = Survey()
    for index in range(ROWS + 50):
        survey.add(login(f"user-{index}", "10.0.20.10"))
    assert len(survey.sshd.logins) == ROWS
    text = survey.render(known(), [])
    assert "# Each table keeps 10,000 names; 50 events of further names are not in it." in text
    assert len(text.splitlines()) < 60


def test_the_head_says_what_was_read() -> None:
    """Events by format, their days and the files stand in the first lines."""
    head = checked([kube("me", "get", "a/pods/b"), login("me", "10.0.20.10")]).splitlines()[:2]
    assert head[0] == "# vedette.yaml, begun by `vedette init` from 2 events (1 kube_audit, 1 sshd)"
    assert head[1] == "# of 2026-11-18 to 2026-11-23, in: audit.log"


def test_the_records_of_one_request_count_once() -> None:
    """ResponseStarted and ResponseComplete of a watch are one act; RequestReceived is none."""
    stages = [
        kube("me", "watch", "vault/secrets", auditID="same", stage=stage)
        for stage in ("RequestReceived", "ResponseStarted", "ResponseComplete")
    ]
    assert "#   me: 1 time in vault (watch)" in checked(stages)


def test_nothing_is_in_force_but_loopback() -> None:
    """Every line that is not a comment is loopback, or a key with nothing beneath it."""
    lines = checked(everything_by("x")).splitlines()
    in_force = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    assert in_force == [
        "networks:",
        '  loopback: [127.0.0.0/8, "::1/128"]',
        "sensitive_namespaces:",
        "automation:",
        "trusted_proxies:",
        "vault:",
    ]


def test_a_section_without_findings_is_left_out() -> None:
    """Logs without Vault, deletes or proxies give a draft without these keys."""
    text = checked([login("me", "10.0.20.10")])
    assert [line for line in text.splitlines() if line.endswith(":")] == ["networks:"]


@pytest.mark.parametrize(
    "name", ["kube-audit.policy-full.jsonl", "kube-audit.policy-seed.jsonl", "vault-audit.hmac.jsonl"]
)
def test_drafts_of_real_logs_load(shared: Path, name: str) -> None:
    """The drafts of recordings load, untouched and with every proposal made."""
    from vedette import app

    text = checked(app.events([str(shared / "parts" / "samples" / name)]))
    assert "#owner: {" in text


def test_oddly_typed_policies_are_counted_too() -> None:
    """A list of policies may hold anything; what is no text is as good as its text."""
    odd = [{"a": 1}, None, ["b"], 5]
    event = vault("ci", "update", "auth/token/create/role", policies=odd, granted=[*odd, "admin"])
    assert loaded(accepted(drafted([event]))).vault.token_roles == ("role",)
