"""Types and keys: what is written where it cannot be read is named, with its place and what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vedette.problem import Problem

Against = Callable[[str], list[Problem]]


@pytest.mark.parametrize(
    ("text", "place", "message", "mend"),
    [
        ("ownr: me", (1, 1), "unknown key 'ownr' in the settings", "did you mean owner?"),
        ("vault:\n  terrafrom: {}", (2, 3), "unknown key 'terrafrom' in vault", "did you mean terraform?"),
        ("terraform: {}", (1, 1), "unknown key 'terraform' in the settings", "it belongs under vault"),
        ("audit_flags: []", (1, 1), "unknown key 'audit_flags' in the settings", "it belongs under sources.kube_audit"),
        (
            "sources: {zeek: {}}",
            (1, 11),
            "unknown key 'zeek' in sources",
            "known here: kube_audit, sshd, files, journald, webhook, loki, vault, kube, hashes",
        ),
        ("- a", (1, 1), "the settings must be a map, not a list", "its keys: networks, "),
        ("networks: [10.0.0.0/8]", (1, 11), "networks must be a map, not a list", ""),
        ("networks: {lan: [7]}", (1, 18), "networks.lan[0] must be a text, not the number 7", "quote it"),
        ("networks: {lan: {a: b}}", (1, 17), "networks.lan must be a list of texts, not a map", "begin each"),
        ("owner: 5", (1, 8), "owner must be a map, not the number 5", "its keys: name, "),
        ("owner: {name: true}", (1, 15), "owner.name must be a text, not the word true", "quote it"),
        ("automation: {actor: x}", (1, 13), "automation must be a list of entries, not a map", "begin each entry"),
        ("automation: [x]", (1, 14), "automation[0] must be a map, not a text", "its keys: actor, rule"),
        ("automation: [null]", (1, 14), "automation[0] must be a map, not nothing", "its keys: actor, rule"),
        (
            "automation: [{actor: x, rule: K3, reason: y, scope: clustr}]",
            (1, 53),
            "unknown scope 'clustr'",
            "did you mean cluster?",
        ),
        (
            "automation: [{actor: x, rule: K3, reason: y, scope: kube-system}]",
            (1, 53),
            "unknown scope 'kube-system'",
            "one of any, cluster, named, or a list: [kube-system]",
        ),
        (
            "automation: [{actor: x, rule: K3, off: 1, reason: y}]",
            (1, 40),
            "automation[0].off must be true or false, not the number 1",
            "",
        ),
    ],
)
def test_what_cannot_be_read_is_named(
    errors: Against, text: str, place: tuple[int, int], message: str, mend: str
) -> None:
    """Each thing of the wrong name or type gives its place, what it is, and what to write."""
    (problem, *_) = errors(text)
    assert (problem.file, problem.line, problem.column) == ("vedette.yaml", *place)
    assert problem.message == message
    assert problem.mend.startswith(mend)
    assert bool(problem.mend) == bool(mend)


@pytest.mark.parametrize("key", ["actor", "rule", "reason"])
@pytest.mark.parametrize("blank", [None, "", " ", []])
def test_automation_needs_who_what_and_why(errors: Against, key: str, blank: object) -> None:
    """An entry without actor, rule or reason, or with a blank one, is refused by that name."""
    entry = {"actor": "x", "rule": "K3", "reason": "y"}
    written = {**entry, key: blank} if blank is not None else {k: v for k, v in entry.items() if k != key}
    said = [problem.message for problem in errors(f"automation: [{written}]")]
    expected = "automation[0].reason must be a text, not a list" if (key, blank) == ("reason", []) else ""
    assert said == [expected or f"automation[0] has no {key}"]


@pytest.mark.parametrize("key", ["rule", "match", "reason", "owner", "expires"])
def test_an_exception_needs_all_its_keys(errors: Against, key: str) -> None:
    """An exception without reason, owner, end, rule or match is refused by that name."""
    entry = {"rule": "K3", "match": "{verb: get}", "reason": "r", "owner": "o", "expires": "2027-01-01"}
    written = ", ".join(f"{name}: {value}" for name, value in entry.items() if name != key)
    (problem,) = errors(f"exceptions: [{{{written}}}]")
    assert problem.message == f"exceptions[0] has no {key}"


def test_a_misspelt_key_is_not_also_missing(errors: Against) -> None:
    """Where the nearest key is the one that is missing, one problem says both."""
    assert [p.message for p in errors("automation: [{actr: x, rule: K3, reason: y}]")] == [
        "unknown key 'actr' in automation[0]"
    ]


def test_every_problem_is_said_in_one_go(errors: Against) -> None:
    """One reading names all problems of all kinds, in the order of the file."""
    text = "ownr: x\nnetworks: {lan: [10.0.20.5/22, host.example]}\nautomation:\n  - {actor: '*', rule: K77}\n"
    found = errors(text)
    assert [(problem.line, problem.column) for problem in found] == [(1, 1), (2, 18), (2, 32), (4, 5), (4, 13), (4, 24)]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "networks:\nautomation:\nowner:\n", "{}"])
def test_empty_keys_say_nothing(errors: Against, text: str) -> None:
    """An empty file and keys whose entries are all commented out are right."""
    assert errors(text) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("owner: a\nowner: b\n", "the key 'owner' stands twice (first on line 1)"),
        ("owner: [\n", "not YAML"),
        ("owner: a\n---\nowner: b\n", "a second document begins here; the settings are one"),
        ("a: &a [1,2]\nb: [*a, *c]\n", "the alias *c names no finished anchor before it"),
    ],
)
def test_what_is_no_yaml_is_refused(errors: Against, text: str, message: str) -> None:
    """Duplicate keys, broken YAML and a second document are refused with their place."""
    (problem,) = errors(text)
    assert problem.message.startswith(message)
    assert problem.line > 0
